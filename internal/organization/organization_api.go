package organization

import (
	"context"
	"errors"
	"slices"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/event"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/clock"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/session"
)

// done is the answer of a change that has nothing to show.
type done struct {
	Success bool `json:"success"`
}

type createOrganizationInput struct {
	Body struct {
		Name        string `json:"name" minLength:"2" maxLength:"100"`
		Description string `json:"description,omitempty" maxLength:"1000"`
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
	b2b, err := s.settings(ctx)
	if err != nil {
		return out, err
	}
	name, err := parseName(in.Body.Name)
	if err != nil {
		return out, err
	}
	err = s.db.InTx(ctx, func(tx *database.Tx) error {
		q := New(tx)
		if err := mayCreate(ctx, q, caller, b2b); err != nil {
			return err
		}
		org, err := q.InsertOrganization(ctx, InsertOrganizationParams{
			ID: database.NewID[id.Organization](tx), DeploymentID: caller.Deployment,
			Name: name, Description: in.Body.Description, CreatorID: caller.User, Now: tx.Now,
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
			Roles: someRoles(b2b.DefaultOrgCreatorRoleID), By: byCreation, Limit: b2b.MaxAllowedOrgMembers,
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
	if !b2b.AllowUsersToCreateOrgs {
		return ErrCreationOff
	}
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

type updateOrganizationInput struct {
	OrganizationID id.Organization `path:"id"`
	Body           struct {
		Name                    *string       `json:"name,omitempty" minLength:"2" maxLength:"100"`
		Description             *string       `json:"description,omitempty" maxLength:"1000" clear:"true"`
		WhitelistedIPs          []string      `json:"whitelisted_ips,omitempty" clear:"true" doc:"IP addresses and networks in CIDR form. Empty restricts nothing."`
		EnableIPRestriction     *bool         `json:"enable_ip_restriction,omitempty"`
		EnforceMFA              *bool         `json:"enforce_mfa,omitempty"`
		AutoAssignedWorkspaceID *id.Workspace `json:"auto_assigned_workspace_id,omitempty" clear:"true" doc:"0 for none."`
	}
}

// updateOrganization changes what is sent.
func (s *Service) updateOrganization(ctx context.Context, in updateOrganizationInput) (out OrganizationView, err error) {
	b2b, err := s.settings(ctx)
	if err != nil {
		return out, err
	}
	err = s.db.InTx(ctx, func(tx *database.Tx) error {
		q := New(tx)
		before, err := lockOrganization(ctx, q, access.CallerOf(ctx).Deployment, in.OrganizationID)
		if err != nil {
			return err
		}
		after, err := before.profile().with(profileChange{
			Name: in.Body.Name, Description: in.Body.Description, Networks: in.Body.WhitelistedIPs,
			RestrictIP: in.Body.EnableIPRestriction, EnforceMFA: in.Body.EnforceMFA,
		}, gates{b2b.IPAllowlistPerOrgEnabled, b2b.EnforceMFAPerOrgEnabled})
		if err != nil {
			return err
		}
		assigned := before.AutoAssignedWorkspaceID
		if in.Body.AutoAssignedWorkspaceID != nil {
			if assigned = *in.Body.AutoAssignedWorkspaceID; assigned != 0 {
				if _, err := findWorkspace(ctx, q, before.ID, assigned); err != nil {
					return err
				}
			}
		}
		networks, err := networksText(after.Networks)
		if err != nil {
			return err
		}
		row, err := q.UpdateOrganization(ctx, UpdateOrganizationParams{
			ID: before.ID, Name: after.Name, Description: after.Description, WhitelistedIPs: networks,
			EnableIPRestriction: after.RestrictIP, EnforceMFA: after.EnforceMFA, AutoAssignedWorkspaceID: assigned, Now: tx.Now,
		})
		if err != nil {
			return err
		}
		out = organizationView(row)
		return event.Emit(ctx, tx, event.Event{
			Name: "organization.updated", Organization: row.ID, Subject: int64(row.ID),
			Data: map[string]any{
				"before": before.profile(), "after": after,
				"auto_assigned_workspace_id": map[string]any{"before": before.AutoAssignedWorkspaceID, "after": assigned},
			},
		})
	})
	return out, err
}

type organizationInput struct {
	OrganizationID id.Organization `path:"id"`
}

// deleteOrganization ends the organization and everything in it. The rows stay
// for the record.
func (s *Service) deleteOrganization(ctx context.Context, in organizationInput) (done, error) {
	caller := access.CallerOf(ctx)
	b2b, err := s.settings(ctx)
	if err != nil {
		return done{}, err
	}
	if !b2b.AllowOrgDeletion {
		return done{}, ErrDeletionOff
	}
	err = s.db.InTx(ctx, func(tx *database.Tx) error {
		q := New(tx)
		before, err := lockOrganization(ctx, q, caller.Deployment, in.OrganizationID)
		if err != nil {
			return err
		}
		if err := closeOrganization(ctx, q, tx.Now, before.ID, caller.User); err != nil {
			return err
		}
		return event.Emit(ctx, tx, event.Event{
			Name: "organization.deleted", Organization: before.ID, Subject: int64(before.ID),
			Data: map[string]any{"before": before.profile(), "member_count": before.MemberCount, "workspace_count": before.WorkspaceCount},
		})
	})
	return done{err == nil}, err
}

// closeOrganization ends everything in the locked organization, and itself.
func closeOrganization(ctx context.Context, q *Queries, now clock.Time, organization id.Organization, by id.User) error {
	return errors.Join(
		q.LeaveEverySignIn(ctx, LeaveEverySignInParams{OrganizationID: organization, Now: now}),
		q.DiscardInvitationsOf(ctx, DiscardInvitationsOfParams{OrganizationID: organization, Everywhere: true, EndedBy: by, Now: now}),
		q.EndWorkspaceMembershipsOf(ctx, EndWorkspaceMembershipsOfParams{OrganizationID: organization, Everywhere: true, EndedBy: by, Now: now}),
		q.EndMembershipsOf(ctx, EndMembershipsOfParams{OrganizationID: organization, EndedBy: by, Now: now}),
		q.EndWorkspacesOf(ctx, EndWorkspacesOfParams{OrganizationID: organization, Now: now}),
		q.EndOrganization(ctx, EndOrganizationParams{ID: organization, Now: now}),
	)
}

// leaveOrganization ends the caller's own membership.
func (s *Service) leaveOrganization(ctx context.Context, in organizationInput) (done, error) {
	caller := access.CallerOf(ctx)
	err := s.db.InTx(ctx, func(tx *database.Tx) error {
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
	judge, err := s.eligibility(ctx, slices.ContainsFunc(rows, func(r MembershipsOfUserRow) bool { return r.Organization.EnforceMFA }))
	if err != nil {
		return nil, err
	}
	for i, row := range rows {
		views[i].EligibilityRestriction = judge(row.Organization.restrictions(b2b))
	}
	return views, nil
}
