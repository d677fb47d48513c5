package organization

import (
	"context"
	"errors"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/clock"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
	"github.com/guildhall-id/guildhall/internal/user"
)

// found is the invitation that a genuine secret points at.
type found struct {
	invitation Invitation
	sending    sending
	place      InvitationOfDeploymentRow
}

// findSending is what a secret points at, in whatever state it is, or
// ErrInvitationNotFound when no key of this server made the secret.
func (s *Service) findSending(ctx context.Context, db database.DBTX, d id.Deployment, token string) (found, error) {
	sent, ok := s.secrets.parse(token)
	if !ok {
		return found{}, ErrInvitationNotFound
	}
	row, err := New(db).InvitationOfDeployment(ctx, InvitationOfDeploymentParams{ID: sent.Invitation, DeploymentID: d})
	row, err = database.OrNotFound(row, err, ErrInvitationNotFound)
	return found{row.OrganizationInvitation, sent, row}, err
}

// usable is nil when what was found can be accepted at now.
func (f found) usable(now clock.Time) error {
	err := f.invitation.usable(f.sending.Generation, now)
	if err == nil && !f.place.Live {
		err = ErrInvitationDiscarded
	}
	return err
}

func (f found) invited() Invited {
	inv := f.invitation
	return Invited{
		ID: inv.ID, Organization: inv.OrganizationID, OrganizationName: f.place.OrganizationName,
		Workspace: inv.WorkspaceID, WorkspaceName: f.place.WorkspaceName,
		Email: user.Email(inv.Email), ByMail: f.sending.ByMail, ExpiresAt: inv.ExpiresAt,
	}
}

// Lookup is what a secret invites to, if it can be accepted at now, else
// ErrInvitationNotFound, ErrInvitationReplaced, ErrInvitationUsed,
// ErrInvitationDiscarded, ErrInvitationDeclined or ErrInvitationExpired.
func (s *Service) Lookup(ctx context.Context, db database.DBTX, d id.Deployment, token string, now clock.Time) (Invited, error) {
	f, err := s.findSending(ctx, db, d, token)
	if err == nil {
		err = f.usable(now)
	}
	if err != nil {
		return Invited{}, err
	}
	return f.invited(), nil
}

// InvitationPage is what the page behind a mailed link shows to whoever holds
// the link. Without a genuine secret only Refusal is set.
type InvitationPage struct {
	Invited
	InviterName string
	RoleName    string
	Refusal     *fault.Error // what stands in the way, nil when it can be accepted
	Member      bool         // the invited person is signed in here and a member of the target already
	First       Acceptance   // what the browser has to do first; zero when the invited person is signed in here
}

// Page reads an invitation for its page, as the browser of ctx may see it. It
// changes nothing: mail scanners follow links.
func (s *Service) Page(ctx context.Context, token string) (InvitationPage, error) {
	d, err := s.deployments.Current(ctx)
	if err != nil {
		return InvitationPage{}, err
	}
	f, err := s.findSending(ctx, s.db, d.ID, token)
	var page InvitationPage
	if errors.As(err, &page.Refusal) {
		return page, nil
	}
	if err != nil {
		return page, err
	}
	page.Invited = f.invited()
	errors.As(f.usable(s.db.Now()), &page.Refusal)
	if page.InviterName, err = inviterName(ctx, s.db, f.invitation.InviterID); err != nil {
		return page, err
	}
	roles, err := rolesByID(ctx, s.queries, []id.OrganizationRole{f.invitation.RoleID})
	if err != nil {
		return page, err
	}
	page.RoleName = roles[f.invitation.RoleID].Name
	return page, s.addressee(ctx, f.invitation, &page)
}

// addressee adds to a page whether the invited person looks at it.
func (s *Service) addressee(ctx context.Context, inv Invitation, page *InvitationPage) error {
	owner, first, err := s.invitedSignIn(ctx, access.CallerOf(ctx), inv)
	if errors.Is(err, access.ErrDisabled) || errors.Is(err, access.ErrEnrolment) {
		errors.As(err, &page.Refusal)
		return nil
	}
	if page.First = first; err != nil || owner.SignIn == 0 {
		return err
	}
	has, err := powerOf(ctx, s.queries, inv.OrganizationID, inv.WorkspaceID, owner.User)
	page.Member = inv.WorkspaceID == 0 && has.Organization.Membership != 0 || has.Workspace.Membership != 0
	return err
}
