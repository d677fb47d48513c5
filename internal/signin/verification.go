package signin

import (
	"context"
	"fmt"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/onetime"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
	"github.com/guildhall-id/guildhall/internal/platform/mail"
	"github.com/guildhall-id/guildhall/internal/session"
	"github.com/guildhall-id/guildhall/internal/user"
)

// open is an attempt of the caller's browser that waits for a code or a link.
type open struct {
	purpose onetime.Purpose
	subject id.Subject
	email   user.Email
	known   bool // somebody is to get the code
	signUp  SignupAttempt
	signIn  SigninAttempt
}

// strategy is how the attempt goes on.
func (a open) strategy() string {
	if a.signIn.Method == strategyLink {
		return strategyLink
	}
	return strategyCode
}

// findOpen is the attempt with an id, or the newest of the browser, if it is
// this browser's, neither completed nor expired. kind is signin or signup; empty
// looks for a sign-in first.
func (s *Service) findOpen(ctx context.Context, db database.DBTX, caller *access.Caller, attempt id.Subject, kind string) (open, error) {
	if caller.Session.ID == 0 || caller.Session.Anonymous {
		return open{}, ErrBadAttempt
	}
	q, now, newest := New(db), s.db.Now(), attempt == 0
	if kind != "signup" {
		a, err := q.OpenSignInAttempt(ctx, OpenSignInAttemptParams{SessionID: caller.Session.ID, ID: id.SignInAttempt(attempt), Newest: newest, Now: now})
		if err == nil {
			return open{forSignIn, id.Subject(a.ID), user.Email(a.Identifier), a.UserID != 0, SignupAttempt{}, a}, nil
		}
		if !database.IsNoRows(err) {
			return open{}, err
		}
	}
	if kind != "signin" {
		a, err := q.OpenSignUpAttempt(ctx, OpenSignUpAttemptParams{SessionID: caller.Session.ID, ID: id.SignUpAttempt(attempt), Newest: newest, Now: now})
		if err == nil {
			return open{forSignUp, id.Subject(a.ID), user.Email(a.Email), true, a, SigninAttempt{}}, nil
		}
		if !database.IsNoRows(err) {
			return open{}, err
		}
	}
	return open{}, ErrBadAttempt
}

type prepareVerificationInput struct {
	Attempt  id.Subject `query:"attempt_identifier" doc:"Absent for the newest open attempt of the browser."`
	Kind     string     `query:"identifier_type" enum:"signin,signup"`
	Strategy string     `query:"strategy" enum:"email_otp,phone_otp,magic_link" doc:"Absent for what the attempt asks for."`
	Redirect string     `query:"redirect_uri" maxLength:"2000" doc:"Where a link leads back to. An address that is not allowed is replaced by the default."`
	Body     struct {
		ChallengeToken string `json:"challenge_token,omitempty" maxLength:"200"`
	}
}

// Prepared says where the code or link went, or would have gone.
type Prepared struct {
	OTPSent            bool   `json:"otp_sent"`
	MaskedEmail        string `json:"masked_email"`
	VerificationMethod string `json:"verification_method"`
}

func (s *Service) prepareVerification(ctx context.Context, in prepareVerificationInput) (Prepared, error) {
	caller := access.CallerOf(ctx)
	d, err := s.deployments.Get(ctx, caller.Deployment)
	if err != nil {
		return Prepared{}, err
	}
	if err := s.challenges.Check(d, in.Body.ChallengeToken); err != nil {
		return Prepared{}, err
	}
	attempt, err := s.findOpen(ctx, s.db, caller, in.Attempt, in.Kind)
	if err != nil {
		return Prepared{}, err
	}
	if in.Strategy != "" && in.Strategy != attempt.strategy() {
		return Prepared{}, ErrStrategy
	}
	if err := allow(s.addresses, string(attempt.email)); err != nil {
		return Prepared{}, err
	}
	err = s.db.InTx(ctx, func(tx *database.Tx) error {
		if attempt.strategy() == strategyLink {
			return s.sendLink(ctx, tx, d, attempt, s.redirect(d, in.Redirect))
		}
		return s.sendCode(ctx, tx, d, attempt)
	})
	if err != nil {
		return Prepared{}, err
	}
	return Prepared{OTPSent: true, MaskedEmail: attempt.email.Masked(), VerificationMethod: attempt.strategy()}, nil
}

