// Package signin is how people get into their account: sign-up, sign-in, the
// verification of addresses in between, and new passwords for forgotten ones. A
// sign-in completes only when its secret was checked, and a second one where
// that is asked for, before it expired: in the browser that began it or, by a
// mailed link, in the one that opened the link.
package signin

import (
	"context"
	"errors"
	"time"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/challenge"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/factor"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/onetime"
	"github.com/guildhall-id/guildhall/internal/organization"
	"github.com/guildhall-id/guildhall/internal/platform/clock"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
	"github.com/guildhall-id/guildhall/internal/platform/limit"
	"github.com/guildhall-id/guildhall/internal/platform/mail"
	"github.com/guildhall-id/guildhall/internal/platform/secret"
	"github.com/guildhall-id/guildhall/internal/platform/throttle"
	"github.com/guildhall-id/guildhall/internal/session"
	"github.com/guildhall-id/guildhall/internal/user"
	"github.com/guildhall-id/guildhall/internal/waitlist"
)

// attemptLife is how long a sign-up or sign-in may take.
const attemptLife = 30 * time.Minute

// The refusals of sign-in.
var (
	ErrInvalidCredentials = fault.New(fault.Unauthenticated, "INVALID_CREDENTIALS", "Invalid credentials. Please try again.")
	ErrBadAttempt         = fault.New(fault.Invalid, "BAD_SIGN_IN_ATTEMPT", "This sign-in has expired or belongs to another browser. Start again.")
	ErrTooManyGuesses     = fault.New(fault.Invalid, "BAD_SIGN_IN_ATTEMPT", "Too many wrong codes. Start to sign in again.")
	ErrStrategy           = fault.New(fault.Forbidden, "FEATURE_DISABLED", "This way of signing in is not offered here. Choose another one.")
	ErrTooManyTries       = fault.New(fault.TooMany, "RATE_LIMITED", "Too many tries. Wait a moment and try again.")
)

// Limits are how often one client and one account may try. What is counted per
// account and address holds on all nodes together, what is counted per client
// on each node.
type Limits struct {
	PerClient  limit.Rate // wrong passwords, codes and links of one client
	PerStart   limit.Rate // sign-ins and resets that one client begins
	PerAccount limit.Rate // wrong passwords for one identifier, from unknown browsers and from each known one; second factors of one person
	PerAddress limit.Rate // codes and links to one address or number
	PerLookup  limit.Rate // questions of one client whether an account exists; its sign-ups and completed profiles, which tell it too
}

// Service signs people up and in.
type Service struct {
	db            *database.DB
	deployments   *deployment.Service
	sessions      *session.Service
	organizations *organization.Service
	factors       *factor.Service
	passwords     *user.Passwords
	outbox        *mail.Outbox
	codes         onetime.Codes
	approvals     waitlist.Invitations

	challenges *challenge.Service
	origins    []string

	clients, starts, lookups, signUps *limit.Limiter
	accounts, addresses               *throttle.Limiter
}

// Needs are what the service is made of.
type Needs struct {
	DB            *database.DB
	Deployments   *deployment.Service
	Sessions      *session.Service
	Organizations *organization.Service
	Factors       *factor.Service
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
		factors: n.Factors, passwords: n.Passwords, outbox: n.Outbox, codes: onetime.NewCodes(n.Key),
		approvals:  waitlist.NewInvitations(n.Key),
		challenges: challenge.NewService(n.DB, n.Deployments, n.Key), origins: n.Origins,
		clients:   limit.New(n.Limits.PerClient, n.Now),
		starts:    limit.New(n.Limits.PerStart, n.Now),
		accounts:  throttle.NewLimiter(n.DB, n.Key, "passwords", n.Limits.PerAccount),
		addresses: throttle.NewLimiter(n.DB, n.Key, "addresses", n.Limits.PerAddress),
		lookups:   limit.New(n.Limits.PerLookup, n.Now),
		signUps:   limit.New(n.Limits.PerLookup, n.Now),
	}
}

// What the codes of sign-up and sign-in prove.
const (
	forSignUp       onetime.Purpose = "signup"
	forSignUpPhone  onetime.Purpose = "signup_phone"
	forSignIn       onetime.Purpose = "signin"
	forSecondFactor onetime.Purpose = "second_factor"
)

// The strategies of sign-in, as the API names them.
const (
	strategyPassword = "plain_email"
	strategyUsername = "plain_username"
	strategyCode     = "email_otp"
	strategyLink     = "magic_link"
	strategyPhone    = "phone_otp"
)

// Sweep deletes what was begun more than a day ago: attempts to sign in and up,
// mailed links, and wishes for a new password.
func (s *Service) Sweep(ctx context.Context) error {
	return s.db.InTx(ctx, func(tx *database.Tx) error {
		q, dayAgo := New(tx), tx.Now.Time().Add(-24*time.Hour)
		return errors.Join(
			q.DeleteSignInAttempts(ctx, id.Since[id.SignInAttempt](dayAgo)),
			q.DeleteSignUpAttempts(ctx, id.Since[id.SignUpAttempt](dayAgo)),
			q.DeleteResets(ctx, id.Since[id.PasswordReset](dayAgo)),
		)
	})
}

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

// identify looks nothing up and stores nothing, so there is nothing to limit.
func (s *Service) identify(ctx context.Context, in identifyInput) (Identified, error) {
	caller := access.CallerOf(ctx)
	d, err := s.deployments.Get(ctx, caller.Deployment)
	if err != nil {
		return Identified{}, err
	}
	if err := s.challenges.Check(d, in.Body.ChallengeToken); err != nil {
		return Identified{}, err
	}
	return Identified{Strategy: "password"}, nil
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

// extend notes that the session has attempts to show until ends.
func extend(ctx context.Context, tx *database.Tx, browser id.Session, ends clock.Time) error {
	return New(tx).ExtendAttempts(ctx, ExtendAttemptsParams{ID: browser, AttemptsEndAt: ends, Now: tx.Now})
}
