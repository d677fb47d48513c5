package deployment

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// TokenTemplate is a session token with claims of the operator's own (contract
// section 5.5). Lifetime is in seconds. The value of a claim is a text with
// placeholders, as ParseClaim reads it.
type TokenTemplate struct {
	Lifetime int64             `json:"lifetime"`
	Claims   map[string]string `json:"claims"`
}

// DefaultTemplate is the name of the token without claims of one's own. No
// template may have it.
const DefaultTemplate = "default"

// ClaimPart is a piece of a claim's value: text as it is or, where Fact is not
// empty, what is known by that name. Path leads to a member of a fact that is
// an object, as metadata is.
type ClaimPart struct {
	Text string
	Fact string
	Path []string
}

// The facts of placeholders.
const (
	FactUserID                  = "user.id"
	FactUserEmail               = "user.email"
	FactUserFirstName           = "user.first_name"
	FactUserLastName            = "user.last_name"
	FactUserUsername            = "user.username"
	FactUserMetadata            = "user.public_metadata"
	FactOrganizationID          = "organization.id"
	FactOrganizationName        = "organization.name"
	FactOrganizationRoles       = "organization.roles"
	FactOrganizationPermissions = "organization.permissions"
	FactOrganizationMetadata    = "organization.public_metadata"
	FactWorkspaceID             = "workspace.id"
	FactWorkspaceName           = "workspace.name"
	FactWorkspaceRoles          = "workspace.roles"
	FactWorkspacePermissions    = "workspace.permissions"
	FactWorkspaceMetadata       = "workspace.public_metadata"
)

// shape is what a fact is in JSON.
type shape int

const (
	shapeText shape = iota + 1
	shapeList
	shapeObject
)

// shapeOf are the facts that templates may use. What is private is not among
// them.
func shapeOf(fact string) shape {
	switch fact {
	case FactUserID, FactUserEmail, FactUserFirstName, FactUserLastName, FactUserUsername,
		FactOrganizationID, FactOrganizationName, FactWorkspaceID, FactWorkspaceName:
		return shapeText
	case FactOrganizationRoles, FactOrganizationPermissions, FactWorkspaceRoles, FactWorkspacePermissions:
		return shapeList
	case FactUserMetadata, FactOrganizationMetadata, FactWorkspaceMetadata:
		return shapeObject
	}
	return 0
}

// member is the name of a member of metadata that a placeholder can reach.
var member = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// ParseClaim reads the value of a claim: text in which {{user.email}} stands
// for a fact, and {{user.public_metadata.plan}} for a member of one. A list or
// an object stands alone, not within a text. The error is the end of a
// sentence that begins with the claim.
func ParseClaim(text string) (parts []ClaimPart, err error) {
	rest := text
	for {
		before, after, found := strings.Cut(rest, "{{")
		if before != "" {
			parts = append(parts, ClaimPart{Text: before})
		}
		if !found {
			break
		}
		name, behind, closed := strings.Cut(after, "}}")
		if !closed {
			return nil, errors.New("has {{ without }}")
		}
		part, ok := placeholder(strings.TrimSpace(name))
		if !ok {
			return nil, fmt.Errorf("has {{%s}}, which is not a placeholder", name)
		}
		parts, rest = append(parts, part), behind
	}
	for _, p := range parts {
		if kind := shapeOf(p.Fact); len(parts) > 1 && (kind == shapeList || kind == shapeObject && len(p.Path) == 0) {
			return nil, fmt.Errorf("has {{%s}} within a text, but a list or an object has to stand alone", p.Fact)
		}
	}
	return parts, nil
}

// placeholder is a fact by its name or, in metadata, by a path.
func placeholder(name string) (ClaimPart, bool) {
	if shapeOf(name) != 0 {
		return ClaimPart{Fact: name}, true
	}
	for _, fact := range []string{FactUserMetadata, FactOrganizationMetadata, FactWorkspaceMetadata} {
		if below, ok := strings.CutPrefix(name, fact+"."); ok {
			path := strings.Split(below, ".")
			return ClaimPart{Fact: fact, Path: path}, !slices.ContainsFunc(path, func(m string) bool { return !member.MatchString(m) })
		}
	}
	return ClaimPart{}, false
}

// reserved are the claims that the server itself makes, and those by which
// other kinds of tokens would be recognized (RFC 7519, section 4.1; RFC 9068,
// section 2.2; OpenID Connect Core, section 2): a template could pass for one.
var reserved = []string{
	"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "sid", "sess",
	"organization", "organization_permissions", "workspace", "workspace_permissions",
	"acr", "amr", "at_hash", "auth_time", "azp", "c_hash", "client_id", "cnf", "events", "nonce", "scope", "typ",
}

// IsReservedClaim reports whether no template may have a claim.
func IsReservedClaim(name string) bool { return slices.Contains(reserved, name) }

// The names of templates and claims, and how many there may be.
var (
	templateName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)
	claimName    = regexp.MustCompile(`^[A-Za-z0-9_./:-]{1,100}$`)
)

const (
	maxTemplates   = 20
	maxClaims      = 50
	maxTemplateAge = 60 * minute
)

// templates checks the templates of session tokens.
func (c *checker) templates(list map[string]TokenTemplate) {
	const at = "session_token_templates"
	if len(list) > maxTemplates {
		c.say("%s has %d templates, but may have at most %d.", at, len(list), maxTemplates)
		return
	}
	for _, name := range slices.Sorted(maps.Keys(list)) {
		t, path := list[name], at+"."+name
		switch {
		case name == DefaultTemplate:
			c.say("%s has %q, which is the token without claims of one's own.", at, name)
		case !templateName.MatchString(name):
			c.say("%s has the name %q, but names are letters, digits, _ and -.", at, name)
		}
		if t.Lifetime < 10 || t.Lifetime > maxTemplateAge {
			c.say("%s.lifetime is %d, but has to be between 10 and %d.", path, t.Lifetime, maxTemplateAge)
		}
		if len(t.Claims) > maxClaims {
			c.say("%s has %d claims, but may have at most %d.", path, len(t.Claims), maxClaims)
			continue
		}
		for _, claim := range slices.Sorted(maps.Keys(t.Claims)) {
			c.claim(path, claim, t.Claims[claim])
		}
	}
}

func (c *checker) claim(path, name, value string) {
	switch {
	case !claimName.MatchString(name):
		c.say("%s has the claim %q, but names are letters, digits and _ . / : -.", path, name)
	case IsReservedClaim(name):
		c.say("%s has the claim %q, which only the server itself may make.", path, name)
	case !utf8.ValidString(value) || utf8.RuneCountInString(value) > maxText:
		c.say("%s.%s has to be a text of at most %d characters.", path, name, maxText)
	default:
		if _, err := ParseClaim(value); err != nil {
			c.say("%s.%s %v.", path, name, err)
		}
	}
}
