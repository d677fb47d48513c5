package organization

import (
	"cmp"
	"context"
	"errors"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/event"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/clock"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
	"github.com/guildhall-id/guildhall/internal/user"
)

// offer is what an invitation gives, by id. A role of zero is the default one.
type offer struct {
	Role          id.OrganizationRole
	Workspace     id.Workspace
	WorkspaceRole id.WorkspaceRole
}

// terms are an offer loaded: where to, as what, and who offers it.
type terms struct {
	deployment    *deployment.Deployment
	organization  Organization
	role          Role
	workspace     Workspace // zero for the organization alone
	workspaceRole WorkspaceRole
	inviter       string // their name
}

// termsOf loads an offer. Everything has to belong to the organization or its
// deployment, else it is ErrRoleNotFound or ErrWorkspaceNotFound.
func termsOf(ctx context.Context, q *Queries, d *deployment.Deployment, organization Organization, o offer) (terms, error) {
	b2b := d.Settings.B2B
	t := terms{deployment: d, organization: organization}
	role := cmp.Or(o.Role, b2b.DefaultOrgMemberRoleID)
	if role == 0 {
		return t, ErrDefaultRoleMissing
	}
	var err error
	if t.role, err = findRole(ctx, q, organization.ID, role); err != nil {
		return t, err
	}
	if o.Workspace == 0 {
		if o.WorkspaceRole != 0 {
			err = ErrWorkspaceRoleAlone
		}
		return t, err
	}
	if !b2b.WorkspacesEnabled {
		return t, deployment.ErrFeatureDisabled
	}
	if t.workspace, err = findWorkspace(ctx, q, organization.ID, o.Workspace); err != nil {
		return t, err
	}
	workspaceRole := cmp.Or(o.WorkspaceRole, b2b.DefaultWorkspaceMemberRoleID)
	if workspaceRole == 0 {
		return t, ErrDefaultRoleMissing
	}
	t.workspaceRole, err = findWorkspaceRole(ctx, q, o.Workspace, workspaceRole)
	return t, err
}

// remainingTerms are those of an invitation as they stand now: for a role that
// is gone, the default role of members.
func remainingTerms(ctx context.Context, q *Queries, d *deployment.Deployment, organization Organization, inv Invitation) (terms, error) {
	o := offer{inv.RoleID, inv.WorkspaceID, inv.WorkspaceRoleID}
	t, err := termsOf(ctx, q, d, organization, o)
	if errors.Is(err, ErrRoleNotFound) && t.role.ID == 0 {
		o.Role = 0
		t, err = termsOf(ctx, q, d, organization, o)
	}
	if errors.Is(err, ErrRoleNotFound) && t.workspace.ID != 0 {
		o.WorkspaceRole = 0
		t, err = termsOf(ctx, q, d, organization, o)
	}
	return t, err
}

// offered are the terms that the caller may offer, or the reason why they may
// not: no right to invite there, or the ceiling.
func (s *Service) offered(ctx context.Context, q *Queries, d *deployment.Deployment, organization Organization, o offer) (terms, error) {
	may, err := s.callerPower(ctx, q, organization.ID, o.Workspace)
	if err != nil {
		return terms{}, err
	}
	t, err := termsOf(ctx, q, d, organization, o)
	if err == nil && !may.covers(t.role.Permissions, t.workspaceRole.Permissions) {
		err = ErrRoleAbove
	}
	return t, err
}

// verdict is what became of one address.
type verdict struct {
	typed      string
	email      user.Email
	err        error // why it was not invited
	invitation Invitation
}

// assess says for each address whether it can be invited on these terms now.
// The facts are read with a few queries for all addresses.
func (s *Service) assess(ctx context.Context, q *Queries, t terms, now clock.Time, typed []string) ([]verdict, error) {
	verdicts := make([]verdict, len(typed))
	emails := make([]string, 0, len(typed))
	for i, text := range typed {
		v := verdict{typed: text}
		if v.email, v.err = user.ParseEmail(text); v.err == nil {
			emails = append(emails, string(v.email))
		}
		verdicts[i] = v
	}
	room, err := s.roomFor(ctx, q, t, now, emails)
	if err != nil {
		return nil, err
	}
	for i := range verdicts {
		if v := &verdicts[i]; v.err == nil {
			v.err = room.take(string(v.email))
		}
	}
	return verdicts, nil
}

