package organization

import (
	"context"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/api"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/event"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
)

type updateOrganizationInput struct {
	OrganizationID id.Organization `path:"id"`
	Body           struct {
		Name                    *string       `json:"name,omitempty" minLength:"2" maxLength:"100"`
		Description             *string       `json:"description,omitempty" maxLength:"1000" clear:"true"`
		Image                   *api.File     `json:"image,omitempty" doc:"PNG, JPEG, GIF or WebP, at most 2 MB and 25 million pixels."`
		RemoveImage             bool          `json:"remove_image,omitempty" doc:"Beyond the public API: have no picture any more."`
		WhitelistedIPs          []string      `json:"whitelisted_ips,omitempty" clear:"true" doc:"IP addresses and networks in CIDR form. Empty restricts nothing."`
		EnableIPRestriction     *bool         `json:"enable_ip_restriction,omitempty"`
		EnforceMFA              *bool         `json:"enforce_mfa,omitempty"`
		AutoAssignedWorkspaceID *id.Workspace `json:"auto_assigned_workspace_id,omitempty" clear:"true" doc:"Whoever joins the organization joins this workspace too; 0 for none."`
	}
}

// updateOrganization changes what is sent.
func (s *Service) updateOrganization(ctx context.Context, in updateOrganizationInput) (out OrganizationView, err error) {
	d, err := s.deployment(ctx)
	if err != nil {
		return out, err
	}
	image, err := s.develop(ctx, in.Body.Image, in.Body.RemoveImage)
	if err != nil {
		return out, err
	}
	err = s.db.InTx(ctx, func(tx *database.Tx) error {
		before, err := turn(ctx, New(tx), in.OrganizationID)
		if err != nil {
			return err
		}
		after, err := changeOrganization(ctx, tx, d, before, in, image)
		if err != nil {
			return err
		}
		out = organizationView(after)
		return event.Emit(ctx, tx, event.Event{
			Name: "organization.updated", Organization: after.ID, Subject: int64(after.ID),
			Data: map[string]any{
				"before": before.profile(), "after": after.profile(),
				"auto_assigned_workspace_id": map[string]any{"before": before.AutoAssignedWorkspaceID, "after": after.AutoAssignedWorkspaceID},
			},
		})
	})
	return out, err
}

// changeOrganization stores the changes in the locked organization, unless the
// caller would be locked out by them.
func changeOrganization(ctx context.Context, tx *database.Tx, d *deployment.Deployment, before Organization, in updateOrganizationInput, image portrait) (Organization, error) {
	q, caller, b2b := New(tx), access.CallerOf(ctx), d.Settings.B2B
	after, err := before.profile().with(profileChange{
		Name: in.Body.Name, Description: in.Body.Description, Networks: in.Body.WhitelistedIPs,
		RestrictIP: in.Body.EnableIPRestriction, EnforceMFA: in.Body.EnforceMFA,
	}, gates{b2b.IPAllowlistPerOrgEnabled, b2b.EnforceMFAPerOrgEnabled})
	if err != nil {
		return before, err
	}
	if after.ImageURL, err = hang(ctx, tx, d, before.ID, before.ImageURL, image); err != nil {
		return before, err
	}
	assigned := before.AutoAssignedWorkspaceID
	if chosen := in.Body.AutoAssignedWorkspaceID; chosen != nil && *chosen != assigned {
		assigned = *chosen
		if err := mayAssign(ctx, q, caller, b2b, before.ID, assigned); err != nil {
			return before, err
		}
	}
	networks, err := networksText(after.Networks)
	if err != nil {
		return before, err
	}
	row, err := q.UpdateOrganization(ctx, UpdateOrganizationParams{
		ID: before.ID, Name: after.Name, Description: after.Description, WhitelistedIPs: networks, ImageURL: after.ImageURL,
		EnableIPRestriction: after.RestrictIP, EnforceMFA: after.EnforceMFA, AutoAssignedWorkspaceID: assigned, Now: tx.Now,
	})
	if err != nil {
		return before, err
	}
	return row, staysIn(caller, row.demands(b2b))
}

// mayAssign is nil when the caller may have everybody who joins put into the
// workspace: it is one of the organization, and they hold there what the role
// of its members gives.
func mayAssign(ctx context.Context, q *Queries, caller *access.Caller, b2b deployment.B2BSettings, organization id.Organization, workspace id.Workspace) error {
	if workspace == 0 {
		return nil
	}
	if !b2b.WorkspacesEnabled {
		return deployment.ErrFeatureDisabled
	}
	if _, err := findWorkspace(ctx, q, organization, workspace); err != nil {
		return err
	}
	held, err := workspaceGrantOf(ctx, q, organization, workspace, caller.User)
	if err != nil {
		return err
	}
	if held.Membership == 0 && !held.Permissions.Hold(access.WorkspaceAdmin) {
		return ErrCeiling
	}
	if b2b.DefaultWorkspaceMemberRoleID == 0 {
		return nil
	}
	role, err := findWorkspaceRole(ctx, q, workspace, b2b.DefaultWorkspaceMemberRoleID)
	if err == nil && !held.Permissions.Cover(role.Permissions) {
		err = ErrCeiling
	}
	return err
}
