package signin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/factor"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/onetime"
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

// door is the sign-in of a fresh deployment, with a clock to move.
type door struct {
	*Service
	t       testing.TB
	d       *deployment.Deployment
	clock   *atomic.Int64
	factors *factor.Service
}

const password = "correct horse battery"

func each(t *testing.T, body func(*door)) {
	t.Helper()
	eachLimited(t, limit.Rate{Count: 1000, Per: time.Minute}, body)
}

func eachLimited(t *testing.T, rate limit.Rate, body func(*door)) {
	t.Helper()
	var clock atomic.Int64
	clock.Store(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixMilli())
	now := func() time.Time { return time.UnixMilli(clock.Load()) }
	databasetest.EachWithClock(t, now, func(t *testing.T, db *database.DB) { body(newDoor(t, db, &clock, rate)) })
}

func newDoor(t testing.TB, db *database.DB, clock *atomic.Int64, rate limit.Rate) *door {
	t.Helper()
	now := func() time.Time { return time.UnixMilli(clock.Load()) }
	passwords, err := user.NewPasswords()
	must(t, err)
	key := testKey(t)
	deployments := deployment.NewService(db, deployment.Staging, "http://localhost:8080", key)
	d, err := deployments.Ensure(t.Context(), "Test")
	must(t, err)
	sessions := session.NewService(db, deployments, key, nil)
	outbox := mail.NewOutbox(db, job.New(db, slog.Default()), key, mail.None, "no-reply@example.com", mail.WideLimits).CarryTexts(mail.None)
	factors := factor.NewService(factor.Needs{
		DB: db, Deployments: deployments, Sessions: sessions, Outbox: outbox, Key: key, Limits: factor.Limits{Tries: rate}, Now: now,
	})
	return &door{t: t, d: d, clock: clock, factors: factors, Service: NewService(Needs{
		DB: db, Deployments: deployments, Sessions: sessions, Factors: factors, Passwords: passwords, Outbox: outbox, Key: key, Now: now,
		Organizations: organization.NewService(db, deployments, sessions, outbox, key, organization.Limits{}),
		Limits:        Limits{PerClient: rate, PerStart: rate, PerAccount: rate, PerAddress: rate, PerLookup: rate},
		Origins:       []string{"https://app.example.com"},
	})}
}

