// Package throttle says how often something may happen, per key, on all nodes
// together: it counts in the database, with the same rates as package limit,
// which counts in memory and is for what one node may see alone.
package throttle

import (
	"context"
	"time"

	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/limit"
	"github.com/guildhall-id/guildhall/internal/platform/secret"
)

// Limiter keeps a rate for every key of its name. It is safe for concurrent
// use, on any number of nodes.
type Limiter struct {
	db       *database.DB
	key      secret.Key
	rate     limit.Rate
	interval time.Duration // between two at the steady rate
	room     time.Duration // how far ahead of now a key may be before one more
}

// NewLimiter makes one. Limiters of one name, database and server key share
// their counts. Keys are stored as HMAC, so that the database does not tell
// what people typed.
func NewLimiter(db *database.DB, key secret.Key, name string, rate limit.Rate) *Limiter {
	l := &Limiter{db: db, key: key.For("tries of " + name), rate: rate}
	if rate.Count > 0 {
		burst := rate.Burst
		if burst <= 0 {
			burst = rate.Count
		}
		l.interval = rate.Per / time.Duration(rate.Count)
		l.room = time.Duration(burst-1) * l.interval
	}
	return l
}

// Allow counts one more for key and returns 0, or returns how long to wait
// until it would be allowed. What is refused does not count. When it returns,
// the count is durable.
func (l *Limiter) Allow(ctx context.Context, key string) (wait time.Duration, err error) {
	err = l.db.InTx(ctx, func(tx *database.Tx) error {
		wait, err = l.AllowIn(ctx, tx, key)
		return err
	})
	return wait, err
}

// AllowIn is Allow as a part of a transaction: it counts if that commits.
func (l *Limiter) AllowIn(ctx context.Context, tx *database.Tx, key string) (wait time.Duration, err error) {
	if l.rate.Count <= 0 {
		return l.rate.Per, nil
	}
	q, stored, now := New(tx), l.key.Sign([]byte(key)), tx.Now.Time().UnixNano()
	_, err = q.Take(ctx, TakeParams{
		Key: stored, Fresh: now + int64(l.interval), Now: now, Step: int64(l.interval), Latest: now + int64(l.room),
	})
	if !database.IsNoRows(err) {
		return 0, err
	}
	full, err := q.FullAt(ctx, stored)
	if err != nil {
		return 0, err
	}
	return max(time.Duration(full-now)-l.room, time.Millisecond), nil
}

// Refund takes back one that was allowed, because it did no harm.
func (l *Limiter) Refund(ctx context.Context, tx *database.Tx, key string) error {
	if l.rate.Count <= 0 {
		return nil
	}
	return New(tx).Refund(ctx, RefundParams{Key: l.key.Sign([]byte(key)), Step: int64(l.interval)})
}

// Sweep forgets the keys that have all of their burst again. Nothing depends
// on it but the size of the database.
func Sweep(ctx context.Context, db *database.DB) error {
	return db.InTx(ctx, func(tx *database.Tx) error {
		return New(tx).DeleteForgotten(ctx, tx.Now.Time().UnixNano())
	})
}
