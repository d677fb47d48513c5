package signin

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"time"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
	"github.com/guildhall-id/guildhall/internal/platform/mail"
	"github.com/guildhall-id/guildhall/internal/platform/secret"
	"github.com/guildhall-id/guildhall/internal/session"
	"github.com/guildhall-id/guildhall/internal/user"
)

// The refusals of links.
var (
	ErrLinkInvalid   = fault.New(fault.Invalid, "INVALID_CODE", "This link has expired or was used already. Ask for a new one.")
	ErrLinkElsewhere = fault.New(fault.Invalid, "INVALID_STATE", "Open this link in the browser where you asked for it.")
)

// linkLife is how long a mailed link works.
const linkLife = 15 * time.Minute

// MagicLinkPath is the server's own page for mailed links.
const MagicLinkPath = "/verify-magic-link"

// offersLinks reports whether people may sign in by a mailed link.
func offersLinks(d *deployment.Deployment) bool {
	return d.Settings.Auth.FactorsEnabled.EmailMagicLink && d.Settings.Auth.MagicLink.Enabled
}

// sendLink mails a new link for an attempt, in place of an older one, which
// stays if the mail is held back.
func (s *Service) sendLink(ctx context.Context, tx *database.Tx, d *deployment.Deployment, a open, redirect string) (Prepared, error) {
	to := user.Email(a.signIn.Identifier)
	familiar, err := s.mayMail(ctx, tx, string(to), a.signIn)
	if err != nil {
		return Prepared{}, err
	}
	token := secret.Token()
	app := d.Settings.UI.AppName
	sent, err := s.send(ctx, tx, a.signIn.UserID != 0, mail.Message{
		Deployment: d.ID, Subject: int64(a.signIn.ID), To: string(to), Kind: "magic_link", Familiar: familiar,
		Content: mail.Content{
			AppName: app, Subject: "Your link to sign in to " + app, Heading: "Sign in to " + app,
			Paragraphs: []string{"Follow this link to sign in.", "It works for 15 minutes, once."},
			Action:     &mail.Action{Label: "Sign in", URL: linkURL(d, token, a.signIn.ID, redirect)},
			Footer:     "If you did not ask for this link, you can ignore this mail. Nobody can sign in without it.",
		},
	})
	if err == nil && sent {
		err = New(tx).PutLink(ctx, PutLinkParams{
			SigninAttemptID: a.signIn.ID, Hash: secret.Hash(token), Now: tx.Now, ExpiresAt: tx.Now.Add(linkLife),
		})
	}
	return Prepared{MaskedEmail: to.Masked()}, err
}

// linkURL is where a mailed link leads. redirect has been checked.
func linkURL(d *deployment.Deployment, token secret.String, attempt id.SignInAttempt, redirect string) string {
	return d.PageURL(d.Settings.UI.MagicLinkURL, MagicLinkPath, url.Values{
		"token": {token.Reveal()}, "attempt": {attempt.String()}, "redirect_uri": {redirect},
	})
}

type verifyMagicLinkInput struct {
	Token   string           `query:"token" required:"true" maxLength:"400"`
	Attempt id.SignInAttempt `query:"attempt"`
}

// verifyMagicLink signs in whoever opens a link: the browser that asked for it
// completes its attempt, any other one is signed in by itself, and the attempt
// of the first is over. A link that is refused stays unused.
func (s *Service) verifyMagicLink(ctx context.Context, in verifyMagicLinkInput) (view session.View, err error) {
	caller := access.CallerOf(ctx)
	d, err := s.deployments.Get(ctx, caller.Deployment)
	if err != nil {
		return session.View{}, err
	}
	if err := s.guess(caller); err != nil {
		return session.View{}, err
	}
	defer s.giveBack(caller, &err)
	if d.Settings.MaintenanceMode {
		return session.View{}, access.ErrMaintenance // a GET, but it signs in
	}
	if !offersLinks(d) {
		return session.View{}, ErrStrategy
	}
	var owner id.User
	view, err = s.enter(ctx, caller, d, func(tx *database.Tx, browser id.Session) (session.Including, error) {
		a, err := openLink(ctx, tx, d, in)
		if err != nil {
			return session.Including{}, err
		}
		owner = a.UserID
		if a.SessionID == browser {
			return s.finishSignIn(ctx, tx, caller, d, a)
		}
		if d.Settings.Auth.MagicLink.RequireSameDevice {
			return session.Including{}, ErrLinkElsewhere
		}
		return s.finishElsewhere(ctx, tx, caller, d, browser, a)
	})
	if errors.Is(err, ErrLinkInvalid) || errors.Is(err, ErrLinkElsewhere) {
		err = cmp.Or(s.noteRefusedLink(ctx, owner), err)
	}
	return view, err
}