// invite invites the addresses that can be, in one transaction.
func (s *Service) invite(ctx context.Context, organization id.Organization, o offer, typed []string) (verdicts []verdict, err error) {
	caller := access.CallerOf(ctx)
	d, err := s.deployments.Get(ctx, caller.Deployment)
	if err != nil {
		return nil, err
	}
	err = s.db.InTx(ctx, func(tx *database.Tx) error {
		q := New(tx)
		locked, err := lockOrganization(ctx, q, caller.Deployment, organization)
		if err != nil {
			return err
		}
		t, err := s.offered(ctx, q, d, locked, o)
		if err != nil {
			return err
		}
		if verdicts, err = s.assess(ctx, q, t, tx.Now, typed); err != nil {
			return err
		}
		if t.inviter, err = inviterName(ctx, tx, caller.User); err != nil {
			return err
		}
		if err := closeExpired(ctx, tx, t, verdicts); err != nil {
			return err
		}
		for i := range verdicts {
			if v := &verdicts[i]; v.err == nil {
				if err := s.send(ctx, tx, t, v); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return verdicts, err
}

// closeExpired makes room for the addresses that are about to be invited.
func closeExpired(ctx context.Context, tx *database.Tx, t terms, verdicts []verdict) error {
	var emails []string
	for _, v := range verdicts {
		if v.err == nil {
			emails = append(emails, string(v.email))
		}
	}
	if len(emails) == 0 {
		return nil
	}
	return New(tx).CloseExpiredInvitations(ctx, CloseExpiredInvitationsParams{
		OrganizationID: t.organization.ID, WorkspaceID: t.workspace.ID, Emails: emails, Now: tx.Now,
	})
}

// send writes the invitation, its mail and its event. An address that gets too
// much mail is refused in its verdict; whatever else goes wrong fails the
// transaction. Of simultaneous calls for one address, the unique index of
// pending invitations lets one through.
func (s *Service) send(ctx context.Context, tx *database.Tx, t terms, v *verdict) error {
	inv := Invitation{
		ID: database.NewID[id.Invitation](tx), DeploymentID: t.deployment.ID, OrganizationID: t.organization.ID,
		Email: string(v.email), Typed: v.typed, RoleID: t.role.ID, WorkspaceID: t.workspace.ID, WorkspaceRoleID: t.workspaceRole.ID,
		InviterID: access.CallerOf(ctx).User, Status: pending, Generation: 1,
		ExpiresAt: tx.Now.Add(invitationLife), CreatedAt: tx.Now, UpdatedAt: tx.Now,
	}
	err := s.outbox.Queue(ctx, tx, s.invitationMail(t, &inv))
	if refusal := (*fault.Error)(nil); errors.As(err, &refusal) {
		v.err = err
		return nil
	}
	if err != nil {
		return err
	}
	n, err := New(tx).InsertInvitation(ctx, InsertInvitationParams{
		ID: inv.ID, DeploymentID: inv.DeploymentID, OrganizationID: inv.OrganizationID, Email: inv.Email, Typed: inv.Typed,
		RoleID: inv.RoleID, WorkspaceID: inv.WorkspaceID, WorkspaceRoleID: inv.WorkspaceRoleID,
		InviterID: inv.InviterID, ExpiresAt: inv.ExpiresAt, Now: tx.Now,
	})
	if err != nil {
		return err
	}
	if n == 0 {
		return ErrInvitedAlready
	}
	v.invitation = inv
	return event.Emit(ctx, tx, inv.event("organization.invitation.created"))
}

type inviteMemberInput struct {
	OrganizationID id.Organization `path:"id"`
	Body           struct {
		Email           string              `json:"email" maxLength:"320"`
		RoleID          id.OrganizationRole `json:"role_id,omitempty" doc:"Default: the deployment's role of members."`
		WorkspaceID     id.Workspace        `json:"workspace_id,omitempty"`
		WorkspaceRoleID id.WorkspaceRole    `json:"workspace_role_id,omitempty"`
	}
}

func (s *Service) inviteMember(ctx context.Context, in inviteMemberInput) (InvitationView, error) {
	o := offer{in.Body.RoleID, in.Body.WorkspaceID, in.Body.WorkspaceRoleID}
	verdicts, err := s.invite(ctx, in.OrganizationID, o, []string{in.Body.Email})
	if err == nil {
		err = verdicts[0].err
	}
	if err != nil {
		return InvitationView{}, err
	}
	return s.invitationView(ctx, verdicts[0].invitation)
}
