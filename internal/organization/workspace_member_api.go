package organization

import (
	"context"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/event"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
)

type listWorkspaceMembersInput struct {
	WorkspaceID id.Workspace `path:"id"`
	Page        int64        `query:"page" doc:"From 1."`
	Limit       int64        `query:"limit" doc:"10 unless told, at most 100."`
	Search      string       `query:"search" maxLength:"100" doc:"Part of a name or an e-mail address."`
}

// listWorkspaceMembers is a page of the members, those who joined first
// before.
func (s *Service) listWorkspaceMembers(ctx context.Context, in listWorkspaceMembersInput) (out Page[WorkspaceMembershipView], err error) {
	caller := access.CallerOf(ctx)
	at, err := findPlace(ctx, s.queries, caller.Deployment, caller.Workspace.Organization, in.WorkspaceID)
	if err != nil {
		return out, err
	}
	rows, part, total := []WorkspaceMembership(nil), pageOf(in.Page, in.Limit), at.Workspace.MemberCount
	if pattern := likePattern(in.Search); pattern == "" {
		rows, err = s.queries.WorkspaceMembersPage(ctx, WorkspaceMembersPageParams{WorkspaceID: in.WorkspaceID, PageSize: part.limit, Skip: part.skip()})
	} else {
		rows, err = s.queries.WorkspaceMembersLike(ctx, WorkspaceMembersLikeParams{WorkspaceID: in.WorkspaceID, Pattern: pattern, PageSize: part.limit, Skip: part.skip()})
		if err != nil {
			return out, err
		}
		total, err = part.total(len(rows), func() (int64, error) {
			return s.queries.CountWorkspaceMembersLike(ctx, CountWorkspaceMembersLikeParams{WorkspaceID: in.WorkspaceID, Pattern: pattern})
		})
	}
	if err != nil {
		return out, err
	}
	out.Meta = part.meta(total)
	out.Data, err = workspaceMembershipViews(ctx, s.db, rows, map[id.Workspace]place{in.WorkspaceID: at})
	return out, err
}

// oneWorkspaceMembership is the view of a membership, as it is in the
// transaction.
func (s *Service) oneWorkspaceMembership(ctx context.Context, tx *database.Tx, at access.WorkspaceGrant, member id.WorkspaceMembership) (WorkspaceMembershipView, error) {
	q := New(tx)
	where, err := findPlace(ctx, q, access.CallerOf(ctx).Deployment, at.Organization, at.ID)
	if err != nil {
		return WorkspaceMembershipView{}, err
	}
	row, err := q.WorkspaceMembershipByID(ctx, WorkspaceMembershipByIDParams{ID: member, WorkspaceID: at.ID, OrganizationID: at.Organization})
	if row, err = database.OrNotFound(row, err, ErrMemberNotFound); err != nil {
		return WorkspaceMembershipView{}, err
	}
	views, err := workspaceMembershipViews(ctx, tx, []WorkspaceMembership{row}, map[id.Workspace]place{at.ID: where})
	if err != nil {
		return WorkspaceMembershipView{}, err
	}
	return views[0], nil
}

type workspaceMemberInput struct {
	WorkspaceID id.Workspace           `path:"id"`
	MemberID    id.WorkspaceMembership `path:"memberId"`
}

// removeWorkspaceMember ends somebody's membership.
func (s *Service) removeWorkspaceMember(ctx context.Context, in workspaceMemberInput) (done, error) {
	err := s.db.InTx(ctx, func(tx *database.Tx) error {
		return s.endWorkspaceMembership(ctx, tx, in.MemberID)
	})
	return done{err == nil}, err
}

type workspaceMemberRoleInput struct {
	WorkspaceID id.Workspace           `path:"id"`
	MemberID    id.WorkspaceMembership `path:"membershipId"`
	RoleID      id.WorkspaceRole       `path:"roleId"`
}

// changedWorkspaceMember is a membership after a change of its roles.
type changedWorkspaceMember struct {
	WorkspaceMembershipView
	Success bool `json:"success"`
}

// addWorkspaceMemberRole gives a member a role; one that is held already
// changes nothing.
func (s *Service) addWorkspaceMemberRole(ctx context.Context, in workspaceMemberRoleInput) (changedWorkspaceMember, error) {
	return s.changeWorkspaceRole(ctx, in, func(tx *database.Tx, m WorkspaceMembership, role WorkspaceRole) (string, error) {
		given, err := New(tx).GiveWorkspaceRoles(ctx, GiveWorkspaceRolesParams{
			MembershipID: m.ID, WorkspaceID: m.WorkspaceID, DeploymentID: m.DeploymentID,
			Roles: []int64{int64(role.ID)}, Now: tx.Now,
		})
		if given == 0 {
			return "", err
		}
		return "workspace.member.role_added", err
	})
}

// removeWorkspaceMemberRole takes a role from a member; one that is not held
// changes nothing.
func (s *Service) removeWorkspaceMemberRole(ctx context.Context, in workspaceMemberRoleInput) (changedWorkspaceMember, error) {
	return s.changeWorkspaceRole(ctx, in, func(tx *database.Tx, m WorkspaceMembership, role WorkspaceRole) (string, error) {
		q := New(tx)
		taken, err := q.TakeWorkspaceRole(ctx, TakeWorkspaceRoleParams{MembershipID: m.ID, RoleID: role.ID, WorkspaceID: m.WorkspaceID})
		if err != nil || taken == 0 {
			return "", err
		}
		return "workspace.member.role_removed", keepsWorkspaceAdministrator(ctx, q, m.WorkspaceID, role.Permissions)
	})
}

// changeWorkspaceRole looks up member and role within the caller's workspace,
// whose organization it locks, checks that the caller holds what the role
// gives, and lets change do its work. It writes the event that change names;
// none, when nothing changed.
func (s *Service) changeWorkspaceRole(ctx context.Context, in workspaceMemberRoleInput, change func(tx *database.Tx, m WorkspaceMembership, role WorkspaceRole) (string, error)) (out changedWorkspaceMember, err error) {
	caller := access.CallerOf(ctx)
	err = s.db.InTx(ctx, func(tx *database.Tx) error {
		q := New(tx)
		if _, err := turn(ctx, q, caller.Workspace.Organization); err != nil {
			return err
		}
		at := caller.Workspace
		m, held, err := findWorkspaceMember(ctx, q, at, in.MemberID)
		if err != nil {
			return err
		}
		role, err := findWorkspaceRole(ctx, q, at.ID, in.RoleID)
		if err != nil {
			return err
		}
		if !at.Permissions.Cover(role.Permissions) {
			return ErrCeiling
		}
		name, err := change(tx, m, role)
		if err != nil {
			return err
		}
		view, err := s.oneWorkspaceMembership(ctx, tx, at, m.ID)
		if err != nil {
			return err
		}
		out = changedWorkspaceMember{view, true}
		if name == "" {
			return nil
		}
		after := viewsOf(view.Roles, func(r WorkspaceRoleView) id.WorkspaceRole { return r.ID })
		return event.Emit(ctx, tx, event.Event{
			Name: name, Organization: at.Organization, Workspace: at.ID, Subject: int64(m.UserID),
			Data: map[string]any{"membership_id": m.ID, "role_id": role.ID, "before": workspaceRoleIDs(held), "after": after},
		})
	})
	return out, err
}
