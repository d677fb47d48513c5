package signin

import (
	"context"
	"fmt"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/limit"
	"github.com/guildhall-id/guildhall/internal/platform/throttle"
	"github.com/guildhall-id/guildhall/internal/session"
)

// allow is nil while key keeps the rate on this node, else a refusal that says
// when to try again.
func allow(l *limit.Limiter, key string) error {
	if ok, wait := l.Allow(key); !ok {
		return ErrTooManyTries.After(wait)
	}
	return nil
}

// allowOnAllNodes is allow for what all nodes count together.
func allowOnAllNodes(ctx context.Context, l *throttle.Limiter, key string) error {
	wait, err := l.Allow(ctx, key)
	if err == nil && wait > 0 {
		err = ErrTooManyTries.After(wait)
	}
	return err
}

// allowIn is allowOnAllNodes as a part of a transaction: it counts if that
// commits.
func allowIn(ctx context.Context, tx *database.Tx, l *throttle.Limiter, key string) error {
	wait, err := l.AllowIn(ctx, tx, key)
	if err == nil && wait > 0 {
		err = ErrTooManyTries.After(wait)
	}
	return err
}

func clientKey(c *access.Caller) string { return c.Client.Network() }

// accountKey is what wrong passwords for an identifier, and wrong second
// factors, are counted by: a browser in which the owner has signed in before
// has a count of its own, so that nobody else can use it up; all unknown
// browsers share that of the identifier. It is not the person's: who tries two
// identifiers must not learn whether they are one person's.
func accountKey(ctx context.Context, db database.DBTX, caller *access.Caller, identifier string, owner id.User) (string, error) {
	known, err := session.Knows(ctx, db, caller, owner)
	if err != nil {
		return "", err
	}
	if known {
		return fmt.Sprintf("%s in %s", owner, caller.Session.ID), nil
	}
	return fmt.Sprintf("%s of %s", identifier, caller.Deployment), nil
}
