package organization

import (
	"cmp"
	"context"
	"errors"

	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/event"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
)

// The refusals of joining.
var (
	ErrSeats         = fault.New(fault.Forbidden, "LIMIT_REACHED", "All seats are taken. Ask an administrator to free one.")
	ErrAlreadyMember = fault.New(fault.Conflict, "CONFLICT", "This person is a member already.")
)

// What brought a member in.
const (
	byCreation          = "created"
	byInvitationMail    = "invitation_mail"
	byInvitationToken   = "invitation_token"
	byInvitationAccount = "invitation_account"
)

// joining is a person on the way into an organization.
type joining struct {
	Deployment   id.Deployment
	Organization id.Organization
	User         id.User
	Roles        []id.OrganizationRole  // of the organization or of its deployment
	By           string                 // one of byCreation, byInvitationMail, …
	Invitation   id.Invitation          // zero without one
	Into         id.Workspace           // that they are about to join as well
	B2B          deployment.B2BSettings // seats, and the role in the workspace that is for all
}

// join makes the person a member. ErrAlreadyMember leaves the transaction as
// it was; after ErrSeats, ErrNotFound and ErrRoleNotFound it must be rolled
// back.
func (s *Service) join(ctx context.Context, tx *database.Tx, j joining) (id.OrganizationMembership, error) {
	q := New(tx)
	membership, err := q.InsertMembership(ctx, InsertMembershipParams{
		ID: database.NewID[id.OrganizationMembership](tx), DeploymentID: j.Deployment, OrganizationID: j.Organization,
		UserID: j.User, JoinedBy: j.By, InvitationID: j.Invitation, Now: tx.Now,
	})
	if membership, err = database.OrNotFound(membership, err, ErrAlreadyMember); err != nil {
		return 0, err
	}
	assigned, err := q.TakeSeat(ctx, TakeSeatParams{ID: j.Organization, DeploymentID: j.Deployment, Seats: j.B2B.MaxAllowedOrgMembers})
	if database.IsNoRows(err) { // none is left, unless the organization is gone
		_, err := findOrganization(ctx, q, j.Deployment, j.Organization)
		return 0, cmp.Or(err, error(ErrSeats))
	}
	if err != nil {
		return 0, err
	}
	given, err := q.GiveRoles(ctx, GiveRolesParams{
		MembershipID: membership, OrganizationID: j.Organization, DeploymentID: j.Deployment, Roles: database.Int64s(j.Roles), Now: tx.Now,
	})
	if err != nil {
		return 0, err
	}
	if given != int64(len(j.Roles)) {
		return 0, ErrRoleNotFound
	}
	err = event.Emit(ctx, tx, event.Event{
		Name: "organization.member.added", Organization: j.Organization, Subject: int64(j.User),
		Data: map[string]any{"membership_id": membership, "role_ids": j.Roles, "joined_by": j.By, "invitation_id": j.Invitation},
	})
	if err != nil || assigned == 0 || assigned == j.Into {
		return membership, err
	}
	return membership, s.assign(ctx, tx, j, membership, assigned)
}

// assign puts a new member into the workspace that the organization has for
// all of them. They join the organization without it when it is full, and that
// is recorded.
func (s *Service) assign(ctx context.Context, tx *database.Tx, j joining, membership id.OrganizationMembership, workspace id.Workspace) error {
	if !j.B2B.WorkspacesEnabled {
		return nil
	}
	_, err := s.joinWorkspace(ctx, tx, workspaceJoining{
		Deployment: j.Deployment, Organization: j.Organization, Workspace: workspace, OrganizationMembership: membership,
		User: j.User, Roles: someRoles(j.B2B.DefaultWorkspaceMemberRoleID), Limit: j.B2B.MaxAllowedWorkspaceMembers,
	})
	if !errors.Is(err, ErrSeats) {
		return err
	}
	return event.Emit(ctx, tx, event.Event{
		Name: "workspace.member.not_added", Organization: j.Organization, Workspace: workspace, Subject: int64(j.User),
		Data: map[string]any{"membership_id": membership, "reason": ErrSeats.Code},
	})
}

// workspaceJoining is a member of an organization on the way into one of its
// workspaces.
type workspaceJoining struct {
	Deployment             id.Deployment
	Organization           id.Organization
	Workspace              id.Workspace
	OrganizationMembership id.OrganizationMembership
	User                   id.User
	Roles                  []id.WorkspaceRole // of the workspace or of its deployment
	Limit                  int64              // seats, 0 for any number
}

// joinWorkspace makes the person a member of the workspace. ErrSeats leaves the
// transaction as it was; after any other error it must be rolled back.
func (s *Service) joinWorkspace(ctx context.Context, tx *database.Tx, j workspaceJoining) (id.WorkspaceMembership, error) {
	q := New(tx)
	if _, err := lockOrganization(ctx, q, j.Deployment, j.Organization); err != nil {
		return 0, err
	}
	live, err := q.IsMember(ctx, IsMemberParams{ID: j.OrganizationMembership, OrganizationID: j.Organization, UserID: j.User})
	if err != nil {
		return 0, err
	}
	if !live {
		return 0, ErrMemberNotFound
	}
	taken, err := q.TakeWorkspaceSeat(ctx, TakeWorkspaceSeatParams{ID: j.Workspace, OrganizationID: j.Organization, Seats: j.Limit})
	if err != nil {
		return 0, err
	}
	if taken == 0 { // none is left, unless the workspace is gone
		_, err := findWorkspace(ctx, q, j.Organization, j.Workspace)
		return 0, cmp.Or(err, error(ErrSeats))
	}
	membership, err := q.InsertWorkspaceMembership(ctx, InsertWorkspaceMembershipParams{
		ID: database.NewID[id.WorkspaceMembership](tx), DeploymentID: j.Deployment, OrganizationID: j.Organization,
		WorkspaceID: j.Workspace, OrganizationMembershipID: j.OrganizationMembership, UserID: j.User, Now: tx.Now,
	})
	if membership, err = database.OrNotFound(membership, err, ErrAlreadyMember); err != nil {
		return 0, err
	}
	given, err := q.GiveWorkspaceRoles(ctx, GiveWorkspaceRolesParams{
		MembershipID: membership, WorkspaceID: j.Workspace, DeploymentID: j.Deployment, Roles: database.Int64s(j.Roles), Now: tx.Now,
	})
	if err != nil {
		return 0, err
	}
	if given != int64(len(j.Roles)) {
		return 0, ErrRoleNotFound
	}
	return membership, event.Emit(ctx, tx, event.Event{
		Name: "workspace.member.added", Organization: j.Organization, Workspace: j.Workspace, Subject: int64(j.User),
		Data: map[string]any{"membership_id": membership, "role_ids": j.Roles},
	})
}
