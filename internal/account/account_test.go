package account

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/organization"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/database/databasetest"
	"github.com/guildhall-id/guildhall/internal/platform/job"
	"github.com/guildhall-id/guildhall/internal/platform/limit"
	"github.com/guildhall-id/guildhall/internal/platform/mail"
	"github.com/guildhall-id/guildhall/internal/platform/secret"
	"github.com/guildhall-id/guildhall/internal/session"
	"github.com/guildhall-id/guildhall/internal/user"
)

const password = "correct horse battery"

// desk is the account service of a fresh deployment, with a clock to move.
type desk struct {
	*Service
	t     *testing.T
	d     *deployment.Deployment
	clock *atomic.Int64
	hash  string // of password
}

// each runs body on both engines.
func each(t *testing.T, body func(*desk)) {
	t.Helper()
	passwords, err := user.NewPasswords()
	must(t, err)
	hash, err := passwords.Hash(t.Context(), password)
	must(t, err)
	var clock atomic.Int64
	clock.Store(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixMilli())
	now := func() time.Time { return time.UnixMilli(clock.Load()) }
	databasetest.EachWithClock(t, now, func(t *testing.T, db *database.DB) {
		key, err := secret.NewKey(bytes.Repeat([]byte{7}, secret.KeySize))
		must(t, err)
		deployments := deployment.NewService(db, deployment.Staging, "http://localhost:8080", key)
		d, err := deployments.Ensure(t.Context(), "Test")
		must(t, err)
		sessions := session.NewService(db, deployments, key, nil)
		outbox := mail.NewOutbox(db, job.New(db, slog.Default()), key, mail.None, "no-reply@example.com", mail.WideLimits).CarryTexts(mail.None)
		body(&desk{t: t, d: d, clock: &clock, hash: hash, Service: NewService(Needs{
			DB: db, Deployments: deployments, Sessions: sessions, Passwords: passwords, Outbox: outbox, Key: key,
			Organizations: organization.NewService(db, deployments, sessions, outbox, key, organization.Limits{}),
			Limits:        Limits{Tries: limit.Rate{Count: 1000, Per: time.Minute}},
		})})
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// refuses fails the test unless err is the refusal.
func refuses(t *testing.T, what string, err, refusal error) {
	t.Helper()
	if !errors.Is(err, refusal) {
		t.Errorf("%s: got %v, want %v", what, err, refusal)
	}
}

func as(c *access.Caller) context.Context { return access.WithCaller(context.Background(), c) }

// person is somebody with a proven address, and a password unless hash is
// empty.
func (o *desk) person(name, hash string) (person id.User) {
	o.t.Helper()
	ctx := as(&access.Caller{Deployment: o.d.ID})
	must(o.t, o.db.InTx(ctx, func(tx *database.Tx) (err error) {
		person, err = user.Create(ctx, tx, user.NewUser{
			Deployment: o.d.ID, FirstName: name, PasswordHash: hash,
			Email: user.Email(name + "@example.com"), TypedEmail: name + "@example.com", Strategy: byCode,
		})
		return err
	}))
	return person
}

// signIn signs somebody in to a new browser and returns its token too.
func (o *desk) signIn(person id.User) (*access.Caller, string) {
	o.t.Helper()
	c, err := o.sessions.Authenticate(httptest.NewRequest(http.MethodGet, "/me", nil), access.Tenant{}, true)
	must(o.t, err)
	must(o.t, o.db.InTx(as(c), func(tx *database.Tx) error {
		browser, err := o.sessions.Begin(as(c), tx, c, o.d)
		if err != nil {
			return err
		}
		_, err = o.sessions.SignIn(as(c), tx, c, o.d, browser, person, "plain_email")
		return err
	}))
	return c, c.Session.Renewed.Reveal()
}

// somebody is a new person with a password, signed in.
func (o *desk) somebody(name string) *access.Caller {
	o.t.Helper()
	c, _ := o.signIn(o.person(name, o.hash))
	return c
}

// whoHas is the person that a token belongs to, zero for nobody.
func (o *desk) whoHas(token string) id.User {
	o.t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/me", nil)
	r.AddCookie(&http.Cookie{Name: session.Cookie, Value: token})
	c, err := o.sessions.Authenticate(r, access.Tenant{}, false)
	must(o.t, err)
	return c.User
}

// me is how the person of a caller sees themselves now.
func (o *desk) me(c *access.Caller) user.Current {
	o.t.Helper()
	me, err := o.getUser(as(c), struct{}{})
	must(o.t, err)
	return me
}

// count is the number that a query of one number has.
func (o *desk) count(sql string, args ...any) (n int64) {
	o.t.Helper()
	must(o.t, o.db.QueryRow(context.Background(), sql, args...).Scan(&n))
	return n
}

// mails is how many mails of a kind an address got.
func (o *desk) mails(to, kind string) int64 {
	o.t.Helper()
	return o.count("SELECT count(*) FROM mails WHERE recipient = $1 AND kind = $2", to, kind)
}

func (o *desk) events(person id.User, name string) int64 {
	o.t.Helper()
	return o.count("SELECT count(*) FROM events WHERE subject_id = $1 AND name = $2", int64(person), name)
}

func (o *desk) set(change func(*deployment.Settings)) {
	o.t.Helper()
	must(o.t, o.deployments.Change(context.Background(), change))
}

// race runs f n times at once and returns the errors.
func race(n int, f func(i int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			errs[i] = f(i)
		})
	}
	close(start)
	wg.Wait()
	return errs
}

// wins counts the successes of a race, whose losers must have got one of the
// refusals.
func wins(t *testing.T, errs []error, refusals ...error) (n int) {
	t.Helper()
	for _, err := range errs {
		lost := false
		for _, refusal := range refusals {
			lost = lost || errors.Is(err, refusal)
		}
		switch {
		case err == nil:
			n++
		case !lost:
			t.Errorf("a loser got %v", err)
		}
	}
	return n
}
