package database_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/clock"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/database/databasetest"
)

type status string

// Each query runs on both engines, in a transaction and on the readers, with
// the same result.
func TestQueriesMeanTheSame(t *testing.T) {
	text, none := "a", (*string)(nil)
	tests := map[string]struct {
		sql  string
		args []any
		want any
	}{
		"arguments out of order":           {"SELECT $2::text || $1::text", []any{"a", "b"}, "ba"},
		"an argument twice":                {"SELECT $1::text || $2::text || $1::text", []any{"a", "b"}, "aba"},
		"a cast to a list":                 {"SELECT count(*) FROM sample WHERE id = ANY($1::bigint[])", []any{[]int64{1, 3, 9}}, int64(2)},
		"a list without a cast":            {"SELECT count(*) FROM sample WHERE id = ANY($1)", []any{[]int64{2}}, int64(1)},
		"a list of ids":                    {"SELECT count(*) FROM sample WHERE id = ANY ( $1::bigint[] )", []any{[]id.User{1, 2}}, int64(2)},
		"an empty list":                    {"SELECT count(*) FROM sample WHERE id = ANY($1::bigint[])", []any{[]int64{}}, int64(0)},
		"a list of texts":                  {"SELECT count(*) FROM sample WHERE name = ANY($1::text[])", []any{[]string{`b"'`, "x"}}, int64(1)},
		"not in a list":                    {"SELECT count(*) FROM sample WHERE id <> ALL($1::bigint[])", []any{[]int64{1}}, int64(2)},
		"a lock on the row":                {"SELECT name FROM sample WHERE id = $1 FOR UPDATE", []any{int64(1)}, "a"},
		"a lock that is not waited for":    {"SELECT name FROM sample WHERE id = $1 FOR NO KEY UPDATE OF sample SKIP LOCKED", []any{int64(1)}, "a"},
		"a literal that looks like SQL":    {"SELECT '$1 ::text -- it''s' || $1::text /* $9 */ -- $8", []any{"!"}, "$1 ::text -- it's!"},
		"like minds case":                  {"SELECT count(*) FROM sample WHERE name LIKE $1", []any{"A%"}, int64(0)},
		"like with signs that are escaped": {`SELECT count(*) FROM sample WHERE name LIKE $1 ESCAPE '\'`, []any{database.EscapeLike(`100%_\`) + "%"}, int64(1)},
		"an absent text":                   {"SELECT count(*) FROM sample WHERE ($1::text IS NULL OR name = $1)", []any{none}, int64(3)},
		"a present text":                   {"SELECT count(*) FROM sample WHERE ($1::text IS NULL OR name = $1)", []any{&text}, int64(1)},
		"a named text":                     {"SELECT count(*) FROM sample WHERE name = $1", []any{status("a")}, int64(1)},
		"a named text as result":           {"SELECT name FROM sample WHERE id = 1", nil, status("a")},
		"no id is NULL":                    {"SELECT count(*) FROM sample WHERE owner_id IS NOT DISTINCT FROM $1", []any{id.User(0)}, int64(2)},
		"an id":                            {"SELECT count(*) FROM sample WHERE owner_id = $1", []any{id.User(7)}, int64(1)},
		"NULL is no id":                    {"SELECT owner_id FROM sample WHERE id = 2", nil, id.User(0)},
		"never is NULL":                    {"SELECT count(*) FROM sample WHERE ended_at IS NOT DISTINCT FROM $1", []any{clock.Time(0)}, int64(2)},
		"NULL is never":                    {"SELECT ended_at FROM sample WHERE id = 2", nil, clock.Time(0)},
		"a time":                           {"SELECT ended_at FROM sample WHERE id = 1", nil, clock.Time(1234)},
		"the largest time":                 {"SELECT max(ended_at) FROM sample", nil, clock.Time(1234)},
		"NULL into a pointer":              {"SELECT note FROM sample WHERE id = 2", nil, none},
		"a text into a pointer":            {"SELECT note FROM sample WHERE id = 1", nil, &text},
		"yes":                              {"SELECT active FROM sample WHERE active AND id = 1", nil, true},
		"no, as an argument":               {"SELECT count(*) FROM sample WHERE active = $1", []any{false}, int64(1)},
		"whether it exists":                {"SELECT EXISTS (SELECT 1 FROM sample WHERE id = $1)", []any{int64(4)}, false},
		"bytes":                            {"SELECT data FROM sample WHERE data = $1", []any{[]byte{0, 255}}, []byte{0, 255}},
		"no bytes are NULL":                {"SELECT data FROM sample WHERE id = 2", nil, []byte(nil)},
		"permissions":                      {"SELECT permissions FROM sample WHERE permissions = $1", []any{access.Permissions{"a:b", "c:d"}}, access.Permissions{"a:b", "c:d"}},
		"pairs in order":                   {"SELECT count(*) FROM sample WHERE (name, id) < ($1, $2)", []any{"a", int64(2)}, int64(2)},
		"a count of some":                  {"SELECT count(*) FILTER (WHERE active) FROM sample", nil, int64(2)},
	}
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		ctx := context.Background()
		newSamples(t, db)
		for name, test := range tests {
			run := func(on string, q database.DBTX) {
				got := reflect.New(reflect.TypeOf(test.want))
				if err := q.QueryRow(ctx, test.sql, test.args...).Scan(got.Interface()); err != nil {
					t.Errorf("%s (%s): %v", name, on, err)
				} else if !reflect.DeepEqual(got.Elem().Interface(), test.want) {
					t.Errorf("%s (%s): %v, want %v", name, on, got.Elem(), test.want)
				}
			}
			if !strings.Contains(name, "a lock") {
				run("reader", db)
			}
			write(t, db, func(tx *database.Tx) error { run("transaction", tx); return nil })
		}
	})
}

func newSamples(t testing.TB, db *database.DB) {
	t.Helper()
	ctx := context.Background()
	blob := "BYTEA"
	if db.Dialect() == database.SQLite {
		blob = "BLOB"
	}
	write(t, db, func(tx *database.Tx) error {
		_, err := tx.Exec(ctx, `CREATE TABLE sample (id BIGINT PRIMARY KEY, name TEXT NOT NULL, note TEXT, owner_id BIGINT, ended_at BIGINT, active BOOLEAN NOT NULL, data `+blob+`, permissions TEXT NOT NULL DEFAULT '')`)
		if err != nil {
			return err
		}
		const insert = "INSERT INTO sample (id, name, note, owner_id, ended_at, active, data, permissions) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
		for _, row := range [][]any{
			{int64(1), "a", "a", id.User(7), clock.Time(1234), true, []byte{0, 255}, access.Permissions{"a:b", "c:d"}},
			{int64(2), `b"'`, nil, id.User(0), clock.Time(0), true, []byte(nil), ""},
			{int64(3), `100%_\ off`, nil, id.User(0), clock.Time(0), false, []byte{}, ""},
		} {
			if _, err := tx.Exec(ctx, insert, row...); err != nil {
				return err
			}
		}
		return nil
	})
}

func write(t testing.TB, db *database.DB, f func(*database.Tx) error) {
	t.Helper()
	if err := db.InTx(context.Background(), f); err != nil {
		t.Fatal(err)
	}
}

func TestWritesTellWhatTheyDid(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		ctx := context.Background()
		newSamples(t, db)
		write(t, db, func(tx *database.Tx) error {
			tag, err := tx.Exec(ctx, "UPDATE sample SET name = name WHERE id > $1", int64(1))
			if err != nil || tag.RowsAffected() != 2 {
				t.Errorf("update: %d rows, %v", tag.RowsAffected(), err)
			}
			var name string
			err = tx.QueryRow(ctx, `INSERT INTO sample (id, name, active) VALUES ($1, $2, TRUE)
				ON CONFLICT (id) DO UPDATE SET name = excluded.name || sample.name RETURNING name`, int64(1), "z").Scan(&name)
			if err != nil || name != "za" {
				t.Errorf("upsert: %q, %v", name, err)
			}
			err = tx.QueryRow(ctx, "DELETE FROM sample WHERE id = $1 RETURNING name", int64(9)).Scan(&name)
			if _, err := database.OrNotFound(name, err, errSample); !errors.Is(err, errSample) {
				t.Errorf("delete nothing: %v", err)
			}
			return nil
		})
	})
}

