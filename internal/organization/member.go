package organization

import (
	"context"
	"fmt"
	"slices"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/event"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
	"github.com/guildhall-id/guildhall/internal/session"
)

// The refusals of memberships.
var (
	ErrMemberNotFound = fault.New(fault.NotFound, "NOT_FOUND", "There is no such member here.")
	ErrLastAdmin      = fault.New(fault.Conflict, "LAST_ADMIN", "This is the last administrator. Make somebody else one first.")
)

// heldBy are the permissions of roles together.
func heldBy(roles []Role) access.Permissions {
	var held access.Permissions
	for _, r := range roles {
		held = append(held, r.Permissions...)
	}
	return held
}

func heldByWorkspace(roles []WorkspaceRole) access.Permissions {
	var held access.Permissions
	for _, r := range roles {
		held = append(held, r.Permissions...)
	}
	return held
}

// findMember is a live membership of the organization with its roles, or
// ErrMemberNotFound.
func findMember(ctx context.Context, q *Queries, organization id.Organization, member id.OrganizationMembership) (Membership, []Role, error) {
	row, err := q.MembershipByID(ctx, MembershipByIDParams{ID: member, OrganizationID: organization})
	if row, err = database.OrNotFound(row, err, ErrMemberNotFound); err != nil {
		return row, nil, err
	}
	roles, err := rolesOfMembers(ctx, q, []id.OrganizationMembership{member})
	return row, roles[member], err
}

// keepsAdministrator returns ErrLastAdmin when a change that took away the
// given permissions has left the locked organization without administrator.
func keepsAdministrator(ctx context.Context, q *Queries, organization id.Organization, taken access.Permissions) error {
	if !slices.Contains(taken, access.OrganizationAdmin) {
		return nil
	}
	kept, err := q.HasAdministrator(ctx, organization)
	if err == nil && !kept {
		return ErrLastAdmin
	}
	return err
}

// keepsWorkspaceAdministrator is keepsAdministrator for a workspace.
func keepsWorkspaceAdministrator(ctx context.Context, q *Queries, workspace id.Workspace, taken access.Permissions) error {
	if !slices.Contains(taken, access.WorkspaceAdmin) {
		return nil
	}
	kept, err := q.HasWorkspaceAdministrator(ctx, workspace)
	if err == nil && !kept {
		return ErrLastAdmin
	}
	return err
}

// endMembership ends a membership of the locked organization and, with it, the
// person's memberships of its workspaces; every browser forgets that it was active
// there. Others can be removed only by those who hold what they hold.
func (s *Service) endMembership(ctx context.Context, tx *database.Tx, organization id.Organization, member id.OrganizationMembership) error {
	caller, q := access.CallerOf(ctx), New(tx)
	m, roles, err := findMember(ctx, q, organization, member)
	if err != nil {
		return err
	}
	if m.UserID != caller.User && !caller.Organization.Permissions.Cover(heldBy(roles)) {
		return ErrCeiling
	}
	alone, err := q.AdministeredAlone(ctx, AdministeredAloneParams{OrganizationMembershipID: m.ID, OrganizationID: organization})
	if err != nil {
		return err
	}
	if len(alone) > 0 {
		return ErrLastAdmin.With(fmt.Sprintf("This is the last administrator of the workspace %q. Make somebody else one first, or delete the workspace.", alone[0]))
	}
	if err := q.EndMembership(ctx, EndMembershipParams{ID: m.ID, OrganizationID: organization, EndedBy: caller.User, Now: tx.Now}); err != nil {
		return err
	}
	if err := q.FreeSeat(ctx, organization); err != nil {
		return err
	}
	if err := keepsAdministrator(ctx, q, organization, heldBy(roles)); err != nil {
		return err
	}
	left, err := q.EndWorkspaceMembershipsOfMember(ctx, EndWorkspaceMembershipsOfMemberParams{
		OrganizationMembershipID: m.ID, OrganizationID: organization, EndedBy: caller.User, Now: tx.Now,
	})
	if err != nil {
		return err
	}
	if err := q.FreeWorkspaceSeats(ctx, FreeWorkspaceSeatsParams{OrganizationID: organization, Workspaces: database.Int64s(left)}); err != nil {
		return err
	}
	if err := session.LeaveOrganization(ctx, tx, m.ID); err != nil {
		return err
	}
	name := "organization.member.removed"
	if m.UserID == caller.User {
		name = "organization.member.left"
	}
	return event.Emit(ctx, tx, event.Event{
		Name: name, Organization: organization, Subject: int64(m.UserID),
		Data: map[string]any{"membership_id": m.ID, "role_ids": roleIDs(roles), "workspace_ids": left},
	})
}

func roleIDs(roles []Role) []id.OrganizationRole {
	return viewsOf(roles, func(r Role) id.OrganizationRole { return r.ID })
}