// sendCode mails a new code for an attempt, in place of an older one. At
// sign-up there is nothing to hide: whoever asks too often is told.
func (s *Service) sendCode(ctx context.Context, tx *database.Tx, d *deployment.Deployment, attempt open) error {
	code, err := s.codes.Put(ctx, tx, d.ID, attempt.purpose, attempt.subject, string(attempt.email))
	if err != nil {
		return err
	}
	if attempt.purpose == forSignUp {
		return s.outbox.Queue(ctx, tx, codeMail(d, attempt, code))
	}
	return s.send(ctx, tx, attempt.known, codeMail(d, attempt, code))
}

func codeMail(d *deployment.Deployment, attempt open, code string) mail.Message {
	app := d.Settings.UI.AppName
	heading, reason := "Your sign-in code", "Enter this code to sign in to "+app+"."
	if attempt.purpose == forSignUp {
		heading, reason = "Verify your address", "Enter this code to finish signing up to "+app+"."
	}
	return mail.Message{
		Deployment: d.ID, Subject: int64(attempt.subject), To: string(attempt.email), Kind: "verification_code",
		Content: mail.Content{
			AppName: app, Subject: fmt.Sprintf("%s is your %s code", code, app), Heading: heading,
			Paragraphs: []string{reason, "The code works for 10 minutes, once, in the browser where you asked for it."},
			Code:       code,
			Footer:     "If you did not ask for this code, you can ignore this mail. Nobody can sign in without it.",
		},
	}
}

type attemptVerificationInput struct {
	Attempt id.Subject `query:"attempt_identifier" doc:"Absent for the newest open attempt of the browser."`
	Kind    string     `query:"identifier_type" enum:"signin,signup"`
	Body    struct {
		Code string `json:"verification_code,omitempty" maxLength:"100"`
	}
}

func (s *Service) attemptVerification(ctx context.Context, in attemptVerificationInput) (session.View, error) {
	caller := access.CallerOf(ctx)
	if in.Body.Code == "" {
		return session.View{}, onetime.ErrMissing
	}
	d, err := s.deployments.Get(ctx, caller.Deployment)
	if err != nil {
		return session.View{}, err
	}
	if err := allow(s.clients, clientKey(caller)); err != nil {
		return session.View{}, err
	}
	var wrong *fault.Error
	view, err := s.enter(ctx, caller, d, func(tx *database.Tx, browser id.Session) (including session.Including, err error) {
		attempt, err := s.findOpen(ctx, tx, caller, in.Attempt, in.Kind)
		if err != nil {
			return including, err
		}
		if wrong, err = s.codes.Check(ctx, tx, attempt.purpose, attempt.subject, in.Body.Code); err != nil || wrong != nil {
			return including, err // the try is committed
		}
		if attempt.purpose == forSignUp {
			return s.finishSignUp(ctx, tx, caller, d, browser, attempt.signUp)
		}
		return s.finishSignIn(ctx, tx, caller, d, browser, attempt.signIn)
	})
	if err == nil && wrong != nil {
		return session.View{}, wrong
	}
	return view, err
}

func (s *Service) finishSignUp(ctx context.Context, tx *database.Tx, caller *access.Caller, d *deployment.Deployment, browser id.Session, a SignupAttempt) (session.Including, error) {
	form := application{
		first: a.FirstName, last: a.LastName, email: user.Email(a.Email), typed: a.TypedEmail, passwordHash: a.PasswordHash,
	}
	if a.Username != "" {
		auth := d.Settings.Auth.Username
		var err error
		if form.username, form.usernameKey, err = user.ParseUsername(a.Username, auth.MinLength, auth.MaxLength); err != nil {
			return session.Including{}, err
		}
	}
	return session.Including{SignUp: a.ID}, s.completeSignUp(ctx, tx, caller, d, browser, a.ID, form, strategyCode)
}

func (s *Service) finishSignIn(ctx context.Context, tx *database.Tx, caller *access.Caller, d *deployment.Deployment, browser id.Session, a SigninAttempt) (session.Including, error) {
	if a.UserID == 0 {
		return session.Including{}, onetime.ErrInvalid // nobody was sent this code
	}
	if err := owns(ctx, tx, d, user.Email(a.Identifier), a.UserID, ErrBadAttempt); err != nil {
		return session.Including{}, err
	}
	return session.Including{SignIn: a.ID}, s.completeSignIn(ctx, tx, caller, d, browser, a.ID, a.UserID, a.Method)
}

// owns is nil while an address is still that of a person who may sign in, and
// the refusal changed when it has gone to somebody else meanwhile.
func owns(ctx context.Context, tx *database.Tx, d *deployment.Deployment, email user.Email, person id.User, changed error) error {
	owner, err := user.FindOwner(ctx, tx, d.ID, email)
	switch {
	case isNotFound(err) || err == nil && owner.ID != person:
		return changed
	case err != nil:
		return err
	case owner.Disabled:
		return access.ErrDisabled
	}
	return nil
}
