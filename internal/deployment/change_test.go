package deployment

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/secret"
)

func TestAssign(t *testing.T) {
	for _, test := range []struct{ path, value, want string }{
		{"auth_settings.first_factor", "email_otp", `"email_otp"`},
		{"auth_settings.first_factor", `"email_otp"`, `"email_otp"`},
		{"auth_settings.email_address.enabled", "false", "false"},
		{"auth_settings.email_address.verify_signup", " true ", "true"},
		{"b2b_settings.max_allowed_org_members", "50", "50"},
		{"b2b_settings.default_org_member_role_id", "383437028554964994", `"383437028554964994"`},
		{"b2b_settings.default_org_member_role_id", `"12"`, `"12"`},
		{"restrictions.banned_keywords", "spam,eggs", `["spam","eggs"]`},
		{"restrictions.banned_keywords", `["two words"]`, `["two words"]`},
		{"restrictions.banned_keywords", "", "[]"},
		{"b2b_settings.workspace_permissions", "workspace:admin workspace:member", `["workspace:admin","workspace:member"]`},
		{"ui_settings.signup_terms_statement", "[sic] & so on", `"[sic] & so on"`},
		{"ui_settings.support_page_url", "", `""`},
		{"ui_settings.app_name", "42", `"42"`},
		{"ui_settings.theme_tokens.dark", `{"primary":"red"}`, `{"primary":"red"}`},
		{"auth_settings.password_policy", `{"min_length":12}`, `{"enabled":true,"min_length":12,"require_lowercase":false,"require_uppercase":false,"require_number":false,"require_special":false,"refuse_breached":true}`},
		{"maintenance_mode", "true", "true"},
	} {
		s := defaults("Acme", "https://id.acme.test")
		if err := s.assign(Assignment{test.path, test.value}); err != nil {
			t.Errorf("%s=%s: %v", test.path, test.value, err)
			continue
		}
		if got, err := s.At(test.path); err != nil || string(got) != test.want {
			t.Errorf("%s=%s: got %s, %v", test.path, test.value, got, err)
		}
	}
}

func TestAssignRefuses(t *testing.T) {
	for _, test := range []struct{ path, value, want string }{
		{"first_factor", "email_otp", "did you mean auth_settings.first_factor?"},
		{"auth_settings.first_facto", "email_otp", "did you mean auth_settings.first_factor?"},
		{"auth_settings.first_factor.x", "email_otp", "is not a setting"},
		{"auth_settings.email_address.Field", "{}", "is not a setting"},
		{"weather", "sunny", "guildhall deployment get lists them all"},
		{"", "x", "is not a setting"},
		{"auth_settings.", "x", "is not a setting"},
		{"maintenance_mode", "yes", "maintenance_mode is yes, but has to be true or false."},
		{"maintenance_mode", "", "is empty, but has to be true or false"},
		{"maintenance_mode", "null", "has to be true or false"},
		{"ui_settings.app_name", "null", "has to be a text"},
		{"b2b_settings.max_orgs_per_user", "many", "has to be a whole number"},
		{"b2b_settings.max_orgs_per_user", "1.5", "has to be a whole number"},
		{"b2b_settings.max_orgs_per_user", "99999999999999999999", "has to be a whole number"},
		{"b2b_settings.default_org_member_role_id", "Member", "has to be an id"},
		{"restrictions.banned_keywords", `[1]`, "has to be a list"},
		{"restrictions.banned_keywords", `{}`, "has to be a list"},
		{"ui_settings.theme_tokens.dark", "red", "has to be a JSON object"},
		{"auth_settings.password_policy", "strict", "is a group of settings: name one below it, as auth_settings.password_policy.enabled"},
		{"auth_settings.password_policy", `null`, "is a group of settings"},
		{"auth_settings.password_policy", `{"minimum":1}`, "auth_settings.password_policy.minimum is not a setting"},
		{"auth_settings.password_policy", `{"min_length":"long"}`, "min_length is \"long\", but has to be a whole number"},
		{"auth_settings", `{"password_policy":null}`, "auth_settings.password_policy is a group of settings"},
	} {
		s := defaults("Acme", "https://id.acme.test")
		before, _ := s.At("")
		err := s.assign(Assignment{test.path, test.value})
		var wrong SettingsError
		if !errors.As(err, &wrong) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s=%s: got %v, want: %s", test.path, test.value, err, test.want)
		}
		if after, _ := s.At(""); string(after) != string(before) {
			t.Errorf("%s=%s was refused, and changed something", test.path, test.value)
		}
	}
}

