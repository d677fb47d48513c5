package database

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"
)

// maxStatements bounds the prepared statements of a connection. Texts are
// constants but for a few built lists.
const maxStatements = 512

// sqliteConn is one connection with its prepared statements. The driver opens
// and closes it, and serves the job queue on it. One goroutine uses it at a
// time.
type sqliteConn struct {
	raw        driver.Conn
	db         uintptr
	tls        *libc.TLS
	statements map[statementKey]*statement
	broken     error // why the open transaction is gone, if SQLite ended it

	lent     uintptr // memory that SQLite can read
	lentSize int
}

// statementKey is what a statement was rewritten from, see sqliteText.
type statementKey struct {
	text   string
	single bool
}

// newSQLiteConn takes from the driver's connection the handle that SQLite
// knows it by. The driver does not export it.
func newSQLiteConn(raw driver.Conn) (*sqliteConn, error) {
	conn := reflect.Indirect(reflect.ValueOf(raw))
	db, tls := conn.FieldByName("db"), conn.FieldByName("tls")
	if db.Kind() != reflect.Uintptr || !tls.IsValid() || tls.Type() != reflect.TypeFor[*libc.TLS]() {
		return nil, fmt.Errorf("database: this version of the SQLite driver is not known: %T has other fields", raw)
	}
	return &sqliteConn{
		raw: raw, db: uintptr(db.Uint()), tls: (*libc.TLS)(tls.UnsafePointer()), statements: map[statementKey]*statement{},
	}, nil
}

func (c *sqliteConn) close() error {
	c.forget()
	libc.Xfree(c.tls, c.lent)
	return c.raw.Close()
}

// lend is some memory outside of Go's, which is good until the next call: its
// address, never that of nothing, and its bytes.
func (c *sqliteConn) lend(size int) (uintptr, []byte, error) {
	if c.lent == 0 || size > c.lentSize {
		libc.Xfree(c.tls, c.lent)
		c.lentSize = max(size, 1<<10)
		if c.lent = libc.Xmalloc(c.tls, libc.Tsize_t(c.lentSize)); c.lent == 0 {
			return 0, nil, errNoMemory
		}
	}
	return c.lent, libc.GoBytes(c.lent, size), nil
}

var errNoMemory = errors.New("database: there is no memory for an argument")

// forget closes the statements that are at rest.
func (c *sqliteConn) forget() {
	for key, s := range c.statements {
		if !s.busy {
			s.close()
			delete(c.statements, key)
		}
	}
}

// prepare takes the text's statement with arguments, or makes a second one
// while the first is being read. It is busy until done.
func (c *sqliteConn) prepare(text string, args []any) (*statement, error) {
	if c.broken != nil {
		return nil, c.broken
	}
	single := isSingle(args)
	key := statementKey{text, single}
	s := c.statements[key]
	if s == nil || s.busy {
		made, err := c.compile(sqliteText(text, single))
		if err != nil {
			return nil, err
		}
		if made.extra = s != nil; !made.extra {
			if len(c.statements) >= maxStatements {
				c.forget()
			}
			c.statements[key] = made
		}
		s = made
	}
	s.busy = true
	if err := s.bind(args, single); err != nil {
		c.done(s)
		return nil, err
	}
	return s, nil
}

// done puts a statement back, or closes an extra one.
func (c *sqliteConn) done(s *statement) {
	s.reset()
	s.busy = false
	if s.extra {
		s.close()
	}
}

func (c *sqliteConn) exec(text string, args []any) (pgconn.CommandTag, error) {
	s, err := c.prepare(text, args)
	if err != nil {
		return pgconn.CommandTag{}, err
	}
	defer c.done(s)
	for more := true; more; {
		if more, err = s.step(); err != nil {
			return pgconn.CommandTag{}, err
		}
	}
	return affected(lib.Xsqlite3_changes64(c.tls, c.db)), nil
}

// query never returns nil: rows that could not be had carry the error. The
// first step is taken here, because it is where a statement that changes
// something does so.
func (c *sqliteConn) query(text string, args []any) *sqliteRows {
	s, err := c.prepare(text, args)
	if err != nil {
		return noRows(err)
	}
	first, err := s.step()
	if err != nil {
		c.done(s)
		return noRows(err)
	}
	return &sqliteRows{statement: s, stepped: true, more: first}
}

func affected(n int64) pgconn.CommandTag {
	return pgconn.NewCommandTag("SQLITE " + strconv.FormatInt(n, 10))
}

// sqliteError is what SQLite says, with its extended code.
type sqliteError struct {
	code    int32
	message string
}

func (e *sqliteError) Error() string { return fmt.Sprintf("sqlite: %s (%d)", e.message, e.code) }

// away is for IsAway.
func (e *sqliteError) away() bool {
	switch e.code & 0xff {
	case lib.SQLITE_BUSY, lib.SQLITE_FULL, lib.SQLITE_IOERR, lib.SQLITE_CANTOPEN, lib.SQLITE_NOMEM:
		return true
	}
	return false
}

// uniqueError is a violation of a unique index, with the name of the index as
// PostgreSQL would tell it.
type uniqueError struct {
	index string
	err   error
}

func (e *uniqueError) Error() string { return e.err.Error() + " [" + e.index + "]" }

func (e *uniqueError) Unwrap() error { return e.err }

// failed is the error of the call that has just returned code, with what its
// readers need to know.
func (c *sqliteConn) failed(code int32) error {
	err := &sqliteError{code, libc.GoString(lib.Xsqlite3_errmsg(c.tls, c.db))}
	switch code {
	case lib.SQLITE_CONSTRAINT_UNIQUE, lib.SQLITE_CONSTRAINT_PRIMARYKEY:
		return &uniqueError{c.violated(err.message), err}
	}
	switch code & 0xff {
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
	if name, ok := strings.CutPrefix(what, "index '"); ok {
		return strings.TrimSuffix(name, "'")
	}
	table, _, _ := strings.Cut(what, ".")
	var name string
	err := sqliteRow{c.query(`
		SELECT CASE origin WHEN 'pk' THEN $1 || '_pkey' ELSE name END FROM pragma_index_list($1) AS list
		WHERE "unique" AND $2 = (SELECT group_concat($1 || '.' || name, ', ') FROM (SELECT name FROM pragma_index_info(list.name) ORDER BY seqno))`,
		[]any{table, what})}.Scan(&name)
	if err != nil {
		// The key that is the table itself has no index.
		return table + "_pkey"
	}
	return name
}
