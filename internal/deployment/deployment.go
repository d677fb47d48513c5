// Package deployment is the top-level container: one application in one mode,
// with its settings and default roles. Settings are read from memory and are
// never more than a second old, on any node.
package deployment

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/clock"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
	"github.com/guildhall-id/guildhall/internal/platform/secret"
)

// Mode decides how browsers carry their session, and how strict the limits are.
type Mode string

// The modes.
const (
	Staging    Mode = "staging"
	Production Mode = "production"
)

// ErrFeatureDisabled refuses what the deployment's settings have switched off.
var ErrFeatureDisabled = fault.New(fault.Forbidden, "FEATURE_DISABLED", "This feature is switched off here. Ask the operator to enable it.")

// ErrSettingsChanged refuses to overwrite a change that was made meanwhile.
var ErrSettingsChanged = fault.New(fault.Conflict, "CONFLICT", "The settings were changed meanwhile. Read them again and repeat the change.")

// Deployment is the application that requests are for. Treat it as read-only:
// requests share it.
type Deployment struct {
	ID        id.Deployment
	Name      string
	Mode      Mode
	PublicURL string // the origin, without trailing slash
	Settings  Settings
	Version   int64
	CreatedAt clock.Time
	UpdatedAt clock.Time
}

// StepUp is nil for a caller who may change how they sign in: where the
// deployment asks for it, they have to have signed in just now, else it is
// access.ErrStaleSignIn.
func (d *Deployment) StepUp(c *access.Caller, now clock.Time) error {
	if !d.Settings.Auth.StepUpRequired {
		return nil
	}
	return c.Fresh(now)
}

// PublishableKey tells browser SDKs the origin (contract section 5.3).
func (d *Deployment) PublishableKey() string {
	prefix := "pk_test_"
	if d.Mode == Production {
		prefix = "pk_live_"
	}
	return prefix + base64.StdEncoding.EncodeToString([]byte(d.PublicURL))
}

// Service knows the deployments.
type Service struct {
	db        *database.DB
	queries   *Queries
	mode      Mode
	publicURL string
	keys      *keys

	mu     sync.Mutex
	cached *Deployment
	readAt time.Time
}

// maxAge bounds how long a changed setting may go unnoticed.
const maxAge = time.Second

// NewService serves the deployment of db at publicURL. Call Ensure before the
// rest. A program that works beside the server gives no address: then it is the
// one of the last Ensure.
func NewService(db *database.DB, mode Mode, publicURL string, key secret.Key) *Service {
	return &Service{db: db, queries: New(db), mode: mode, publicURL: publicURL, keys: newKeys(db, key.For("signing keys"))}
}

// Ensure creates the first deployment, with its default roles and signing
// keys, when there is none.
func (s *Service) Ensure(ctx context.Context, name string) (*Deployment, error) {
	err := s.db.InTx(ctx, func(tx *database.Tx) error {
		if err := s.takeTurn(ctx, tx); err != nil {
			return err
		}
		row, err := New(tx).FirstDeployment(ctx)
		if database.IsNoRows(err) {
			row.ID, err = s.create(ctx, tx, name)
		}
		if err == nil && row.PublicURL != s.publicURL {
			err = New(tx).UpdatePublicURL(ctx, UpdatePublicURLParams{ID: row.ID, PublicURL: s.publicURL})
		}
		if err != nil {
			return err
		}
		return s.keys.ensure(ctx, tx, row.ID)
	})
	if err != nil {
		return nil, fmt.Errorf("prepare the deployment: %w", err)
	}
	return s.Current(ctx)
}

// takeTurn has nodes that start, or rotate keys, at once see what the others
// made; on SQLite they do anyhow.
func (s *Service) takeTurn(ctx context.Context, tx *database.Tx) error {
	if s.db.Dialect() != database.PostgreSQL {
		return nil
	}
	_, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(hashtextextended('deployment', 0))")
	return err
}

func (s *Service) create(ctx context.Context, tx *database.Tx, name string) (id.Deployment, error) {
	q := New(tx)
	deployment := database.NewID[id.Deployment](tx)
	orgRole := func(name, key string, p access.Permission) (id.OrganizationRole, InsertOrganizationRoleParams) {
		role := database.NewID[id.OrganizationRole](tx)
		return role, InsertOrganizationRoleParams{ID: role, DeploymentID: deployment, Name: name, NameKey: key, Permissions: access.Permissions{p}, Now: tx.Now}
	}
	workspaceRole := func(name, key string, p access.Permission) (id.WorkspaceRole, InsertWorkspaceRoleParams) {
		role := database.NewID[id.WorkspaceRole](tx)
		return role, InsertWorkspaceRoleParams{ID: role, DeploymentID: deployment, Name: name, NameKey: key, Permissions: access.Permissions{p}, Now: tx.Now}
	}
	var orgRoles [2]InsertOrganizationRoleParams
	var workspaceRoles [2]InsertWorkspaceRoleParams
	// Nothing else is stored: whatever the operator does not change follows the
	// defaults, which have the server's address of today.
	var b2b B2BSettings
	b2b.DefaultOrgCreatorRoleID, orgRoles[0] = orgRole("Admin", "admin", access.OrganizationAdmin)
	b2b.DefaultOrgMemberRoleID, orgRoles[1] = orgRole("Member", "member", access.OrganizationMember)
	b2b.DefaultWorkspaceCreatorRoleID, workspaceRoles[0] = workspaceRole("Admin", "admin", access.WorkspaceAdmin)
	b2b.DefaultWorkspaceMemberRoleID, workspaceRoles[1] = workspaceRole("Member", "member", access.WorkspaceMember)

	text, err := json.Marshal(map[string]any{"b2b_settings": map[string]any{
		"default_org_creator_role_id": b2b.DefaultOrgCreatorRoleID, "default_org_member_role_id": b2b.DefaultOrgMemberRoleID,
		"default_workspace_creator_role_id": b2b.DefaultWorkspaceCreatorRoleID, "default_workspace_member_role_id": b2b.DefaultWorkspaceMemberRoleID,
	}})
	if err != nil {
		return 0, err
	}
	err = q.InsertDeployment(ctx, InsertDeploymentParams{ID: deployment, Name: name, Settings: string(text), Now: tx.Now})
	for i := range orgRoles {
		err = errors.Join(err, q.InsertOrganizationRole(ctx, orgRoles[i]), q.InsertWorkspaceRole(ctx, workspaceRoles[i]))
	}
	return deployment, err
}

// Current is the deployment that answers, at most a second old.
func (s *Service) Current(ctx context.Context) (*Deployment, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cached != nil && time.Since(s.readAt) < maxAge {
		return s.cached, nil
	}
	row, err := s.queries.FirstDeployment(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the deployment: %w", err)
	}
	s.readAt = time.Now()
	if s.cached != nil && s.cached.Version == row.Version {
		return s.cached, nil
	}
	d := &Deployment{
		ID: row.ID, Name: row.Name, Mode: s.mode, PublicURL: cmp.Or(s.publicURL, row.PublicURL),
		Version: row.Version, CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt,
	}
	if d.Settings, err = s.settings(row); err != nil {
		return nil, err
	}
	s.cached = d
	return d, nil
}

// Get is the deployment with an id, at most a second old.
func (s *Service) Get(ctx context.Context, deployment id.Deployment) (*Deployment, error) {
	d, err := s.Current(ctx)
	if err != nil {
		return nil, err
	}
	if d.ID != deployment {
		return nil, access.ErrNotFound
	}
	return d, nil
}
