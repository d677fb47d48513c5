package factor

import (
	"encoding/base64"
	"image/png"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
)

func TestEnrolment(t *testing.T) {
	each(t, func(t *testing.T, o *desk) {
		o.set(func(s *deployment.Settings) { s.UI.AppName = "Acme: the app" })
		ana := o.somebody("ana")
		made := o.begin(ana)
		u, err := url.Parse(made.OTPURL)
		must(t, err)
		q := u.Query()
		if u.Scheme != "otpauth" || u.Host != "totp" || u.Path != "/Acme  the app:ana@example.com" || q.Get("issuer") != "Acme  the app" ||
			q.Get("secret") != made.TOTPSecret || q.Get("algorithm") != "SHA1" || q.Get("digits") != "6" || q.Get("period") != "30" {
			t.Errorf("the address is %s", made.OTPURL)
		}
		wanted, err := otp.NewKeyFromURL(made.OTPURL)
		must(t, err)
		code, err := wanted.Image(256, 256)
		must(t, err)
		shown, err := png.Decode(base64.NewDecoder(base64.StdEncoding, strings.NewReader(strings.TrimPrefix(made.QRCode, "data:image/png;base64,"))))
		must(t, err)
		for i := range 256 * 256 {
			r, _, _, _ := shown.At(i%256, i/256).RGBA()
			if want, _, _, _ := code.At(i%256, i/256).RGBA(); shown.Bounds().Dx() != 256 || r != want {
				t.Fatalf("the QR code does not say %s", made.OTPURL)
			}
		}
		if len(made.TOTPSecret) != 32 || made.Verified { // 160 bits, RFC 4226, section 4
			t.Errorf("the secret has %d characters", len(made.TOTPSecret))
		}
		o.has(ana.User)
		if me := o.me(ana.User); me.Authenticator != nil || o.mails("ana") != 0 {
			t.Error("it counts before it is verified")
		}
		k := key(made.TOTPSecret)
		_, err = o.check(ana.User, o.shows(k, 0))
		refuses(t, "a code of an unverified one", err, ErrWrongCode)

		must(t, o.verify(ana, made.ID, o.shows(k, -1), " "+o.shows(k, 0)[:3]+" "+o.shows(k, 0)[3:]))
		o.has(ana.User, ByAuthenticator)
		if me := o.me(ana.User); me.Authenticator == nil || me.Authenticator.ID != made.ID || me.Authenticator.CreatedAt != made.CreatedAt || !me.Authenticator.Verified {
			t.Errorf("the person has %+v", me.Authenticator)
		}
		if o.mails("ana") != 1 || o.events(ana.User, "user.authenticator.added") != 1 {
			t.Error("it is not announced or not recorded")
		}
		refuses(t, "once more", o.verify(ana, made.ID, o.shows(k, 0), o.shows(k, 1)), ErrVerified)
		for step := int64(-1); step <= 0; step++ {
			_, err = o.check(ana.User, o.shows(k, step))
			refuses(t, "a code of the enrolment", err, ErrWrongCode)
		}
		o.accepts(ana.User, o.shows(k, 1), ByAuthenticator)
	})
}

