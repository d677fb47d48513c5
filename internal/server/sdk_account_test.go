package server_test

import (
	"net/http"
	"testing"

	"github.com/guildhall-id/guildhall/internal/deployment"
)

// flowProfile: the profile dialog, its addresses, the password and the picture.
func flowProfile(t *testing.T, v *visitor) {
	v.post("/me", "first_name", "Anna", "last_name", "van der Example")
	v.refresh()
	if got := v.session.text("active_signin.user.first_name"); got != "Anna" {
		t.Errorf("the session says %s", got)
	}
	second := v.w.newEmail("second")
	id := v.post("/me/email-addresses", "email", second).text("id")
	v.refused("/me/email-addresses/" + id + "/make-primary") // not verified yet
	v.post("/me/email-addresses/" + id + "/prepare-verification")
	v.post("/me/email-addresses/" + id + "/attempt-verification?code=" + v.office.find(t, second, 0, aCode))
	v.post("/me/email-addresses/" + id + "/make-primary")
	me := v.call(http.MethodGet, "/me")
	if me.text("primary_email_address_id") != id || len(me.list("user_email_addresses")) != 2 {
		t.Error("the new address is not the primary one")
	}
	for _, address := range me.list("user_email_addresses") {
		if address.text("id") != id {
			v.post("/me/email-addresses/" + address.text("id") + "/delete")
		} else if !address.flag("verified") || !address.flag("is_primary") || address.text("email") != second {
			t.Error("the address looks otherwise")
		}
	}
	v.refused("/me/email-addresses/" + id + "/delete") // the primary one stays

	if !me.flag("has_password") {
		t.Error("the dialog would not ask for the password")
	}
	v.refused("/me/update-password", "current_password", "not this", "new_password", "Another good password 2!")
	v.post("/me/update-password", "current_password", password, "new_password", "Another good password 2!")
	if v.refresh(); !v.signedIn() {
		t.Error("the new password signed its own browser out")
	}
	a := v.send(t, request{Method: http.MethodPost, Path: "/me/profile-picture", File: map[string][]byte{"file": onePicture(t)}})
	a.must(t, http.StatusOK)
	me = v.call(http.MethodGet, "/me")
	if !me.flag("has_profile_picture") || me.text("profile_picture_url") == "" {
		t.Error("there is no picture")
	}
	v.post("/me", "remove_profile_picture", "true")
	if v.call(http.MethodGet, "/me").flag("has_profile_picture") {
		t.Error("the picture is still there")
	}
	v.refused("/me/account/delete", "password", "")
	v.post("/me/account/delete", "password", "Another good password 2!")
	if v.refresh(); v.signedIn() {
		t.Error("signed in to an account that is gone")
	}
}

// flowPhones: the numbers of the profile dialog.
func flowPhones(t *testing.T, v *visitor) {
	first, second := v.addsPhone(v.w.newPhone()), v.addsPhone(v.w.newPhone())
	v.refused("/me/phone-numbers", "phone_number", "12", "country_code", "+41")
	v.refused("/me/phone-numbers", "phone_number", first[3:], "country_code", "+41") // there already
	me := v.call(http.MethodGet, "/me")
	if me.text("primary_phone_number.phone_number") != first || len(me.list("user_phone_numbers")) != 2 {
		t.Error("the first number is not the primary one")
	}
	for _, number := range me.list("user_phone_numbers") {
		path := "/me/phone-numbers/" + number.text("id")
		if number.text("phone_number") == second {
			v.post(path + "/make-primary")
			v.refused(path + "/delete") // the primary one of several
		}
	}
	for _, number := range v.items("/me/phone-numbers") {
		if !number.flag("verified") || number.text("country_code") != "+41" {
			t.Error("the number looks otherwise")
		}
		if number.text("phone_number") == first {
			v.post("/me/phone-numbers/" + number.text("id") + "/delete")
		}
	}
	if left := v.items("/me/phone-numbers"); len(left) != 1 || left[0].text("phone_number") != second || !left[0].flag("is_primary") {
		t.Error("the other number is not the one that is left")
	}
}

// flowPasswordless: an account without password, whose dialogs send an empty
// one, and one whose password is its only way in.
func flowPasswordless(t *testing.T, v *visitor) {
	v.refused("/me/remove-password", "current_password", "not this")
	v.post("/me/remove-password", "current_password", password)
	if v.refresh(); !v.signedIn() || v.session.flag("active_signin.user.has_password") {
		t.Error("the password is not removed, or the browser is signed out")
	}
	v.elsewhere(t).refused("/auth/signin", "strategy", "plain_email", "email", v.email, "password", password)
	v.post("/me/update-password", "current_password", "", "new_password", password)
	if other := v.elsewhere(t); !other.signIn().flag("completed") {
		t.Error("the first password of the account does not sign in")
	}
	t.Run("the only way in", func(t *testing.T) {
		v.w.during(t, func(to *deployment.Settings) {
			to.Auth.FactorsEnabled = deployment.Factors{EmailPassword: true}
			to.Auth.AlternateFirstFactors = []string{}
		})
		v.refused("/me/remove-password", "current_password", password)
	})
	v.post("/me/remove-password", "current_password", password)
	v.post("/me/account/delete", "password", "")
	if v.refresh(); v.signedIn() {
		t.Error("signed in to an account that is gone")
	}
}

// flowBackupCodes: the codes are shown once, and new ones end the old.
func flowBackupCodes(t *testing.T, v *visitor) {
	v.w.during(t, func(to *deployment.Settings) { to.Auth.SecondFactorPolicy = "optional" })
	v.addsPhone(v.w.newPhone())
	old := kind[[]any](v.post("/me/backup-codes"))
	v.refused("/me/backup-codes")
	codes := kind[[]any](v.post("/me/backup-codes/regenerate"))
	if !v.call(http.MethodGet, "/me").flag("backup_codes_generated") {
		t.Error("the dialog offers to make the first codes")
	}
	other := v.elsewhere(t)
	in := inAttempt(other.signIn(), "signin")
	other.refused("/auth/attempt-verification"+in, "verification_code", old[0].(string))
	if done := other.passes(in, codes[0].(string), "signin_attempts"); !done.flag("completed") || !other.signedIn() {
		t.Error("the backup code does not sign in")
	}
}

// flowDevices: a sign-in elsewhere is listed, and ended at once.
func flowDevices(t *testing.T, v *visitor) {
	other := v.elsewhere(t)
	other.signIn()
	other.call(http.MethodGet, "/session/token?template=default").text("token")
	list := seen{t, "sign-ins", map[string]any{"list": v.call(http.MethodGet, "/me/signins").v}}.list("list")
	if len(list) != 2 {
		t.Fatalf("%d devices", len(list))
	}
	for _, device := range list {
		for _, name := range []string{"browser", "device", "city", "country", "ip_address", "last_active_at"} {
			device.text(name)
		}
		if device.at("id").v != v.session.at("active_signin.id").v {
			v.post("/me/signins/" + device.text("id") + "/signout")
		}
	}
	for _, path := range []string{"/me", "/session/token?template=default"} {
		if a := other.ask(http.MethodGet, path); a.Status != http.StatusUnauthorized {
			t.Errorf("the other device: %s", a.Raw)
		}
	}
	if other.refresh(); other.signedIn() {
		t.Error("the other device is signed in")
	}
	if v.refresh(); !v.signedIn() {
		t.Error("signed out here as well")
	}
}
