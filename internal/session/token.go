package session

import (
	"context"
	"slices"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
)

// The refusals of tokens: a template that the deployment does not have, and
// one whose token browsers and servers could not carry.
var (
	ErrTemplateUnknown = fault.New(fault.NotFound, "NOT_FOUND", "There is no token template with this name.")
	ErrTokenTooLarge   = fault.New(fault.Conflict, "TOKEN_TOO_LARGE", "More is known about you than fits into this token. Ask the operator to shorten its template.")
)

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
	caller := access.CallerOf(ctx)
	d, err := s.deployments.Get(ctx, caller.Deployment)
	if err != nil {
		return Token{}, err
	}
	lifetime, template := d.Settings.Auth.SessionTokenLifetime, deployment.TokenTemplate{}
	if in.Template != "" && in.Template != deployment.DefaultTemplate {
		var ok bool
		if template, ok = d.Settings.TokenTemplates[in.Template]; !ok {
			return Token{}, ErrTemplateUnknown
		}
		lifetime = template.Lifetime
	}
	row, err := s.queries.TokenClaims(ctx, caller.SignIn)
	if row, err = database.OrNotFound(row, err, access.ErrUnauthenticated); err != nil {
		return Token{}, err
	}
	row = row.usable(caller, &d.Settings.B2B)
	issued := s.db.Now().Time().Unix()
	expires := min(issued+lifetime, row.ExpiresAt.Time().Unix()) // no longer than the sign-in
	said := claims{
		Issuer: d.PublicURL, Subject: caller.User, SessionID: caller.Session.ID, Session: caller.Session.ID,
		IssuedAt: issued, NotBefore: issued, Expires: expires,
		Organization: id.Optional(row.OrganizationID), OrganizationPermissions: unique(row.OrganizationPermissions),
		Workspace: id.Optional(row.WorkspaceID), WorkspacePermissions: unique(row.WorkspacePermissions),
	}
	var token string
	if len(template.Claims) == 0 {
		token, err = s.deployments.SignToken(ctx, d.ID, said)
	} else {
		token, err = s.signTemplate(ctx, d, template, said)
	}
	return Token{Token: token, Expires: expires * 1000}, err
}

// unique are the permissions of several roles, each once.
func unique(text string) access.Permissions {
	list := access.ParsePermissions(text)
	slices.Sort(list)
	return slices.Compact(list)
}
