package database_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/database/databasetest"
)

const addSample = "INSERT INTO sample (id, name, active) VALUES ($1, $2, TRUE)"

func samples(t testing.TB, db database.DBTX, where string) (n int64) {
	t.Helper()
	if err := db.QueryRow(context.Background(), "SELECT count(*) FROM sample WHERE "+where).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// Many writers at once, some of which fail in every way there is: what
// returned without an error is there, and nothing else.
func TestManyWriters(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		newSamples(t, db)
		ctx := context.Background()
		const writers, each = 12, 40
		var kept atomic.Int64
		var all sync.WaitGroup
		for w := range writers {
			all.Go(func() {
				for i := range each {
					n := int64(1000 + w*each + i)
					err := attempt(ctx, db, n)
					if committed := n%5 >= 3; committed != (err == nil) {
						t.Errorf("%d: %v", n, err)
					}
					if err == nil {
						kept.Add(1)
						var name string
						if err := db.QueryRow(ctx, "SELECT name FROM sample WHERE id = $1", n).Scan(&name); err != nil {
							t.Errorf("%d returned but is not there: %v", n, err)
						}
					}
				}
			})
		}
		all.Wait()
		if got := samples(t, db, "id >= 1000"); got != kept.Load() {
			t.Errorf("%d rows of %d transactions", got, kept.Load())
		}
	})
}

// attempt writes n, and then fails, panics, exits, or succeeds.
func attempt(ctx context.Context, db *database.DB, n int64) (err error) {
	err = errSample
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if p := recover(); p != nil && p != n {
				panic(p)
			}
		}()
		err = db.InTx(ctx, func(tx *database.Tx) error {
			if _, err := tx.Exec(ctx, addSample, n, "n"); err != nil {
				return err
			}
			switch n % 5 {
			case 0:
				return errSample
			case 1:
				panic(n)
			case 2:
				runtime.Goexit()
			}
			return nil
		})
	}()
	<-done
	return err
}

func TestWhenATransactionIsOver(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		newSamples(t, db)
		ctx := context.Background()
		var leaked *database.Tx
		var order []string
		write(t, db, func(tx *database.Tx) error {
			leaked = tx
			tx.AfterCommit(func() {
				if samples(t, db, "id = 10") == 1 {
					order = append(order, "committed")
				}
			})
			_, err := tx.Exec(ctx, addSample, int64(10), "n")
			order = append(order, "written")
			return err
		})
		if len(order) != 2 || order[1] != "committed" {
			t.Errorf("order %v", order)
		}
		if _, err := leaked.Exec(ctx, addSample, int64(11), "n"); err == nil {
			t.Error("a transaction was used after its end")
		}
		err := db.InTx(ctx, func(tx *database.Tx) error {
			tx.AfterCommit(func() { t.Error("ran though rolled back") })
			return errSample
		})
		if !errors.Is(err, errSample) {
			t.Error(err)
		}
	})
}

func TestAnEndedContext(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		newSamples(t, db)
		ended, cancel := context.WithCancel(context.Background())
		err := db.InTx(ended, func(tx *database.Tx) error {
			if _, err := tx.Exec(ended, addSample, int64(10), "n"); err != nil {
				return err
			}
			cancel()
			_, err := tx.Exec(ended, addSample, int64(11), "n")
			return err
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("ended within: %v", err)
		}
		err = db.InTx(ended, func(*database.Tx) error { t.Error("ran"); return nil })
		if !errors.Is(err, context.Canceled) {
			t.Errorf("ended before: %v", err)
		}
		if samples(t, db, "id >= 10") != 0 {
			t.Error("something was written")
		}
	})
}

// R3: a transaction that lost against another runs again.
func TestLostRacesAreRunAgain(t *testing.T) {
	db := postgres(t)
	newSamples(t, db)
	ctx := context.Background()
	runs := 0
	lose := func(code string, times int) error {
		runs = 0
		return db.InTx(ctx, func(tx *database.Tx) error {
			runs++
			if _, err := tx.Exec(ctx, addSample, int64(100), "n"); err != nil {
				return err
			}
			if runs > times {
				_, err := tx.Exec(ctx, "DELETE FROM sample WHERE id = 100")
				return err
			}
			_, err := tx.Exec(ctx, "DO $$ BEGIN RAISE EXCEPTION 'lost' USING ERRCODE = '"+code+"'; END $$")
			return err
		})
	}
	if err := lose("40001", 3); err != nil || runs != 4 {
		t.Errorf("three serialization failures: %v after %d runs", err, runs)
	}
	if err := lose("40P01", 1); err != nil || runs != 2 {
		t.Errorf("a deadlock: %v after %d runs", err, runs)
	}
	if err := lose("40001", 4); err == nil || runs != 4 {
		t.Errorf("four serialization failures: %v after %d runs", err, runs)
	}
	if err := lose("23514", 1); err == nil || runs != 1 {
		t.Errorf("another error: %v after %d runs", err, runs)
	}
}

func postgres(t *testing.T) *database.DB {
	t.Helper()
	for _, dialect := range databasetest.Dialects() {
		if dialect == database.PostgreSQL {
			return databasetest.Open(t, dialect, nil)
		}
	}
	t.Skip("PostgreSQL is not among GUILDHALL_TEST_DATABASES")
	return nil
}

