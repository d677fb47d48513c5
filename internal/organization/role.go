package organization

import (
	"context"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
	"github.com/guildhall-id/guildhall/internal/user"
)

// The refusals of roles.
var (
	ErrRoleNotFound      = fault.New(fault.NotFound, "NOT_FOUND", "There is no such role here.")
	ErrRoleNameInvalid   = fault.New(fault.Invalid, "BAD_REQUEST_BODY", "The name of a role has 2 to 100 letters, digits, spaces and punctuation.")
	ErrRoleNameTaken     = fault.New(fault.Conflict, "CONFLICT", "There is a role with this name already. Choose another name.")
	ErrRoleFixed         = fault.New(fault.Forbidden, "FORBIDDEN", "This role belongs to the whole application and cannot be changed here.")
	ErrRoleInUse         = fault.New(fault.Conflict, "CONFLICT", "Members hold this role, or pending invitations promise it. Take it from them first.")
	ErrPermissionUnknown = fault.New(fault.Invalid, "BAD_REQUEST_BODY", "A role can only have permissions that this application offers.")
	ErrCeiling           = fault.New(fault.Forbidden, "FORBIDDEN", "This needs rights that you do not hold yourself. Ask an administrator.")
	ErrCustomRolesOff    = fault.New(fault.Forbidden, "FEATURE_DISABLED", "Custom roles are switched off here. Ask the operator to enable them.")
)

// deploymentLevel reports whether the role is the deployment's, for every
// organization.
func (r Role) deploymentLevel() bool { return r.OrganizationID == 0 }

// deploymentLevel reports whether the role is the deployment's, for every
// workspace.
func (r WorkspaceRole) deploymentLevel() bool { return r.WorkspaceID == 0 }

// parseRoleName accepts 2 to 100 printable characters and returns them with
// single spaces, with the form that is compared. It returns ErrRoleNameInvalid
// for anything else.
func parseRoleName(typed string) (name, key string, err error) {
	name = strings.Join(strings.Fields(typed), " ")
	if n := utf8.RuneCountInString(name); n < 2 || n > 100 || strings.ContainsFunc(name, unprintable) {
		return "", "", ErrRoleNameInvalid
	}
	return name, user.Fold(name), nil
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }

// parsePermissions accepts permissions of the catalog and returns each once,
// in its order. It returns ErrPermissionUnknown for anything else.
func parsePermissions(asked []string, catalog access.Permissions) (access.Permissions, error) {
	for _, p := range asked {
		if !slices.Contains(catalog, access.Permission(p)) {
			return nil, ErrPermissionUnknown
		}
	}
	permissions := access.Permissions{}
	for _, p := range catalog {
		if slices.Contains(asked, string(p)) {
			permissions = append(permissions, p)
		}
	}
	return permissions, nil
}

// findRole is a role of the organization or of its deployment, else
// ErrRoleNotFound.
func findRole(ctx context.Context, q *Queries, organization id.Organization, role id.OrganizationRole) (Role, error) {
	row, err := q.RoleByID(ctx, RoleByIDParams{ID: role, OrganizationID: organization})
	return database.OrNotFound(row, err, ErrRoleNotFound)
}

// findWorkspaceRole is a role of the workspace or of its deployment, else
// ErrRoleNotFound.
func findWorkspaceRole(ctx context.Context, q *Queries, workspace id.Workspace, role id.WorkspaceRole) (WorkspaceRole, error) {
	row, err := q.WorkspaceRoleByID(ctx, WorkspaceRoleByIDParams{ID: role, WorkspaceID: workspace})
	return database.OrNotFound(row, err, ErrRoleNotFound)
}

// rolesByID loads roles, ended ones too; those that never were are left out.
func rolesByID(ctx context.Context, q *Queries, ids []id.OrganizationRole) (map[id.OrganizationRole]Role, error) {
	rows, err := q.RolesWithIDs(ctx, database.Int64s(ids))
	roles := make(map[id.OrganizationRole]Role, len(rows))
	for _, r := range rows {
		roles[r.ID] = r
	}
	return roles, err
}

// workspaceRolesByID loads roles, ended ones too; those that never were are
// left out.
func workspaceRolesByID(ctx context.Context, q *Queries, ids []id.WorkspaceRole) (map[id.WorkspaceRole]WorkspaceRole, error) {
	rows, err := q.WorkspaceRolesWithIDs(ctx, database.Int64s(ids))
	roles := make(map[id.WorkspaceRole]WorkspaceRole, len(rows))
	for _, r := range rows {
		roles[r.ID] = r
	}
	return roles, err
}

// rolesOfMembers are the roles that members hold, one query for all.
func rolesOfMembers(ctx context.Context, q *Queries, members []id.OrganizationMembership) (map[id.OrganizationMembership][]Role, error) {
	rows, err := q.RolesHeld(ctx, database.Int64s(members))
	roles := make(map[id.OrganizationMembership][]Role, len(members))
	for _, row := range rows {
		roles[row.MembershipID] = append(roles[row.MembershipID], row.Role)
	}
	return roles, err
}

// rolesOfWorkspaceMembers are the roles that members hold, one query for all.
func rolesOfWorkspaceMembers(ctx context.Context, q *Queries, members []id.WorkspaceMembership) (map[id.WorkspaceMembership][]WorkspaceRole, error) {
	rows, err := q.WorkspaceRolesHeld(ctx, database.Int64s(members))
	roles := make(map[id.WorkspaceMembership][]WorkspaceRole, len(members))
	for _, row := range rows {
		roles[row.MembershipID] = append(roles[row.MembershipID], row.WorkspaceRole)
	}
	return roles, err
}
