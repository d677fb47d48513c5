package database

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"reflect"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// sqliteRows are pgx.Rows that read from the statement as they go.
type sqliteRows struct {
	conn      *sqliteConn
	statement *statement
	text      string
	raw       driver.Rows
	columns   []string
	values    []driver.Value
	home      chan *sqliteConn // where a reader goes back to; nil in a transaction
	read      int64
	closed    bool
	err       error
}

// noRows are rows that could not be had.
func noRows(err error) *sqliteRows { return &sqliteRows{err: err, closed: true} }

func (r *sqliteRows) Next() bool {
	if r.closed {
		return false
	}
	if err := r.raw.Next(r.values); err != nil {
		if !errors.Is(err, io.EOF) {
			r.err = r.conn.failed(err)
		}
		r.Close()
		return false
	}
	r.read++
	return true
}

func (r *sqliteRows) Close() {
	if r.closed {
		return
	}
	r.closed = true
	if err := r.raw.Close(); err != nil && r.err == nil {
		r.err = r.conn.failed(err)
	}
	r.conn.done(r.text, r.statement)
	if r.home != nil {
		r.home <- r.conn
	}
}

func (r *sqliteRows) Scan(dest ...any) error {
	if len(dest) != len(r.values) {
		return r.fail(fmt.Errorf("database: %d columns for %d destinations", len(r.values), len(dest)))
	}
	for i, d := range dest {
		if err := scan(d, r.values[i]); err != nil {
			return r.fail(fmt.Errorf("column %s: %w", r.columns[i], err))
		}
	}
	return nil
}

func (r *sqliteRows) fail(err error) error {
	r.err = err
	r.Close()
	return err
}

func (r *sqliteRows) Err() error                    { return r.err }
func (r *sqliteRows) CommandTag() pgconn.CommandTag { return affected(r.read) }
func (r *sqliteRows) RawValues() [][]byte           { return nil }
func (r *sqliteRows) Conn() *pgx.Conn               { return nil }
func (r *sqliteRows) TypeMap() *pgtype.Map          { return nil }

func (r *sqliteRows) FieldDescriptions() []pgconn.FieldDescription {
	fields := make([]pgconn.FieldDescription, len(r.values))
	for i, name := range r.columns {
		fields[i].Name = name
	}
	return fields
}

func (r *sqliteRows) Values() ([]any, error) {
	values := make([]any, len(r.values))
	for i, v := range r.values {
		values[i] = v
	}
	return values, nil
}

// sqliteRow is the first of the rows.
type sqliteRow struct{ rows *sqliteRows }

func (r sqliteRow) Scan(dest ...any) error {
	defer r.rows.Close()
	if !r.rows.Next() {
		if r.rows.err != nil {
			return r.rows.err
		}
		return pgx.ErrNoRows
	}
	if err := r.rows.Scan(dest...); err != nil {
		return err
	}
	r.rows.Close()
	return r.rows.err
}

// scan stores a value of the driver in *dest. Like pgx it refuses NULL where
// there is no room for it.
func scan(dest any, v driver.Value) error {
	switch d := dest.(type) {
	case nil:
		return nil
	case sql.Scanner:
		return d.Scan(v)
	case *int64:
		if n, ok := v.(int64); ok {
			*d = n
			return nil
		}
	case *string:
		if s, ok := v.(string); ok {
			*d = s
			return nil
		}
	case *bool:
		if n, ok := v.(int64); ok {
			*d = n != 0
			return nil
		}
	case *[]byte:
		switch b := v.(type) {
		case nil:
			*d = nil
			return nil
		case []byte:
			*d = b
			return nil
		}
	case *any:
		*d = v
		return nil
	}
	return scanInto(reflect.ValueOf(dest), v)
}

// scanInto is for pointers, named types and the rarer numbers.
func scanInto(dest reflect.Value, v driver.Value) error {
	if dest.Kind() != reflect.Pointer || dest.IsNil() {
		return fmt.Errorf("database: cannot scan into a %s", dest.Type())
	}
	to := dest.Elem()
	if to.Kind() == reflect.Pointer {
		if v == nil {
			to.SetZero()
			return nil
		}
		to.Set(reflect.New(to.Type().Elem()))
		return scan(to.Interface(), v)
	}
	switch v := v.(type) {
	case int64:
		switch {
		case to.CanInt() && !to.OverflowInt(v):
			to.SetInt(v)
			return nil
		case to.CanFloat():
			to.SetFloat(float64(v))
			return nil
		case to.Kind() == reflect.Bool:
			to.SetBool(v != 0)
			return nil
		}
	case float64:
		if to.CanFloat() {
			to.SetFloat(v)
			return nil
		}
	case string:
		switch {
		case to.Kind() == reflect.String:
			to.SetString(v)
			return nil
		case to.Kind() == reflect.Slice && to.Type().Elem().Kind() == reflect.Uint8:
			to.SetBytes([]byte(v))
			return nil
		}
	case nil:
		return fmt.Errorf("database: cannot scan NULL into a %s", dest.Type())
	}
	return fmt.Errorf("database: cannot scan a %T into a %s", v, dest.Type())
}
