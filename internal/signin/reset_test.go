package signin

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/onetime"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/session"
	"github.com/guildhall-id/guildhall/internal/user"
)

const newPassword = "staple battery horse"

func (o *door) forgot(c *access.Caller, email, otp string) (string, error) {
	var in forgotPasswordInput
	in.Body.Email, in.Body.OTP = email, otp
	out, err := o.forgotPassword(o.as(c), in)
	return out.Token, err
}

func (o *door) reset(c *access.Caller, token, password string) (session.View, error) {
	var in resetPasswordInput
	in.Body.Token, in.Body.Password = token, password
	return o.resetPassword(o.as(c), in)
}

// resetToken is what a browser earns with the mailed code.
func (o *door) resetToken(c *access.Caller, email string) string {
	o.t.Helper()
	token, err := o.forgot(c, email, "")
	must(o.t, err)
	if token != "" {
		o.t.Fatal("a token without a code")
	}
	stored, err := user.ParseEmail(email)
	must(o.t, err)
	token, err = o.forgot(c, email, o.mailed(string(stored)).Code)
	must(o.t, err)
	return token
}

func TestResetPassword(t *testing.T) {
	each(t, func(o *door) {
		o.account("ana@example.com")
		o.account("bo@example.com")
		elsewhere, bystander := o.browser(), o.browser()
		_, err := o.signIn(elsewhere, strategyPassword, "ana@example.com", password)
		must(o.t, err)
		_, err = o.signIn(bystander, strategyPassword, "bo@example.com", password)
		must(o.t, err)

		c := o.browser()
		token := o.resetToken(c, " Ana@Example.com ")
		if _, err := o.reset(c, token, "password1"); !errors.Is(err, user.ErrPasswordPolicy) {
			o.t.Errorf("a common password: %v", err)
		}
		before := c.Session.Renewed
		view, err := o.reset(c, token, newPassword)
		must(o.t, err)
		last := view.SignInAttempts[len(view.SignInAttempts)-1]
		if !last.Completed || c.User == 0 || view.ActiveSignIn == nil || c.Session.Renewed.Reveal() == before.Reveal() {
			o.t.Errorf("the browser has %+v", last)
		}
		var works int64
		must(o.t, o.db.QueryRow(o.t.Context(), "SELECT count(*) FROM session_tokens WHERE session_id = $1 AND expires_at > $2", int64(c.Session.ID), o.clock.Load()).Scan(&works))
		if works != 1 {
			o.t.Errorf("%d tokens of the browser work", works)
		}
		for who, want := range map[*access.Caller]int{c: 1, elsewhere: 0, bystander: 1} {
			if live, err := o.sessions.SignIns(o.t.Context(), o.db, who); err != nil || len(live) != want {
				o.t.Errorf("%d sign-ins, want %d (%v)", len(live), want, err)
			}
		}
		if _, err := o.signIn(o.browser(), strategyPassword, "ana@example.com", password); !errors.Is(err, ErrInvalidCredentials) {
			o.t.Errorf("the old password: %v", err)
		}
		_, err = o.signIn(o.browser(), strategyPassword, "ana@example.com", newPassword)
		must(o.t, err)
		if content := o.mailed("ana@example.com"); content.Subject != "Your password was changed (Test)" {
			o.t.Errorf("the announcement is %q", content.Subject)
		}
	})
}