// noteRefusedLink writes down that a link did not work, which undid everything
// else.
func (s *Service) noteRefusedLink(ctx context.Context, owner id.User) error {
	return s.db.InTx(ctx, func(tx *database.Tx) error {
		return failed(ctx, tx, owner, map[string]any{"method": strategyLink})
	})
}

// OpenLink signs in the browser of ctx as verifyMagicLink does, for the server's
// own page, and says where to go on: to the sign-in page when steps remain, else
// to redirect if that is allowed, else to the default.
func (s *Service) OpenLink(ctx context.Context, token, attempt, redirect string) (string, error) {
	in := verifyMagicLinkInput{Token: token}
	var err error
	if in.Attempt, err = id.Parse[id.SignInAttempt](attempt); err != nil {
		return "", ErrLinkInvalid
	}
	view, err := s.verifyMagicLink(ctx, in)
	if err != nil {
		return "", err
	}
	d, err := s.deployments.Current(ctx)
	if err != nil {
		return "", err
	}
	if last := view.SignInAttempts[len(view.SignInAttempts)-1]; !last.Completed {
		return d.PageURL(d.Settings.UI.SignInPageURL, "/sign-in", url.Values{"signin_attempt_id": {last.ID.String()}}), nil
	}
	return s.redirect(d, redirect), nil
}

// openLink uses a link up and returns its attempt, which is still open.
func openLink(ctx context.Context, tx *database.Tx, d *deployment.Deployment, in verifyMagicLinkInput) (SigninAttempt, error) {
	q := New(tx)
	used, err := q.UseLink(ctx, UseLinkParams{Hash: secret.Hash(secret.New(in.Token)), Now: tx.Now})
	if used, err = database.OrNotFound(used, err, ErrLinkInvalid); err != nil {
		return SigninAttempt{}, err
	}
	if in.Attempt != 0 && in.Attempt != used {
		return SigninAttempt{}, ErrLinkInvalid
	}
	a, err := q.AttemptOfLink(ctx, AttemptOfLinkParams{ID: used, DeploymentID: d.ID, Now: tx.Now})
	a, err = database.OrNotFound(a, err, ErrLinkInvalid)
	if err == nil && (a.UserID == 0 || a.FirstFactorAt != 0) {
		err = ErrLinkInvalid // nobody was sent this link, or it was followed already
	}
	return a, err
}

// finishElsewhere signs the person of an attempt in to another browser.
func (s *Service) finishElsewhere(ctx context.Context, tx *database.Tx, caller *access.Caller, d *deployment.Deployment, browser id.Session, a SigninAttempt) (session.Including, error) {
	if err := New(tx).EndSignInAttempt(ctx, EndSignInAttemptParams{ID: a.ID, Now: tx.Now}); err != nil {
		return session.Including{}, err
	}
	own, err := beginSignIn(ctx, tx, d, SigninAttempt{SessionID: browser, UserID: a.UserID, Identifier: a.Identifier, Method: a.Method})
	if err != nil {
		return session.Including{}, err
	}
	return s.finishSignIn(ctx, tx, caller, d, own)
}

// send queues a mail to somebody who is known. For anybody else it does the
// same work and nothing leaves. That the mail limit is reached must not tell
// that an address is known, so it is no error, but then nothing was sent.
func (s *Service) send(ctx context.Context, tx *database.Tx, known bool, m mail.Message) (sent bool, err error) {
	queue := s.outbox.Queue
	if !known {
		queue = s.outbox.Pretend
	}
	err = queue(ctx, tx, m)
	if errors.Is(err, mail.ErrTooMany) {
		return false, nil
	}
	return err == nil, err
}
