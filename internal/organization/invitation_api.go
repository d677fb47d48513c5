package organization

import (
	"context"
	"errors"
	"time"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/api"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/event"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
	"github.com/guildhall-id/guildhall/internal/user"
)

// invitationOperations is everything clients can do with invitations.
func (s *Service) invitationOperations() []api.Operation {
	inviting := []*fault.Error{
		user.ErrEmailInvalid, ErrWorkspaceRoleAlone, access.ErrForbidden, ErrRoleAbove, ErrSeatsPromised, deployment.ErrFeatureDisabled,
		ErrNotFound, ErrRoleNotFound, ErrInvitedAlready, ErrMemberAlready, ErrDefaultRoleMissing, ErrManyInvitations,
	}
	return []api.Operation{
		{
			ID: "GetOrganizationInvitations", Route: "GET /organizations/{id}/invitations",
			Summary:     "List the pending invitations of an organization.",
			Description: "Expired ones are included, the newest come first. Managers of a workspace list with its workspace_id.",
			Access:      access.Invitations(),
			Errors:      []*fault.Error{ErrCursor, access.ErrForbidden, ErrWorkspaceNotFound},
			Handle:      inOrganizations(s, s.listInvitations),
		},
		{
			ID: "InviteMember", Route: "POST /organizations/{id}/invitations",
			Summary: "Invite an e-mail address into an organization, or into one of its workspaces.",
			Access:  access.Invitations(), Errors: inviting, Handle: inOrganizations(s, s.inviteMember),
		},
		{
			ID: "PreviewInvitations", Route: "POST /organizations/{id}/invitations/preview",
			Summary: "Learn what InviteMembers would answer, without inviting.",
			Access:  access.Invitations(), Errors: append(inviting, ErrInvitationUnreadable),
			Handle: inOrganizations(s, s.previewInvitations), Addition: true,
		},
		{
			ID: "InviteMembers", Route: "POST /organizations/{id}/invitations/bulk",
			Summary: "Invite up to 500 e-mail addresses; those that can be invited are.",
			Access:  access.Invitations(), Errors: append(inviting, ErrInvitationUnreadable),
			Handle: inOrganizations(s, s.inviteMembers), Addition: true,
		},
		{
			ID: "GetOrganizationInvitation", Route: "GET /organizations/{id}/invitations/{invitationId}",
			Summary: "Read an invitation, whatever became of it.",
			Access:  access.Invitations(), Errors: []*fault.Error{access.ErrForbidden, access.ErrNotFound},
			Handle: inOrganizations(s, s.getInvitation), Addition: true,
		},
		{
			ID: "DiscardInvitation", Route: "POST /organizations/{id}/invitations/{invitationId}/discard",
			Summary: "Withdraw a pending invitation.",
			Access:  access.Invitations(),
			Errors:  []*fault.Error{access.ErrForbidden, access.ErrNotFound, ErrInvitationAccepted, ErrInvitationEnded},
			Handle:  inOrganizations(s, s.discardInvitation),
		},
		{
			ID: "ResendInvitation", Route: "POST /organizations/{id}/invitations/{invitationId}/resend",
			Summary:     "Send a pending invitation again, with a new link and a new expiry.",
			Description: "Whoever may give its roles approves in this way an invitation that needs approval, and becomes its inviter.",
			Access:      access.Invitations(),
			Errors:      []*fault.Error{access.ErrForbidden, ErrRoleAbove, access.ErrNotFound, ErrInvitationAccepted, ErrInvitationEnded, ErrManyResends},
			Handle:      inOrganizations(s, s.resendInvitation),
		},
		{
			ID: "AcceptInvitation", Route: "POST /organizations/invitations/accept",
			Summary:     "Accept an invitation with the token of its link.",
			Description: "Every outcome is answered with status 200; error_code says what stands in the way (contract section 8).",
			Access:      access.Browser(), Handle: inOrganizations(s, s.acceptInvitation),
		},
		{
			ID: "ValidateInvitation", Route: "GET /deployment/invitations/validate",
			Summary: "Learn whether an invitation's token is good, and for which address.",
			Access:  access.Browser(), Handle: api.Handle(s.validateInvitation),
		},
		{
			ID: "GetMyInvitations", Route: "GET /me/invitations",
			Summary: "List the invitations to one's own verified addresses.",
			Access:  access.SignedIn(), Handle: inOrganizations(s, s.getMyInvitations), Addition: true,
		},
		{
			ID: "AcceptMyInvitation", Route: "POST /me/invitations/{id}/accept",
			Summary: "Accept an invitation to one of one's own verified addresses.",
			Access:  access.SignedIn(), Errors: []*fault.Error{access.ErrNotFound},
			Handle: inOrganizations(s, s.acceptMyInvitation), Addition: true,
		},
		{
			ID: "DeclineMyInvitation", Route: "POST /me/invitations/{id}/decline",
			Summary: "Decline an invitation to one of one's own verified addresses.",
			Access:  access.SignedIn(), Errors: []*fault.Error{access.ErrNotFound, ErrInvitationEnded, ErrInvitationAccepted},
			Handle: inOrganizations(s, s.declineMyInvitation), Addition: true,
		},
	}
}

type invitationInput struct {
	OrganizationID id.Organization `path:"id"`
	InvitationID   id.Invitation   `path:"invitationId"`
}

func (s *Service) getInvitation(ctx context.Context, in invitationInput) (InvitationView, error) {
	inv, _, err := s.managedInvitation(ctx, s.queries, in)
	if err != nil {
		return InvitationView{}, err
	}
	return s.invitationView(ctx, inv)
}