func TestSet(t *testing.T) {
	each(t, func(t *testing.T, s *Service, d *Deployment, _ *atomic.Int64) {
		server := NewService(s.db, Staging, "http://localhost:8080", secret.Key{}) // another node
		if _, err := server.Current(t.Context()); err != nil {
			t.Fatal(err)
		}
		together := []Assignment{
			{"auth_settings.first_factor", "email_otp"},
			{"auth_settings.alternate_first_factors", "email_password"},
			{"b2b_settings.max_allowed_org_members", "50"},
			{"maintenance_mode", "false"},
		}
		preview, err := s.Preview(t.Context(), together)
		if err != nil || len(preview) != 3 || count(t, s.db) != 0 {
			t.Fatalf("preview: %v, %v, %d events", preview, err, count(t, s.db))
		}
		changed, err := s.Set(t.Context(), together)
		if err != nil || len(changed) != 3 {
			t.Fatalf("got %v, %v", changed, err)
		}
		want := Difference{"auth_settings.first_factor", json.RawMessage(`"email_password"`), json.RawMessage(`"email_otp"`)}
		if got := changed[0]; got.Path != want.Path || string(got.Before) != string(want.Before) || string(got.After) != string(want.After) {
			t.Errorf("got %s: %s to %s", got.Path, got.Before, got.After)
		}
		time.Sleep(maxAge)
		seen, err := server.Current(t.Context())
		if err != nil || seen.Settings.Auth.FirstFactor != "email_otp" || seen.Version != d.Version+1 {
			t.Errorf("another node has %q, version %d, %v", seen.Settings.Auth.FirstFactor, seen.Version, err)
		}

		var data string
		var subject, deployment int64
		err = s.db.QueryRow(t.Context(), "SELECT data, subject_id, deployment_id FROM events WHERE name = 'deployment.settings_changed'").Scan(&data, &subject, &deployment)
		if err != nil || subject != int64(d.ID) || deployment != int64(d.ID) {
			t.Errorf("the event: %v, %v, %v", subject, deployment, err)
		}
		wantData := `{"after":{"auth_settings.alternate_first_factors":["email_password"],"auth_settings.first_factor":"email_otp","b2b_settings.max_allowed_org_members":50},` +
			`"before":{"auth_settings.alternate_first_factors":["email_otp"],"auth_settings.first_factor":"email_password","b2b_settings.max_allowed_org_members":0}}`
		if data != wantData {
			t.Errorf("the event has %s", data)
		}

		if again, err := s.Set(t.Context(), together); err != nil || len(again) != 0 || count(t, s.db) != 1 {
			t.Errorf("nothing to change: %v, %v, %d events", again, err, count(t, s.db))
		}
	})
}

func TestSetRefuses(t *testing.T) {
	each(t, func(t *testing.T, s *Service, d *Deployment, _ *atomic.Int64) {
		for _, list := range [][]Assignment{
			{{"auth_settings.first_factor", "username_password"}},
			{{"b2b_settings.max_allowed_org_members", "-1"}},
			{{"b2b_settings.default_org_member_role_id", d.Settings.B2B.DefaultWorkspaceMemberRoleID.String()}},
			{{"maintenance_mode", "true"}, {"nothing", "x"}},
		} {
			var wrong SettingsError
			if _, err := s.Set(t.Context(), list); !errors.As(err, &wrong) || len(wrong) == 0 {
				t.Errorf("%v: %v", list, err)
			}
			if _, err := s.Preview(t.Context(), list); !errors.As(err, &wrong) {
				t.Errorf("preview of %v: %v", list, err)
			}
		}
		now, err := s.Current(t.Context())
		if err != nil || now.Version != d.Version || count(t, s.db) != 0 {
			t.Errorf("version %d, %d events, %v", now.Version, count(t, s.db), err)
		}
	})
}

