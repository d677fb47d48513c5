package organization

import (
	"time"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/clock"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
	"github.com/guildhall-id/guildhall/internal/platform/limit"
	"github.com/guildhall-id/guildhall/internal/user"
)

// Invitation asks the owner of an address into an organization, and perhaps
// into one of its workspaces too. Its expiry is computed from the time, never
// stored, so that it needs no cleaner.
type Invitation = OrganizationInvitation

// The states of an invitation. A pending one may have expired; closed is what
// an expired one becomes when the next to the same address and target is made.
const (
	pending   = "pending"
	accepted  = "accepted"
	discarded = "discarded"
	declined  = "declined"
	closed    = "expired"
)

// invitationLife is how long an invitation can be accepted after it was sent.
const invitationLife = 10 * 24 * time.Hour

// Limits keep invitations from becoming a weapon, and pictures from keeping the
// machine busy; 0 is no limit.
type Limits struct {
	InvitationsPerHour int64      // of one organization
	ResendsPerHour     int64      // of one invitation
	Pictures           limit.Rate // that one person sends for organizations and workspaces
}

// What stands in the way of an invitation's secret, whoever presents it.
var (
	ErrInvitationNotFound  = fault.New(fault.NotFound, "INVITATION_NOT_FOUND", "This invitation link is not valid. Check that you opened it completely, or ask for a new invitation.")
	ErrInvitationReplaced  = fault.New(fault.NotFound, "INVITATION_NOT_FOUND", "This link was replaced: a newer mail with a new link has been sent. Please use that one.")
	ErrInvitationUsed      = fault.New(fault.Conflict, "INVITATION_ALREADY_USED", "This invitation has been used already. Ask for a new one if you need it.")
	ErrInvitationDiscarded = fault.New(fault.Conflict, "INVITATION_DISCARDED", "This invitation was withdrawn. Ask the organization for a new one.")
	ErrInvitationDeclined  = fault.New(fault.Conflict, "INVITATION_DISCARDED", "This invitation was declined. Ask the organization for a new one.")
	ErrInvitationExpired   = fault.New(fault.Conflict, "INVITATION_EXPIRED", "This invitation has expired. Ask the organization for a new one.")
	ErrNeedsApproval       = fault.New(fault.Conflict, "INVITATION_NEEDS_APPROVAL", "The person who invited you may no longer do so. The organization's administrators can see this and send the invitation again.")
)

// The refusals of inviting.
var (
	ErrRoleAbove            = fault.New(fault.Forbidden, "FORBIDDEN", "You cannot give a role that may do more than you may. Choose another role, or ask an administrator.")
	ErrInvitedAlready       = fault.New(fault.Conflict, "CONFLICT", "This address has a pending invitation already. Send that one again instead.")
	ErrMemberAlready        = fault.New(fault.Conflict, "CONFLICT", "This address belongs to a member already.")
	ErrSeatsPromised        = fault.New(fault.Forbidden, "LIMIT_REACHED", "Members and pending invitations take all seats. Withdraw an invitation or free a seat.")
	ErrManyInvitations      = fault.New(fault.TooMany, "RATE_LIMITED", "Many invitations were sent in the last hour. Try again later.").After(time.Hour)
	ErrManyResends          = fault.New(fault.TooMany, "RATE_LIMITED", "This invitation was sent several times in the last hour. Try again later.").After(time.Hour)
	ErrInvitationAccepted   = fault.New(fault.Conflict, "CONFLICT", "This invitation was accepted already. Remove the member instead.")
	ErrInvitationEnded      = fault.New(fault.Conflict, "CONFLICT", "This invitation is no longer pending. Make a new one.")
	ErrWorkspaceRoleAlone   = fault.New(fault.Invalid, "BAD_REQUEST_BODY", "A workspace role needs the workspace that it is for.")
	ErrDefaultRoleMissing   = fault.New(fault.Conflict, "CONFLICT", "There is no default role for new members. Choose a role.")
	ErrInvitationUnreadable = fault.New(fault.Invalid, "BAD_REQUEST_BODY", "Send between 1 and 500 e-mail addresses.")
)

// expired reports whether a pending invitation is past its time.
func (inv *Invitation) expired(now clock.Time) bool {
	return inv.Status == pending && now >= inv.ExpiresAt
}

// usable is nil when the sending of a generation can be accepted at now, else
// what stands in the way:
//
//  1. it has come to an end: accepted, withdrawn, declined, closed;
//  2. it was sent again since;
//  3. it has expired.
func (inv *Invitation) usable(generation int64, now clock.Time) error {
	switch {
	case inv.Status == accepted:
		return ErrInvitationUsed
	case inv.Status == discarded:
		return ErrInvitationDiscarded
	case inv.Status == declined:
		return ErrInvitationDeclined
	case inv.Status == closed:
		return ErrInvitationExpired
	case generation != inv.Generation:
		return ErrInvitationReplaced
	case inv.expired(now):
		return ErrInvitationExpired
	}
	return nil
}

// discardable is nil for a pending invitation, expired or not, and for one that
// is discarded already: withdrawing twice is a success.
func (inv *Invitation) discardable() error {
	switch inv.Status {
	case pending, discarded:
		return nil
	case accepted:
		return ErrInvitationAccepted
	}
	return ErrInvitationEnded
}

// resendable is nil for a pending invitation, expired or not.
func (inv *Invitation) resendable() error {
	switch inv.Status {
	case pending:
		return nil
	case accepted:
		return ErrInvitationAccepted
	}
	return ErrInvitationEnded
}

// power is what a person holds in an organization and in the workspace that an
// invitation is for; without workspace, Workspace is zero.
type power struct {
	Organization access.OrganizationGrant
	Workspace    access.WorkspaceGrant
}

// mayInvite reports whether the person may manage invitations to this place:
// as a manager of the organization's members, or of the workspace.
func (p power) mayInvite() bool {
	return p.Organization.Permissions.Hold(access.OrganizationManageMembers) ||
		p.Workspace.ID != 0 && p.Workspace.Permissions.Hold(access.WorkspaceManage)
}

// covers reports whether the person holds all that the two roles give: the
// ceiling. Every member holds organization:member, whatever their roles say.
func (p power) covers(organization, workspace access.Permissions) bool {
	if p.Organization.Membership == 0 {
		return false
	}
	held := append(access.Permissions{access.OrganizationMember}, p.Organization.Permissions...)
	return held.Cover(organization) && p.Workspace.Permissions.Cover(workspace)
}

// Invited is what the holder of a secret learns from it.
type Invited struct {
	ID               id.Invitation
	Organization     id.Organization
	OrganizationName string
	Workspace        id.Workspace
	WorkspaceName    string
	Email            user.Email
	ByMail           bool // the secret came by mail: it proves the mailbox
	ExpiresAt        clock.Time
}
