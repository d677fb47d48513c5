package organization

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/user"
)

// create invites through the use case.
func (w *world) create(ctx context.Context, email string, o offer) (InvitationView, error) {
	in := inviteMemberInput{OrganizationID: w.acme}
	in.Body.Email, in.Body.RoleID, in.Body.WorkspaceID, in.Body.WorkspaceRoleID = email, o.Role, o.Workspace, o.WorkspaceRole
	return w.service.inviteMember(ctx, in)
}

// S6: what an invitation names belongs to its organization, else nothing happens.
func TestInviting(t *testing.T) {
	eachWorld(t, Limits{}, func(t *testing.T, w *world) {
		manager := w.member("manager@acme.test", access.Permissions{access.OrganizationManageMembers}, nil)
		plain := w.member("plain@acme.test", access.Permissions{access.OrganizationMember}, nil)
		lead := w.member("lead@acme.test", access.Permissions{access.OrganizationMember}, access.Permissions{access.WorkspaceManage})
		hall := w.workspace(w.acme, "Hall", w.owner)
		foreignWorkspace := w.workspace(w.rival, "Den", w.rivalOwner)
		adminRole, foreignRole := w.role(w.acme, access.OrganizationAdmin), w.role(w.rival, access.OrganizationMember)
		labAdmin, hallRole := w.workspaceRole(w.lab, access.WorkspaceAdmin), w.workspaceRole(hall, access.WorkspaceMember)

		w.invited("pending@new.test")
		tests := map[string]struct {
			inviter id.User
			email   string
			offer   offer
			want    error
		}{
			"an administrator invites with the default role":        {w.owner, "a@new.test", offer{}, nil},
			"and as an administrator":                               {w.owner, "b@new.test", offer{Role: adminRole}, nil},
			"and into a workspace":                                  {w.owner, "c@new.test", offer{Workspace: w.lab}, nil},
			"with a role of the workspace":                          {w.owner, "d@new.test", offer{Workspace: w.lab, WorkspaceRole: labAdmin}, nil},
			"somebody who manages members invites members":          {manager, "e@new.test", offer{}, nil},
			"but no administrators":                                 {manager, "f@new.test", offer{Role: adminRole}, ErrRoleAbove},
			"nor into a workspace where they hold nothing":          {manager, "f@new.test", offer{Workspace: w.lab}, ErrRoleAbove},
			"a member invites nobody":                               {plain, "f@new.test", offer{}, access.ErrForbidden},
			"not into a workspace either":                           {plain, "f@new.test", offer{Workspace: w.lab}, access.ErrForbidden},
			"a workspace's manager invites into it":                 {lead, "g@new.test", offer{Workspace: w.lab}, nil},
			"not into the organization alone":                       {lead, "f@new.test", offer{}, access.ErrForbidden},
			"not into another workspace":                            {lead, "f@new.test", offer{Workspace: hall}, access.ErrForbidden},
			"not as its administrator":                              {lead, "f@new.test", offer{Workspace: w.lab, WorkspaceRole: labAdmin}, ErrRoleAbove},
			"not as the organization's":                             {lead, "f@new.test", offer{Role: adminRole, Workspace: w.lab}, ErrRoleAbove},
			"another organization's role does not exist":            {w.owner, "f@new.test", offer{Role: foreignRole}, ErrRoleNotFound},
			"nor does its workspace":                                {w.owner, "f@new.test", offer{Workspace: foreignWorkspace}, ErrWorkspaceNotFound},
			"nor another workspace's role":                          {w.owner, "f@new.test", offer{Workspace: w.lab, WorkspaceRole: hallRole}, ErrRoleNotFound},
			"nor an unknown role":                                   {w.owner, "f@new.test", offer{Role: 12345}, ErrRoleNotFound},
			"a workspace role needs its workspace":                  {w.owner, "f@new.test", offer{WorkspaceRole: labAdmin}, ErrWorkspaceRoleAlone},
			"an address has to be one":                              {w.owner, "f@new.test\r\nBcc: x@y.test", offer{}, user.ErrEmailInvalid},
			"a list is not one":                                     {w.owner, "f@new.test,g@new.test", offer{}, user.ErrEmailInvalid},
			"one pending invitation is enough":                      {w.owner, "Pending@NEW.test", offer{}, ErrInvitedAlready},
			"to a workspace it is another one":                      {w.owner, "pending@new.test", offer{Workspace: hall}, nil},
			"members are not invited":                               {w.owner, "plain@acme.test", offer{}, ErrMemberAlready},
			"but into a workspace that they are not in":             {w.owner, "plain@acme.test", offer{Workspace: w.lab}, nil},
			"members of the workspace are not invited into it":      {w.owner, "lead@acme.test", offer{Workspace: w.lab}, ErrMemberAlready},
			"a member of another organization is invited as anyone": {w.owner, "owner@rival.test", offer{}, nil},
		}
		before := w.count("SELECT count(*) FROM organization_invitations")
		var good int64
		for name, test := range tests {
			t.Run(name, func(t *testing.T) {
				view, err := w.create(w.as(test.inviter), test.email, test.offer)
				equal(t, test.want, err)
				if err == nil {
					good++
					equal(t, pending, view.Status)
					equal(t, view.CreatedAt.Add(10*24*time.Hour), view.ExpiresAt)
				}
			})
		}
		equal(t, before+good, w.count("SELECT count(*) FROM organization_invitations"))
		equal(t, before+good, w.count("SELECT count(*) FROM mails WHERE kind = 'invitation'"))
		equal(t, before+good, w.count("SELECT count(*) FROM events WHERE name = 'organization.invitation.created'"))
		equal(t, int64(0), w.count("SELECT count(*) FROM events WHERE data LIKE '%inv\\_%' ESCAPE '\\' OR data LIKE '%inm\\_%' ESCAPE '\\'"))
	})
}

