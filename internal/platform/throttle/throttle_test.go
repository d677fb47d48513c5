package throttle_test

import (
	"bytes"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/database/databasetest"
	"github.com/guildhall-id/guildhall/internal/platform/limit"
	"github.com/guildhall-id/guildhall/internal/platform/secret"
	"github.com/guildhall-id/guildhall/internal/platform/throttle"
)

var errRollback = errors.New("rolled back on purpose")

// bench is a fresh database with a clock to move.
type bench struct {
	*testing.T
	db    *database.DB
	key   secret.Key
	clock *atomic.Int64
}

func each(t *testing.T, body func(*bench)) {
	var clock atomic.Int64
	clock.Store(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixMilli())
	databasetest.EachWithClock(t, func() time.Time { return time.UnixMilli(clock.Load()) }, func(t *testing.T, db *database.DB) {
		key, err := secret.NewKey(bytes.Repeat([]byte{7}, secret.KeySize))
		if err != nil {
			t.Fatal(err)
		}
		body(&bench{t, db, key, &clock})
	})
}

func (b *bench) limiter(name string, rate limit.Rate) *throttle.Limiter {
	return throttle.NewLimiter(b.db, b.key, name, rate)
}

func (b *bench) ask(l *throttle.Limiter, key string) time.Duration {
	b.Helper()
	wait, err := l.Allow(b.Context(), key)
	if err != nil {
		b.Fatal(err)
	}
	return wait
}

// The same rates as in memory: a burst, and then one after the other.
func TestAllow(t *testing.T) {
	tests := map[string]struct {
		rate   limit.Rate
		atOnce int
		next   time.Duration
	}{
		"a burst is the count unless said otherwise": {limit.Rate{Count: 10, Per: time.Minute}, 10, 6 * time.Second},
		"a small burst spreads the rate":             {limit.Rate{Count: 60, Per: time.Minute, Burst: 3}, 3, time.Second},
		"a burst of one is a distance":               {limit.Rate{Count: 1, Per: time.Minute}, 1, time.Minute},
		"the zero rate allows nothing":               {limit.Rate{}, 0, 0},
		"a rate of many in a millisecond":            {limit.Rate{Count: 1_000_000, Per: time.Minute, Burst: 50}, 50, time.Millisecond},
	}
	each(t, func(b *bench) {
		for name, test := range tests {
			l := b.limiter(name, test.rate)
			for i := range test.atOnce {
				if b.ask(l, "ana") > 0 {
					b.Fatalf("%s: number %d is refused", name, i+1)
				}
			}
			after := b.ask(l, "ana")
			if after != test.next {
				b.Fatalf("%s: one too many may come after %v, want %v", name, after, test.next)
			}
			if test.atOnce == 0 {
				continue
			}
			if b.ask(l, "bob") > 0 {
				b.Errorf("%s: another key is refused", name)
			}
			b.clock.Add(after.Milliseconds())
			if b.ask(l, "ana") > 0 {
				b.Errorf("%s: refused after the time that was named", name)
			}
		}
	})
}

// S16: all nodes share the count, whatever comes at once.
func TestNodesShareTheCount(t *testing.T) {
	each(t, func(b *bench) {
		rate := limit.Rate{Count: 10, Per: time.Hour}
		nodes := []*throttle.Limiter{b.limiter("passwords", rate), b.limiter("passwords", rate)}
		var allowed atomic.Int64
		var wg sync.WaitGroup
		for i := range 32 {
			wg.Go(func() {
				if wait, err := nodes[i%2].Allow(b.Context(), "ana"); err != nil {
					b.Error(err)
				} else if wait == 0 {
					allowed.Add(1)
				}
			})
		}
		wg.Wait()
		if n := allowed.Load(); n != 10 {
			b.Errorf("%d were allowed, want 10", n)
		}
		if b.ask(b.limiter("codes", rate), "ana") > 0 {
			b.Error("limiters of two names share a count")
		}
	})
}

func TestRefund(t *testing.T) {
	each(t, func(b *bench) {
		l := b.limiter("passwords", limit.Rate{Count: 2, Per: time.Hour})
		for range 5 {
			if b.ask(l, "ana") > 0 {
				b.Fatal("refused, although all before was taken back")
			}
			if err := b.db.InTx(b.Context(), func(tx *database.Tx) error { return l.Refund(b.Context(), tx, "ana") }); err != nil {
				b.Fatal(err)
			}
		}
		if first, second, third := b.ask(l, "ana"), b.ask(l, "ana"), b.ask(l, "ana"); first > 0 || second > 0 || third == 0 {
			b.Error("after the refunds, two are allowed and no more")
		}
	})
}

// A count that is part of a transaction goes with it.
func TestAllowIn(t *testing.T) {
	each(t, func(b *bench) {
		l := b.limiter("passwords", limit.Rate{Count: 1, Per: time.Hour})
		rollback := b.db.InTx(b.Context(), func(tx *database.Tx) error {
			if wait, err := l.AllowIn(b.Context(), tx, "ana"); err != nil || wait > 0 {
				b.Errorf("refused: %v, %v", wait, err)
			}
			return errRollback
		})
		if !errors.Is(rollback, errRollback) || b.ask(l, "ana") > 0 {
			b.Error("what was rolled back counted")
		}
	})
}

// The table keeps only what is still counted, and tells nobody's name.
func TestSweep(t *testing.T) {
	each(t, func(b *bench) {
		l := b.limiter("passwords", limit.Rate{Count: 1, Per: time.Minute})
		b.ask(l, "old")
		b.clock.Add(2 * time.Minute.Milliseconds())
		b.ask(l, "ana@example.com")
		if err := throttle.Sweep(b.Context(), b.db); err != nil {
			b.Fatal(err)
		}
		var rows int64
		var key []byte
		if err := b.db.QueryRow(b.Context(), "SELECT (SELECT count(*) FROM tries), key FROM tries LIMIT 1").Scan(&rows, &key); err != nil {
			b.Fatal(err)
		}
		if rows != 1 || len(key) != 32 || bytes.Contains(key, []byte("ana")) {
			b.Errorf("%d rows, the last with key %q", rows, key)
		}
		if b.ask(l, "ana@example.com") == 0 {
			b.Error("what still counts was swept")
		}
	})
}
