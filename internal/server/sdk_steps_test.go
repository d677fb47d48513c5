package server_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/guildhall-id/guildhall/internal/deployment"
)

// passes types in a code that was sent, and gives the attempt as the answer
// shows it: the last one, even when it is completed.
func (v *visitor) passes(in, code, attempts string) seen {
	v.t.Helper()
	return v.enters("/auth/attempt-verification"+in, "verification_code", code).last(attempts)
}

// inAttempt is the query of an attempt's steps.
func inAttempt(attempt seen, kind string) string {
	attempt.t.Helper()
	return query("attempt_identifier", attempt.text("id"), "identifier_type", kind)
}

// flowTwoCodes signs up where address and number are proven: the number's code
// comes by itself, and a wrong one leaves everything as it was.
func flowTwoCodes(t *testing.T, v *visitor) {
	v.w.during(t, func(to *deployment.Settings) {
		to.Auth.PhoneNumber.Required, to.Auth.VerificationPolicy.PhoneNumber = true, true
	})
	pia, number := newVisitor(t, v.w, v.office), v.w.newPhone()
	attempt := pia.enters("/auth/signup", "first_name", "Pia", "last_name", "Phone", "username", "", "email", pia.email,
		"phone_number", number[3:], "phone_country_code", "+41", "password", password, "invite_token", "", "challenge_token", "").last("signup_attempts")
	if attempt.flag("completed") || attempt.text("current_step") != "verify_email" {
		t.Fatalf("the first step is %s", attempt.text("current_step"))
	}
	in := inAttempt(attempt, "signup")
	pia.post("/auth/prepare-verification" + in + "&strategy=email_otp").text("masked_email")
	code := v.office.find(t, pia.email, 0, aCode)
	pia.refused("/auth/attempt-verification"+in, "verification_code", wrongOf(code))
	pia.refresh()
	if open := pia.session.last("signup_attempts"); open.text("id") != attempt.text("id") || open.text("current_step") != "verify_email" {
		t.Error("the screen changes after a wrong code")
	}
	if next := pia.passes(in, code, "signup_attempts"); next.text("current_step") != "verify_phone" || !pia.session.null("active_signin") {
		t.Fatalf("after the address comes %q", next.text("current_step"))
	}
	done := pia.passes(in, v.office.find(t, number, 0, aCode), "signup_attempts")
	if !done.flag("completed") || done.text("id") != attempt.text("id") || !pia.signedIn() {
		t.Error("not signed in after both codes")
	}
	if me := pia.call(http.MethodGet, "/me"); !me.flag("primary_phone_number.verified") || me.text("primary_phone_number.phone_number") != number {
		t.Error("the number is not the person's")
	}
}

// wrongOf is a code that is not that one.
func wrongOf(code string) string {
	return map[bool]string{true: "000001", false: "000000"}[code == "000000"]
}

// flowUsername signs up and in with a username.
func flowUsername(t *testing.T, v *visitor) {
	v.w.during(t, withUsernames)
	uma := newVisitor(t, v.w, v.office)
	attempt := uma.enters("/auth/signup", "first_name", "Uma", "last_name", "User", "username", "Uma.User", "email", uma.email, "password", password).last("signup_attempts")
	for !attempt.flag("completed") {
		uma.passStep(attempt)
		attempt = uma.session.last("signup_attempts")
	}
	other := uma.elsewhere(t)
	wrong := other.refused("/auth/signin", "strategy", "plain_username", "username", "uma.user", "password", "Wrong password 1!")
	unknown := other.refused("/auth/signin", "strategy", "plain_username", "username", "nobody", "password", "Wrong password 1!")
	if wrong != unknown {
		t.Errorf("%q for a wrong password, %q for an unknown username", wrong, unknown)
	}
	done := other.enters("/auth/signin", "strategy", "plain_username", "username", "uma.user", "password", password, "challenge_token", "").last("signin_attempts")
	if !done.flag("completed") || other.session.text("active_signin.user.username") != "Uma.User" {
		t.Error("the username does not sign in")
	}
}

// flowUnknown goes the way of a known address or number, and never succeeds.
func flowUnknown(t *testing.T, v *visitor) {
	nobody := v.w.newEmail("nobody")
	for _, try := range []struct{ strategy, field, value, step string }{
		{"email_otp", "email", nobody, "verify_email_otp"},
		{"phone_otp", "phone", v.w.newPhone()[3:], "verify_phone_otp"},
		{"magic_link", "email", nobody, "verify_email_link"},
	} {
		other := v.elsewhere(t)
		attempt := other.enters("/auth/signin", "strategy", try.strategy, try.field, try.value).last("signin_attempts")
		if attempt.text("current_step") != try.step || attempt.flag("completed") {
			t.Errorf("%s: the step is %s", try.strategy, attempt.text("current_step"))
		}
		in := inAttempt(attempt, "signin")
		other.post("/auth/prepare-verification" + in + "&strategy=" + try.strategy).flag("otp_sent")
		other.refused("/auth/attempt-verification"+in, "verification_code", "000000")
	}
	if n := v.office.number(nobody); n != 0 {
		t.Errorf("%d mails to nobody", n)
	}
}

