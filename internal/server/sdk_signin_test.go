package server_test

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/guildhall-id/guildhall/internal/config"
	"github.com/guildhall-id/guildhall/internal/platform/database/databasetest"
)

// visitor is somebody at a page, with what they type.
type visitor struct {
	*sdk
	w     *world
	email string
}

// TestSDK walks the flows of contract section 8, and those of section 9 that
// its screens lead to, as a browser SDK does, in both transports and on both
// engines.
func TestSDK(t *testing.T) {
	flows := map[string]func(*testing.T, *visitor){
		"password": flowPassword, "username": flowUsername, "code": flowCode, "magic link": flowMagicLink, "same device": flowSameDevice,
		"phone": flowPhone, "unknown": flowUnknown, "two codes": flowTwoCodes, "complete profile": flowCompleteProfile, "forgotten password": flowForgotten,
		"second factor": flowSecondFactor, "second steps": flowSecondSteps, "backup codes": flowBackupCodes,
		"waitlist": flowWaitlist, "restricted": flowRestricted, "challenge": flowChallenge,
		"several accounts": flowAccounts, "tabs": flowTabs, "devices": flowDevices,
		"profile": flowProfile, "phones": flowPhones, "passwordless": flowPasswordless,
		"organizations": flowOrganizations, "workspaces": flowWorkspaces, "switching": flowSwitching, "management": flowManagement,
		"invitations": flowInvitations, "invitations, later": flowInvitationsLater,
	}
	for _, dialect := range databasetest.Dialects() {
		for _, mode := range []string{config.Staging, config.Production} {
			t.Run(string(dialect)+" "+mode, func(t *testing.T) {
				t.Parallel()
				if testing.Short() && (dialect != databasetest.Dialects()[0]) == (mode == config.Staging) {
					t.Skip("one transport for each engine is enough in a hurry")
				}
				w, office := sdkWorld(t, dialect, mode)
				for name, flow := range flows {
					t.Run(name, func(t *testing.T) { flow(t, signsUpAt(t, w, office, "Ana Example")) })
				}
			})
		}
	}
}

// newVisitor opens the page in a new browser.
func newVisitor(t *testing.T, w *world, office *sortingOffice) *visitor {
	t.Helper()
	return &visitor{newSDK(t, w, office), w, w.newEmail("visitor")}
}

// elsewhere is the same person at another browser.
func (v *visitor) elsewhere(t *testing.T) *visitor {
	t.Helper()
	return &visitor{newSDK(t, v.w, v.office), v.w, v.email}
}

// signsUpAt is the flow of that name, with e-mail verification.
func signsUpAt(t *testing.T, w *world, office *sortingOffice, name string) *visitor {
	t.Helper()
	v := newVisitor(t, w, office)
	v.fillIn(name)
	return v
}

func (v *visitor) fillIn(name string, more ...string) {
	v.t.Helper()
	fields := append([]string{
		"first_name", name[:3], "last_name", name[4:], "username", "", "phone_number", "", "phone_country_code", "",
		"email", v.email, "password", password, "invite_token", "", "challenge_token", "",
	}, more...)
	attempt := v.enters("/auth/signup", fields...).last("signup_attempts")
	for !attempt.flag("completed") {
		v.passStep(attempt)
		if !v.session.null("active_signin") {
			break
		}
		attempt = v.session.last("signup_attempts")
	}
	v.refresh()
	if !v.signedIn() || v.session.text("active_signin.user.primary_email_address.email") != v.email {
		v.t.Fatal("not signed in after signing up")
	}
}

// passStep has the code of an attempt's step sent, and types it in.
func (v *visitor) passStep(attempt seen) {
	v.t.Helper()
	kind := map[string]string{"verify_email": "email_otp"}[attempt.text("current_step")]
	in := []string{"attempt_identifier", attempt.text("id"), "identifier_type", "signup"}
	before := v.office.number(v.email)
	sent := v.post("/auth/prepare-verification" + query(append(in, "strategy", kind)...))
	if !sent.flag("otp_sent") || sent.text("masked_email") == "" {
		v.t.Fatal("no code was sent")
	}
	v.enters("/auth/attempt-verification"+query(in...), "verification_code", v.office.find(v.t, v.email, before, aCode))
}

