package server_test

import (
	"net/http"
	"testing"

	"github.com/guildhall-id/guildhall/internal/access"
)

// post is what somebody is in a tenant. The names are those of roles; empty is
// not being a member.
type post struct{ organization, workspace string }

// The roles of a tenant. Admin and Member are the deployment's own.
const (
	adminRole     = "Admin"
	memberRole    = "Member"
	managerRole   = "Managers"
	recruiterRole = "Recruiters"
	leadRole      = "Leads"
)

// permissions of the roles in an organization, and in a workspace.
var (
	organizationRoles = map[string]access.Permissions{
		adminRole:     {access.OrganizationAdmin},
		memberRole:    {access.OrganizationMember},
		managerRole:   {access.OrganizationManage},
		recruiterRole: {access.OrganizationManageMembers, access.OrganizationRead},
	}
	workspaceRoles = map[string]access.Permissions{
		adminRole:  {access.WorkspaceAdmin},
		memberRole: {access.WorkspaceMember},
		leadRole:   {access.WorkspaceManage},
	}
)

// tenant is an organization with one workspace.
type tenant struct {
	world        *world
	owner        *person
	organization string
	workspace    string

	organizationRole map[string]string // ids by name
	workspaceRole    map[string]string
	member           map[string]string // memberships by person
	workspaceMember  map[string]string

	pending string // an invitation that waits
	attempt string // of the founder, to sign in once more

	authenticator string // of the owner, not verified
	phone         string // likewise
}

// tenant founds one with custom roles.
func (w *world) tenant(t *testing.T, founder *person, name string) *tenant {
	t.Helper()
	tn := &tenant{world: w, owner: founder, member: map[string]string{}, workspaceMember: map[string]string{}}
	a := founder.post(t, "/organizations", "name", name).must(t, http.StatusOK)
	tn.organization, tn.member[founder.id] = a.text(t, "data.organization.id"), a.text(t, "data.membership.id")
	a = founder.post(t, "/workspaces", "organization_id", tn.organization, "name", name+" workspace").must(t, http.StatusOK)
	tn.workspace, tn.workspaceMember[founder.id] = a.text(t, "data.workspace.id"), a.text(t, "data.membership.id")
	tn.organizationRole = tn.roles(t, "/organizations/"+tn.organization+"/roles", organizationRoles)
	tn.workspaceRole = tn.roles(t, "/workspaces/"+tn.workspace+"/roles", workspaceRoles)
	return tn
}

// roles creates those that are not there and returns all by name.
func (tn *tenant) roles(t *testing.T, path string, wanted map[string]access.Permissions) map[string]string {
	t.Helper()
	byName := map[string]string{}
	a := tn.owner.get(t, path).must(t, http.StatusOK)
	for i := range a.list(t, "data") {
		byName[at(a.list(t, "data")[i], "name").(string)] = at(a.list(t, "data")[i], "id").(string)
	}
	for name, permissions := range wanted {
		if byName[name] == "" {
			members := []string{"name", name}
			for _, p := range permissions {
				members = append(members, "permissions", string(p))
			}
			byName[name] = tn.owner.post(t, path, members...).must(t, http.StatusOK).text(t, "data.id")
		}
	}
	return byName
}

// invite invites an address as a plain member; workspace may be empty.
func (tn *tenant) invite(t *testing.T, email, workspace string, more ...string) answer {
	t.Helper()
	members := append([]string{"email", email}, more...)
	if workspace != "" {
		members = append(members, "workspace_id", workspace)
	}
	return tn.owner.post(t, "/organizations/"+tn.organization+"/invitations", members...).must(t, http.StatusOK)
}

// join makes somebody what p says, unless they are a member already.
func (tn *tenant) join(t *testing.T, who *person, p post) {
	t.Helper()
	if tn.member[who.id] != "" || p.organization == "" {
		return
	}
	more, workspace := []string{"role_id", tn.organizationRole[p.organization]}, ""
	if p.workspace != "" {
		more, workspace = append(more, "workspace_role_id", tn.workspaceRole[p.workspace]), tn.workspace
	}
	token := tn.invite(t, who.email, workspace, more...).text(t, "data.token")
	a := who.post(t, "/organizations/invitations/accept", "token", token).must(t, http.StatusOK)
	if a.at("data.organization") == nil {
		t.Fatalf("%s could not join: %s", who.email, a.Raw)
	}
	tn.member[who.id] = membership(t, who, "/me/organization-memberships", "organization_id", tn.organization)
	if p.workspace != "" {
		tn.workspaceMember[who.id] = membership(t, who, "/me/workspace-memberships", "workspace_id", tn.workspace)
	}
}

// membership is the id of one's own membership of a tenant.
func membership(t *testing.T, who *person, path, member, tenant string) string {
	t.Helper()
	for _, m := range who.get(t, path).must(t, http.StatusOK).list(t, "data") {
		if at(m, member) == tenant {
			return at(m, "id").(string)
		}
	}
	t.Fatalf("%s is not a member of %s", who.email, tenant)
	return ""
}

// readings are everything that an administrator can read of the tenant.
func (tn *tenant) readings(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, path := range []string{
		"/me", "/me/organization-memberships", "/me/workspace-memberships", "/me/invitations",
		"/organizations/" + tn.organization + "/roles", "/organizations/" + tn.organization + "/members?limit=100",
		"/organizations/" + tn.organization + "/invitations", "/organizations/" + tn.organization + "/invitations?status=all",
		"/workspaces/" + tn.workspace + "/roles", "/workspaces/" + tn.workspace + "/members?limit=100",
		"/session",
	} {
		all[path] = string(tn.owner.get(t, path).must(t, http.StatusOK).Raw)
	}
	return all
}
