package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// A batch is committed at the latest with so many transactions, or after so
// much time, and always when nobody waits for it.
const (
	batchSize = 128
	batchTime = 10 * time.Millisecond
)

// writer is the one connection that writes, and the order in which
// transactions get it. Durability costs a wait for the disk; transactions that
// arrive together share it: each runs in a savepoint of one outer transaction,
// in the goroutine of its caller, and the last one commits for all.
type writer struct {
	pool    *sql.DB // of one connection, shared with the job queue
	waiting atomic.Int32

	mu    sync.Mutex // whoever holds it has the turn
	batch *batch     // the open outer transaction, if any
	conn  *sqliteConn
}

// batch is an outer transaction.
type batch struct {
	lease    *sql.Conn
	tx       *sql.Tx
	conn     *sqliteConn
	began    time.Time
	members  int
	gathered gathering

	done chan struct{} // closed once the outcome is known
	err  error
}

func (w *writer) transact(ctx context.Context, body func(*Tx) error) error {
	b, err := w.turn(ctx, body)
	if err != nil {
		return err
	}
	<-b.done
	return b.err
}

// turn waits for the connection and runs body in a savepoint. The batch it
// then belongs to may still be open.
func (w *writer) turn(ctx context.Context, body func(*Tx) error) (*batch, error) {
	w.waiting.Add(1)
	w.mu.Lock()
	w.waiting.Add(-1)
	defer w.mu.Unlock()
	defer w.settle()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if w.batch == nil {
		if err := w.begin(); err != nil {
			return nil, err
		}
	}
	return w.batch, w.batch.run(body)
}

// settle ends the turn: with a commit, unless the next in line will do it. It
// runs after a panic as well.
func (w *writer) settle() {
	b := w.batch
	if b == nil {
		return
	}
	if w.waiting.Load() > 0 && b.members < batchSize && time.Since(b.began) < batchTime && b.conn.broken == nil {
		return
	}
	w.batch = nil
	b.commit()
}

// begin opens an outer transaction. It belongs to nobody, so no caller's
// context can end it.
func (w *writer) begin() (err error) {
	b := &batch{began: time.Now(), done: make(chan struct{})}
	if b.lease, err = w.pool.Conn(context.Background()); err != nil {
		return err
	}
	err = b.lease.Raw(func(raw any) (err error) {
		if w.conn == nil || w.conn.raw != raw {
			w.conn, err = newSQLiteConn(raw.(driver.Conn))
		}
		return err
	})
	if err == nil {
		b.tx, err = b.lease.BeginTx(context.Background(), nil)
	}
	if err != nil {
		return errors.Join(err, b.lease.Close())
	}
	w.conn.broken = nil
	b.conn = w.conn
	w.batch = b
	return nil
}

// run runs body in a savepoint, kept only if body returns without an error.
func (b *batch) run(body func(*Tx) error) error {
	if _, err := b.conn.exec("SAVEPOINT body", nil); err != nil {
		return err
	}
	session := &session{conn: b.conn}
	kept := false
	defer func() {
		session.over = true
		if !kept {
			b.undo()
		}
	}()
	tx := &Tx{DBTX: session, raw: b.tx}
	if err := body(tx); err != nil {
		return err
	}
	if _, err := b.conn.exec("RELEASE body", nil); err != nil {
		return err
	}
	kept = true
	b.members++
	b.gathered.join(tx.gathered)
	return nil
}

// undo takes back what happened since the savepoint. If even that fails the
// batch is lost.
func (b *batch) undo() {
	for _, text := range []string{"ROLLBACK TO body", "RELEASE body"} {
		if _, err := b.conn.exec(text, nil); err != nil && b.conn.broken == nil {
			b.conn.broken = err
		}
	}
}

// commit makes the batch durable and tells its members.
func (b *batch) commit() {
	b.err = errors.New("database: the transaction was abandoned")
	defer func() {
		if b.err != nil {
			// After a commit that failed there is nothing left to roll back.
			if err := b.tx.Rollback(); err != nil && !errors.Is(err, sql.ErrTxDone) {
				b.err = errors.Join(b.err, err)
			}
		}
		b.err = errors.Join(b.err, b.lease.Close())
		close(b.done)
	}()
	session := &session{conn: b.conn}
	err := b.gathered.flush(context.Background(), &Tx{DBTX: session, raw: b.tx})
	session.over = true
	if err == nil {
		err = b.conn.broken
	}
	if err == nil {
		err = b.tx.Commit()
	}
	b.err = err
}

// session is the writing connection while one transaction has it. Statements
// are not interrupted when their context ends, because SQLite would roll back
// the transactions of others too; the next statement is refused.
type session struct {
	conn *sqliteConn
	over bool
}

var errOver = errors.New("database: the transaction is over")

func (s *session) ready(ctx context.Context) error {
	if s.over {
		return errOver
	}
	return ctx.Err()
}

func (s *session) Exec(ctx context.Context, text string, args ...any) (pgconn.CommandTag, error) {
	if err := s.ready(ctx); err != nil {
		return pgconn.CommandTag{}, err
	}
	return s.conn.exec(text, args)
}

func (s *session) Query(ctx context.Context, text string, args ...any) (pgx.Rows, error) {
	rows := s.query(ctx, text, args)
	return rows, rows.err
}

func (s *session) QueryRow(ctx context.Context, text string, args ...any) pgx.Row {
	return sqliteRow{s.query(ctx, text, args)}
}

func (s *session) query(ctx context.Context, text string, args []any) *sqliteRows {
	if err := s.ready(ctx); err != nil {
		return noRows(err)
	}
	return s.conn.query(text, args)
}
