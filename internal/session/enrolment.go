package session

import (
	"context"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/event"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
)

// Restrict lets a sign-in that the caller has just begun do nothing but set up
// the second factor that is asked for.
func (s *Service) Restrict(ctx context.Context, tx *database.Tx, c *access.Caller, person id.User, signIn id.SignIn) error {
	if err := New(tx).RestrictSignIn(ctx, RestrictSignInParams{ID: signIn, Now: tx.Now}); err != nil {
		return err
	}
	tx.AfterCommit(func() { c.Enrolling = true })
	return event.Emit(access.As(ctx, person), tx, event.Event{
		Name: "user.second_factor_missing", Subject: int64(person), Data: map[string]any{"signin_id": signIn},
	})
}

// SecondFactor notes that a sign-in was proven a second time, by a method other
// than the one it began with.
func (s *Service) SecondFactor(ctx context.Context, tx *database.Tx, person id.User, signIn id.SignIn, method string) error {
	_, err := New(tx).NoteSecondFactor(ctx, NoteSecondFactorParams{ID: signIn, UserID: person, SecondFactor: method, Now: tx.Now})
	if database.IsNoRows(err) {
		return nil
	}
	return err
}

// ForgetSecondFactor is for whoever has removed a person's last second factor,
// in the same transaction: no sign-in counts as proven by it any more, so that
// where one is demanded, people without one are not let in.
func ForgetSecondFactor(ctx context.Context, tx *database.Tx, person id.User) error {
	return New(tx).ForgetSecondFactor(ctx, ForgetSecondFactorParams{UserID: person, Now: tx.Now})
}

// Enrolled is for whoever has verified a new second factor of the caller, in
// the same transaction and with the caller's row locked. The sign-in counts as
// proven by it; one that was held back for lack of it is free, with a new token.
// Any other sign-in of the person that was held back ends: from now on it has to
// prove the factor.
func (s *Service) Enrolled(ctx context.Context, tx *database.Tx, c *access.Caller, d *deployment.Deployment, method string) error {
	if err := s.hold(ctx, tx, c); err != nil {
		return err
	}
	q := New(tx)
	held, err := q.RestrictedSignIns(ctx, RestrictedSignInsParams{UserID: c.User, Spared: int64(c.SignIn)})
	if err != nil {
		return err
	}
	for _, signIn := range held {
		if err := s.End(ctx, tx, c, d, signIn); err != nil {
			return err
		}
	}
	_, err = q.NoteSecondFactor(ctx, NoteSecondFactorParams{ID: c.SignIn, UserID: c.User, SecondFactor: method, Now: tx.Now})
	if database.IsNoRows(err) {
		return nil
	}
	if err != nil || !c.Enrolling {
		return err
	}
	tx.AfterCommit(func() { c.Enrolling = false })
	return s.Renew(ctx, tx, c, d)
}
