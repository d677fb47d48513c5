// Package signin is how people get into their account: sign-up, sign-in, the
// verification of addresses in between, and new passwords for forgotten ones. A
// sign-in completes only when its secret was checked, before it expired: in the
// browser that began it or, by a mailed link, in the one that opened the link.
package signin

import (
	"context"
	"time"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/challenge"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/event"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/onetime"
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
	PerAddress limit.Rate // codes and links to one address
	PerLookup  limit.Rate // questions of one client whether an account exists
}

// Service signs people up and in.
type Service struct {
	db            *database.DB
	deployments   *deployment.Service
	sessions      *session.Service
	organizations *organization.Service
	passwords     *user.Passwords
	outbox        *mail.Outbox
	codes         onetime.Codes

	challenges *challenge.Service
	origins    []string

	clients, accounts, addresses, lookups *limit.Limiter
}

// Needs are what the service is made of.
type Needs struct {
	DB            *database.DB
	Deployments   *deployment.Service
	Sessions      *session.Service
	Organizations *organization.Service
	Passwords     *user.Passwords
	Outbox        *mail.Outbox
	Origins       []string // of the applications that people may be led back to
	Key           secret.Key
	Limits        Limits
	Now           func() time.Time
}

// NewService signs people up and in.
func NewService(n Needs) *Service {
	return &Service{
		db: n.DB, deployments: n.Deployments, sessions: n.Sessions, organizations: n.Organizations,
		passwords: n.Passwords, outbox: n.Outbox, codes: onetime.NewCodes(n.Key),
		challenges: challenge.NewService(n.DB, n.Deployments, n.Key), origins: n.Origins,
		clients:   limit.New(n.Limits.PerClient, n.Now),
		accounts:  limit.New(n.Limits.PerAccount, n.Now),
		addresses: limit.New(n.Limits.PerAddress, n.Now),
		lookups:   limit.New(n.Limits.PerLookup, n.Now),
	}
}

// What the codes of sign-up and sign-in prove.
const (
	forSignUp onetime.Purpose = "signup"
	forSignIn onetime.Purpose = "signin"
)

// The strategies of sign-in and the steps of attempts, as the API names them.
const (
	strategyPassword = "plain_email"
	strategyUsername = "plain_username"
	strategyCode     = "email_otp"
	strategyLink     = "magic_link"

	stepEmail     = "verify_email"      // of a sign-up
	stepEmailCode = "verify_email_otp"  // of a sign-in
	stepEmailLink = "verify_email_link" // of a sign-in
)

type identifyInput struct {
	Body struct {
		Identifier     string `json:"identifier" maxLength:"254"`
		ChallengeToken string `json:"challenge_token,omitempty" maxLength:"200"`
	}
}

// Identified says how an address signs in.
type Identified struct {
	Strategy string `json:"strategy" enum:"password,sso,social"`
}

func (s *Service) identify(ctx context.Context, in identifyInput) (Identified, error) {
	caller := access.CallerOf(ctx)
	d, err := s.deployments.Get(ctx, caller.Deployment)
	if err != nil {
		return Identified{}, err
	}
	if err := s.challenges.Check(d, in.Body.ChallengeToken); err != nil {
		return Identified{}, err
	}
	if err := allow(s.clients, clientKey(caller)); err != nil {
		return Identified{}, err
	}
	return Identified{Strategy: "password"}, nil
}

type signInInput struct {
	Body struct {
		Strategy       string `json:"strategy" enum:"plain_email,plain_username,email_otp,phone_otp,magic_link"`
		Email          string `json:"email,omitempty" maxLength:"254"`
		Username       string `json:"username,omitempty" maxLength:"100"`
		Password       string `json:"password,omitempty" maxLength:"1000"`
		ChallengeToken string `json:"challenge_token,omitempty" maxLength:"200"`
	}
}