// signIn types the address and the password.
func (v *visitor) signIn() seen {
	v.t.Helper()
	if got := v.post("/auth/identify", "identifier", v.email, "challenge_token", "").text("strategy"); got != "password" {
		v.t.Fatalf("the form asks for %s", got)
	}
	return v.enters("/auth/signin", "strategy", "plain_email", "email", v.email, "password", password, "challenge_token", "").last("signin_attempts")
}

func flowPassword(t *testing.T, v *visitor) {
	v.enters("/session/sign-out")
	if v.signedIn() {
		t.Error("signed in after signing out")
	}
	wrong := v.refused("/auth/signin", "strategy", "plain_email", "email", v.email, "password", "Wrong password 1!")
	unknown := v.refused("/auth/signin", "strategy", "plain_email", "email", v.w.newEmail("nobody"), "password", "Wrong password 1!")
	if wrong != unknown || wrong == "" {
		t.Errorf("%q for a wrong password, %q for an unknown address", wrong, unknown)
	}
	if attempt := v.signIn(); !attempt.flag("completed") || !v.signedIn() {
		t.Error("the right password does not sign in")
	}
}

func flowCode(t *testing.T, v *visitor) {
	other := v.elsewhere(t)
	attempt := other.enters("/auth/signin", "strategy", "email_otp", "email", v.email).last("signin_attempts")
	if attempt.flag("completed") || attempt.text("current_step") != "verify_email_otp" {
		t.Fatal("no code is asked for")
	}
	in := []string{"attempt_identifier", attempt.text("id"), "identifier_type", "signin"}
	before := v.office.number(v.email)
	other.post("/auth/prepare-verification" + query(append(in, "strategy", "email_otp")...)).flag("otp_sent")
	code := v.office.find(t, v.email, before, aCode)
	other.refused("/auth/attempt-verification"+query(in...), "verification_code", wrongOf(code))
	if done := other.enters("/auth/attempt-verification"+query(in...), "verification_code", code).last("signin_attempts"); !done.flag("completed") || !other.signedIn() {
		t.Error("the code does not sign in")
	}
}

// flowMagicLink: the waiting tab notices by its poll when the same browser
// opens the link; another browser that opens it is signed in itself.
func flowMagicLink(t *testing.T, v *visitor) {
	for _, opener := range []string{"the same browser", "another browser"} {
		waiting := v.elsewhere(t)
		attempt := waiting.enters("/auth/signin", "strategy", "magic_link", "email", v.email).last("signin_attempts")
		before := v.office.number(v.email)
		waiting.post("/auth/prepare-verification" + query("attempt_identifier", attempt.text("id"), "identifier_type", "signin",
			"strategy", "magic_link", "redirect_uri", sdkPage+"/welcome"))
		link := linkOf(t, v.office.find(t, v.email, before, aLink))
		if link.Get("redirect_uri") != sdkPage+"/welcome" {
			t.Errorf("the link leads on to %q", link.Get("redirect_uri"))
		}
		opens := waiting
		if opener == "another browser" {
			opens = v.elsewhere(t)
		}
		path := "/auth/verify-magic-link" + query("token", link.Get("token"), "attempt", link.Get("attempt"), "redirect_uri", link.Get("redirect_uri"))
		opens.call(http.MethodGet, path)
		waiting.refresh()
		opens.refresh()
		if !opens.signedIn() || waiting.signedIn() != (opens == waiting) {
			t.Errorf("%s: it is signed in: %t, the waiting one: %t", opener, opens.signedIn(), waiting.signedIn())
		}
		if a := v.elsewhere(t).ask(http.MethodGet, path); a.Status < 400 {
			t.Error("the link worked twice")
		}
	}
}

func flowForgotten(t *testing.T, v *visitor) {
	other, before := v.elsewhere(t), v.office.number(v.email)
	other.post("/auth/forgot-password", "email", v.email)
	token := other.post("/auth/forgot-password", "email", v.email, "otp", v.office.find(t, v.email, before, aCode)).text("token")
	if done := other.enters("/auth/reset-password", "token", token, "password", "Another good password 2!").last("signin_attempts"); !done.flag("completed") || !other.signedIn() {
		t.Error("not signed in with the new password")
	}
	if v.refresh(); v.signedIn() {
		t.Error("the other session of the person lives on")
	}
}

