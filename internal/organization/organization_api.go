package organization

import (
	"context"
	"errors"
	"strings"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/api"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/event"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/picture"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/session"
)

// done is the answer of a change that has nothing to show.
type done struct {
	Success bool `json:"success"`
}

type createOrganizationInput struct {
	Body struct {
		Name        string    `json:"name" minLength:"2" maxLength:"100"`
		Description string    `json:"description,omitempty" maxLength:"1000"`
		Image       *api.File `json:"image,omitempty" doc:"PNG, JPEG, GIF or WebP, at most 2 MB and 25 million pixels."`
	}
}

type createdOrganization struct {
	Organization OrganizationView `json:"organization"`
	Membership   MembershipView   `json:"membership"`
}

// createOrganization makes the caller the first member, with the role of
// creators, and the organization the active one of their sign-in.
func (s *Service) createOrganization(ctx context.Context, in createOrganizationInput) (out createdOrganization, err error) {
	caller := access.CallerOf(ctx)
	d, err := s.deployment(ctx)
	if err != nil {
		return out, err
	}
	b2b := d.Settings.B2B
	name, err := parseName(in.Body.Name)
	if err != nil {
		return out, err
	}
	if !b2b.AllowUsersToCreateOrgs {
		return out, ErrCreationOff
	}
	image, err := s.develop(ctx, in.Body.Image, false)
	if err != nil {
		return out, err
	}
	err = s.db.InTx(ctx, func(tx *database.Tx) error {
		q := New(tx)
		if err := mayCreate(ctx, q, caller, b2b); err != nil {
			return err
		}
		organization := database.NewID[id.Organization](tx)
		url, err := hang(ctx, tx, d, organization, "", image)
		if err != nil {
			return err
		}
		org, err := q.InsertOrganization(ctx, InsertOrganizationParams{
			ID: organization, DeploymentID: caller.Deployment, Name: name, Description: strings.TrimSpace(in.Body.Description),
			ImageURL: url, CreatorID: caller.User, Now: tx.Now,
		})
		if err != nil {
			return err
		}
		err = event.Emit(ctx, tx, event.Event{
			Name: "organization.created", Organization: org.ID, Subject: int64(org.ID), Data: map[string]any{"after": org.profile()},
		})
		if err != nil {
			return err
		}
		membership, err := s.join(ctx, tx, joining{
			Deployment: caller.Deployment, Organization: org.ID, User: caller.User,
			Roles: someRoles(b2b.DefaultOrgCreatorRoleID), By: byCreation, B2B: b2b,
		})
		if err != nil {
			return err
		}
		if err := session.Activate(ctx, tx, caller.SignIn, membership, 0); err != nil {
			return err
		}
		out.Membership, err = s.oneMembership(ctx, tx, org.ID, membership)
		out.Organization = out.Membership.Organization
		return err
	})
	return out, err
}

// mayCreate is nil when the person may create one more organization. With a
// limit, creations by one person take turns.
func mayCreate(ctx context.Context, q *Queries, caller *access.Caller, b2b deployment.B2BSettings) error {
	created := b2b.LimitOrgCreationPerUser && b2b.OrgCreationPerUserCount > 0
	if b2b.MaxOrgsPerUser == 0 && !created {
		return nil
	}
	if _, err := q.LockCreator(ctx, LockCreatorParams{ID: caller.User, DeploymentID: caller.Deployment}); err != nil {
		return err
	}
	if b2b.MaxOrgsPerUser > 0 {
		n, err := q.CountOfMember(ctx, CountOfMemberParams{UserID: caller.User, DeploymentID: caller.Deployment})
		if err != nil {
			return err
		}
		if n >= b2b.MaxOrgsPerUser {
			return ErrTooManyJoined
		}
	}
	if created {
		n, err := q.CountOfCreator(ctx, CountOfCreatorParams{CreatorID: caller.User, DeploymentID: caller.Deployment})
		if err != nil {
			return err
		}
		if n >= b2b.OrgCreationPerUserCount {
			return ErrTooManyCreated
		}
	}
	return nil
}

type organizationInput struct {
	OrganizationID id.Organization `path:"id"`
}

