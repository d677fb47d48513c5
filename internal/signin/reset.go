package signin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/event"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/onetime"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
	"github.com/guildhall-id/guildhall/internal/platform/mail"
	"github.com/guildhall-id/guildhall/internal/platform/secret"
	"github.com/guildhall-id/guildhall/internal/session"
	"github.com/guildhall-id/guildhall/internal/user"
)

// ErrResetInvalid refuses a token that does not set a new password, or not any
// more.
var ErrResetInvalid = fault.New(fault.Invalid, "INVALID_CODE", "This reset has expired or was used already. Ask for a new code.")

// forReset is what a mailed code proves that earns a new password.
const forReset onetime.Purpose = "password_reset"

// resetLife is how long the token works that a right code earns.
const resetLife = 10 * time.Minute

// offersPasswords reports whether anybody can sign in with a password.
func offersPasswords(d *deployment.Deployment) bool {
	auth := d.Settings.Auth
	return auth.Password.Enabled && (auth.FactorsEnabled.EmailPassword || auth.FactorsEnabled.UsernamePassword)
}

type forgotPasswordInput struct {
	Body struct {
		Email string `json:"email" maxLength:"254"`
		OTP   string `json:"otp,omitempty" maxLength:"100" doc:"The mailed code; absent to have one mailed."`
	}
}

// ResetToken is empty until the mailed code is entered.
type ResetToken struct {
	Token string `json:"token,omitempty"`
}

// forgotPassword mails a code, or exchanges it for the token of a reset.
// Unknown addresses go the same way, and no code is ever right for them.
func (s *Service) forgotPassword(ctx context.Context, in forgotPasswordInput) (ResetToken, error) {
	caller := access.CallerOf(ctx)
	d, err := s.deployments.Get(ctx, caller.Deployment)
	if err != nil {
		return ResetToken{}, err
	}
	if !offersPasswords(d) {
		return ResetToken{}, ErrStrategy
	}
	email, err := user.ParseEmail(in.Body.Email)
	if err != nil {
		return ResetToken{}, err
	}
	if in.Body.OTP != "" {
		return s.redeemResetCode(ctx, caller, email, in.Body.OTP)
	}
	if err := s.mayBegin(caller); err != nil {
		return ResetToken{}, err
	}
	return ResetToken{}, s.sendResetCode(ctx, caller, d, email)
}

func (s *Service) sendResetCode(ctx context.Context, caller *access.Caller, d *deployment.Deployment, email user.Email) error {
	owner, err := user.FindByVerifiedEmail(ctx, s.db, d.ID, email)
	if err != nil && !isNotFound(err) {
		return err
	}
	return s.db.InTx(ctx, func(tx *database.Tx) error {
		familiar, err := s.mayMail(ctx, tx, string(email), SigninAttempt{UserID: owner})
		if err != nil {
			return err
		}
		browser, err := s.sessions.Begin(ctx, tx, caller, d)
		if err != nil {
			return err
		}
		code, err := onetime.NewCode()
		if err != nil {
			return err
		}
		reset := database.NewID[id.PasswordReset](tx)
		m := resetMail(d, reset, email, code)
		m.Familiar = familiar
		sent, err := s.send(ctx, tx, owner != 0, m)
		if err != nil || !sent {
			return err // an earlier code goes on working
		}
		err = New(tx).InsertReset(ctx, InsertResetParams{
			ID: reset, DeploymentID: d.ID, SessionID: browser, UserID: owner, Email: string(email),
			Now: tx.Now, ExpiresAt: tx.Now.Add(onetime.Life),
		})
		if err != nil {
			return err
		}
		return s.codes.Put(ctx, tx, d.ID, forReset, id.Subject(reset), string(email), code)
	})
}

func resetMail(d *deployment.Deployment, reset id.PasswordReset, email user.Email, code string) mail.Message {
	app := d.Settings.UI.AppName
	return mail.Message{
		Deployment: d.ID, Subject: int64(reset), To: string(email), Kind: "password_reset",
		Content: mail.Content{
			AppName: app, Subject: fmt.Sprintf("%s is your %s code", code, app), Heading: "Set a new password",
			Paragraphs: []string{
				"Enter this code to set a new password for " + app + ".",
				"The code works for 10 minutes, once, in the browser where you asked for it.",
			},
			Code:   code,
			Footer: "If you did not ask for this code, you can ignore this mail. Your password stays as it is.",
		},
	}
}

