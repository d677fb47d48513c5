package factor

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/clock"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/database/databasetest"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
	"github.com/guildhall-id/guildhall/internal/platform/job"
	"github.com/guildhall-id/guildhall/internal/platform/limit"
	"github.com/guildhall-id/guildhall/internal/platform/mail"
	"github.com/guildhall-id/guildhall/internal/platform/secret"
	"github.com/guildhall-id/guildhall/internal/session"
	"github.com/guildhall-id/guildhall/internal/user"
)

// desk is the service of a fresh deployment that offers authenticators and
// backup codes, with a clock to move.
type desk struct {
	*Service
	t     *testing.T
	d     *deployment.Deployment
	clock *atomic.Int64
}

// each runs body on both engines.
func each(t *testing.T, body func(*testing.T, *desk)) {
	t.Helper()
	var clock atomic.Int64
	now := func() time.Time { return time.UnixMilli(clock.Load()) }
	databasetest.EachWithClock(t, now, func(t *testing.T, db *database.DB) {
		clock.Store(time.Date(2026, 3, 1, 12, 0, 7, 0, time.UTC).UnixMilli())
		key, err := secret.NewKey(bytes.Repeat([]byte{7}, secret.KeySize))
		must(t, err)
		deployments := deployment.NewService(db, deployment.Staging, "http://localhost:8080", key)
		d, err := deployments.Ensure(t.Context(), "Test")
		must(t, err)
		o := &desk{t: t, d: d, clock: &clock, Service: NewService(Needs{
			DB: db, Deployments: deployments, Sessions: session.NewService(db, deployments, key, nil), Key: key, Now: now,
			Outbox: mail.NewOutbox(db, job.New(db, slog.Default()), key, mail.None, "no-reply@example.com", mail.WideLimits),
			Limits: Limits{Tries: limit.Rate{Count: 1000, Per: time.Minute}},
		})}
		o.set(func(s *deployment.Settings) {
			s.Auth.FactorsEnabled.Authenticator, s.Auth.FactorsEnabled.BackupCode, s.Auth.BackupCode.Enabled = true, true, true
		})
		body(t, o)
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

// set changes the settings, and has the desk know them.
func (o *desk) set(change func(*deployment.Settings)) {
	o.t.Helper()
	must(o.t, o.deployments.Change(context.Background(), change))
	var err error
	o.d, err = o.deployments.Get(context.Background(), o.d.ID)
	must(o.t, err)
}

// somebody is a new person with a proven address, signed in.
func (o *desk) somebody(name string) *access.Caller {
	o.t.Helper()
	var person id.User
	nobody := as(&access.Caller{Deployment: o.d.ID})
	must(o.t, o.db.InTx(nobody, func(tx *database.Tx) (err error) {
		person, err = user.Create(nobody, tx, user.NewUser{
			Deployment: o.d.ID, FirstName: name, Strategy: "email_otp",
			Email: user.Email(name + "@example.com"), TypedEmail: name + "@example.com",
		})
		return err
	}))
	return o.signIn(person)
}

func (o *desk) signIn(person id.User) *access.Caller {
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
	return c
}

func (o *desk) now() clock.Time { return clock.Time(o.clock.Load()) }

func (o *desk) pass(d time.Duration) { o.clock.Add(d.Milliseconds()) }

// shows is what an authenticator shows a number of steps from now.
func (o *desk) shows(k key, steps int64) string {
	o.t.Helper()
	code, err := k.code(stepAt(o.now()) + steps)
	must(o.t, err)
	return code
}

func (o *desk) begin(c *access.Caller) NewAuthenticator {
	o.t.Helper()
	made, err := o.addAuthenticator(as(c), struct{}{})
	must(o.t, err)
	return made
}

func (o *desk) verify(c *access.Caller, a id.Authenticator, codes ...string) error {
	var in verifyAuthenticatorInput
	in.Body.AuthenticatorID, in.Body.Codes = a, codes
	_, err := o.verifyAuthenticator(as(c), in)
	return err
}

// enrol gives somebody an authenticator. Its codes work from the next step on.
func (o *desk) enrol(c *access.Caller) (id.Authenticator, key) {
	o.t.Helper()
	made := o.begin(c)
	k := key(made.TOTPSecret)
	must(o.t, o.verify(c, made.ID, o.shows(k, -1), o.shows(k, 0)))
	o.pass(2 * period)
	return made.ID, k
}

// check is the method by which a code is right, or the refusal.
func (o *desk) check(person id.User, code string) (method string, err error) {
	var wrong *fault.Error
	ctx := as(&access.Caller{Deployment: o.d.ID})
	err = o.db.InTx(ctx, func(tx *database.Tx) (err error) {
		method, wrong, err = o.Check(ctx, tx, o.d, person, code)
		return err
	})
	if err == nil && wrong != nil {
		err = wrong
	}
	return method, err
}

func (o *desk) accepts(person id.User, code, method string) {
	o.t.Helper()
	if got, err := o.check(person, code); err != nil || got != method {
		o.t.Errorf("%s: got %q, %v", code, got, err)
	}
}

func (o *desk) remove(c *access.Caller, a id.Authenticator) error {
	_, err := o.removeAuthenticator(as(c), authenticatorInput{a})
	return err
}

func (o *desk) has(person id.User, methods ...string) {
	o.t.Helper()
	got, err := o.Methods(context.Background(), o.db, o.d, person)
	must(o.t, err)
	if !slices.Equal(got, methods) {
		o.t.Errorf("methods %q, want %q", got, methods)
	}
}

// me is how a person sees themselves.
func (o *desk) me(person id.User) user.Current {
	o.t.Helper()
	people, err := user.CurrentByID(context.Background(), o.db, []id.User{person})
	must(o.t, err)
	return people[person]
}

// count is the number that a query of one number has.
func (o *desk) count(sql string, args ...any) (n int64) {
	o.t.Helper()
	must(o.t, o.db.QueryRow(context.Background(), sql, args...).Scan(&n))
	return n
}

func (o *desk) mails(name string) int64 {
	o.t.Helper()
	return o.count("SELECT count(*) FROM mails WHERE recipient = $1 AND kind = 'account_changed'", name+"@example.com")
}

func (o *desk) events(person id.User, name string) int64 {
	o.t.Helper()
	return o.count("SELECT count(*) FROM events WHERE subject_id = $1 AND name = $2", int64(person), name)
}

func (o *desk) exec(sql string, args ...any) {
	o.t.Helper()
	must(o.t, o.db.InTx(context.Background(), func(tx *database.Tx) error {
		_, err := tx.Exec(context.Background(), sql, args...)
		return err
	}))
}

// race runs f n times at once, and returns how many succeeded. The others must
// have got the refusal.
func race(t *testing.T, n int, refusal error, f func(i int) error) (wins int) {
	t.Helper()
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
	for _, err := range errs {
		switch {
		case err == nil:
			wins++
		case !errors.Is(err, refusal):
			t.Errorf("a loser got %v", err)
		}
	}
	return wins
}

// S37: neither a secret nor a backup code is in the database as it is.
func TestSecretsAreNotInTheDatabase(t *testing.T) {
	each(t, func(t *testing.T, o *desk) {
		ana := o.somebody("ana")
		_, k := o.enrol(ana)
		waiting := o.begin(o.somebody("ben"))
		codes, err := o.createBackupCodes(as(ana), struct{}{})
		must(t, err)
		o.accepts(ana.User, codes[3], ByBackupCode)
		var stored strings.Builder
		for _, column := range []string{"user_authenticators.secret", "user_backup_codes.hashes"} {
			table, name, _ := strings.Cut(column, ".")
			rows, err := o.db.Query(context.Background(), "SELECT "+name+" FROM "+table)
			must(t, err)
			for rows.Next() {
				var value []byte
				must(t, rows.Scan(&value))
				stored.Write(value)
			}
			must(t, rows.Err())
		}
		rows, err := o.db.Query(context.Background(), "SELECT data FROM events")
		must(t, err)
		for rows.Next() {
			var data string
			must(t, rows.Scan(&data))
			stored.WriteString(data)
		}
		must(t, rows.Err())
		if stored.Len() < 500 {
			t.Fatalf("this test looked at %d bytes", stored.Len())
		}
		for _, secret := range append(codes, string(k), waiting.TOTPSecret) {
			if strings.Contains(stored.String(), secret) || strings.Contains(stored.String(), strings.ReplaceAll(secret, "-", "")) {
				t.Errorf("%s is stored as it is", secret)
			}
		}
	})
}

// Settings that switch a factor off refuse it, and those that switch it on
// again bring it back.
func TestFactorsThatAreNotOffered(t *testing.T) {
	each(t, func(t *testing.T, o *desk) {
		ana := o.somebody("ana")
		o.has(ana.User)
		_, k := o.enrol(ana)
		o.has(ana.User, ByAuthenticator)
		codes, err := o.createBackupCodes(as(ana), struct{}{})
		must(t, err)
		o.has(ana.User, ByAuthenticator, ByBackupCode)

		o.set(func(s *deployment.Settings) { s.Auth.FactorsEnabled.BackupCode = false })
		o.has(ana.User, ByAuthenticator)
		_, err = o.check(ana.User, codes[0])
		refuses(t, "a backup code that is not offered", err, ErrWrongCode)
		_, err = o.replaceBackupCodes(as(ana), struct{}{})
		refuses(t, "new codes", err, deployment.ErrFeatureDisabled)

		// Backup codes stand in for another factor: without it they are none.
		o.set(func(s *deployment.Settings) {
			s.Auth.FactorsEnabled.BackupCode, s.Auth.FactorsEnabled.Authenticator = true, false
		})
		o.has(ana.User)
		for what, code := range map[string]string{"an authenticator's": o.shows(k, 0), "a backup": codes[0]} {
			_, err = o.check(ana.User, code)
			refuses(t, what+" code", err, ErrWrongCode)
		}
		_, err = o.addAuthenticator(as(ana), struct{}{})
		refuses(t, "an authenticator", err, deployment.ErrFeatureDisabled)
		_, err = o.replaceBackupCodes(as(ana), struct{}{})
		refuses(t, "codes without another factor", err, ErrNoFactor)

		o.set(func(s *deployment.Settings) { s.Auth.FactorsEnabled.Authenticator = true })
		o.accepts(ana.User, o.shows(k, 0), ByAuthenticator)
		o.accepts(ana.User, codes[0], ByBackupCode)
	})
}

// S18: where the deployment asks for step-up, second factors change only within
// ten minutes of signing in.
func TestStepUp(t *testing.T) {
	each(t, func(t *testing.T, o *desk) {
		ana := o.somebody("ana")
		have, _ := o.enrol(ana)
		waiting := o.begin(ana)
		changes := map[string]func() error{
			"adding":    func() error { _, err := o.addAuthenticator(as(ana), struct{}{}); return err },
			"verifying": func() error { return o.verify(ana, waiting.ID, "000000", "000000") },
			"codes":     func() error { _, err := o.createBackupCodes(as(ana), struct{}{}); return err },
			"new codes": func() error { _, err := o.replaceBackupCodes(as(ana), struct{}{}); return err },
			"removing":  func() error { return o.remove(ana, have) },
		}
		o.pass(10 * time.Minute)
		must(t, changes["codes"]()) // off
		o.set(func(s *deployment.Settings) { s.Auth.StepUpRequired = true })
		for what, change := range changes {
			refuses(t, what+" with an old sign-in", change(), access.ErrStaleSignIn)
		}
		ana = o.signIn(ana.User)
		o.pass(10 * time.Minute)
		must(t, changes["new codes"]())
		must(t, changes["removing"]())
	})
}

// S16: what one person may try is limited, others are not affected, and the
// block ends by itself.
func TestTriesAreLimited(t *testing.T) {
	each(t, func(t *testing.T, o *desk) {
		ana, ben := o.somebody("ana"), o.somebody("ben")
		made := o.begin(ana)
		k := key(made.TOTPSecret)
		o.tries = limit.New(limit.Rate{Count: 3, Per: time.Minute}, func() time.Time { return time.UnixMilli(o.clock.Load()) })
		for range 3 {
			refuses(t, "a guess", o.verify(ana, made.ID, "000000", "000000"), ErrWrongCodes)
		}
		refuses(t, "the fourth", o.verify(ana, made.ID, o.shows(k, -1), o.shows(k, 0)), ErrTooManyTries)
		o.enrol(ben)
		o.pass(time.Minute)
		must(t, o.verify(ana, made.ID, o.shows(k, -1), o.shows(k, 0)))
	})
}

// Nothing is left of somebody who has left.
func TestDrop(t *testing.T) {
	each(t, func(t *testing.T, o *desk) {
		ana := o.somebody("ana")
		o.enrol(ana)
		o.begin(ana)
		_, err := o.createBackupCodes(as(ana), struct{}{})
		must(t, err)
		must(t, o.db.InTx(as(ana), func(tx *database.Tx) error { return Drop(as(ana), tx, ana.User) }))
		o.has(ana.User)
		left := o.count("SELECT count(*) FROM user_authenticators WHERE ended_at IS NULL OR secret IS NOT NULL")
		if left += o.count("SELECT count(*) FROM user_backup_codes"); left != 0 {
			t.Errorf("%d rows are left", left)
		}
	})
}
