package session

import (
	"context"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
)

// Where a sign-in is active is a pointer and no right: it stays when the
// person is somewhere else, and what they do there is decided for each
// request. Only switching asks whether they are eligible now.

type switchOrganizationInput struct {
	OrganizationID id.Organization `query:"organization_id" doc:"Absent for none."`
}

func (s *Service) switchOrganization(ctx context.Context, in switchOrganizationInput) (View, error) {
	caller := access.CallerOf(ctx)
	d, err := s.deployments.Get(ctx, caller.Deployment)
	if err != nil {
		return View{}, err
	}
	b2b := &d.Settings.B2B
	err = s.db.InTx(ctx, func(tx *database.Tx) error {
		if in.OrganizationID == 0 {
			return Activate(ctx, tx, caller.SignIn, 0, 0)
		}
		if !b2b.OrganizationsEnabled {
			return deployment.ErrFeatureDisabled
		}
		row, err := New(tx).MembershipIn(ctx, MembershipInParams{OrganizationID: in.OrganizationID, UserID: caller.User})
		if row, err = database.OrNotFound(row, err, access.ErrNotFound); err != nil {
			return err
		}
		if err := caller.Eligible(b2b.OrganizationDemands(row.Networks, row.EnforceMFA)).Err(); err != nil {
			return err
		}
		return Activate(ctx, tx, caller.SignIn, row.ID, 0)
	})
	if err != nil {
		return View{}, err
	}
	return s.View(ctx, caller, Including{})
}

type switchWorkspaceInput struct {
	WorkspaceID id.Workspace `query:"workspace_id" doc:"Absent for none: the organization stays active."`
}

func (s *Service) switchWorkspace(ctx context.Context, in switchWorkspaceInput) (View, error) {
	caller := access.CallerOf(ctx)
	d, err := s.deployments.Get(ctx, caller.Deployment)
	if err != nil {
		return View{}, err
	}
	b2b := &d.Settings.B2B
	err = s.db.InTx(ctx, func(tx *database.Tx) error {
		q := New(tx)
		if in.WorkspaceID == 0 {
			return q.DeactivateWorkspace(ctx, DeactivateWorkspaceParams{ID: caller.SignIn, Now: tx.Now})
		}
		if !b2b.OrganizationsEnabled || !b2b.WorkspacesEnabled {
			return deployment.ErrFeatureDisabled
		}
		row, err := q.WorkspaceMembershipIn(ctx, WorkspaceMembershipInParams{WorkspaceID: in.WorkspaceID, UserID: caller.User})
		if row, err = database.OrNotFound(row, err, access.ErrNotFound); err != nil {
			return err
		}
		err = caller.Eligible(
			b2b.OrganizationDemands(row.OrganizationNetworks, row.OrganizationEnforceMFA),
			b2b.WorkspaceDemands(row.WorkspaceNetworks, row.WorkspaceEnforceMFA),
		).Err()
		if err != nil {
			return err
		}
		return Activate(ctx, tx, caller.SignIn, row.OrganizationMembershipID, row.ID)
	})
	if err != nil {
		return View{}, err
	}
	return s.View(ctx, caller, Including{})
}

// usable leaves out of what a token says the tenants that the caller may not
// act in now, and those of features that are switched off.
func (row TokenClaimsRow) usable(caller *access.Caller, b2b *deployment.B2BSettings) TokenClaimsRow {
	organization := b2b.OrganizationDemands(row.OrganizationNetworks, row.OrganizationEnforceMFA)
	workspace := b2b.WorkspaceDemands(row.WorkspaceNetworks, row.WorkspaceEnforceMFA)
	above := b2b.OrganizationsEnabled && caller.Eligible(organization).Err() == nil
	if !above {
		row.OrganizationID, row.OrganizationPermissions = 0, ""
	}
	if !above || !b2b.WorkspacesEnabled || caller.Eligible(workspace).Err() != nil {
		row.WorkspaceID, row.WorkspacePermissions = 0, ""
	}
	return row
}