// testKey is the server key of the tests.
func testKey(t testing.TB) secret.Key {
	t.Helper()
	key, err := secret.NewKey(bytes.Repeat([]byte{7}, secret.KeySize))
	must(t, err)
	return key
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// browser is a new browser.
func (o *door) browser() *access.Caller {
	o.t.Helper()
	c, err := o.sessions.Authenticate(httptest.NewRequest("GET", "/session", nil), access.Tenant{}, true)
	must(o.t, err)
	return c
}

func (o *door) as(c *access.Caller) context.Context {
	return access.WithCaller(context.Background(), c)
}

func (o *door) signUp(c *access.Caller, email string) (session.View, error) {
	var in signUpInput
	in.Body.FirstName, in.Body.LastName, in.Body.Email, in.Body.Password = "Ana", "Example", email, password
	return o.Service.signUp(o.as(c), in)
}

func (o *door) signIn(c *access.Caller, strategy, email, password string) (session.View, error) {
	var in signInInput
	in.Body.Strategy, in.Body.Email, in.Body.Password = strategy, email, password
	return o.Service.signIn(o.as(c), in)
}

// code puts a code that the test knows, in place of the mailed one.
func (o *door) code(p onetime.Purpose, subject id.Subject) (code string) {
	o.t.Helper()
	must(o.t, o.db.InTx(o.t.Context(), func(tx *database.Tx) (err error) {
		if code, err = onetime.NewCode(); err != nil {
			return err
		}
		return o.codes.Put(o.t.Context(), tx, o.d.ID, p, subject, "x@example.com", code)
	}))
	return code
}

func (o *door) enterCode(c *access.Caller, attempt id.Subject, code string) (session.View, error) {
	in := attemptVerificationInput{Attempt: attempt}
	in.Body.Code = code
	return o.attemptVerification(o.as(c), in)
}

// account is a person with a proven address.
func (o *door) account(email string) {
	o.t.Helper()
	c := o.browser()
	view, err := o.signUp(c, email)
	must(o.t, err)
	attempt := id.Subject(view.SignUpAttempts[0].ID)
	_, err = o.enterCode(c, attempt, o.code(forSignUp, attempt))
	must(o.t, err)
	if c.User == 0 {
		o.t.Fatal("nobody is signed in after the sign-up")
	}
}

func TestSignUpThenSignIn(t *testing.T) {
	each(t, func(o *door) {
		o.account("Ana@Example.com")
		for _, strategy := range []string{strategyPassword, strategyCode} {
			c := o.browser()
			view, err := o.signIn(c, strategy, " ana@example.COM ", password)
			must(o.t, err)
			if strategy == strategyCode {
				attempt := id.Subject(view.SignInAttempts[0].ID)
				if view.SignInAttempts[0].CurrentStep != stepEmailCode || view.SignInAttempts[0].Completed || c.User != 0 {
					o.t.Fatalf("got %+v", view.SignInAttempts[0])
				}
				view, err = o.enterCode(c, attempt, o.code(forSignIn, attempt))
				must(o.t, err)
			}
			last := view.SignInAttempts[len(view.SignInAttempts)-1]
			if !last.Completed || view.ActiveSignIn == nil || view.ActiveSignIn.User.FirstName != "Ana" || c.User == 0 {
				o.t.Errorf("%s: the attempt is %+v", strategy, last)
			}
		}
		if _, err := o.signUp(o.browser(), "ANA@example.com"); !errors.Is(err, user.ErrEmailExists) {
			o.t.Errorf("the address was taken twice: %v", err)
		}
	})
}

// S13: nothing but the right secret completes a sign-in.
func TestWrongSecrets(t *testing.T) {
	each(t, func(o *door) {
		o.account("ana@example.com")
		for name, in := range map[string][3]string{
			"a wrong password":           {strategyPassword, "ana@example.com", password + "x"},
			"no password":                {strategyPassword, "ana@example.com", ""},
			"an unknown address":         {strategyPassword, "bo@example.com", password},
			"no address":                 {strategyPassword, "", password},
			"an address that is not one": {strategyPassword, "ana", password},
			"a pattern":                  {strategyPassword, "%@example.com", password},
		} {
			c := o.browser()
			if _, err := o.signIn(c, in[0], in[1], in[2]); !errors.Is(err, ErrInvalidCredentials) || c.User != 0 {
				o.t.Errorf("%s: %v, user %v", name, err, c.User)
			}
		}
		for _, strategy := range []string{"plain_username", "phone_otp", "magic_link", ""} {
			if _, err := o.signIn(o.browser(), strategy, "ana@example.com", password); !errors.Is(err, ErrStrategy) {
				o.t.Errorf("%q: %v", strategy, err)
			}
		}
	})
}

// S14: known and unknown addresses look the same until the mailbox is proven.
func TestUnknownAddressesLookTheSame(t *testing.T) {
	each(t, func(o *door) {
		o.account("ana@example.com")
		shape := func(email string) string {
			c := o.browser()
			view, err := o.signIn(c, strategyCode, email, "")
			must(o.t, err)
			a := view.SignInAttempts[0]
			prepared, err := o.prepareVerification(o.as(c), prepareVerificationInput{})
			must(o.t, err)
			_, wrong := o.enterCode(c, 0, "000000")
			return strings.ReplaceAll(fmt.Sprint(a.UserID, a.Email, a.CurrentStep, a.RemainingSteps, a.FirstMethodAuthenticated, prepared, wrong), email, "ADDRESS")
		}
		if known, unknown := shape("ana@example.com"), shape("bna@example.com"); strings.ReplaceAll(known, "a***a", "b***a") != unknown {
			o.t.Errorf("known:   %s\nunknown: %s", known, unknown)
		}
	})
}

// S15: five tries, shared by simultaneous guesses, and then not even the right
// code works.
func TestGuessesAreCounted(t *testing.T) {
	each(t, func(o *door) {
		o.account("ana@example.com")
		c := o.browser()
		view, err := o.signIn(c, strategyCode, "ana@example.com", "")
		must(o.t, err)
		attempt := id.Subject(view.SignInAttempts[0].ID)
		code := o.code(forSignIn, attempt)
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				guess := fmt.Sprintf("%06d", i)
				mine := *c
				if _, err := o.enterCode(&mine, attempt, guess); guess != code && !errors.Is(err, onetime.ErrInvalid) {
					o.t.Errorf("guess %s: %v", guess, err)
				}
			})
		}
		wg.Wait()
		var tries int64
		must(o.t, o.db.QueryRow(o.t.Context(), "SELECT tries FROM one_time_codes WHERE subject_id = $1", int64(attempt)).Scan(&tries))
		if tries != onetime.Tries {
			o.t.Errorf("%d tries were counted", tries)
		}
		if _, err := o.enterCode(c, attempt, code); !errors.Is(err, onetime.ErrInvalid) {
			o.t.Errorf("the right code after five tries: %v", err)
		}
		fresh := o.code(forSignIn, attempt) // a new code has tries of its own
		if _, err := o.enterCode(c, attempt, fresh); err != nil {
			o.t.Errorf("the new code: %v", err)
		}
	})
}

