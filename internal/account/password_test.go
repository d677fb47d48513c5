package account

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/platform/limit"
	"github.com/guildhall-id/guildhall/internal/platform/secret"
	"github.com/guildhall-id/guildhall/internal/platform/throttle"
	"github.com/guildhall-id/guildhall/internal/user"
)

func (o *desk) setPassword(c *access.Caller, current, next string) error {
	var in updatePasswordInput
	in.Body.CurrentPassword, in.Body.NewPassword = current, next
	_, err := o.updatePassword(as(c), in)
	return err
}

func (o *desk) dropPassword(c *access.Caller, current string) error {
	var in removePasswordInput
	in.Body.CurrentPassword = current
	_, err := o.removePassword(as(c), in)
	return err
}

// S20 and S21: a changed password signs everybody else out, and this browser
// gets a new token; the old one is dead at once.
func TestPasswordChange(t *testing.T) {
	each(t, func(o *desk) {
		ana := o.person("ana", o.hash)
		here, before := o.signIn(ana)
		_, elsewhere := o.signIn(ana)
		ben, others := o.signIn(o.person("ben", o.hash))
		const next = "another horse battery"
		for what, err := range map[string]error{
			"a wrong password": o.setPassword(here, password+"x", next), "no password": o.setPassword(here, "", next),
			"removing with a wrong one": o.dropPassword(here, "x"), "another's": o.setPassword(ben, next, next),
		} {
			refuses(o.t, what, err, ErrWrongPassword)
		}
		refuses(o.t, "a short one", o.setPassword(here, password, "short"), user.ErrPasswordPolicy)
		if o.whoHas(before) != ana || o.whoHas(elsewhere) != ana {
			o.t.Fatal("a refusal signed somebody out")
		}
		must(o.t, o.setPassword(here, password, next))
		if o.whoHas(elsewhere) != 0 || o.whoHas(before) != 0 || o.whoHas(here.Session.Renewed.Reveal()) != ana {
			o.t.Error("other browsers or the old token still work, or this browser does not")
		}
		if o.whoHas(others) != ben.User {
			o.t.Error("somebody else was signed out")
		}
		refuses(o.t, "the old password", o.setPassword(here, password, next), ErrWrongPassword)
		if o.mails("ana@example.com", "account_changed") != 1 || o.events(ana, "user.password_changed") != 1 {
			o.t.Error("the change is not announced or not recorded")
		}
		if ok, err := o.passwords.Matches(context.Background(), o.hashOf(here), next); !ok || err != nil {
			o.t.Errorf("the new password: %v, %v", ok, err)
		}
	})
}

func (o *desk) hashOf(c *access.Caller) string {
	o.t.Helper()
	me, err := o.Service.person(as(c), c)
	must(o.t, err)
	return me.PasswordHash
}

func TestPasswordIsSetAndRemoved(t *testing.T) {
	each(t, func(o *desk) {
		ana, _ := o.signIn(o.person("ana", ""))
		refuses(o.t, "removing what is not there", o.dropPassword(ana, ""), ErrNoPassword)
		must(o.t, o.setPassword(ana, "", password))
		if !o.me(ana).HasPassword {
			o.t.Error("there is no password")
		}
		o.set(func(s *deployment.Settings) {
			s.Auth.FactorsEnabled.EmailOTP = false
			s.Auth.AlternateFirstFactors = []string{}
		})
		refuses(o.t, "the only way in", o.dropPassword(ana, password), ErrNoAlternative)
		o.set(func(s *deployment.Settings) { s.Auth.FactorsEnabled.EmailOTP = true })
		must(o.t, o.dropPassword(ana, password))
		if o.me(ana).HasPassword || o.events(ana.User, "user.password_removed") != 1 {
			o.t.Error("the password is still there")
		}
		if o.mails("ana@example.com", "account_changed") != 2 {
			o.t.Error("the changes are not announced")
		}
	})
}

// R2: of many changes from the same password at once, one wins.
func TestSimultaneousPasswordChanges(t *testing.T) {
	each(t, func(o *desk) {
		ana := o.person("ana", o.hash)
		callers := make([]*access.Caller, 8)
		for i := range callers {
			callers[i], _ = o.signIn(ana)
		}
		errs := race(len(callers), func(i int) error { return o.setPassword(callers[i], password, fmt.Sprintf("battery number %d", i)) })
		if n := wins(o.t, errs, ErrWrongPassword); n != 1 {
			o.t.Errorf("%d changes won", n)
		}
		if n := o.count("SELECT count(*) FROM signins WHERE user_id = $1 AND ended_at IS NULL", int64(ana)); n != 1 {
			o.t.Errorf("%d sign-ins are left", n)
		}
	})
}

// limitTries has each kind of try limited to a rate.
func (o *desk) limitTries(rate limit.Rate) {
	o.t.Helper()
	key, err := secret.NewKey(bytes.Repeat([]byte{7}, secret.KeySize))
	must(o.t, err)
	o.tries = throttle.NewLimiter(o.db, key, "test", rate)
}

// S16: guesses of the password are limited.
func TestPasswordTriesAreLimited(t *testing.T) {
	each(t, func(o *desk) {
		o.limitTries(limit.Rate{Count: 3, Per: time.Minute})
		ana := o.somebody("ana")
		for range 3 {
			refuses(o.t, "a guess", o.setPassword(ana, "wrong", password), ErrWrongPassword)
		}
		refuses(o.t, "the fourth", o.setPassword(ana, password, "a new password"), ErrTooManyTries)
		o.clock.Add(time.Minute.Milliseconds())
		must(o.t, o.setPassword(ana, password, "a new password"))
	})
}
