package account

import (
	"context"
	"testing"
	"time"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/factor"
	"github.com/guildhall-id/guildhall/internal/platform/database"
)

// S18: where the deployment asks for step-up, addresses, password and policy
// change only within ten minutes of signing in; names change always.
func TestStepUp(t *testing.T) {
	each(t, func(o *desk) {
		ana := o.somebody("ana")
		second, third := o.proves(ana, "second@example.com"), o.claims(ana, "third@example.com")
		name := "Anna"
		changes := []struct {
			what string
			try  func(c *access.Caller) error
		}{
			{"adding an address", func(c *access.Caller) error { _, err := o.claim(c, "fourth@example.com"); return err }},
			{"verifying one", func(c *access.Caller) error { return o.enter(c, third, o.code(third)) }},
			{"a primary one", func(c *access.Caller) error { return o.primary(c, second) }},
			{"a primary one in the profile", func(c *access.Caller) error {
				_, err := o.update(c, func(in *updateUserInput) { in.Body.PrimaryEmailAddressID = &third })
				return err
			}},
			{"removing one", func(c *access.Caller) error { return o.giveUp(c, second) }},
			{"the policy", func(c *access.Caller) error {
				_, err := o.update(c, func(in *updateUserInput) { in.Body.SecondFactorPolicy = "optional" })
				return err
			}},
			{"the password", func(c *access.Caller) error { return o.setPassword(c, password, password+"!") }},
			{"removing the password", func(c *access.Caller) error { return o.dropPassword(c, password+"!") }},
		}
		o.set(func(s *deployment.Settings) { s.Auth.StepUpRequired = true })
		o.clock.Add((10*time.Minute + time.Second).Milliseconds())
		for _, change := range changes[:7] {
			refuses(o.t, change.what+" with an old sign-in", change.try(ana), access.ErrStaleSignIn)
		}
		refuses(o.t, "removing the password with an old sign-in", o.dropPassword(ana, password), access.ErrStaleSignIn)
		_, err := o.update(ana, func(in *updateUserInput) { in.Body.FirstName, in.Body.SecondFactorPolicy = &name, "none" })
		must(o.t, err)
		now, _ := o.signIn(ana.User)
		o.clock.Add((10 * time.Minute).Milliseconds())
		for _, change := range changes {
			if err := change.try(now); err != nil {
				o.t.Errorf("%s: %v", change.what, err)
			}
		}
		o.set(func(s *deployment.Settings) { s.Auth.StepUpRequired = false })
		o.clock.Add(time.Hour.Milliseconds())
		must(o.t, o.primary(now, o.proves(now, "fifth@example.com")))
	})
}

// S18: so do phone numbers, however they are changed.
func TestStepUpForPhones(t *testing.T) {
	each(t, func(o *desk) {
		o.set(withPhones)
		ana := o.somebody("ana")
		first, claim := o.provesPhone(ana, mobile), o.claimsPhone(ana, another)
		changes := []struct {
			what string
			try  func(c *access.Caller) error
		}{
			{"adding a number", func(c *access.Caller) error { _, err := o.claimPhone(c, "+41791234569", ""); return err }},
			{"verifying one", func(c *access.Caller) error { return o.enterPhone(c, claim, o.phoneCode(claim)) }},
			{"a primary one", func(c *access.Caller) error { return o.primaryPhone(c, claim) }},
			{"a primary one in the profile", func(c *access.Caller) error {
				_, err := o.update(c, func(in *updateUserInput) { in.Body.PrimaryPhoneNumberID = &first })
				return err
			}},
			{"removing one", func(c *access.Caller) error { return o.giveUpPhone(c, claim) }},
		}
		now, _ := o.signIn(ana.User)
		must(o.t, o.enterPhone(now, claim, o.phoneCode(claim)))
		must(o.t, o.primaryPhone(now, claim))
		o.set(func(s *deployment.Settings) { s.Auth.StepUpRequired = true })
		o.clock.Add((10*time.Minute + time.Second).Milliseconds())
		for _, change := range changes {
			refuses(o.t, change.what+" with an old sign-in", change.try(now), access.ErrStaleSignIn)
		}
	})
}

// A policy that asks for a second factor at every sign-in needs one, and all
// factors end with the account.
func TestPolicyAndSecondFactors(t *testing.T) {
	each(t, func(o *desk) {
		ana := o.somebody("ana")
		enforce := func() error {
			_, err := o.update(ana, func(in *updateUserInput) { in.Body.SecondFactorPolicy = enforced })
			return err
		}
		ctx := context.Background()
		must(o.t, o.db.InTx(ctx, func(tx *database.Tx) error {
			_, err := tx.Exec(ctx, `INSERT INTO user_authenticators (id, deployment_id, user_id, secret, created_at, verified_at) VALUES (7, $1, $2, $3, 1, 1)`,
				int64(o.d.ID), int64(ana.User), []byte("sealed"))
			if err != nil {
				return err
			}
			_, err = tx.Exec(ctx, "UPDATE users SET authenticator_id = 7, authenticator_created_at = 1 WHERE id = $1", int64(ana.User))
			return err
		}))
		refuses(o.t, "with a factor that is not offered", enforce(), factor.ErrNoFactor)
		o.set(func(s *deployment.Settings) { s.Auth.FactorsEnabled.Authenticator = true })
		must(o.t, enforce())
		if me := o.me(ana); me.SecondFactorPolicy != enforced || me.Authenticator == nil || me.Authenticator.ID != 7 {
			o.t.Errorf("the person is %+v", me)
		}
		for i, policy := range []string{"none", "none", enforced, "none"} { // S18: that none is asked for is told
			_, err := o.update(ana, func(in *updateUserInput) { in.Body.SecondFactorPolicy = policy })
			must(o.t, err)
			if n, want := o.mails("ana@example.com", "account_changed"), int64(1+i/3); n != want {
				o.t.Errorf("after %d changes of the policy %d announcements, want %d", i+1, n, want)
			}
		}
		must(o.t, o.deletes(ana, password))
		if n := o.count("SELECT count(*) FROM user_authenticators WHERE ended_at IS NULL OR secret IS NOT NULL"); n != 0 {
			o.t.Error("the secret outlives the account")
		}
	})
}
