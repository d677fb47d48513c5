package user

import (
	"context"

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
