package user

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// S17: of 500 people who sign in at once, as many are computed as there are
// cores, 64 wait, and the others are told at once when to come back. Who gives up
// waiting makes room.
func TestHashesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, err := NewPasswords()
		if err != nil {
			t.Fatal(err)
		}
		cores := 0
		for p.cores.TryAcquire(1) {
			cores++
		}
		p.cores.Release(int64(cores))
		var running, most, done, refused atomic.Int64
		var group sync.WaitGroup
		enough := make(chan struct{})
		ask := func(ctx context.Context, n int) {
			for range n {
				group.Go(func() {
					err := p.onCore(ctx, func() error {
						if now := running.Add(1); now > most.Load() {
							most.Store(now)
						}
						<-enough
						running.Add(-1)
						return nil
					})
					switch {
					case err == nil:
						done.Add(1)
					case errors.Is(err, ErrPasswordsBusy):
						refused.Add(1)
					case !errors.Is(err, context.Canceled):
						t.Error(err)
					}
				})
			}
			synctest.Wait()
		}
		patient := t.Context()
		impatient, giveUp := context.WithCancel(patient)
		ask(patient, cores)
		ask(impatient, hashQueue)
		ask(patient, 500-cores-hashQueue)
		if int(running.Load()) != cores || int(refused.Load()) != 500-cores-hashQueue {
			t.Errorf("%d of %d cores compute, %d were refused", running.Load(), cores, refused.Load())
		}
		giveUp()
		synctest.Wait()
		ask(patient, hashQueue+1)
		close(enough)
		group.Wait()
		if int(most.Load()) > cores || int(done.Load()) != cores+hashQueue || int(refused.Load()) != 500-cores-hashQueue+1 {
			t.Errorf("%d at once on %d cores, %d computed, %d refused", most.Load(), cores, done.Load(), refused.Load())
		}
	})
}
