package server_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/guildhall-id/guildhall/internal/config"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/platform/database/databasetest"
)

// at is somebody whose requests come from an address, through a proxy that the
// server trusts.
func (p *person) at(address string) *person {
	moved := *p
	moved.browser = p.copy()
	moved.header = http.Header{"X-Forwarded-For": {address}}
	return &moved
}

// Contract section 6: a tenant that demands a network or a second factor is
// listed, but cannot be switched to, acted in or named in tokens.
func TestEligibility(t *testing.T) {
	for _, dialect := range databasetest.Dialects() {
		t.Run(string(dialect), func(t *testing.T) {
			t.Parallel()
			w := &world{secrets: &secrets{}}
			w.Server, w.log = newServer(t, dialect, func(c *config.Config) {
				c.TrustedProxies = []string{"127.0.0.0/8"}
				offerAll(t)(c)
			})
			w.documents = readDescriptions(t, w.API)
			w.during(t, func(to *deployment.Settings) {
				b := &to.B2B
				b.IPAllowlistPerOrgEnabled, b.IPAllowlistPerWorkspace = true, true
				b.EnforceMFAPerOrgEnabled, b.EnforceMFAPerWorkspaceEnabled = true, true
				to.Auth.SecondFactorPolicy = "optional"
			})
			t.Run("network", w.storyOfNetwork)
			t.Run("workspace", w.storyOfWorkspaceNetwork)
			t.Run("second factor", w.storyOfSecondFactor)
		})
	}
}

const office, home = "192.0.2.10", "198.51.100.20"

func (w *world) storyOfNetwork(t *testing.T) {
	ana := w.person(t, "Ana Admin").at(office)
	tn := w.tenant(t, ana, "Office only")
	bo := w.person(t, "Bo Member")
	tn.join(t, bo, post{memberRole, memberRole})
	bo.browser = w.signIn(t, bo).browser
	in := "/organizations/" + tn.organization
	restrict := []string{"enable_ip_restriction", "true", "whitelisted_ips", "192.0.2.0/24"}
	if got := ana.at(home).post(t, in+"/update", restrict...).code(); got != "CONFLICT" {
		t.Errorf("locked out by oneself: %q", got)
	}
	bo.at(office).post(t, "/session/switch-workspace?workspace_id="+tn.workspace).must(t, http.StatusOK)
	ana.post(t, in+"/update", restrict...).must(t, http.StatusOK)

	if got := tokenOf(t, bo.at(office)); got["organization"] != tn.organization || got["workspace"] != tn.workspace {
		t.Errorf("the token at the office says %v", got)
	}
	if got := tokenOf(t, bo.at(home)); got["organization"] != nil || got["workspace"] != nil || len(got["organization_permissions"].([]any)) != 0 {
		t.Errorf("the token at home says %v", got)
	}
	for address, want := range map[string]string{office: "none", home: "ip_not_allowed"} {
		refusal := map[string]string{"none": "", "ip_not_allowed": "ELIGIBILITY_RESTRICTED"}[want]
		there := bo.at(address)
		for _, path := range []string{"/me/organization-memberships", "/me/workspace-memberships"} {
			if got := there.get(t, path).text(t, "data.0.eligibility_restriction.type"); got != want {
				t.Errorf("%s, %s: %s", address, path, got)
			}
		}
		for _, a := range []answer{
			there.get(t, in+"/members"), there.get(t, "/workspaces/"+tn.workspace+"/members"),
			there.post(t, "/session/switch-organization?organization_id="+tn.organization),
			there.post(t, "/session/switch-workspace?workspace_id="+tn.workspace),
		} {
			if a.code() != refusal {
				t.Errorf("%s: %s", address, a.Raw)
			}
		}
	}
	if got := w.person(t, "Zoe Stranger").at(home).get(t, in+"/members"); got.Status != http.StatusNotFound {
		t.Errorf("a stranger: %s", got.Raw)
	}
	bo.at(home).post(t, in+"/leave").must(t, http.StatusOK) // nobody needs to be at the office to leave
}

