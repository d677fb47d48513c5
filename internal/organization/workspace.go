package organization

import (
	"context"
	"errors"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/event"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/picture"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
	"github.com/guildhall-id/guildhall/internal/session"
)

// The refusals of workspaces.
var (
	ErrWorkspaceNotFound = fault.New(fault.NotFound, "NOT_FOUND", "There is no such workspace, or you are not a member of it.")
	ErrTooManyWorkspaces = fault.New(fault.Forbidden, "LIMIT_REACHED", "The organization has as many workspaces as it may.")
)

// findWorkspace is a live workspace of the organization, or
// ErrWorkspaceNotFound.
func findWorkspace(ctx context.Context, q *Queries, organization id.Organization, workspace id.Workspace) (Workspace, error) {
	row, err := q.WorkspaceByID(ctx, WorkspaceByIDParams{ID: workspace, OrganizationID: organization})
	return database.OrNotFound(row, err, ErrWorkspaceNotFound)
}

// findPlace is findWorkspace with its organization.
func findPlace(ctx context.Context, q *Queries, d id.Deployment, organization id.Organization, workspace id.Workspace) (place, error) {
	org, err := findOrganization(ctx, q, d, organization)
	if err != nil {
		return place{}, err
	}
	w, err := findWorkspace(ctx, q, organization, workspace)
	return place{w, org}, err
}

// closeWorkspace ends everything in a workspace of the locked organization, and
// itself.
func closeWorkspace(ctx context.Context, tx *database.Tx, w Workspace, by id.User) error {
	q, now := New(tx), tx.Now
	ended, err := q.EndWorkspace(ctx, EndWorkspaceParams{ID: w.ID, OrganizationID: w.OrganizationID, Now: now})
	if err != nil {
		return err
	}
	if ended == 0 {
		return ErrWorkspaceNotFound
	}
	return errors.Join(
		q.FreeWorkspacePlace(ctx, FreeWorkspacePlaceParams{ID: w.OrganizationID, WorkspaceID: w.ID}),
		q.LeaveWorkspaceInEverySignIn(ctx, LeaveWorkspaceInEverySignInParams{WorkspaceID: w.ID, Now: now}),
		q.DiscardInvitationsOf(ctx, DiscardInvitationsOfParams{OrganizationID: w.OrganizationID, WorkspaceID: w.ID, EndedBy: by, Now: now}),
		q.EndWorkspaceMembershipsOf(ctx, EndWorkspaceMembershipsOfParams{OrganizationID: w.OrganizationID, WorkspaceID: w.ID, EndedBy: by, Now: now}),
		q.EndWorkspaceRolesOf(ctx, EndWorkspaceRolesOfParams{DeploymentID: w.DeploymentID, Workspaces: []int64{int64(w.ID)}, Now: now}),
		picture.Drop(ctx, tx, w.ID),
	)
}

// findWorkspaceMember is a live membership of the workspace with its roles, or
// ErrMemberNotFound.
func findWorkspaceMember(ctx context.Context, q *Queries, at access.WorkspaceGrant, member id.WorkspaceMembership) (WorkspaceMembership, []WorkspaceRole, error) {
	row, err := q.WorkspaceMembershipByID(ctx, WorkspaceMembershipByIDParams{ID: member, WorkspaceID: at.ID, OrganizationID: at.Organization})
	if row, err = database.OrNotFound(row, err, ErrMemberNotFound); err != nil {
		return row, nil, err
	}
	roles, err := rolesOfWorkspaceMembers(ctx, q, []id.WorkspaceMembership{member})
	return row, roles[member], err
}

// endWorkspaceMembership ends a membership of the caller's workspace; every
// browser forgets that it was active there. Others can be removed only by
// those who hold what they hold.
func (s *Service) endWorkspaceMembership(ctx context.Context, tx *database.Tx, member id.WorkspaceMembership) error {
	caller, q := access.CallerOf(ctx), New(tx)
	if _, err := turn(ctx, q, caller.Workspace.Organization); err != nil {
		return err
	}
	at := caller.Workspace
	m, roles, err := findWorkspaceMember(ctx, q, at, member)
	if err != nil {
		return err
	}
	if m.UserID != caller.User && !at.Permissions.Cover(heldByWorkspace(roles)) {
		return ErrCeiling
	}
	if err := q.EndWorkspaceMembership(ctx, EndWorkspaceMembershipParams{ID: m.ID, WorkspaceID: at.ID, EndedBy: caller.User, Now: tx.Now}); err != nil {
		return err
	}
	if err := keepsWorkspaceAdministrator(ctx, q, at.ID, heldByWorkspace(roles)); err != nil {
		return err
	}
	if err := q.FreeWorkspaceSeats(ctx, FreeWorkspaceSeatsParams{OrganizationID: at.Organization, Workspaces: []int64{int64(at.ID)}}); err != nil {
		return err
	}
	if err := session.LeaveWorkspace(ctx, tx, m.ID); err != nil {
		return err
	}
	name := "workspace.member.removed"
	if m.UserID == caller.User {
		name = "workspace.member.left"
	}
	return event.Emit(ctx, tx, event.Event{
		Name: name, Organization: at.Organization, Workspace: at.ID, Subject: int64(m.UserID),
		Data: map[string]any{"membership_id": m.ID, "role_ids": workspaceRoleIDs(roles)},
	})
}

func workspaceRoleIDs(roles []WorkspaceRole) []id.WorkspaceRole {
	return viewsOf(roles, func(r WorkspaceRole) id.WorkspaceRole { return r.ID })
}
