package organization

import (
	"context"
	"slices"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/event"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
)

// listWorkspaceRoles are the deployment's roles and then the workspace's own.
func (s *Service) listWorkspaceRoles(ctx context.Context, in workspaceInput) ([]WorkspaceRoleView, error) {
	roles, err := s.queries.WorkspaceRolesOf(ctx, WorkspaceRolesOfParams{DeploymentID: access.CallerOf(ctx).Deployment, WorkspaceID: int64(in.WorkspaceID)})
	return viewsOf(roles, workspaceRoleView), err
}

type createWorkspaceRoleInput struct {
	WorkspaceID id.Workspace `path:"id"`
	Body        struct {
		Name        string   `json:"name" minLength:"2" maxLength:"100"`
		Permissions []string `json:"permissions,omitempty" doc:"Of the deployment's catalog, and held by the caller."`
	}
}

// createWorkspaceRole adds a role with permissions that the caller holds.
func (s *Service) createWorkspaceRole(ctx context.Context, in createWorkspaceRoleInput) (out WorkspaceRoleView, err error) {
	caller := access.CallerOf(ctx)
	b2b, err := s.settings(ctx)
	if err != nil {
		return out, err
	}
	if !b2b.CustomWorkspaceRoleEnabled {
		return out, ErrCustomRolesOff
	}
	name, key, err := parseRoleName(in.Body.Name)
	if err != nil {
		return out, err
	}
	permissions, err := parsePermissions(in.Body.Permissions, b2b.WorkspacePermissions)
	if err != nil {
		return out, err
	}
	err = s.db.InTx(ctx, func(tx *database.Tx) error {
		q := New(tx)
		if _, err := turn(ctx, q, caller.Workspace.Organization); err != nil {
			return err
		}
		if !caller.Workspace.Permissions.Cover(permissions) {
			return ErrCeiling
		}
		if _, err := findWorkspace(ctx, q, caller.Workspace.Organization, in.WorkspaceID); err != nil {
			return err
		}
		visible, err := q.WorkspaceRolesOf(ctx, WorkspaceRolesOfParams{DeploymentID: caller.Deployment, WorkspaceID: int64(in.WorkspaceID)})
		if err != nil {
			return err
		}
		if slices.ContainsFunc(visible, func(r WorkspaceRole) bool { return r.NameKey == key }) {
			return ErrRoleNameTaken
		}
		role, err := q.InsertWorkspaceRole(ctx, InsertWorkspaceRoleParams{
			ID: database.NewID[id.WorkspaceRole](tx), DeploymentID: caller.Deployment, WorkspaceID: in.WorkspaceID,
			Name: name, NameKey: key, Permissions: permissions, Now: tx.Now,
		})
		if database.IsUnique(err, "workspace_roles_name") {
			return ErrRoleNameTaken
		}
		if err != nil {
			return err
		}
		out = workspaceRoleView(role)
		return event.Emit(ctx, tx, event.Event{
			Name: "workspace.role.created", Organization: caller.Workspace.Organization, Workspace: in.WorkspaceID, Subject: int64(role.ID),
			Data: map[string]any{"after": roleRecord{name, permissions}},
		})
	})
	return out, err
}

type workspaceRoleInput struct {
	WorkspaceID id.Workspace     `path:"id"`
	RoleID      id.WorkspaceRole `path:"roleId"`
}

// deletedRole is the answer of a deletion, for clients of either form.
type deletedRole struct {
	Success bool   `json:"success"`
	Message string `json:"message"`
}

// deleteWorkspaceRole ends a role of the workspace that nobody holds.
func (s *Service) deleteWorkspaceRole(ctx context.Context, in workspaceRoleInput) (deletedRole, error) {
	caller := access.CallerOf(ctx)
	err := s.db.InTx(ctx, func(tx *database.Tx) error {
		q := New(tx)
		if _, err := turn(ctx, q, caller.Workspace.Organization); err != nil {
			return err
		}
		at := caller.Workspace
		role, err := findWorkspaceRole(ctx, q, at.ID, in.RoleID)
		switch {
		case err != nil:
			return err
		case role.deploymentLevel():
			return ErrRoleFixed
		case !at.Permissions.Cover(role.Permissions):
			return ErrCeiling
		}
		used, err := q.WorkspaceRoleInUse(ctx, WorkspaceRoleInUseParams{
			OrganizationID: at.Organization, WorkspaceID: at.ID, RoleID: role.ID, Now: tx.Now,
		})
		if err != nil {
			return err
		}
		if used {
			return ErrRoleInUse
		}
		if err := q.EndWorkspaceRole(ctx, EndWorkspaceRoleParams{ID: role.ID, WorkspaceID: at.ID, Now: tx.Now}); err != nil {
			return err
		}
		return event.Emit(ctx, tx, event.Event{
			Name: "workspace.role.deleted", Organization: at.Organization, Workspace: at.ID, Subject: int64(role.ID),
			Data: map[string]any{"before": roleRecord{role.Name, role.Permissions}},
		})
	})
	return deletedRole{err == nil, "The role is deleted."}, err
}
