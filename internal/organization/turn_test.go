package organization

import (
	"errors"
	"testing"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/id"
)

// scene is an organization with a workspace that Ana founded, which Ben
// administers too, and of which Cleo is a member.
type scene struct {
	*hall
	ana, ben, cleo   someone
	org              id.Organization
	ws               WorkspaceView
	benAt, cleoAt    id.OrganizationMembership
	anaIn, benIn     id.WorkspaceMembership
	admin, spare     id.OrganizationRole
	leader, spareToo id.WorkspaceRole
}

func (h *hall) scene(ana, ben, cleo someone) scene {
	h.t.Helper()
	made := h.organization(ana, "Acme")
	w := h.workspace(ana, made.Organization.ID, "Design")
	s := scene{hall: h, ana: ana, ben: ben, cleo: cleo, org: made.Organization.ID, ws: w.Workspace, anaIn: w.Membership.ID}
	s.admin, s.leader = h.d.Settings.B2B.DefaultOrgCreatorRoleID, h.d.Settings.B2B.DefaultWorkspaceCreatorRoleID
	s.benAt, s.cleoAt = h.joins(ben, s.org, s.admin), h.joins(cleo, s.org)
	s.benIn = h.joinsWorkspace(ben, s.benAt, s.ws, s.leader)
	s.spare = h.role(s.org, "Spare", access.OrganizationRead)
	spare, err := s.createWorkspaceRole(ana, "Spare")
	must(h.t, err)
	s.spareToo = spare.ID
	return s
}

func (s scene) createWorkspaceRole(p someone, name string, permissions ...string) (WorkspaceRoleView, error) {
	in := createWorkspaceRoleInput{WorkspaceID: s.ws.ID}
	in.Body.Name, in.Body.Permissions = name, permissions
	return call(s.hall, "CreateWorkspaceRole", p, inWs(s.ws.ID), s.s.createWorkspaceRole, in)
}

func (s scene) removeFromWorkspace(p someone, m id.WorkspaceMembership) error {
	_, err := call(s.hall, "WorkspaceRemoveMember", p, inWs(s.ws.ID), s.s.removeWorkspaceMember, workspaceMemberInput{s.ws.ID, m})
	return err
}

// what Ben may do, and then not any more.
var administration = map[string]func(s scene) error{
	"be administrator again": func(s scene) error {
		_, err := s.changeRole(s.ben, "add", s.org, s.benAt, s.admin)
		return err
	},
	"make another one": func(s scene) error {
		_, err := s.changeRole(s.ben, "add", s.org, s.cleoAt, s.admin)
		return err
	},
	"remove a member": func(s scene) error { return s.removeMember(s.ben, s.org, s.cleoAt) },
	"create a role": func(s scene) error {
		_, err := s.hall.createRole(s.ben, s.org, "Another", string(access.OrganizationRead))
		return err
	},
	"delete a role": func(s scene) error { return s.deleteRole(s.ben, s.org, s.spare) },
	"update": func(s scene) error {
		in, name := updateOrganizationInput{OrganizationID: s.org}, "Mine"
		in.Body.Name = &name
		_, err := call(s.hall, "UpdateOrganization", s.ben, inOrg(s.org), s.s.updateOrganization, in)
		return err
	},
	"delete": func(s scene) error { return s.deleteOrganization(s.ben, s.org) },
	"lead the workspace again": func(s scene) error {
		_, err := s.changeWorkspaceRole(s.ben, "Add", s.ws, s.benIn, s.leader)
		return err
	},
	"remove a member of the workspace": func(s scene) error { return s.removeFromWorkspace(s.ben, s.anaIn) },
	"create a role of the workspace": func(s scene) error {
		_, err := s.createWorkspaceRole(s.ben, "Another", string(access.WorkspaceRead))
		return err
	},
	"delete a role of the workspace": func(s scene) error {
		_, err := call(s.hall, "DeleteWorkspaceRole", s.ben, inWs(s.ws.ID), s.s.deleteWorkspaceRole, workspaceRoleInput{s.ws.ID, s.spareToo})
		return err
	},
	"update the workspace": func(s scene) error {
		in, name := updateWorkspaceInput{WorkspaceID: s.ws.ID}, "Mine"
		in.Body.Name = &name
		_, err := call(s.hall, "UpdateWorkspace", s.ben, inWs(s.ws.ID), s.s.updateWorkspace, in)
		return err
	},
	"delete the workspace": func(s scene) error {
		_, err := call(s.hall, "DeleteWorkspace", s.ben, inWs(s.ws.ID), s.s.deleteWorkspace, workspaceInput{s.ws.ID})
		return err
	},
}

// S5, S21: who was demoted or removed a moment ago changes nothing any more, not
// even by a request that was let in before.
func TestRightsAreAskedForAgain(t *testing.T) {
	losses := map[string]struct {
		lose   func(s scene)
		events int64
		want   error
	}{
		"demoted": {func(s scene) {
			_, err := s.changeRole(s.ana, "remove", s.org, s.benAt, s.admin)
			must(t, err)
			_, err = s.changeWorkspaceRole(s.ana, "Remove", s.ws, s.benIn, s.leader)
			must(t, err)
		}, 2, access.ErrForbidden},
		"removed": {func(s scene) { must(t, s.removeMember(s.ana, s.org, s.benAt)) }, 1, access.ErrNotFound},
	}
	eachHall(t, func(t *testing.T, h *hall) {
		ana, ben, cleo := h.person("Ana"), h.person("Ben"), h.person("Cleo")
		for request, send := range administration {
			for name, loss := range losses {
				s := h.scene(ana, ben, cleo)
				before := h.count(`SELECT COUNT(*) FROM events`)
				h.meanwhile = func() {
					h.meanwhile = func() {}
					loss.lose(s)
				}
				if err := send(s); !errors.Is(err, loss.want) {
					t.Errorf("%s, %s: got %v, want %v", name, request, err, loss.want)
				}
				if n := h.count(`SELECT COUNT(*) FROM events`) - before; n != loss.events {
					t.Errorf("%s, %s: %d changes, want %d", name, request, n, loss.events)
				}
			}
			if err := send(h.scene(ana, ben, cleo)); err != nil {
				t.Errorf("%s: %v", request, err)
			}
		}
	})
}

// Of two administrators who remove each other at once, one goes and one stays.
func TestRemovingEachOther(t *testing.T) {
	eachHall(t, func(t *testing.T, h *hall) {
		ana, ben, cleo := h.person("Ana"), h.person("Ben"), h.person("Cleo")
		for range 5 {
			s := h.scene(cleo, ben, ana)
			_, err := h.changeRole(cleo, "add", s.org, s.cleoAt, s.admin)
			must(t, err)
			errs := race(2, func(i int) error {
				if i == 0 {
					return h.removeMember(ana, s.org, s.benAt)
				}
				return h.removeMember(ben, s.org, s.cleoAt)
			})
			if n := wins(t, errs, access.ErrNotFound); n != 1 {
				t.Fatalf("%d of two have removed each other", n)
			}
		}
	})
}