// S15: a code is bound to its browser, attempt, purpose and time, and works
// once.
func TestCodesAreBound(t *testing.T) {
	each(t, func(o *door) {
		o.account("ana@example.com")
		begin := func(c *access.Caller) id.Subject {
			view, err := o.signIn(c, strategyCode, "ana@example.com", "")
			must(o.t, err)
			return id.Subject(view.SignInAttempts[len(view.SignInAttempts)-1].ID)
		}
		mine, other := o.browser(), o.browser()
		attempt, elsewhere := begin(mine), begin(other)
		code := o.code(forSignIn, attempt)
		if _, err := o.enterCode(other, attempt, code); !errors.Is(err, ErrBadAttempt) {
			o.t.Errorf("in another browser: %v", err)
		}
		if _, err := o.enterCode(other, elsewhere, code); !errors.Is(err, onetime.ErrInvalid) {
			o.t.Errorf("for another attempt: %v", err)
		}
		if _, err := o.enterCode(o.browser(), attempt, code); !errors.Is(err, ErrBadAttempt) {
			o.t.Errorf("in a browser without sign-in: %v", err)
		}
		if _, err := o.enterCode(mine, attempt, o.code(forSignUp, attempt)); !errors.Is(err, onetime.ErrInvalid) {
			o.t.Errorf("of another purpose: %v", err)
		}
		view, err := o.signUp(mine, "bo@example.com")
		must(o.t, err)
		signUp := id.Subject(view.SignUpAttempts[0].ID)
		if _, err := o.enterCode(other, signUp, o.code(forSignUp, signUp)); !errors.Is(err, ErrBadAttempt) {
			o.t.Errorf("of a sign-up in another browser: %v", err)
		}
		if _, err := o.enterCode(mine, attempt, ""); !errors.Is(err, onetime.ErrMissing) {
			o.t.Errorf("without code: %v", err)
		}
		o.clock.Add((onetime.Life + time.Second).Milliseconds())
		if _, err := o.enterCode(mine, attempt, code); !errors.Is(err, onetime.ErrExpired) {
			o.t.Errorf("after its time: %v", err)
		}
		code = o.code(forSignIn, attempt)
		if _, err := o.enterCode(mine, attempt, code); err != nil {
			o.t.Errorf("in time: %v", err)
		}
		if _, err := o.enterCode(mine, attempt, code); !errors.Is(err, ErrBadAttempt) {
			o.t.Errorf("a second time: %v", err)
		}
		o.clock.Add((attemptLife + time.Second).Milliseconds())
		if _, err := o.enterCode(other, elsewhere, o.code(forSignIn, elsewhere)); !errors.Is(err, ErrBadAttempt) {
			o.t.Errorf("after the attempt's time: %v", err)
		}
	})
}

