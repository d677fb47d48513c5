package database

import (
	"context"
	"time"

	"github.com/guildhall-id/guildhall/internal/id"
)

// For the tests of this package.
var (
	SQLiteText   = sqliteText
	ErrLeaseLost = errLeaseLost
	ErrOver      = errOver
)

// Lease, Extend and Expire are the steps of a node lease.
func (db *DB) Lease(ctx context.Context, holder string) (int, error) {
	held, err := db.lease(ctx, holder)
	return held.number, err
}

func (db *DB) Extend(ctx context.Context, number int, holder string) error {
	return db.extend(ctx, lease{number, holder}, leaseTime)
}

func (db *DB) ExpireLease() {
	past := time.Now().Add(-time.Second)
	db.leasedUntil.Store(&past)
}

// NodeOf is the node number within an id.
func NodeOf[T ~int64](i T) int { return int(int64(i)>>12) % id.Nodes }
