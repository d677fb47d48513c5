package organization

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/api"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/id"
)

// nobody sends every request.
type nobody struct{}

func (nobody) Authenticate(*http.Request, access.Tenant, bool) (*access.Caller, error) {
	return &access.Caller{}, nil
}

func (nobody) Deliver(http.ResponseWriter, *http.Request, *access.Caller) {}

// Every operation has a rule, an id and a route of its own.
func TestOperations(t *testing.T) {
	if _, err := api.New(api.Options{Operations: (&Service{}).Operations(), Authenticator: nobody{}}); err != nil {
		t.Error(err)
	}
}

func TestCreateOrganization(t *testing.T) {
	eachHall(t, func(t *testing.T, h *hall) {
		ana := h.person("Ana")
		_, err := h.createOrganization(someone{}, "Acme")
		refuses(t, err, access.ErrUnauthenticated)
		_, err = h.createOrganization(ana, "<Acme>")
		refuses(t, err, ErrNameInvalid)

		out := h.organization(ana, " Acme ")
		m := out.Membership
		if out.Organization.Name != "Acme" || out.Organization.MemberCount != 1 || m.UserID != ana.User || m.User.FirstName != "Ana" {
			t.Errorf("created: %+v", out)
		}
		if len(m.Roles) != 1 || m.Roles[0].ID != h.d.Settings.B2B.DefaultOrgCreatorRoleID {
			t.Errorf("roles of the creator: %+v", m.Roles)
		}
		if n := h.count(`SELECT COUNT(*) FROM signins WHERE id = $1 AND active_organization_membership_id = $2`, ana.signIn, m.ID); n != 1 {
			t.Error("the new organization is not active")
		}
		if n := h.count(`SELECT COUNT(*) FROM events WHERE organization_id = $1 AND actor_id = $2`, out.Organization.ID, ana.User); n != 2 {
			t.Errorf("%d events, want created and member.added", n)
		}
	})
}

func TestOrganizationLimits(t *testing.T) {
	eachHall(t, func(t *testing.T, h *hall) {
		ana, ben := h.person("Ana"), h.person("Ben")
		h.set(func(b *deployment.B2BSettings) { b.LimitOrgCreationPerUser, b.OrgCreationPerUserCount = true, 2 })
		errs := race(6, func(int) error { _, err := h.createOrganization(ana, "Acme"); return err })
		if n := wins(t, errs, ErrTooManyCreated); n != 2 {
			t.Errorf("%d created, want 2", n)
		}
		h.set(func(b *deployment.B2BSettings) { b.LimitOrgCreationPerUser, b.MaxOrgsPerUser = false, 1 })
		first := h.organization(ben, "First")
		_, err := h.createOrganization(ben, "Second")
		refuses(t, err, ErrTooManyJoined)

		h.set(func(b *deployment.B2BSettings) { b.AllowUsersToCreateOrgs, b.AllowOrgDeletion = false, false })
		_, err = h.createOrganization(h.person("Cleo"), "Third")
		refuses(t, err, ErrCreationOff)
		refuses(t, h.deleteOrganization(ben, first.Organization.ID), ErrDeletionOff)

		h.set(func(b *deployment.B2BSettings) { b.LimitWorkspaceCreationPerOrg, b.WorkspacesPerOrgCount = true, 2 })
		errs = race(6, func(int) error { _, err := h.createWorkspace(ben, first.Organization.ID, "Design"); return err })
		if n := wins(t, errs, ErrTooManyWorkspaces); n != 2 {
			t.Errorf("%d workspaces, want 2", n)
		}
	})
}

// What is switched off refuses through the operations themselves.
func TestSwitchedOff(t *testing.T) {
	eachHall(t, func(t *testing.T, h *hall) {
		ana := h.person("Ana")
		acme := h.organization(ana, "Acme").Organization.ID
		h.set(func(b *deployment.B2BSettings) { b.OrganizationsEnabled, b.WorkspacesEnabled = false, false })
		mine, err := call(h, "GetUserOrganizationMemberships", ana, access.Tenant{}, h.s.myOrganizations, struct{}{})
		must(t, err)
		if len(mine) != 0 {
			t.Errorf("listed: %+v", mine)
		}
		off := func(b deployment.B2BSettings) bool { return b.OrganizationsEnabled }
		_, err = call(h, "GetOrganizationRoles", ana, inOrg(acme), gate(h.s, h.s.listRoles, off), organizationInput{acme})
		refuses(t, err, deployment.ErrFeatureDisabled)
	})
}

func (h *hall) deleteOrganization(p someone, o id.Organization) error {
	_, err := call(h, "DeleteOrganization", p, inOrg(o), h.s.deleteOrganization, organizationInput{o})
	return err
}

