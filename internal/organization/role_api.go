package organization

import (
	"context"
	"slices"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/event"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
)

// listRoles are the deployment's roles and then the organization's own.
func (s *Service) listRoles(ctx context.Context, in organizationInput) ([]RoleView, error) {
	roles, err := s.queries.RolesOf(ctx, RolesOfParams{DeploymentID: access.CallerOf(ctx).Deployment, OrganizationID: int64(in.OrganizationID)})
	return viewsOf(roles, roleView), err
}

type createRoleInput struct {
	OrganizationID id.Organization `path:"id"`
	Body           struct {
		Name        string   `json:"name" minLength:"2" maxLength:"100"`
		Permissions []string `json:"permissions,omitempty" doc:"Of the deployment's catalog, and held by the caller."`
	}
}

// createRole adds a role with permissions that the caller holds.
func (s *Service) createRole(ctx context.Context, in createRoleInput) (out RoleView, err error) {
	caller := access.CallerOf(ctx)
	b2b, err := s.settings(ctx)
	if err != nil {
		return out, err
	}
	if !b2b.CustomOrgRoleEnabled {
		return out, ErrCustomRolesOff
	}
	name, key, err := parseRoleName(in.Body.Name)
	if err != nil {
		return out, err
	}
	permissions, err := parsePermissions(in.Body.Permissions, b2b.OrganizationPermissions)
	if err != nil {
		return out, err
	}
	err = s.db.InTx(ctx, func(tx *database.Tx) error {
		q := New(tx)
		if _, err := turn(ctx, q, in.OrganizationID); err != nil {
			return err
		}
		if !caller.Organization.Permissions.Cover(permissions) {
			return ErrCeiling
		}
		visible, err := q.RolesOf(ctx, RolesOfParams{DeploymentID: caller.Deployment, OrganizationID: int64(in.OrganizationID)})
		if err != nil {
			return err
		}
		if slices.ContainsFunc(visible, func(r Role) bool { return r.NameKey == key }) {
			return ErrRoleNameTaken
		}
		role, err := q.InsertRole(ctx, InsertRoleParams{
			ID: database.NewID[id.OrganizationRole](tx), DeploymentID: caller.Deployment, OrganizationID: in.OrganizationID,
			Name: name, NameKey: key, Permissions: permissions, Now: tx.Now,
		})
		if database.IsUnique(err, "organization_roles_name") {
			return ErrRoleNameTaken
		}
		if err != nil {
			return err
		}
		out = roleView(role)
		return event.Emit(ctx, tx, event.Event{
			Name: "organization.role.created", Organization: in.OrganizationID, Subject: int64(role.ID),
			Data: map[string]any{"after": roleRecord{name, permissions}},
		})
	})
	return out, err
}

// roleRecord is a role in an event.
type roleRecord struct {
	Name        string             `json:"name"`
	Permissions access.Permissions `json:"permissions"`
}

type roleInput struct {
	OrganizationID id.Organization     `path:"id"`
	RoleID         id.OrganizationRole `path:"roleId"`
}

// deleteRole ends a role of the organization that nobody holds.
func (s *Service) deleteRole(ctx context.Context, in roleInput) (done, error) {
	caller := access.CallerOf(ctx)
	err := s.db.InTx(ctx, func(tx *database.Tx) error {
		q := New(tx)
		if _, err := turn(ctx, q, in.OrganizationID); err != nil {
			return err
		}
		role, err := findRole(ctx, q, in.OrganizationID, in.RoleID)
		switch {
		case err != nil:
			return err
		case role.deploymentLevel():
			return ErrRoleFixed
		case !caller.Organization.Permissions.Cover(role.Permissions):
			return ErrCeiling
		}
		used, err := q.RoleInUse(ctx, RoleInUseParams{OrganizationID: in.OrganizationID, RoleID: role.ID, Now: tx.Now})
		if err != nil {
			return err
		}
		if used {
			return ErrRoleInUse
		}
		if err := q.EndRole(ctx, EndRoleParams{ID: role.ID, OrganizationID: in.OrganizationID, Now: tx.Now}); err != nil {
			return err
		}
		return event.Emit(ctx, tx, event.Event{
			Name: "organization.role.deleted", Organization: in.OrganizationID, Subject: int64(role.ID),
			Data: map[string]any{"before": roleRecord{role.Name, role.Permissions}},
		})
	})
	return done{err == nil}, err
}
