package organization

import (
	"context"
	"strings"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/api"
	"github.com/guildhall-id/guildhall/internal/deployment"
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
		Image          *api.File       `json:"image,omitempty" doc:"PNG, JPEG, GIF or WebP, at most 2 MB and 25 million pixels."`
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
	d, err := s.deployment(ctx)
	if err != nil {
		return out, err
	}
	b2b := d.Settings.B2B
	name, err := parseName(in.Body.Name)
	if err != nil {
		return out, err
	}
	image, err := s.develop(ctx, in.Body.Image, false)
	if err != nil {
		return out, err
	}
	err = s.db.InTx(ctx, func(tx *database.Tx) error {
		q := New(tx)
		org, err := turn(ctx, q, in.Body.OrganizationID)
		if err != nil {
			return err
		}
		if err := takePlace(ctx, q, b2b, org); err != nil {
			return err
		}
		workspace := database.NewID[id.Workspace](tx)
		url, err := hang(ctx, tx, d, workspace, "", image)
		if err != nil {
			return err
		}
		w, err := q.InsertWorkspace(ctx, InsertWorkspaceParams{
			ID: workspace, DeploymentID: caller.Deployment, OrganizationID: org.ID, Name: name,
			Description: strings.TrimSpace(in.Body.Description), ImageURL: url, CreatorID: caller.User, Now: tx.Now,
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

// takePlace counts one more workspace of the organization, or returns
// ErrTooManyWorkspaces.
func takePlace(ctx context.Context, q *Queries, b2b deployment.B2BSettings, org Organization) error {
	var places int64
	if b2b.LimitWorkspaceCreationPerOrg {
		places = b2b.WorkspacesPerOrgCount
	}
	taken, err := q.TakeWorkspacePlace(ctx, TakeWorkspacePlaceParams{ID: org.ID, DeploymentID: org.DeploymentID, Places: places})
	if err == nil && taken == 0 {
		err = ErrTooManyWorkspaces
	}
	return err
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
		org, err := turn(ctx, q, caller.Workspace.Organization)
		if err != nil {
			return err
		}
		before, err := findWorkspace(ctx, q, org.ID, in.WorkspaceID)
		if err != nil {
			return err
		}
		if err := closeWorkspace(ctx, tx, before, caller.User); err != nil {
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
	for i, row := range rows {
		eligibility := caller.Eligible(row.Organization.demands(b2b), row.Workspace.demands(b2b))
		views[i].EligibilityRestriction = &eligibility
	}
	return views, nil
}