func (w *world) storyOfWorkspaceNetwork(t *testing.T) {
	ana := w.person(t, "Ana Admin").at(office)
	tn := w.tenant(t, ana, "Vault")
	ana.post(t, "/workspaces/"+tn.workspace+"/update", "enable_ip_restriction", "true", "whitelisted_ips", "192.0.2.10").must(t, http.StatusOK)
	away := ana.at(home)
	away.get(t, "/organizations/"+tn.organization+"/members").must(t, http.StatusOK)
	for _, a := range []answer{
		away.get(t, "/workspaces/"+tn.workspace+"/members"),
		away.post(t, "/organizations/"+tn.organization+"/invitations", "email", w.newEmail("guest"), "workspace_id", tn.workspace),
	} {
		if a.code() != "ELIGIBILITY_RESTRICTED" {
			t.Errorf("away: %s", a.Raw)
		}
	}
}

func (w *world) storyOfSecondFactor(t *testing.T) {
	ana := w.person(t, "Ana Admin")
	tn := w.tenant(t, ana, "Careful")
	if got := ana.post(t, "/organizations/"+tn.organization+"/update", "enforce_mfa", "true").code(); got != "CONFLICT" {
		t.Errorf("locked out by oneself: %q", got)
	}
	app := w.enrols(t, ana)
	again := w.browser()
	a := again.post(t, "/auth/signin", "strategy", "plain_email", "email", ana.email, "password", ana.password).must(t, http.StatusOK)
	code, err := totp.GenerateCode(app.secret, time.Now().Add(30*time.Second)) // the present one was used to enrol
	if err != nil {
		t.Fatal(err)
	}
	again.post(t, "/auth/attempt-verification?identifier_type=signin&attempt_identifier="+a.text(t, "data.signin_attempts.-1.id"), "verification_code", code).must(t, http.StatusOK)
	again.post(t, "/organizations/"+tn.organization+"/update", "enforce_mfa", "true").must(t, http.StatusOK)
	again.get(t, "/organizations/"+tn.organization+"/members").must(t, http.StatusOK)

	bo := w.person(t, "Bo Member")
	token := tn.invite(t, bo.email, "").text(t, "data.token")
	bo.post(t, "/organizations/invitations/accept", "token", token).must(t, http.StatusOK)
	if got := bo.get(t, "/me/organization-memberships").text(t, "data.0.eligibility_restriction.type"); got != "mfa_required" {
		t.Errorf("without a second factor: %s", got)
	}
	members := "/organizations/" + tn.organization + "/members"
	if a := bo.get(t, members); a.code() != "ELIGIBILITY_RESTRICTED" {
		t.Errorf("without a second factor: %s", a.Raw)
	}
	passing := w.enrols(t, bo)
	bo.get(t, members).must(t, http.StatusOK)
	bo.post(t, "/me/authenticator/"+passing.id+"/delete").must(t, http.StatusOK)
	if a := bo.get(t, members); a.code() != "ELIGIBILITY_RESTRICTED" {
		t.Errorf("with a second factor that is gone: %s", a.Raw)
	}
	w.enrols(t, bo)
	bo.get(t, members).must(t, http.StatusOK)
}

