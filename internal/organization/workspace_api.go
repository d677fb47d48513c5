package organization

import (
	"context"
	"slices"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/event"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/session"
)

type createWorkspaceInput struct {
	Body struct {
		OrganizationID id.Organization `json:"organization_id"`
		Name           string          `json:"name" minLength:"2" maxLength:"100"`
		Description    string          `json:"description,omitempty" maxLength:"1000"`
	}
}

type createdWorkspace struct {
	Workspace  WorkspaceView           `json:"workspace"`
	Membership WorkspaceMembershipView `json:"membership"`
}

// createWorkspace makes the caller the first member, with the role of
// creators, and the workspace the active one of their sign-in.
func (s *Service) createWorkspace(ctx context.Context, in createWorkspaceInput) (out createdWorkspace, err error) {
	caller := access.CallerOf(ctx)
	b2b, err := s.settings(ctx)
	if err != nil {
		return out, err
	}
	name, err := parseName(in.Body.Name)
	if err != nil {
		return out, err
	}
	var places int64
	if b2b.LimitWorkspaceCreationPerOrg {
		places = b2b.WorkspacesPerOrgCount
	}
	err = s.db.InTx(ctx, func(tx *database.Tx) error {
		q := New(tx)
		org, err := lockOrganization(ctx, q, caller.Deployment, in.Body.OrganizationID)
		if err != nil {
			return err
		}
		taken, err := q.TakeWorkspacePlace(ctx, TakeWorkspacePlaceParams{ID: org.ID, DeploymentID: caller.Deployment, Places: places})
		if err != nil {
			return err
		}
		if taken == 0 {
			return ErrTooManyWorkspaces
		}
		w, err := q.InsertWorkspace(ctx, InsertWorkspaceParams{
			ID: database.NewID[id.Workspace](tx), DeploymentID: caller.Deployment, OrganizationID: org.ID,
			Name: name, Description: in.Body.Description, CreatorID: caller.User, Now: tx.Now,
		})
		if err != nil {
			return err
		}
		err = event.Emit(ctx, tx, event.Event{
			Name: "workspace.created", Organization: org.ID, Workspace: w.ID, Subject: int64(w.ID), Data: map[string]any{"after": w.profile()},
		})
		if err != nil {
			return err
		}
		membership, err := s.joinWorkspace(ctx, tx, workspaceJoining{
			Deployment: caller.Deployment, Organization: org.ID, Workspace: w.ID,
			OrganizationMembership: caller.Organization.Membership, User: caller.User,
			Roles: someRoles(b2b.DefaultWorkspaceCreatorRoleID), Limit: b2b.MaxAllowedWorkspaceMembers,
		})
		if err != nil {
			return err
		}
		if err := session.Activate(ctx, tx, caller.SignIn, caller.Organization.Membership, membership); err != nil {
			return err
		}
		out.Membership, err = s.oneWorkspaceMembership(ctx, tx, access.WorkspaceGrant{ID: w.ID, Organization: org.ID}, membership)
		out.Workspace = out.Membership.Workspace
		return err
	})
	return out, err
}

type updateWorkspaceInput struct {
	WorkspaceID id.Workspace `path:"id"`
	Body        struct {
		Name                *string  `json:"name,omitempty" minLength:"2" maxLength:"100"`
		Description         *string  `json:"description,omitempty" maxLength:"1000" clear:"true"`
		WhitelistedIPs      []string `json:"whitelisted_ips,omitempty" clear:"true" doc:"IP addresses and networks in CIDR form. Empty restricts nothing."`
		EnableIPRestriction *bool    `json:"enable_ip_restriction,omitempty"`
		EnforceMFA          *bool    `json:"enforce_mfa,omitempty"`
		Enforce2FA          *bool    `json:"enforce_2fa,omitempty" doc:"The same as enforce_mfa."`
	}
}

// updatedWorkspace is the workspace itself, and once more under its name, for
// clients of either form.
type updatedWorkspace struct {
	WorkspaceView
	Workspace WorkspaceView `json:"workspace"`
}

