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
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
)

const (
	sqliteReaders  = 4 // the least number of connections that only read
	sqlitePatience = 5 * time.Second
)

// sqliteEngine is a file in WAL mode: one connection writes, several read what
// was committed before they began, and nobody waits for the other.
type sqliteEngine struct {
	*writer
	readers chan *sqliteConn
	count   int
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
	e := &sqliteEngine{readers: make(chan *sqliteConn, count), count: count}
	pool, err := sql.Open("sqlite", sqliteDSN(path, false))
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(1)
	e.writer = &writer{pool: pool}
	if err := pool.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open the database: %w", err), pool.Close())
	}
	for range count {
		raw, err := new(sqlite.Driver).Open(sqliteDSN(path, true))
		if err != nil {
			// Only those opened so far are there to be closed.
			e.count = len(e.readers)
			return nil, errors.Join(fmt.Errorf("open the database: %w", err), e.close())
		}
		e.readers <- newSQLiteConn(raw)
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
	} else {
		options.Set("_journal_mode", "WAL")
		options.Set("_synchronous", "FULL")
		options.Set("_foreign_keys", "1")
		options.Set("_txlock", "immediate")
	}
	return "file:" + strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path) + "?" + options.Encode()
}

func (*sqliteEngine) Dialect() Dialect { return SQLite }

func (e *sqliteEngine) Raw() any { return e.pool }

// close waits a while for the reads that are under way.
func (e *sqliteEngine) close() error {
	var errs []error
	patience := time.After(sqlitePatience)
	for range e.count {
		select {
		case c := <-e.readers:
			errs = append(errs, c.close())
		case <-patience:
			return errors.Join(append(errs, errors.New("database: closed while rows were being read"), e.pool.Close())...)
		}
	}
	return errors.Join(append(errs, e.pool.Close())...)
}

func (e *sqliteEngine) acquire(ctx context.Context) (*sqliteConn, error) {
	select {
	case c := <-e.readers:
		c.broken = nil
		return c, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Exec is for statements that change nothing: a reader refuses the others.
func (e *sqliteEngine) Exec(ctx context.Context, text string, args ...any) (pgconn.CommandTag, error) {
	c, err := e.acquire(ctx)
	if err != nil {
		return pgconn.CommandTag{}, err
	}
	defer func() { e.readers <- c }()
	return c.exec(ctx, text, args)
}

func (e *sqliteEngine) Query(ctx context.Context, text string, args ...any) (pgx.Rows, error) {
	rows := e.query(ctx, text, args)
	return rows, rows.err
}

func (e *sqliteEngine) QueryRow(ctx context.Context, text string, args ...any) pgx.Row {
	return sqliteRow{e.query(ctx, text, args)}
}

func (e *sqliteEngine) query(ctx context.Context, text string, args []any) *sqliteRows {
	c, err := e.acquire(ctx)
	if err != nil {
		return noRows(err)
	}
	rows := c.query(ctx, text, args)
	if rows.err != nil {
		e.readers <- c
		return rows
	}
	rows.home = e.readers
	return rows
}
