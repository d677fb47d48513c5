package account

import (
	"context"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/factor"
	"github.com/guildhall-id/guildhall/internal/picture"
	"github.com/guildhall-id/guildhall/internal/platform/clock"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/user"
)

type deleteAccountInput struct {
	Body struct {
		Password string `json:"password,omitempty" maxLength:"1000" doc:"Needed when there is a password."`
	}
}

// deleteAccount ends the person. Their row stays, so that what they did stays
// theirs; nothing is found by it any more.
func (s *Service) deleteAccount(ctx context.Context, in deleteAccountInput) (Message, error) {
	caller, d, err := s.settings(ctx)
	if err != nil {
		return Message{}, err
	}
	checked, err := s.checkPassword(ctx, caller, in.Body.Password)
	if err != nil {
		return Message{}, err
	}
	err = s.change(ctx, caller, func(tx *database.Tx, q *Queries, me User) error {
		if me.PasswordHash != checked.PasswordHash {
			return ErrWrongPassword // changed meanwhile
		}
		if err := isFresh(caller, tx.Now, me); err != nil {
			return err
		}
		to, err := user.VerifiedEmails(ctx, tx, me.ID)
		if err != nil {
			return err
		}
		phones, err := user.VerifiedPhones(ctx, tx, me.ID)
		if err != nil {
			return err
		}
		if err := s.organizations.LeaveAll(ctx, tx); err != nil {
			return err
		}
		if err := s.sessions.EndAll(ctx, tx, caller, d); err != nil {
			return err
		}
		// While the numbers are there, for whoever has no address.
		err = s.announce(ctx, tx, d, me.ID, to, "Your account was deleted", "Your account at "+d.Settings.UI.AppName+" was deleted.")
		if err != nil {
			return err
		}
		if err := q.EndAddresses(ctx, EndAddressesParams{UserID: me.ID, Now: tx.Now}); err != nil {
			return err
		}
		if err := q.EndPhones(ctx, EndPhonesParams{UserID: me.ID, Now: tx.Now}); err != nil {
			return err
		}
		if err := picture.Drop(ctx, tx, me.ID); err != nil {
			return err
		}
		if err := factor.Drop(ctx, tx, me.ID); err != nil {
			return err
		}
		if err := record(ctx, tx, me.ID, "user.deleted", map[string]any{"before": me.profile(), "emails": to, "phone_numbers": phones}); err != nil {
			return err
		}
		return q.EndPerson(ctx, EndPersonParams{ID: me.ID, Now: tx.Now})
	})
	if err != nil {
		return Message{}, err
	}
	return done("Your account is deleted."), nil
}

// isFresh is nil for people with a password, which was checked, and for those
// who have just signed in.
func isFresh(caller *access.Caller, now clock.Time, me User) error {
	if me.PasswordHash != "" {
		return nil
	}
	return caller.Fresh(now)
}
