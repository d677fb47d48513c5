// Package job does work after the transaction that asks for it, at least once:
// what did not commit is never done, what committed is done even if this
// process ends first.
//
// There are three kinds. Enqueue hands one piece of work to River, which keeps
// it in a table and tries again when it fails; Every does something now and
// then, on one node; Drain works off rows that a feature keeps itself. River
// costs a fraction of a millisecond per piece, so what comes by the thousand a
// second, such as mail, is a Drain.
package job

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/guildhall-id/guildhall/internal/platform/database"
)

// Args says what to do. It is stored as JSON and never has secrets. Kind names
// the work and must not depend on the value.
type Args interface{ Kind() string }

// Queue runs work on this node, and takes work for all nodes.
type Queue struct {
	log     *slog.Logger
	workers *river.Workers
	kinds   map[string]bool
	client  client
	every   map[string]func(context.Context) error
	drains  []*drain

	stop     sync.Once
	stopping chan struct{}      // no new work from here on
	cancel   context.CancelFunc // ends the work of drains
	draining sync.WaitGroup
}

// New makes the queue of a database. Nothing runs before Start.
func New(db *database.DB, log *slog.Logger) *Queue {
	q := &Queue{
		log:      log,
		workers:  river.NewWorkers(),
		kinds:    map[string]bool{},
		every:    map[string]func(context.Context) error{},
		stopping: make(chan struct{}),
		cancel:   func() {},
	}
	Register(q, q.tick)
	q.client = newClient(db.Raw(), q.workers, log)
	return q
}

// Register says how work of a kind is done. An error has it done again later,
// with growing distances, unless it is one of Cancel. Call it before Start.
func Register[A Args](q *Queue, work func(context.Context, A) error) {
	var none A
	q.kinds[none.Kind()] = true
	river.AddWorker(q.workers, river.WorkFunc(func(ctx context.Context, j *river.Job[A]) error {
		err := work(ctx, j.Args)
		if err != nil {
			q.log.WarnContext(ctx, "background work failed",
				"kind", j.Kind, "job", j.ID, "attempt", j.Attempt, "error", err)
		}
		return err
	}))
}

// Cancel marks an error as final: the work is not tried again.
func Cancel(err error) error { return river.JobCancel(err) }

// Enqueue has args done once tx has committed, and not if it does not. All the
// work of a commit is stored in one go.
func (q *Queue) Enqueue(_ context.Context, tx *database.Tx, args ...Args) error {
	for _, a := range args {
		if !q.kinds[a.Kind()] {
			return fmt.Errorf("job: nobody does %q", a.Kind())
		}
		data, err := json.Marshal(a)
		if err != nil {
			return fmt.Errorf("job %s: %w", a.Kind(), err)
		}
		database.Gather(tx, "jobs", encoded{a.Kind(), data}, func(ctx context.Context, tx *database.Tx, all []encoded) error {
			return q.client.insert(ctx, tx.Raw(), all)
		})
	}
	return nil
}

// encoded is Args that can be stored without fail.
type encoded struct {
	kind string
	json.RawMessage
}

func (e encoded) Kind() string { return e.kind }

// Every has f called about every d, by one of the nodes, and once soon after
// the start. A call that fails is not repeated before the next is due. Names
// are unique. Call it before Start.
func (q *Queue) Every(name string, d time.Duration, f func(context.Context) error) {
	if _, taken := q.every[name]; taken {
		panic("job: there are two periodic works named " + name)
	}
	q.every[name] = f
	q.client.periodic(river.NewPeriodicJob(river.PeriodicInterval(d),
		func() (river.JobArgs, *river.InsertOpts) { return tick{name}, tickOnce },
		&river.PeriodicJobOpts{RunOnStart: true}))
}

// tick is one turn of periodic work.
type tick struct {
	Name string `json:"name"`
}

func (tick) Kind() string { return "tick" }

// tickOnce keeps a turn out while the one before is still waiting or running.
var tickOnce = &river.InsertOpts{
	MaxAttempts: 1,
	UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
		rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRunning,
		rivertype.JobStateRetryable, rivertype.JobStateScheduled,
	}},
}

func (q *Queue) tick(ctx context.Context, t tick) error {
	f, known := q.every[t.Name]
	if !known {
		return Cancel(fmt.Errorf("job: no periodic work is named %q", t.Name))
	}
	return f(ctx)
}

// Start begins to work. The end of ctx does not end it; Stop does.
func (q *Queue) Start(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	if err := q.client.Start(ctx); err != nil {
		return fmt.Errorf("start background work: %w", err)
	}
	ctx, q.cancel = context.WithCancel(ctx)
	for _, d := range q.drains {
		q.draining.Go(func() { d.run(ctx, q.stopping) })
	}
	return nil
}

// Stop takes no new work and waits for what runs. When ctx ends first, it cuts
// that short: the work is done again after the next start.
func (q *Queue) Stop(ctx context.Context) error {
	q.stop.Do(func() { close(q.stopping) })
	drained := make(chan struct{})
	go func() {
		q.draining.Wait()
		close(drained)
	}()
	err := q.client.Stop(ctx)
	select {
	case <-drained:
	case <-ctx.Done():
		err = errors.Join(err, ctx.Err())
	}
	q.cancel()
	if err == nil {
		return nil
	}
	short, done := context.WithTimeout(context.WithoutCancel(ctx), lastWait)
	defer done()
	hard := q.client.StopAndCancel(short)
	select {
	case <-drained:
	case <-short.Done():
	}
	return errors.Join(fmt.Errorf("stop background work: %w", err), hard)
}

// lastWait is how long work that was cut short has to notice.
const lastWait = 2 * time.Second
