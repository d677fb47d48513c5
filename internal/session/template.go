package session

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
)

// maxToken is how long a token with claims of one's own may be, in bytes: a
// cookie carries no more, and servers limit headers to little more.
const maxToken = 4096

// signTemplate signs what every token says, and the claims of a template
// beside it.
func (s *Service) signTemplate(ctx context.Context, d *deployment.Deployment, t deployment.TokenTemplate, said claims) (string, error) {
	known, err := s.factsFor(ctx, t, said)
	if err != nil {
		return "", err
	}
	all := map[string]json.RawMessage{}
	for name, text := range t.Claims {
		parts, err := deployment.ParseClaim(text)
		if err != nil || deployment.IsReservedClaim(name) {
			continue // settings that an earlier version let through
		}
		value, ok := known.value(parts)
		if !ok {
			continue
		}
		if all[name], err = json.Marshal(value); err != nil {
			return "", err
		}
	}
	own, err := json.Marshal(said)
	if err != nil {
		return "", err
	}
	if err := json.Unmarshal(own, &all); err != nil { // whatever else has these names
		return "", err
	}
	token, err := s.deployments.SignToken(ctx, d.ID, all)
	if err == nil && len(token) > maxToken {
		err = ErrTokenTooLarge
	}
	return token, err
}

// facts are what placeholders stand for, as JSON values: text, a list of texts,
// an object. What is not there has no value.
type facts map[string]any

// factsFor are the facts about the person of a token and about the places that
// the token names. Roles are loaded when the template asks for them.
func (s *Service) factsFor(ctx context.Context, t deployment.TokenTemplate, said claims) (facts, error) {
	organization, workspace := orZero(said.Organization), orZero(said.Workspace)
	row, err := s.queries.TemplateFacts(ctx, TemplateFactsParams{UserID: said.Subject, OrganizationID: organization, WorkspaceID: workspace})
	if row, err = database.OrNotFound(row, err, access.ErrUnauthenticated); err != nil {
		return nil, err
	}
	known := facts{}
	for fact, text := range map[string]string{
		deployment.FactUserID: said.Subject.String(), deployment.FactUserEmail: row.Email, deployment.FactUserUsername: row.Username,
		deployment.FactUserFirstName: row.FirstName, deployment.FactUserLastName: row.LastName,
	} {
		if text != "" {
			known[fact] = text
		}
	}
	if err := known.metadata(deployment.FactUserMetadata, row.PublicMetadata); err != nil {
		return nil, err
	}
	if row.OrganizationMembershipID != 0 {
		known[deployment.FactOrganizationID], known[deployment.FactOrganizationName] = organization.String(), row.OrganizationName
		known[deployment.FactOrganizationPermissions] = said.OrganizationPermissions
		if err := known.metadata(deployment.FactOrganizationMetadata, row.OrganizationMetadata); err != nil {
			return nil, err
		}
	}
	if row.WorkspaceMembershipID != 0 {
		known[deployment.FactWorkspaceID], known[deployment.FactWorkspaceName] = workspace.String(), row.WorkspaceName
		known[deployment.FactWorkspacePermissions] = said.WorkspacePermissions
		if err := known.metadata(deployment.FactWorkspaceMetadata, row.WorkspaceMetadata); err != nil {
			return nil, err
		}
	}
	return known, s.addRoles(ctx, known, t, row)
}

// addRoles adds the names of the roles that a template asks for.
func (s *Service) addRoles(ctx context.Context, known facts, t deployment.TokenTemplate, row TemplateFactsRow) error {
	if row.OrganizationMembershipID != 0 && mentions(t, deployment.FactOrganizationRoles) {
		list, err := s.queries.OrganizationRolesOfMemberships(ctx, []int64{int64(row.OrganizationMembershipID)})
		if err != nil {
			return err
		}
		names := []string{}
		for _, role := range list {
			names = append(names, role.Name)
		}
		known[deployment.FactOrganizationRoles] = names
	}
	if row.WorkspaceMembershipID != 0 && mentions(t, deployment.FactWorkspaceRoles) {
		list, err := s.queries.WorkspaceRolesOfMemberships(ctx, []int64{int64(row.WorkspaceMembershipID)})
		if err != nil {
			return err
		}
		names := []string{}
		for _, role := range list {
			names = append(names, role.Name)
		}
		known[deployment.FactWorkspaceRoles] = names
	}
	return nil
}

func mentions(t deployment.TokenTemplate, fact string) bool {
	for _, text := range t.Claims {
		if strings.Contains(text, fact) {
			return true
		}
	}
	return false
}

func (f facts) metadata(name, text string) error {
	var object map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &object); err != nil {
		return err
	}
	f[name] = object
	return nil
}

// value is the JSON value of a claim. One placeholder alone keeps its kind, and
// has no value when the fact is not there. Within a text it is printed: a text,
// a number or a truth value as it is, anything else as nothing.
func (f facts) value(parts []deployment.ClaimPart) (any, bool) {
	if len(parts) == 1 && parts[0].Fact != "" {
		return f.find(parts[0])
	}
	var text strings.Builder
	for _, part := range parts {
		text.WriteString(part.Text)
		if value, ok := f.find(part); ok {
			text.WriteString(printed(value))
		}
	}
	return text.String(), true
}

// find is the fact of a placeholder, or the member of it at the path.
func (f facts) find(part deployment.ClaimPart) (any, bool) {
	value, ok := f[part.Fact]
	for _, name := range part.Path {
		var object map[string]json.RawMessage
		switch below := value.(type) {
		case map[string]json.RawMessage:
			object = below
		case json.RawMessage:
			if json.Unmarshal(below, &object) != nil {
				return nil, false
			}
		}
		value, ok = object[name]
		if !ok {
			return nil, false
		}
	}
	return value, ok
}

func printed(value any) string {
	raw, ok := value.(json.RawMessage)
	if !ok {
		text, _ := value.(string)
		return text
	}
	var text string
	switch {
	case json.Unmarshal(raw, &text) == nil:
		return text
	case len(raw) > 0 && raw[0] != '{' && raw[0] != '[':
		return string(raw)
	}
	return ""
}

func orZero[N any](value *id.Of[N]) id.Of[N] {
	if value == nil {
		return 0
	}
	return *value
}
