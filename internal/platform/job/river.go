package job

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
)

const (
	workers      = 4
	workDeadline = time.Minute
	// rescueAfter is when work of a process that was killed is done again.
	rescueAfter = 5 * time.Minute
	// What is done is forgotten, what was given up stays longer to be looked at.
	keepDone   = time.Hour
	keepFailed = 7 * 24 * time.Hour
)

// client is River's, whose type depends on the engine's transactions.
type client interface {
	Start(context.Context) error
	Stop(context.Context) error
	StopAndCancel(context.Context) error
	insert(ctx context.Context, tx any, all []encoded) error
	periodic(*river.PeriodicJob)
}

type clientOf[Tx any] struct{ *river.Client[Tx] }

func newClient(pool any, w *river.Workers, log *slog.Logger) client {
	config := &river.Config{
		Workers:                     w,
		Queues:                      map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: workers}},
		Logger:                      slog.New(warnings{log.Handler()}),
		JobTimeout:                  workDeadline,
		RescueStuckJobsAfter:        rescueAfter,
		CompletedJobRetentionPeriod: keepDone,
		CancelledJobRetentionPeriod: keepFailed,
		DiscardedJobRetentionPeriod: keepFailed,
	}
	switch pool := pool.(type) {
	case *pgxpool.Pool:
		return newClientOf(riverpgxv5.New(pool), config)
	case *sql.DB:
		// Listening would query the only writing connection 20 times a second,
		// day and night; polling every second is enough for one node.
		config.PollOnly = true
		return newClientOf(riversqlite.New(pool), config)
	}
	panic(fmt.Sprintf("job: no queue for a %T", pool))
}

func newClientOf[Tx any](driver riverdriver.Driver[Tx], config *river.Config) client {
	c, err := river.NewClient(driver, config)
	if err != nil {
		panic(err) // it refuses only settings, and those are ours
	}
	return clientOf[Tx]{c}
}

func (c clientOf[Tx]) insert(ctx context.Context, tx any, all []encoded) error {
	params := make([]river.InsertManyParams, len(all))
	for i, a := range all {
		params[i].Args = a
	}
	if _, err := c.InsertManyFastTx(ctx, tx.(Tx), params); err != nil {
		return fmt.Errorf("store background work: %w", err)
	}
	return nil
}

func (c clientOf[Tx]) periodic(p *river.PeriodicJob) { c.PeriodicJobs().Add(p) }

// warnings passes on what an operator should see; River tells much more.
type warnings struct{ slog.Handler }

func (w warnings) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && w.Handler.Enabled(ctx, level)
}

func (w warnings) WithAttrs(attrs []slog.Attr) slog.Handler {
	return warnings{w.Handler.WithAttrs(attrs)}
}

func (w warnings) WithGroup(name string) slog.Handler { return warnings{w.Handler.WithGroup(name)} }
