package job_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/database/databasetest"
	"github.com/guildhall-id/guildhall/internal/platform/job"
)

type greet struct {
	Name string `json:"name"`
}

func (greet) Kind() string { return "greet" }

func started(t *testing.T, q *job.Queue) {
	t.Helper()
	if err := q.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := q.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
}

func newQueue(t *testing.T, db *database.DB) *job.Queue {
	return job.New(db, slog.New(slog.NewTextHandler(t.Output(), nil)))
}

func within[T any](t *testing.T, d time.Duration, c <-chan T) (got T) {
	t.Helper()
	select {
	case got = <-c:
	case <-time.After(d):
		t.Fatalf("nothing happened within %v", d)
	}
	return got
}

func TestEnqueue(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		q := newQueue(t, db)
		done := make(chan string, 10)
		job.Register(q, func(_ context.Context, g greet) error {
			done <- g.Name
			return nil
		})
		started(t, q)
		errUndone := errors.New("undone")
		err := db.InTx(t.Context(), func(tx *database.Tx) error {
			return errors.Join(q.Enqueue(t.Context(), tx, greet{"nobody"}), errUndone)
		})
		if !errors.Is(err, errUndone) {
			t.Fatal(err)
		}
		err = db.InTx(t.Context(), func(tx *database.Tx) error {
			return q.Enqueue(t.Context(), tx, greet{"ana"}, greet{"bob"})
		})
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]bool{within(t, 5*time.Second, done): true, within(t, 5*time.Second, done): true}
		if !got["ana"] || !got["bob"] {
			t.Errorf("done: %v", got)
		}
		select {
		case name := <-done:
			t.Errorf("done as well: %s", name)
		case <-time.After(200 * time.Millisecond):
		}
	})
}

type unknown struct{}

func (unknown) Kind() string { return "unknown" }

func TestEnqueueRefusesWhatNobodyDoes(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		q := newQueue(t, db)
		err := db.InTx(t.Context(), func(tx *database.Tx) error { return q.Enqueue(t.Context(), tx, unknown{}) })
		if err == nil {
			t.Error("stored")
		}
	})
}

func TestFailure(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		q := newQueue(t, db)
		var tries, cancelled atomic.Int32
		again := make(chan struct{})
		job.Register(q, func(_ context.Context, g greet) error {
			switch {
			case g.Name == "never":
				cancelled.Add(1)
				return job.Cancel(errors.New("never"))
			case tries.Add(1) == 1:
				panic("once")
			}
			close(again)
			return nil
		})
		started(t, q)
		err := db.InTx(t.Context(), func(tx *database.Tx) error {
			return q.Enqueue(t.Context(), tx, greet{"never"}, greet{"later"})
		})
		if err != nil {
			t.Fatal(err)
		}
		within(t, 20*time.Second, again)
		if n := cancelled.Load(); n != 1 {
			t.Errorf("cancelled work was tried %d times", n)
		}
	})
}

func TestEvery(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		q := newQueue(t, db)
		turns := make(chan string, 100)
		for _, name := range []string{"sweep", "rotate"} {
			q.Every(name, time.Second, func(context.Context) error {
				turns <- name
				return errors.New("it fails, and comes again")
			})
		}
		started(t, q)
		got := map[string]int{}
		for got["sweep"] < 2 || got["rotate"] < 2 {
			got[within(t, 20*time.Second, turns)]++
		}
	})
}

// rows is a table as a feature has it: due, then leased, then done.
type rows struct {
	mu    sync.Mutex
	due   []int
	batch int // the most that was claimed at once
}

func (r *rows) add(row int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.due = append(r.due, row)
}

func (r *rows) claim(_ context.Context, n int) ([]int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n = min(n, len(r.due))
	claimed := r.due[:n]
	r.due, r.batch = r.due[n:], max(r.batch, n)
	return claimed, nil
}

func TestDrain(t *testing.T) {
	db := databasetest.Open(t, database.SQLite, time.Now)
	q := newQueue(t, db)
	r := &rows{}
	for i := range 100 {
		r.add(i)
	}
	done := make(chan int, 200)
	hang := make(chan struct{})
	wake := job.Drain(q, "rows", r.claim, func(_ context.Context, row int) error {
		switch {
		case row == 0:
			panic("in the first")
		case row < 8: // all workers but one are held up
			<-hang
		}
		done <- row
		if row%10 == 9 {
			return fmt.Errorf("row %d fails", row)
		}
		return nil
	})
	started(t, q)
	t.Cleanup(sync.OnceFunc(func() { close(hang) })) // before Stop, which waits
	for range 100 - 8 {
		within(t, time.Second, done)
	}
	r.add(100)
	wake()
	if row := within(t, time.Second, done); row != 100 {
		t.Errorf("woken for row %d", row)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.batch != 8 {
		t.Errorf("up to %d were claimed at once", r.batch)
	}
}

func TestStopWaitsForWork(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		q := newQueue(t, db)
		var begun, ended atomic.Int32
		slow := func(ctx context.Context) error {
			begun.Add(1)
			defer ended.Add(1)
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Second):
				return nil
			}
		}
		job.Register(q, func(ctx context.Context, _ greet) error { return slow(ctx) })
		r := &rows{due: []int{1, 2, 3}}
		job.Drain(q, "rows", r.claim, func(ctx context.Context, _ int) error { return slow(ctx) })
		if err := q.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		err := db.InTx(t.Context(), func(tx *database.Tx) error { return q.Enqueue(t.Context(), tx, greet{}) })
		if err != nil {
			t.Fatal(err)
		}
		for begun.Load() < 4 {
			time.Sleep(10 * time.Millisecond)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := q.Stop(ctx); err != nil {
			t.Error(err)
		}
		if n := ended.Load(); n != 4 {
			t.Errorf("%d of 4 had ended when Stop returned", n)
		}
	})
}

func TestStopCutsShort(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		q := newQueue(t, db)
		begun := make(chan struct{}, 2)
		endless := func(ctx context.Context) error {
			begun <- struct{}{}
			<-ctx.Done()
			return ctx.Err()
		}
		job.Register(q, func(ctx context.Context, _ greet) error { return endless(ctx) })
		r := &rows{due: []int{1}}
		job.Drain(q, "rows", r.claim, func(ctx context.Context, _ int) error { return endless(ctx) })
		if err := q.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		err := db.InTx(t.Context(), func(tx *database.Tx) error { return q.Enqueue(t.Context(), tx, greet{}) })
		if err != nil {
			t.Fatal(err)
		}
		within(t, 5*time.Second, begun)
		within(t, 5*time.Second, begun)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		start := time.Now()
		if err := q.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Stop returned %v", err)
		}
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("Stop took %v", took)
		}
	})
}

func BenchmarkEnqueue(b *testing.B) {
	for _, dialect := range databasetest.Dialects() {
		b.Run(string(dialect), func(b *testing.B) {
			db := databasetest.Open(b, dialect, time.Now)
			q := job.New(db, slog.New(slog.DiscardHandler))
			job.Register(q, func(context.Context, greet) error { return nil })
			b.SetParallelism(64)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					err := db.InTx(b.Context(), func(tx *database.Tx) error { return q.Enqueue(b.Context(), tx, greet{"ana"}) })
					if err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
