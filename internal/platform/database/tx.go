package database

import (
	"context"
	"errors"
	"time"

	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/clock"
)

// Tx is a transaction. It must not be used once the function it was given to
// has returned, nor by two goroutines at once.
type Tx struct {
	DBTX
	Now clock.Time // one instant for the whole transaction

	raw         any
	ids         *id.Generator
	gathered    gathering
	afterCommit []func()
}

var (
	errNotStarted = errors.New("database: InTx before Start")
	errLeaseLost  = errors.New("database: this node's lease has run out and could not be renewed")
)

// InTx runs fn in one transaction and returns once it is durable; an error or
// a panic of fn rolls it back. fn may run again, up to three times, when it
// lost against a concurrent transaction, so it must only set what it would set
// again. On SQLite all transactions wait for each other: nothing slow belongs
// into fn, and InTx within fn would wait for ever.
func (db *DB) InTx(ctx context.Context, fn func(*Tx) error) error {
	until := db.leasedUntil.Load()
	if until == nil {
		return errNotStarted
	}
	if time.Now().After(*until) {
		return errLeaseLost
	}
	return db.inTx(ctx, fn)
}

// inTx is InTx without the need of a node number.
func (db *DB) inTx(ctx context.Context, fn func(*Tx) error) error {
	var last *Tx
	err := db.transact(ctx, func(tx *Tx) error {
		last = tx
		tx.Now = db.Now()
		tx.ids = db.ids.Load()
		return fn(tx)
	})
	if err != nil {
		return err
	}
	for _, f := range last.afterCommit {
		f()
	}
	return nil
}

// NewID is an id that nobody else gets.
func NewID[T ~int64](tx *Tx) T { return id.Next[T](tx.ids) }

// AfterCommit has f run once the transaction is durable, before InTx returns.
func (tx *Tx) AfterCommit(f func()) { tx.afterCommit = append(tx.afterCommit, f) }

// Raw is the transaction itself, a pgx.Tx or a *sql.Tx, for libraries that
// bring their own SQL. Give them a context that does not end: on SQLite, a
// statement that is interrupted takes other callers' transactions with it.
func (tx *Tx) Raw() any { return tx.raw }

// gathering is what waits for the commit, by key in the order of arrival.
type gathering []*gathered

type gathered struct {
	key   string
	items []any
	flush func(context.Context, *Tx, []any) error
}

// Gather has flush write item just before the commit, together with the other
// items of that key: those of this transaction and, on SQLite, those of every
// transaction that shares the commit. An error of flush fails them all, so
// whatever can be wrong with an item is checked before. flush gets a context
// that does not end, and must not gather.
func Gather[T any](tx *Tx, key string, item T, flush func(context.Context, *Tx, []T) error) {
	tx.gathered.add(key, func(ctx context.Context, tx *Tx, items []any) error {
		typed := make([]T, len(items))
		for i, item := range items {
			typed[i] = item.(T)
		}
		return flush(ctx, tx, typed)
	}, item)
}

func (g *gathering) add(key string, flush func(context.Context, *Tx, []any) error, items ...any) {
	for _, have := range *g {
		if have.key == key {
			have.items = append(have.items, items...)
			return
		}
	}
	*g = append(*g, &gathered{key, items, flush})
}

// join adds what another transaction gathered.
func (g *gathering) join(other gathering) {
	for _, o := range other {
		g.add(o.key, o.flush, o.items...)
	}
}

func (g gathering) flush(ctx context.Context, tx *Tx) error {
	for _, one := range g {
		if err := one.flush(ctx, tx, one.items); err != nil {
			return err
		}
	}
	return nil
}

// NextID is an id for something that is not stored, such as an anonymous
// session.
func NextID[T ~int64](db *DB) T { return id.Next[T](db.ids.Load()) }
