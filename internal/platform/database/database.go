// Package database runs one SQL text on SQLite and on PostgreSQL.
//
// The text is PostgreSQL's, as sqlc generates it. On SQLite a small adapter
// rewrites it once and speaks pgx's interfaces, so features do not know which
// engine they run on. A write returns when it is on disk; on SQLite the writes
// of one moment share one commit.
package database

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/clock"
)

// DBTX is what queries run on: a *Tx, or for reads a *DB.
type DBTX interface {
	Exec(context.Context, string, ...any) (pgconn.CommandTag, error)
	Query(context.Context, string, ...any) (pgx.Rows, error)
	QueryRow(context.Context, string, ...any) pgx.Row
}

// Dialect is an engine.
type Dialect string

// The engines.
const (
	SQLite     Dialect = "sqlite"
	PostgreSQL Dialect = "postgres"
)

// Options are what Open needs besides the address.
type Options struct {
	Now func() time.Time // nil: the system's clock
}

// DB is one database. Its own queries are reads, on a connection of their own
// each; writes go through InTx.
type DB struct {
	engine
	now func() time.Time

	ids         atomic.Pointer[id.Generator]
	leasedUntil atomic.Pointer[time.Time]
	stop        context.CancelFunc
	renewing    sync.WaitGroup
}

// engine is what differs between SQLite and PostgreSQL.
type engine interface {
	DBTX
	Dialect() Dialect
	// Raw is the pool itself, for libraries that bring their own SQL: a
	// *pgxpool.Pool, or the *sql.DB of SQLite's one writing connection.
	Raw() any
	// reading runs body with one connection that only reads.
	reading(ctx context.Context, body func(DBTX) error) error
	// transact runs body in a transaction, perhaps more than once, and then
	// settles what its last run gathered.
	transact(ctx context.Context, body func(*Tx) error) error
	migrate(ctx context.Context) error
	close() error
}

// Open connects to "sqlite:PATH", creating the file, or "postgres://…". It
// does not migrate.
func Open(ctx context.Context, url string, o Options) (*DB, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	var (
		e   engine
		err error
	)
	path, isFile := strings.CutPrefix(url, "sqlite:")
	switch {
	case isFile && path != "":
		e, err = openSQLite(ctx, path)
	case strings.HasPrefix(url, "postgres://"), strings.HasPrefix(url, "postgresql://"):
		e, err = openPostgres(ctx, url)
	default:
		return nil, errors.New("the database address must be sqlite:PATH or postgres://…")
	}
	if err != nil {
		return nil, err
	}
	return &DB{engine: e, now: o.Now}, nil
}

// CheckAddress is nil for an address that Open understands. The error is the
// end of a sentence, and repeats nothing of the address.
func CheckAddress(url string) error {
	path, isFile := strings.CutPrefix(url, "sqlite:")
	switch {
	case isFile && path == "":
		return errors.New("has to name a file, as sqlite:guildhall.db")
	case isFile:
		return nil
	case strings.HasPrefix(url, "postgres://"), strings.HasPrefix(url, "postgresql://"):
		_, err := parsePostgres(url)
		return err
	}
	return errors.New("has to start with sqlite: or postgres://")
}

// Migrate brings the schema up to date, ours and the job queue's. Several
// nodes may do so at once.
func (db *DB) Migrate(ctx context.Context) error {
	if err := db.migrate(ctx); err != nil {
		return fmt.Errorf("migrate the database: %w", err)
	}
	return nil
}

// Reading runs fn, whose reads share a connection, which costs less than one
// for each. On SQLite they see one moment, too. fn must not use db itself: it
// would wait for a second connection while it keeps the first.
func (db *DB) Reading(ctx context.Context, fn func(DBTX) error) error { return db.reading(ctx, fn) }

// Now is the time of the injected clock.
func (db *DB) Now() clock.Time { return clock.At(db.now()) }

// Close gives the node number back and closes every connection. Nothing may
// be running on the database any more.
func (db *DB) Close() error {
	db.release()
	return db.close()
}
