package server_test

import (
	"net/http"
	"strings"
	"testing"
)

// items are the elements of an answer that is a bare array.
func (c *sdk) items(path string) []seen {
	c.t.Helper()
	return seen{c.t, path, map[string]any{"list": c.call(http.MethodGet, path).v}}.list("list")
}

// page is a page of members: its rows and how many there are in all.
func (c *sdk) page(path string) ([]seen, float64) {
	c.t.Helper()
	p := c.call(http.MethodGet, path)
	p.flag("meta.has_more")
	return p.list("data"), kind[float64](p.at("meta.total"))
}

// flowOrganizations: the switcher and the management dialog.
func flowOrganizations(t *testing.T, v *visitor) {
	made := v.post("/organizations", "name", "Acme", "description", "")
	id := made.text("organization.id")
	if name, _ := v.active(); name != "Acme" || made.text("membership.id") == "" {
		t.Errorf("the new organization is not the active one, but %q", name)
	}
	in := "/organizations/" + id
	v.post(in+"/update", "name", "Acme Ltd", "description", "We make everything.")
	bob := signsUpAt(t, v.w, v.office, "Bob Member")
	v.takesIn(t, bob, in, "")

	rows, total := v.page(in + "/members?")
	if len(rows) != 2 || total != 2 {
		t.Fatalf("%d members", len(rows))
	}
	rows, _ = v.page(in + "/members?page=1&limit=10&search=BOB")
	if len(rows) != 1 || rows[0].text("user.primary_email_address.email") != bob.email || rows[0].text("user.first_name") != "Bob" {
		t.Fatal("the search finds others")
	}
	rows[0].text("created_at")
	rows[0].at("user.profile_picture_url")
	member := in + "/members/" + rows[0].text("id")

	v.post(in+"/roles", "name", "Helper", "permissions[0]", "organization:read", "permissions[1]", "organization:manage_members")
	var helper string
	for i, role := range v.items(in + "/roles") {
		if deploymentLevel := role.flag("is_deployment_level"); deploymentLevel != (i < 2) || (role.text("organization_id") == "0") != deploymentLevel {
			t.Errorf("role %d is shown as one of the deployment: %t", i, deploymentLevel)
		}
		if role.text("name") == "Helper" {
			helper = role.text("id")
		}
	}
	v.post(member + "/roles/" + helper + "/add")
	v.refused(in + "/roles/" + helper + "/remove") // in use
	rows, _ = v.page(in + "/members?search=bob")
	if len(rows[0].list("roles")) != 2 || rows[0].last("roles").text("name") != "Helper" {
		t.Error("the role was not given")
	}
	v.post(member + "/roles/" + helper + "/remove")
	v.post(in + "/roles/" + helper + "/remove")

	bob.post(in + "/leave")
	if bob.refresh(); len(bob.organizations) != 0 {
		t.Error("still a member after leaving")
	}
	v.refused(in + "/leave") // the last administrator
	v.enters("/session/switch-organization")
	if name, _ := v.active(); name != "" {
		t.Errorf("active in %q", name)
	}
	v.post(in + "/delete")
	if v.refresh(); len(v.organizations) != 0 {
		t.Error("a member of what was deleted")
	}
}

// flowWorkspaces: a manager of a workspace without rights in its organization
// invites into it.
func flowWorkspaces(t *testing.T, v *visitor) {
	organization := v.post("/organizations", "name", "Studio").text("organization.id")
	design := v.post("/workspaces", "organization_id", organization, "name", "Design").text("workspace.id")
	sales := v.post("/workspaces", "organization_id", organization, "name", "Sales").text("workspace.id")
	v.enters("/session/switch-workspace?workspace_id=" + design)
	if o, w := v.active(); o != "Studio" || w != "Design" {
		t.Errorf("active in %q, %q", o, w)
	}
	v.enters("/session/switch-organization?organization_id=" + organization)
	if _, w := v.active(); w != "" {
		t.Errorf("still active in %q", w)
	}
	in := "/workspaces/" + design
	lead := v.post(in+"/roles", "name", "Lead", "permissions", "workspace:manage", "permissions", "workspace:read").text("id")
	bob := signsUpAt(t, v.w, v.office, "Bob Leader")
	v.takesIn(t, bob, "/organizations/"+organization, design)
	rows, _ := v.page(in + "/members?search=bob")
	rows[0].text("public_user_data.first_name")
	v.post(in + "/members/" + rows[0].text("id") + "/roles/" + lead + "/add")

	eve := v.w.newEmail("eve")
	bob.post("/organizations/"+organization+"/invitations", "email", eve, "workspace_id", design)
	list := bob.items("/organizations/" + organization + "/invitations?workspace_id=" + design)
	if len(list) != 1 || list[0].text("email") != eve {
		t.Error("the manager does not see the invitation")
	}
	bob.refused("/organizations/"+organization+"/invitations", "email", v.w.newEmail("other"), "workspace_id", sales)
	bob.post("/organizations/" + organization + "/invitations/" + list[0].text("id") + "/discard")
	bob.post(in + "/leave")
	v.post(in + "/delete")
	v.post("/workspaces/"+sales+"/update", "name", "Selling")
	if v.refresh(); len(v.workspaces) != 1 || v.workspaces[0].text("workspace.name") != "Selling" {
		t.Error("the switcher shows other workspaces")
	}
}

