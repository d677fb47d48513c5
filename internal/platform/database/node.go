package database

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/clock"
)

// A node number is ours for leaseTime and asked for again every leaseRenewal.
// A number given back rests for leaseRest, so that its next holder makes no id
// of the same millisecond.
const (
	leaseTime    = 60 * time.Second
	leaseRenewal = 20 * time.Second
	leaseRetry   = time.Second
	leaseRest    = 2 * time.Second
)

// lease is a node number held by this process. Leases run on the system's
// clock, whatever clock was injected.
type lease struct {
	number int
	holder string
}

// Start leases a node number, which makes this process's ids its own, and
// renews it until Close.
func (db *DB) Start(ctx context.Context) error {
	held, err := db.lease(ctx, rand.Text())
	if err != nil {
		return fmt.Errorf("lease a node number: %w", err)
	}
	renewing, stop := context.WithCancel(context.WithoutCancel(ctx))
	db.stop = stop
	db.renewing.Go(func() { db.renew(renewing, held) })
	return nil
}

// renew keeps the lease. When it cannot, InTx refuses as soon as the lease has
// run out, and another number is leased once that is possible.
func (db *DB) renew(ctx context.Context, held lease) {
	wait := leaseRenewal
	for {
		select {
		case <-ctx.Done():
			db.leasedUntil.Store(nil)
			// If this fails the number rests until the lease runs out.
			_ = db.extend(context.WithoutCancel(ctx), held, leaseRest)
			return
		case <-time.After(wait):
		}
		wait = leaseRenewal
		err := db.extend(ctx, held, leaseTime)
		if errors.Is(err, errLeaseLost) {
			var fresh lease
			if fresh, err = db.lease(ctx, held.holder); err == nil {
				held = fresh
			}
		}
		if err != nil {
			wait = leaseRetry
		}
	}
}

// release gives the number back.
func (db *DB) release() {
	if db.stop != nil {
		db.stop()
		db.renewing.Wait()
	}
}

// lease takes a number nobody holds: the one that has rested longest, else a
// new one. Its condition is in the upsert, so two nodes cannot both succeed.
func (db *DB) lease(ctx context.Context, holder string) (lease, error) {
	for range id.Nodes {
		held, err := db.tryLease(ctx, holder)
		if !errors.Is(err, errLeaseLost) {
			return held, err
		}
	}
	return lease{}, errors.New("every node number is taken")
}

func (db *DB) tryLease(ctx context.Context, holder string) (held lease, err error) {
	var now time.Time
	err = db.inTx(ctx, func(tx *Tx) error {
		now = time.Now()
		var number int64
		err := tx.QueryRow(ctx, "SELECT number FROM nodes WHERE leased_until < $1 ORDER BY leased_until LIMIT 1", clock.At(now)).Scan(&number)
		if errors.Is(err, pgx.ErrNoRows) {
			err = tx.QueryRow(ctx, "SELECT COALESCE(MAX(number), -1) + 1 FROM nodes").Scan(&number)
		}
		if err != nil {
			return err
		}
		if number >= id.Nodes {
			return fmt.Errorf("all %d node numbers are taken", id.Nodes)
		}
		tag, err := tx.Exec(ctx, `
			INSERT INTO nodes (number, holder, leased_until) VALUES ($1, $2, $3)
			ON CONFLICT (number) DO UPDATE SET holder = excluded.holder, leased_until = excluded.leased_until
			WHERE nodes.leased_until < $4`,
			number, holder, clock.At(now.Add(leaseTime)), clock.At(now))
		if err == nil && tag.RowsAffected() == 0 {
			err = errLeaseLost
		}
		held = lease{int(number), holder}
		return err
	})
	if err != nil {
		return lease{}, err
	}
	db.ids.Store(id.NewGenerator(held.number, db.now))
	until := now.Add(leaseTime)
	db.leasedUntil.Store(&until)
	return held, nil
}

// extend sets what remains of a lease, or returns errLeaseLost if it is
// another's by now.
func (db *DB) extend(ctx context.Context, held lease, remaining time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, leaseRenewal/4)
	defer cancel()
	until := time.Now().Add(remaining)
	err := db.inTx(ctx, func(tx *Tx) error {
		tag, err := tx.Exec(ctx, "UPDATE nodes SET leased_until = $1 WHERE number = $2 AND holder = $3", clock.At(until), held.number, held.holder)
		if err == nil && tag.RowsAffected() == 0 {
			err = errLeaseLost
		}
		return err
	})
	if err == nil && remaining == leaseTime {
		db.leasedUntil.Store(&until)
	}
	return err
}