func TestUpdateOrganization(t *testing.T) {
	eachHall(t, func(t *testing.T, h *hall) {
		ana, ben, zoe := h.person("Ana"), h.person("Ben"), h.person("Zoe")
		acme, other := h.organization(ana, "Acme").Organization.ID, h.organization(zoe, "Other").Organization.ID
		h.joins(ben, acme, h.d.Settings.B2B.DefaultOrgMemberRoleID)
		design, theirs := h.workspace(ana, acme, "Design").Workspace.ID, h.workspace(zoe, other, "Theirs").Workspace.ID
		update := func(p someone, change func(*updateOrganizationInput)) (OrganizationView, error) {
			in := updateOrganizationInput{OrganizationID: acme}
			change(&in)
			return call(h, "UpdateOrganization", p, inOrg(acme), h.s.updateOrganization, in)
		}
		name, description, yes := "Acme Ltd", "We make everything.", true
		_, err := update(ben, func(in *updateOrganizationInput) { in.Body.Name = &name })
		refuses(t, err, access.ErrForbidden)
		_, err = update(zoe, func(in *updateOrganizationInput) { in.Body.Name = &name })
		refuses(t, err, access.ErrNotFound)
		_, err = update(ana, func(in *updateOrganizationInput) { in.Body.AutoAssignedWorkspaceID = &theirs })
		refuses(t, err, ErrWorkspaceNotFound)
		_, err = update(ana, func(in *updateOrganizationInput) { in.Body.EnforceMFA = &yes })
		refuses(t, err, deployment.ErrFeatureDisabled)

		h.set(func(b *deployment.B2BSettings) { b.EnforceMFAPerOrgEnabled, b.IPAllowlistPerOrgEnabled = true, true })
		for where, outside := range map[string]someone{"elsewhere": ana.at("198.51.100.1").proven(), "without a second factor": ana} {
			_, err = update(outside, func(in *updateOrganizationInput) {
				in.Body.EnforceMFA, in.Body.EnableIPRestriction, in.Body.WhitelistedIPs = &yes, &yes, []string{"192.0.2.9/24"}
			})
			if !errors.Is(err, ErrLockedOut) {
				t.Errorf("%s: locked out by oneself: %v", where, err)
			}
		}
		out, err := update(ana.proven(), func(in *updateOrganizationInput) {
			in.Body.Name, in.Body.Description, in.Body.AutoAssignedWorkspaceID = &name, &description, &design
			in.Body.EnforceMFA, in.Body.EnableIPRestriction, in.Body.WhitelistedIPs = &yes, &yes, []string{"192.0.2.9/24"}
		})
		must(t, err)
		if out.Name != name || *out.AutoAssignedWorkspaceID != design || out.WhitelistedIPs[0] != "192.0.2.0/24" {
			t.Errorf("updated: %+v", out)
		}
		_, err = update(ana, func(in *updateOrganizationInput) { in.Body.Name = &name })
		refuses(t, err, access.ErrIneligible)
		mine, err := call(h, "GetUserOrganizationMemberships", ben.at("198.51.100.1"), access.Tenant{}, h.s.myOrganizations, struct{}{})
		must(t, err)
		if got := mine[0].EligibilityRestriction.Type; got != "ip_and_mfa_required" {
			t.Errorf("eligibility: %s", got)
		}
		mine, err = call(h, "GetUserOrganizationMemberships", ben.at("198.51.100.1").proven(), access.Tenant{}, h.s.myOrganizations, struct{}{})
		must(t, err)
		if got := mine[0].EligibilityRestriction.Type; got != "ip_not_allowed" {
			t.Errorf("eligibility with a second factor: %s", got)
		}
		var none id.Workspace
		out, err = update(ana.proven(), func(in *updateOrganizationInput) {
			in.Body.AutoAssignedWorkspaceID, in.Body.WhitelistedIPs = &none, []string{}
		})
		must(t, err)
		if out.AutoAssignedWorkspaceID != nil || len(out.WhitelistedIPs) != 0 || out.Description != description {
			t.Errorf("cleared: %+v", out)
		}
	})
}

func TestDeleteOrganization(t *testing.T) {
	eachHall(t, func(t *testing.T, h *hall) {
		ana, ben, zoe := h.person("Ana"), h.person("Ben"), h.person("Zoe")
		acme := h.organization(ana, "Acme").Organization.ID
		other := h.organization(zoe, "Other").Organization.ID
		h.joins(ben, acme, h.role(acme, "Manager", access.OrganizationManage))
		h.workspace(ana, acme, "Design")
		h.exec(`INSERT INTO organization_invitations (id, deployment_id, organization_id, email, typed, inviter_id, status, expires_at, created_at, updated_at)
			VALUES (7, $1, $2, 'x@example.com', 'x@example.com', $3, 'pending', 1, 1, 1)`, h.d.ID, acme, ana.User)

		refuses(t, h.deleteOrganization(ben, acme), access.ErrForbidden)
		refuses(t, h.deleteOrganization(zoe, acme), access.ErrNotFound)
		must(t, h.deleteOrganization(ana, acme))
		refuses(t, h.deleteOrganization(ana, acme), access.ErrNotFound)
		for what, sql := range map[string]string{
			"organization":          `SELECT COUNT(*) FROM organizations WHERE id = $1 AND ended_at IS NULL`,
			"workspaces":            `SELECT COUNT(*) FROM workspaces WHERE organization_id = $1 AND ended_at IS NULL`,
			"memberships":           `SELECT COUNT(*) FROM organization_memberships WHERE organization_id = $1 AND ended_at IS NULL`,
			"workspace memberships": `SELECT COUNT(*) FROM workspace_memberships WHERE organization_id = $1 AND ended_at IS NULL`,
			"invitations":           `SELECT COUNT(*) FROM organization_invitations WHERE organization_id = $1 AND status <> 'discarded'`,
			"active pointers":       `SELECT COUNT(*) FROM signins i JOIN organization_memberships m ON m.id = i.active_organization_membership_id WHERE m.organization_id = $1`,
		} {
			if n := h.count(sql, acme); n != 0 {
				t.Errorf("%s: %d left", what, n)
			}
		}
		if h.organizationRow(other).MemberCount != 1 {
			t.Error("the neighbour was touched")
		}
		_, err := h.tryJoin(ben, acme, 0)
		refuses(t, err, ErrNotFound)
	})
}

