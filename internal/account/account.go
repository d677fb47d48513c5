// Package account is what people do with their own account: names, addresses,
// password, where they are signed in, and its end. Changes of one account take
// turns; one that others could gain from is announced by mail.
package account

import (
	"context"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/event"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/onetime"
	"github.com/guildhall-id/guildhall/internal/organization"
	"github.com/guildhall-id/guildhall/internal/picture"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
	"github.com/guildhall-id/guildhall/internal/platform/limit"
	"github.com/guildhall-id/guildhall/internal/platform/mail"
	"github.com/guildhall-id/guildhall/internal/platform/secret"
	"github.com/guildhall-id/guildhall/internal/platform/throttle"
	"github.com/guildhall-id/guildhall/internal/session"
	"github.com/guildhall-id/guildhall/internal/user"
)

// ErrTooManyTries asks a person to wait.
var ErrTooManyTries = fault.New(fault.TooMany, "RATE_LIMITED", "Too many tries. Wait a moment and try again.")

// Limits are how often one person may try, on all nodes together.
type Limits struct {
	Tries limit.Rate // passwords and codes that are entered, addresses and pictures that are added
}

// Service serves people their own account.
type Service struct {
	db            *database.DB
	queries       *Queries
	deployments   *deployment.Service
	sessions      *session.Service
	organizations *organization.Service
	passwords     *user.Passwords
	outbox        *mail.Outbox
	codes         onetime.Codes
	tries         *throttle.Limiter
	studio        *picture.Studio
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
}

// NewService serves the people of a database.
func NewService(n Needs) *Service {
	return &Service{
		db: n.DB, queries: New(n.DB), deployments: n.Deployments, sessions: n.Sessions, organizations: n.Organizations,
		passwords: n.Passwords, outbox: n.Outbox, codes: onetime.NewCodes(n.Key), tries: throttle.NewLimiter(n.DB, n.Key, "account", n.Limits.Tries),
		studio: n.Organizations.Studio(),
	}
}

// Message is the answer of a change that has nothing to show.
type Message struct {
	Message string `json:"message"`
	Success bool   `json:"success"`
}

func done(text string) Message { return Message{text, true} }

// allow is nil while the person keeps the rate for one kind of try.
func (s *Service) allow(ctx context.Context, person id.User, kind string) error {
	wait, err := s.tries.Allow(ctx, kind+" "+person.String())
	if err == nil && wait > 0 {
		err = ErrTooManyTries.After(wait)
	}
	return err
}

// settings are the caller and their deployment.
func (s *Service) settings(ctx context.Context) (*access.Caller, *deployment.Deployment, error) {
	caller := access.CallerOf(ctx)
	d, err := s.deployments.Get(ctx, caller.Deployment)
	return caller, d, err
}

// person is the caller's row.
func (s *Service) person(ctx context.Context, caller *access.Caller) (User, error) {
	me, err := s.queries.Person(ctx, PersonParams{ID: caller.User, DeploymentID: caller.Deployment})
	return database.OrNotFound(me, err, access.ErrUnauthenticated)
}

// change runs f in one transaction, with the caller's row locked.
func (s *Service) change(ctx context.Context, caller *access.Caller, f func(tx *database.Tx, q *Queries, me User) error) error {
	return s.db.InTx(ctx, func(tx *database.Tx) error {
		q := New(tx)
		me, err := q.LockPerson(ctx, LockPersonParams{ID: caller.User, DeploymentID: caller.Deployment})
		if me, err = database.OrNotFound(me, err, access.ErrUnauthenticated); err != nil {
			return err
		}
		return f(tx, q, me)
	})
}

// secure is change for what decides who gets in: where the deployment asks for
// it, the caller has to have signed in just now.
func (s *Service) secure(ctx context.Context, caller *access.Caller, d *deployment.Deployment, f func(tx *database.Tx, q *Queries, me User) error) error {
	return s.change(ctx, caller, func(tx *database.Tx, q *Queries, me User) error {
		if err := d.StepUp(caller, tx.Now); err != nil {
			return err
		}
		return f(tx, q, me)
	})
}

// record notes that the account has changed, and how.
func record(ctx context.Context, tx *database.Tx, person id.User, name string, data map[string]any) error {
	if err := New(tx).TouchPerson(ctx, TouchPersonParams{ID: person, Now: tx.Now}); err != nil {
		return err
	}
	return event.Emit(ctx, tx, event.Event{Name: name, Subject: int64(person), Data: data})
}
