package signin

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/factor"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/onetime"
	"github.com/guildhall-id/guildhall/internal/platform/limit"
	"github.com/guildhall-id/guildhall/internal/platform/throttle"
	"github.com/guildhall-id/guildhall/internal/session"
)

// guarded is somebody with an authenticator and backup codes, where second
// factors are asked of those who have them.
func (o *door) guarded() *resident {
	o.t.Helper()
	o.everything()
	r := o.settle("ana")
	c := o.signedIn(r)
	o.withAuthenticator(c, r)
	o.withBackupCodes(c, r)
	o.change(func(s *deployment.Settings) { s.Auth.SecondFactorPolicy = "optional" })
	return r
}

// S15: five tries for one attempt, whatever the method, shared by simultaneous
// guesses; then not even the right code works.
func TestSecondFactorGuessesAreCounted(t *testing.T) {
	each(t, func(o *door) {
		r := o.guarded()
		o.withPhone(r, "+41791234567")
		c := o.browser()
		a := last(o.begin(c, r, strategyPassword))
		_, err := o.prepare(c, strategyPhone, "")
		must(o.t, err)
		var counted, refused atomic.Int64
		var wg sync.WaitGroup
		for i := range 32 {
			wg.Go(func() {
				mine := *c
				_, err := o.enterCode(&mine, id.Subject(a.ID), fmt.Sprintf("x%05d", i))
				switch {
				case errors.Is(err, factor.ErrWrongCode):
					counted.Add(1)
				case errors.Is(err, ErrTooManyGuesses):
					refused.Add(1)
				default:
					o.t.Errorf("a guess: %v", err)
				}
			})
		}
		wg.Wait()
		if counted.Load() != secondTries || refused.Load() != 32-secondTries {
			o.t.Errorf("%d guesses were counted, %d refused", counted.Load(), refused.Load())
		}
		o.clock.Add(60_000)
		for _, code := range []string{o.totp(r), o.mailed(r.phone).Code, r.spare[0]} {
			if _, err := o.enterCode(c, 0, code); !errors.Is(err, ErrTooManyGuesses) || c.User != 0 {
				o.t.Errorf("a right code after five tries: %v", err)
			}
		}
		o.begin(c, r, strategyPassword) // a new attempt has tries of its own
		o.proveAgain(c, r, byAuthenticator)
	})
}

// S16: many attempts do not give many guesses.
func TestSecondFactorsArePacedByAccount(t *testing.T) {
	each(t, func(o *door) {
		r := o.guarded()
		c := o.browser()
		o.accounts = throttle.NewLimiter(o.db, testKey(o.t), "test", three)
		o.begin(c, r, strategyCode)
		var err error
		for range 4 {
			_, err = o.enterCode(c, 0, "x")
		}
		if !errors.Is(err, ErrTooManyTries) {
			o.t.Errorf("the fourth guess: %v", err)
		}
	})
}

// S16: somebody who knows the password cannot use up the second factors of a
// browser in which the person has signed in before, nor do right ones count.
func TestGuessesOfSecondFactorsDoNotLockTheOwnerOut(t *testing.T) {
	each(t, func(o *door) {
		r := o.guarded()
		known := from(o.signedIn(r), "198.51.100.1")
		o.accounts = throttle.NewLimiter(o.db, testKey(o.t), "test", limit.Rate{Count: 8, Per: time.Hour})
		for i := range 10 {
			thief := from(o.browser(), fmt.Sprintf("203.0.113.%d", i))
			o.begin(thief, r, strategyPassword)
			if _, err := o.enterCode(thief, 0, "000000"); err == nil {
				o.t.Fatal("a guess was right")
			}
		}
		for i := range 10 {
			known.Client.IP = netip.AddrFrom4([4]byte{198, 51, 100, byte(i)})
			o.begin(known, r, strategyPassword)
			o.proveAgain(known, r, byAuthenticator)
		}
	})
}