// deleteOrganization ends the organization and everything in it. The rows stay
// for the record.
func (s *Service) deleteOrganization(ctx context.Context, in organizationInput) (done, error) {
	b2b, err := s.settings(ctx)
	if err != nil {
		return done{}, err
	}
	if !b2b.AllowOrgDeletion {
		return done{}, ErrDeletionOff
	}
	err = s.db.InTx(ctx, func(tx *database.Tx) error {
		org, err := turn(ctx, New(tx), in.OrganizationID)
		if err != nil {
			return err
		}
		return closeOrganization(ctx, tx, org)
	})
	return done{err == nil}, err
}

// closeOrganization ends everything in the locked organization, and itself, for
// the caller.
func closeOrganization(ctx context.Context, tx *database.Tx, org Organization) error {
	q, organization, now, by := New(tx), org.ID, tx.Now, access.CallerOf(ctx).User
	err := errors.Join(
		q.LeaveEverySignIn(ctx, LeaveEverySignInParams{OrganizationID: organization, Now: now}),
		q.DiscardInvitationsOf(ctx, DiscardInvitationsOfParams{OrganizationID: organization, Everywhere: true, EndedBy: by, Now: now}),
		q.EndWorkspaceMembershipsOf(ctx, EndWorkspaceMembershipsOfParams{OrganizationID: organization, Everywhere: true, EndedBy: by, Now: now}),
		q.EndMembershipsOf(ctx, EndMembershipsOfParams{OrganizationID: organization, EndedBy: by, Now: now}),
		q.EndRolesOf(ctx, EndRolesOfParams{DeploymentID: org.DeploymentID, OrganizationID: int64(organization), Now: now}),
		picture.Drop(ctx, tx, organization),
	)
	if err != nil {
		return err
	}
	workspaces, err := q.EndWorkspacesOf(ctx, EndWorkspacesOfParams{OrganizationID: organization, Now: now})
	if err != nil {
		return err
	}
	err = errors.Join(
		q.EndWorkspaceRolesOf(ctx, EndWorkspaceRolesOfParams{DeploymentID: org.DeploymentID, Workspaces: database.Int64s(workspaces), Now: now}),
		picture.Drop(ctx, tx, workspaces...),
		q.EndOrganization(ctx, EndOrganizationParams{ID: organization, Now: now}),
	)
	if err != nil {
		return err
	}
	return event.Emit(ctx, tx, event.Event{
		Name: "organization.deleted", Organization: organization, Subject: int64(organization),
		Data: map[string]any{"before": org.profile(), "member_count": org.MemberCount, "workspace_count": org.WorkspaceCount},
	})
}

// leaveOrganization ends the caller's own membership.
func (s *Service) leaveOrganization(ctx context.Context, in organizationInput) (done, error) {
	caller := access.CallerOf(ctx)
	err := s.db.InTx(ctx, func(tx *database.Tx) error {
		if _, err := turn(ctx, New(tx), in.OrganizationID); err != nil {
			return err
		}
		return s.endMembership(ctx, tx, in.OrganizationID, caller.Organization.Membership)
	})
	return done{err == nil}, err
}

// myOrganizations are the caller's memberships, the oldest first.
func (s *Service) myOrganizations(ctx context.Context, _ struct{}) ([]MembershipView, error) {
	b2b, err := s.settings(ctx)
	if err != nil || !b2b.OrganizationsEnabled {
		return []MembershipView{}, err
	}
	caller := access.CallerOf(ctx)
	rows, err := s.queries.MembershipsOfUser(ctx, MembershipsOfUserParams{UserID: caller.User, DeploymentID: caller.Deployment})
	if err != nil {
		return nil, err
	}
	memberships := make([]Membership, len(rows))
	organizations := make(map[id.Organization]Organization, len(rows))
	for i, row := range rows {
		memberships[i] = row.Membership
		organizations[row.Organization.ID] = row.Organization
	}
	views, err := membershipViews(ctx, s.db, memberships, organizations)
	if err != nil {
		return nil, err
	}
	for i, row := range rows {
		eligibility := caller.Eligible(row.Organization.demands(b2b))
		views[i].EligibilityRestriction = &eligibility
	}
	return views, nil
}
