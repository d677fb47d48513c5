package database_test

import (
	"context"
	"database/sql"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"

	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/clock"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/database/databasetest"
)

type note struct{ N int64 }

func (note) Kind() string { return "note" }

// insertJobs is how the job queue writes what was gathered.
func insertJobs(b *testing.B, db *database.DB) func(context.Context, *database.Tx, []note) error {
	params := func(notes []note) []river.InsertManyParams {
		all := make([]river.InsertManyParams, len(notes))
		for i, n := range notes {
			all[i].Args = n
		}
		return all
	}
	switch pool := db.Raw().(type) {
	case *pgxpool.Pool:
		client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{})
		if err != nil {
			b.Fatal(err)
		}
		return func(ctx context.Context, tx *database.Tx, notes []note) error {
			_, err := client.InsertManyFastTx(ctx, tx.Raw().(pgx.Tx), params(notes))
			return err
		}
	default:
		client, err := river.NewClient(riversqlite.New(pool.(*sql.DB)), &river.Config{})
		if err != nil {
			b.Fatal(err)
		}
		return func(ctx context.Context, tx *database.Tx, notes []note) error {
			_, err := client.InsertManyFastTx(ctx, tx.Raw().(*sql.Tx), params(notes))
			return err
		}
	}
}

// A transaction of five small writes, alone, with a job of its own, and with a
// job that shares its statement with those of the same commit.
func BenchmarkInTx(b *testing.B) {
	for _, dialect := range databasetest.Dialects() {
		for _, jobs := range []string{"none", "own", "gathered"} {
			for _, writers := range []int{1, 16, 64} {
				b.Run(fmt.Sprintf("%s/jobs=%s/writers=%d", dialect, jobs, writers), func(b *testing.B) {
					db := databasetest.Open(b, dialect, time.Now)
					deployment := newDeployment(b, db)
					insert := insertJobs(b, db)
					ctx := context.Background()
					b.SetParallelism((writers + 1) / 2)
					b.ResetTimer()
					b.RunParallel(func(pb *testing.PB) {
						for pb.Next() {
							err := db.InTx(ctx, func(tx *database.Tx) error {
								if err := fiveWrites(ctx, tx, deployment); err != nil {
									return err
								}
								n := note{database.NewID[int64](tx)}
								switch jobs {
								case "own":
									return insert(ctx, tx, []note{n})
								case "gathered":
									database.Gather(tx, "jobs", n, insert)
								}
								return nil
							})
							if err != nil {
								b.Error(err)
							}
						}
					})
					b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tx/s")
				})
			}
		}
	}
}

// One row by its key, as a request with a context that may end reads it.
func BenchmarkReadRow(b *testing.B) {
	for _, dialect := range databasetest.Dialects() {
		b.Run(string(dialect), func(b *testing.B) {
			db := databasetest.Open(b, dialect, time.Now)
			deployment := newDeployment(b, db)
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			b.ReportAllocs()
			for b.Loop() {
				var (
					at   id.Deployment
					name string
					now  clock.Time
				)
				if err := db.QueryRow(ctx, "SELECT id, name, created_at FROM deployments WHERE id = $1", deployment).Scan(&at, &name, &now); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func newDeployment(t testing.TB, db *database.DB) (deployment id.Deployment) {
	t.Helper()
	ctx := context.Background()
	err := db.InTx(ctx, func(tx *database.Tx) error {
		deployment = database.NewID[id.Deployment](tx)
		_, err := tx.Exec(ctx, "INSERT INTO deployments (id, name, settings, created_at, updated_at) VALUES ($1, 'Acme', '{}', $2, $2)", deployment, tx.Now)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return deployment
}

func fiveWrites(ctx context.Context, tx *database.Tx, deployment id.Deployment) error {
	user := database.NewID[id.User](tx)
	if _, err := tx.Exec(ctx, "INSERT INTO users (id, deployment_id, first_name, created_at, updated_at) VALUES ($1, $2, $3, $4, $4)", user, deployment, "Ana", tx.Now); err != nil {
		return err
	}
	address := database.NewID[id.EmailAddress](tx)
	if _, err := tx.Exec(ctx, "INSERT INTO user_email_addresses (id, deployment_id, user_id, email, typed, created_at, updated_at) VALUES ($1, $2, $3, $4, $4, $5, $5)", address, deployment, user, user.String()+"@acme.test", tx.Now); err != nil {
		return err
	}
	var set id.EmailAddress
	if err := tx.QueryRow(ctx, "UPDATE users SET primary_email_address_id = $1 WHERE id = $2 RETURNING primary_email_address_id", address, user).Scan(&set); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "UPDATE user_email_addresses SET verified_at = $1 WHERE id = $2 AND verified_at IS NULL", tx.Now, address); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, "INSERT INTO events (id, deployment_id, actor_id, name, subject_id, created_at) VALUES ($1, $2, $3, 'user.created', $3, $4)", database.NewID[id.Event](tx), deployment, user, tx.Now)
	return err
}
