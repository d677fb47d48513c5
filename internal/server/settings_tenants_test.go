package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/guildhall-id/guildhall/internal/deployment"
)

// b2b is a change of the settings of organizations and workspaces.
func b2b(change func(*deployment.B2BSettings)) func(*deployment.Settings) {
	return func(to *deployment.Settings) { change(&to.B2B) }
}

// tenantSettings are the switches and limits of organizations and workspaces.
var tenantSettings = []setting{
	{
		paths: "b2b_settings.organizations_enabled",
		off:   b2b(func(b *deployment.B2BSettings) { b.OrganizationsEnabled, b.WorkspacesEnabled = false, false }),
		try: func(t *testing.T, p *premises) string {
			return codes(p.founds(t), p.ana.get(t, "/me/organization-memberships"), p.ana.get(t, "/me/workspace-memberships"),
				p.ana.post(t, "/session/switch-organization?organization_id=7"))
		},
		// Nobody is a member of anything then.
		wantOff: "FEATURE_DISABLED//FEATURE_DISABLED/FEATURE_DISABLED", wantOn: "///NOT_FOUND",
	},
	{
		paths: "b2b_settings.workspaces_enabled",
		off:   b2b(func(b *deployment.B2BSettings) { b.WorkspacesEnabled = false }),
		try: func(t *testing.T, p *premises) string {
			return codes(p.opens(t, p.founded(t)), p.ana.get(t, "/me/workspace-memberships"), p.ana.post(t, "/session/switch-workspace?workspace_id=7"))
		},
		wantOff: "FEATURE_DISABLED/FEATURE_DISABLED/FEATURE_DISABLED", wantOn: "//NOT_FOUND",
	},
	{
		paths:   "b2b_settings.allow_users_to_create_orgs",
		off:     b2b(func(b *deployment.B2BSettings) { b.AllowUsersToCreateOrgs = false }),
		try:     func(t *testing.T, p *premises) string { return p.founds(t).code() },
		wantOff: "FEATURE_DISABLED",
	},
	{
		paths: "b2b_settings.max_orgs_per_user",
		on:    b2b(func(b *deployment.B2BSettings) { b.MaxOrgsPerUser = 2 }),
		try: func(t *testing.T, p *premises) string {
			p = p.newcomer(t)
			return codes(p.founds(t), p.founds(t), p.founds(t))
		},
		wantOff: "//", wantOn: "//LIMIT_REACHED",
	},
	{
		paths: "b2b_settings.limit_org_creation_per_user b2b_settings.org_creation_per_user_count",
		off:   b2b(func(b *deployment.B2BSettings) { b.OrgCreationPerUserCount = 1 }),
		on: b2b(func(b *deployment.B2BSettings) {
			b.LimitOrgCreationPerUser, b.OrgCreationPerUserCount, b.AllowOrgDeletion = true, 1, true
		}),
		try: func(t *testing.T, p *premises) string {
			p = p.newcomer(t)
			return codes(p.founds(t), p.founds(t))
		},
		wantOff: "/", wantOn: "/LIMIT_REACHED",
	},
	{
		paths: "b2b_settings.limit_workspace_creation_per_org b2b_settings.workspaces_per_org_count",
		off:   b2b(func(b *deployment.B2BSettings) { b.WorkspacesPerOrgCount = 1 }),
		on:    b2b(func(b *deployment.B2BSettings) { b.LimitWorkspaceCreationPerOrg, b.WorkspacesPerOrgCount = true, 1 }),
		try: func(t *testing.T, p *premises) string {
			o := p.founded(t)
			return codes(p.opens(t, o), p.opens(t, o))
		},
		wantOff: "/", wantOn: "/LIMIT_REACHED",
	},
	{
		paths: "b2b_settings.max_allowed_org_members",
		on:    b2b(func(b *deployment.B2BSettings) { b.MaxAllowedOrgMembers = 2 }),
		try: func(t *testing.T, p *premises) string {
			o := p.founded(t)
			return codes(p.invites(t, o, ""), p.invites(t, o, ""))
		},
		wantOff: "/", wantOn: "/LIMIT_REACHED",
	},
	{
		paths: "b2b_settings.max_allowed_workspace_members",
		on:    b2b(func(b *deployment.B2BSettings) { b.MaxAllowedWorkspaceMembers = 2 }),
		try: func(t *testing.T, p *premises) string {
			o := p.founded(t)
			w := p.opens(t, o).text(t, "data.workspace.id")
			return codes(p.invites(t, o, w), p.invites(t, o, w))
		},
		wantOff: "/", wantOn: "/LIMIT_REACHED",
	},
	{
		paths: "b2b_settings.allow_org_deletion",
		off:   b2b(func(b *deployment.B2BSettings) { b.AllowOrgDeletion = false }),
		on:    b2b(func(b *deployment.B2BSettings) { b.AllowOrgDeletion = true }),
		try: func(t *testing.T, p *premises) string {
			return p.ana.post(t, "/organizations/"+p.founded(t)+"/delete").code()
		},
		wantOff: "FEATURE_DISABLED",
	},
	{
		paths: "b2b_settings.allow_workspace_deletion",
		off:   b2b(func(b *deployment.B2BSettings) { b.AllowWorkspaceDeletion = false }),
		on:    b2b(func(b *deployment.B2BSettings) { b.AllowWorkspaceDeletion = true }),
		try: func(t *testing.T, p *premises) string {
			return p.ana.post(t, "/workspaces/"+p.opened(t)+"/delete").code()
		},
		wantOff: "FEATURE_DISABLED",
	},
	{
		paths: "b2b_settings.custom_org_role_enabled",
		off:   b2b(func(b *deployment.B2BSettings) { b.CustomOrgRoleEnabled = false }),
		on:    b2b(func(b *deployment.B2BSettings) { b.CustomOrgRoleEnabled = true }),
		try: func(t *testing.T, p *premises) string {
			return p.ana.post(t, "/organizations/"+p.founded(t)+"/roles", "name", "Helper", "permissions", "organization:read").code()
		},
		wantOff: "FEATURE_DISABLED",
	},
	{
		paths: "b2b_settings.custom_workspace_role_enabled",
		off:   b2b(func(b *deployment.B2BSettings) { b.CustomWorkspaceRoleEnabled = false }),
		on:    b2b(func(b *deployment.B2BSettings) { b.CustomWorkspaceRoleEnabled = true }),
		try: func(t *testing.T, p *premises) string {
			return p.ana.post(t, "/workspaces/"+p.opened(t)+"/roles", "name", "Helper", "permissions", "workspace:read").code()
		},
		wantOff: "FEATURE_DISABLED",
	},
	{
		paths: "b2b_settings.organization_permissions",
		off:   b2b(func(b *deployment.B2BSettings) { b.CustomOrgRoleEnabled = true }),
		on: b2b(func(b *deployment.B2BSettings) {
			b.CustomOrgRoleEnabled, b.OrganizationPermissions = true, append(b.OrganizationPermissions, "organization:billing")
		}),
		try: func(t *testing.T, p *premises) string {
			return p.ana.post(t, "/organizations/"+p.founded(t)+"/roles", "name", "Payer", "permissions", "organization:billing").code()
		},
		wantOff: "BAD_REQUEST_BODY",
	},
	{
		paths: "b2b_settings.workspace_permissions",
		off:   b2b(func(b *deployment.B2BSettings) { b.CustomWorkspaceRoleEnabled = true }),
		on: b2b(func(b *deployment.B2BSettings) {
			b.CustomWorkspaceRoleEnabled, b.WorkspacePermissions = true, append(b.WorkspacePermissions, "workspace:publish")
		}),
		try: func(t *testing.T, p *premises) string {
			return p.ana.post(t, "/workspaces/"+p.opened(t)+"/roles", "name", "Publisher", "permissions", "workspace:publish").code()
		},
		wantOff: "BAD_REQUEST_BODY",
	},
	{
		paths: "b2b_settings.ip_allowlist_per_org_enabled",
		on:    b2b(func(b *deployment.B2BSettings) { b.IPAllowlistPerOrgEnabled = true }),
		try: func(t *testing.T, p *premises) string {
			return p.ana.post(t, "/organizations/"+p.founded(t)+"/update", "enable_ip_restriction", "true", "whitelisted_ips", "127.0.0.0/8").code()
		},
		wantOff: "FEATURE_DISABLED",
	},
	{
		paths: "b2b_settings.ip_allowlist_per_workspace_enabled",
		on:    b2b(func(b *deployment.B2BSettings) { b.IPAllowlistPerWorkspace = true }),
		try: func(t *testing.T, p *premises) string {
			return p.ana.post(t, "/workspaces/"+p.opened(t)+"/update", "enable_ip_restriction", "true", "whitelisted_ips", "127.0.0.0/8").code()
		},
		wantOff: "FEATURE_DISABLED",
	},
	{
		paths: "b2b_settings.enforce_mfa_per_org_enabled",
		on:    b2b(func(b *deployment.B2BSettings) { b.EnforceMFAPerOrgEnabled = true }),
		try: func(t *testing.T, p *premises) string { // Ana has no second factor, and may not lock herself out
			return p.ana.post(t, "/organizations/"+p.founded(t)+"/update", "enforce_mfa", "true").code()
		},
		wantOff: "FEATURE_DISABLED", wantOn: "CONFLICT",
	},
	{
		paths: "b2b_settings.enforce_mfa_per_workspace_enabled",
		on:    b2b(func(b *deployment.B2BSettings) { b.EnforceMFAPerWorkspaceEnabled = true }),
		try: func(t *testing.T, p *premises) string {
			return p.ana.post(t, "/workspaces/"+p.opened(t)+"/update", "enforce_mfa", "true").code()
		},
		wantOff: "FEATURE_DISABLED", wantOn: "CONFLICT",
	},
	{
		paths: "b2b_settings.default_org_member_role_id b2b_settings.default_workspace_member_role_id",
		on: b2b(func(b *deployment.B2BSettings) {
			b.DefaultOrgMemberRoleID, b.DefaultWorkspaceMemberRoleID = b.DefaultOrgCreatorRoleID, b.DefaultWorkspaceCreatorRoleID
		}),
		try: func(t *testing.T, p *premises) string {
			o := p.founded(t)
			a := p.invites(t, o, p.opens(t, o).text(t, "data.workspace.id"))
			return a.text(t, "data.initial_organization_role.name") + "/" + a.text(t, "data.initial_workspace_role.name")
		},
		wantOff: "Member/Member", wantOn: "Admin/Admin",
	},
}

