package organization

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/api"
	"github.com/guildhall-id/guildhall/internal/deployment"
)

// signedIn sends every request as one person.
type signedIn struct {
	h *hall
	p someone
}

func (a signedIn) Authenticate(_ *http.Request, tenant access.Tenant, _ bool) (*access.Caller, error) {
	return a.h.caller(a.p, tenant)
}

func (signedIn) Deliver(http.ResponseWriter, *http.Request, *access.Caller) {}

// What browsers really send: empty fields that clear, lists in three
// spellings, bodies without a type.
func TestForms(t *testing.T) {
	eachHall(t, func(t *testing.T, h *hall) {
		ana := h.person("Ana")
		server, err := api.New(api.Options{Operations: h.s.Operations(), Authenticator: signedIn{h, ana}})
		must(t, err)
		post := func(path, form string, data any) int {
			r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, path, strings.NewReader(form))
			if form != "" {
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			}
			w := httptest.NewRecorder()
			server.ServeHTTP(w, r)
			answer := struct{ Data any }{data}
			if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
				t.Fatalf("%s: %v in %s", path, err, w.Body)
			}
			return w.Code
		}
		h.set(func(b *deployment.B2BSettings) { b.IPAllowlistPerOrgEnabled = true })

		var created createdOrganization
		if code := post("/organizations", "name=Acme&description=Old&image=", &created); code != http.StatusOK {
			t.Fatalf("create: %d", code)
		}
		at := "/organizations/" + created.Organization.ID.String()
		var w createdWorkspace
		if code := post("/workspaces", url.Values{"name": {"Design"}, "organization_id": {created.Organization.ID.String()}}.Encode(), &w); code != http.StatusOK {
			t.Fatalf("create workspace: %d", code)
		}
		var org OrganizationView
		post(at+"/update", "whitelisted_ips[0]=192.0.2.1&whitelisted_ips[1]=::1&auto_assigned_workspace_id="+w.Workspace.ID.String(), &org)
		if len(org.WhitelistedIPs) != 2 || org.AutoAssignedWorkspaceID == nil || org.Description != "Old" {
			t.Errorf("lists by number: %+v", org)
		}
		post(at+"/update", "whitelisted_ips=192.0.2.1&whitelisted_ips=192.0.2.2&whitelisted_ips=::1", &org)
		if len(org.WhitelistedIPs) != 3 {
			t.Errorf("lists by repetition: %+v", org)
		}
		org = OrganizationView{}
		post(at+"/update", "name=&description=&whitelisted_ips=&auto_assigned_workspace_id=0", &org)
		if org.Name != "Acme" || org.Description != "" || len(org.WhitelistedIPs) != 0 || org.AutoAssignedWorkspaceID != nil {
			t.Errorf("cleared: %+v", org)
		}
		var role RoleView
		if code := post(at+"/roles", "name=Billing&permissions[0]=organization:read", &role); code != http.StatusOK || len(role.Permissions) != 1 {
			t.Errorf("role: %d %+v", code, role)
		}
		var member struct {
			MembershipView
			Success bool
		}
		code := post(at+"/members/"+created.Membership.ID.String()+"/roles/"+role.ID.String()+"/add", "", &member)
		if code != http.StatusOK || !member.Success || len(member.Roles) != 2 {
			t.Errorf("role added: %d %+v", code, member)
		}
		var nothing any
		if code := post(at+"/leave", "", &nothing); code != http.StatusConflict {
			t.Errorf("the last administrator leaves: %d", code)
		}
		if code := post("/organizations/x/leave", "", &nothing); code != http.StatusBadRequest {
			t.Errorf("a malformed id: %d", code)
		}
		if code := post("/workspaces", "name=Design&organization_id=1", &nothing); code != http.StatusNotFound {
			t.Errorf("a workspace in an organization of others: %d", code)
		}
	})
}
