package database

import (
	"context"
	"database/sql/driver"
	"errors"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

// maxStatements bounds the prepared statements of a connection. Texts are
// constants but for a few built lists.
const maxStatements = 512

// sqliteConn is one connection with its prepared statements. It speaks to the
// driver itself: database/sql would prepare, lock and convert once more. One
// goroutine uses it at a time.
type sqliteConn struct {
	raw        driver.Conn
	statements map[string]*statement // by the text before it was rewritten
	broken     error                 // why the open transaction is gone, if SQLite ended it
}

type statement struct {
	driver.Stmt
	busy bool // its rows are being read
}

func newSQLiteConn(raw driver.Conn) *sqliteConn {
	return &sqliteConn{raw: raw, statements: map[string]*statement{}}
}

func (c *sqliteConn) close() error {
	c.forget()
	return c.raw.Close()
}

// forget closes the statements that are at rest.
func (c *sqliteConn) forget() {
	for text, s := range c.statements {
		if !s.busy {
			s.Close()
			delete(c.statements, text)
		}
	}
}

// prepare takes the text's statement, or makes a second one while the first
// is being read. It is busy until done.
func (c *sqliteConn) prepare(ctx context.Context, text string) (*statement, error) {
	if c.broken != nil {
		return nil, c.broken
	}
	known := c.statements[text]
	if known != nil && !known.busy {
		known.busy = true
		return known, nil
	}
	raw, err := c.raw.(driver.ConnPrepareContext).PrepareContext(ctx, sqliteText(text))
	if err != nil {
		return nil, c.failed(err)
	}
	s := &statement{raw, true}
	if known == nil {
		if len(c.statements) >= maxStatements {
			c.forget()
		}
		c.statements[text] = s
	}
	return s, nil
}

// done puts a statement back, or closes it when it was a second one.
func (c *sqliteConn) done(text string, s *statement) {
	s.busy = false
	if c.statements[text] != s {
		s.Close()
	}
}

func (c *sqliteConn) exec(ctx context.Context, text string, args []any) (pgconn.CommandTag, error) {
	values, err := sqliteArgs(args)
	if err != nil {
		return pgconn.CommandTag{}, err
	}
	s, err := c.prepare(ctx, text)
	if err != nil {
		return pgconn.CommandTag{}, err
	}
	defer c.done(text, s)
	result, err := s.Stmt.(driver.StmtExecContext).ExecContext(ctx, values)
	if err != nil {
		return pgconn.CommandTag{}, c.failed(err)
	}
	n, err := result.RowsAffected()
	return affected(n), err
}

// query never returns nil: rows that could not be had carry the error.
func (c *sqliteConn) query(ctx context.Context, text string, args []any) *sqliteRows {
	values, err := sqliteArgs(args)
	if err != nil {
		return noRows(err)
	}
	s, err := c.prepare(ctx, text)
	if err != nil {
		return noRows(err)
	}
	raw, err := s.Stmt.(driver.StmtQueryContext).QueryContext(ctx, values)
	if err != nil {
		c.done(text, s)
		return noRows(c.failed(err))
	}
	columns := raw.Columns()
	return &sqliteRows{conn: c, statement: s, text: text, raw: raw, columns: columns, values: make([]driver.Value, len(columns))}
}

func affected(n int64) pgconn.CommandTag {
	return pgconn.NewCommandTag("SQLITE " + strconv.FormatInt(n, 10))
}

// uniqueError is a violation of a unique index, with the name of the index as
// PostgreSQL would tell it.
type uniqueError struct {
	index string
	err   error
}

func (e *uniqueError) Error() string { return e.err.Error() + " [" + e.index + "]" }

func (e *uniqueError) Unwrap() error { return e.err }

// failed adds to a driver's error what its readers need to know.
func (c *sqliteConn) failed(err error) error {
	var failure *sqlite.Error
	if !errors.As(err, &failure) {
		return err
	}
	switch failure.Code() {
	case lib.SQLITE_CONSTRAINT_UNIQUE, lib.SQLITE_CONSTRAINT_PRIMARYKEY:
		return &uniqueError{c.violated(failure.Error()), err}
	}
	switch failure.Code() & 0xff {
	case lib.SQLITE_FULL, lib.SQLITE_IOERR, lib.SQLITE_NOMEM, lib.SQLITE_INTERRUPT:
		// These end the whole transaction; what followed would be committed
		// statement by statement.
		c.broken = err
	}
	return err
}

// violated is the name of the index that "UNIQUE constraint failed: t.a, t.b"
// or "…: index 'name'" is about.
func (c *sqliteConn) violated(message string) string {
	_, what, _ := strings.Cut(message, "UNIQUE constraint failed: ")
	what, _, _ = strings.Cut(what, " (")
	if name, ok := strings.CutPrefix(what, "index '"); ok {
		return strings.TrimSuffix(name, "'")
	}
	table, _, _ := strings.Cut(what, ".")
	rows := c.query(context.Background(), `
		SELECT CASE origin WHEN 'pk' THEN $1 || '_pkey' ELSE name END FROM pragma_index_list($1) AS list
		WHERE "unique" AND $2 = (SELECT group_concat($1 || '.' || name, ', ') FROM (SELECT name FROM pragma_index_info(list.name) ORDER BY seqno))`,
		[]any{table, what})
	defer rows.Close()
	if rows.Next() {
		name, _ := rows.values[0].(string)
		return name
	}
	// The key that is the table itself has no index.
	return table + "_pkey"
}
