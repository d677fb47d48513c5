package user

import (
	"context"
	"errors"

	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
)

// Claim is an address that a person says is theirs.
type Claim struct {
	Deployment id.Deployment
	User       id.User
	ID         id.EmailAddress
	Email      Email
}

// ClaimEmail notes that a person says an address is theirs, as it was typed. The
// claim gives no right and blocks nobody. It returns ErrEmailExists when somebody
// has proven the address, or the person has claimed it already.
func ClaimEmail(ctx context.Context, tx *database.Tx, d id.Deployment, person id.User, email Email, typed string) (id.EmailAddress, error) {
	switch _, err := FindByVerifiedEmail(ctx, tx, d, email); {
	case err == nil:
		return 0, ErrEmailExists.With("This address belongs to an account already.")
	case !errors.Is(err, ErrNotFound):
		return 0, err
	}
	address := database.NewID[id.EmailAddress](tx)
	err := New(tx).InsertClaim(ctx, InsertClaimParams{
		ID: address, DeploymentID: d, UserID: person, Email: string(email), Typed: typed, Now: tx.Now,
	})
	if database.IsUnique(err, "user_email_addresses_claimed") {
		err = ErrEmailExists.With("You have added this address already.")
	}
	return address, err
}

// Prove verifies a claimed address, by the strategy that has shown it, and
// takes it from everybody else who only claimed it. It returns ErrEmailExists
// when somebody has proven it already, ErrNotFound when the claim is gone.
// After an error the transaction must be rolled back.
func Prove(ctx context.Context, tx *database.Tx, c Claim, strategy string) error {
	q := New(tx)
	if err := q.LockClaims(ctx, LockClaimsParams{DeploymentID: c.Deployment, Email: string(c.Email)}); err != nil {
		return err
	}
	row, err := q.VerifyEmail(ctx, VerifyEmailParams{ID: c.ID, UserID: c.User, Strategy: strategy, Now: tx.Now})
	if database.IsUnique(err, "user_email_addresses_verified") {
		return ErrEmailExists
	}
	if _, err = database.OrNotFound(row, err, ErrNotFound); err != nil {
		return err
	}
	return q.DropClaims(ctx, DropClaimsParams{DeploymentID: c.Deployment, Email: string(c.Email), Now: tx.Now})
}
