package server_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

// claims are what the application's back end reads in the token that the page
// sends it.
func (v *visitor) claims() seen {
	v.t.Helper()
	token := v.call(http.MethodGet, "/session/token?template=default")
	if ends := time.UnixMilli(int64(kind[float64](token.at("expires")))); !ends.After(v.w.now()) {
		v.t.Errorf("the page keeps the token until %s", ends)
	}
	parts := strings.Split(token.text("token"), ".")
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		v.t.Fatal(err)
	}
	claims := seen{v.t, "claims", map[string]any(nil)}
	if err := json.Unmarshal(payload, &claims.v); err != nil {
		v.t.Fatal(err)
	}
	return claims
}

// flowSwitching: each switch answers the fresh session, and the token says the
// same. What one is no member of cannot be switched to.
func flowSwitching(t *testing.T, v *visitor) {
	hall := v.post("/organizations", "name", "Hall").text("organization.id")
	room := v.post("/workspaces", "organization_id", hall, "name", "Room").text("workspace.id")
	shop := v.post("/organizations", "name", "Shop").text("organization.id")
	for _, step := range []struct{ path, organization, workspace string }{
		{"/session/switch-workspace?workspace_id=" + room, "Hall", "Room"},
		{"/session/switch-organization?organization_id=" + shop, "Shop", ""},
		{"/session/switch-workspace?workspace_id=" + room, "Hall", "Room"},
		{"/session/switch-organization?organization_id=" + hall, "Hall", ""},
		{"/session/switch-organization", "", ""},
	} {
		answered := v.enters(step.path).at("active_signin")
		organization, workspace := v.active()
		if organization != step.organization || workspace != step.workspace {
			t.Errorf("%s: active in %q, %q", step.path, organization, workspace)
		}
		for _, name := range []string{"active_organization_membership_id", "active_workspace_membership_id"} {
			if answered.at(name).v != v.session.at("active_signin."+name).v {
				t.Errorf("%s: the answer shows another %s", step.path, name)
			}
		}
		claims := v.claims()
		if claims.text("sub") != v.session.text("active_signin.user.id") || claims.text("sid") != v.session.text("id") || claims.text("iss") != v.w.URL {
			t.Error("the token is somebody else's")
		}
		if organization != "" && claims.list("organization_permissions")[0].v != "organization:admin" {
			t.Errorf("%s: the token gives other rights: %v", step.path, claims.v)
		}
	}
	eve := signsUpAt(t, v.w, v.office, "Eve Stranger")
	eve.refused("/session/switch-organization?organization_id=" + hall)
	eve.refused("/session/switch-workspace?workspace_id=" + room)
}