// S18: one step of an authenticator, and one backup code, signs in one of two
// simultaneous sign-ins.
func TestSecondFactorsWorkOnce(t *testing.T) {
	each(t, func(o *door) {
		r := o.guarded()
		for name, code := range map[string]func() string{
			"a step of the authenticator": func() string { o.clock.Add(60_000); return o.totp(r) },
			"a backup code":               func() string { return r.spare[0] },
		} {
			browsers := make([]*access.Caller, 8)
			for i := range browsers {
				browsers[i] = o.browser()
				o.begin(browsers[i], r, strategyCode)
			}
			typed := code()
			var won atomic.Int64
			var wg sync.WaitGroup
			for _, c := range browsers {
				wg.Go(func() {
					_, err := o.enterCode(c, 0, typed)
					if err == nil {
						won.Add(1)
					}
					if signedIn := c.User != 0; signedIn != (err == nil) || err != nil && !errors.Is(err, factor.ErrWrongCode) {
						o.t.Errorf("%s: %v, signed in %v", name, err, signedIn)
					}
				})
			}
			wg.Wait()
			if won.Load() != 1 {
				o.t.Errorf("%s signed in %d browsers", name, won.Load())
			}
		}
	})
}

// S13: the right code entered twice at once completes one sign-in.
func TestSimultaneousSecondFactor(t *testing.T) {
	each(t, func(o *door) {
		r := o.guarded()
		c := o.browser()
		a := last(o.begin(c, r, strategyPassword))
		o.clock.Add(60_000)
		code := o.totp(r)
		var won atomic.Int64
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				mine := *c
				if _, err := o.enterCode(&mine, id.Subject(a.ID), code); err == nil {
					won.Add(1)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			o.t.Errorf("%d requests completed the sign-in", won.Load())
		}
	})
}

// S13 and S19: a reset asks for the second factor, and ends every session and
// every sign-in that was begun with the old password.
func TestResetAsksForTheSecondFactor(t *testing.T) {
	each(t, func(o *door) {
		r := o.guarded()
		elsewhere, half, c := o.signedIn(r), o.browser(), o.browser()
		o.begin(half, r, strategyPassword)
		view, err := o.reset(c, o.resetToken(c, r.email), newPassword)
		must(o.t, err)
		if a := last(view); a.Completed || c.User != 0 || a.CurrentStep != stepSecond || !slices.Equal(a.Available2FAMethods, []string{byAuthenticator, byBackupCode}) {
			o.t.Fatalf("after the reset %+v, user %v", a, c.User)
		}
		if live, err := o.sessions.SignIns(o.t.Context(), o.db, elsewhere); err != nil || len(live) != 0 {
			o.t.Errorf("%d sign-ins elsewhere (%v)", len(live), err)
		}
		o.clock.Add(60_000)
		if _, err := o.enterCode(half, 0, o.totp(r)); !errors.Is(err, ErrBadAttempt) || half.User != 0 {
			o.t.Errorf("what the old password began: %v", err)
		}
		if view := o.proveAgain(c, r, byAuthenticator); !last(view).Completed || c.User != r.id {
			o.t.Errorf("in the end %+v", last(view))
		}
	})
}

