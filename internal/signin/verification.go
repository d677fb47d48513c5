package signin

import (
	"context"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/onetime"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
	"github.com/guildhall-id/guildhall/internal/session"
	"github.com/guildhall-id/guildhall/internal/user"
)

// open is an attempt of the caller's browser that is not over: one of the two.
type open struct {
	signUp SignupAttempt
	signIn SigninAttempt
}

// step is what the attempt waits for.
func (a open) step() string {
	if a.signUp.ID != 0 {
		return currentStep(a.signUp.Steps)
	}
	return currentStep(a.signIn.Steps)
}

// subject is the attempt's id.
func (a open) subject() id.Subject {
	if a.signUp.ID != 0 {
		return id.Subject(a.signUp.ID)
	}
	return id.Subject(a.signIn.ID)
}

// begun reports whether the browser has proven nothing in the attempt yet.
func (a open) begun() bool { return a.signUp.ID != 0 || a.signIn.FirstFactorAt == 0 }

// strategy is how the current step is proven, empty when no code or link does.
func (a open) strategy() string {
	switch a.step() {
	case stepEmail, stepEmailCode:
		return strategyCode
	case stepPhone, stepPhoneCode:
		return strategyPhone
	case stepEmailLink:
		return strategyLink
	case stepSecond:
		if contains(a.signIn.SecondMethods, strategyPhone) {
			return strategyPhone
		}
	}
	return ""
}

// failed writes down that a sign-in was tried with a wrong code. A sign-up is
// nobody's yet.
func (a open) failed(ctx context.Context, tx *database.Tx) error {
	if a.signIn.ID == 0 {
		return nil
	}
	return failed(ctx, tx, a.signIn.UserID, map[string]any{"method": a.signIn.Method, "step": a.step()})
}

// purpose is what a code proves that is sent for the current step.
func (a open) purpose() onetime.Purpose {
	switch {
	case a.signUp.ID != 0 && a.step() == stepPhone:
		return forSignUpPhone
	case a.signUp.ID != 0:
		return forSignUp
	case a.signIn.FirstFactorAt != 0:
		return forSecondFactor
	}
	return forSignIn
}

// findOpen is the attempt with an id, or the newest of the browser, if it is
// this browser's, neither completed nor expired; a token that was replaced finds
// none. kind is signin or signup; empty looks for a sign-in first.
func (s *Service) findOpen(ctx context.Context, db database.DBTX, caller *access.Caller, attempt id.Subject, kind string) (open, error) {
	if caller.Session.ID == 0 || caller.Session.Anonymous || caller.Session.RotatedAt != 0 {
		return open{}, ErrBadAttempt
	}
	q, now, newest := New(db), s.db.Now(), attempt == 0
	if kind != "signup" {
		a, err := q.OpenSignInAttempt(ctx, OpenSignInAttemptParams{SessionID: caller.Session.ID, ID: id.SignInAttempt(attempt), Newest: newest, Now: now})
		if err == nil || !database.IsNoRows(err) {
			return open{signIn: a}, err
		}
	}
	if kind != "signin" {
		a, err := q.OpenSignUpAttempt(ctx, OpenSignUpAttemptParams{SessionID: caller.Session.ID, ID: id.SignUpAttempt(attempt), Newest: newest, Now: now})
		if err == nil || !database.IsNoRows(err) {
			return open{signUp: a}, err
		}
	}
	return open{}, ErrBadAttempt
}

// hidden is why a code was wrong, as it may be told. Two spellings of a number
// share the limits of messages only if somebody has it. That a code was held
// back, so that it never ends either, must not be seen.
func (a open) hidden(wrong *fault.Error) *fault.Error {
	if wrong == onetime.ErrExpired && a.signIn.Method == strategyPhone {
		return onetime.ErrInvalid
	}
	return wrong
}

type prepareVerificationInput struct {
	Attempt    id.Subject `query:"attempt_identifier" doc:"Absent for the newest open attempt of the browser."`
	Kind       string     `query:"identifier_type" enum:"signin,signup"`
	Strategy   string     `query:"strategy" enum:"email_otp,phone_otp,magic_link" doc:"Absent for what the attempt asks for."`
	Redirect   string     `query:"redirect_uri" maxLength:"2000" doc:"Where a link leads back to. An address that is not allowed is replaced by the default."`
	LastDigits string     `query:"last_digits" pattern:"^[0-9]{4}$" doc:"Which of one's numbers gets the code of the second factor. Absent for the primary one."`
	Body       struct {
		ChallengeToken string `json:"challenge_token,omitempty" maxLength:"200"`
	}
}

// Prepared says where the code or link went, or would have gone.
type Prepared struct {
	OTPSent            bool   `json:"otp_sent"`
	MaskedEmail        string `json:"masked_email"`
	MaskedPhone        string `json:"masked_phone"`
	VerificationMethod string `json:"verification_method"`
}

