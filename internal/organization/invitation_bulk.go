package organization

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
)

// maxBulk is how many addresses one call takes.
const maxBulk = 500

type inviteMembersInput struct {
	OrganizationID id.Organization `path:"id"`
	Body           struct {
		Emails          []string            `json:"emails,omitempty" maxItems:"500" doc:"Addresses, at most 500 in all."`
		Email           string              `json:"email,omitempty" maxLength:"200000" doc:"Addresses separated by commas, semicolons or line breaks."`
		RoleID          id.OrganizationRole `json:"role_id,omitempty"`
		WorkspaceID     id.Workspace        `json:"workspace_id,omitempty"`
		WorkspaceRoleID id.WorkspaceRole    `json:"workspace_role_id,omitempty"`
	}
}

// InvitationVerdict is what became, or would become, of one address.
type InvitationVerdict struct {
	Email      string          `json:"email" doc:"In its normal form, or as sent when it is not an address."`
	Verdict    string          `json:"verdict" enum:"ok,refused"`
	Code       string          `json:"code" doc:"Why it was refused."`
	Message    string          `json:"message"`
	Invitation *InvitationView `json:"invitation,omitempty"`
}

// addresses are what was sent, split, in its order.
func (in inviteMembersInput) addresses() ([]string, error) {
	var list []string
	for _, text := range append(slices.Clone(in.Body.Emails), in.Body.Email) {
		for _, one := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(",;\r\n", r) }) {
			if one = strings.TrimSpace(one); one != "" {
				list = append(list, one)
			}
		}
	}
	if len(list) == 0 || len(list) > maxBulk {
		return nil, ErrInvitationUnreadable
	}
	return list, nil
}

func (in inviteMembersInput) offer() offer {
	return offer{in.Body.RoleID, in.Body.WorkspaceID, in.Body.WorkspaceRoleID}
}

// inviteMembers invites whom it can, all in one transaction, and says for each
// address what became of it.
func (s *Service) inviteMembers(ctx context.Context, in inviteMembersInput) ([]InvitationVerdict, error) {
	typed, err := in.addresses()
	if err != nil {
		return nil, err
	}
	verdicts, err := s.invite(ctx, in.OrganizationID, in.offer(), typed)
	if err != nil {
		return nil, err
	}
	var made []Invitation
	for _, v := range verdicts {
		if v.err == nil {
			made = append(made, v.invitation)
		}
	}
	views, err := s.newInvitationViews(in.OrganizationID, s.db.Now()).of(ctx, s.db, made)
	if err != nil {
		return nil, err
	}
	list := make([]InvitationVerdict, len(verdicts))
	for i, v := range verdicts {
		if list[i] = v.view(); v.err == nil {
			list[i].Invitation, views = &views[0], views[1:]
		}
	}
	return list, nil
}

// previewInvitations says what inviteMembers would, and changes nothing.
func (s *Service) previewInvitations(ctx context.Context, in inviteMembersInput) ([]InvitationVerdict, error) {
	typed, err := in.addresses()
	if err != nil {
		return nil, err
	}
	caller := access.CallerOf(ctx)
	d, err := s.deployments.Get(ctx, caller.Deployment)
	if err != nil {
		return nil, err
	}
	organization, err := findOrganization(ctx, s.queries, caller.Deployment, in.OrganizationID)
	if err != nil {
		return nil, err
	}
	t, err := s.offered(ctx, s.queries, d, organization, in.offer())
	if err != nil {
		return nil, err
	}
	verdicts, err := s.assess(ctx, s.queries, t, s.db.Now(), typed)
	list := make([]InvitationVerdict, len(verdicts))
	for i, v := range verdicts {
		list[i] = v.view()
	}
	return list, err
}

func (v verdict) view() InvitationVerdict {
	view := InvitationVerdict{Email: v.typed, Verdict: "ok"}
	if v.email != "" {
		view.Email = string(v.email)
	}
	if refusal := (*fault.Error)(nil); errors.As(v.err, &refusal) {
		view.Verdict, view.Code, view.Message = "refused", refusal.Code, refusal.Message
	}
	return view
}