// S13: a second factor counts in the browser that proved the first, by what the
// person and the deployment have then, where it was sent.
func TestSecondFactorsAreBound(t *testing.T) {
	each(t, func(o *door) {
		r, bo := o.guarded(), o.settle("bo")
		o.withAuthenticator(o.signedIn(bo), bo)
		o.withPhone(r, "+41791234567")
		c, other := o.browser(), o.browser()
		attempt := id.Subject(last(o.begin(c, r, strategyPassword)).ID)
		o.begin(other, bo, strategyPassword)
		o.clock.Add(60_000)
		if _, err := o.enterCode(other, attempt, o.totp(r)); !errors.Is(err, ErrBadAttempt) {
			o.t.Errorf("in another browser: %v", err)
		}
		if _, err := o.enterCode(c, attempt, o.totp(bo)); !errors.Is(err, factor.ErrWrongCode) {
			o.t.Errorf("somebody else's authenticator: %v", err)
		}
		if _, err := o.prepare(c, strategyCode, ""); !errors.Is(err, ErrStrategy) {
			o.t.Errorf("a mailed code: %v", err)
		}
		if _, err := o.prepare(c, strategyPhone, "0000"); !errors.Is(err, errNumberUnknown) {
			o.t.Errorf("somebody else's number: %v", err)
		}
		o.change(func(s *deployment.Settings) { s.Auth.ChallengeRequired = true })
		_, err := o.prepare(c, strategyPhone, "4567") // the form has no challenge here
		must(o.t, err)
		code := o.mailed(r.phone).Code
		o.change(func(s *deployment.Settings) { s.Auth.FactorsEnabled.PhoneOTP = false })
		if _, err := o.enterCode(c, attempt, code); !errors.Is(err, factor.ErrWrongCode) {
			o.t.Errorf("numbers that are no second factor any more: %v", err)
		}
		o.change(func(s *deployment.Settings) { s.Auth.FactorsEnabled.PhoneOTP = true })
		o.withPhone(r, "+41797654321")
		o.exec("UPDATE user_phone_numbers SET ended_at = 1 WHERE phone_number = '+41791234567'")
		if _, err := o.enterCode(c, attempt, code); !errors.Is(err, factor.ErrWrongCode) {
			o.t.Errorf("a number that is the person's no more: %v", err)
		}
		o.change(func(s *deployment.Settings) { s.Auth.FactorsEnabled.BackupCode = false })
		if _, err := o.enterCode(c, attempt, r.spare[0]); !errors.Is(err, factor.ErrWrongCode) {
			o.t.Errorf("a method that is switched off: %v", err)
		}
		o.exec("UPDATE users SET disabled_at = 1 WHERE id = $1", int64(r.id))
		if _, err := o.enterCode(c, attempt, o.totp(r)); !errors.Is(err, access.ErrDisabled) || c.User != 0 {
			o.t.Errorf("somebody who was disabled meanwhile: %v", err)
		}
		o.clock.Add(attemptLife.Milliseconds())
		if _, err := o.enterCode(c, attempt, o.totp(r)); !errors.Is(err, ErrBadAttempt) {
			o.t.Errorf("after the attempt's time: %v", err)
		}
		if _, err := o.enterCode(c, attempt, ""); !errors.Is(err, onetime.ErrMissing) {
			o.t.Errorf("no code: %v", err)
		}
	})
}

// S13: where a second factor is enforced and nothing is set up, a sign-in may
// set one up and nothing else; that frees it and ends every other one like it.
func TestEnforcedWithoutSecondFactor(t *testing.T) {
	each(t, func(o *door) {
		o.everything()
		r := o.settle("ana")
		o.change(func(s *deployment.Settings) { s.Auth.SecondFactorPolicy = policyEnforced })
		c, other := o.browser(), o.browser()
		o.begin(c, r, strategyPassword)
		o.begin(other, r, strategyCode)
		if !c.Enrolling || !errors.Is(access.SignedIn().Decide(c), access.ErrEnrolment) || access.Enrolling().Decide(c) != nil {
			o.t.Errorf("the sign-in is held back: %v", c.Enrolling)
		}
		o.withAuthenticator(c, r)
		if second, restricted := o.noted(c); c.Enrolling || second != byAuthenticator || restricted != "" || access.SignedIn().Decide(c) != nil {
			o.t.Errorf("after enrolment: held back %v, on record %q, %q", c.Enrolling, second, restricted)
		}
		if live, err := o.sessions.SignIns(o.t.Context(), o.db, other); err != nil || len(live) != 0 {
			o.t.Errorf("%d other sign-ins that were held back are left (%v)", len(live), err)
		}
		c = o.browser()
		if a := last(o.begin(c, r, strategyPassword)); a.CurrentStep != stepSecond || c.User != 0 {
			o.t.Errorf("the next sign-in is %+v", a)
		}
		o.change(func(s *deployment.Settings) { s.Auth.SecondFactorPolicy = policyNone })
		if o.begin(c, r, strategyPassword); c.User != r.id || c.Enrolling {
			o.t.Error("without policy nothing is asked")
		}
	})
}

