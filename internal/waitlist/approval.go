package waitlist

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/event"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/clock"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/user"
)

// invitationLife is how long the mailed link of an approval lets sign up.
const invitationLife = 10 * 24 * time.Hour

// What keeps an operator from approving an address.
var (
	ErrNotWaiting = errors.New("does not wait")
	ErrHasAccount = errors.New("belongs to an account already")
)

// Approve has the address of somebody who waits mailed a link to sign up with,
// in whatever mode sign-up is. Doing it again sends a new link in place of the
// one before. It returns ErrNotWaiting, unless anybody may be approved,
// ErrHasAccount, or what user.CheckEmail refuses, as sign-up would.
func Approve(ctx context.Context, tx *database.Tx, d *deployment.Deployment, email user.Email, anybody bool) error {
	if err := user.CheckEmail(d.Settings.Restrictions, email); err != nil {
		return err
	}
	if _, err := user.FindByVerifiedEmail(ctx, tx, d.ID, email); !errors.Is(err, user.ErrNotFound) {
		if err == nil {
			err = ErrHasAccount
		}
		return err
	}
	if anybody {
		if _, err := put(ctx, tx, d.ID, applicant{email: email}); err != nil {
			return err
		}
	}
	entry, err := New(tx).Approve(ctx, ApproveParams{
		DeploymentID: d.ID, Email: string(email), Now: tx.Now, ExpiresAt: tx.Now.Add(invitationLife),
	})
	if entry, err = database.OrNotFound(entry, err, ErrNotWaiting); err != nil {
		return err
	}
	return event.Emit(ctx, tx, event.Event{
		Name: "waitlist.approved", Deployment: d.ID, Subject: int64(entry.ID),
		Data: map[string]any{"email": email, "expires_at": entry.ExpiresAt, "times": entry.Generation},
	})
}

// State is how far somebody on the list has come.
type State string

// The states of a Place.
const (
	Waiting    State = "waiting"
	Approved   State = "approved"
	Expired    State = "expired" // approved, but the link was not used in time
	HasAccount State = "joined"  // has an account
)

// Place is an entry of the list, as operators see it.
type Place struct {
	Entry
	joined bool
}

// StateAt is how far the person has come at a time.
func (p Place) StateAt(now clock.Time) State {
	switch {
	case p.joined:
		return HasAccount
	case p.Generation == 0:
		return Waiting
	case p.ExpiresAt <= now:
		return Expired
	default:
		return Approved
	}
}

// pageSize is how many entries are read at once.
const pageSize = 500

// Places are all who are or were on the list of a deployment, in the order in
// which they joined; however many there are, one page is in memory.
func Places(ctx context.Context, db database.DBTX, d id.Deployment) iter.Seq2[Place, error] {
	return func(yield func(Place, error) bool) {
		for after := int64(0); ; {
			rows, err := New(db).Entries(ctx, EntriesParams{DeploymentID: d, After: after, Page: pageSize})
			if err != nil {
				yield(Place{}, err)
				return
			}
			for _, row := range rows {
				if !yield(Place{row.Entry, row.Joined}, nil) {
					return
				}
				after = int64(row.Entry.ID)
			}
			if len(rows) < pageSize {
				return
			}
		}
	}
}
