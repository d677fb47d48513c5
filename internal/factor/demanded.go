package factor

import (
	"context"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
)

// ErrUnproven is access.ErrStaleSignIn for whoever is in a tenant that demands a
// second factor, and has one, but did not sign in with it.
var ErrUnproven = access.ErrStaleSignIn.With("Sign out and in again first, with the second factor that you have: an organization or workspace of yours asks for it.")

// Demanded reports whether a tenant that a person is in demands a second factor
// of those who act in it.
func Demanded(ctx context.Context, tx *database.Tx, d *deployment.Deployment, person id.User) (bool, error) {
	b2b := &d.Settings.B2B
	if !b2b.EnforceMFAPerOrgEnabled && !b2b.EnforceMFAPerWorkspaceEnabled {
		return false, nil
	}
	return New(tx).DemandsSecondFactor(ctx, DemandsSecondFactorParams{
		UserID: person, Organizations: b2b.EnforceMFAPerOrgEnabled, Workspaces: b2b.EnforceMFAPerWorkspaceEnabled,
	})
}

// Guard returns ErrUnproven when the caller, whose row is locked, may not change
// their second factors by this sign-in: it was made without the one that is
// demanded of them, before there was one, or before it was demanded. Whoever
// knows no more than the password would get in with a second factor of their
// own.
func Guard(ctx context.Context, tx *database.Tx, d *deployment.Deployment, c *access.Caller) error {
	if c.SecondFactor {
		return nil
	}
	if demanded, err := Demanded(ctx, tx, d, c.User); err != nil || !demanded {
		return err
	}
	has, err := whatHas(ctx, tx, c.User)
	if err != nil {
		return err
	}
	first, err := New(tx).FirstFactor(ctx, FirstFactorParams{ID: c.SignIn, UserID: c.User})
	if first, err = database.OrNotFound(first, err, access.ErrUnauthenticated); err != nil {
		return err
	}
	if has.authenticator(d) || has.phone(d) && first != ByPhone {
		return ErrUnproven
	}
	return nil
}
