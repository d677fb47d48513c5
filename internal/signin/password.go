package signin

import (
	"context"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/event"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/session"
	"github.com/guildhall-id/guildhall/internal/user"
)

// claim is an identifier in its normal form, an address or a username as the
// method says, and the password that is to prove it.
type claim struct{ method, identifier, password string }

// owner is whose identifier it is, or user.ErrNotFound. Where addresses need
// not be verified, one that nobody has proven names the first of those who have
// signed up with it and have no other: it gives no right, but says whose
// password it is that has to be right.
func (c claim) owner(ctx context.Context, db database.DBTX, d *deployment.Deployment) (user.Owner, error) {
	if c.method == strategyUsername {
		return user.FindOwnerOfUsername(ctx, db, d.ID, c.identifier)
	}
	owner, err := user.FindOwner(ctx, db, d.ID, user.Email(c.identifier))
	if !isNotFound(err) || d.Settings.Auth.VerificationPolicy.Email {
		return owner, err
	}
	row, err := New(db).ClaimantOfEmail(ctx, ClaimantOfEmailParams{DeploymentID: d.ID, Email: c.identifier})
	row, err = database.OrNotFound(row, err, user.ErrNotFound)
	return user.Owner(row), err
}

// signInWithPassword checks the password outside of the transaction: it takes
// a core for milliseconds. Unknown identifiers cost the same. A try is counted
// before the password is compared, so that simultaneous guesses share the
// count, and a right password takes its own back. A browser that the person has
// used before is a client of its own: what others do behind its address does not
// stop it.
func (s *Service) signInWithPassword(ctx context.Context, caller *access.Caller, d *deployment.Deployment, c claim) (view session.View, err error) {
	if c.password == "" {
		return session.View{}, ErrInvalidCredentials
	}
	owner, err := c.owner(ctx, s.db, d)
	if err != nil && !isNotFound(err) {
		return session.View{}, err
	}
	account, known, err := accountKey(ctx, s.db, caller, c.identifier, owner.ID)
	if err != nil {
		return session.View{}, err
	}
	if known {
		if err := allow(s.clients, account); err != nil {
			return session.View{}, err
		}
	} else {
		if err := s.mayBegin(caller); err != nil {
			return session.View{}, err
		}
		if err := s.guess(caller); err != nil {
			return session.View{}, err
		}
		defer s.giveBack(caller, &err)
	}
	if err := allowOnAllNodes(ctx, s.accounts, account); err != nil {
		return session.View{}, err
	}
	ok, err := s.passwords.Matches(ctx, owner.PasswordHash, c.password)
	if err != nil {
		return session.View{}, err
	}
	if !ok {
		return session.View{}, s.refuse(ctx, owner.ID, c.method)
	}
	if owner.DisabledAt != 0 {
		return session.View{}, access.ErrDisabled
	}
	return s.enter(ctx, caller, d, func(tx *database.Tx, browser id.Session) (session.Including, error) {
		if err := s.accounts.Refund(ctx, tx, account); err != nil {
			return session.Including{}, err
		}
		a, err := beginSignIn(ctx, tx, d, SigninAttempt{SessionID: browser, UserID: owner.ID, Identifier: c.identifier, Method: c.method})
		if err != nil {
			return session.Including{}, err
		}
		person, err := personOf(ctx, tx, d, owner.ID)
		if err == nil && person.PasswordHash != owner.PasswordHash {
			err = ErrInvalidCredentials // it was changed meanwhile
		}
		if err != nil {
			return session.Including{}, err
		}
		return session.Including{SignIn: a.ID}, s.advance(ctx, tx, caller, d, a)
	})
}

// refuse writes the failure down and gives the one answer to every wrong pair.
// It writes as much when nobody owns the identifier: how long a commit takes
// would tell.
func (s *Service) refuse(ctx context.Context, owner id.User, method string) error {
	err := s.db.InTx(ctx, func(tx *database.Tx) error {
		return failed(ctx, tx, owner, map[string]any{"method": method})
	})
	if err != nil {
		return err
	}
	return ErrInvalidCredentials
}

// failed is the event of a sign-in that was refused. person is who would have
// come in, or nobody.
func failed(ctx context.Context, tx *database.Tx, person id.User, how map[string]any) error {
	return event.Emit(ctx, tx, event.Event{Name: "user.sign_in_failed", Subject: int64(person), Data: how})
}