// S11: two people claim one address; who proves it first has it, and the other
// is told.
func TestTwoClaimsOfOneAddress(t *testing.T) {
	each(t, func(o *door) {
		first, second := o.browser(), o.browser()
		var attempts [2]id.Subject
		for i, c := range []*access.Caller{first, second} {
			view, err := o.signUp(c, "ana@example.com")
			must(o.t, err)
			attempts[i] = id.Subject(view.SignUpAttempts[0].ID)
		}
		if _, err := o.enterCode(second, attempts[1], o.code(forSignUp, attempts[1])); err != nil {
			o.t.Errorf("the first to prove it: %v", err)
		}
		if _, err := o.enterCode(first, attempts[0], o.code(forSignUp, attempts[0])); !errors.Is(err, user.ErrEmailExists) {
			o.t.Errorf("the second to prove it: %v", err)
		}
	})
}

// R2 and S13: a code that is entered twice at once signs up one person.
func TestSimultaneousSignUp(t *testing.T) {
	each(t, func(o *door) {
		c := o.browser()
		view, err := o.signUp(c, "ana@example.com")
		must(o.t, err)
		attempt := id.Subject(view.SignUpAttempts[0].ID)
		code := o.code(forSignUp, attempt)
		var done atomic.Int64
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				mine := *c
				if _, err := o.enterCode(&mine, attempt, code); err == nil {
					done.Add(1)
				}
			})
		}
		wg.Wait()
		var people int64
		must(o.t, o.db.QueryRow(o.t.Context(), "SELECT count(*) FROM users").Scan(&people))
		if people != 1 || done.Load() != 1 {
			o.t.Errorf("%d people, %d sign-ups", people, done.Load())
		}
	})
}

func TestRestrictedSignUp(t *testing.T) {
	each(t, func(o *door) {
		for mode, want := range map[string]error{deployment.SignUpRestricted: ErrSignUpRestricted, deployment.SignUpWaitlist: ErrWaitlistOnly, deployment.SignUpPublic: nil} {
			must(o.t, o.deployments.Change(o.t.Context(), func(s *deployment.Settings) { s.Restrictions.SignUpMode = mode }))
			if _, err := o.signUp(o.browser(), mode+"@example.com"); !errors.Is(err, want) {
				o.t.Errorf("%s: %v", mode, err)
			}
		}
	})
}

// S16: a client that tries too often is told when to come back, and is let in
// again by itself.
func TestTriesAreLimited(t *testing.T) {
	eachLimited(t, limit.Rate{Count: 3, Per: time.Minute}, func(o *door) {
		var last error
		for range 4 {
			_, last = o.signIn(o.browser(), strategyPassword, "bo@example.com", password)
		}
		if !errors.Is(last, ErrTooManyTries) {
			o.t.Errorf("the fourth try: %v", last)
		}
		o.clock.Add(time.Minute.Milliseconds())
		if _, err := o.signIn(o.browser(), strategyPassword, "bo@example.com", password); !errors.Is(err, ErrInvalidCredentials) {
			o.t.Errorf("a minute later: %v", err)
		}
	})
}

func TestOneAccountPerBrowser(t *testing.T) {
	each(t, func(o *door) {
		o.account("ana@example.com")
		o.account("bo@example.com")
		sign := func(c *access.Caller, email string) int {
			view, err := o.signIn(c, strategyPassword, email, password)
			must(o.t, err)
			return len(view.SignIns)
		}
		c := o.browser()
		if sign(c, "ana@example.com") != 1 || sign(c, "bo@example.com") != 2 || sign(c, "bo@example.com") != 2 {
			o.t.Error("a browser holds each account once")
		}
		must(o.t, o.deployments.Change(o.t.Context(), func(s *deployment.Settings) { s.Auth.MultiSession.Enabled = false }))
		if sign(c, "ana@example.com") != 1 {
			o.t.Error("without multi-session a second account signs the first out")
		}
		must(o.t, o.deployments.Change(o.t.Context(), func(s *deployment.Settings) {
			s.Auth.MultiSession = deployment.MultiSession{Enabled: true, MaxAccountsPerSession: 1}
		}))
		if _, err := o.signIn(c, strategyPassword, "bo@example.com", password); !errors.Is(err, session.ErrTooManyAccounts) {
			o.t.Errorf("one account too many: %v", err)
		}
	})
}
