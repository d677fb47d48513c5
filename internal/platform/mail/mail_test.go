package mail_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/database/databasetest"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
	"github.com/guildhall-id/guildhall/internal/platform/job"
	"github.com/guildhall-id/guildhall/internal/platform/mail"
	"github.com/guildhall-id/guildhall/internal/platform/secret"
)

const acme id.Deployment = 1

// clock is the time of a test; it moves only when told.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Unix(1_800_000_000, 0)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func serverKey(t testing.TB) secret.Key {
	key, err := secret.NewKey(make([]byte, secret.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// office is an outbox on a database of its own.
type office struct {
	*mail.Outbox
	db    *database.DB
	queue *job.Queue
}

func newOffice(t testing.TB, db *database.DB, transport mail.Transport, limits mail.Limits) *office {
	t.Helper()
	queue := job.New(db, slog.New(slog.NewTextHandler(t.Output(), nil)))
	err := db.InTx(t.Context(), func(tx *database.Tx) error {
		_, err := tx.Exec(t.Context(), "INSERT INTO deployments (id, name, settings, created_at, updated_at) VALUES (1, 'Acme', '{}', 1, 1)")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return &office{mail.NewOutbox(db, queue, serverKey(t), transport, "mail@acme.example", limits), db, queue}
}

func (o *office) open(t testing.TB) {
	t.Helper()
	if err := o.queue.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := o.queue.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
}

func (o *office) post(t testing.TB, m mail.Message) error {
	t.Helper()
	if m.Deployment == 0 {
		m.Deployment = acme
	}
	if m.Content.Subject == "" {
		m.Content.Subject = "Hello"
	}
	return o.db.InTx(t.Context(), func(tx *database.Tx) error { return o.Queue(t.Context(), tx, m) })
}

// status is what the database says of the mails to an address.
func (o *office) status(t testing.TB, to string) (status, reason string) {
	t.Helper()
	err := o.db.QueryRow(t.Context(), "SELECT status, error FROM mails WHERE recipient = $1 ORDER BY id DESC LIMIT 1", to).Scan(&status, &reason)
	if err != nil {
		t.Fatal(err)
	}
	return status, reason
}

func (o *office) await(t testing.TB, to, want string) (reason string) {
	t.Helper()
	var status string
	for range 1000 {
		if status, reason = o.status(t, to); status == want {
			return reason
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("the mail to %s is %s (%s), want %s", to, status, reason, want)
	return ""
}

// S8: counted per recipient, over all kinds.
func TestLimits(t *testing.T) {
	type step struct {
		to, kind string
		code     bool
		familiar bool
		after    time.Duration // since the step before
		refused  time.Duration // the time to wait, when it is refused
	}
	repeat := func(n int, s step) (steps []step) {
		for range n {
			steps = append(steps, s)
		}
		return steps
	}
	invitation := step{to: "ana@acme.example", kind: "invitation"}
	code := step{to: "ana@acme.example", kind: "verification_code", code: true}
	with := func(s step, change func(*step)) step {
		change(&s)
		return s
	}
	tests := map[string][]step{
		"ten an hour, over all kinds": append(
			append(repeat(5, invitation), repeat(5, with(invitation, func(s *step) { s.kind = "welcome" }))...),
			with(invitation, func(s *step) { s.refused = time.Hour }),
			with(invitation, func(s *step) { s.to = "bob@acme.example" }),
			with(invitation, func(s *step) { s.after = 59 * time.Minute; s.refused = time.Minute }),
			with(invitation, func(s *step) { s.after = time.Minute }),
		),
		"a minute between two codes of one purpose": {
			code,
			with(code, func(s *step) { s.after = 20 * time.Second; s.refused = 40 * time.Second }),
			with(code, func(s *step) { s.kind = "reset_code" }),
			invitation,
			with(code, func(s *step) { s.after = 40 * time.Second }),
		},
		"five codes an hour, over all purposes": append(
			repeat(5, with(code, func(s *step) { s.after = time.Minute })),
			with(code, func(s *step) { s.kind = "reset_code"; s.after = time.Minute; s.refused = 55 * time.Minute }),
			invitation,
		),
		"what strangers use up is there for a familiar browser": append(
			append(repeat(5, with(code, func(s *step) { s.after = time.Minute })), repeat(5, invitation)...),
			with(code, func(s *step) { s.refused = 56 * time.Minute }),
			with(code, func(s *step) { s.familiar = true }),
			with(code, func(s *step) { s.familiar = true; s.after = 20 * time.Second; s.refused = 40 * time.Second }),
			with(invitation, func(s *step) { s.familiar = true; s.kind = "password_changed" }),
		),
		"a familiar browser has limits too": append(
			append(repeat(5, with(code, func(s *step) { s.familiar = true; s.after = time.Minute })), repeat(5, with(invitation, func(s *step) { s.familiar = true }))...),
			with(invitation, func(s *step) { s.familiar = true; s.refused = 56 * time.Minute }),
			code,
		),
	}
	for name, steps := range tests {
		t.Run(name, func(t *testing.T) {
			c := newClock()
			databasetest.EachWithClock(t, c.now, func(t *testing.T, db *database.DB) {
				o := newOffice(t, db, mail.None, mail.StrictLimits)
				for i, s := range steps {
					c.advance(s.after)
					m := mail.Message{To: s.to, Kind: s.kind, Familiar: s.familiar}
					if s.code {
						m.Content.Code = "123456"
					}
					err := o.post(t, m)
					if (err != nil) != (s.refused != 0) || err != nil && !errors.Is(err, mail.ErrTooMany) {
						t.Fatalf("step %d: %v, want a refusal for %v", i+1, err, s.refused)
					}
					var refusal *fault.Error
					if errors.As(err, &refusal) && refusal.RetryAfter != s.refused {
						t.Errorf("step %d: refused for %v, want %v", i+1, refusal.RetryAfter, s.refused)
					}
				}
			})
		})
	}
}

// What is counted holds whoever asks at the same time.
func TestLimitsRace(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		o := newOffice(t, db, mail.None, mail.StrictLimits)
		var wg sync.WaitGroup
		for range 30 {
			wg.Go(func() {
				if err := o.post(t, mail.Message{To: "ana@acme.example", Kind: "invitation"}); err != nil && !errors.Is(err, mail.ErrTooMany) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		var n int
		if err := db.QueryRow(t.Context(), "SELECT count(*) FROM mails").Scan(&n); err != nil || n != 10 {
			t.Errorf("%d mails were queued, want 10 (%v)", n, err)
		}
	})
}

func TestQueueRefuses(t *testing.T) {
	db := databasetest.Open(t, database.SQLite, time.Now)
	o := newOffice(t, db, mail.None, mail.WideLimits)
	good := mail.Message{To: "ana@acme.example", Kind: "invitation"}
	tests := map[string]func(*mail.Message){
		"no kind":                     func(m *mail.Message) { m.Kind = "" },
		"no address":                  func(m *mail.Message) { m.To = "" },
		"two addresses":               func(m *mail.Message) { m.To = "ana@acme.example, bob@acme.example" },
		"a name and an address":       func(m *mail.Message) { m.To = "Ana <ana@acme.example>" },
		"a line break in the address": func(m *mail.Message) { m.To = "ana@acme.example\r\nBcc: bob@acme.example" },
		"a line break at its end":     func(m *mail.Message) { m.To = "ana@acme.example\n" },
		"a quoted local part":         func(m *mail.Message) { m.To = `"ana bob"@acme.example` },
		"an address literal":          func(m *mail.Message) { m.To = "ana@[127.0.0.1]" },
		"an SMTP parameter":           func(m *mail.Message) { m.To = "ana@acme.example> SIZE=1" },
		"letters beyond ASCII":        func(m *mail.Message) { m.To = "änä@acme.example" },
		"a script as link": func(m *mail.Message) {
			m.Content.Action = &mail.Action{Label: "Click", URL: "javascript:alert(1)"}
		},
		"a link without host": func(m *mail.Message) { m.Content.Action = &mail.Action{Label: "Click", URL: "https:/x"} },
		"a subject of spaces": func(m *mail.Message) { m.Content.Subject = "\r\n" },
	}
	if err := o.post(t, good); err != nil {
		t.Fatal(err)
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			m := good
			change(&m)
			if err := o.post(t, m); err == nil {
				t.Error("queued")
			}
		})
	}
}

// script is a transport that answers as told.
type script struct {
	mu     sync.Mutex
	sent   []mail.Rendered
	answer func(mail.Rendered) error
}

func (s *script) Send(_ context.Context, m mail.Rendered) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent = append(s.sent, m)
	return s.answer(m)
}

func (s *script) tries(to string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.sent {
		if m.To == to {
			n++
		}
	}
	return n
}

// S14: a mail to an address that nobody has waits, counts and ends like any
// other, and never leaves.
func TestPretend(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := &script{answer: func(mail.Rendered) error { return nil }}
		o := newOffice(t, db, s, mail.Limits{PerRecipientHour: 1})
		pretend := func() error {
			m := mail.Message{Deployment: acme, To: "nobody@acme.example", Kind: "magic_link", Content: mail.Content{Subject: "Hello"}}
			return db.InTx(t.Context(), func(tx *database.Tx) error { return o.Pretend(t.Context(), tx, m) })
		}
		if err := pretend(); err != nil {
			t.Fatal(err)
		}
		if status, _ := o.status(t, "nobody@acme.example"); status != "queued" {
			t.Errorf("it is %s", status)
		}
		if err := pretend(); !errors.Is(err, mail.ErrTooMany) {
			t.Errorf("the limit says %v", err)
		}
		o.open(t)
		if reason := o.await(t, "nobody@acme.example", "failed"); reason != "nobody has this address" {
			t.Errorf("failed because %q", reason)
		}
		if n := s.tries("nobody@acme.example"); n != 0 {
			t.Errorf("it left %d times", n)
		}
	})
}

func TestContentIsSealedThenDropped(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		o := newOffice(t, db, &script{answer: func(mail.Rendered) error { return nil }}, mail.WideLimits)
		if err := o.post(t, mail.Message{To: "ana@acme.example", Kind: "code", Subject: 7, Content: mail.Content{Code: "481516"}}); err != nil {
			t.Fatal(err)
		}
		var content []byte
		if err := db.QueryRow(t.Context(), "SELECT content FROM mails").Scan(&content); err != nil {
			t.Fatal(err)
		}
		if len(content) == 0 || strings.Contains(string(content), "481516") {
			t.Errorf("the content waits as %q", content)
		}
		o.open(t)
		o.await(t, "ana@acme.example", "sent")
		var left int
		if err := db.QueryRow(t.Context(), "SELECT count(*) FROM mails WHERE content IS NOT NULL OR due_at IS NOT NULL OR ended_at IS NULL OR subject_id <> 7").Scan(&left); err != nil || left != 0 {
			t.Errorf("%d mails are not ended (%v)", left, err)
		}
	})
}

