// Package signin is how people get into their account: sign-up, sign-in and
// the verification of addresses in between. A sign-in completes only when its
// secret was checked, in the browser that began it, before it expired.
package signin

import (
	"context"
	"time"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/api"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/event"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/organization"
	"github.com/guildhall-id/guildhall/internal/platform/clock"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
	"github.com/guildhall-id/guildhall/internal/platform/limit"
	"github.com/guildhall-id/guildhall/internal/platform/mail"
	"github.com/guildhall-id/guildhall/internal/platform/secret"
	"github.com/guildhall-id/guildhall/internal/session"
	"github.com/guildhall-id/guildhall/internal/user"
)

// attemptLife is how long a sign-up or sign-in may take.
const attemptLife = 30 * time.Minute

// The refusals of sign-in.
var (
	ErrInvalidCredentials = fault.New(fault.Unauthenticated, "INVALID_CREDENTIALS", "Invalid credentials. Please try again.")
	ErrBadAttempt         = fault.New(fault.Invalid, "BAD_SIGN_IN_ATTEMPT", "This sign-in has expired or belongs to another browser. Start again.")
	ErrStrategy           = fault.New(fault.Forbidden, "FEATURE_DISABLED", "This way of signing in is not offered here. Choose another one.")
	ErrTooManyTries       = fault.New(fault.TooMany, "RATE_LIMITED", "Too many tries. Wait a moment and try again.")
)

// Limits are how often one client and one account may try.
type Limits struct {
	PerClient  limit.Rate // sign-ups, password tries and codes of one client
	PerAccount limit.Rate // password tries for one address
	PerAddress limit.Rate // codes to one address
}

// Service signs people up and in.
type Service struct {
	db            *database.DB
	deployments   *deployment.Service
	sessions      *session.Service
	organizations *organization.Service
	passwords     *user.Passwords
	outbox        *mail.Outbox
	codes         codes

	clients, accounts, addresses *limit.Limiter
}

// Needs are what the service is made of.
type Needs struct {
	DB            *database.DB
	Deployments   *deployment.Service
	Sessions      *session.Service
	Organizations *organization.Service
	Passwords     *user.Passwords
	Outbox        *mail.Outbox
	Key           secret.Key
	Limits        Limits
	Now           func() time.Time
}

// NewService signs people up and in.
func NewService(n Needs) *Service {
	return &Service{
		db: n.DB, deployments: n.Deployments, sessions: n.Sessions, organizations: n.Organizations,
		passwords: n.Passwords, outbox: n.Outbox, codes: codes{n.Key.For("one-time codes")},
		clients:   limit.New(n.Limits.PerClient, n.Now),
		accounts:  limit.New(n.Limits.PerAccount, n.Now),
		addresses: limit.New(n.Limits.PerAddress, n.Now),
	}
}

// Operations is everything people can do to get in.
func (s *Service) Operations() []api.Operation {
	return []api.Operation{
		{
			ID:      "SignUp",
			Route:   "POST /auth/signup",
			Summary: "Begin to sign up. The address is verified next, unless a mailed invitation has proven it.",
			Access:  access.Browser(),
			Errors: []*fault.Error{
				user.ErrEmailInvalid, user.ErrNameInvalid, user.ErrUsernameInvalid, user.ErrPasswordPolicy,
				user.ErrEmailExists, user.ErrUsernameExists, ErrSignUpRestricted, ErrWaitlistOnly, ErrTooManyTries,
			},
			Handle: api.Handle(s.signUp),
		},
		{
			ID:      "Identify",
			Route:   "POST /auth/identify",
			Summary: "Ask how an address signs in. Unknown addresses get the same answer as known ones.",
			Access:  access.Browser(),
			Errors:  []*fault.Error{ErrTooManyTries},
			Handle:  api.Handle(s.identify),
		},
		{
			ID:      "SignIn",
			Route:   "POST /auth/signin",
			Summary: "Begin to sign in, with a password or with a code.",
			Access:  access.Browser(),
			Errors:  []*fault.Error{ErrInvalidCredentials, ErrStrategy, ErrTooManyTries, access.ErrDisabled, user.ErrPasswordsBusy, session.ErrTooManyAccounts},
			Handle:  api.Handle(s.signIn),
		},
		{
			ID:      "PrepareVerification",
			Route:   "POST /auth/prepare-verification",
			Summary: "Send the code that the current step of an attempt asks for.",
			Access:  access.Browser(),
			Errors:  []*fault.Error{ErrBadAttempt, ErrStrategy, ErrTooManyTries},
			Handle:  api.Handle(s.prepareVerification),
		},
		{
			ID:      "AttemptVerification",
			Route:   "POST /auth/attempt-verification",
			Summary: "Enter the code. The last step of an attempt signs the person in.",
			Access:  access.Browser(),
			Errors:  []*fault.Error{ErrBadAttempt, ErrCodeMissing, ErrCodeInvalid, ErrCodeExpired, user.ErrEmailExists, access.ErrDisabled, ErrTooManyTries, session.ErrTooManyAccounts},
			Handle:  api.Handle(s.attemptVerification),
		},
	}
}

