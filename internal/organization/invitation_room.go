package organization

import (
	"context"
	"time"

	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/clock"
)

// unlimited is a number of places that is never used up.
const unlimited = int64(1) << 62

// room is what decides whether an address can still be invited: who is there
// already, and how many places are left.
type room struct {
	intoWorkspace  bool
	invited        map[string]bool // has a live pending invitation to the same target
	members        map[string]bool // of the organization; true: of the workspace too
	seats          int64
	workspaceSeats int64
	sendings       int64 // in this hour
}

// take is nil when the address can be invited, and then counts it, else what
// stands in the way.
func (r *room) take(email string) error {
	inWorkspace, member := r.members[email]
	switch {
	case r.invited[email]:
		return ErrInvitedAlready
	case member && (inWorkspace || !r.intoWorkspace):
		return ErrMemberAlready
	case !member && r.seats <= 0, r.intoWorkspace && r.workspaceSeats <= 0:
		return ErrSeatsPromised
	case r.sendings <= 0:
		return ErrManyInvitations
	}
	if !member {
		r.seats--
	}
	r.workspaceSeats--
	r.sendings--
	r.invited[email] = true
	return nil
}

// mayReturn is nil unless the invitation has expired, and its place has been given
// away since: what brings it back is a new promise.
func (s *Service) mayReturn(ctx context.Context, q *Queries, t terms, inv *Invitation, now clock.Time) error {
	if !inv.expired(now) {
		return nil
	}
	r, err := s.roomFor(ctx, q, t, now, []string{inv.Email})
	if err != nil {
		return err
	}
	return r.take(inv.Email)
}

// roomFor reads the facts about the addresses. The organization's row has been
// locked, so they hold until the transaction ends.
func (s *Service) roomFor(ctx context.Context, q *Queries, t terms, now clock.Time, emails []string) (*room, error) {
	r := &room{
		intoWorkspace: t.workspace.ID != 0, invited: map[string]bool{}, members: map[string]bool{},
		seats: unlimited, workspaceSeats: unlimited, sendings: unlimited,
	}
	invited, err := q.InvitedEmails(ctx, InvitedEmailsParams{
		OrganizationID: t.organization.ID, WorkspaceID: t.workspace.ID, Emails: emails, Now: now,
	})
	if err != nil {
		return nil, err
	}
	for _, email := range invited {
		r.invited[email] = true
	}
	members, err := q.EmailsOfMembers(ctx, EmailsOfMembersParams{
		OrganizationID: t.organization.ID, WorkspaceID: t.workspace.ID, DeploymentID: t.deployment.ID, Emails: emails,
	})
	if err != nil {
		return nil, err
	}
	for _, m := range members {
		r.members[m.Email] = m.InWorkspace
	}
	return r, s.countPlaces(ctx, q, t, now, r)
}

// countPlaces counts what is limited, and asks nothing about what is not.
func (s *Service) countPlaces(ctx context.Context, q *Queries, t terms, now clock.Time, r *room) error {
	b2b := t.deployment.Settings.B2B
	if limit := b2b.MaxAllowedOrgMembers; limit > 0 {
		promised, err := q.PromisedSeats(ctx, PromisedSeatsParams{OrganizationID: t.organization.ID, Now: now})
		if err != nil {
			return err
		}
		r.seats = limit - t.organization.MemberCount - promised
	}
	if limit := b2b.MaxAllowedWorkspaceMembers; limit > 0 && r.intoWorkspace {
		promised, err := q.PromisedWorkspaceSeats(ctx, PromisedWorkspaceSeatsParams{
			OrganizationID: t.organization.ID, WorkspaceID: t.workspace.ID, Now: now,
		})
		if err != nil {
			return err
		}
		r.workspaceSeats = limit - t.workspace.MemberCount - promised
	}
	if limit := s.limits.InvitationsPerHour; limit > 0 {
		made, err := q.InvitationsSince(ctx, InvitationsSinceParams{
			OrganizationID: t.organization.ID, Since: id.Since[id.Invitation](now.Time().Add(-time.Hour)),
		})
		if err != nil {
			return err
		}
		r.sendings = limit - made
	}
	return nil
}
