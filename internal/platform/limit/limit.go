// Package limit says how often something may happen, per key: so many times at
// once, and then at a steady rate. It counts in the memory of this process;
// what has to hold on all nodes together is counted in the database.
package limit

import (
	"hash/maphash"
	"sync"
	"time"
)

// Rate is Count times in every Per. Burst of them may come at once; zero means
// Count. The zero Rate allows nothing.
type Rate struct {
	Count int
	Per   time.Duration
	Burst int
}

// Limiter keeps a Rate for every key. It is safe for concurrent use.
type Limiter struct {
	rate     Rate
	interval time.Duration // between two at the steady rate
	window   time.Duration // what a burst takes to be forgotten
	now      func() time.Time
	seed     maphash.Seed

	mu         sync.Mutex
	young, old generation
	turned     time.Time // when young began
}

// generation has, by hashed key, the time at which the key has again all of
// its burst (the theoretical arrival time of GCRA, ITU-T I.371).
type generation map[uint64]time.Time

// generationSize bounds the memory: two generations of about 2 MB each. More
// keys than that within a window push out the oldest ones.
const generationSize = 1 << 16

// New makes a limiter that reads the time from now.
func New(rate Rate, now func() time.Time) *Limiter {
	l := &Limiter{rate: rate, now: now, seed: maphash.MakeSeed(), young: generation{}}
	if rate.Count > 0 {
		l.interval = rate.Per / time.Duration(rate.Count)
		burst := rate.Burst
		if burst <= 0 {
			burst = rate.Count
		}
		l.window = time.Duration(burst) * l.interval
	}
	return l
}

// Allow counts one more for key and returns true, or returns false and the
// time after which it would be allowed. What is refused does not count.
func (l *Limiter) Allow(key string) (ok bool, retryAfter time.Duration) {
	if l.rate.Count <= 0 {
		return false, l.rate.Per
	}
	hashed, now := maphash.String(l.seed, key), l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turn(now)
	full := l.full(hashed)
	if full.Before(now) {
		full = now
	}
	full = full.Add(l.interval)
	if wait := full.Sub(now) - l.window; wait > 0 {
		return false, wait
	}
	l.young[hashed] = full
	return true, 0
}

// Refund takes back one that was allowed, because it did no harm.
func (l *Limiter) Refund(key string) {
	hashed := maphash.String(l.seed, key)
	l.mu.Lock()
	defer l.mu.Unlock()
	if full := l.full(hashed); !full.IsZero() {
		l.young[hashed] = full.Add(-l.interval)
	}
}

// full is when a key has again all of its burst; zero for one that has it.
func (l *Limiter) full(hashed uint64) time.Time {
	if full, known := l.young[hashed]; known {
		return full
	}
	return l.old[hashed]
}

// turn starts a generation when the young one is full or a window old: what
// the old one knows is forgotten then anyhow.
func (l *Limiter) turn(now time.Time) {
	if len(l.young) < generationSize && now.Sub(l.turned) < l.window {
		return
	}
	l.old, l.young, l.turned = l.young, generation{}, now
}
