package server_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/config"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/database/databasetest"
)

// operator works beside a server, on its database.
type operator struct{ settled config.Config }

func (o *operator) work(t *testing.T, work func(context.Context, *database.DB, *deployment.Service, *deployment.Deployment) error) {
	t.Helper()
	key, err := o.settled.Key()
	if err != nil {
		t.Fatal(err)
	}
	db, err := database.Open(t.Context(), o.settled.DatabaseURL, database.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	settings := deployment.NewService(db, deployment.Staging, "http://127.0.0.1:8080", key)
	err = db.Start(t.Context())
	d, found := settings.Ensure(t.Context(), "Guildhall")
	if err := errors.Join(err, found); err != nil {
		t.Fatal(err)
	}
	if err := work(access.WithCaller(t.Context(), &access.Caller{Deployment: d.ID}), db, settings, d); err != nil {
		t.Fatal(err)
	}
}

func (o *operator) set(t *testing.T, change func(*deployment.Settings)) {
	t.Helper()
	o.work(t, func(ctx context.Context, _ *database.DB, settings *deployment.Service, _ *deployment.Deployment) error {
		return settings.Change(ctx, change)
	})
}

// S13: a second factor that becomes enforced, told over HTTP: whoever has none
// may set one up and nothing else, and proves it from then on.
func TestSecondFactorStory(t *testing.T) {
	for _, dialect := range databasetest.Dialects() {
		t.Run(string(dialect), func(t *testing.T) {
			t.Parallel()
			var beside operator
			w := &world{secrets: &secrets{}}
			w.Server, w.log = newServer(t, dialect, func(c *config.Config) {
				offerAll(t)(c)
				beside.settled = *c
			})
			w.documents = readDescriptions(t, w.API)
			ana := &person{browser: w.browser(), email: w.newEmail("ana"), password: password}
			w.signUp(t, ana, "Ana")
			ana.post(t, "/organizations", "name", "Acme").must(t, http.StatusOK)

			beside.set(t, func(s *deployment.Settings) { s.Auth.SecondFactorPolicy, s.Auth.LastName.Required = "enforced", true })
			for until := time.Now().Add(10 * time.Second); ana.get(t, "/deployment").at("data.auth_settings.last_name.required") != true; time.Sleep(10 * time.Millisecond) {
				if time.Now().After(until) {
					t.Fatal("the server does not follow its settings")
				}
			}
			held := w.signIn(t, ana)
			a := held.get(t, "/session").must(t, http.StatusOK)
			if a.at("data.active_signin") != nil || a.at("data.signin_attempts.-1.current_step") != "complete_profile" || a.at("data.signin_attempts.-1.missing_fields.0") != "last_name" {
				t.Fatalf("the profile is not asked for: %s", a.Raw)
			}
			a = held.post(t, "/auth/complete-profile?attempt_id="+a.text(t, "data.signin_attempts.-1.id"), "last_name", "Example").must(t, http.StatusOK)
			if a.at("data.signin_attempts.-1.completed") != true || a.at("data.active_signin.user.last_name") != "Example" {
				t.Fatalf("the profile is not completed: %s", a.Raw)
			}
			w.heldBack(t, held)
			made := w.enrolsHere(t, held)
			for _, path := range []string{"/session/token", "/me/organization-memberships"} {
				held.get(t, path).must(t, http.StatusOK)
			}
			w.provesAgain(t, ana, made)
		})
	}
}

// heldBack tries what a sign-in that lacks a second factor may and may not do.
func (w *world) heldBack(t *testing.T, who *person) {
	t.Helper()
	for _, path := range []string{"/session", "/me", "/me/phone-numbers", "/deployment"} {
		who.get(t, path).must(t, http.StatusOK)
	}
	for _, path := range []string{"/session/token", "/me/organization-memberships", "/me/signins", "/organizations/1/invitations", "/me/invitations"} {
		refused(t, who.get(t, path), access.ErrEnrolment)
	}
	for _, path := range []string{"/organizations", "/me", "/me/update-password", "/session/switch-organization", "/me/authenticator/1/delete"} {
		refused(t, who.post(t, path, "name", "Another"), access.ErrEnrolment)
	}
	other := w.signIn(t, who)
	other.post(t, "/session/sign-out").must(t, http.StatusOK)
	if a := other.get(t, "/session").must(t, http.StatusOK); a.at("data.active_signin") != nil {
		t.Errorf("still signed in: %s", a.Raw)
	}
}

func (w *world) enrolsHere(t *testing.T, who *person) authenticator {
	t.Helper()
	a := who.post(t, "/me/authenticator").must(t, http.StatusOK)
	made := authenticator{a.text(t, "data.id"), a.text(t, "data.totp_secret")}
	who.send(t, split(http.MethodPost, "/me/authenticator/attempt-verification", made.twoCodes(t))).must(t, http.StatusOK)
	return made
}

// provesAgain signs in with password and authenticator.
func (w *world) provesAgain(t *testing.T, who *person, made authenticator) {
	t.Helper()
	again := w.signIn(t, who)
	a := again.get(t, "/session").must(t, http.StatusOK)
	if a.at("data.active_signin") != nil || a.at("data.signin_attempts.-1.current_step") != "verify_second_factor" || a.at("data.signin_attempts.-1.available_2fa_methods.0") != "authenticator" {
		t.Fatalf("the second factor is not asked for: %s", a.Raw)
	}
	again.get(t, "/session/token").must(t, http.StatusUnauthorized)
	code, err := totp.GenerateCode(made.secret, time.Now().Add(30*time.Second)) // those before are used
	if err != nil {
		t.Fatal(err)
	}
	in := "/auth/attempt-verification?identifier_type=signin&attempt_identifier=" + a.text(t, "data.signin_attempts.-1.id")
	again.post(t, in, "verification_code", "000000x").must(t, http.StatusBadRequest)
	a = again.post(t, in, "verification_code", code).must(t, http.StatusOK)
	if a.at("data.signin_attempts.-1.completed") != true || a.at("data.active_signin.user_id") != who.id {
		t.Fatalf("not signed in: %s", a.Raw)
	}
	again.get(t, "/session/token").must(t, http.StatusOK)
}