func flowAccounts(t *testing.T, v *visitor) {
	first := v.session.text("active_signin.id")
	other := signsUpAt(t, v.w, v.office, "Bob Example")
	v.email, other.email = other.email, v.email
	v.signIn()
	if n := len(v.session.list("signins")); n != 2 || v.session.text("active_signin.user.primary_email_address.email") != v.email {
		t.Fatalf("%d accounts", n)
	}
	if got := v.enters("/session/switch-sign-in?sign_in_id=" + first).text("active_signin.id"); got != first {
		t.Error("the account is not the active one")
	}
	v.enters("/session/sign-out?sign_in_id=" + first)
	if len(v.session.list("signins")) != 1 || !v.session.null("active_signin") {
		t.Error("the page does not show the accounts to choose from")
	}
	v.enters("/session/sign-out")
	if len(v.session.list("signins")) != 0 {
		t.Error("somebody is signed in after signing out all")
	}
}

// flowTabs: a token that is replaced signs out no tab that has the old one.
func flowTabs(t *testing.T, v *visitor) {
	first := v.session.text("active_signin.id")
	v.email = signsUpAt(t, v.w, v.office, "Bob Example").email
	v.signIn()
	old := v.copy()
	v.enters("/session/switch-sign-in?sign_in_id=" + first) // a new token
	var tabs sync.WaitGroup
	for range 8 {
		tabs.Go(func() {
			if a := old.copy().get(t, "/me"); a.Status != http.StatusOK {
				t.Errorf("a tab with the replaced token: %s", a.Raw)
			}
		})
	}
	tabs.Wait()
	if v.refresh(); !v.signedIn() {
		t.Error("signed out by one's own tabs")
	}
}

func flowSecondFactor(t *testing.T, v *visitor) {
	made := v.post("/me/authenticator")
	secret := made.text("totp_secret")
	made.text("otp_url")
	at := func(steps time.Duration) string {
		code, err := totp.GenerateCode(secret, v.w.now().Add(steps*30*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		return code
	}
	v.post("/me/authenticator/attempt-verification", "authenticator_id", made.text("id"), "codes", at(-1), "codes", at(0))
	v.post("/me", "second_factor_policy", "enforced")
	codes := kind[[]any](v.post("/me/backup-codes"))
	for _, proof := range []string{at(1), codes[0].(string)} {
		other := v.elsewhere(t)
		attempt := other.signIn()
		if attempt.text("current_step") != "verify_second_factor" || len(attempt.list("available_2fa_methods")) == 0 || other.signedIn() {
			t.Fatal("no second factor is asked for")
		}
		in := query("attempt_identifier", attempt.text("id"), "identifier_type", "signin")
		other.refused("/auth/attempt-verification"+in, "verification_code", "000000x")
		if done := other.enters("/auth/attempt-verification"+in, "verification_code", proof).last("signin_attempts"); !done.flag("completed") || !other.signedIn() {
			t.Error("the second factor does not sign in")
		}
		again := v.elsewhere(t)
		in = query("attempt_identifier", again.signIn().text("id"), "identifier_type", "signin")
		again.refused("/auth/attempt-verification"+in, "verification_code", proof)
	}
	v.post("/me/authenticator/" + made.text("id") + "/delete")
	if got := v.call(http.MethodGet, "/me").text("second_factor_policy"); got != "none" {
		t.Errorf("the policy stays %s with nothing left", got)
	}
}

// addsPhone is the dialog that adds a number, with its code.
func (v *visitor) addsPhone(number string) string {
	v.t.Helper()
	path := "/me/phone-numbers/" + v.post("/me/phone-numbers", "phone_number", number[3:], "country_code", "+41").text("id")
	v.post(path + "/prepare-verification")
	v.post(path+"/attempt-verification", "code", v.office.find(v.t, number, 0, aCode))
	return number
}

// flowPhone: the page drops the country of a number when it signs in.
func flowPhone(t *testing.T, v *visitor) {
	number := v.addsPhone(v.w.newPhone())
	other := v.elsewhere(t)
	attempt := other.enters("/auth/signin", "strategy", "phone_otp", "phone", number[3:]).last("signin_attempts")
	in := []string{"attempt_identifier", attempt.text("id"), "identifier_type", "signin"}
	before := v.office.number(number)
	if masked := other.post("/auth/prepare-verification" + query(append(in, "strategy", "phone_otp")...)).text("masked_phone"); masked[len(masked)-4:] != number[len(number)-4:] {
		t.Errorf("the page shows %s", masked)
	}
	code := v.office.find(t, number, before, aCode)
	if done := other.enters("/auth/attempt-verification"+query(in...), "verification_code", code).last("signin_attempts"); !done.flag("completed") || !other.signedIn() {
		t.Error("the code does not sign in")
	}
}