// A content that was put into another mail's row leaves with neither.
func TestContentIsSealedForItsMail(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		o := newOffice(t, db, &script{answer: func(mail.Rendered) error { return nil }}, mail.WideLimits)
		for _, to := range []string{"ana@acme.example", "bo@acme.example"} {
			if err := o.post(t, mail.Message{To: to, Kind: "code", Content: mail.Content{Code: "481516"}}); err != nil {
				t.Fatal(err)
			}
		}
		err := db.InTx(t.Context(), func(tx *database.Tx) error {
			var ana, bo []byte
			const of, put = "SELECT content FROM mails WHERE recipient = $1", "UPDATE mails SET content = $1 WHERE recipient = $2"
			err := tx.QueryRow(t.Context(), of, "ana@acme.example").Scan(&ana)
			if err == nil {
				err = tx.QueryRow(t.Context(), of, "bo@acme.example").Scan(&bo)
			}
			if err == nil {
				_, err = tx.Exec(t.Context(), put, bo, "ana@acme.example")
			}
			if err == nil {
				_, err = tx.Exec(t.Context(), put, ana, "bo@acme.example")
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		o.open(t)
		o.await(t, "ana@acme.example", "failed")
		o.await(t, "bo@acme.example", "failed")
	})
}

// The records of delivery stay for a month; what waits stays until it is sent.
func TestSweep(t *testing.T) {
	clock := newClock()
	databasetest.EachWithClock(t, clock.now, func(t *testing.T, db *database.DB) {
		o := newOffice(t, db, &script{answer: func(mail.Rendered) error { return nil }}, mail.WideLimits)
		for to, ended := range map[string]bool{"old@acme.example": true, "waiting@acme.example": false} {
			if err := o.post(t, mail.Message{To: to, Kind: "code"}); err != nil {
				t.Fatal(err)
			}
			if ended {
				o.end(t, to)
			}
		}
		clock.advance(31 * 24 * time.Hour)
		if err := o.post(t, mail.Message{To: "new@acme.example", Kind: "code"}); err != nil {
			t.Fatal(err)
		}
		o.end(t, "new@acme.example")
		if err := o.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		var left string
		if err := db.QueryRow(t.Context(), "SELECT string_agg(recipient, ' ' ORDER BY recipient) FROM mails").Scan(&left); err != nil || left != "new@acme.example waiting@acme.example" {
			t.Errorf("left are %s (%v)", left, err)
		}
	})
}

// end marks the mails to an address as sent.
func (o *office) end(t testing.TB, to string) {
	t.Helper()
	err := o.db.InTx(t.Context(), func(tx *database.Tx) error {
		_, err := tx.Exec(t.Context(), "UPDATE mails SET status = 'sent', due_at = NULL, content = NULL WHERE recipient = $1", to)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A mail that was rolled back never leaves, and one bad recipient delays
// nobody.
func TestDelivery(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := &script{answer: func(m mail.Rendered) error {
			switch m.To {
			case "later@acme.example":
				return errors.New("later")
			case "never@acme.example":
				return mail.Permanent(errors.New("550 no\r\nsuch user"))
			}
			return nil
		}}
		o := newOffice(t, db, s, mail.WideLimits)
		o.open(t)
		errUndone := errors.New("undone")
		err := db.InTx(t.Context(), func(tx *database.Tx) error {
			m := mail.Message{Deployment: acme, To: "nobody@acme.example", Kind: "invitation", Content: mail.Content{Subject: "Hello"}}
			return errors.Join(o.Queue(t.Context(), tx, m), errUndone)
		})
		if !errors.Is(err, errUndone) {
			t.Fatal(err)
		}
		for _, to := range []string{"later@acme.example", "never@acme.example", "ana@acme.example"} {
			if err := o.post(t, mail.Message{To: to, Kind: "invitation"}); err != nil {
				t.Fatal(err)
			}
		}
		o.await(t, "ana@acme.example", "sent")
		if reason := o.await(t, "never@acme.example", "failed"); reason != "550 no such user" {
			t.Errorf("failed because %q", reason)
		}
		for range 500 {
			if _, reason := o.status(t, "later@acme.example"); reason == "later" {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		if status, reason := o.status(t, "later@acme.example"); status != "queued" || reason != "later" {
			t.Errorf("a mail to be tried again is %s (%s)", status, reason)
		}
		if s.tries("nobody@acme.example") != 0 || s.tries("never@acme.example") != 1 || s.tries("ana@acme.example") != 1 {
			t.Errorf("sent: %v", s.sent)
		}
	})
}

// Two nodes share the work; each mail leaves once.
// R3 and R7: two nodes send each mail once.
func TestTwoNodes(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := &script{answer: func(mail.Rendered) error { return nil }}
		o := newOffice(t, db, s, mail.WideLimits)
		other := job.New(db, slog.New(slog.NewTextHandler(t.Output(), nil)))
		node := &office{mail.NewOutbox(db, other, serverKey(t), s, "mail@acme.example", mail.WideLimits), db, other}
		o.open(t)
		node.open(t)
		var wg sync.WaitGroup
		for i := range 200 {
			wg.Go(func() {
				from := []*office{o, node}[i%2]
				if err := from.post(t, mail.Message{To: fmt.Sprintf("p%d@acme.example", i), Kind: "invitation"}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for i := range 200 {
			to := fmt.Sprintf("p%d@acme.example", i)
			o.await(t, to, "sent")
			if n := s.tries(to); n != 1 {
				t.Errorf("%s was sent to %d times", to, n)
			}
		}
	})
}

// The whole cost of a mail: queued by one of many transactions, delivered to
// nowhere.
func BenchmarkMail(b *testing.B) {
	for _, dialect := range databasetest.Dialects() {
		b.Run(string(dialect), func(b *testing.B) {
			db := databasetest.Open(b, dialect, time.Now)
			var sent sync.WaitGroup
			s := &script{answer: func(mail.Rendered) error { sent.Done(); return nil }}
			o := newOffice(b, db, s, mail.WideLimits)
			var n atomic.Int64
			b.SetParallelism(64)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					sent.Add(1)
					if err := o.post(b, mail.Message{To: fmt.Sprintf("p%d@acme.example", n.Add(1)), Kind: "invitation"}); err != nil {
						b.Error(err)
					}
				}
			})
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N), "ns/queued")
			o.open(b)
			start := time.Now()
			sent.Wait()
			b.ReportMetric(float64(time.Since(start).Nanoseconds())/float64(b.N), "ns/delivered")
		})
	}
}
