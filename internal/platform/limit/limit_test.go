package limit_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/guildhall-id/guildhall/internal/platform/limit"
)

type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func TestAllow(t *testing.T) {
	tests := map[string]struct {
		rate   limit.Rate
		atOnce int           // how many are allowed at once
		next   time.Duration // when the one after them is
	}{
		"a burst is the count unless said otherwise": {limit.Rate{Count: 10, Per: time.Minute}, 10, 6 * time.Second},
		"a small burst spreads the rate":             {limit.Rate{Count: 60, Per: time.Minute, Burst: 3}, 3, time.Second},
		"a burst of one is a distance":               {limit.Rate{Count: 1, Per: time.Minute}, 1, time.Minute},
		"the zero rate allows nothing":               {limit.Rate{}, 0, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := &clock{time.Unix(1e9, 0)}
			l := limit.New(test.rate, c.now)
			for i := range test.atOnce {
				if ok, _ := l.Allow("ana"); !ok {
					t.Fatalf("number %d is refused", i+1)
				}
			}
			ok, after := l.Allow("ana")
			if ok || after != test.next {
				t.Fatalf("one too many: %v, retry after %v; want refused, %v", ok, after, test.next)
			}
			if test.atOnce == 0 {
				return
			}
			if ok, _ := l.Allow("bob"); !ok {
				t.Error("another key is refused")
			}
			c.at = c.at.Add(after)
			if ok, _ := l.Allow("ana"); !ok {
				t.Error("refused after the time that was named")
			}
			if ok, _ := l.Allow("ana"); ok {
				t.Error("waiting for one allowed two")
			}
		})
	}
}

// Whatever the moments of asking, a window never has more than burst plus what
// the rate brings in it.
func TestRateHolds(t *testing.T) {
	c := &clock{time.Unix(1e9, 0)}
	l := limit.New(limit.Rate{Count: 100, Per: time.Second, Burst: 20}, c.now)
	allowed := 0
	for range 100_000 {
		if ok, _ := l.Allow("ana"); ok {
			allowed++
		}
		c.at = c.at.Add(100 * time.Microsecond)
	}
	if want := 1000 + 20; allowed < want-1 || allowed > want {
		t.Errorf("%d in 10 s, want %d", allowed, want)
	}
}

// What is given back may be used again, and nobody gets more than a burst by it.
func TestRefund(t *testing.T) {
	c := &clock{time.Unix(1e9, 0)}
	l := limit.New(limit.Rate{Count: 2, Per: time.Minute}, c.now)
	l.Refund("ana") // who has used nothing gets nothing
	for i := range 3 {
		if ok, _ := l.Allow("ana"); ok != (i < 2) {
			t.Errorf("number %d: %v", i+1, ok)
		}
	}
	l.Refund("ana")
	for i := range 2 {
		if ok, _ := l.Allow("ana"); ok != (i < 1) {
			t.Errorf("number %d after one was given back: %v", i+1, ok)
		}
	}
	for range 5 {
		l.Refund("ana")
	}
	for i := range 3 {
		if ok, _ := l.Allow("ana"); ok != (i < 2) {
			t.Errorf("number %d after too many were given back: %v", i+1, ok)
		}
	}
}

func TestManyKeys(t *testing.T) {
	c := &clock{time.Unix(1e9, 0)}
	l := limit.New(limit.Rate{Count: 1, Per: time.Hour}, c.now)
	for i := range 1 << 16 {
		l.Allow(fmt.Sprint(i))
	}
	if ok, _ := l.Allow("1"); ok {
		t.Error("a key is forgotten after one generation")
	}
}

func TestConcurrentKeysShareTheCount(t *testing.T) {
	c := &clock{time.Unix(1e9, 0)}
	l := limit.New(limit.Rate{Count: 50, Per: time.Hour}, c.now)
	var allowed atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				if ok, _ := l.Allow("ana"); ok {
					allowed.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if n := allowed.Load(); n != 50 {
		t.Errorf("%d were allowed, want 50", n)
	}
}

func BenchmarkAllow(b *testing.B) {
	l := limit.New(limit.Rate{Count: 1e6, Per: time.Second}, time.Now)
	for b.Loop() {
		l.Allow("192.0.2.1")
	}
}