// prepareVerification sends what the current step asks for. A challenge is
// wanted only until the first factor is proven: later forms do not send it.
func (s *Service) prepareVerification(ctx context.Context, in prepareVerificationInput) (out Prepared, err error) {
	caller := access.CallerOf(ctx)
	d, err := s.deployments.Get(ctx, caller.Deployment)
	if err != nil {
		return out, err
	}
	a, err := s.findOpen(ctx, s.db, caller, in.Attempt, in.Kind)
	if err != nil {
		return out, err
	}
	if a.begun() {
		if err := s.challenges.Check(d, in.Body.ChallengeToken); err != nil {
			return out, err
		}
	}
	strategy := a.strategy()
	if strategy == "" || in.Strategy != "" && in.Strategy != strategy {
		return out, ErrStrategy
	}
	err = s.db.InTx(ctx, func(tx *database.Tx) (err error) {
		out, err = s.prepare(ctx, tx, d, a, in)
		return err
	})
	if err != nil {
		return Prepared{}, err
	}
	out.OTPSent, out.VerificationMethod = true, strategy
	return out, nil
}

// prepare sends the code or link of the current step.
func (s *Service) prepare(ctx context.Context, tx *database.Tx, d *deployment.Deployment, a open, in prepareVerificationInput) (Prepared, error) {
	switch {
	case a.signUp.ID != 0 && a.step() == stepPhone:
		return s.sendSignUpText(ctx, tx, d, a)
	case a.signUp.ID != 0:
		return s.sendMail(ctx, tx, d, a, user.Email(a.signUp.Email))
	case a.signIn.FirstFactorAt != 0:
		return s.sendSecond(ctx, tx, d, a, in.LastDigits)
	case a.step() == stepPhoneCode:
		return s.sendSignInText(ctx, tx, d, a)
	case a.step() == stepEmailLink:
		return s.sendLink(ctx, tx, d, a, s.redirect(d, in.Redirect))
	}
	return s.sendMail(ctx, tx, d, a, user.Email(a.signIn.Identifier))
}

type attemptVerificationInput struct {
	Attempt id.Subject `query:"attempt_identifier" doc:"Absent for the newest open attempt of the browser."`
	Kind    string     `query:"identifier_type" enum:"signin,signup"`
	Body    struct {
		Code string `json:"verification_code,omitempty" maxLength:"100"`
	}
}

func (s *Service) attemptVerification(ctx context.Context, in attemptVerificationInput) (view session.View, err error) {
	caller := access.CallerOf(ctx)
	if in.Body.Code == "" {
		return session.View{}, onetime.ErrMissing
	}
	d, err := s.deployments.Get(ctx, caller.Deployment)
	if err != nil {
		return session.View{}, err
	}
	if err := s.guess(caller); err != nil {
		return session.View{}, err
	}
	defer s.giveBack(caller, &err)
	var wrong *fault.Error
	view, err = s.enter(ctx, caller, d, func(tx *database.Tx, browser id.Session) (including session.Including, err error) {
		a, err := s.findOpen(ctx, tx, caller, in.Attempt, in.Kind)
		if err != nil {
			return including, err
		}
		if a.signIn.FirstFactorAt != 0 {
			including.SignIn = a.signIn.ID
			wrong, err = s.trySecond(ctx, tx, caller, d, a.signIn, in.Body.Code)
			return including, err // the try is committed
		}
		if wrong, err = s.codes.Check(ctx, tx, a.purpose(), a.subject(), in.Body.Code); err != nil {
			return including, err
		}
		if wrong != nil {
			wrong = a.hidden(wrong)
			return including, a.failed(ctx, tx) // the try is committed
		}
		if a.signUp.ID != 0 {
			return s.proveSignUp(ctx, tx, caller, d, a.signUp)
		}
		return s.finishSignIn(ctx, tx, caller, d, a.signIn)
	})
	if err == nil && wrong != nil {
		return session.View{}, wrong
	}
	return view, err
}

// finishSignIn goes on with an attempt whose code or link was right.
func (s *Service) finishSignIn(ctx context.Context, tx *database.Tx, caller *access.Caller, d *deployment.Deployment, a SigninAttempt) (session.Including, error) {
	if a.UserID == 0 {
		return session.Including{}, onetime.ErrInvalid // nobody was sent this code
	}
	check := owns
	if a.Method == strategyPhone {
		check = ownsPhone
	}
	if err := check(ctx, tx, d, a.Identifier, a.UserID); err != nil {
		return session.Including{}, err
	}
	return session.Including{SignIn: a.ID}, s.advance(ctx, tx, caller, d, a)
}

// owns is nil while an address is still that of a person, and ErrBadAttempt
// when it has gone to somebody else meanwhile.
func owns(ctx context.Context, tx *database.Tx, d *deployment.Deployment, email string, person id.User) error {
	owner, err := user.FindByVerifiedEmail(ctx, tx, d.ID, user.Email(email))
	if isNotFound(err) || err == nil && owner != person {
		return ErrBadAttempt
	}
	return err
}

// ownsPhone is owns for a number as it was typed.
func ownsPhone(ctx context.Context, tx *database.Tx, d *deployment.Deployment, typed string, person id.User) error {
	_, owner, err := user.FindByPhoneDigits(ctx, tx, d.ID, typed)
	if isNotFound(err) || err == nil && owner != person {
		return ErrBadAttempt
	}
	return err
}
