package session

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/secret"
)

// Authenticate finds who sent a request and what they may do in the tenant it
// names, in one read at most. A request without a session, or with one that is
// unknown or over, comes from nobody; with create it gets an anonymous session,
// whose token the browser is not given when it has just got one: the request
// was on its way while another one of its pages changed the password.
func (s *Service) Authenticate(r *http.Request, tenant access.Tenant, create bool) (*access.Caller, error) {
	d, err := s.deployments.Current(r.Context())
	if err != nil {
		return nil, err
	}
	if d.Settings.MaintenanceMode && r.Method != http.MethodGet && r.Method != http.MethodHead {
		return nil, access.ErrMaintenance
	}
	c := &access.Caller{Deployment: d.ID, Client: s.transport.trusted.client(r)}
	token := s.transport.token(r, d.Mode)
	if !token.Empty() {
		if err := s.identify(r.Context(), c, d, token, tenant); err != nil {
			return nil, err
		}
	}
	if c.Session.ID == 0 && create {
		now, session := s.db.Now(), database.NextID[id.Session](s.db)
		c.Session = access.Session{ID: session, CreatedAt: now, UpdatedAt: now, Anonymous: true}
		newer, err := s.hasNewer(r.Context(), d, token)
		if err != nil {
			return nil, err
		}
		if !newer {
			c.Session.Renewed = s.transport.newAnonymous(d.ID, session, now)
		}
	}
	return c, nil
}

// hasNewer reports whether the browser of a dead token was given another one
// within the time of grace.
func (s *Service) hasNewer(ctx context.Context, d *deployment.Deployment, token secret.String) (bool, error) {
	if token.Empty() {
		return false, nil
	}
	now := s.db.Now()
	return s.queries.HasNewerToken(ctx, HasNewerTokenParams{
		Hash: secret.Hash(token), DeploymentID: d.ID, Since: now.Add(-grace), Now: now,
	})
}

// identify fills in the caller of a token.
func (s *Service) identify(ctx context.Context, c *access.Caller, d *deployment.Deployment, token secret.String, tenant access.Tenant) error {
	now := s.db.Now()
	if session, ok := s.transport.openAnonymous(d, token, now); ok {
		c.Session = session
		return nil
	}
	hash := secret.Hash(token)
	row, err := s.queries.FindCaller(ctx, FindCallerParams{
		Hash: hash, DeploymentID: d.ID, Now: now, ActiveSince: now.Add(-d.Settings.Auth.IdleLife()),
		OrganizationID: tenant.Organization, WorkspaceID: tenant.Workspace,
	})
	if database.IsNoRows(err) {
		return nil
	}
	if err != nil {
		return err
	}
	c.Session = access.Session{
		ID: row.ID, CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt,
		TokenHash: hash, RotatedAt: row.RotatedAt, AttemptsEndAt: row.AttemptsEndAt,
	}
	if row.UserID == 0 {
		return nil
	}
	c.SignIn, c.User, c.SignedInAt, c.Disabled = row.SigninID, row.UserID, row.SignedInAt, row.DisabledAt != 0
	c.Enrolling = row.RestrictedTo != ""
	c.SecondFactor = row.SecondFactor != ""
	b2b := &d.Settings.B2B
	c.Organization = access.OrganizationGrant{
		ID: row.MemberOrganizationID, Membership: row.OrganizationMembershipID,
		Permissions: access.ParsePermissions(row.OrganizationPermissions),
		Demands:     b2b.OrganizationDemands(row.OrganizationNetworks, row.OrganizationEnforceMFA),
	}
	c.Workspace = access.WorkspaceGrant{
		ID: row.MemberWorkspaceID, Organization: row.MemberOrganizationID, Membership: row.WorkspaceMembershipID,
		Permissions: access.ParsePermissions(row.WorkspacePermissions),
		Demands:     b2b.WorkspaceDemands(row.WorkspaceNetworks, row.WorkspaceEnforceMFA),
	}
	if c.Workspace.ID != 0 && c.Organization.Permissions.Hold(access.OrganizationAdmin) {
		c.Workspace.Permissions = append(c.Workspace.Permissions, access.WorkspaceAdmin)
	}
	if now.Sub(row.LastActiveAt) > min(touchEvery, d.Settings.Auth.IdleLife()/4) {
		s.touch(ctx, row.SigninID)
	}
	return nil
}

// touch writes down that a sign-in is used. That it fails is no reason to
// refuse the request.
func (s *Service) touch(ctx context.Context, signIn id.SignIn) {
	err := s.db.InTx(ctx, func(tx *database.Tx) error {
		return New(tx).TouchSignIn(ctx, TouchSignInParams{ID: signIn, Now: tx.Now})
	})
	if err != nil {
		slog.WarnContext(ctx, "the use of a sign-in could not be written down", "signin_id", signIn, "error", err)
	}
}

// Deliver hands a renewed token to the browser. It is called before the status
// is written.
func (s *Service) Deliver(w http.ResponseWriter, r *http.Request, c *access.Caller) {
	if d, err := s.deployments.Current(r.Context()); err == nil {
		s.transport.deliver(w, r, d, c.Session)
	}
}