func TestWorkspaces(t *testing.T) {
	eachHall(t, func(t *testing.T, h *hall) {
		ana, ben, zoe := h.person("Ana"), h.person("Ben"), h.person("Zoe")
		b2b := h.d.Settings.B2B
		acme := h.organization(ana, "Acme").Organization.ID
		benAt := h.joins(ben, acme, b2b.DefaultOrgMemberRoleID)
		_, err := h.createWorkspace(zoe, acme, "Mine")
		refuses(t, err, access.ErrNotFound)
		made := h.workspace(ben, acme, "Design")
		if made.Membership.OrganizationMembershipID != benAt || made.Membership.Roles[0].ID != b2b.DefaultWorkspaceCreatorRoleID || made.Workspace.MemberCount != 1 {
			t.Errorf("created: %+v", made)
		}
		if n := h.count(`SELECT COUNT(*) FROM signins WHERE id = $1 AND active_workspace_membership_id = $2`, ben.signIn, made.Membership.ID); n != 1 {
			t.Error("the new workspace is not active")
		}
		in := updateWorkspaceInput{WorkspaceID: made.Workspace.ID}
		name := "Design 2"
		in.Body.Name = &name
		_, err = call(h, "UpdateWorkspace", zoe, inWs(made.Workspace.ID), h.s.updateWorkspace, in)
		refuses(t, err, access.ErrNotFound)
		out, err := call(h, "UpdateWorkspace", ana, inWs(made.Workspace.ID), h.s.updateWorkspace, in) // as administrator of the organization
		must(t, err)
		if out.Name != name || out.Workspace.Name != name {
			t.Errorf("updated: %+v", out)
		}
		mine, err := call(h, "GetUserWorkspaceMemberships", ben, access.Tenant{}, h.s.myWorkspaces, myWorkspacesInput{})
		must(t, err)
		if len(mine) != 1 || mine[0].Organization.Name != "Acme" || mine[0].Workspace.Name != name || mine[0].EligibilityRestriction.Type != "none" {
			t.Errorf("mine: %+v", mine)
		}
		mine, err = call(h, "GetUserWorkspaceMemberships", ben, access.Tenant{}, h.s.myWorkspaces, myWorkspacesInput{OrganizationID: 1})
		must(t, err)
		if len(mine) != 0 {
			t.Errorf("of another organization: %+v", mine)
		}

		h.exec(`UPDATE organizations SET auto_assigned_workspace_id = $1 WHERE id = $2`, made.Workspace.ID, acme)
		_, err = call(h, "DeleteWorkspace", ben, inWs(made.Workspace.ID), h.s.deleteWorkspace, workspaceInput{made.Workspace.ID})
		must(t, err)
		_, err = call(h, "DeleteWorkspace", ana, inWs(made.Workspace.ID), h.s.deleteWorkspace, workspaceInput{made.Workspace.ID})
		refuses(t, err, access.ErrNotFound)
		row := h.organizationRow(acme)
		if row.WorkspaceCount != 0 || row.AutoAssignedWorkspaceID != 0 {
			t.Errorf("after deletion: %+v", row)
		}
		must(t, h.leave(ben, acme)) // administers nothing any more
	})
}

// S30: private metadata is in no answer, and lists and maps are never null.
func TestViews(t *testing.T) {
	secret := "do-not-show"
	o := Organization{PublicMetadata: "{}", PrivateMetadata: secret, WhitelistedIPs: "[]"}
	w := Workspace{PublicMetadata: "{}", PrivateMetadata: secret, WhitelistedIPs: "[]"}
	role := RoleView(roleView(Role{Permissions: access.ParsePermissions("")}))
	for _, view := range []any{organizationView(o), workspaceView(w), role} {
		text, err := json.Marshal(view)
		must(t, err)
		if strings.Contains(string(text), secret) || strings.Contains(string(text), `[null`) || strings.Contains(string(text), `s":null`) {
			t.Errorf("%T: %s", view, text)
		}
	}
	if text, _ := json.Marshal(role); !strings.Contains(string(text), `"organization_id":"0"`) || !strings.Contains(string(text), `"is_deployment_level":true`) {
		t.Errorf("a role of the deployment: %s", text)
	}
}
