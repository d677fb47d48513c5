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

type updateWorkspaceInput struct {
	WorkspaceID id.Workspace `path:"id"`
	Body        struct {
		Name                *string   `json:"name,omitempty" minLength:"2" maxLength:"100"`
		Description         *string   `json:"description,omitempty" maxLength:"1000" clear:"true"`
		Image               *api.File `json:"image,omitempty" doc:"PNG, JPEG, GIF or WebP, at most 2 MB and 25 million pixels."`
		RemoveImage         bool      `json:"remove_image,omitempty" doc:"Beyond the public API: have no picture any more."`
		WhitelistedIPs      []string  `json:"whitelisted_ips,omitempty" clear:"true" doc:"IP addresses and networks in CIDR form. Empty restricts nothing."`
		EnableIPRestriction *bool     `json:"enable_ip_restriction,omitempty"`
		EnforceMFA          *bool     `json:"enforce_mfa,omitempty"`
		Enforce2FA          *bool     `json:"enforce_2fa,omitempty" doc:"The same as enforce_mfa."`
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
	at := access.CallerOf(ctx).Workspace
	d, err := s.deployment(ctx)
	if err != nil {
		return out, err
	}
	image, err := s.develop(ctx, in.Body.Image, in.Body.RemoveImage)
	if err != nil {
		return out, err
	}
	err = s.db.InTx(ctx, func(tx *database.Tx) error {
		q := New(tx)
		if _, err := turn(ctx, q, at.Organization); err != nil {
			return err
		}
		before, err := findWorkspace(ctx, q, at.Organization, in.WorkspaceID)
		if err != nil {
			return err
		}
		after, err := changeWorkspace(ctx, tx, d, before, in, image)
		if err != nil {
			return err
		}
		out = updatedWorkspace{workspaceView(after), workspaceView(after)}
		return event.Emit(ctx, tx, event.Event{
			Name: "workspace.updated", Organization: after.OrganizationID, Workspace: after.ID, Subject: int64(after.ID),
			Data: map[string]any{"before": before.profile(), "after": after.profile()},
		})
	})
	return out, err
}

// changeWorkspace stores the changes in a workspace of the locked organization,
// unless the caller would be locked out by them.
func changeWorkspace(ctx context.Context, tx *database.Tx, d *deployment.Deployment, before Workspace, in updateWorkspaceInput, image portrait) (Workspace, error) {
	b2b, enforce := d.Settings.B2B, in.Body.EnforceMFA
	if enforce == nil {
		enforce = in.Body.Enforce2FA
	}
	after, err := before.profile().with(profileChange{
		Name: in.Body.Name, Description: in.Body.Description, Networks: in.Body.WhitelistedIPs,
		RestrictIP: in.Body.EnableIPRestriction, EnforceMFA: enforce,
	}, gates{b2b.IPAllowlistPerWorkspace, b2b.EnforceMFAPerWorkspaceEnabled})
	if err != nil {
		return before, err
	}
	if after.ImageURL, err = hang(ctx, tx, d, before.ID, before.ImageURL, image); err != nil {
		return before, err
	}
	networks, err := networksText(after.Networks)
	if err != nil {
		return before, err
	}
	row, err := New(tx).UpdateWorkspace(ctx, UpdateWorkspaceParams{
		ID: before.ID, OrganizationID: before.OrganizationID, Name: after.Name, Description: after.Description, ImageURL: after.ImageURL,
		WhitelistedIPs: networks, EnableIPRestriction: after.RestrictIP, EnforceMFA: after.EnforceMFA, Now: tx.Now,
	})
	if err != nil {
		return before, err
	}
	return row, staysIn(access.CallerOf(ctx), row.demands(b2b))
}
