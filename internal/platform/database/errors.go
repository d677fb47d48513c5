package database

import (
	"errors"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// OrNotFound passes the result of a query for one row on, with notFound in
// place of "no row".
func OrNotFound[T any](row T, err error, notFound error) (T, error) {
	if errors.Is(err, pgx.ErrNoRows) {
		err = notFound
	}
	return row, err
}

// IsUnique reports whether err is a violation of the named unique index. A
// primary key has the name TABLE_pkey. On PostgreSQL such an error ends the
// transaction, so do nothing more in it on any engine.
func IsUnique(err error, index string) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code == "23505" && pg.ConstraintName == index
	}
	var unique *uniqueError
	return errors.As(err, &unique) && unique.index == index
}

// EscapeLike makes s stand for itself in a pattern of LIKE … ESCAPE '\'.
func EscapeLike(s string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(s)
}

// Int64s are the numbers of ids, for `= ANY(@ids::bigint[])`.
func Int64s[T ~int64](ids []T) []int64 {
	numbers := make([]int64, len(ids))
	for i, id := range ids {
		numbers[i] = int64(id)
	}
	return numbers
}

// IsNoRows reports whether a query for one row found none.
func IsNoRows(err error) bool { return errors.Is(err, pgx.ErrNoRows) }