// flowSameDevice: a link that must be opened where it was asked for.
func flowSameDevice(t *testing.T, v *visitor) {
	v.w.during(t, func(to *deployment.Settings) { to.Auth.MagicLink.RequireSameDevice = true })
	waiting, before := v.elsewhere(t), v.office.number(v.email)
	attempt := waiting.enters("/auth/signin", "strategy", "magic_link", "email", v.email).last("signin_attempts")
	waiting.post("/auth/prepare-verification" + inAttempt(attempt, "signin") + "&strategy=magic_link")
	link := linkOf(t, v.office.find(t, v.email, before, aLink))
	path := "/auth/verify-magic-link" + query("token", link.Get("token"), "attempt", link.Get("attempt"))
	other := v.elsewhere(t)
	if a := other.ask(http.MethodGet, path); a.Status < 400 || a.text(t, "errors.0.message") == "" {
		t.Errorf("another browser: %s", a.Raw)
	}
	waiting.call(http.MethodGet, path)
	waiting.refresh()
	if other.refresh(); other.signedIn() || !waiting.signedIn() {
		t.Error("the wrong browser is signed in")
	}
}

// flowSecondSteps: the second factor by text message, with the number's last
// digits as a resend takes them; after a reset and after a link.
func flowSecondSteps(t *testing.T, v *visitor) {
	v.w.during(t, func(to *deployment.Settings) { to.Auth.SecondFactorPolicy = "optional" })
	number := v.addsPhone(v.w.newPhone())
	asked := func(other *visitor, attempt seen) {
		t.Helper()
		if attempt.flag("completed") || attempt.text("current_step") != "verify_second_factor" || other.signedIn() {
			t.Fatal("no second factor is asked for")
		}
		if methods := attempt.list("available_2fa_methods"); !slices.ContainsFunc(methods, func(m seen) bool { return m.v == "phone_otp" }) {
			t.Fatal("no text message is offered")
		}
		in, digits := inAttempt(attempt, "signin"), number[len(number)-4:]
		for range 2 { // the screen takes the digits of a resend from what it shows
			before := v.office.number(number)
			sent := other.post("/auth/prepare-verification" + in + "&strategy=phone_otp&last_digits=" + digits)
			masked := sent.text("masked_phone")
			digits = masked[len(masked)-4:]
			v.office.find(t, number, before, aCode)
		}
		code := v.office.last(t, number, aCode)
		if done := other.passes(in, code, "signin_attempts"); !done.flag("completed") || !other.signedIn() {
			t.Error("the second factor does not sign in")
		}
	}
	other := v.elsewhere(t)
	asked(other, other.signIn())

	other = v.elsewhere(t)
	before := v.office.number(v.email)
	other.post("/auth/forgot-password", "email", v.email)
	token := other.post("/auth/forgot-password", "email", v.email, "otp", v.office.find(t, v.email, before, aCode)).text("token")
	asked(other, other.enters("/auth/reset-password", "token", token, "password", "Another good password 2!").last("signin_attempts"))

	waiting, opens := v.elsewhere(t), v.elsewhere(t)
	before = v.office.number(v.email)
	attempt := waiting.enters("/auth/signin", "strategy", "magic_link", "email", v.email).last("signin_attempts")
	waiting.post("/auth/prepare-verification" + inAttempt(attempt, "signin") + "&strategy=magic_link")
	link := linkOf(t, v.office.find(t, v.email, before, aLink))
	opens.session = opens.call(http.MethodGet, "/auth/verify-magic-link"+query("token", link.Get("token"), "attempt", link.Get("attempt")))
	asked(opens, opens.session.last("signin_attempts"))
}

// flowCompleteProfile asks for what the deployment has begun to require.
func flowCompleteProfile(t *testing.T, v *visitor) {
	v.w.during(t, both(withUsernames, func(to *deployment.Settings) { to.Auth.Username.Required, to.Auth.PhoneNumber.Required = true, true }))
	other := v.elsewhere(t)
	attempt := other.signIn()
	if attempt.flag("completed") || attempt.text("current_step") != "complete_profile" || other.signedIn() {
		t.Fatalf("the step is %s", attempt.text("current_step"))
	}
	var missing []any
	for _, field := range attempt.list("missing_fields") {
		missing = append(missing, field.v)
	}
	if !slices.Equal(missing, []any{"username", "phone_number"}) {
		t.Errorf("asked for %v", missing)
	}
	path, rest := "/auth/complete-profile?attempt_id="+attempt.text("id"), []string{"first_name", "", "last_name", "", "email", "", "phone_country_code", "+41"}
	other.refused(path, append(rest, "username", "", "phone_number", "")...)
	number := v.w.newPhone()
	done := other.enters(path, append(rest, "username", "Completed", "phone_number", number[3:])...).last("signin_attempts")
	if !done.flag("completed") || done.text("id") != attempt.text("id") || !other.signedIn() {
		t.Error("not signed in with a complete profile")
	}
	if other.session.text("active_signin.user.username") != "Completed" {
		t.Error("the username is another one")
	}
}
