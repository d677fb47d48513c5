package database

import (
	"bytes"
	"cmp"
	"database/sql/driver"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"unsafe"

	"github.com/jackc/pgx/v5/pgtype"
	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"
)

// statement is a prepared statement, on the interface that SQLite has in C. The
// driver for database/sql costs as much again as a usual query: for each one it
// asks for the name and type of every column, and puts every value in a box.
type statement struct {
	conn    *sqliteConn
	handle  uintptr
	tail    uintptr // the text behind the statement
	columns int
	busy    bool // its rows are being read
	extra   bool // made while the kept one was busy: it is closed after use
}

func (c *sqliteConn) compile(text string) (*statement, error) {
	cText, err := libc.CString(text)
	if err != nil {
		return nil, err
	}
	defer libc.Xfree(c.tls, cText)
	s := &statement{conn: c} // on the heap: SQLite writes to it
	code := lib.Xsqlite3_prepare_v3(c.tls, c.db, cText, -1, lib.SQLITE_PREPARE_PERSISTENT,
		uintptr(unsafe.Pointer(&s.handle)), uintptr(unsafe.Pointer(&s.tail)))
	runtime.KeepAlive(s)
	if code != lib.SQLITE_OK {
		return nil, c.failed(code)
	}
	if s.handle == 0 || strings.TrimSpace(libc.GoString(s.tail)) != "" {
		s.close()
		return nil, errors.New("database: a text has to be one statement")
	}
	s.columns = int(lib.Xsqlite3_column_count(c.tls, s.handle))
	return s, nil
}

func (s *statement) close() { lib.Xsqlite3_finalize(s.conn.tls, s.handle) }

// reset makes the statement ready for the next use. What can go wrong here did
// so in step before. The arguments stay: to clear them would make SQLite plan
// the statement anew.
func (s *statement) reset() { lib.Xsqlite3_reset(s.conn.tls, s.handle) }

// step reports whether there is another row.
func (s *statement) step() (bool, error) {
	switch code := lib.Xsqlite3_step(s.conn.tls, s.handle); code {
	case lib.SQLITE_ROW:
		return true, nil
	case lib.SQLITE_DONE:
		return false, nil
	default:
		return false, s.conn.failed(code)
	}
}

// bind sets the arguments; single is that of isSingle.
func (s *statement) bind(args []any, single bool) error {
	if n := int(lib.Xsqlite3_bind_parameter_count(s.conn.tls, s.handle)); n != len(args) {
		return fmt.Errorf("database: %d arguments for a statement that takes %d", len(args), n)
	}
	for i, arg := range args {
		if list := listOf(arg); single && list.IsValid() {
			arg = list.Index(0).Interface()
		}
		if err := s.bindOne(int32(i+1), arg); err != nil {
			return fmt.Errorf("argument $%d: %w", i+1, err)
		}
	}
	return nil
}

func (s *statement) bindOne(i int32, arg any) error {
	tls := s.conn.tls
	if n, ok := arg.(pgtype.Int64Valuer); ok && !isNil(arg) {
		v, err := n.Int64Value()
		if err != nil {
			return err
		}
		if v.Valid {
			return s.bound(lib.Xsqlite3_bind_int64(tls, s.handle, i, v.Int64))
		}
		return s.bound(lib.Xsqlite3_bind_null(tls, s.handle, i))
	}
	value, err := sqliteValue(arg)
	if err != nil {
		return err
	}
	switch v := value.(type) {
	case nil:
		return s.bound(lib.Xsqlite3_bind_null(tls, s.handle, i))
	case int64:
		return s.bound(lib.Xsqlite3_bind_int64(tls, s.handle, i, v))
	case float64:
		return s.bound(lib.Xsqlite3_bind_double(tls, s.handle, i, v))
	case bool:
		var n int64
		if v {
			n = 1
		}
		return s.bound(lib.Xsqlite3_bind_int64(tls, s.handle, i, n))
	case string:
		at, room, err := s.conn.lend(len(v))
		copy(room, v)
		return cmp.Or(err, s.bound(lib.Xsqlite3_bind_text(tls, s.handle, i, at, int32(len(v)), transient)))
	case []byte:
		at, room, err := s.conn.lend(len(v))
		copy(room, v)
		return cmp.Or(err, s.bound(lib.Xsqlite3_bind_blob(tls, s.handle, i, at, int32(len(v)), transient)))
	}
	return fmt.Errorf("database: cannot bind a %T", arg)
}

// transient has SQLite make a copy of a text or blob at once.
const transient = ^uintptr(0)

func (s *statement) bound(code int32) error {
	if code != lib.SQLITE_OK {
		return s.conn.failed(code)
	}
	return nil
}

// name is the name of a column.
func (s *statement) name(column int) string {
	return libc.GoString(lib.Xsqlite3_column_name(s.conn.tls, s.handle, int32(column)))
}

// value is a column of the current row, in a box.
func (s *statement) value(column int) driver.Value {
	i := int32(column)
	switch lib.Xsqlite3_column_type(s.conn.tls, s.handle, i) {
	case lib.SQLITE_INTEGER:
		return lib.Xsqlite3_column_int64(s.conn.tls, s.handle, i)
	case lib.SQLITE_FLOAT:
		return lib.Xsqlite3_column_double(s.conn.tls, s.handle, i)
	case lib.SQLITE_TEXT:
		return s.text(i)
	case lib.SQLITE_BLOB:
		data := lib.Xsqlite3_column_blob(s.conn.tls, s.handle, i)
		size := lib.Xsqlite3_column_bytes(s.conn.tls, s.handle, i)
		if size == 0 {
			return []byte{}
		}
		return bytes.Clone(libc.GoBytes(data, int(size)))
	}
	return nil
}

func (s *statement) text(i int32) string {
	data := lib.Xsqlite3_column_text(s.conn.tls, s.handle, i)
	size := lib.Xsqlite3_column_bytes(s.conn.tls, s.handle, i)
	if size == 0 {
		return ""
	}
	return string(libc.GoBytes(data, int(size)))
}

// scan stores a column of the current row in *dest, the usual ones without a
// box.
func (s *statement) scan(column int, dest any) error {
	i := int32(column)
	kind := lib.Xsqlite3_column_type(s.conn.tls, s.handle, i)
	switch d := dest.(type) {
	case *string:
		if kind == lib.SQLITE_TEXT {
			*d = s.text(i)
			return nil
		}
	case *int64:
		if kind == lib.SQLITE_INTEGER {
			*d = lib.Xsqlite3_column_int64(s.conn.tls, s.handle, i)
			return nil
		}
	case pgtype.Int64Scanner:
		switch kind {
		case lib.SQLITE_INTEGER:
			return d.ScanInt64(pgtype.Int8{Int64: lib.Xsqlite3_column_int64(s.conn.tls, s.handle, i), Valid: true})
		case lib.SQLITE_NULL:
			return d.ScanInt64(pgtype.Int8{})
		}
	}
	return scan(dest, s.value(column))
}