var errSample = errors.New("sample")

func TestNullNeedsRoom(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		newSamples(t, db)
		var note string
		err := db.QueryRow(context.Background(), "SELECT note FROM sample WHERE id = 2").Scan(&note)
		if err == nil || errors.Is(err, pgx.ErrNoRows) {
			t.Errorf("got %v", err)
		}
	})
}

// Rows that are left early, nested or misread give their connection back.
func TestRowsGiveTheirConnectionBack(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		ctx := context.Background()
		newSamples(t, db)
		const all = "SELECT id FROM sample ORDER BY id"
		for range 100 {
			rows, err := db.Query(ctx, all)
			if err != nil {
				t.Fatal(err)
			}
			rows.Next()
			again, err := db.Query(ctx, all)
			if err != nil {
				t.Fatal(err)
			}
			ids, err := pgx.CollectRows(again, pgx.RowTo[int64])
			if err != nil || fmt.Sprint(ids) != "[1 2 3]" {
				t.Fatal(ids, err)
			}
			rows.Close()
			if err := db.QueryRow(ctx, all).Scan(new(string), new(string)); err == nil {
				t.Fatal("two columns of one")
			}
			if _, err := db.Query(ctx, "SELECT nothing FROM nowhere"); err == nil {
				t.Fatal("nowhere")
			}
		}
		ended, cancel := context.WithCancel(ctx)
		cancel()
		if err := db.QueryRow(ended, all).Scan(new(int64)); !errors.Is(err, context.Canceled) {
			t.Errorf("after the end: %v", err)
		}
	})
}