func TestInvitingIsSwitchedOff(t *testing.T) {
	eachWorld(t, Limits{}, func(t *testing.T, w *world) {
		w.settings(func(s *deployment.Settings) { s.B2B.WorkspacesEnabled = false })
		_, err := w.create(w.as(w.owner), "a@new.test", offer{Workspace: w.lab})
		equal(t, deployment.ErrFeatureDisabled, err)
		w.settings(func(s *deployment.Settings) { s.B2B.DefaultOrgMemberRoleID = 0 })
		_, err = w.create(w.as(w.owner), "a@new.test", offer{})
		equal(t, ErrDefaultRoleMissing, err)
	})
}

// TestAnExpiredOneBlocksNobody: it is closed by the one that replaces it, and
// its link stays dead.
func TestAnExpiredOneBlocksNobody(t *testing.T) {
	eachWorld(t, Limits{}, func(t *testing.T, w *world) {
		old := w.invited("new@new.test")
		w.advance(invitationLife)
		next := w.invited("new@new.test")
		equal(t, closed, w.read(old).Status)
		equal(t, pending, w.read(next).Status)
		a, err := w.accept(w.browser(w.person("new@new.test")), w.listed(old))
		noError(t, err)
		equal(t, "INVITATION_EXPIRED", a.ErrorCode)
		equal(t, "new@new.test", a.InvitedEmail)
	})
}

func TestInvitationsPerHour(t *testing.T) {
	eachWorld(t, Limits{InvitationsPerHour: 3, ResendsPerHour: 2}, func(t *testing.T, w *world) {
		for i := range 3 {
			w.invited(fmt.Sprintf("%d@new.test", i))
		}
		_, err := w.create(w.as(w.owner), "3@new.test", offer{})
		equal(t, ErrManyInvitations, err)
		w.advance(time.Hour + time.Second)
		inv := w.invited("3@new.test")

		in := invitationInput{w.acme, inv.ID}
		for range 2 {
			_, err = w.service.resendInvitation(w.as(w.owner), in)
			noError(t, err)
		}
		_, err = w.service.resendInvitation(w.as(w.owner), in)
		equal(t, ErrManyResends, err)
		equal(t, int64(3), w.read(inv).Generation)
		w.advance(time.Hour + time.Second)
		_, err = w.service.resendInvitation(w.as(w.owner), in)
		noError(t, err)
	})
}

func TestPromisedSeats(t *testing.T) {
	eachWorld(t, Limits{}, func(t *testing.T, w *world) {
		plain := w.member("plain@acme.test", access.Permissions{access.OrganizationMember}, nil)
		_ = plain
		w.settings(func(s *deployment.Settings) { s.B2B.MaxAllowedOrgMembers, s.B2B.MaxAllowedWorkspaceMembers = 4, 3 })
		w.invited("a@new.test")
		w.invited("b@new.test")
		_, err := w.create(w.as(w.owner), "c@new.test", offer{})
		equal(t, ErrSeatsPromised, err)
		_, err = w.create(w.as(w.owner), "plain@acme.test", offer{Workspace: w.lab})
		noError(t, err) // takes no seat of the organization
		w.advance(invitationLife)
		w.invited("c@new.test") // the others have expired
	})
}