// flowManagement: the dialogs of a workspace, members who are removed, and
// pictures.
func flowManagement(t *testing.T, v *visitor) {
	a := v.send(t, request{Method: http.MethodPost, Path: "/organizations", Body: form("name", "Works"), File: map[string][]byte{"image": onePicture(t)}})
	made := seen{t, "/organizations", a.must(t, http.StatusOK).Body}.member("data")
	if made.text("organization.image_url") == "" {
		t.Error("the organization has no picture")
	}
	organization := "/organizations/" + made.text("organization.id")
	workshop := v.post("/workspaces", "organization_id", made.text("organization.id"), "name", "Workshop").text("workspace.id")
	in := "/workspaces/" + workshop
	bob := signsUpAt(t, v.w, v.office, "Bob Builder")
	v.takesIn(t, bob, organization, workshop)
	if _, w := bob.active(); w != "Workshop" {
		t.Errorf("Bob continues into %q", w)
	}

	role := []string{"name", "Lead", "permissions", "workspace:write", "permissions", "workspace:read"}
	lead := v.post(in+"/roles", role...)
	if lead.flag("is_deployment_level") || lead.text("workspace_id") != workshop || len(lead.list("permissions")) != 2 {
		t.Error("the page would not let the role be edited")
	}
	v.refused(in+"/roles", role...) // what the edit dialog does
	rows, total := v.page(in + "/members?")
	if total != 2 || len(rows) != 2 {
		t.Fatalf("%v members", total)
	}
	rows, _ = v.page(in + "/members?page=1&limit=10&search=" + bob.email)
	member := in + "/members/" + rows[0].text("id")
	v.post(member + "/roles/" + lead.text("id") + "/add")
	v.refused(in + "/roles/" + lead.text("id") + "/delete") // in use
	v.post(member + "/roles/" + lead.text("id") + "/remove")
	v.post(in + "/roles/" + lead.text("id") + "/delete")
	if roles := v.items(in + "/roles"); len(roles) != 2 || !roles[0].flag("is_deployment_level") || roles[0].text("workspace_id") != "0" {
		t.Error("the deleted role is still listed")
	}

	v.post(member + "/remove")
	if o, w := bob.active(); o != "Works" || w != "" || len(bob.workspaces) != 0 {
		t.Errorf("Bob is active in %q, %q", o, w)
	}
	v.takesIn(t, bob, organization, workshop) // a member of the organization, into a workspace
	rows, _ = v.page(organization + "/members?search=builder")
	v.post(organization + "/members/" + rows[0].text("id") + "/remove")
	if o, w := bob.active(); o != "" || w != "" || len(bob.organizations)+len(bob.workspaces) != 0 {
		t.Errorf("Bob is still in %q, %q", o, w)
	}
	if rows, total := v.page(organization + "/members?search=builder"); total != 0 || len(rows) != 0 {
		t.Error("the list still shows Bob")
	}
}

// flowInvitationsLater: accepting with another account of the browser, what is
// withdrawn or used already, and what is too late.
func flowInvitationsLater(t *testing.T, v *visitor) {
	in := "/organizations/" + v.post("/organizations", "name", "Later").text("organization.id") + "/invitations"
	bob := signsUpAt(t, v.w, v.office, "Bob Both")
	first := v.post(in, "email", bob.email)
	v.refused(in, "email", bob.email)
	bobs := bob.session.text("active_signin.id")
	bob.email = signsUpAt(t, v.w, v.office, "Bea Both").email
	bob.signIn() // a second account, which is now the active one
	joined := bob.post("/organizations/invitations/accept", "token", first.text("token"))
	if joined.text("organization.name") != "Later" || joined.text("signin_id") != bobs {
		t.Error("not joined with the account that the invitation is for")
	}
	bob.enters("/session/switch-sign-in?sign_in_id=" + bobs)
	if name, _ := bob.active(); name != "Later" {
		t.Errorf("the page continues into %q", name)
	}
	v.refused(in + "/" + first.text("id") + "/discard") // accepted
	v.refused(in, "email", v.email)                     // a member

	late := v.post(in, "email", bob.email)
	for range 2 {
		if discarded := v.post(in + "/" + late.text("id") + "/discard"); !discarded.flag("success") || discarded.text("status") != "discarded" {
			t.Error("not withdrawn")
		}
	}
	if code := bob.post("/organizations/invitations/accept", "token", late.text("token")); code.text("error_code") == "" || code.text("message") == "" {
		t.Error("the page has nothing to show for a withdrawn invitation")
	}
	token := v.post(in, "email", bob.email).text("token")
	v.w.ahead.Add(int64(11 * 24 * time.Hour))
	if v.refresh(); v.signedIn() { // longer than people may be away, too
		t.Error("signed in after eleven days")
	}
	late = bob.post("/organizations/invitations/accept", "token", token)
	if late.text("error_code") != "INVITATION_EXPIRED" || late.text("invited_email") != bob.email {
		t.Errorf("an expired invitation: %v", late.v)
	}
	v.signIn()
	if list := v.items(in); len(list) != 1 || !list[0].flag("expired") || list[0].text("status") != "pending" {
		t.Error("the table does not show the expired one")
	}
	fresh := v.post(in, "email", bob.email)
	if fresh.flag("expired") || fresh.text("token") == token {
		t.Error("an expired invitation stands in the way of a new one")
	}
}