// The strategies of sign-in and the steps of attempts, as the API names them.
const (
	strategyPassword = "plain_email"
	strategyCode     = "email_otp"

	stepEmail     = "verify_email"     // of a sign-up
	stepEmailCode = "verify_email_otp" // of a sign-in
)

type identifyInput struct {
	Body struct {
		Identifier string `json:"identifier" maxLength:"254"`
	}
}

// Identified says how an address signs in.
type Identified struct {
	Strategy string `json:"strategy" enum:"password,sso,social"`
}

func (s *Service) identify(ctx context.Context, _ identifyInput) (Identified, error) {
	if err := allow(s.clients, clientKey(access.CallerOf(ctx))); err != nil {
		return Identified{}, err
	}
	return Identified{Strategy: "password"}, nil
}

type signInInput struct {
	Body struct {
		Strategy string `json:"strategy" enum:"plain_email,plain_username,email_otp,phone_otp,magic_link"`
		Email    string `json:"email,omitempty" maxLength:"254"`
		Password string `json:"password,omitempty" maxLength:"1000"`
	}
}

func (s *Service) signIn(ctx context.Context, in signInInput) (session.View, error) {
	caller := access.CallerOf(ctx)
	d, err := s.deployments.Get(ctx, caller.Deployment)
	if err != nil {
		return session.View{}, err
	}
	offered := d.Settings.Auth.FactorsEnabled
	switch {
	case in.Body.Strategy == strategyPassword && offered.EmailPassword:
		return s.signInWithPassword(ctx, caller, d, in.Body.Email, in.Body.Password)
	case in.Body.Strategy == strategyCode && offered.EmailOTP:
		return s.signInWithCode(ctx, caller, d, in.Body.Email)
	}
	return session.View{}, ErrStrategy
}

// signInWithPassword checks the password outside of the transaction: it takes
// a core for milliseconds. Unknown addresses cost the same.
func (s *Service) signInWithPassword(ctx context.Context, caller *access.Caller, d *deployment.Deployment, typed, password string) (session.View, error) {
	email, err := user.ParseEmail(typed)
	if err != nil || password == "" {
		return session.View{}, ErrInvalidCredentials
	}
	if err := allow(s.clients, clientKey(caller)); err != nil {
		return session.View{}, err
	}
	if err := allow(s.accounts, string(email)); err != nil {
		return session.View{}, err
	}
	owner, err := user.FindOwner(ctx, s.db, d.ID, email)
	if err != nil && !isNotFound(err) {
		return session.View{}, err
	}
	ok, err := s.passwords.Matches(ctx, owner.PasswordHash, password)
	if err != nil {
		return session.View{}, err
	}
	if !ok {
		return session.View{}, s.refuse(ctx, owner.ID)
	}
	if owner.Disabled {
		return session.View{}, access.ErrDisabled
	}
	return s.enter(ctx, caller, d, func(tx *database.Tx, browser id.Session) (session.Including, error) {
		attempt, err := beginSignIn(ctx, tx, d, browser, owner.ID, email, strategyPassword, "")
		if err != nil {
			return session.Including{}, err
		}
		return session.Including{SignIn: attempt}, s.completeSignIn(ctx, tx, caller, d, browser, attempt, owner.ID, strategyPassword)
	})
}

