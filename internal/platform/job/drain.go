package job

import (
	"context"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"
)

const (
	// drainWorkers is how many rows of one drain are worked on at once.
	drainWorkers = 8
	// drainInterval is how often a drain looks for rows without being woken:
	// those to be tried again, and those of processes that ended.
	drainInterval = 5 * time.Second
)

// drain works off rows: it claims as many as workers are free, so that a slow
// one holds up one worker and nothing else.
type drain struct {
	name  string
	log   *slog.Logger
	wake  chan struct{}
	claim func(ctx context.Context, n int) ([]func(context.Context) error, error)
}

// Drain registers work that a feature keeps as rows of its own table, with a
// time at which each is due. claim sets that time ahead for at most n due rows,
// in one conditional update, and returns them; work does one, and then either
// ends the row or sets the time to try again. Its error is only logged. A row
// whose worker vanished is due again by itself, so every row is worked on at
// least once.
//
// Call wake after the commit that adds rows, to have them done at once. Every
// node drains. Call Drain before Start.
func Drain[T any](q *Queue, name string, claim func(ctx context.Context, n int) ([]T, error), work func(context.Context, T) error) (wake func()) {
	d := &drain{name: name, log: q.log, wake: make(chan struct{}, 1)}
	d.claim = func(ctx context.Context, n int) ([]func(context.Context) error, error) {
		rows, err := claim(ctx, n)
		todo := make([]func(context.Context) error, len(rows))
		for i, row := range rows {
			todo[i] = func(ctx context.Context) error { return work(ctx, row) }
		}
		return todo, err
	}
	q.drains = append(q.drains, d)
	return func() {
		select {
		case d.wake <- struct{}{}:
		default: // it is awake already
		}
	}
}

func (d *drain) run(ctx context.Context, stopping <-chan struct{}) {
	var running sync.WaitGroup
	defer running.Wait()
	busy := make(chan struct{}, drainWorkers)
	interval := time.NewTicker(drainInterval)
	defer interval.Stop()
	for {
		free := take(busy, stopping)
		if free == 0 {
			return
		}
		todo, err := d.claim(ctx, free)
		if err != nil {
			d.log.ErrorContext(ctx, "cannot look for background work", "kind", d.name, "error", err)
		}
		for range free - len(todo) {
			<-busy
		}
		for _, do := range todo {
			running.Go(func() {
				defer func() { <-busy }()
				d.do(ctx, do)
			})
		}
		if len(todo) == free {
			continue
		}
		select {
		case <-d.wake:
		case <-interval.C:
		case <-stopping:
			return
		}
	}
}

// take waits for a worker and takes all that are free; 0 when stopping.
func take(busy chan struct{}, stopping <-chan struct{}) (n int) {
	select {
	case <-stopping:
		return 0
	case busy <- struct{}{}:
	}
	for n = 1; n < cap(busy); n++ {
		select {
		case busy <- struct{}{}:
		default:
			return n
		}
	}
	return n
}

// do keeps a panic to the row that caused it.
func (d *drain) do(ctx context.Context, work func(context.Context) error) {
	defer func() {
		if p := recover(); p != nil {
			d.log.ErrorContext(ctx, "background work panicked", "kind", d.name, "panic", p, "stack", string(debug.Stack()))
		}
	}()
	if err := work(ctx); err != nil {
		d.log.WarnContext(ctx, "background work failed", "kind", d.name, "error", err)
	}
}
