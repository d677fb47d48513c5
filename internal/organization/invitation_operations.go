package organization

import (
	"slices"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/api"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
	"github.com/guildhall-id/guildhall/internal/user"
)

// invitationOperations is everything clients can do with invitations.
func (s *Service) invitationOperations() []api.Operation {
	return slices.Concat(s.invitingOperations(), s.sentInvitationOperations(), s.invitedOperations())
}

// invitingOperations are those of the list and of making new ones.
func (s *Service) invitingOperations() []api.Operation {
	inviting := []*fault.Error{
		user.ErrEmailInvalid, ErrWorkspaceRoleAlone, access.ErrForbidden, ErrRoleAbove, ErrSeatsPromised,
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
	}
}

// sentInvitationOperations are those of a single invitation, for those who may
// manage it.
func (s *Service) sentInvitationOperations() []api.Operation {
	return []api.Operation{
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
			Description: "Whoever may give its roles approves in this way an invitation that needs approval, or whose inviter may no longer give them, and becomes its inviter. An expired one needs a seat, as a new one does.",
			Access:      access.Invitations(),
			Errors: []*fault.Error{
				access.ErrForbidden, ErrRoleAbove, access.ErrNotFound, ErrInvitationAccepted, ErrInvitationEnded, ErrManyResends,
				ErrSeatsPromised, ErrMemberAlready, ErrManyInvitations,
			},
			Handle: inOrganizations(s, s.resendInvitation),
		},
	}
}

// invitedOperations are those of the invited person.
func (s *Service) invitedOperations() []api.Operation {
	return []api.Operation{
		{
			ID: "AcceptInvitation", Route: "POST /organizations/invitations/accept",
			Summary:     "Accept an invitation with the token of its link.",
			Description: "Every outcome is answered with status 200; error_code says what stands in the way (contract section 8).",
			Access:      access.Browser(), Errors: []*fault.Error{access.ErrDisabled, access.ErrEnrolment},
			Handle: inOrganizations(s, s.acceptInvitation),
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
