package organization

import (
	"testing"
	"time"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/id"
)

// S5 in a workspace: whoever manages it without administering it can neither
// give nor take what they do not hold, nor remove somebody who holds it.
func TestCeilingInAWorkspace(t *testing.T) {
	eachHall(t, func(t *testing.T, h *hall) {
		ana, ben, mia := h.person("Ana"), h.person("Ben"), h.person("Mia")
		b2b := h.d.Settings.B2B
		acme := h.organization(ana, "Acme").Organization.ID
		made := h.workspace(ana, acme, "Design")
		design, anaAt := made.Workspace, made.Membership.ID
		in := createWorkspaceRoleInput{WorkspaceID: design.ID}
		in.Body.Name, in.Body.Permissions = "Manager", []string{string(access.WorkspaceManage)}
		manager, err := call(h, "CreateWorkspaceRole", ana, inWs(design.ID), h.s.createWorkspaceRole, in)
		must(t, err)
		h.joinsWorkspace(mia, h.joins(mia, acme), design, manager.ID)
		benAt := h.joinsWorkspace(ben, h.joins(ben, acme), design)
		remove := func(m id.WorkspaceMembership) error {
			_, err := call(h, "WorkspaceRemoveMember", mia, inWs(design.ID), h.s.removeWorkspaceMember, workspaceMemberInput{design.ID, m})
			return err
		}

		_, err = h.changeWorkspaceRole(mia, "Add", design, benAt, b2b.DefaultWorkspaceCreatorRoleID)
		refuses(t, err, ErrCeiling)
		_, err = h.changeWorkspaceRole(mia, "Remove", design, anaAt, b2b.DefaultWorkspaceCreatorRoleID)
		refuses(t, err, ErrCeiling)
		refuses(t, remove(anaAt), ErrCeiling)

		_, err = h.changeWorkspaceRole(mia, "Add", design, benAt, b2b.DefaultWorkspaceMemberRoleID)
		must(t, err)
		must(t, remove(benAt))
	})
}

// Nobody shuts themselves out of a workspace any more than of an organization.
func TestLockedOutOfAWorkspace(t *testing.T) {
	eachHall(t, func(t *testing.T, h *hall) {
		h.set(func(b *deployment.B2BSettings) {
			b.EnforceMFAPerWorkspaceEnabled, b.IPAllowlistPerWorkspace = true, true
		})
		ana, yes := h.person("Ana"), true
		design := h.workspace(ana, h.organization(ana, "Acme").Organization.ID, "Design").Workspace.ID
		update := func(p someone, change func(*updateWorkspaceInput)) error {
			in := updateWorkspaceInput{WorkspaceID: design}
			change(&in)
			_, err := call(h, "UpdateWorkspace", p, inWs(design), h.s.updateWorkspace, in)
			return err
		}
		enforce := func(in *updateWorkspaceInput) { in.Body.EnforceMFA = &yes }
		elsewhere := func(in *updateWorkspaceInput) {
			in.Body.EnableIPRestriction, in.Body.WhitelistedIPs = &yes, []string{"198.51.100.0/24"}
		}
		refuses(t, update(ana, enforce), ErrLockedOut)
		refuses(t, update(ana, elsewhere), ErrLockedOut)
		if w := h.workspaceRow(design); w.EnforceMFA || w.EnableIPRestriction {
			t.Errorf("refused and stored: %+v", w)
		}
		must(t, update(ana.proven(), enforce))
		must(t, update(ana.proven().at("198.51.100.7"), elsewhere))
	})
}

// A member who founds a workspace that only they can enter is not there to stay:
// the organization's administrators can open it, or delete it.
func TestNoStronghold(t *testing.T) {
	eachHall(t, func(t *testing.T, h *hall) {
		h.set(func(b *deployment.B2BSettings) { b.IPAllowlistPerWorkspace = true })
		ana, ben, yes, no := h.person("Ana"), h.person("Ben").at("198.51.100.7"), true, false
		acme := h.organization(ana, "Acme").Organization.ID
		member := h.joins(ben, acme)
		update := func(p someone, w id.Workspace, restrict *bool) error {
			in := updateWorkspaceInput{WorkspaceID: w}
			in.Body.EnableIPRestriction, in.Body.WhitelistedIPs = restrict, []string{"198.51.100.7"}
			_, err := call(h, "UpdateWorkspace", p, inWs(w), h.s.updateWorkspace, in)
			return err
		}
		remove := func(p someone, w id.Workspace) error {
			_, err := call(h, "DeleteWorkspace", p, inWs(w), h.s.deleteWorkspace, workspaceInput{w})
			return err
		}
		fort, tower := h.workspace(ben, acme, "Fort").Workspace.ID, h.workspace(ben, acme, "Tower").Workspace.ID
		must(t, update(ben, fort, &yes))
		must(t, update(ben, tower, &yes))
		refuses(t, h.removeMember(ana, acme, member), ErrLastAdmin)
		refuses(t, remove(ben.at("192.0.2.1"), fort), access.ErrIneligible)
		must(t, remove(ana, fort))
		must(t, update(ana, tower, &no))
		must(t, remove(ana, tower))
		must(t, h.removeMember(ana, acme, member))
	})
}