// S13: a sign-up completes in the same way.
func TestSignUpWhereASecondFactorIsEnforced(t *testing.T) {
	each(t, func(o *door) {
		o.everything()
		o.change(func(s *deployment.Settings) {
			s.Auth.SecondFactorPolicy, s.Auth.VerificationPolicy.PhoneNumber = policyEnforced, true
		})
		o.account("bo@example.com")
		c := o.browser()
		view, err := o.signUp(c, "ana@example.com")
		must(o.t, err)
		attempt := id.Subject(view.SignUpAttempts[0].ID)
		_, err = o.enterCode(c, attempt, o.code(forSignUp, attempt))
		must(o.t, err)
		if !c.Enrolling {
			o.t.Error("a sign-up without second factor is not held back")
		}
		c = o.browser()
		_, err = o.apply(c, form{email: "cem@example.com", phone: "+41791234567", password: password})
		must(o.t, err)
		o.verify(c, "cem@example.com", "+41791234567")
		if second, restricted := o.noted(c); second != strategyPhone || restricted != "" || c.Enrolling {
			o.t.Errorf("address and number proven: on record %q, %q", second, restricted)
		}
	})
}

// A browser that holds several people switches between those who are held back
// and those who are not.
func TestSwitchingToASignInThatIsHeldBack(t *testing.T) {
	each(t, func(o *door) {
		o.everything()
		ana, bo := o.settle("ana"), o.settle("bo")
		c := o.browser()
		o.begin(c, ana, strategyPassword)
		o.change(func(s *deployment.Settings) { s.Auth.SecondFactorPolicy = policyEnforced })
		o.begin(c, bo, strategyPassword)
		live, err := o.sessions.SignIns(o.t.Context(), o.db, c)
		must(o.t, err)
		if len(live) != 2 || !c.Enrolling || live[0] != (session.Active{SignIn: c.SignIn, User: bo.id, Enrolling: true}) || live[1].Enrolling {
			o.t.Errorf("held back %v: %+v", c.Enrolling, live)
		}
		if status := o.ask(c, "/me/backup-codes", nil, nil); status != http.StatusBadRequest {
			o.t.Errorf("backup codes alone: %d", status)
		}
	})
}

// S13: a link that is opened in another browser asks for the second factor
// there, and the server's own page leads to where it is entered.
func TestLinkThenSecondFactor(t *testing.T) {
	each(t, func(o *door) {
		r := o.guarded()
		asked, opened := o.browser(), o.browser()
		_, err := o.signIn(asked, strategyLink, r.email, "")
		must(o.t, err)
		_, err = o.prepare(asked, strategyLink, "")
		must(o.t, err)
		link, err := url.Parse(o.mailed(r.email).Action.URL)
		must(o.t, err)
		to, err := o.OpenLink(o.as(opened), link.Query().Get("token"), link.Query().Get("attempt"), "https://app.example.com/inside")
		must(o.t, err)
		attempt := fmt.Sprint(o.attempt(opened))
		if want := "http://localhost:8080/sign-in?signin_attempt_id=" + attempt; to != want || opened.User != 0 || asked.User != 0 {
			o.t.Errorf("the page leads to %s, want %s", to, want)
		}
		o.clock.Add(60_000)
		if _, err := o.enterCode(asked, 0, o.totp(r)); !errors.Is(err, ErrBadAttempt) {
			o.t.Errorf("where the link was asked for: %v", err)
		}
		if view := o.proveAgain(opened, r, byAuthenticator); !last(view).Completed || opened.User != r.id || asked.User != 0 {
			o.t.Errorf("where it was opened: %+v", last(view))
		}
	})
}