func TestReading(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		ctx := context.Background()
		newSamples(t, db)
		count := func(from database.DBTX) (n int64) {
			t.Helper()
			if err := from.QueryRow(ctx, "SELECT COUNT(*) FROM sample").Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		var leaked database.DBTX
		err := db.Reading(ctx, func(one database.DBTX) error {
			leaked = one
			before := count(one)
			write(t, db, func(tx *database.Tx) error {
				_, err := tx.Exec(ctx, addSample, int64(10), "n")
				return err
			})
			if after := count(one); db.Dialect() == database.SQLite && after != before {
				t.Errorf("%d rows, and later %d", before, after)
			}
			return errSample
		})
		if !errors.Is(err, errSample) {
			t.Error(err)
		}
		if n := count(db); n != 4 {
			t.Errorf("%d rows afterwards", n)
		}
		if db.Dialect() == database.SQLite {
			if err := leaked.QueryRow(ctx, "SELECT 1").Scan(new(int64)); err == nil {
				t.Error("a connection was used after it was given back")
			}
		}
		for range 100 { // more than there are connections
			func() {
				defer func() { recover() }()
				db.Reading(ctx, func(one database.DBTX) error {
					if _, err := one.Query(ctx, "SELECT nothing FROM nowhere"); err == nil {
						t.Error("nowhere")
					}
					panic("left early")
				})
			}()
		}
		if n := count(db); n != 4 {
			t.Errorf("%d rows in the end", n)
		}
	})
}

func TestReadersCannotWriteOnSQLite(t *testing.T) {
	db := databasetest.Open(t, database.SQLite, nil)
	if _, err := db.Exec(context.Background(), "DELETE FROM nodes"); err == nil {
		t.Error("a reader wrote")
	}
}

func TestSQLiteIsDurable(t *testing.T) {
	db := databasetest.Open(t, database.SQLite, nil)
	ctx := context.Background()
	write(t, db, func(tx *database.Tx) error {
		for pragma, want := range map[string]string{"synchronous": "2", "journal_mode": "wal", "foreign_keys": "1", "busy_timeout": "5000"} {
			var got any
			if err := tx.QueryRow(ctx, "PRAGMA "+pragma).Scan(&got); err != nil || fmt.Sprint(got) != want {
				t.Errorf("%s is %v, want %s (%v)", pragma, got, want, err)
			}
		}
		return nil
	})
}

func TestIsUnique(t *testing.T) {
	insert := map[string]string{
		"users_username":          "INSERT INTO users (id, deployment_id, username_key, created_at, updated_at) VALUES ($2, $1, 'ana', 1, 1)",
		"organization_roles_name": "INSERT INTO organization_roles (id, deployment_id, name, name_key, permissions, created_at, updated_at) VALUES ($2, $1, 'A', 'a', '', 1, 1)",
		"deployments_pkey":        "INSERT INTO deployments (id, name, settings, created_at, updated_at) VALUES ($1 + 0 * $2::bigint, 'B', '{}', 1, 1)",
		"one_time_codes_pkey":     "INSERT INTO one_time_codes (purpose, subject_id, deployment_id, address, code_hash, created_at, expires_at) VALUES ('a', 0 * $2::bigint, $1, '', '', 1, 1)",
	}
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		ctx := context.Background()
		deployment := newDeployment(t, db)
		for index, sql := range insert {
			var err error
			for range 2 {
				err = db.InTx(ctx, func(tx *database.Tx) error {
					_, err := tx.Exec(ctx, sql, deployment, database.NewID[id.User](tx))
					return err
				})
			}
			if !database.IsUnique(err, index) || database.IsUnique(err, index+"_2") {
				t.Errorf("%s: %v", index, err)
			}
		}
		if database.IsUnique(errSample, "") || database.IsUnique(nil, "") {
			t.Error("another error is a violation")
		}
	})
}

// R13: a damaged file is named and not touched, and a server that is away is
// told in one line without its password.
func TestWhatCannotBeOpened(t *testing.T) {
	path := filepath.Join(t.TempDir(), "damaged.db")
	const damage = "this is not a database, and it is long enough to be read as one"
	if err := os.WriteFile(path, []byte(damage), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := database.Open(t.Context(), "sqlite:"+path, database.Options{})
	if err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("the damaged file: %v", err)
	}
	if left, err := os.ReadFile(path); err != nil || string(left) != damage {
		t.Errorf("the damaged file has %q, %v", left, err)
	}
	_, err = database.Open(t.Context(), "postgres://root:hunter2@127.0.0.1:1/x", database.Options{})
	if err == nil || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "hunter2") || strings.Count(err.Error(), "refused") != 1 {
		t.Errorf("no server: %v", err)
	}
}