// S5: that the inviter still holds what the roles give is not enough, they must
// still be one who invites.
func TestInviterMayNoLongerInvite(t *testing.T) {
	eachWorld(t, Limits{}, func(t *testing.T, w *world) {
		inviter := w.member("inviter@acme.test", access.Permissions{access.OrganizationAdmin}, nil)
		inv := w.invitedBy(inviter, "new@new.test", offer{})
		grant, err := grantOf(t.Context(), w.service.queries, w.acme, inviter)
		noError(t, err)
		w.exec("UPDATE organization_membership_roles SET role_id = $1 WHERE membership_id = $2", w.role(w.acme, access.OrganizationRead), grant.Membership)
		a, err := w.accept(w.browser(w.person("new@new.test")), w.mailed(inv))
		noError(t, err)
		equal(t, "INVITATION_NEEDS_APPROVAL", outcome(a))
	})
}

// Whoever sends again what a colleague offered who has left answers for it, if
// they may give it: nobody is refused first.
func TestSendingForWhoHasLeft(t *testing.T) {
	eachWorld(t, Limits{}, func(t *testing.T, w *world) {
		inviter := w.member("inviter@acme.test", access.Permissions{access.OrganizationAdmin}, nil)
		manager := w.member("manager@acme.test", access.Permissions{access.OrganizationManageMembers}, nil)
		inv := w.invitedBy(inviter, "new@new.test", offer{Role: w.role(w.acme, access.OrganizationAdmin)})
		resend := func(person id.User) {
			_, err := w.service.resendInvitation(w.as(person), invitationInput{w.acme, inv.ID})
			noError(t, err)
		}
		resend(w.owner)
		equal(t, inviter, w.read(inv).InviterID) // who still answers for it
		w.remove(inviter)
		resend(manager)
		equal(t, inviter, w.read(inv).InviterID) // who may not give that
		resend(w.owner)
		equal(t, w.owner, w.read(inv).InviterID)
		a, err := w.accept(w.browser(w.person("new@new.test")), w.mailed(w.read(inv)))
		noError(t, err)
		equal(t, "joined", outcome(a))
	})
}

// S5: a member keeps the roles of the organization that they have, so only those
// in the workspace are the inviter's to give.
func TestInviterOfAMemberIntoAWorkspace(t *testing.T) {
	eachWorld(t, Limits{}, func(t *testing.T, w *world) {
		inviter := w.member("inviter@acme.test", access.Permissions{access.OrganizationAdmin}, access.Permissions{access.WorkspaceManage})
		member := w.member("member@acme.test", access.Permissions{access.OrganizationRead}, nil)
		o := offer{Role: w.role(w.acme, access.OrganizationAdmin), Workspace: w.lab}
		inv, toStranger := w.invitedBy(inviter, "member@acme.test", o), w.invitedBy(inviter, "new@new.test", o)
		w.demote(inviter)
		a, err := w.accept(w.browser(member), w.mailed(inv))
		noError(t, err)
		equal(t, "joined", outcome(a))
		a, err = w.accept(w.browser(w.person("new@new.test")), w.mailed(toStranger))
		noError(t, err)
		equal(t, "INVITATION_NEEDS_APPROVAL", outcome(a))
	})
}

// An invitation that has expired promises its role to nobody.
func TestRoleOfAnExpiredInvitation(t *testing.T) {
	eachWorld(t, Limits{}, func(t *testing.T, w *world) {
		role, labRole := w.role(w.acme, access.OrganizationRead), w.workspaceRole(w.lab, access.WorkspaceRead)
		w.invitedBy(w.owner, "new@new.test", offer{Role: role, Workspace: w.lab, WorkspaceRole: labRole})
		remove := func() (error, error) {
			_, err := w.service.deleteRole(w.as(w.owner), roleInput{w.acme, role})
			c := access.CallerOf(w.as(w.owner))
			c.Workspace = access.WorkspaceGrant{ID: w.lab, Organization: w.acme, Permissions: access.Permissions{access.WorkspaceAdmin}}
			_, labErr := w.service.deleteWorkspaceRole(access.WithCaller(t.Context(), c), workspaceRoleInput{w.lab, labRole})
			return err, labErr
		}
		err, labErr := remove()
		equal(t, ErrRoleInUse, err)
		equal(t, ErrRoleInUse, labErr)
		w.advance(invitationLife + time.Second)
		err, labErr = remove()
		noError(t, err)
		noError(t, labErr)
	})
}

// S5: having everybody who joins put into a workspace gives them the role of its
// members, so it takes holding what that gives.
func TestAssigningGivesTheRoleOfMembers(t *testing.T) {
	eachHall(t, func(t *testing.T, h *hall) {
		ana, ben, mia := h.person("Ana"), h.person("Ben"), h.person("Mia")
		acme := h.organization(ana, "Acme").Organization.ID
		design := h.workspace(ana, acme, "Design").Workspace
		manager := h.role(acme, "Manager", access.OrganizationManage)
		h.joins(ben, acme, manager)
		h.joinsWorkspace(mia, h.joins(mia, acme, manager), design)
		assign := func(p someone) error {
			in := updateOrganizationInput{OrganizationID: acme}
			in.Body.AutoAssignedWorkspaceID = &design.ID
			_, err := call(h, "UpdateOrganization", p, inOrg(acme), h.s.updateOrganization, in)
			return err
		}
		refuses(t, assign(ben), ErrCeiling) // no member of the workspace
		refuses(t, assign(mia), ErrCeiling) // a member without any role
		must(t, assign(ana))
	})
}
