package organization

import (
	"context"
	"fmt"
	"testing"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
)

// administrator is somebody who administers an organization and its workspace.
type administrator struct {
	someone
	at id.OrganizationMembership
	in id.WorkspaceMembership
}

// ways are all in which an administrator goes, or has another one go.
var ways = map[string]func(s scene, p, other administrator) error{
	"leave the organization":           func(s scene, p, _ administrator) error { return s.leave(p.someone, s.org) },
	"remove from the organization":     func(s scene, p, other administrator) error { return s.removeMember(p.someone, s.org, other.at) },
	"be a member like others":          func(s scene, p, _ administrator) error { return s.demote(p, p) },
	"demote":                           func(s scene, p, other administrator) error { return s.demote(p, other) },
	"delete the account":               func(s scene, p, _ administrator) error { return s.deleteAccount(p.someone) },
	"leave the workspace":              func(s scene, p, _ administrator) error { return s.leaveWorkspace(p.someone) },
	"remove from the workspace":        func(s scene, p, other administrator) error { return s.removeFromWorkspace(p.someone, other.in) },
	"be a member of it like others":    func(s scene, p, _ administrator) error { return s.demoteInside(p, p) },
	"demote in the workspace":          func(s scene, p, other administrator) error { return s.demoteInside(p, other) },
	"delete the workspace":             func(s scene, p, _ administrator) error { return s.deleteWorkspace(p.someone) },
	"delete the organization with all": func(s scene, p, _ administrator) error { return s.deleteOrganization(p.someone, s.org) },
}

func (s scene) demote(p, other administrator) error {
	_, err := s.changeRole(p.someone, "remove", s.org, other.at, s.admin)
	return err
}

func (s scene) demoteInside(p, other administrator) error {
	_, err := s.changeWorkspaceRole(p.someone, "Remove", s.ws, other.in, s.leader)
	return err
}

func (s scene) leaveWorkspace(p someone) error {
	_, err := call(s.hall, "LeaveWorkspace", p, inWs(s.ws.ID), s.s.leaveWorkspace, workspaceInput{s.ws.ID})
	return err
}

func (s scene) deleteWorkspace(p someone) error {
	_, err := call(s.hall, "DeleteWorkspace", p, inWs(s.ws.ID), s.s.deleteWorkspace, workspaceInput{s.ws.ID})
	return err
}

// deleteAccount is what package account does with organizations.
func (s scene) deleteAccount(p someone) error {
	ctx := access.WithCaller(context.Background(), &access.Caller{Deployment: s.d.ID, User: p.User})
	return s.db.InTx(ctx, func(tx *database.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT id FROM users WHERE id = $1 FOR UPDATE`, p.User); err != nil {
			return err
		}
		return s.s.LeaveAll(ctx, tx)
	})
}

// S28: of two administrators who go at once, each in whatever way, one stays:
// in the organization and in the workspace, as long as they are there.
func TestSomebodyAdministers(t *testing.T) {
	eachHall(t, func(t *testing.T, h *hall) {
		round := 0
		for first, f := range ways {
			for second, g := range ways {
				round++
				someone := func(name string) someone { return h.person(fmt.Sprint(name, round)) }
				s := h.scene(someone("Ana"), someone("Ben"), someone("Cleo"))
				a := administrator{s.ana, s.membershipOf(s.ana), s.anaIn}
				b := administrator{s.ben, s.benAt, s.benIn}
				race(2, func(i int) error {
					if i == 0 {
						return f(s, a, b)
					}
					return g(s, b, a)
				})
				if n := h.count(`SELECT COUNT(*) FROM organizations WHERE id = $1 AND ended_at IS NULL`, s.org); n == 1 {
					if kept, err := h.s.queries.HasAdministrator(t.Context(), s.org); err != nil || !kept {
						t.Errorf("%q and %q: nobody administers the organization: %v", first, second, err)
					}
				}
				if n := h.count(`SELECT COUNT(*) FROM workspaces WHERE id = $1 AND ended_at IS NULL`, s.ws.ID); n == 1 {
					if kept, err := h.s.queries.HasWorkspaceAdministrator(t.Context(), s.ws.ID); err != nil || !kept {
						t.Errorf("%q and %q: nobody administers the workspace: %v", first, second, err)
					}
				}
			}
		}
	})
}

func (s scene) membershipOf(p someone) id.OrganizationMembership {
	s.t.Helper()
	grant, err := grantOf(context.Background(), s.s.queries, s.org, p.User)
	must(s.t, err)
	return grant.Membership
}