// S15 and S19: codes and tokens are bound to browser, address and time, and
// work once.
func TestResetsAreBound(t *testing.T) {
	each(t, func(o *door) {
		o.account("ana@example.com")
		o.account("bo@example.com")
		c, other := o.browser(), o.browser()
		for _, who := range []*access.Caller{c, other} {
			_, err := o.forgot(who, "bo@example.com", "")
			must(o.t, err)
		}
		_, err := o.forgot(c, "ana@example.com", "")
		must(o.t, err)
		code := o.mailed("ana@example.com").Code
		for name, try := range map[string]struct {
			c     *access.Caller
			email string
			code  string
		}{
			"in another browser":    {other, "ana@example.com", code},
			"for another address":   {c, "bo@example.com", code},
			"in a fresh browser":    {o.browser(), "ana@example.com", code},
			"another code":          {c, "ana@example.com", wrongCode(code)},
			"for an unknown person": {c, "nobody@example.com", code},
		} {
			if token, err := o.forgot(try.c, try.email, try.code); !errors.Is(err, onetime.ErrInvalid) || token != "" {
				o.t.Errorf("%s: %v", name, err)
			}
		}
		token, err := o.forgot(c, "ana@example.com", code)
		must(o.t, err)
		if _, err := o.forgot(c, "ana@example.com", code); !errors.Is(err, onetime.ErrInvalid) {
			o.t.Errorf("the code a second time: %v", err)
		}
		for name, try := range map[string]struct {
			c     *access.Caller
			token string
		}{
			"in another browser": {other, token},
			"a guess":            {c, "x"},
			"in a fresh browser": {o.browser(), token},
		} {
			if _, err := o.reset(try.c, try.token, newPassword); !errors.Is(err, ErrResetInvalid) || try.c.User != 0 {
				o.t.Errorf("%s: %v", name, err)
			}
		}
		o.clock.Add(resetLife.Milliseconds())
		if _, err := o.reset(c, token, newPassword); !errors.Is(err, ErrResetInvalid) {
			o.t.Errorf("after its time: %v", err)
		}
		first := o.resetToken(other, "ana@example.com")
		token = o.resetToken(c, "ana@example.com")
		_, err = o.reset(c, token, newPassword)
		must(o.t, err)
		if _, err := o.reset(c, token, newPassword+"x"); !errors.Is(err, ErrResetInvalid) {
			o.t.Errorf("a second time: %v", err)
		}
		if _, err := o.reset(other, first, newPassword+"x"); !errors.Is(err, ErrResetInvalid) {
			o.t.Errorf("an earlier wish, after the reset: %v", err)
		}
		_, err = o.forgot(c, "ana@example.com", "")
		must(o.t, err)
		code = o.mailed("ana@example.com").Code
		for range onetime.Tries {
			if _, err := o.forgot(c, "ana@example.com", wrongCode(code)); !errors.Is(err, onetime.ErrInvalid) {
				o.t.Errorf("a wrong code: %v", err)
			}
		}
		if _, err = o.forgot(c, "ana@example.com", code); !errors.Is(err, onetime.ErrInvalid) {
			o.t.Errorf("the right code after five tries: %v", err)
		}
		_, err = o.forgot(c, "ana@example.com", "")
		must(o.t, err)
		code = o.mailed("ana@example.com").Code
		o.clock.Add(onetime.Life.Milliseconds())
		if _, err := o.forgot(c, "ana@example.com", code); err == nil {
			o.t.Error("a code after its time")
		}
	})
}

// S13: who changes the password ends what others have begun to reset, whether
// they have the token already or only the code.
func TestANewPasswordEndsResets(t *testing.T) {
	each(t, func(o *door) {
		o.account("ana@example.com")
		owner, withToken, withCode := o.browser(), o.browser(), o.browser()
		_, err := o.signIn(owner, strategyPassword, "ana@example.com", password)
		must(o.t, err)
		token := o.resetToken(withToken, "ana@example.com")
		_, err = o.forgot(withCode, "ana@example.com", "")
		must(o.t, err)
		code := o.mailed("ana@example.com").Code

		must(o.t, o.db.InTx(o.as(owner), func(tx *database.Tx) error { return o.sessions.EndOthers(o.as(owner), tx, owner, o.d) }))
		if _, err := o.reset(withToken, token, newPassword); !errors.Is(err, ErrResetInvalid) || withToken.User != 0 {
			o.t.Errorf("an earlier token: %v", err)
		}
		if _, err := o.forgot(withCode, "ana@example.com", code); !errors.Is(err, onetime.ErrInvalid) {
			o.t.Errorf("an earlier code: %v", err)
		}
	})
}

