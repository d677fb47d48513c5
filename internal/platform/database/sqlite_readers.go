package database

import (
	"context"
	"errors"
	"sync"
	"time"
)

// readers are the connections that only read. The one that was given back last
// is lent first: its pages and statements are still in the processor's caches.
type readers struct {
	free chan struct{} // one for each idle connection

	mu   sync.Mutex
	idle []*sqliteConn
}

func newReaders(n int) *readers { return &readers{free: make(chan struct{}, n)} }

// take waits for a connection, at the longest until ctx ends.
func (r *readers) take(ctx context.Context) (*sqliteConn, error) {
	select {
	case <-r.free:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	last := len(r.idle) - 1
	c := r.idle[last]
	r.idle = r.idle[:last]
	c.broken = nil
	return c, nil
}

func (r *readers) give(c *sqliteConn) {
	r.mu.Lock()
	r.idle = append(r.idle, c)
	r.mu.Unlock()
	r.free <- struct{}{}
}

// close closes n connections, waiting a while for those that are in use.
func (r *readers) close(n int) error {
	ctx, done := context.WithTimeout(context.Background(), patience)
	defer done()
	var errs []error
	for range n {
		c, err := r.take(ctx)
		if err != nil {
			return errors.Join(append(errs, errors.New("database: closed while rows were being read"))...)
		}
		errs = append(errs, c.close())
	}
	return errors.Join(errs...)
}

const patience = 5 * time.Second
