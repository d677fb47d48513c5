package waitlist

import (
	"context"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/event"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/clock"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/user"
)

type joinInput struct {
	Body struct {
		FirstName string `json:"first_name,omitempty" maxLength:"400"`
		LastName  string `json:"last_name,omitempty" maxLength:"400"`
		Email     string `json:"email" maxLength:"254"`
	}
}

// Joined is the answer to everybody who joins, whether they wait already, have
// an account, or neither.
type Joined struct {
	Message string    `json:"message"`
	Entry   EntryView `json:"entry"`
}

// EntryView is a place on the list as whoever joins sees it: with the names
// that they typed, and nothing of what became of it.
type EntryView struct {
	ID           id.WaitlistEntry `json:"id"`
	DeploymentID id.Deployment    `json:"deployment_id"`
	EmailAddress user.Email       `json:"email_address"`
	Email        user.Email       `json:"email"`
	FirstName    string           `json:"first_name"`
	LastName     string           `json:"last_name"`
	CreatedAt    clock.Time       `json:"created_at"`
	UpdatedAt    clock.Time       `json:"updated_at"`
}

// applicant is a form that has been checked.
type applicant struct {
	email       user.Email
	first, last string
}

func (s *Service) join(ctx context.Context, in joinInput) (out Joined, err error) {
	caller := access.CallerOf(ctx)
	d, err := s.deployments.Get(ctx, caller.Deployment)
	if err != nil {
		return out, err
	}
	if d.Settings.Restrictions.SignUpMode != deployment.SignUpWaitlist {
		return out, ErrNoWaitlist
	}
	if ok, wait := s.clients.Allow(caller.Client.Network()); !ok {
		return out, ErrTooManyTries.After(wait)
	}
	who, err := check(d, in)
	if err != nil {
		return out, err
	}
	var entry Entry
	err = s.db.InTx(ctx, func(tx *database.Tx) error {
		entry, err = put(ctx, tx, d.ID, who)
		return err
	})
	if err != nil {
		return out, err
	}
	return Joined{
		Message: "You are on the waiting list. We will write to you when you can sign up.",
		Entry: EntryView{
			ID: entry.ID, DeploymentID: d.ID, EmailAddress: who.email, Email: who.email,
			FirstName: who.first, LastName: who.last, CreatedAt: entry.CreatedAt, UpdatedAt: entry.CreatedAt,
		},
	}, nil
}

func check(d *deployment.Deployment, in joinInput) (who applicant, err error) {
	if who.email, err = user.ParseEmail(in.Body.Email); err != nil {
		return who, err
	}
	if who.first, err = user.ParseName(in.Body.FirstName); err != nil {
		return who, err
	}
	if who.last, err = user.ParseName(in.Body.LastName); err != nil {
		return who, err
	}
	if err := user.CheckEmail(d.Settings.Restrictions, who.email); err != nil {
		return who, err
	}
	return who, user.CheckWords(d.Settings.Restrictions, who.first, who.last)
}

// put is the entry of an address, a new one when there is none. One that is
// there stays as it is: a stranger may have typed the address.
func put(ctx context.Context, tx *database.Tx, d id.Deployment, who applicant) (Entry, error) {
	q := New(tx)
	entry, err := q.InsertEntry(ctx, InsertEntryParams{
		ID: database.NewID[id.WaitlistEntry](tx), DeploymentID: d, Email: string(who.email),
		FirstName: who.first, LastName: who.last, Now: tx.Now,
	})
	if database.IsNoRows(err) {
		return q.EntryOfEmail(ctx, EntryOfEmailParams{DeploymentID: d, Email: string(who.email)})
	}
	if err != nil {
		return entry, err
	}
	return entry, event.Emit(ctx, tx, event.Event{
		Name: "waitlist.joined", Deployment: d, Subject: int64(entry.ID), Data: map[string]any{"email": who.email},
	})
}