// S13: nor does a sign-in complete whose code is being checked while the
// password changes, on a node whose transaction began first.
func TestANewPasswordEndsSignInsUnderWay(t *testing.T) {
	each(t, func(o *door) {
		if o.db.Dialect() != database.PostgreSQL {
			return // transactions take turns
		}
		o.account("ana@example.com")
		owner, c := o.browser(), o.browser()
		_, err := o.signIn(owner, strategyPassword, "ana@example.com", password)
		must(o.t, err)
		_, err = o.signIn(c, strategyCode, "ana@example.com", "")
		must(o.t, err)
		_, err = o.prepare(c, strategyCode, "")
		must(o.t, err)
		code := o.mailed("ana@example.com").Code

		late := make(chan error, 1)
		must(o.t, o.db.InTx(o.t.Context(), func(tx *database.Tx) error {
			if _, err := tx.Exec(o.t.Context(), "UPDATE one_time_codes SET tries = tries"); err != nil {
				return err
			}
			go func() {
				_, err := o.enterCode(c, 0, code)
				late <- err
			}()
			for waiting := int64(0); waiting == 0; time.Sleep(time.Millisecond) {
				row := o.db.QueryRow(o.t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
				if err := row.Scan(&waiting); err != nil {
					return err
				}
			}
			o.clock.Add(1000)
			return o.db.InTx(o.as(owner), func(tx *database.Tx) error { return o.sessions.EndOthers(o.as(owner), tx, owner, o.d) })
		}))
		if err := <-late; !errors.Is(err, ErrBadAttempt) || c.User != 0 {
			o.t.Errorf("the code that was begun with the old password: %v", err)
		}
	})
}

// wrongCode is another code.
func wrongCode(code string) string {
	if code == "000000" {
		return "000001"
	}
	return "000000"
}

// S14: unknown and known addresses get the same answers, at the same price.
func TestForgotPasswordHidesAccounts(t *testing.T) {
	each(t, func(o *door) {
		o.account("ana@example.com")
		took := map[string][]time.Duration{}
		shape := func(email string) string {
			c := o.browser()
			began := time.Now()
			token, err := o.forgot(c, email, "")
			took[email] = append(took[email], time.Since(began))
			view, viewErr := o.sessions.View(o.as(c), c, session.Including{})
			must(o.t, viewErr)
			_, wrong := o.forgot(c, email, "x")
			return fmt.Sprint(token, err, len(view.SignInAttempts), len(view.SignUpAttempts), wrong)
		}
		for range 60 {
			if known, unknown := shape("ana@example.com"), shape("bna@example.com"); known != unknown {
				o.t.Fatalf("known:   %s\nunknown: %s", known, unknown)
			}
		}
		o.t.Logf("known %v, unknown %v (medians)", median(took["ana@example.com"]), median(took["bna@example.com"]))
		if content := o.mailed("bna@example.com"); content.Subject != "" {
			o.t.Error("a mail was sent to an unknown address")
		}
		var rows [2]int64
		for i, email := range []string{"ana@example.com", "bna@example.com"} {
			must(o.t, o.db.QueryRow(o.t.Context(), "SELECT count(*) FROM mails WHERE recipient = $1 AND kind = 'password_reset'", email).Scan(&rows[i]))
		}
		if rows[0] != rows[1] {
			o.t.Errorf("the mail limits count %d and %d", rows[0], rows[1])
		}
	})
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

// S19: of eight simultaneous resets, one wins.
func TestSimultaneousResets(t *testing.T) {
	each(t, func(o *door) {
		o.account("ana@example.com")
		c := o.browser()
		token := o.resetToken(c, "ana@example.com")
		var won atomic.Int64
		var winner atomic.Value
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				mine := *c
				chosen := fmt.Sprintf("%s %d", newPassword, i)
				_, err := o.reset(&mine, token, chosen)
				switch {
				case err == nil:
					won.Add(1)
					winner.Store(chosen)
				case !errors.Is(err, ErrResetInvalid):
					o.t.Errorf("a loser: %v", err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			o.t.Fatalf("%d resets won", won.Load())
		}
		if _, err := o.signIn(o.browser(), strategyPassword, "ana@example.com", winner.Load().(string)); err != nil {
			o.t.Errorf("the winner's password: %v", err)
		}
	})
}

func TestPasswordsSwitchedOff(t *testing.T) {
	each(t, func(o *door) {
		o.account("ana@example.com")
		o.change(func(s *deployment.Settings) {
			s.Auth.FactorsEnabled.EmailPassword, s.Auth.FirstFactor, s.Auth.AlternateFirstFactors = false, "email_otp", []string{}
		})
		if _, err := o.forgot(o.browser(), "ana@example.com", ""); !errors.Is(err, ErrStrategy) {
			o.t.Errorf("forgot: %v", err)
		}
		if _, err := o.reset(o.browser(), "x", newPassword); !errors.Is(err, ErrStrategy) {
			o.t.Errorf("reset: %v", err)
		}
	})
}
