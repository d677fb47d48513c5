// Package databasetest gives tests a fresh, migrated and started database of
// each engine.
//
// GUILDHALL_TEST_DATABASES restricts the engines: "sqlite", "postgres", or by
// default "sqlite,postgres".
package databasetest

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/guildhall-id/guildhall/internal/platform/database"
)

// Each runs body as subtests "sqlite" and "postgres", with a database each.
func Each(t *testing.T, body func(t *testing.T, db *database.DB)) {
	t.Helper()
	EachWithClock(t, time.Now, body)
}

// EachWithClock is Each with a database whose time is now.
func EachWithClock(t *testing.T, now func() time.Time, body func(t *testing.T, db *database.DB)) {
	t.Helper()
	for _, dialect := range Dialects() {
		t.Run(string(dialect), func(t *testing.T) { body(t, Open(t, dialect, now)) })
	}
}

// Dialects are the engines to test with.
func Dialects() []database.Dialect {
	chosen := os.Getenv("GUILDHALL_TEST_DATABASES")
	if chosen == "" {
		return []database.Dialect{database.SQLite, database.PostgreSQL}
	}
	var dialects []database.Dialect
	for name := range strings.SplitSeq(chosen, ",") {
		dialects = append(dialects, database.Dialect(strings.TrimSpace(name)))
	}
	return dialects
}

// Open is one migrated and started database, closed with the test.
func Open(t testing.TB, dialect database.Dialect, now func() time.Time) *database.DB {
	t.Helper()
	db := open(t, migratedURL(t, dialect), now)
	if err := db.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	return db
}

// EmptyURL is the address of a database without any table.
func EmptyURL(t testing.TB, dialect database.Dialect) string {
	t.Helper()
	if dialect == database.SQLite {
		return "sqlite:" + filepath.Join(t.TempDir(), "guildhall.db")
	}
	return postgresURL(t, "template0")
}

func open(t testing.TB, url string, now func() time.Time) *database.DB {
	t.Helper()
	db, err := database.Open(context.Background(), url, database.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func migratedURL(t testing.TB, dialect database.Dialect) string {
	t.Helper()
	if dialect == database.PostgreSQL {
		return postgresURL(t, "")
	}
	template, err := sqliteTemplate()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "guildhall.db")
	if err := os.WriteFile(path, template, 0o600); err != nil {
		t.Fatal(err)
	}
	return "sqlite:" + path
}

// sqliteTemplate is a migrated file, made once per process.
var sqliteTemplate = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "guildhall-template-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "guildhall.db")
	if err := migrate("sqlite:" + path); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// migrate leaves a database behind that is whole in its own file.
func migrate(url string) error {
	ctx := context.Background()
	db, err := database.Open(ctx, url, database.Options{})
	if err != nil {
		return err
	}
	defer db.Close()
	return db.Migrate(ctx)
}
