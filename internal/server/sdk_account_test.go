package server_test

import (
	"net/http"
	"testing"
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

// flowDevices: a sign-in elsewhere is listed, and ended at once.
func flowDevices(t *testing.T, v *visitor) {
	other := v.elsewhere(t)
	other.signIn()
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
	if a := other.ask(http.MethodGet, "/me"); a.Status != http.StatusUnauthorized {
		t.Errorf("the other device: %s", a.Raw)
	}
	if other.refresh(); other.signedIn() {
		t.Error("the other device is signed in")
	}
	if v.refresh(); !v.signedIn() {
		t.Error("signed out here as well")
	}
}
