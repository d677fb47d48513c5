package server_test

import (
	"crypto/sha1"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/guildhall-id/guildhall/internal/config"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/platform/database/databasetest"
)

// setting is what one or more settings do, seen from outside: the same is
// tried with them off and with them on.
type setting struct {
	paths   string                             // of the settings, separated by blanks
	off, on func(*deployment.Settings)         // nil: the defaults
	try     func(*testing.T, *premises) string // the code of a refusal, or what came of it; empty is success
	wantOff string
	wantOn  string
}

// untried are the settings that the table below says nothing of, and why. A
// group stands for all below it.
var untried = map[string]string{
	"ui_settings": "shown to the browser only; those that the server itself follows have rows",

	"frontend_host":  "proven in internal/signin, with the other places that people may be led to",
	"mail_from_host": "shown to the browser only",

	"session_token_templates": "proven in internal/session",

	"auth_settings.email_address.otp_verification_allowed":        "without it, settings with addresses are refused: internal/deployment",
	"auth_settings.email_address.magic_link_verification_allowed": "without it, settings that mail links are refused: internal/deployment",
	"auth_settings.email_address.verify_signup":                   "shown to the browser only: verification_policy decides",
	"auth_settings.phone_number.verify_signup":                    "shown to the browser only: verification_policy decides",
	"auth_settings.backup_code.required":                          "shown to the browser only: nobody has to have backup codes",
	"auth_settings.step_up_required":                              "time passes in internal/account",

	"b2b_settings.enterprise_sso_enabled":            "there are no connections of organizations yet",
	"b2b_settings.default_org_creator_role_id":       "any role with the right to administrate will do: internal/deployment",
	"b2b_settings.default_workspace_creator_role_id": "any role with the right to administrate will do: internal/deployment",

	"auth_settings.passkey":                          "nobody can have a passkey yet; prompts and autofill are shown to the browser only",
	"auth_settings.web3_wallet":                      "there are no wallets",
	"auth_settings.auth_factors_enabled.web3_wallet": "there are no wallets",
	"auth_settings.first_factor":                     "shown to the browser only",
	"auth_settings.second_factor":                    "shown to the browser only",
	"auth_settings.alternate_first_factors":          "shown to the browser only",
	"auth_settings.alternate_second_factors":         "shown to the browser only",
	"auth_settings.session_inactive_timeout":         "time passes in internal/session",
}

// premises is a server whose settings are tried, and somebody who was there
// before.
type premises struct {
	*world
	ana *person
}

// stolen is a password of a list that the server has been given.
const stolen = "Stolen, long ago"

func newPremises(t *testing.T, w *world) *premises {
	t.Helper()
	w.documents = readDescriptions(t, w.API)
	return &premises{world: w, ana: w.person(t, "Ana Example")}
}

// Contract section 7: every setting does what it says, on and off, and none is
// forgotten here.
func TestSettings(t *testing.T) {
	rows := slices.Concat(formSettings, restrictionSettings, factorSettings, secondSettings, sessionSettings, tenantSettings, pageSettings)
	for _, dialect := range databasetest.Dialects() {
		t.Run(string(dialect), func(t *testing.T) {
			t.Parallel()
			w := &world{secrets: &secrets{}}
			w.Server, w.log = newServer(t, dialect, func(c *config.Config) {
				c.BreachedPasswordsFile = filepath.Join(t.TempDir(), "list")
				if err := os.WriteFile(c.BreachedPasswordsFile, fmt.Appendf(nil, "%X:9\n", sha1.Sum([]byte(stolen))), 0o600); err != nil {
					t.Fatal(err)
				}
			})
			p := newPremises(t, w)
			for _, row := range rows {
				t.Run(row.paths, func(t *testing.T) {
					p.compare(t, "off", row.off, row.try, row.wantOff)
					p.compare(t, "on", row.on, row.try, row.wantOn)
				})
			}
		})
	}
	t.Run("all", func(t *testing.T) { everySetting(t, rows) })
}

func (p *premises) compare(t *testing.T, state string, change func(*deployment.Settings), try func(*testing.T, *premises) string, want string) {
	t.Run(state, func(t *testing.T) {
		if change != nil {
			p.during(t, change)
		}
		if got := try(t, p); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// everySetting wants each setting to have a row, or a reason to have none.
func everySetting(t *testing.T, rows []setting) {
	known, seen := map[string]bool{}, map[string]bool{}
	for _, row := range rows {
		for _, path := range strings.Fields(row.paths) {
			known[path] = true
		}
	}
	for _, path := range leavesOf(reflect.TypeFor[deployment.Settings](), "") {
		for group := path; group != ""; {
			seen[group] = true
			group = group[:max(0, strings.LastIndexByte(group, '.'))]
		}
		reason := untried[path]
		for group := path; group != "" && reason == ""; reason = untried[group] {
			group = group[:max(0, strings.LastIndexByte(group, '.'))]
		}
		if !known[path] && reason == "" {
			t.Errorf("say what %s does, on and off, or why not here", path)
		}
		if known[path] && untried[path] != "" {
			t.Errorf("%s has a row: take it off the list", path)
		}
	}
	for path := range known {
		if !seen[path] {
			t.Errorf("there is no setting %s", path)
		}
	}
	for path := range untried {
		if !seen[path] {
			t.Errorf("there is no setting %s", path)
		}
	}
}

// leavesOf are the paths of all settings of a type.
func leavesOf(group reflect.Type, prefix string) (paths []string) {
	for _, field := range reflect.VisibleFields(group) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case name == "": // embedded
		case field.Type.Kind() == reflect.Struct:
			paths = append(paths, leavesOf(field.Type, prefix+name+".")...)
		default:
			paths = append(paths, prefix+name)
		}
	}
	return paths
}

// both are two changes.
func both(changes ...func(*deployment.Settings)) func(*deployment.Settings) {
	return func(to *deployment.Settings) {
		for _, change := range changes {
			change(to)
		}
	}
}

// signsUp fills in the sign-up form; the members replace its own.
func signsUp(members ...string) func(*testing.T, *premises) string {
	return func(t *testing.T, p *premises) string {
		fields := form("first_name", "New", "last_name", "Person", "email", p.newEmail("new"), "password", password)
		for i := 0; i < len(members); i += 2 {
			fields.Set(members[i], members[i+1])
		}
		return p.browser().send(t, request{Method: http.MethodPost, Path: "/auth/signup", Body: fields}).code()
	}
}

// usesAddress signs up with an address, and adds it to an account: what came
// of both.
func usesAddress(email string) func(*testing.T, *premises) string {
	return func(t *testing.T, p *premises) string {
		p.people++
		unique := strings.Replace(email, "#", fmt.Sprint(p.people), 1)
		first := signsUp("email", unique)(t, p)
		second := p.ana.post(t, "/me/email-addresses", "email", unique).code()
		return first + "/" + second
	}
}
