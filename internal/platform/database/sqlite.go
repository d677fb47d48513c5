package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"runtime"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
)

// sqliteReaders is the least number of connections that only read.
const sqliteReaders = 4

// sqliteEngine is a file in WAL mode: one connection writes, several read what
// was committed before they began, and nobody waits for the other.
type sqliteEngine struct {
	*writer
	readers *readers
	count   int // of readers
}

func openSQLite(ctx context.Context, path string) (_ *sqliteEngine, err error) {
	// SQLite would create the file readable for everybody.
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	if err := file.Close(); err != nil {
		return nil, err
	}
	count := max(sqliteReaders, runtime.GOMAXPROCS(0))
	e := &sqliteEngine{readers: newReaders(count)}
	pool, err := sql.Open("sqlite", sqliteDSN(path, false))
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(1)
	e.writer = &writer{pool: pool}
	if err := pool.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open the database %s: %w", path, err), pool.Close())
	}
	for ; e.count < count; e.count++ {
		raw, err := new(sqlite.Driver).Open(sqliteDSN(path, true))
		if err != nil {
			return nil, errors.Join(fmt.Errorf("open the database %s: %w", path, err), e.close())
		}
		c, err := newSQLiteConn(raw)
		if err != nil {
			return nil, errors.Join(err, raw.Close(), e.close())
		}
		e.readers.give(c)
	}
	return e, nil
}

// sqliteDSN are the settings of every connection. LIKE minds case, as it does
// on PostgreSQL.
func sqliteDSN(path string, reader bool) string {
	options := url.Values{
		"_busy_timeout": {"5000"},
		"_pragma":       {"case_sensitive_like(1)", "journal_size_limit(67108864)", "temp_store(2)"},
	}
	if reader {
		options.Set("_query_only", "1")
		options.Add("_pragma", "cache_size(-4096)")
	} else {
		options.Set("_journal_mode", "WAL")
		options.Set("_synchronous", "FULL")
		options.Set("_foreign_keys", "1")
		options.Set("_txlock", "immediate")
		options.Add("_pragma", "wal_autocheckpoint(4000)")
	}
	return "file:" + strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path) + "?" + options.Encode()
}

func (*sqliteEngine) Dialect() Dialect { return SQLite }

func (e *sqliteEngine) Raw() any { return e.pool }

func (e *sqliteEngine) close() error {
	return errors.Join(e.readers.close(e.count), e.pool.Close())
}

// Exec is for statements that change nothing: a reader refuses the others.
func (e *sqliteEngine) Exec(ctx context.Context, text string, args ...any) (pgconn.CommandTag, error) {
	c, err := e.readers.take(ctx)
	if err != nil {
		return pgconn.CommandTag{}, err
	}
	defer e.readers.give(c)
	return c.exec(text, args)
}

func (e *sqliteEngine) Query(ctx context.Context, text string, args ...any) (pgx.Rows, error) {
	rows := e.query(ctx, text, args)
	return rows, rows.err
}

func (e *sqliteEngine) QueryRow(ctx context.Context, text string, args ...any) pgx.Row {
	return sqliteRow{e.query(ctx, text, args)}
}

// query minds the end of ctx before the first row and at every row. The driver
// would mind it within a row too, at the price of a goroutine for each query,
// which is more than most queries cost.
func (e *sqliteEngine) query(ctx context.Context, text string, args []any) *sqliteRows {
	c, err := e.readers.take(ctx)
	if err != nil {
		return noRows(err)
	}
	rows := c.query(text, args)
	if rows.err != nil {
		e.readers.give(c)
		return rows
	}
	rows.home, rows.ctx = e.readers, ctx
	return rows
}

// reading is a transaction that sees the database as it is at its first read.
func (e *sqliteEngine) reading(ctx context.Context, body func(DBTX) error) error {
	c, err := e.readers.take(ctx)
	if err != nil {
		return err
	}
	defer e.readers.give(c)
	if _, err := c.exec("BEGIN", nil); err != nil {
		return err
	}
	s := &session{conn: c}
	defer func() {
		s.over, c.broken = true, nil
		c.exec("ROLLBACK", nil) // fails only where SQLite has ended it already
	}()
	return body(s)
}