// refuse writes the failure down and gives the one answer to every wrong pair.
func (s *Service) refuse(ctx context.Context, owner id.User) error {
	if owner != 0 {
		err := s.db.InTx(ctx, func(tx *database.Tx) error {
			return event.Emit(ctx, tx, event.Event{Name: "user.sign_in_failed", Subject: int64(owner), Data: map[string]any{"method": strategyPassword}})
		})
		if err != nil {
			return err
		}
	}
	return ErrInvalidCredentials
}

// signInWithCode begins an attempt that a mailed code completes. For an
// unknown address it looks the same and never completes.
func (s *Service) signInWithCode(ctx context.Context, caller *access.Caller, d *deployment.Deployment, typed string) (session.View, error) {
	email, err := user.ParseEmail(typed)
	if err != nil {
		return session.View{}, err
	}
	if err := allow(s.clients, clientKey(caller)); err != nil {
		return session.View{}, err
	}
	owner, err := user.FindByVerifiedEmail(ctx, s.db, d.ID, email)
	if err != nil && !isNotFound(err) {
		return session.View{}, err
	}
	return s.enter(ctx, caller, d, func(tx *database.Tx, browser id.Session) (session.Including, error) {
		attempt, err := beginSignIn(ctx, tx, d, browser, owner, email, strategyCode, stepEmailCode)
		return session.Including{SignIn: attempt}, err
	})
}

// enter runs a step in one transaction, in a session that has a row, and
// answers with the session as it is then.
func (s *Service) enter(ctx context.Context, caller *access.Caller, d *deployment.Deployment, step func(*database.Tx, id.Session) (session.Including, error)) (session.View, error) {
	var including session.Including
	err := s.db.InTx(ctx, func(tx *database.Tx) error {
		browser, err := s.sessions.Begin(ctx, tx, caller, d)
		if err != nil {
			return err
		}
		including, err = step(tx, browser)
		return err
	})
	if err != nil {
		return session.View{}, err
	}
	return s.sessions.View(ctx, caller, including)
}

func beginSignIn(ctx context.Context, tx *database.Tx, d *deployment.Deployment, browser id.Session, person id.User, email user.Email, method, steps string) (id.SignInAttempt, error) {
	attempt, ends := database.NewID[id.SignInAttempt](tx), tx.Now.Add(attemptLife)
	err := New(tx).InsertSignInAttempt(ctx, InsertSignInAttemptParams{
		ID: attempt, DeploymentID: d.ID, SessionID: browser, UserID: person, Identifier: string(email),
		Method: method, Steps: steps, Now: tx.Now, ExpiresAt: ends,
	})
	if err != nil {
		return 0, err
	}
	return attempt, extend(ctx, tx, browser, ends)
}

// extend notes that the session has attempts to show until ends.
func extend(ctx context.Context, tx *database.Tx, browser id.Session, ends clock.Time) error {
	return New(tx).ExtendAttempts(ctx, ExtendAttemptsParams{ID: browser, AttemptsEndAt: ends, Now: tx.Now})
}

// completeSignIn is the only way an attempt to sign in ends well. Its caller
// has checked the secret of the last step.
func (s *Service) completeSignIn(ctx context.Context, tx *database.Tx, caller *access.Caller, d *deployment.Deployment, browser id.Session, attempt id.SignInAttempt, person id.User, method string) error {
	signIn, err := s.sessions.SignIn(ctx, tx, caller, d, browser, person, method)
	if err != nil {
		return err
	}
	done, err := New(tx).CompleteSignInAttempt(ctx, CompleteSignInAttemptParams{ID: attempt, SessionID: browser, SigninID: signIn, Now: tx.Now})
	_, err = database.OrNotFound(done, err, ErrBadAttempt)
	return err
}

// allow is nil while key keeps the rate, else a refusal that says when to try
// again.
func allow(l *limit.Limiter, key string) error {
	if ok, wait := l.Allow(key); !ok {
		return ErrTooManyTries.After(wait)
	}
	return nil
}
