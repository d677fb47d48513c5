package signin

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/challenge"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/limit"
	"github.com/guildhall-id/guildhall/internal/session"
	"github.com/guildhall-id/guildhall/internal/user"
)

func (o *door) signInAs(c *access.Caller, username, password string) (session.View, error) {
	var in signInInput
	in.Body.Strategy, in.Body.Username, in.Body.Password = strategyUsername, username, password
	return o.Service.signIn(o.as(c), in)
}

func (o *door) available(c *access.Caller, identifier, kind string) (bool, error) {
	out, err := o.checkAvailability(o.as(c), availabilityInput{Identifier: identifier, Type: kind})
	return out.Exists, err
}

func TestUsernames(t *testing.T) {
	each(t, func(o *door) {
		o.change(func(s *deployment.Settings) { s.Auth.Username.Enabled = true })
		c := o.browser()
		var in signUpInput
		in.Body.Username, in.Body.Email, in.Body.Password = "Ana.E", "ana@example.com", password
		view, err := o.Service.signUp(o.as(c), in)
		must(o.t, err)
		attempt := id.Subject(view.SignUpAttempts[0].ID)
		_, err = o.enterCode(c, attempt, o.code(forSignUp, attempt))
		must(o.t, err)

		if _, err := o.signInAs(o.browser(), "Ana.E", password); !errors.Is(err, ErrStrategy) {
			o.t.Errorf("where it is not offered: %v", err)
		}
		o.change(func(s *deployment.Settings) { s.Auth.FactorsEnabled.UsernamePassword = true })
		c = o.browser()
		view, err = o.signInAs(c, " ana.e ", password)
		must(o.t, err)
		last := view.SignInAttempts[len(view.SignInAttempts)-1]
		if !last.Completed || last.Method != strategyUsername || last.Email != "" || c.User == 0 {
			o.t.Errorf("the attempt is %+v", last)
		}
		for _, length := range [][2]int{{10, 20}, {1, 3}} {
			o.change(func(s *deployment.Settings) {
				s.Auth.Username.MinLength, s.Auth.Username.MaxLength = length[0], length[1]
			})
			if _, err := o.signInAs(o.browser(), "ana.e", password); err != nil {
				o.t.Errorf("where usernames have %v letters now: %v", length, err)
			}
		}
		o.change(func(s *deployment.Settings) { s.Auth.Username.MinLength, s.Auth.Username.MaxLength = 3, 30 })
		for name, try := range map[string][2]string{
			"a wrong password":    {"ana.e", password + "x"},
			"no password":         {"ana.e", ""},
			"an unknown username": {"bo.e", password},
			"the address":         {"ana@example.com", password},
			"nothing":             {"", password},
			"a pattern":           {"ana%", password},
		} {
			c := o.browser()
			if _, err := o.signInAs(c, try[0], try[1]); !errors.Is(err, ErrInvalidCredentials) || c.User != 0 {
				o.t.Errorf("%s: %v", name, err)
			}
		}
		for _, q := range []struct {
			identifier, kind string
			exists           bool
			err              error
		}{
			{"ANA.e", "username", true, nil},
			{"ana.e", "", true, nil},
			{"bo.e", "username", false, nil},
			{"Ana@Example.com", "email", true, nil},
			{"ana@example.com", "", true, nil},
			{"bo@example.com", "email", false, nil},
			{"bo@", "email", false, user.ErrEmailInvalid},
			{"a b", "username", false, user.ErrUsernameInvalid},
		} {
			if exists, err := o.available(o.browser(), q.identifier, q.kind); exists != q.exists || !errors.Is(err, q.err) {
				o.t.Errorf("%+v: %v, %v", q, exists, err)
			}
		}
		o.exec("UPDATE users SET ended_at = 1 WHERE username_key = 'ana.e'")
		if _, err := o.signInAs(o.browser(), "ana.e", password); !errors.Is(err, ErrInvalidCredentials) {
			o.t.Errorf("of an account that is deleted: %v", err)
		}
	})
}

