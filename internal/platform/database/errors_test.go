package database

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	lib "modernc.org/sqlite/lib"
)

func TestIsAway(t *testing.T) {
	_, refused := pgx.Connect(t.Context(), "postgres://nobody@127.0.0.1:1/nothing")
	for name, test := range map[string]struct {
		err  error
		want bool
	}{
		"nobody answers":              {refused, true},
		"an operator ends the server": {&pgconn.PgError{Code: "57P01"}, true},
		"it is starting":              {&pgconn.PgError{Code: "57P03"}, true},
		"too many connections":        {&pgconn.PgError{Code: "53300"}, true},
		"the disk is full":            {&pgconn.PgError{Code: "53100"}, true},
		"another process writes":      {&sqliteError{lib.SQLITE_BUSY, ""}, true},
		"SQLite's disk is full":       {&sqliteError{lib.SQLITE_FULL, ""}, true},
		"SQLite cannot read":          {&sqliteError{lib.SQLITE_IOERR_READ, ""}, true},
		"the lease ran out":           {errLeaseLost, true},

		"a query that was given up": {&pgconn.PgError{Code: "57014"}, false},
		"a wrong query":             {&pgconn.PgError{Code: "42601"}, false},
		"a unique index":            {&pgconn.PgError{Code: "23505"}, false},
		"a damaged file":            {&sqliteError{lib.SQLITE_CORRUPT, ""}, false},
		"no row":                    {pgx.ErrNoRows, false},
		"a caller who left":         {context.Canceled, false},
		"anything else":             {errors.New("x"), false},
		"nothing":                   {nil, false},
	} {
		if got := IsAway(test.err); got != test.want {
			t.Errorf("%s: got %t", name, got)
		}
		if test.err != nil && IsAway(fmt.Errorf("read: %w", test.err)) != test.want {
			t.Errorf("%s, wrapped", name)
		}
	}
}
