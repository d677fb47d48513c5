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

// mayBegin counts what a client begins and has a price: a row, a message, or a
// password that is hashed.
func (s *Service) mayBegin(c *access.Caller) error { return allow(s.starts, clientKey(c)) }

// guess counts a try of a client at a secret, before it is compared, so that
// simultaneous ones share the count.
func (s *Service) guess(c *access.Caller) error { return allow(s.clients, clientKey(c)) }

// giveBack is deferred by whoever calls guess: a right try does not count, else
// the people behind one address would keep each other out.
func (s *Service) giveBack(c *access.Caller, failed *error) {
	if *failed == nil {
		s.clients.Refund(clientKey(c))
	}
}

// mayMail counts a code or link of a sign-in to an address or number, and reports
// whether its owner has asked: in a browser that they have used before, or one
// that has proven the first factor. These have counts of their own, so that
// nobody else can use them up.
func (s *Service) mayMail(ctx context.Context, tx *database.Tx, to string, a SigninAttempt) (familiar bool, err error) {
	key, familiar, err := accountKey(ctx, tx, access.CallerOf(ctx), to, a.UserID)
	if err != nil {
		return false, err
	}
	if !familiar && a.FirstFactorAt != 0 {
		key, familiar = "second factor of "+a.UserID.String(), true
	}
	return familiar, allowIn(ctx, tx, s.addresses, key)
}

func clientKey(c *access.Caller) string { return c.Client.Network() }

// accountKey is what wrong passwords for an identifier, and wrong second
// factors, are counted by: a browser in which the owner has signed in before
// has a count of its own, so that nobody else can use it up; all unknown
// browsers share that of the identifier. It is not the person's: who tries two
// identifiers must not learn whether they are one person's.
func accountKey(ctx context.Context, db database.DBTX, caller *access.Caller, identifier string, owner id.User) (key string, known bool, err error) {
	if known, err = session.Knows(ctx, db, caller, owner); err != nil {
		return "", false, err
	}
	if known {
		return fmt.Sprintf("%s in %s", owner, caller.Session.ID), true, nil
	}
	return fmt.Sprintf("%s of %s", identifier, caller.Deployment), false, nil
}
