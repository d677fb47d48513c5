package session

import (
	"context"
	"slices"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
)

// defaultTemplate is the one template there is, named or not.
const defaultTemplate = "default"

// ErrTemplateUnknown refuses a template that the deployment does not have.
var ErrTemplateUnknown = fault.New(fault.NotFound, "NOT_FOUND", "There is no token template with this name.")

type getTokenInput struct {
	Template string `query:"template" doc:"The template's name; default when absent."`
}

// Token is a signed token and when it ends, in milliseconds of the epoch.
type Token struct {
	Token   string `json:"token"`
	Expires int64  `json:"expires"`
}

// claims are what a token says (RFC 7519, section 4.1; contract section 5.5).
type claims struct {
	Issuer                  string             `json:"iss"`
	Subject                 id.User            `json:"sub"`
	SessionID               id.Session         `json:"sid"`
	Session                 id.Session         `json:"sess"`
	IssuedAt                int64              `json:"iat"`
	NotBefore               int64              `json:"nbf"`
	Expires                 int64              `json:"exp"`
	Organization            *id.Organization   `json:"organization,omitempty"`
	OrganizationPermissions access.Permissions `json:"organization_permissions"`
	Workspace               *id.Workspace      `json:"workspace,omitempty"`
	WorkspacePermissions    access.Permissions `json:"workspace_permissions"`
}

func (s *Service) getToken(ctx context.Context, in getTokenInput) (Token, error) {
	if in.Template != "" && in.Template != defaultTemplate {
		return Token{}, ErrTemplateUnknown
	}
	caller := access.CallerOf(ctx)
	d, err := s.deployments.Get(ctx, caller.Deployment)
	if err != nil {
		return Token{}, err
	}
	row, err := s.queries.TokenClaims(ctx, caller.SignIn)
	if row, err = database.OrNotFound(row, err, access.ErrUnauthenticated); err != nil {
		return Token{}, err
	}
	issued := s.db.Now().Time().Unix()
	expires := issued + d.Settings.Auth.SessionTokenLifetime
	token, err := s.deployments.SignToken(ctx, d.ID, claims{
		Issuer: d.PublicURL, Subject: caller.User, SessionID: caller.Session.ID, Session: caller.Session.ID,
		IssuedAt: issued, NotBefore: issued, Expires: expires,
		Organization: id.Optional(row.OrganizationID), OrganizationPermissions: unique(row.OrganizationPermissions),
		Workspace: id.Optional(row.WorkspaceID), WorkspacePermissions: unique(row.WorkspacePermissions),
	})
	return Token{Token: token, Expires: expires * 1000}, err
}

// unique are the permissions of several roles, each once.
func unique(text string) access.Permissions {
	list := access.ParsePermissions(text)
	slices.Sort(list)
	return slices.Compact(list)
}