// takesIn invites somebody who then accepts with the listed token.
func (v *visitor) takesIn(t *testing.T, who *visitor, organization, workspace string) {
	t.Helper()
	token := v.post(organization+"/invitations", "email", who.email, "role_id", "", "workspace_id", workspace).text("token")
	if name := who.post("/organizations/invitations/accept", "token", token).text("organization.name"); name == "" {
		t.Fatal("not taken in")
	}
}

// flowInvitations: every case of the accept page, in the order in which the SDK
// decides (contract section 8), and a sign-up through the mailed link.
func flowInvitations(t *testing.T, v *visitor) {
	organization := v.post("/organizations", "name", "Hall").text("organization.id")
	in := "/organizations/" + organization + "/invitations"
	cleo := newVisitor(t, v.w, v.office)
	cleo.email = v.w.newEmail("cleo")
	invitation := v.post(in, "email", cleo.email)
	listed := invitation.text("token")
	mailed := linkOf(t, v.office.find(t, cleo.email, 0, aLink)).Get("invite_token")
	outcome := func(who *visitor, token string) (organization, already bool, requires, code string) {
		t.Helper()
		data := who.post("/organizations/invitations/accept", "token", token)
		members := data.v.(map[string]any)
		text := func(name string) string { s, _ := members[name].(string); return s }
		if members["requires_signin"] == true {
			return false, false, data.text("invited_email"), text("error_code")
		}
		return members["organization"] != nil, members["already_member"] == true, "", text("error_code")
	}
	if _, _, invited, code := outcome(cleo, listed); invited != cleo.email || code != "INVITATION_REQUIRES_SIGNUP" {
		t.Errorf("nobody without an account: %s, %s", invited, code)
	}
	for range 4 { // the SDK asks about four times
		check := cleo.call(http.MethodGet, "/deployment/invitations/validate?token="+mailed)
		if !check.flag("valid") || check.text("email") != cleo.email {
			t.Fatal("the form is not filled in")
		}
		check.text("first_name")
		check.text("last_name")
	}
	attempt := cleo.enters("/auth/signup", "first_name", "Cleo", "last_name", "Colleague", "email", cleo.email, "password", password, "invite_token", mailed).last("signup_attempts")
	if !attempt.flag("completed") || !cleo.signedIn() {
		t.Fatal("the mailed link does not prove the address")
	}
	if joined, _, _, code := outcome(cleo, mailed); !joined {
		t.Errorf("not joined: %s", code)
	}
	if joined, already, _, _ := outcome(cleo, listed); joined || !already {
		t.Error("the second time is not calm")
	}
	if name, _ := cleo.active(); name != "Hall" {
		t.Errorf("the page continues into %q", name)
	}
	dora := signsUpAt(t, v.w, v.office, "Dora Known")
	first := v.post(in, "email", dora.email)
	second := v.post(in + "/" + first.text("id") + "/resend").text("token")
	if _, _, _, code := outcome(dora, first.text("token")); code == "" || first.text("token") == second {
		t.Error("a replaced token works")
	}
	if _, _, invited, code := outcome(v, second); invited != dora.email || code != "INVITATION_EMAIL_MISMATCH" {
		t.Errorf("somebody else: %s, %s", invited, code)
	}
	if _, _, invited, code := outcome(dora.elsewhere(t), second); invited != dora.email || code != "INVITATION_REQUIRES_SIGNIN" {
		t.Errorf("somebody with an account who is signed out: %s", code)
	}
	if list := v.items(in); len(list) != 1 || list[0].text("status") != "pending" || list[0].flag("expired") || list[0].text("initial_organization_role.name") == "" {
		t.Error("the table shows something else")
	}
	v.post(in + "/" + first.text("id") + "/discard")
	if _, _, _, code := outcome(dora, second); code == "" || strings.Contains(code, "NETWORK") {
		t.Error("a discarded invitation works")
	}
	if _, _, _, code := outcome(dora, "nonsense"); code == "" {
		t.Error("nonsense falls in no case: the page stays blank")
	}
}