// S18: only two codes of this authenticator, one right after the other and of
// now, show that the app is set up.
func TestTwoCodesInARow(t *testing.T) {
	each(t, func(t *testing.T, o *desk) {
		ana, ben := o.somebody("ana"), o.somebody("ben")
		for name, steps := range map[string][2]int64{
			"swapped": {0, -1}, "not in a row": {-1, 1}, "a step between": {-2, 0}, "old": {-3, -2}, "older": {-9, -8}, "in the future": {1, 2}, "equal": {0, 0},
		} {
			made := o.begin(ana)
			k := key(made.TOTPSecret)
			refuses(t, name, o.verify(ana, made.ID, o.shows(k, steps[0]), o.shows(k, steps[1])), ErrWrongCodes)
		}
		made, other := o.begin(ana), o.begin(ben)
		k, l := key(made.TOTPSecret), key(other.TOTPSecret)
		refuses(t, "of another authenticator", o.verify(ana, made.ID, o.shows(l, -1), o.shows(l, 0)), ErrWrongCodes)
		refuses(t, "one of each", o.verify(ana, made.ID, o.shows(l, -1), o.shows(k, 0)), ErrWrongCodes)
		refuses(t, "none", o.verify(ana, made.ID), ErrWrongCodes)
		refuses(t, "one", o.verify(ana, made.ID, o.shows(k, 0)), ErrWrongCodes)
		refuses(t, "empty ones", o.verify(ana, made.ID, "", ""), ErrWrongCodes)
		o.has(ana.User)
		for name, steps := range map[string][2]int64{"just before": {-2, -1}, "now": {-1, 0}, "a fast clock": {0, 1}} {
			made := o.begin(ana)
			k := key(made.TOTPSecret)
			if err := o.verify(ana, made.ID, o.shows(k, steps[0]), o.shows(k, steps[1])); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// S15: guesses of a new authenticator are counted before they are compared,
// and simultaneous ones share the five.
func TestGuessesOfANewAuthenticator(t *testing.T) {
	each(t, func(t *testing.T, o *desk) {
		ana := o.somebody("ana")
		made := o.begin(ana)
		k := key(made.TOTPSecret)
		for range mostGuesses - 1 {
			refuses(t, "a guess", o.verify(ana, made.ID, o.shows(k, 0), o.shows(k, 0)), ErrWrongCodes)
		}
		compared := race(t, 8, ErrTooManyGuesses, func(int) error {
			err := o.verify(ana, made.ID, "000000", "000001")
			if isWrong := err != nil && strings.HasPrefix(err.Error(), ErrWrongCodes.Code+":"); isWrong {
				return nil
			}
			return err
		})
		if compared != 1 {
			t.Errorf("%d guesses were compared where one was left", compared)
		}
		refuses(t, "the right codes after five wrong ones", o.verify(ana, made.ID, o.shows(k, -1), o.shows(k, 0)), ErrTooManyGuesses)
		o.enrol(ana) // a new one begins anew
	})
}

// S18: each step works once, and an older one not at all after a newer one.
func TestEachStepWorksOnce(t *testing.T) {
	each(t, func(t *testing.T, o *desk) {
		ana, ben := o.somebody("ana"), o.somebody("ben")
		_, k := o.enrol(ana)
		o.enrol(ben)
		now := o.shows(k, 0)
		_, err := o.check(ben.User, now)
		refuses(t, "another person's code", err, ErrWrongCode)
		o.accepts(ana.User, now, ByAuthenticator)
		for what, code := range map[string]string{
			"the same": now, "the one before": o.shows(k, -1), "far ahead": o.shows(k, 2), "empty": "", "words": "not a code",
		} {
			_, err := o.check(ana.User, code)
			refuses(t, what, err, ErrWrongCode)
		}
		o.accepts(ana.User, o.shows(k, 1), ByAuthenticator)
		_, err = o.check(ana.User, now)
		refuses(t, "the first one again", err, ErrWrongCode)
		o.pass(period)
		_, err = o.check(ana.User, o.shows(k, 0))
		refuses(t, "what was used ahead of its time", err, ErrWrongCode)
		o.pass(period)
		o.accepts(ana.User, o.shows(k, 0), ByAuthenticator)
	})
}

// S18: of sixteen who use one step at once, one gets in.
func TestOneStepUsedBySixteen(t *testing.T) {
	each(t, func(t *testing.T, o *desk) {
		ana := o.somebody("ana")
		_, k := o.enrol(ana)
		code := o.shows(k, 0)
		if wins := race(t, 16, ErrWrongCode, func(int) error { _, err := o.check(ana.User, code); return err }); wins != 1 {
			t.Errorf("%d got in", wins)
		}
	})
}

func TestANewOneTakesThePlace(t *testing.T) {
	each(t, func(t *testing.T, o *desk) {
		ana := o.somebody("ana")
		first := o.begin(ana)
		second := o.begin(ana)
		k := key(first.TOTPSecret)
		refuses(t, "one that was replaced", o.verify(ana, first.ID, o.shows(k, -1), o.shows(k, 0)), ErrAuthenticatorNotFound)
		k = key(second.TOTPSecret)
		must(t, o.verify(ana, second.ID, o.shows(k, -1), o.shows(k, 0)))
		o.pass(2 * period)

		third := o.begin(ana)
		o.accepts(ana.User, o.shows(k, 0), ByAuthenticator) // the old one, until the new one is verified
		l := key(third.TOTPSecret)
		must(t, o.verify(ana, third.ID, o.shows(l, -1), o.shows(l, 0)))
		o.pass(2 * period)
		_, err := o.check(ana.User, o.shows(k, 0))
		refuses(t, "a code of the old one", err, ErrWrongCode)
		o.accepts(ana.User, o.shows(l, 0), ByAuthenticator)
		if me := o.me(ana.User); me.Authenticator == nil || me.Authenticator.ID != third.ID {
			t.Errorf("the person has %+v", me.Authenticator)
		}
		if o.mails("ana") != 2 || o.events(ana.User, "user.authenticator.removed") != 1 || o.events(ana.User, "user.authenticator.added") != 2 {
			t.Error("the change is not announced or not recorded")
		}
		if n := o.count("SELECT count(*) FROM user_authenticators WHERE ended_at IS NOT NULL AND secret IS NOT NULL"); n != 0 {
			t.Errorf("%d ended ones keep their secret", n)
		}
	})
}

// Sixteen that are begun at once leave one, and of sixteen verifications one
// counts.
func TestSimultaneousEnrolments(t *testing.T) {
	each(t, func(t *testing.T, o *desk) {
		ana := o.somebody("ana")
		if wins := race(t, 16, nil, func(int) error { _, err := o.addAuthenticator(as(ana), struct{}{}); return err }); wins != 16 {
			t.Errorf("%d were begun", wins)
		}
		if n := o.count("SELECT count(*) FROM user_authenticators"); n != 1 {
			t.Errorf("%d are left", n)
		}
		made := o.begin(ana)
		k := key(made.TOTPSecret)
		first, second := o.shows(k, -1), o.shows(k, 0)
		callers := make([]*access.Caller, 16)
		for i := range callers {
			callers[i] = o.signIn(ana.User)
		}
		if wins := race(t, len(callers), ErrVerified, func(i int) error { return o.verify(callers[i], made.ID, first, second) }); wins != 1 {
			t.Errorf("%d verified it", wins)
		}
		if o.mails("ana") != 1 {
			t.Error("it is announced more than once")
		}
	})
}

// S2 of construction: ids only within their person.
func TestAnothersAuthenticator(t *testing.T) {
	each(t, func(t *testing.T, o *desk) {
		ana, ben := o.somebody("ana"), o.somebody("ben")
		verified, k := o.enrol(ana)
		waiting := o.begin(ana)
		l := key(waiting.TOTPSecret)
		refuses(t, "verifying", o.verify(ben, waiting.ID, o.shows(l, -1), o.shows(l, 0)), ErrAuthenticatorNotFound)
		refuses(t, "removing a verified one", o.remove(ben, verified), ErrAuthenticatorNotFound)
		refuses(t, "removing one that waits", o.remove(ben, waiting.ID), ErrAuthenticatorNotFound)
		refuses(t, "removing none", o.remove(ben, 0), ErrAuthenticatorNotFound)
		if n := o.count("SELECT count(*) FROM user_authenticators WHERE ended_at IS NULL AND tries <= 1"); n != 2 {
			t.Errorf("%d are left as they were", n)
		}
		o.accepts(ana.User, o.shows(k, 0), ByAuthenticator)
	})
}

// Removing the last factor takes the backup codes and the policy along.
func TestRemoval(t *testing.T) {
	each(t, func(t *testing.T, o *desk) {
		ana := o.somebody("ana")
		have, k := o.enrol(ana)
		codes, err := o.createBackupCodes(as(ana), struct{}{})
		must(t, err)
		o.exec("UPDATE users SET second_factor_policy = 'enforced' WHERE id = $1", int64(ana.User))
		before := o.mails("ana")

		waiting := o.begin(ana)
		must(t, o.remove(ana, waiting.ID)) // never counted
		o.has(ana.User, ByAuthenticator, ByBackupCode)
		if o.mails("ana") != before || o.me(ana.User).SecondFactorPolicy != "enforced" {
			t.Error("the end of one that never counted is announced, or changed the policy")
		}

		must(t, o.remove(ana, have))
		o.has(ana.User)
		for _, code := range []string{o.shows(k, 0), codes[0]} {
			_, err := o.check(ana.User, code)
			refuses(t, "a code of what was removed", err, ErrWrongCode)
		}
		me := o.me(ana.User)
		if me.Authenticator != nil || me.BackupCodesGenerated || me.SecondFactorPolicy != "none" {
			t.Errorf("what is left: %+v, %t, %s", me.Authenticator, me.BackupCodesGenerated, me.SecondFactorPolicy)
		}
		if o.mails("ana") != before+1 || o.events(ana.User, "user.authenticator.removed") != 1 || o.events(ana.User, "user.backup_codes.removed") != 1 {
			t.Error("the removal is not announced or not recorded")
		}
		refuses(t, "once more", o.remove(ana, have), ErrAuthenticatorNotFound)
		o.enrol(ana)
		o.has(ana.User, ByAuthenticator) // the old codes do not come back
	})
}

// With a verified phone, the codes and the policy stay.
func TestRemovalWithAPhone(t *testing.T) {
	each(t, func(t *testing.T, o *desk) {
		o.set(func(s *deployment.Settings) {
			s.Auth.FactorsEnabled.PhoneOTP, s.Auth.PhoneNumber.Enabled = true, true
		})
		ana := o.somebody("ana")
		have, _ := o.enrol(ana)
		_, err := o.createBackupCodes(as(ana), struct{}{})
		must(t, err)
		o.exec("UPDATE users SET second_factor_policy = 'optional' WHERE id = $1", int64(ana.User))
		o.exec(`INSERT INTO user_phone_numbers (id, deployment_id, user_id, phone_number, country_code, national_number, verified_at, created_at, updated_at)
			VALUES (1, $1, $2, '+41791234567', '+41', '791234567', 1, 1, 1)`, int64(o.d.ID), int64(ana.User))
		must(t, o.remove(ana, have))
		o.has(ana.User, ByBackupCode)
		if o.me(ana.User).SecondFactorPolicy != "optional" {
			t.Error("the policy was reset")
		}
	})
}

// A sign-in that had to set up a second factor is free once it has.
func TestEnrolmentFreesTheSignIn(t *testing.T) {
	each(t, func(t *testing.T, o *desk) {
		ana := o.somebody("ana")
		o.exec("UPDATE signins SET restricted_to = 'enrolment' WHERE id = $1", int64(ana.SignIn))
		ana.Enrolling = true
		elsewhere := o.signIn(ana.User)
		o.exec("UPDATE signins SET restricted_to = 'enrolment' WHERE id = $1", int64(elsewhere.SignIn))
		o.pass(time.Second)
		o.enrol(ana)
		if n := o.count("SELECT count(*) FROM signins WHERE id = $1 AND restricted_to = '' AND second_factor = 'authenticator' AND ended_at IS NULL", int64(ana.SignIn)); n != 1 || ana.Enrolling {
			t.Error("the sign-in is still held back")
		}
		if n := o.count("SELECT count(*) FROM signins WHERE id = $1 AND ended_at IS NULL", int64(elsewhere.SignIn)); n != 0 {
			t.Error("another sign-in that was held back still lives")
		}
	})
}