// What was never touched follows the defaults of the server, and what only a
// newer server knows stays.
func TestSetTouchesOnlyWhatChanges(t *testing.T) {
	each(t, func(t *testing.T, s *Service, d *Deployment, _ *atomic.Int64) {
		exec(t, s.db, `UPDATE deployments SET settings = '{"weather": {"tomorrow": 9007199254740993}, ' || substr(settings, 2), version = version + 1`)
		if _, err := s.Set(t.Context(), []Assignment{{"ui_settings.app_name", "Acme & Söhne"}}); err != nil {
			t.Fatal(err)
		}
		var text string
		if err := s.db.QueryRow(t.Context(), "SELECT settings FROM deployments").Scan(&text); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(text, `"weather":{"tomorrow":9007199254740993}`) || strings.Contains(text, "sign_in_page_url") {
			t.Errorf("stored %s", text)
		}
		moved := NewService(s.db, Staging, "https://id.acme.test", secret.Key{})
		now, err := moved.Current(t.Context())
		if err != nil || now.Settings.UI.SignInPageURL != "https://id.acme.test/sign-in" || now.Settings.UI.AppName != "Acme & Söhne" {
			t.Errorf("got %+v, %v", now.Settings.UI, err)
		}
	})
}

// Of two operators who change settings at once, each has their change, or is
// told to repeat it.
func TestSetAtOnce(t *testing.T) {
	each(t, func(t *testing.T, s *Service, d *Deployment, _ *atomic.Int64) {
		const n = 8
		results := make(chan error, n)
		for i := range n {
			go func() {
				_, err := s.Set(t.Context(), []Assignment{{"b2b_settings.max_allowed_org_members", string(rune('1' + i))}})
				results <- err
			}()
		}
		done := int64(0)
		for range n {
			switch err := <-results; {
			case err == nil:
				done++
			case !errors.Is(err, ErrSettingsChanged):
				t.Error(err)
			}
		}
		now, err := s.Current(t.Context())
		if err != nil || done == 0 || now.Version != d.Version+done || count(t, s.db) != done {
			t.Errorf("%d changes, version %d, %d events, %v", done, now.Version, count(t, s.db), err)
		}
	})
}

// Of changes to different settings at once, those that succeed are all there:
// none is overwritten by a document that was read before it.
func TestNoChangeIsLost(t *testing.T) {
	paths := []string{
		"b2b_settings.max_orgs_per_user", "b2b_settings.max_allowed_org_members", "b2b_settings.max_allowed_workspace_members",
		"b2b_settings.org_creation_per_user_count", "b2b_settings.workspaces_per_org_count",
	}
	each(t, func(t *testing.T, s *Service, _ *Deployment, _ *atomic.Int64) {
		for round := range 10 {
			value := strconv.Itoa(round + 1)
			errs := make([]error, len(paths))
			var working sync.WaitGroup
			for i, path := range paths {
				working.Go(func() { _, errs[i] = s.Set(t.Context(), []Assignment{{path, value}}) })
			}
			working.Wait()
			now, err := s.Current(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for i, path := range paths {
				stored, err := now.Settings.At(path)
				switch {
				case err != nil:
					t.Fatal(err)
				case errs[i] == nil && string(stored) != value:
					t.Errorf("%s was set to %s and is %s", path, value, stored)
				case errs[i] != nil && !errors.Is(errs[i], ErrSettingsChanged):
					t.Error(errs[i])
				}
			}
		}
	})
}

// count is how many changes of settings were told.
func count(t *testing.T, db *database.DB) (n int64) {
	t.Helper()
	if err := db.QueryRow(t.Context(), "SELECT count(*) FROM events WHERE name = 'deployment.settings_changed'").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func exec(t *testing.T, db *database.DB, sql string, args ...any) {
	t.Helper()
	if err := db.InTx(t.Context(), func(tx *database.Tx) error {
		_, err := tx.Exec(t.Context(), sql, args...)
		return err
	}); err != nil {
		t.Fatal(err)
	}
}
