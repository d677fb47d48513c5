package database_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/database/databasetest"
)

// Three nodes start at once on an empty database: each finds it migrated, and
// each has a number of its own.
func TestNodesStartTogether(t *testing.T) {
	for _, dialect := range databasetest.Dialects() {
		t.Run(string(dialect), func(t *testing.T) {
			ctx := context.Background()
			url := databasetest.EmptyURL(t, dialect)
			var nodes [3]*database.DB
			var all sync.WaitGroup
			for i := range nodes {
				db, err := database.Open(ctx, url, database.Options{})
				if err != nil {
					t.Fatal(err)
				}
				nodes[i] = db
				all.Go(func() {
					if err := errors.Join(db.Migrate(ctx), db.Migrate(ctx), db.Start(ctx)); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			numbers := map[int]bool{}
			for _, db := range nodes {
				numbers[nodeOf(t, db)] = true
				if err := db.Close(); err != nil {
					t.Error(err)
				}
			}
			if len(numbers) != len(nodes) {
				t.Errorf("numbers %v", numbers)
			}
		})
	}
}

func nodeOf(t *testing.T, db *database.DB) (node int) {
	t.Helper()
	write(t, db, func(tx *database.Tx) error {
		node = database.NodeOf(database.NewID[int64](tx))
		return nil
	})
	return node
}

func TestLeases(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		ctx := context.Background()
		expire := func(number int) {
			write(t, db, func(tx *database.Tx) error {
				_, err := tx.Exec(ctx, "UPDATE nodes SET leased_until = 1 WHERE number = $1", number)
				return err
			})
		}
		lease := func(holder string, want int) {
			t.Helper()
			if got, err := db.Lease(ctx, holder); err != nil || got != want {
				t.Fatalf("%s got %d, want %d (%v)", holder, got, want, err)
			}
		}
		lease("a", 1) // 0 is that of Start
		lease("b", 2)
		expire(1)
		lease("c", 1)
		if err := db.Extend(ctx, 1, "a"); !errors.Is(err, database.ErrLeaseLost) {
			t.Errorf("the number of another was extended: %v", err)
		}
		if err := db.Extend(ctx, 1, "c"); err != nil {
			t.Error(err)
		}
		expire(2)
		if err := db.Extend(ctx, 2, "b"); err != nil {
			t.Errorf("late, but nobody else took it: %v", err)
		}
		lease("d", 3)
	})
}

func TestNoWritesWithoutALease(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		db.ExpireLease()
		err := db.InTx(context.Background(), func(*database.Tx) error { return nil })
		if !errors.Is(err, database.ErrLeaseLost) {
			t.Errorf("got %v", err)
		}
	})
}

func TestOpenRefusesOtherAddresses(t *testing.T) {
	for _, url := range []string{"", "sqlite:", "mysql://root:secret@db/x", "postgres://root:secret@:bad/x", "guildhall.db"} {
		_, err := database.Open(context.Background(), url, database.Options{})
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", url, err)
		}
	}
}

// The injected clock may stand still or leap; ids and leases do not mind.
func TestInjectedClock(t *testing.T) {
	at := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	databasetest.EachWithClock(t, func() time.Time { return at }, func(t *testing.T, db *database.DB) {
		write(t, db, func(tx *database.Tx) error {
			if tx.Now.Time() != at || db.Now() != tx.Now {
				t.Errorf("now is %s", tx.Now)
			}
			if a, b := database.NewID[int64](tx), database.NewID[int64](tx); a >= b {
				t.Errorf("%d, then %d", a, b)
			}
			return nil
		})
	})
}
