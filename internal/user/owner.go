package user

import (
	"context"

	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
)

// FindOwnerOfUsername is the person with a username, in the form that
// ParseUsername compares, or ErrNotFound.
func FindOwnerOfUsername(ctx context.Context, db database.DBTX, deployment id.Deployment, key string) (Owner, error) {
	row, err := New(db).OwnerOfUsername(ctx, OwnerOfUsernameParams{DeploymentID: deployment, UsernameKey: &key})
	row, err = database.OrNotFound(row, err, ErrNotFound)
	return Owner(row), err
}

// ReplacePassword stores the hash of a new password, or returns ErrNotFound
// when the person has left.
func ReplacePassword(ctx context.Context, tx *database.Tx, person id.User, hash string) error {
	row, err := New(tx).ReplacePassword(ctx, ReplacePasswordParams{ID: person, PasswordHash: hash, Now: tx.Now})
	_, err = database.OrNotFound(row, err, ErrNotFound)
	return err
}