func TestGather(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		newSamples(t, db)
		ctx := context.Background()
		insert := func(ctx context.Context, tx *database.Tx, ids []int64) error {
			for _, n := range ids {
				if _, err := tx.Exec(ctx, addSample, n, "gathered"); err != nil {
					return err
				}
			}
			return nil
		}
		gather := func(result error, ids ...int64) error {
			return db.InTx(ctx, func(tx *database.Tx) error {
				for _, n := range ids {
					database.Gather(tx, "samples", n, insert)
				}
				return result
			})
		}
		if err := gather(nil, 20, 21); err != nil {
			t.Error(err)
		}
		if err := gather(errSample, 22); !errors.Is(err, errSample) {
			t.Error(err)
		}
		if got := samples(t, db, "name = 'gathered'"); got != 2 {
			t.Errorf("%d rows, want those of the transaction that committed", got)
		}
		if err := gather(nil, 23, 20); !database.IsUnique(err, "sample_pkey") {
			t.Errorf("flush failed: %v", err)
		}
		if err := gather(nil, 24); err != nil || samples(t, db, "id = 23") != 0 || samples(t, db, "id = 24") != 1 {
			t.Errorf("after a flush that failed: %v", err)
		}
	})
}

// On SQLite those who wait while another writes share its commit, and what
// they gathered; one that fails takes only its own work back.
// R1: an answer comes after the commit, shared or not.
func TestGroupCommit(t *testing.T) {
	db := databasetest.Open(t, database.SQLite, nil)
	newSamples(t, db)
	ctx := context.Background()
	var flushes, gathered atomic.Int64
	var all sync.WaitGroup
	const followers = 6
	write(t, db, func(tx *database.Tx) error {
		for i := range followers {
			all.Go(func() {
				err := db.InTx(ctx, func(tx *database.Tx) error {
					database.Gather(tx, "count", i, func(_ context.Context, _ *database.Tx, items []int) error {
						flushes.Add(1)
						gathered.Add(int64(len(items)))
						return nil
					})
					if _, err := tx.Exec(ctx, addSample, int64(30+i), "n"); err != nil || i == 0 {
						return errors.Join(err, errSample)
					}
					return nil
				})
				if (i == 0) != errors.Is(err, errSample) {
					t.Errorf("follower %d: %v", i, err)
				}
			})
		}
		time.Sleep(5 * time.Millisecond) // less than a batch may take
		return nil
	})
	all.Wait()
	if got := samples(t, db, "id >= 30"); got != followers-1 || gathered.Load() != got {
		t.Errorf("%d rows and %d gathered items, want %d", got, gathered.Load(), followers-1)
	}
	if n := flushes.Load(); n >= followers-1 {
		t.Errorf("%d commits for %d transactions", n, followers-1)
	}
}

// A deferred foreign key fails the commit itself: all members hear of it, and
// the next batch is fine.
func TestSharedCommitFails(t *testing.T) {
	db := databasetest.Open(t, database.SQLite, nil)
	ctx := context.Background()
	write(t, db, func(tx *database.Tx) error {
		_, err := tx.Exec(ctx, "CREATE TABLE child (id BIGINT PRIMARY KEY, parent BIGINT REFERENCES nodes (number) DEFERRABLE INITIALLY DEFERRED)")
		return err
	})
	const add = "INSERT INTO child (id, parent) VALUES ($1, $2)"
	innocent := make(chan error, 1)
	err := db.InTx(ctx, func(tx *database.Tx) error {
		go func() {
			innocent <- db.InTx(ctx, func(tx *database.Tx) error {
				_, err := tx.Exec(ctx, add, 2, nil)
				return err
			})
		}()
		time.Sleep(5 * time.Millisecond)
		_, err := tx.Exec(ctx, add, 1, 999)
		return err
	})
	if err == nil {
		t.Error("the commit should have failed")
	}
	shared := <-innocent
	var rows int64
	if err := db.QueryRow(ctx, "SELECT count(*) FROM child").Scan(&rows); err != nil || (rows == 1) != (shared == nil) {
		t.Errorf("the other member got %v, but there are %d rows (%v)", shared, rows, err)
	}
	write(t, db, func(tx *database.Tx) error {
		_, err := tx.Exec(ctx, add, 3, nil)
		return err
	})
}

// What SQLite would let pass is refused as on PostgreSQL.
func TestOddStatements(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		ctx := context.Background()
		var n int64
		for text, args := range map[string][]any{
			"SELECT 1; SELECT 2":        {},
			"SELECT $1::bigint":         {},
			"SELECT count(*) FROM more": {},
		} {
			if err := db.QueryRow(ctx, text, args...).Scan(&n); err == nil {
				t.Errorf("%s: %d", text, n)
			}
		}
		if err := db.QueryRow(ctx, "SELECT $1::bigint", int64(1), int64(2)).Scan(&n); err == nil {
			t.Error("an argument too many")
		}
		if err := db.QueryRow(ctx, "SELECT 7 -- the end\n").Scan(&n); err != nil || n != 7 {
			t.Errorf("afterwards: %d, %v", n, err)
		}
	})
}
