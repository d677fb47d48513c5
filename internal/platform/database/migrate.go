package database

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/guildhall-id/guildhall/migrations"
)

// migrationLock is the advisory lock a migrating node holds ("guildhal").
const migrationLock int64 = 0x6775696c6468616c

// migrate waits for its turn, so that one node migrates and the others find it
// done.
func (p *postgres) migrate(ctx context.Context) (err error) {
	conn, err := p.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock($1)", migrationLock); err != nil {
		return err
	}
	defer func() {
		_, unlock := conn.Exec(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", migrationLock)
		err = errors.Join(err, unlock)
	}()
	pool := stdlib.OpenDBFromPool(p.Pool)
	defer pool.Close()
	if err := migrateOurs(ctx, goose.DialectPostgres, pool, migrations.Files); err != nil {
		return err
	}
	return migrateJobs(ctx, riverpgxv5.New(p.Pool))
}

// migrate has no lock to take that other processes would see: whoever loses
// the race for a migration fails, and finds it done when it looks again.
func (e *sqliteEngine) migrate(ctx context.Context) error {
	for attempt := 0; ; attempt++ {
		err := migrateOurs(ctx, goose.DialectSQLite3, e.pool, sqliteFiles{migrations.Files})
		if err == nil {
			err = migrateJobs(ctx, riversqlite.New(e.pool))
		}
		if err == nil || attempt == 20 || ctx.Err() != nil {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func migrateOurs(ctx context.Context, dialect goose.Dialect, pool *sql.DB, files fs.FS) error {
	provider, err := goose.NewProvider(dialect, pool, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	return err
}

func migrateJobs[T any](ctx context.Context, driver riverdriver.Driver[T]) error {
	migrator, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	_, err = migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
	return err
}

// sqliteFiles are the migrations with SQLite's names for two types. An INTEGER
// PRIMARY KEY is the table's own key; with any other name it would be a second
// index.
type sqliteFiles struct{ fs.FS }

var sqliteTypes = strings.NewReplacer("BIGINT PRIMARY KEY", "INTEGER PRIMARY KEY", "BYTEA", "BLOB")

func (f sqliteFiles) Open(name string) (fs.File, error) {
	file, err := f.FS.Open(name)
	if err != nil || !strings.HasSuffix(name, ".sql") {
		return file, err
	}
	text, err := io.ReadAll(file)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &rewritten{file, strings.NewReader(sqliteTypes.Replace(string(text)))}, nil
}

// rewritten is a file with another content.
type rewritten struct {
	fs.File
	content *strings.Reader
}

func (r *rewritten) Read(b []byte) (int, error) { return r.content.Read(b) }