func TestAvailabilityIsLimited(t *testing.T) {
	eachLimited(t, limit.Rate{Count: 20, Per: time.Minute}, func(o *door) {
		c := o.browser()
		for range 20 {
			_, err := o.available(c, "ana@example.com", "")
			must(o.t, err)
		}
		if _, err := o.available(c, "ana@example.com", ""); !errors.Is(err, ErrTooManyTries) {
			o.t.Errorf("the 21st: %v", err)
		}
	})
}

func TestRestrictionsAtSignUp(t *testing.T) {
	each(t, func(o *door) {
		for _, c := range []struct {
			email  string
			want   error
			change func(*deployment.RestrictionsSettings)
		}{
			{"a@example.org", user.ErrEmailNotAllowed, func(r *deployment.RestrictionsSettings) {
				r.AllowlistEnabled, r.AllowlistedResources = true, []string{"example.com"}
			}},
			{"a@example.org", user.ErrEmailBlocked, func(r *deployment.RestrictionsSettings) {
				r.BlocklistEnabled, r.BlocklistedResources = true, []string{"example.org"}
			}},
			{"a+x@example.com", user.ErrEmailBlocked, func(r *deployment.RestrictionsSettings) { r.BlockSubaddresses = true }},
			{"a@mailinator.com", user.ErrEmailDisposable, func(r *deployment.RestrictionsSettings) { r.BlockDisposableEmails = true }},
			{"a@example.com", user.ErrBannedKeyword, func(r *deployment.RestrictionsSettings) { r.BannedKeywords = []string{"ANA"} }},
			{"a+x@example.com", nil, func(*deployment.RestrictionsSettings) {}},
		} {
			o.change(func(s *deployment.Settings) {
				s.Restrictions = deployment.RestrictionsSettings{SignUpMode: deployment.SignUpPublic}
				c.change(&s.Restrictions)
			})
			if _, err := o.signUp(o.browser(), c.email); !errors.Is(err, c.want) {
				o.t.Errorf("%s: %v, want %v", c.email, err, c.want)
			}
		}
	})
}

// Where a proof of work is asked for, nothing begins without it.
func TestChallengeIsEnforced(t *testing.T) {
	each(t, func(o *door) {
		o.account("ana@example.com")
		o.withLinks()
		c := o.browser()
		_, err := o.signIn(c, strategyCode, "ana@example.com", "")
		must(o.t, err)
		o.change(func(s *deployment.Settings) { s.Auth.ChallengeRequired = true })
		var identify identifyInput
		identify.Body.Identifier = "ana@example.com"
		for name, call := range map[string]func() error{
			"identify":             func() error { _, err := o.identify(o.as(c), identify); return err },
			"sign-up":              func() error { _, err := o.signUp(o.browser(), "bo@example.com"); return err },
			"sign-in":              func() error { _, err := o.signIn(c, strategyPassword, "ana@example.com", password); return err },
			"prepare-verification": func() error { _, err := o.prepareVerification(o.as(c), prepareVerificationInput{}); return err },
		} {
			if err := call(); !errors.Is(err, challenge.ErrFailed) {
				o.t.Errorf("%s: %v", name, err)
			}
		}
		// These have no challenge token in the public API.
		if _, err := o.forgot(c, "ana@example.com", ""); err != nil {
			o.t.Errorf("forgot-password: %v", err)
		}
		if _, err := o.enterCode(c, 0, "x"); errors.Is(err, challenge.ErrFailed) {
			o.t.Errorf("attempt-verification: %v", err)
		}
		ids := []string{}
		for _, op := range o.Operations() {
			ids = append(ids, op.ID)
		}
		if list := strings.Join(ids, " "); !strings.Contains(list, "CreateChallenge RedeemChallenge") {
			o.t.Errorf("the operations are %s", list)
		}
	})
}
