package organization

import (
	"context"
	"errors"
	"time"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/event"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
)

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
	may, failed := s.callerPower(ctx, q, in.OrganizationID, inv.WorkspaceID)
	if failed != nil {
		return inv, may, failed
	}
	return inv, may, err
}

// callerPower is powerOf for a caller who may manage invitations there, and
// meets what the workspace demands, else the reason why not.
func (s *Service) callerPower(ctx context.Context, q *Queries, organization id.Organization, workspace id.Workspace) (power, error) {
	may, err := powerOf(ctx, q, organization, workspace, access.CallerOf(ctx).User)
	if err == nil && !may.mayInvite() {
		err = access.ErrForbidden
	}
	if err != nil || workspace == 0 {
		return may, err
	}
	if err = s.usable(ctx, q, organization, workspace); errors.Is(err, ErrWorkspaceNotFound) {
		err = nil // what is asked for says so itself
	}
	return may, err
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
		if _, err = lockOrganization(ctx, q, access.CallerOf(ctx).Deployment, in.OrganizationID); err != nil {
			return err
		}
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
		if err := s.mayReturn(ctx, q, terms, &inv, tx.Now); err != nil {
			return err
		}
		if inv.InviterID, err = inv.sender(ctx, q, terms, may, caller.User); err != nil {
			return err
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

// sender is who answers for an invitation that somebody sends again: whoever
// made it, as long as they may still give what it offers, then whoever sends it,
// if they may. One that was held already is sent by nobody else.
func (inv *Invitation) sender(ctx context.Context, q *Queries, t terms, may power, person id.User) (id.User, error) {
	covers := may.covers(t.role.Permissions, t.workspaceRole.Permissions)
	if inv.NeedsApprovalAt != 0 {
		if !covers {
			return 0, ErrRoleAbove
		}
		return person, nil
	}
	able, err := inv.stillGiven(ctx, q, t.role.Permissions, t.workspaceRole.Permissions)
	if able || !covers || err != nil {
		return inv.InviterID, err
	}
	return person, nil
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