// tokenOf are the claims of somebody's session token.
func tokenOf(t *testing.T, p *person) (claims map[string]any) {
	t.Helper()
	token := p.get(t, "/session/token").must(t, http.StatusOK).text(t, "data.token")
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

// S13: where a second factor is asked of nobody but the people of a tenant that
// demands one, theirs protects it: who knows only the password does not get in,
// to enrol an authenticator of their own and be let in with that.
func TestDemandedSecondFactor(t *testing.T) {
	for _, dialect := range databasetest.Dialects() {
		t.Run(string(dialect), func(t *testing.T) {
			t.Parallel()
			w := &world{secrets: &secrets{}}
			w.Server, w.log = newServer(t, dialect, offerAll(t))
			w.documents = readDescriptions(t, w.API)
			w.during(t, func(to *deployment.Settings) {
				to.B2B.EnforceMFAPerOrgEnabled, to.B2B.EnforceMFAPerWorkspaceEnabled = true, true
				to.Auth.SecondFactorPolicy = "none"
			})
			for _, place := range []string{"organization", "workspace"} {
				ana := w.person(t, "Ana Admin")
				tn := w.tenant(t, ana, "Careful "+place)
				path := map[string]string{"organization": "/organizations/" + tn.organization, "workspace": "/workspaces/" + tn.workspace}[place]
				w.enrols(t, ana)
				ana.post(t, path+"/update", "enforce_mfa", "true").must(t, http.StatusOK)
				ana.get(t, path+"/members").must(t, http.StatusOK)

				thief := w.browser()
				a := thief.post(t, "/auth/signin", "strategy", "plain_email", "email", ana.email, "password", ana.password).must(t, http.StatusOK)
				if a.at("data.signin_attempts.-1.current_step") != "verify_second_factor" || a.at("data.active_signin") != nil {
					t.Errorf("%s: signed in with the password alone", place)
					w.enrols(t, &person{browser: thief, email: ana.email})
					t.Errorf("%s: with an authenticator of one's own: %d", place, thief.get(t, path+"/members").Status)
				}
				ana.post(t, path+"/update", "enforce_mfa", "false").must(t, http.StatusOK)
				a = w.browser().post(t, "/auth/signin", "strategy", "plain_email", "email", ana.email, "password", ana.password).must(t, http.StatusOK)
				if a.at("data.signin_attempts.-1.completed") != true {
					t.Errorf("%s: asked for where none is demanded: %s", place, a.Raw)
				}
			}
		})
	}
}

// A sign-in from before a second factor was set up, or was demanded, does not
// replace it by another one to get in with.
func TestSignInsFromBefore(t *testing.T) {
	for _, dialect := range databasetest.Dialects() {
		t.Run(string(dialect), func(t *testing.T) {
			t.Parallel()
			w := &world{secrets: &secrets{}}
			w.Server, w.log = newServer(t, dialect, offerAll(t))
			w.documents = readDescriptions(t, w.API)
			w.during(t, func(to *deployment.Settings) {
				to.B2B.EnforceMFAPerOrgEnabled = true
				to.Auth.SecondFactorPolicy = "none"
			})
			ana, bo, cy := w.person(t, "Ana Admin"), w.person(t, "Bo Member"), w.person(t, "Cy Member")
			tn := w.tenant(t, ana, "Careful")
			in := "/organizations/" + tn.organization
			tn.join(t, bo, post{organization: memberRole})
			tn.join(t, cy, post{organization: memberRole})
			thief := w.signIn(t, bo)
			app := w.enrols(t, bo)
			w.enrols(t, ana)
			later := w.signIn(t, bo) // nobody asks for a second factor yet
			ana.post(t, in+"/update", "enforce_mfa", "true").must(t, http.StatusOK)
			bo.get(t, in+"/members").must(t, http.StatusOK)
			for name, who := range map[string]*person{"before there was one": thief, "before it was demanded": later} {
				for _, a := range []answer{
					who.post(t, "/me/authenticator"), who.post(t, "/me/authenticator/"+app.id+"/delete"),
					who.post(t, "/me/backup-codes"), who.post(t, "/me/backup-codes/regenerate"),
				} {
					if a.code() != "FRESH_SIGN_IN_REQUIRED" {
						t.Errorf("%s: %s", name, a.Raw)
					}
				}
				if a := who.get(t, in+"/members"); a.code() != "ELIGIBILITY_RESTRICTED" {
					t.Errorf("%s: %s", name, a.Raw)
				}
			}
			bo.post(t, "/me/backup-codes").must(t, http.StatusOK)
			cy.get(t, in+"/members").must(t, http.StatusForbidden)
			w.enrols(t, cy) // who has none may set one up
			cy.get(t, in+"/members").must(t, http.StatusOK)
		})
	}
}