// managedInvitation is an invitation that the caller may manage, with what the
// caller holds in its place. To others than managers all are alike: forbidden.
func (s *Service) managedInvitation(ctx context.Context, q *Queries, in invitationInput) (Invitation, power, error) {
	inv, err := q.InvitationOfOrganization(ctx, InvitationOfOrganizationParams{ID: in.InvitationID, OrganizationID: in.OrganizationID})
	inv, err = database.OrNotFound(inv, err, access.ErrNotFound)
	if err != nil && !errors.Is(err, access.ErrNotFound) {
		return inv, power{}, err
	}
	may, failed := powerOf(ctx, q, in.OrganizationID, inv.WorkspaceID, access.CallerOf(ctx).User)
	if failed != nil {
		return inv, may, failed
	}
	if !may.mayInvite() {
		return inv, may, access.ErrForbidden
	}
	return inv, may, err
}

// powerOf is what a person holds now in an organization and, unless it is
// zero, in one of its workspaces.
func powerOf(ctx context.Context, q *Queries, organization id.Organization, workspace id.Workspace, person id.User) (p power, err error) {
	if p.Organization, err = grantOf(ctx, q, organization, person); err != nil || workspace == 0 {
		return p, err
	}
	p.Workspace, err = workspaceGrantOf(ctx, q, organization, workspace, person)
	return p, err
}

func (s *Service) discardInvitation(ctx context.Context, in invitationInput) (InvitationView, error) {
	var inv Invitation
	err := s.db.InTx(ctx, func(tx *database.Tx) (err error) {
		q := New(tx)
		if inv, _, err = s.managedInvitation(ctx, q, in); err != nil {
			return err
		}
		if err := inv.discardable(); err != nil || inv.Status == discarded {
			return err
		}
		row, err := q.DiscardInvitation(ctx, DiscardInvitationParams{
			ID: inv.ID, OrganizationID: inv.OrganizationID, EndedBy: access.CallerOf(ctx).User, Now: tx.Now,
		})
		if inv, err = database.OrNotFound(row, err, ErrInvitationAccepted); err != nil {
			return err
		}
		return event.Emit(ctx, tx, inv.event("organization.invitation.discarded"))
	})
	if err != nil {
		return InvitationView{}, err
	}
	view, err := s.invitationView(ctx, inv)
	view.Success = true
	return view, err
}

func (s *Service) resendInvitation(ctx context.Context, in invitationInput) (InvitationView, error) {
	caller := access.CallerOf(ctx)
	d, err := s.deployments.Get(ctx, caller.Deployment)
	if err != nil {
		return InvitationView{}, err
	}
	var inv Invitation
	err = s.db.InTx(ctx, func(tx *database.Tx) error {
		q := New(tx)
		organization, err := lockOrganization(ctx, q, caller.Deployment, in.OrganizationID)
		if err != nil {
			return err
		}
		var may power
		if inv, may, err = s.managedInvitation(ctx, q, in); err != nil {
			return err
		}
		if err := inv.resendable(); err != nil {
			return err
		}
		terms, err := remainingTerms(ctx, q, d, organization, inv)
		if err != nil {
			return err
		}
		if inv.NeedsApprovalAt != 0 {
			if !may.covers(terms.role.Permissions, terms.workspaceRole.Permissions) {
				return ErrRoleAbove
			}
			inv.InviterID = caller.User
		}
		row, err := q.ResendInvitation(ctx, ResendInvitationParams{
			ID: inv.ID, OrganizationID: inv.OrganizationID, Generation: inv.Generation,
			InviterID: inv.InviterID, ExpiresAt: tx.Now.Add(invitationLife), Now: tx.Now,
		})
		if inv, err = database.OrNotFound(row, err, ErrInvitationEnded); err != nil {
			return err
		}
		if err := s.countResend(ctx, tx, inv); err != nil {
			return err
		}
		if terms.inviter, err = inviterName(ctx, tx, inv.InviterID); err != nil {
			return err
		}
		if err := s.outbox.Queue(ctx, tx, s.invitationMail(terms, &inv)); err != nil {
			return err
		}
		return event.Emit(ctx, tx, inv.event(resentEvent))
	})
	if err != nil {
		return InvitationView{}, err
	}
	return s.invitationView(ctx, inv)
}

const resentEvent = "organization.invitation.resent"

// countResend refuses one resend too many. The row of the invitation has been
// updated before, so that simultaneous calls count each other.
func (s *Service) countResend(ctx context.Context, tx *database.Tx, inv Invitation) error {
	if s.limits.ResendsPerHour == 0 {
		return nil
	}
	n, err := New(tx).ResendsSince(ctx, ResendsSinceParams{
		DeploymentID: inv.DeploymentID, SubjectID: id.Subject(inv.ID), Name: resentEvent, Since: tx.Now.Add(-time.Hour),
	})
	if err == nil && n >= s.limits.ResendsPerHour {
		err = ErrManyResends
	}
	return err
}

// event is what happened to the invitation, without its secrets.
func (inv *Invitation) event(name string) event.Event {
	return event.Event{
		Name: name, Organization: inv.OrganizationID, Workspace: inv.WorkspaceID, Subject: int64(inv.ID),
		Data: map[string]any{
			"email": inv.Email, "status": inv.Status, "generation": inv.Generation, "expires_at": inv.ExpiresAt,
			"role_id": inv.RoleID, "workspace_role_id": inv.WorkspaceRoleID, "inviter_id": inv.InviterID,
		},
	}
}