// codes are the codes of several answers.
func codes(answers ...answer) string {
	list := make([]string, len(answers))
	for i, a := range answers {
		list[i] = a.code()
	}
	return strings.Join(list, "/")
}

// newcomer is the premises with somebody new in Ana's place.
func (p *premises) newcomer(t *testing.T) *premises {
	t.Helper()
	return &premises{p.world, p.person(t, "Nico Newcomer")}
}

// founds has Ana create an organization, founded one that there is then.
func (p *premises) founds(t *testing.T) answer {
	t.Helper()
	p.people++
	return p.ana.post(t, "/organizations", "name", fmt.Sprint("Organization ", p.people))
}

func (p *premises) founded(t *testing.T) string {
	t.Helper()
	return p.founds(t).must(t, http.StatusOK).text(t, "data.organization.id")
}

// opens has Ana create a workspace, opened one in an organization of its own.
func (p *premises) opens(t *testing.T, organization string) answer {
	t.Helper()
	p.people++
	return p.ana.post(t, "/workspaces", "organization_id", organization, "name", fmt.Sprint("Workspace ", p.people))
}

func (p *premises) opened(t *testing.T) string {
	t.Helper()
	return p.opens(t, p.founded(t)).must(t, http.StatusOK).text(t, "data.workspace.id")
}

// invites has Ana invite somebody new.
func (p *premises) invites(t *testing.T, organization, workspace string) answer {
	t.Helper()
	return p.ana.post(t, "/organizations/"+organization+"/invitations", "email", p.newEmail("guest"), "workspace_id", workspace)
}
