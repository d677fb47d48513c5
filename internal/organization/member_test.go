package organization

import (
	"context"
	"slices"
	"testing"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/id"
)

func (h *hall) removeMember(p someone, o id.Organization, m id.OrganizationMembership) error {
	_, err := call(h, "RemoveMember", p, inOrg(o), h.s.removeMember, memberInput{o, m})
	return err
}

func (h *hall) leave(p someone, o id.Organization) error {
	_, err := call(h, "LeaveOrganization", p, inOrg(o), h.s.leaveOrganization, organizationInput{o})
	return err
}

// changeRole does "add" or "remove".
func (h *hall) changeRole(p someone, how string, o id.Organization, m id.OrganizationMembership, role id.OrganizationRole) (changedMember, error) {
	if how == "add" {
		return call(h, "AddMemberRole", p, inOrg(o), h.s.addMemberRole, memberRoleInput{o, m, role})
	}
	return call(h, "RemoveMemberRole", p, inOrg(o), h.s.removeMemberRole, memberRoleInput{o, m, role})
}

// changeWorkspaceRole does "Add" or "Remove".
func (h *hall) changeWorkspaceRole(p someone, how string, w WorkspaceView, m id.WorkspaceMembership, role id.WorkspaceRole) (changedWorkspaceMember, error) {
	useCase := h.s.addWorkspaceMemberRole
	if how == "Remove" {
		useCase = h.s.removeWorkspaceMemberRole
	}
	return call(h, how+"WorkspaceMemberRole", p, inWs(w.ID), useCase, workspaceMemberRoleInput{w.ID, m, role})
}

