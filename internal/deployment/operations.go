package deployment

import (
	"context"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/api"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/clock"
)

// Operations is everything clients can learn about the deployment.
func (s *Service) Operations() []api.Operation {
	return []api.Operation{
		{
			ID:      "GetDeployment",
			Route:   "GET /deployment",
			Summary: "Read the settings that drive sign-in and sign-up screens.",
			Access:  access.Browser(),
			Handle:  api.Handle(s.getDeployment),
		},
		{
			ID:      "GetJWKS",
			Route:   "GET /.well-known/jwks.json",
			Summary: "Read the public keys that verify session tokens (RFC 7517).",
			Access:  access.Anyone(),
			Bare:    true,
			Cache:   wellKnownCache,
			Handle:  api.Handle(s.getJWKS),
		},
		{
			ID:      "GetJWK",
			Route:   "GET /.well-known/jwk",
			Summary: "Read the public key that verifies session tokens now, as PEM.",
			Access:  access.Anyone(),
			Bare:    true,
			Cache:   wellKnownCache,
			Handle:  api.Handle(s.getJWK),
		},
		{
			ID:      "GetMetadata",
			Route:   "GET /.well-known/meta",
			Summary: "Read the application's name, pages and issuer.",
			Access:  access.Anyone(),
			Bare:    true,
			Cache:   wellKnownCache,
			Handle:  api.Handle(s.getMetadata),
		},
	}
}

// wellKnownCache is short: a new signing key is published long before its use.
const wellKnownCache = "public, max-age=60"

type nothing struct{}

func (s *Service) getDeployment(ctx context.Context, _ nothing) (View, error) {
	d, err := s.Get(ctx, access.CallerOf(ctx).Deployment)
	if err != nil {
		return View{}, err
	}
	return view(d), nil
}

// JWKSet is the public keys (RFC 7517, section 5).
type JWKSet struct {
	Keys []JWK `json:"keys"`
}

// JWK is a public P-256 key (RFC 7518, section 6.2.1).
type JWK struct {
	KeyType   string `json:"kty"`
	KeyID     string `json:"kid"`
	Use       string `json:"use"`
	Algorithm string `json:"alg"`
	Curve     string `json:"crv"`
	X         string `json:"x"`
	Y         string `json:"y"`
}

func (s *Service) getJWKS(ctx context.Context, _ nothing) (JWKSet, error) {
	d, err := s.Current(ctx)
	if err != nil {
		return JWKSet{}, err
	}
	list, err := s.keys.published(ctx, d.ID)
	if err != nil {
		return JWKSet{}, err
	}
	set := JWKSet{Keys: make([]JWK, len(list))}
	for i, key := range list {
		if set.Keys[i], err = publicJWK(key.public); err != nil {
			return JWKSet{}, err
		}
	}
	return set, nil
}

// PublicKey is the key that verifies session tokens now.
type PublicKey struct {
	DeploymentID id.Deployment `json:"deployment_id"`
	PublicKey    string        `json:"public_key" doc:"SubjectPublicKeyInfo in PEM."`
}

func (s *Service) getJWK(ctx context.Context, _ nothing) (PublicKey, error) {
	d, err := s.Current(ctx)
	if err != nil {
		return PublicKey{}, err
	}
	key, err := s.keys.signing(ctx, d.ID)
	if err != nil {
		return PublicKey{}, err
	}
	text, err := key.publicPEM()
	return PublicKey{DeploymentID: d.ID, PublicKey: text}, err
}

// Metadata is the application's public face.
type Metadata struct {
	DeploymentID id.Deployment `json:"deployment_id"`
	UISettings
	BackendHost          string `json:"backend_host"`
	Issuer               string `json:"issuer"`
	OrganizationsEnabled bool   `json:"organizations_enabled"`
	WorkspacesEnabled    bool   `json:"workspaces_enabled"`
}

func (s *Service) getMetadata(ctx context.Context, _ nothing) (Metadata, error) {
	d, err := s.Current(ctx)
	if err != nil {
		return Metadata{}, err
	}
	return Metadata{
		DeploymentID: d.ID, UISettings: d.Settings.UI, BackendHost: host(d.PublicURL), Issuer: d.PublicURL,
		OrganizationsEnabled: d.Settings.B2B.OrganizationsEnabled, WorkspacesEnabled: d.Settings.B2B.WorkspacesEnabled,
	}, nil
}

// View is the deployment as browsers see it (contract section 7): no secrets,
// and the lists of restrictions empty.
type View struct {
	ID                id.Deployment      `json:"id"`
	CreatedAt         clock.Time         `json:"created_at"`
	UpdatedAt         clock.Time         `json:"updated_at"`
	DeletedAt         *clock.Time        `json:"deleted_at"`
	Name              string             `json:"name"`
	Enabled           bool               `json:"enabled"`
	MaintenanceMode   bool               `json:"maintenance_mode"`
	BackendHost       string             `json:"backend_host"`
	FrontendHost      string             `json:"frontend_host"`
	MailFromHost      string             `json:"mail_from_host"`
	PublishableKey    string             `json:"publishable_key"`
	ProjectID         id.Deployment      `json:"project_id"`
	Mode              Mode               `json:"mode" enum:"production,staging"`
	B2BSettings       b2bView            `json:"b2b_settings"`
	AuthSettings      authView           `json:"auth_settings"`
	Restrictions      restrictionsView   `json:"restrictions"`
	SocialConnections []SocialConnection `json:"social_connections"`
	UISettings        uiView             `json:"ui_settings"`
}

// SocialConnection is a provider people may sign in with.
type SocialConnection struct {
	Stamp
	Provider             string   `json:"provider"`
	Enabled              bool     `json:"enabled"`
	UserDefinedScopes    []string `json:"user_defined_scopes"`
	CustomCredentialsSet bool     `json:"custom_credentials_set"`
}

// Stamp is what every part of the settings carries.
type Stamp struct {
	ID           id.Deployment `json:"id"`
	CreatedAt    clock.Time    `json:"created_at"`
	UpdatedAt    clock.Time    `json:"updated_at"`
	DeletedAt    *clock.Time   `json:"deleted_at"`
	DeploymentID id.Deployment `json:"deployment_id"`
}

type (
	b2bView struct {
		Stamp
		B2BSettings
	}
	authView struct {
		Stamp
		AuthSettings
	}
	restrictionsView struct {
		Stamp
		RestrictionsSettings
	}
	uiView struct {
		DeploymentID id.Deployment `json:"deployment_id"`
		UISettings
	}
)

func view(d *Deployment) View {
	mark := Stamp{ID: d.ID, CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt, DeploymentID: d.ID}
	restrictions := d.Settings.Restrictions
	restrictions.AllowlistedResources, restrictions.BlocklistedResources, restrictions.BannedKeywords = []string{}, []string{}, []string{}
	restrictions.CountryRestrictions.CountryCodes = []string{}
	return View{
		ID: d.ID, CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt,
		Name: d.Name, Enabled: true, MaintenanceMode: d.Settings.MaintenanceMode,
		BackendHost: host(d.PublicURL), FrontendHost: d.Settings.FrontendHost, MailFromHost: d.Settings.MailFromHost,
		PublishableKey: d.PublishableKey(), ProjectID: d.ID, Mode: d.Mode,
		B2BSettings: b2bView{mark, d.Settings.B2B}, AuthSettings: authView{mark, d.Settings.Auth},
		Restrictions: restrictionsView{mark, restrictions}, SocialConnections: []SocialConnection{},
		UISettings: uiView{d.ID, d.Settings.UI},
	}
}