func (s *Service) signIn(ctx context.Context, in signInInput) (session.View, error) {
	caller := access.CallerOf(ctx)
	d, err := s.deployments.Get(ctx, caller.Deployment)
	if err != nil {
		return session.View{}, err
	}
	if err := s.challenges.Check(d, in.Body.ChallengeToken); err != nil {
		return session.View{}, err
	}
	auth, typed := d.Settings.Auth, in.Body
	switch {
	case typed.Strategy == strategyPassword && auth.FactorsEnabled.EmailPassword:
		email, err := user.ParseEmail(typed.Email)
		if err != nil {
			return session.View{}, ErrInvalidCredentials
		}
		return s.signInWithPassword(ctx, caller, d, claim{strategyPassword, string(email), typed.Password})
	case typed.Strategy == strategyUsername && auth.FactorsEnabled.UsernamePassword && auth.Username.Enabled:
		_, key, err := user.ParseUsername(typed.Username, auth.Username.MinLength, auth.Username.MaxLength)
		if err != nil {
			return session.View{}, ErrInvalidCredentials
		}
		return s.signInWithPassword(ctx, caller, d, claim{strategyUsername, key, typed.Password})
	case typed.Strategy == strategyCode && auth.FactorsEnabled.EmailOTP:
		return s.signInByMail(ctx, caller, d, typed.Email, strategyCode, stepEmailCode)
	case typed.Strategy == strategyLink && offersLinks(d):
		return s.signInByMail(ctx, caller, d, typed.Email, strategyLink, stepEmailLink)
	}
	return session.View{}, ErrStrategy
}

// claim is an identifier in its normal form, an address or a username as the
// method says, and the password that is to prove it.
type claim struct{ method, identifier, password string }

// owner is whose identifier it is, or user.ErrNotFound.
func (c claim) owner(ctx context.Context, db database.DBTX, d id.Deployment) (user.Owner, error) {
	if c.method == strategyUsername {
		return user.FindOwnerOfUsername(ctx, db, d, c.identifier)
	}
	return user.FindOwner(ctx, db, d, user.Email(c.identifier))
}

// signInWithPassword checks the password outside of the transaction: it takes
// a core for milliseconds. Unknown identifiers cost the same.
func (s *Service) signInWithPassword(ctx context.Context, caller *access.Caller, d *deployment.Deployment, c claim) (session.View, error) {
	if c.password == "" {
		return session.View{}, ErrInvalidCredentials
	}
	if err := allow(s.clients, clientKey(caller)); err != nil {
		return session.View{}, err
	}
	if err := allow(s.accounts, c.identifier); err != nil {
		return session.View{}, err
	}
	owner, err := c.owner(ctx, s.db, d.ID)
	if err != nil && !isNotFound(err) {
		return session.View{}, err
	}
	ok, err := s.passwords.Matches(ctx, owner.PasswordHash, c.password)
	if err != nil {
		return session.View{}, err
	}
	if !ok {
		return session.View{}, s.refuse(ctx, owner.ID, c.method)
	}
	if owner.Disabled {
		return session.View{}, access.ErrDisabled
	}
	return s.enter(ctx, caller, d, func(tx *database.Tx, browser id.Session) (session.Including, error) {
		attempt, err := beginSignIn(ctx, tx, d, browser, owner.ID, c.identifier, c.method, "")
		if err != nil {
			return session.Including{}, err
		}
		return session.Including{SignIn: attempt}, s.completeSignIn(ctx, tx, caller, d, browser, attempt, owner.ID, c.method)
	})
}

// refuse writes the failure down and gives the one answer to every wrong pair.
func (s *Service) refuse(ctx context.Context, owner id.User, method string) error {
	if owner != 0 {
		err := s.db.InTx(ctx, func(tx *database.Tx) error {
			return event.Emit(ctx, tx, event.Event{Name: "user.sign_in_failed", Subject: int64(owner), Data: map[string]any{"method": method}})
		})
		if err != nil {
			return err
		}
	}
	return ErrInvalidCredentials
}

// signInByMail begins an attempt that a mailed code or link completes. For an
// unknown address it looks the same and never completes.
func (s *Service) signInByMail(ctx context.Context, caller *access.Caller, d *deployment.Deployment, typed, method, step string) (session.View, error) {
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
		attempt, err := beginSignIn(ctx, tx, d, browser, owner, string(email), method, step)
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

func beginSignIn(ctx context.Context, tx *database.Tx, d *deployment.Deployment, browser id.Session, person id.User, identifier, method, steps string) (id.SignInAttempt, error) {
	attempt, ends := database.NewID[id.SignInAttempt](tx), tx.Now.Add(attemptLife)
	err := New(tx).InsertSignInAttempt(ctx, InsertSignInAttemptParams{
		ID: attempt, DeploymentID: d.ID, SessionID: browser, UserID: person, Identifier: identifier,
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
