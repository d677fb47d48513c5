package id

import (
	"sync"
	"time"
)

// An id is 41 bits of milliseconds since Epoch, 10 bits of node number and 12
// bits of sequence: it grows with time, so that the newest is the largest.
const (
	nodeBits     = 10
	sequenceBits = 12

	// Nodes is how many node numbers there are.
	Nodes = 1 << nodeBits
)

// Epoch is the zero of the ids' time, 2024-01-01 UTC.
var Epoch = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

// Generator makes ids that no other node makes, given that the node number is
// leased by this process alone. It is safe for concurrent use.
type Generator struct {
	node int64
	now  func() time.Time

	mu   sync.Mutex
	last int64 // the last time and sequence given out, as one number
}

// NewGenerator makes ids for a leased node number in [0, Nodes).
func NewGenerator(node int, now func() time.Time) *Generator {
	return &Generator{node: int64(node), now: now}
}

// Next is a new id, greater than every id this generator made before, even
// when the clock steps back: the sequence then borrows from the future.
func Next[T ~int64](g *Generator) T {
	g.mu.Lock()
	defer g.mu.Unlock()
	tick := g.now().Sub(Epoch).Milliseconds() << sequenceBits
	if tick <= g.last {
		tick = g.last + 1
	}
	g.last = tick
	const sequence = 1<<sequenceBits - 1
	return T(tick>>sequenceBits<<(nodeBits+sequenceBits) | g.node<<sequenceBits | tick&sequence)
}

// Since is a lower bound of all ids made at t or later, whatever t is: no id is
// from before Epoch, nor from after the time that 41 bits can count to.
func Since[T ~int64](t time.Time) T {
	const last = 1<<(63-nodeBits-sequenceBits) - 1
	return T(min(max(t.Sub(Epoch).Milliseconds(), 0), last) << (nodeBits + sequenceBits))
}