func TestMembersPage(t *testing.T) {
	eachHall(t, func(t *testing.T, h *hall) {
		ana, zoe := h.person("Ana"), h.person("Zoe")
		acme := h.organization(ana, "Acme").Organization.ID
		role := h.d.Settings.B2B.DefaultOrgMemberRoleID
		for _, name := range []string{"Ben", "Cleo", "Dan", "Eve_1", "EveX1"} {
			h.joins(h.person(name), acme, role)
		}
		list := func(p someone, in listMembersInput) ([]string, PageMeta, error) {
			in.OrganizationID = acme
			page, err := call(h, "GetOrganizationMembers", p, inOrg(acme), h.s.listMembers, in)
			return viewsOf(page.Data, func(m MembershipView) string { return m.User.FirstName }), page.Meta, err
		}
		tests := map[string]struct {
			in   listMembersInput
			want []string
			meta PageMeta
		}{
			"without query":        {listMembersInput{}, []string{"Ana", "Ben", "Cleo", "Dan", "Eve_1", "EveX1"}, PageMeta{6, 1, 10, false}},
			"the second page":      {listMembersInput{Page: 2, Limit: 2}, []string{"Cleo", "Dan"}, PageMeta{6, 2, 2, true}},
			"beyond the end":       {listMembersInput{Page: 9, Limit: 2}, []string{}, PageMeta{6, 9, 2, false}},
			"by name, in any case": {listMembersInput{Search: " cLEO "}, []string{"Cleo"}, PageMeta{1, 1, 10, false}},
			"by address":           {listMembersInput{Search: "dan@EXAMPLE"}, []string{"Dan"}, PageMeta{1, 1, 10, false}},
			"signs are literal":    {listMembersInput{Search: "eve_1"}, []string{"Eve_1"}, PageMeta{1, 1, 10, false}},
			"as is a percent sign": {listMembersInput{Search: "%"}, []string{}, PageMeta{0, 1, 10, false}},
			"a page of a search":   {listMembersInput{Search: "eve", Limit: 1}, []string{"Eve_1"}, PageMeta{2, 1, 1, true}},
			"the rest of a search": {listMembersInput{Search: "example", Page: 2, Limit: 4}, []string{"Eve_1", "EveX1"}, PageMeta{6, 2, 4, false}},
			"beyond a search":      {listMembersInput{Search: "eve", Page: 9, Limit: 1}, []string{}, PageMeta{2, 9, 1, false}},
			"nobody like this":     {listMembersInput{Search: `\`}, []string{}, PageMeta{0, 1, 10, false}},
		}
		for name, test := range tests {
			t.Run(name, func(t *testing.T) {
				names, meta, err := list(ana, test.in)
				must(t, err)
				if !slices.Equal(names, test.want) || meta != test.meta {
					t.Errorf("got %v %+v, want %v %+v", names, meta, test.want, test.meta)
				}
			})
		}
		_, _, err := list(zoe, listMembersInput{})
		refuses(t, err, access.ErrNotFound)
		page, err := call(h, "GetOrganizationMembers", ana, inOrg(acme), h.s.listMembers, listMembersInput{OrganizationID: acme})
		must(t, err)
		first := page.Data[0]
		if first.Roles[0].Name != "Admin" || first.User.PrimaryEmail() != "ana@example.com" || first.Organization.MemberCount != 6 {
			t.Errorf("first member: %+v", first)
		}
	})
}

func TestMemberRoles(t *testing.T) {
	eachHall(t, func(t *testing.T, h *hall) {
		ana, ben, mia, zoe := h.person("Ana"), h.person("Ben"), h.person("Mia"), h.person("Zoe")
		b2b := h.d.Settings.B2B
		created := h.organization(ana, "Acme")
		acme, owner := created.Organization.ID, created.Membership.ID
		elsewhere := h.organization(zoe, "Other")
		member := h.joins(ben, acme, b2b.DefaultOrgMemberRoleID)
		h.joins(mia, acme, h.role(acme, "People", access.OrganizationManageMembers, access.OrganizationMember))

		tests := []struct {
			name   string
			who    someone
			how    string
			member id.OrganizationMembership
			role   id.OrganizationRole
			want   error
		}{
			{"a stranger sees nothing", zoe, "add", member, b2b.DefaultOrgMemberRoleID, access.ErrNotFound},
			{"a member may not", ben, "add", member, b2b.DefaultOrgCreatorRoleID, access.ErrForbidden},
			{"nobody gives more than they hold", mia, "add", member, b2b.DefaultOrgCreatorRoleID, ErrCeiling},
			{"a member of another organization", ana, "add", elsewhere.Membership.ID, b2b.DefaultOrgMemberRoleID, ErrMemberNotFound},
			{"a role of another organization", ana, "add", member, h.role(elsewhere.Organization.ID, "Theirs"), ErrRoleNotFound},
			{"a role that is not", ana, "add", member, 1, ErrRoleNotFound},
			{"a role that is held already", mia, "add", member, b2b.DefaultOrgMemberRoleID, nil},
			{"an administrator makes another", ana, "add", member, b2b.DefaultOrgCreatorRoleID, nil},
			{"nobody takes more than they hold", mia, "remove", member, b2b.DefaultOrgCreatorRoleID, ErrCeiling},
			{"one of two administrators steps down", ana, "remove", owner, b2b.DefaultOrgCreatorRoleID, nil},
			{"and may no longer give", ana, "add", owner, b2b.DefaultOrgCreatorRoleID, access.ErrForbidden},
			{"the last one cannot", ben, "remove", member, b2b.DefaultOrgCreatorRoleID, ErrLastAdmin},
			{"a role that is not held", ben, "remove", owner, b2b.DefaultOrgCreatorRoleID, nil},
		}
		for _, test := range tests {
			out, err := h.changeRole(test.who, test.how, acme, test.member, test.role)
			if test.want != nil {
				refuses(t, err, test.want)
				continue
			}
			must(t, err)
			held := slices.ContainsFunc(out.Roles, func(r RoleView) bool { return r.ID == test.role })
			if !out.Success || out.ID != test.member || held != (test.how == "add") {
				t.Errorf("%s: %+v", test.name, out)
			}
		}
		if n := h.count(`SELECT COUNT(*) FROM events WHERE name LIKE 'organization.member.role_%' AND organization_id = $1`, acme); n != 2 {
			t.Errorf("%d events for 2 changes", n)
		}
	})
}

// S21 and S29: removal takes everything along, at once.
func TestRemoveMember(t *testing.T) {
	eachHall(t, func(t *testing.T, h *hall) {
		ana, ben, mia, zoe := h.person("Ana"), h.person("Ben"), h.person("Mia"), h.person("Zoe")
		b2b := h.d.Settings.B2B
		created := h.organization(ana, "Acme")
		acme := created.Organization.ID
		design := h.workspace(ana, acme, "Design").Workspace
		benAt, miaAt := h.joins(ben, acme, b2b.DefaultOrgMemberRoleID), h.joins(mia, acme, h.role(acme, "People", access.OrganizationManageMembers, access.OrganizationMember))
		inDesign := h.joinsWorkspace(ben, benAt, design, b2b.DefaultWorkspaceMemberRoleID)
		h.exec(`UPDATE signins SET active_organization_membership_id = $1, active_workspace_membership_id = $2 WHERE id = $3`, benAt, inDesign, ben.signIn)
		other := h.organization(zoe, "Other")

		refuses(t, h.removeMember(ben, acme, miaAt), access.ErrForbidden)
		refuses(t, h.removeMember(mia, acme, created.Membership.ID), ErrCeiling)
		refuses(t, h.removeMember(ana, acme, other.Membership.ID), ErrMemberNotFound)
		refuses(t, h.removeMember(zoe, acme, benAt), access.ErrNotFound)
		must(t, h.removeMember(mia, acme, benAt))
		refuses(t, h.removeMember(mia, acme, benAt), ErrMemberNotFound)

		// S29: nothing of it is left for the person.
		if n := h.count(`SELECT COUNT(*) FROM organization_memberships WHERE user_id = $1 AND ended_at IS NULL`, ben.User); n != 0 {
			t.Error("the membership is still there")
		}
		if n := h.count(`SELECT COUNT(*) FROM workspace_memberships WHERE user_id = $1 AND ended_at IS NULL`, ben.User); n != 0 {
			t.Error("the workspace membership is still there")
		}
		if n := h.count(`SELECT COUNT(*) FROM signins WHERE id = $1 AND active_organization_membership_id IS NULL AND active_workspace_membership_id IS NULL`, ben.signIn); n != 1 {
			t.Error("a browser is still active there")
		}
		if h.organizationRow(acme).MemberCount != 2 || h.workspaceRow(design.ID).MemberCount != 1 {
			t.Error("the seats are not free")
		}
		refuses(t, h.leave(ben, acme), access.ErrNotFound)
		if n := h.count(`SELECT COUNT(*) FROM events WHERE name = 'organization.member.removed' AND actor_id = $1 AND subject_id = $2`, mia.User, ben.User); n != 1 {
			t.Errorf("%d events", n)
		}
		again := h.joins(ben, acme, b2b.DefaultOrgMemberRoleID)
		if again == benAt {
			t.Error("a person who comes back has the old membership")
		}
	})
}

func TestLastAdministrator(t *testing.T) {
	eachHall(t, func(t *testing.T, h *hall) {
		ana, ben := h.person("Ana"), h.person("Ben")
		b2b := h.d.Settings.B2B
		created := h.organization(ana, "Acme")
		acme := created.Organization.ID
		refuses(t, h.leave(ana, acme), ErrLastAdmin)
		refuses(t, h.removeMember(ana, acme, created.Membership.ID), ErrLastAdmin)
		benAt := h.joins(ben, acme, b2b.DefaultOrgMemberRoleID)
		refuses(t, h.leave(ana, acme), ErrLastAdmin)
		if h.organizationRow(acme).MemberCount != 2 {
			t.Error("a refused leave freed a seat")
		}
		_, err := h.changeRole(ana, "add", acme, benAt, b2b.DefaultOrgCreatorRoleID)
		must(t, err)

		h.exec(`UPDATE users SET disabled_at = 1 WHERE id = $1`, ben.User)
		refuses(t, h.leave(ana, acme), ErrLastAdmin) // one who cannot sign in is none
		h.exec(`UPDATE users SET disabled_at = NULL WHERE id = $1`, ben.User)
		must(t, h.leave(ana, acme))
		refuses(t, h.leave(ben, acme), ErrLastAdmin)
	})
}

// Workspaces keep an administrator of their own too, also when the person
// leaves the organization.
func TestLastWorkspaceAdministrator(t *testing.T) {
	eachHall(t, func(t *testing.T, h *hall) {
		ana, ben, cleo := h.person("Ana"), h.person("Ben"), h.person("Cleo")
		b2b := h.d.Settings.B2B
		acme := h.organization(ana, "Acme").Organization.ID
		h.joins(ben, acme, b2b.DefaultOrgMemberRoleID)
		made := h.workspace(ben, acme, "Design")
		leave := func(p someone) error {
			_, err := call(h, "LeaveWorkspace", p, inWs(made.Workspace.ID), h.s.leaveWorkspace, workspaceInput{made.Workspace.ID})
			return err
		}
		refuses(t, leave(ben), ErrLastAdmin)
		refuses(t, h.leave(ben, acme), ErrLastAdmin)
		refuses(t, leave(ana), ErrMemberNotFound) // administers it, but is not in it
		_, err := h.changeWorkspaceRole(ana, "Remove", made.Workspace, made.Membership.ID, b2b.DefaultWorkspaceCreatorRoleID)
		refuses(t, err, ErrLastAdmin)

		cleoAt := h.joinsWorkspace(cleo, h.joins(cleo, acme), made.Workspace, b2b.DefaultWorkspaceMemberRoleID)
		_, err = h.changeWorkspaceRole(cleo, "Add", made.Workspace, cleoAt, b2b.DefaultWorkspaceCreatorRoleID)
		refuses(t, err, access.ErrForbidden)
		_, err = h.changeWorkspaceRole(ana, "Add", made.Workspace, cleoAt, b2b.DefaultWorkspaceCreatorRoleID)
		must(t, err)
		must(t, h.leave(ben, acme))
		if w := h.workspaceRow(made.Workspace.ID); w.MemberCount != 1 {
			t.Errorf("%d members, want 1", w.MemberCount)
		}
		refuses(t, leave(cleo), ErrLastAdmin)
	})
}

func TestWorkspaceMembers(t *testing.T) {
	eachHall(t, func(t *testing.T, h *hall) {
		ana, ben, mia := h.person("Ana"), h.person("Ben"), h.person("Mia")
		b2b := h.d.Settings.B2B
		acme := h.organization(ana, "Acme").Organization.ID
		made := h.workspace(ana, acme, "Design")
		benAt := h.joinsWorkspace(ben, h.joins(ben, acme), made.Workspace, b2b.DefaultWorkspaceMemberRoleID)
		miaOrg := h.joins(mia, acme)
		list := func(p someone) (Page[WorkspaceMembershipView], error) {
			return call(h, "GetWorkspaceMembers", p, inWs(made.Workspace.ID), h.s.listWorkspaceMembers, listWorkspaceMembersInput{WorkspaceID: made.Workspace.ID})
		}
		remove := func(p someone, m id.WorkspaceMembership) error {
			_, err := call(h, "WorkspaceRemoveMember", p, inWs(made.Workspace.ID), h.s.removeWorkspaceMember, workspaceMemberInput{made.Workspace.ID, m})
			return err
		}
		page, err := list(ben)
		must(t, err)
		if page.Meta != (PageMeta{2, 1, 10, false}) || page.Data[1].PublicUserData.FirstName != "Ben" || page.Data[0].Organization.ID != acme {
			t.Errorf("members: %+v", page)
		}
		_, err = list(mia) // in the organization is not in the workspace
		refuses(t, err, access.ErrNotFound)
		refuses(t, remove(ben, made.Membership.ID), access.ErrForbidden)
		must(t, remove(ana, benAt))
		refuses(t, remove(ana, benAt), ErrMemberNotFound)

		// Only a member of the organization can be put into a workspace.
		must(t, h.leave(mia, acme))
		_, err = h.tryJoinWorkspace(mia, miaOrg, made.Workspace, 0)
		refuses(t, err, ErrMemberNotFound)
	})
}

// S7 for members and workspaces.
func TestSeats(t *testing.T) {
	eachHall(t, func(t *testing.T, h *hall) {
		ana := h.person("Ana")
		acme := h.organization(ana, "Acme").Organization.ID
		people := make([]someone, 8)
		for i := range people {
			people[i] = h.person("P" + string(rune('a'+i)))
		}
		members := make([]id.OrganizationMembership, len(people))
		errs := race(len(people), func(i int) (err error) { members[i], err = h.tryJoin(people[i], acme, 4); return err })
		if n := wins(t, errs, ErrSeats); n != 3 {
			t.Errorf("%d joined, 3 seats were free", n)
		}
		live := h.count(`SELECT COUNT(*) FROM organization_memberships WHERE organization_id = $1 AND ended_at IS NULL`, acme)
		if h.organizationRow(acme).MemberCount != 4 || live != 4 {
			t.Errorf("%d members counted, %d there", h.organizationRow(acme).MemberCount, live)
		}
		design := h.workspace(ana, acme, "Design").Workspace
		errs = race(len(people), func(i int) error {
			if members[i] == 0 {
				return ErrSeats
			}
			_, err := h.tryJoinWorkspace(people[i], members[i], design, 3)
			return err
		})
		if n := wins(t, errs, ErrSeats); n != 2 || h.workspaceRow(design.ID).MemberCount != 3 {
			t.Errorf("%d joined the workspace, %d members counted, 2 seats were free", n, h.workspaceRow(design.ID).MemberCount)
		}
	})
}

// S4, for joining: whoever joins many times at once is one member.
func TestOneMembership(t *testing.T) {
	eachHall(t, func(t *testing.T, h *hall) {
		ana, ben := h.person("Ana"), h.person("Ben")
		acme := h.organization(ana, "Acme").Organization.ID
		errs := race(8, func(int) error { _, err := h.tryJoin(ben, acme, 0); return err })
		if n := wins(t, errs, ErrAlreadyMember); n != 1 || h.organizationRow(acme).MemberCount != 2 {
			t.Errorf("%d joinings, %d members", n, h.organizationRow(acme).MemberCount)
		}
	})
}

// A role of another organization cannot come in with a new member.
func TestJoinWithForeignRole(t *testing.T) {
	eachHall(t, func(t *testing.T, h *hall) {
		ana, ben := h.person("Ana"), h.person("Ben")
		acme, other := h.organization(ana, "Acme").Organization.ID, h.organization(ana, "Other").Organization.ID
		_, err := h.tryJoin(ben, acme, 0, h.role(other, "Theirs", access.OrganizationAdmin))
		refuses(t, err, ErrRoleNotFound)
		if h.organizationRow(acme).MemberCount != 1 {
			t.Error("a refused joining took a seat")
		}
	})
}

// S28: two administrators who go at the same time, in whatever way, do not
// both get away.
func TestLastAdministratorRace(t *testing.T) {
	eachHall(t, func(t *testing.T, h *hall) {
		ana, ben := h.person("Ana"), h.person("Ben")
		admin := h.d.Settings.B2B.DefaultOrgCreatorRoleID
		ways := map[string]func(p, q someone, o id.Organization, own, others id.OrganizationMembership) error{
			"leave": func(p, _ someone, o id.Organization, _, _ id.OrganizationMembership) error { return h.leave(p, o) },
			"remove": func(p, _ someone, o id.Organization, _, others id.OrganizationMembership) error {
				return h.removeMember(p, o, others)
			},
			"demote": func(p, _ someone, o id.Organization, own, _ id.OrganizationMembership) error {
				_, err := h.changeRole(p, "remove", o, own, admin)
				return err
			},
		}
		for first, f := range ways {
			for second, g := range ways {
				created := h.organization(ana, "Acme")
				o, a := created.Organization.ID, created.Membership.ID
				b := h.joins(ben, o, admin)
				race(2, func(i int) error {
					if i == 0 {
						return f(ana, ben, o, a, b)
					}
					return g(ben, ana, o, b, a)
				})
				kept, err := h.s.queries.HasAdministrator(context.Background(), o)
				must(t, err)
				if !kept {
					t.Errorf("%s and %s left no administrator", first, second)
				}
			}
		}
	})
}

// A member who is removed while joining a workspace is in neither.
func TestRemovedWhileJoiningWorkspace(t *testing.T) {
	eachHall(t, func(t *testing.T, h *hall) {
		ana, ben := h.person("Ana"), h.person("Ben")
		acme := h.organization(ana, "Acme").Organization.ID
		design := h.workspace(ana, acme, "Design").Workspace
		for range 10 {
			benAt := h.joins(ben, acme)
			race(2, func(i int) error {
				if i == 0 {
					return h.removeMember(ana, acme, benAt)
				}
				_, err := h.tryJoinWorkspace(ben, benAt, design, 0)
				return err
			})
			if n := h.count(`SELECT COUNT(*) FROM workspace_memberships WHERE user_id = $1 AND ended_at IS NULL`, ben.User); n != 0 {
				t.Fatal("a workspace membership without one of the organization")
			}
			if w := h.workspaceRow(design.ID); w.MemberCount != 1 {
				t.Fatalf("%d members counted, want 1", w.MemberCount)
			}
		}
	})
}
