package organization

import (
	"slices"
	"testing"

	"github.com/guildhall-id/guildhall/internal/event"
	"github.com/guildhall-id/guildhall/internal/id"
)

// What is done to a person is found by that person, whatever membership it was
// done to.
func TestAuditOfMembers(t *testing.T) {
	eachHall(t, func(t *testing.T, h *hall) {
		ana, ben := h.person("Ana"), h.person("Ben")
		acme := h.organization(ana, "Acme").Organization.ID
		design := h.workspace(ana, acme, "Design").Workspace
		b2b := h.d.Settings.B2B
		at := h.joins(ben, acme, b2b.DefaultOrgMemberRoleID)
		in := h.joinsWorkspace(ben, at, design, b2b.DefaultWorkspaceMemberRoleID)
		for _, how := range []string{"add", "remove"} {
			_, err := h.changeRole(ana, how, acme, at, b2b.DefaultOrgCreatorRoleID)
			must(t, err)
		}
		for _, how := range []string{"Add", "Remove"} {
			_, err := h.changeWorkspaceRole(ana, how, design, in, b2b.DefaultWorkspaceCreatorRoleID)
			must(t, err)
		}
		_, err := call(h, "WorkspaceRemoveMember", ana, inWs(design.ID), h.s.removeWorkspaceMember, workspaceMemberInput{design.ID, in})
		must(t, err)
		must(t, h.removeMember(ana, acme, at))
		var got []string
		for page, err := range event.Pages(t.Context(), h.db, event.Filter{Deployment: h.d.ID, People: []id.User{ben.User}}) {
			must(t, err)
			for _, record := range page {
				got = append(got, record.Name)
			}
		}
		want := []string{
			"organization.member.added", "workspace.member.added", "organization.member.role_added", "organization.member.role_removed",
			"workspace.member.role_added", "workspace.member.role_removed", "workspace.member.removed", "organization.member.removed",
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %v", got)
		}
	})
}
