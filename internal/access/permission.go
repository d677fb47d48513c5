package access

import (
	"database/sql/driver"
	"fmt"
	"slices"
	"strings"
)

// Permission is a right within one organization or one workspace. The part
// before the colon says which of the two.
type Permission string

// The permissions the server itself asks for. A deployment may add others to
// its catalog, for the customer's own back end.
const (
	OrganizationAdmin         Permission = "organization:admin"
	OrganizationManage        Permission = "organization:manage"
	OrganizationManageMembers Permission = "organization:manage_members"
	OrganizationRead          Permission = "organization:read"
	OrganizationMember        Permission = "organization:member"

	WorkspaceAdmin  Permission = "workspace:admin"
	WorkspaceManage Permission = "workspace:manage"
	WorkspaceWrite  Permission = "workspace:write"
	WorkspaceRead   Permission = "workspace:read"
	WorkspaceMember Permission = "workspace:member"
)

// implied lists what a permission holds besides itself. The admin permissions
// hold everything of their scope and are not listed.
var implied = map[Permission][]Permission{
	OrganizationManage:        {OrganizationManageMembers, OrganizationRead, OrganizationMember},
	OrganizationManageMembers: {OrganizationMember}, // who manages plain members can remove them
	WorkspaceManage:           {WorkspaceWrite, WorkspaceRead, WorkspaceMember},
	WorkspaceWrite:            {WorkspaceRead},
}

// coveredBy reports whether have is the admin permission that holds p: that of
// p's scope, or of the tenant when p is one of a deployment's own, as
// "billing:write".
func (p Permission) coveredBy(have Permission) bool {
	switch scope, _, _ := strings.Cut(string(p), ":"); scope {
	case "organization":
		return have == OrganizationAdmin
	case "workspace":
		return have == WorkspaceAdmin
	default:
		return have == OrganizationAdmin || have == WorkspaceAdmin
	}
}

// Permissions are rights held together. In the database they are one text,
// separated by spaces.
type Permissions []Permission

// Hold reports whether p is among the permissions, implied by one of them, or
// covered by the admin permission of its scope.
func (ps Permissions) Hold(p Permission) bool {
	return slices.ContainsFunc(ps, func(have Permission) bool {
		return have == p || p.coveredBy(have) || slices.Contains(implied[have], p)
	})
}

// HoldAny reports whether at least one of want is held, or want is empty.
func (ps Permissions) HoldAny(want ...Permission) bool {
	return len(want) == 0 || slices.ContainsFunc(want, ps.Hold)
}

// Cover reports whether every one of want is held: the role ceiling. Nobody
// gives a role whose permissions theirs do not cover.
func (ps Permissions) Cover(want Permissions) bool {
	for _, p := range want {
		if !ps.Hold(p) {
			return false
		}
	}
	return true
}

func (ps Permissions) String() string {
	var b strings.Builder
	for i, p := range ps {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(string(p))
	}
	return b.String()
}

// Value is the text of the database.
func (ps Permissions) Value() (driver.Value, error) { return ps.String(), nil }

// Scan reads the text of the database; NULL is none.
func (ps *Permissions) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*ps = nil
	case string:
		*ps = ParsePermissions(v)
	case []byte:
		*ps = ParsePermissions(string(v))
	default:
		return fmt.Errorf("access: cannot read permissions from a %T", src)
	}
	return nil
}

// ParsePermissions reads a list separated by spaces.
func ParsePermissions(s string) Permissions {
	fields := strings.Fields(s)
	ps := make(Permissions, len(fields))
	for i, f := range fields {
		ps[i] = Permission(f)
	}
	return ps
}
