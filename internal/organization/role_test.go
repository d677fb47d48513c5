package organization

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/database/databasetest"
)

func TestParseRoleName(t *testing.T) {
	tests := map[string]struct {
		typed, name, key string
		err              error
	}{
		"as typed, folded to compare": {"Billing Ünit", "Billing Ünit", "billing ünit", nil},
		"with single spaces":          {"  Billing   Team ", "Billing Team", "billing team", nil},
		"with punctuation":            {"R&D (EU)", "R&D (EU)", "r&d (eu)", nil},
		"too short":                   {"x", "", "", ErrRoleNameInvalid},
		"too long":                    {strings.Repeat("x", 101), "", "", ErrRoleNameInvalid},
		"nothing invisible":           {"Admin\u200b", "", "", ErrRoleNameInvalid},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			name, key, err := parseRoleName(test.typed)
			if name != test.name || key != test.key || err != test.err {
				t.Errorf("parseRoleName(%q) = %q, %q, %v", test.typed, name, key, err)
			}
		})
	}
}

func TestParsePermissions(t *testing.T) {
	catalog := access.Permissions{access.OrganizationAdmin, access.OrganizationRead, "organization:billing"}
	tests := map[string]struct {
		asked []string
		want  access.Permissions
		err   error
	}{
		"none":                        {nil, access.Permissions{}, nil},
		"each once, as in the list":   {[]string{"organization:billing", "organization:read", "organization:billing"}, access.Permissions{access.OrganizationRead, "organization:billing"}, nil},
		"not in the list":             {[]string{"organization:manage"}, nil, ErrPermissionUnknown},
		"two in one text are neither": {[]string{"organization:read organization:admin"}, nil, ErrPermissionUnknown},
		"of the other scope":          {[]string{"workspace:admin"}, nil, ErrPermissionUnknown},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := parsePermissions(test.asked, catalog)
			if !slices.Equal(got, test.want) || err != test.err {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

func (h *hall) createRole(p someone, o id.Organization, name string, permissions ...string) (RoleView, error) {
	in := createRoleInput{OrganizationID: o}
	in.Body.Name, in.Body.Permissions = name, permissions
	return call(h, "CreateOrganizationRole", p, inOrg(o), h.s.createRole, in)
}

func (h *hall) deleteRole(p someone, o id.Organization, role id.OrganizationRole) error {
	_, err := call(h, "RemoveOrganizationRoles", p, inOrg(o), h.s.deleteRole, roleInput{o, role})
	return err
}

func TestRoles(t *testing.T) {
	eachHall(t, func(t *testing.T, h *hall) {
		ana, ben, zoe := h.person("Ana"), h.person("Ben"), h.person("Zoe")
		acme, other := h.organization(ana, "Acme").Organization.ID, h.organization(zoe, "Other").Organization.ID
		b2b := h.d.Settings.B2B
		member := h.joins(ben, acme, b2b.DefaultOrgMemberRoleID)

		billing, err := h.createRole(ana, acme, "Billing", "organization:read")
		must(t, err)
		if billing.OrganizationID != acme || billing.IsDeploymentLevel || billing.IsSystemRole {
			t.Errorf("own role: %+v", billing)
		}
		_, err = h.createRole(ana, acme, " BILLING ")
		refuses(t, err, ErrRoleNameTaken)
		_, err = h.createRole(ana, acme, "admin")
		refuses(t, err, ErrRoleNameTaken)
		_, err = h.createRole(ana, acme, "Root", "root")
		refuses(t, err, ErrPermissionUnknown)
		_, err = h.createRole(ben, acme, "Mine")
		refuses(t, err, access.ErrForbidden)
		_, err = h.createRole(zoe, acme, "Mine")
		refuses(t, err, access.ErrNotFound)
		_, err = h.createRole(zoe, other, "Billing")
		must(t, err) // a name is taken within its organization only

		list, err := call(h, "GetOrganizationRoles", ben, inOrg(acme), h.s.listRoles, organizationInput{acme})
		must(t, err)
		names := viewsOf(list, func(r RoleView) string {
			return fmt.Sprint(r.Name, " ", r.IsDeploymentLevel, r.IsSystemRole, r.OrganizationID == 0)
		})
		if !slices.Equal(names, []string{"Admin true true true", "Member true true true", "Billing false false false"}) {
			t.Errorf("roles: %v", names)
		}

		refuses(t, h.deleteRole(ana, acme, b2b.DefaultOrgMemberRoleID), ErrRoleFixed)
		refuses(t, h.deleteRole(zoe, other, billing.ID), ErrRoleNotFound)
		refuses(t, h.deleteRole(ben, acme, billing.ID), access.ErrForbidden)
		_, err = h.changeRole(ana, "add", acme, member, billing.ID)
		must(t, err)
		refuses(t, h.deleteRole(ana, acme, billing.ID), ErrRoleInUse)
		_, err = h.changeRole(ana, "remove", acme, member, billing.ID)
		must(t, err)
		must(t, h.deleteRole(ana, acme, billing.ID))
		refuses(t, h.deleteRole(ana, acme, billing.ID), ErrRoleNotFound)
		_, err = h.changeRole(ana, "add", acme, member, billing.ID)
		refuses(t, err, ErrRoleNotFound)
		_, err = h.createRole(ana, acme, "Billing")
		must(t, err) // the name is free again

		h.set(func(b *deployment.B2BSettings) { b.CustomOrgRoleEnabled = false })
		_, err = h.createRole(ana, acme, "Second")
		refuses(t, err, ErrCustomRolesOff)
	})
}

// Two at once with one name: the unique index lets one through.
func TestRoleNameRace(t *testing.T) {
	eachHall(t, func(t *testing.T, h *hall) {
		ana := h.person("Ana")
		acme := h.organization(ana, "Acme").Organization.ID
		errs := race(8, func(i int) error { _, err := h.createRole(ana, acme, "Billing"); return err })
		if n := wins(t, errs, ErrRoleNameTaken); n != 1 {
			t.Errorf("%d roles with one name", n)
		}
	})
}

// A role that is given while it is deleted is not left in somebody's hands.
func TestRoleDeletedWhileGiven(t *testing.T) {
	eachHall(t, func(t *testing.T, h *hall) {
		ana, ben := h.person("Ana"), h.person("Ben")
		acme := h.organization(ana, "Acme").Organization.ID
		member := h.joins(ben, acme)
		for i := range 10 {
			role, err := h.createRole(ana, acme, fmt.Sprint("Role ", i))
			must(t, err)
			errs := race(2, func(i int) error {
				if i == 0 {
					return h.deleteRole(ana, acme, role.ID)
				}
				_, err := h.changeRole(ana, "add", acme, member, role.ID)
				return err
			})
			if (errs[0] == nil) == (errs[1] == nil) {
				t.Fatalf("deletion: %v, giving: %v", errs[0], errs[1])
			}
		}
	})
}

// S5, for roles: whatever two sets of permissions are, somebody with the first
// can create, delete, give and take a role with the second only if the first covers
// it, and can remove whoever holds it likewise.
func TestRoleCeiling(t *testing.T) {
	catalog := []access.Permission{
		access.OrganizationAdmin, access.OrganizationManage, access.OrganizationManageMembers,
		access.OrganizationRead, access.OrganizationMember, "organization:billing",
	}
	h := newHall(t, databasetest.Open(t, database.SQLite, nil))
	h.set(func(b *deployment.B2BSettings) { b.OrganizationPermissions = catalog })
	owner := h.person("Owner")
	acme := h.organization(owner, "Acme").Organization.ID
	n := 0
	sets := rapid.SliceOfNDistinct(rapid.SampledFrom(catalog), 0, len(catalog), rapid.ID)
	rapid.Check(t, func(r *rapid.T) {
		have, want := access.Permissions(sets.Draw(r, "have")), access.Permissions(sets.Draw(r, "want"))
		n++
		actor, subject := h.person(fmt.Sprint("actor", n)), h.person(fmt.Sprint("subject", n))
		h.joins(actor, acme, h.role(acme, fmt.Sprint("have", n), have...))
		role := h.role(acme, fmt.Sprint("want", n), want...)
		member := h.joins(subject, acme)
		covers := have.Cover(want)

		check := func(what string, needs access.Permission, err error) {
			var expected error
			switch {
			case !have.Hold(needs):
				expected = access.ErrForbidden
			case !covers:
				expected = ErrCeiling
			}
			if !errors.Is(err, expected) || (expected == nil) != (err == nil) {
				r.Fatalf("%s: %v with %v: got %v, want %v", what, have, want, err, expected)
			}
		}
		_, err := h.createRole(actor, acme, fmt.Sprint("made", n), texts(want)...)
		check("create", access.OrganizationManage, err)
		check("delete", access.OrganizationManage, h.deleteRole(actor, acme, h.role(acme, fmt.Sprint("spare", n), want...)))
		_, err = h.changeRole(actor, "add", acme, member, role)
		check("give", access.OrganizationManageMembers, err)
		if err != nil {
			_, err = h.changeRole(owner, "add", acme, member, role)
			must(t, err)
		}
		err = h.removeMember(actor, acme, member)
		check("remove", access.OrganizationManageMembers, err)
		if err != nil {
			_, err = h.changeRole(actor, "remove", acme, member, role)
			check("take", access.OrganizationManageMembers, err)
		}
	})
}

func texts(permissions access.Permissions) []string {
	return viewsOf(permissions, func(p access.Permission) string { return string(p) })
}

func TestWorkspaceRoles(t *testing.T) {
	eachHall(t, func(t *testing.T, h *hall) {
		ana, ben, mia, zoe := h.person("Ana"), h.person("Ben"), h.person("Mia"), h.person("Zoe")
		b2b := h.d.Settings.B2B
		acme := h.organization(ana, "Acme").Organization.ID
		design, sales := h.workspace(ana, acme, "Design").Workspace, h.workspace(ana, acme, "Sales").Workspace
		member := h.joinsWorkspace(ben, h.joins(ben, acme), design, b2b.DefaultWorkspaceMemberRoleID)
		create := func(p someone, w WorkspaceView, name string, permissions ...string) (WorkspaceRoleView, error) {
			in := createWorkspaceRoleInput{WorkspaceID: w.ID}
			in.Body.Name, in.Body.Permissions = name, permissions
			return call(h, "CreateWorkspaceRole", p, inWs(w.ID), h.s.createWorkspaceRole, in)
		}
		remove := func(p someone, w WorkspaceView, role id.WorkspaceRole) error {
			_, err := call(h, "DeleteWorkspaceRole", p, inWs(w.ID), h.s.deleteWorkspaceRole, workspaceRoleInput{w.ID, role})
			return err
		}
		editor, err := create(ana, design, "Editor", "workspace:write")
		must(t, err)
		_, err = create(ana, design, "editor")
		refuses(t, err, ErrRoleNameTaken)
		_, err = create(ana, sales, "Editor")
		must(t, err)
		_, err = create(ben, design, "Mine")
		refuses(t, err, access.ErrForbidden)
		_, err = create(zoe, design, "Mine")
		refuses(t, err, access.ErrNotFound)
		_, err = create(ana, design, "Root", "organization:admin")
		refuses(t, err, ErrPermissionUnknown)

		manager, err := create(ana, design, "Manager", "workspace:manage")
		must(t, err)
		root, err := create(ana, design, "Root", "workspace:admin")
		must(t, err)
		h.joinsWorkspace(mia, h.joins(mia, acme), design, manager.ID)
		_, err = create(mia, design, "King", "workspace:admin")
		refuses(t, err, ErrCeiling)
		refuses(t, remove(mia, design, root.ID), ErrCeiling)
		must(t, remove(ana, design, root.ID))

		list, err := call(h, "GetWorkspaceRoles", ben, inWs(design.ID), h.s.listWorkspaceRoles, workspaceInput{design.ID})
		must(t, err)
		if len(list) != 4 || !list[0].IsDeploymentLevel || list[0].WorkspaceID != 0 || list[2].ID != editor.ID || list[3].ID != manager.ID {
			t.Errorf("roles: %+v", list)
		}
		_, err = h.changeWorkspaceRole(ana, "Add", design, member, editor.ID)
		must(t, err)
		refuses(t, remove(ana, design, editor.ID), ErrRoleInUse)
		refuses(t, remove(ana, sales, editor.ID), ErrRoleNotFound)
		refuses(t, remove(ana, design, b2b.DefaultWorkspaceMemberRoleID), ErrRoleFixed)
		_, err = h.changeWorkspaceRole(ana, "Remove", design, member, editor.ID)
		must(t, err)
		must(t, remove(ana, design, editor.ID))
		_, err = findWorkspaceRole(context.Background(), h.s.queries, design.ID, editor.ID)
		refuses(t, err, ErrRoleNotFound)
	})
}
