package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"reflect"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// sqliteRows are pgx.Rows that read from the statement as they go.
type sqliteRows struct {
	statement *statement
	home      *readers        // where a reader goes back to; nil in a transaction
	ctx       context.Context // of whoever reads; nil in a transaction
	stepped   bool            // the step to the next row was taken,
	more      bool            // and found it
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
	if r.ctx != nil && r.ctx.Err() != nil {
		r.fail(r.ctx.Err())
		return false
	}
	if !r.stepped {
		r.more, r.err = r.statement.step()
	}
	r.stepped = false
	if !r.more {
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
	conn := r.statement.conn
	conn.done(r.statement)
	if r.home != nil {
		r.home.give(conn)
	}
}

var errNoRow = errors.New("database: there is no row to read")

func (r *sqliteRows) Scan(dest ...any) error {
	if r.closed {
		return errNoRow
	}
	if len(dest) != r.statement.columns {
		return r.fail(fmt.Errorf("database: %d columns for %d destinations", r.statement.columns, len(dest)))
	}
	for i, d := range dest {
		if err := r.statement.scan(i, d); err != nil {
			return r.fail(fmt.Errorf("column %s: %w", r.statement.name(i), err))
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
	if r.closed {
		return nil
	}
	fields := make([]pgconn.FieldDescription, r.statement.columns)
	for i := range fields {
		fields[i].Name = r.statement.name(i)
	}
	return fields
}

func (r *sqliteRows) Values() ([]any, error) {
	if r.closed {
		return nil, errNoRow
	}
	values := make([]any, r.statement.columns)
	for i := range values {
		values[i] = r.statement.value(i)
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