// S7: an expired invitation that is sent again takes a place like a new one.
func TestExpiredOnesComeBackWhereThereIsRoom(t *testing.T) {
	eachWorld(t, Limits{}, func(t *testing.T, w *world) {
		w.settings(func(s *deployment.Settings) { s.B2B.MaxAllowedOrgMembers = 2 })
		resend := func(inv Invitation) error {
			_, err := w.service.resendInvitation(w.as(w.owner), invitationInput{w.acme, inv.ID})
			return err
		}
		old := w.invited("a@new.test")
		noError(t, resend(old))
		w.advance(invitationLife)
		recent := w.invited("b@new.test")
		equal(t, error(ErrSeatsPromised), resend(old))
		noError(t, resend(recent)) // has its place
		w.advance(invitationLife)
		noError(t, resend(old))
		equal(t, error(ErrSeatsPromised), resend(recent))

		w.settings(func(s *deployment.Settings) { s.B2B.MaxAllowedOrgMembers = 0 })
		w.advance(invitationLife)
		w.member("a@new.test", access.Permissions{access.OrganizationMember}, nil)
		equal(t, error(ErrMemberAlready), resend(old))
	})
}

// TestRacingCreations: of 32 simultaneous invitations of one address, one is
// made and the others are told so.
func TestRacingCreations(t *testing.T) {
	eachWorld(t, Limits{}, func(t *testing.T, w *world) {
		ctx := w.as(w.owner)
		errs := atOnce(32, func(int) error {
			_, err := w.create(ctx, "new@new.test", offer{})
			return err
		})
		equal(t, 1, countOf(errs, nil))
		equal(t, 31, countOf(errs, ErrInvitedAlready))
		equal(t, int64(1), w.count("SELECT count(*) FROM organization_invitations"))
		equal(t, int64(1), w.count("SELECT count(*) FROM mails"))
	})
}

// atOnce runs f n times simultaneously.
func atOnce(n int, f func(i int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			errs[i] = f(i)
		})
	}
	close(start)
	wg.Wait()
	return errs
}

func countOf(errs []error, want error) (n int) {
	for _, err := range errs {
		if err == want {
			n++
		}
	}
	return n
}

func TestBulk(t *testing.T) {
	eachWorld(t, Limits{}, func(t *testing.T, w *world) {
		w.invited("pending@new.test")
		in := inviteMembersInput{OrganizationID: w.acme}
		in.Body.Emails = []string{"a@new.test", "nonsense", "owner@acme.test;A@new.test"}
		in.Body.Email = "b@new.test,\r\n c@new.test \n\npending@new.test"

		preview, err := w.service.previewInvitations(w.as(w.owner), in)
		noError(t, err)
		equal(t, int64(1), w.count("SELECT count(*) FROM organization_invitations"))
		made, err := w.service.inviteMembers(w.as(w.owner), in)
		noError(t, err)
		equal(t, int64(4), w.count("SELECT count(*) FROM organization_invitations"))

		var said []string
		for i, v := range made {
			said = append(said, v.Email+" "+v.Verdict+" "+v.Code)
			equal(t, v.Verdict == "ok", v.Invitation != nil)
			if v.Invitation != nil {
				equal(t, v.Email, v.Invitation.Email)
			}
			v.Invitation = nil
			equal(t, preview[i], v)
		}
		equal(t, []string{
			"a@new.test ok ", "nonsense refused BAD_REQUEST_BODY", "owner@acme.test refused CONFLICT", "a@new.test refused CONFLICT",
			"b@new.test ok ", "c@new.test ok ", "pending@new.test refused CONFLICT",
		}, said)

		in.Body.Emails, in.Body.Email = slices.Repeat([]string{"x@new.test"}, 501), ""
		_, err = w.service.inviteMembers(w.as(w.owner), in)
		equal(t, ErrInvitationUnreadable, err)
		in.Body.Emails, in.Body.Email = nil, " ,\n"
		_, err = w.service.previewInvitations(w.as(w.owner), in)
		equal(t, ErrInvitationUnreadable, err)
	})
}