// redeemResetCode gives a token for the right code, in the browser that asked
// for it. A wrong one is counted.
func (s *Service) redeemResetCode(ctx context.Context, caller *access.Caller, email user.Email, code string) (out ResetToken, err error) {
	if err := s.guess(caller); err != nil {
		return ResetToken{}, err
	}
	defer s.giveBack(caller, &err)
	var wrong *fault.Error
	token := secret.Token()
	err = s.db.InTx(ctx, func(tx *database.Tx) error {
		q := New(tx)
		reset, err := q.NewestReset(ctx, NewestResetParams{SessionID: caller.Session.ID, Email: string(email), Now: tx.Now})
		if reset, err = database.OrNotFound(reset, err, onetime.ErrInvalid); err != nil {
			return err
		}
		wrong, err = s.codes.Check(ctx, tx, forReset, id.Subject(reset.ID), code)
		if err != nil {
			return err
		}
		if wrong == nil && reset.UserID == 0 {
			wrong = onetime.ErrInvalid // nobody was sent this code
		}
		if wrong != nil { // the try is committed
			return failed(ctx, tx, reset.UserID, map[string]any{"method": forReset})
		}
		return q.PutResetToken(ctx, PutResetTokenParams{ID: reset.ID, TokenHash: secret.Hash(token), TokenExpiresAt: tx.Now.Add(resetLife)})
	})
	if err == nil && wrong != nil {
		err = wrong
	}
	if err != nil {
		return ResetToken{}, err
	}
	return ResetToken{Token: token.Reveal()}, nil
}

type resetPasswordInput struct {
	Body struct {
		Token    string `json:"token" maxLength:"400"`
		Password string `json:"password" maxLength:"1000"`
	}
}

// resetPassword sets the password and signs the person in here, once a second
// factor is proven where that is asked for, and out everywhere else. The hash
// is computed outside of the transaction, and only for a token that works.
func (s *Service) resetPassword(ctx context.Context, in resetPasswordInput) (view session.View, err error) {
	caller := access.CallerOf(ctx)
	d, err := s.deployments.Get(ctx, caller.Deployment)
	if err != nil {
		return session.View{}, err
	}
	if !offersPasswords(d) {
		return session.View{}, ErrStrategy
	}
	if err := s.guess(caller); err != nil {
		return session.View{}, err
	}
	defer s.giveBack(caller, &err)
	reset, err := New(s.db).ResetOfToken(ctx, ResetOfTokenParams{
		TokenHash: secret.Hash(secret.New(in.Body.Token)), SessionID: caller.Session.ID, Now: s.db.Now(),
	})
	if reset, err = database.OrNotFound(reset, err, ErrResetInvalid); err != nil {
		return session.View{}, err
	}
	hash, err := s.hashPassword(ctx, d, in.Body.Password)
	if err != nil {
		return session.View{}, err
	}
	return s.enter(ctx, caller, d, func(tx *database.Tx, browser id.Session) (session.Including, error) {
		return s.finishReset(ctx, tx, caller, d, browser, reset, hash)
	})
}

func (s *Service) finishReset(ctx context.Context, tx *database.Tx, caller *access.Caller, d *deployment.Deployment, browser id.Session, reset id.PasswordReset, hash string) (session.Including, error) {
	used, err := New(tx).UseReset(ctx, UseResetParams{ID: reset, Now: tx.Now})
	if used, err = database.OrNotFound(used, err, ErrResetInvalid); err != nil {
		return session.Including{}, err
	}
	if err := owns(ctx, tx, d, used.Email, used.UserID); err != nil {
		if errors.Is(err, ErrBadAttempt) {
			err = ErrResetInvalid
		}
		return session.Including{}, err
	}
	if err := user.ReplacePassword(ctx, tx, used.UserID, hash); err != nil {
		return session.Including{}, err
	}
	if err := s.sessions.EndAll(ctx, tx, &access.Caller{Deployment: d.ID, User: used.UserID}, d); err != nil {
		return session.Including{}, err
	}
	a, err := beginSignIn(ctx, tx, d, SigninAttempt{SessionID: browser, UserID: used.UserID, Identifier: used.Email, Method: strategyPassword})
	if err != nil {
		return session.Including{}, err
	}
	if err := s.advance(ctx, tx, caller, d, a); err != nil {
		return session.Including{}, err
	}
	if err := s.sessions.Renew(ctx, tx, caller, d); err != nil {
		return session.Including{}, err
	}
	return session.Including{SignIn: a.ID}, s.announceReset(ctx, tx, d, used.UserID)
}

// announceReset writes the change down and tells it to every address of the
// person.
func (s *Service) announceReset(ctx context.Context, tx *database.Tx, d *deployment.Deployment, person id.User) error {
	if err := event.Emit(access.As(ctx, person), tx, event.Event{Name: "user.password_reset", Subject: int64(person)}); err != nil {
		return err
	}
	addresses, err := user.VerifiedEmails(ctx, tx, person)
	if err != nil {
		return err
	}
	return user.Announce(ctx, tx, s.outbox, d, person, addresses, "Your password was changed",
		"A new password was set with a code from your mailbox. You were signed out in all other browsers.")
}
