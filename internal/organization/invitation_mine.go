package organization

import (
	"context"
	"errors"
	"slices"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/event"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/clock"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/session"
	"github.com/guildhall-id/guildhall/internal/user"
)

// MyInvitation is an invitation as the invited person sees it: no secret, and
// of the organization only what the mail says too.
type MyInvitation struct {
	ID            id.Invitation    `json:"id"`
	Email         string           `json:"email" format:"email"`
	Organization  InvitationPlace  `json:"organization"`
	Role          InvitationPlace  `json:"initial_organization_role"`
	Workspace     *InvitationPlace `json:"workspace"`
	WorkspaceRole *InvitationPlace `json:"initial_workspace_role"`
	Inviter       MyInviter        `json:"inviter"`
	ExpiresAt     clock.Time       `json:"expires_at"`
	CreatedAt     clock.Time       `json:"created_at"`
}

// MyInviter is the name of who invited.
type MyInviter struct {
	FirstName string `json:"first_name"`
	LastName  string `json:"last_name"`
	Email     string `json:"email"`
}

// getMyInvitations are the newest that can be accepted, at most 100.
func (s *Service) getMyInvitations(ctx context.Context, _ struct{}) ([]MyInvitation, error) {
	caller := access.CallerOf(ctx)
	emails, err := verifiedEmails(ctx, s.db, caller.User)
	if err != nil {
		return nil, err
	}
	rows, err := s.queries.InvitationsTo(ctx, InvitationsToParams{DeploymentID: caller.Deployment, Emails: emails, Now: s.db.Now()})
	if err != nil {
		return nil, err
	}
	var inviters []id.User
	for _, row := range rows {
		inviters = append(inviters, row.OrganizationInvitation.InviterID)
	}
	people, err := user.PublicByID(ctx, s.db, inviters)
	if err != nil {
		return nil, err
	}
	list := make([]MyInvitation, len(rows))
	for i, row := range rows {
		inv := row.OrganizationInvitation
		person := people[inv.InviterID]
		list[i] = MyInvitation{
			ID: inv.ID, Email: inv.Email, ExpiresAt: inv.ExpiresAt, CreatedAt: inv.CreatedAt,
			Organization: InvitationPlace{id.Subject(inv.OrganizationID), row.OrganizationName},
			Role:         InvitationPlace{id.Subject(inv.RoleID), row.RoleName},
			Inviter:      MyInviter{person.FirstName, person.LastName, person.PrimaryEmail()},
		}
		if inv.WorkspaceID != 0 {
			list[i].Workspace = &InvitationPlace{id.Subject(inv.WorkspaceID), row.WorkspaceName}
			list[i].WorkspaceRole = &InvitationPlace{id.Subject(inv.WorkspaceRoleID), row.WorkspaceRoleName}
		}
	}
	return list, nil
}

func verifiedEmails(ctx context.Context, db database.DBTX, person id.User) ([]string, error) {
	emails, err := user.VerifiedEmails(ctx, db, person)
	list := make([]string, len(emails))
	for i, email := range emails {
		list[i] = string(email)
	}
	return list, err
}

type myInvitationInput struct {
	InvitationID id.Invitation `path:"id"`
}

// myInvitation is an invitation to one of the caller's verified addresses; any
// other does not exist for them.
func (s *Service) myInvitation(ctx context.Context, db database.DBTX, invitation id.Invitation) (Invitation, error) {
	caller := access.CallerOf(ctx)
	emails, err := verifiedEmails(ctx, db, caller.User)
	if err != nil {
		return Invitation{}, err
	}
	row, err := New(db).InvitationOfDeployment(ctx, InvitationOfDeploymentParams{ID: invitation, DeploymentID: caller.Deployment})
	if row, err = database.OrNotFound(row, err, access.ErrNotFound); err != nil {
		return Invitation{}, err
	}
	if !slices.Contains(emails, row.OrganizationInvitation.Email) {
		return Invitation{}, access.ErrNotFound
	}
	return row.OrganizationInvitation, nil
}

func (s *Service) acceptMyInvitation(ctx context.Context, in myInvitationInput) (Acceptance, error) {
	caller := access.CallerOf(ctx)
	d, err := s.deployments.Get(ctx, caller.Deployment)
	if err != nil {
		return Acceptance{}, err
	}
	inv, err := s.myInvitation(ctx, s.db, in.InvitationID)
	if err != nil {
		return Acceptance{}, err
	}
	return s.accept(ctx, d, inv, entry{inv.Generation, session.Active{SignIn: caller.SignIn, User: caller.User}, byInvitationAccount})
}

// declineMyInvitation ends a pending invitation; declining twice is a success.
func (s *Service) declineMyInvitation(ctx context.Context, in myInvitationInput) (done, error) {
	err := s.db.InTx(ctx, func(tx *database.Tx) error {
		inv, err := s.myInvitation(ctx, tx, in.InvitationID)
		if err != nil || inv.Status == declined {
			return err
		}
		row, err := New(tx).DeclineInvitation(ctx, DeclineInvitationParams{
			ID: inv.ID, OrganizationID: inv.OrganizationID, EndedBy: access.CallerOf(ctx).User, Now: tx.Now,
		})
		row, err = database.OrNotFound(row, err, ErrInvitationEnded)
		if errors.Is(err, ErrInvitationEnded) && inv.Status == accepted {
			err = ErrInvitationAccepted
		}
		if err != nil {
			return err
		}
		return event.Emit(ctx, tx, row.event("organization.invitation.declined"))
	})
	return done{err == nil}, err
}