// updateWorkspace changes what is sent.
func (s *Service) updateWorkspace(ctx context.Context, in updateWorkspaceInput) (out updatedWorkspace, err error) {
	caller := access.CallerOf(ctx)
	b2b, err := s.settings(ctx)
	if err != nil {
		return out, err
	}
	enforce := in.Body.EnforceMFA
	if enforce == nil {
		enforce = in.Body.Enforce2FA
	}
	err = s.db.InTx(ctx, func(tx *database.Tx) error {
		q := New(tx)
		if _, err := lockOrganization(ctx, q, caller.Deployment, caller.Workspace.Organization); err != nil {
			return err
		}
		before, err := findWorkspace(ctx, q, caller.Workspace.Organization, in.WorkspaceID)
		if err != nil {
			return err
		}
		after, err := before.profile().with(profileChange{
			Name: in.Body.Name, Description: in.Body.Description, Networks: in.Body.WhitelistedIPs,
			RestrictIP: in.Body.EnableIPRestriction, EnforceMFA: enforce,
		}, gates{b2b.IPAllowlistPerWorkspace, b2b.EnforceMFAPerWorkspaceEnabled})
		if err != nil {
			return err
		}
		networks, err := networksText(after.Networks)
		if err != nil {
			return err
		}
		row, err := q.UpdateWorkspace(ctx, UpdateWorkspaceParams{
			ID: before.ID, OrganizationID: before.OrganizationID, Name: after.Name, Description: after.Description,
			WhitelistedIPs: networks, EnableIPRestriction: after.RestrictIP, EnforceMFA: after.EnforceMFA, Now: tx.Now,
		})
		if err != nil {
			return err
		}
		out = updatedWorkspace{workspaceView(row), workspaceView(row)}
		return event.Emit(ctx, tx, event.Event{
			Name: "workspace.updated", Organization: row.OrganizationID, Workspace: row.ID, Subject: int64(row.ID),
			Data: map[string]any{"before": before.profile(), "after": after},
		})
	})
	return out, err
}

type workspaceInput struct {
	WorkspaceID id.Workspace `path:"id"`
}

// deleteWorkspace ends the workspace and everything in it. The rows stay for
// the record.
func (s *Service) deleteWorkspace(ctx context.Context, in workspaceInput) (done, error) {
	caller := access.CallerOf(ctx)
	b2b, err := s.settings(ctx)
	if err != nil {
		return done{}, err
	}
	if !b2b.AllowWorkspaceDeletion {
		return done{}, ErrDeletionOff
	}
	err = s.db.InTx(ctx, func(tx *database.Tx) error {
		q := New(tx)
		org, err := lockOrganization(ctx, q, caller.Deployment, caller.Workspace.Organization)
		if err != nil {
			return err
		}
		before, err := findWorkspace(ctx, q, org.ID, in.WorkspaceID)
		if err != nil {
			return err
		}
		if err := closeWorkspace(ctx, q, tx.Now, before, caller.User); err != nil {
			return err
		}
		return event.Emit(ctx, tx, event.Event{
			Name: "workspace.deleted", Organization: org.ID, Workspace: before.ID, Subject: int64(before.ID),
			Data: map[string]any{"before": before.profile(), "member_count": before.MemberCount},
		})
	})
	return done{err == nil}, err
}

// leaveWorkspace ends the caller's own membership.
func (s *Service) leaveWorkspace(ctx context.Context, _ workspaceInput) (done, error) {
	err := s.db.InTx(ctx, func(tx *database.Tx) error {
		return s.endWorkspaceMembership(ctx, tx, access.CallerOf(ctx).Workspace.Membership)
	})
	return done{err == nil}, err
}

type myWorkspacesInput struct {
	OrganizationID id.Organization `query:"org_id" doc:"Those of one organization only."`
}

// myWorkspaces are the caller's memberships, the oldest first.
func (s *Service) myWorkspaces(ctx context.Context, in myWorkspacesInput) ([]WorkspaceMembershipView, error) {
	b2b, err := s.settings(ctx)
	if err != nil {
		return nil, err
	}
	caller := access.CallerOf(ctx)
	rows, err := s.queries.WorkspaceMembershipsOfUser(ctx, WorkspaceMembershipsOfUserParams{
		UserID: caller.User, DeploymentID: caller.Deployment, OrganizationID: int64(in.OrganizationID),
	})
	if err != nil {
		return nil, err
	}
	memberships := make([]WorkspaceMembership, len(rows))
	places := make(map[id.Workspace]place, len(rows))
	for i, row := range rows {
		memberships[i] = row.WorkspaceMembership
		places[row.Workspace.ID] = place{row.Workspace, row.Organization}
	}
	views, err := workspaceMembershipViews(ctx, s.db, memberships, places)
	if err != nil {
		return nil, err
	}
	judge, err := s.eligibility(ctx, slices.ContainsFunc(rows, func(r WorkspaceMembershipsOfUserRow) bool {
		return r.Organization.EnforceMFA || r.Workspace.EnforceMFA
	}))
	if err != nil {
		return nil, err
	}
	for i, row := range rows {
		views[i].EligibilityRestriction = judge(row.Organization.restrictions(b2b), row.Workspace.restrictions(b2b))
	}
	return views, nil
}
