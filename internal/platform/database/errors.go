package database

import (
	"errors"
	"io"
	"net"
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

// IsAway reports whether err says that the database cannot be used now, and
// may be later: nobody answers, the connection broke, it is starting, stopping,
// busy or full.
func IsAway(err error) bool {
	var (
		pg      *pgconn.PgError
		connect *pgconn.ConnectError
		network net.Error
		lite    *sqliteError
	)
	switch {
	case errors.As(err, &pg):
		// Classes of PostgreSQL's manual, appendix A: connection, resources,
		// intervention of an operator (but a cancelled query).
		class := pg.Code[:min(2, len(pg.Code))]
		return class == "08" || class == "53" || class == "57" && pg.Code != "57014"
	case errors.As(err, &lite):
		return lite.away()
	}
	return errors.As(err, &connect) || errors.As(err, &network) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, errLeaseLost) || pgconn.SafeToRetry(err)
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
