package deployment

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
)

// SettingsError refuses settings that are wrong, or that contradict each
// other: one sentence for each mistake.
type SettingsError []string

func (e SettingsError) Error() string { return strings.Join(e, "\n") }

// roles are the deployment's own, with what they hold.
type roles struct {
	organization map[id.OrganizationRole]access.Permissions
	workspace    map[id.WorkspaceRole]access.Permissions
}

func rolesOfAll(ctx context.Context, db database.DBTX, deployment id.Deployment) (roles, error) {
	r := roles{map[id.OrganizationRole]access.Permissions{}, map[id.WorkspaceRole]access.Permissions{}}
	ofOrganizations, err := New(db).OrganizationRolesOfAll(ctx, deployment)
	if err != nil {
		return r, fmt.Errorf("read the default roles: %w", err)
	}
	ofWorkspaces, err := New(db).WorkspaceRolesOfAll(ctx, deployment)
	if err != nil {
		return r, fmt.Errorf("read the default roles: %w", err)
	}
	for _, role := range ofOrganizations {
		r.organization[role.ID] = role.Permissions
	}
	for _, role := range ofWorkspaces {
		r.workspace[role.ID] = role.Permissions
	}
	return r, nil
}

// check reports every mistake of the settings as a SettingsError, or nil.
func (s Settings) check(r roles) error {
	var wrong checker
	wrong.values(s)
	wrong.absent(s)
	wrong.signIn(s.Auth)
	wrong.fields(s.Auth)
	wrong.durations(s.Auth)
	wrong.tenants(s.B2B)
	wrong.catalogs(s.B2B, r)
	wrong.restrictions(s)
	wrong.screens(s)
	wrong.templates(s.TokenTemplates)
	if len(wrong) > 0 {
		return SettingsError(wrong)
	}
	return nil
}

// checker gathers mistakes.
type checker []string

func (c *checker) say(format string, args ...any) { *c = append(*c, fmt.Sprintf(format, args...)) }

// absent refuses to offer what the API has settings for, and this server does
// not do: browsers would show buttons that lead nowhere.
func (c *checker) absent(s Settings) {
	for _, one := range []switched{
		{"auth_settings.passkey.enabled", s.Auth.Passkey.Enabled},
		{"auth_settings.web3_wallet.enabled", s.Auth.Web3Wallet.Enabled},
		{"auth_settings.auth_factors_enabled.web3_wallet", s.Auth.FactorsEnabled.Web3Wallet},
		{"b2b_settings.enterprise_sso_enabled", s.B2B.EnterpriseSSOEnabled},
	} {
		if one.on {
			c.say("%s cannot be switched on: this version of Guildhall does not have it.", one.name)
		}
	}
}

// need says that a setting wants another, unless it has it.
func (c *checker) need(ok bool, wanting, wanted string) {
	if !ok {
		c.say("%s needs %s.", wanting, wanted)
	}
}

// between leaves negative numbers out: values reports them for every setting.
func (c *checker) between(path string, value, least, most int64) {
	if value >= 0 && (value < least || value > most) {
		c.say("%s is %d, but has to be between %d and %d.", path, value, least, most)
	}
}

// The longest values.
const (
	maxText = 2000
	maxList = 10_000
)

// values checks what the type of a setting does not say: the values of an
// enumeration, addresses, limits, and lists without empty or repeated entries.
func (c *checker) values(s Settings) {
	for _, l := range leaves(reflect.ValueOf(&s).Elem(), "") {
		switch {
		case l.value.Kind() == reflect.String:
			c.text(l)
		case l.value.Kind() == reflect.Slice:
			c.list(l)
		case l.value.CanInt() && l.value.Int() < 0:
			c.say("%s is %d, but may not be negative.", l.path, l.value.Int())
		}
	}
}

func (c *checker) text(l leaf) {
	text := l.value.String()
	if enum := l.field.Tag.Get("enum"); enum != "" {
		if values := strings.Split(enum, ","); !slices.Contains(values, text) {
			c.say("%s is %q, but has to be one of: %s.", l.path, text, strings.Join(values, ", "))
		}
		return
	}
	switch {
	case !utf8.ValidString(text) || strings.ContainsRune(text, 0) || utf8.RuneCountInString(text) > maxText:
		c.say("%s has to be a text of at most %d characters.", l.path, maxText)
	case strings.HasSuffix(l.path, "_url") && text != "" && !isAddress(text):
		c.say("%s is %q, but has to be an absolute address, as https://app.example.com/page.", l.path, text)
	}
}

func isAddress(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" && u.User == nil && !strings.ContainsFunc(text, isSpaceOrControl)
}

func isSpaceOrControl(r rune) bool { return r <= ' ' || r == 0x7f }

func (c *checker) list(l leaf) {
	seen := map[string]bool{}
	if l.value.Len() > maxList {
		c.say("%s has %d entries, but may have at most %d.", l.path, l.value.Len(), maxList)
		return
	}
	for i := range l.value.Len() {
		switch entry := l.value.Index(i).String(); {
		case strings.TrimSpace(entry) == "" || len(entry) > maxText:
			c.say("%s has an entry that is empty or too long.", l.path)
		case seen[entry]:
			c.say("%s has %q twice.", l.path, entry)
		default:
			seen[entry] = true
		}
	}
}

// permissionName is scope:right, as access reads them.
var permissionName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,49}:[a-z][a-z0-9_]{0,49}$`)

// tenants checks the switches and limits of organizations and workspaces.
func (c *checker) tenants(b B2BSettings) {
	const at = "b2b_settings."
	if b.WorkspacesEnabled {
		c.need(b.OrganizationsEnabled, at+"workspaces_enabled", at+"organizations_enabled")
	}
	if b.LimitOrgCreationPerUser {
		c.need(b.OrgCreationPerUserCount > 0, at+"limit_org_creation_per_user", at+"org_creation_per_user_count above 0")
	}
	if b.LimitWorkspaceCreationPerOrg {
		c.need(b.WorkspacesPerOrgCount > 0, at+"limit_workspace_creation_per_org", at+"workspaces_per_org_count above 0")
	}
}

// catalogs checks that the permissions are well formed, and that the default
// roles exist and hold only listed ones. Creators become administrators, else
// nobody could manage what they created; new members may be without a role.
func (c *checker) catalogs(b B2BSettings, r roles) {
	const at = "b2b_settings."
	c.catalog(at+"organization_permissions", b.OrganizationPermissions, "workspace:", access.OrganizationAdmin, access.OrganizationMember)
	c.catalog(at+"workspace_permissions", b.WorkspacePermissions, "organization:", access.WorkspaceAdmin, access.WorkspaceMember)
	for _, p := range unlisted(r.organization, b.OrganizationPermissions) {
		c.say("%sorganization_permissions lacks %q, which a role of the deployment holds.", at, p)
	}
	for _, p := range unlisted(r.workspace, b.WorkspacePermissions) {
		c.say("%sworkspace_permissions lacks %q, which a role of the deployment holds.", at, p)
	}
	defaultRole(c, at+"default_org_creator_role_id", b.DefaultOrgCreatorRoleID, r.organization, access.OrganizationAdmin)
	defaultRole(c, at+"default_org_member_role_id", b.DefaultOrgMemberRoleID, r.organization, "")
	defaultRole(c, at+"default_workspace_creator_role_id", b.DefaultWorkspaceCreatorRoleID, r.workspace, access.WorkspaceAdmin)
	defaultRole(c, at+"default_workspace_member_role_id", b.DefaultWorkspaceMemberRoleID, r.workspace, "")
}

func (c *checker) catalog(path string, list access.Permissions, foreign string, always ...access.Permission) {
	for _, p := range list {
		if !permissionName.MatchString(string(p)) {
			c.say("%s has %q, which is not a permission like billing:write.", path, p)
		} else if strings.HasPrefix(string(p), foreign) {
			c.say("%s has %q, which belongs to the other catalog.", path, p)
		}
	}
	for _, p := range always {
		if !slices.Contains(list, p) {
			c.say("%s lacks %q, which the server itself needs.", path, p)
		}
	}
}

// unlisted are the permissions that roles hold beyond a catalog.
func unlisted[ID comparable](held map[ID]access.Permissions, catalog access.Permissions) (missing []access.Permission) {
	for _, permissions := range held {
		for _, p := range permissions {
			if !slices.Contains(catalog, p) && !slices.Contains(missing, p) {
				missing = append(missing, p)
			}
		}
	}
	slices.Sort(missing)
	return missing
}

func defaultRole[N any](c *checker, path string, role id.Of[N], own map[id.Of[N]]access.Permissions, admin access.Permission) {
	permissions, ok := own[role]
	switch {
	case role == 0 && admin == "": // members get the role that is chosen for them
	case !ok:
		c.say("%s is %s, which is not a role of the deployment.", path, role)
	case admin != "" && !permissions.Hold(admin):
		c.say("%s is %s, a role without %q: nobody could manage what they created.", path, role, admin)
	}
}

// country is a code of two letters (ISO 3166-1).
var country = regexp.MustCompile(`^[A-Z]{2}$`)

// restrictions checks who may sign up: a list that is used has entries.
func (c *checker) restrictions(s Settings) {
	const at = "restrictions."
	r := s.Restrictions
	if r.AllowlistEnabled {
		c.need(len(r.AllowlistedResources) > 0, at+"allowlist_enabled", "an entry in "+at+"allowlisted_resources: nobody could sign up")
	}
	if r.CountryRestrictions.Enabled {
		c.need(len(r.CountryRestrictions.CountryCodes) > 0, at+"country_restrictions.enabled", "an entry in "+at+"country_restrictions.country_codes")
	}
	for _, code := range r.CountryRestrictions.CountryCodes {
		if !country.MatchString(code) {
			c.say("%scountry_restrictions.country_codes has %q, which is not a country like DE.", at, code)
		}
	}
	for _, list := range []struct {
		name    string
		entries []string
	}{{"allowlisted_resources", r.AllowlistedResources}, {"blocklisted_resources", r.BlocklistedResources}} {
		for _, entry := range list.entries {
			if !isResource(entry) {
				c.say("%s%s has %q, which is neither an address nor a domain like example.com or *.example.com.", at, list.name, entry)
			}
		}
	}
	if r.SignUpMode == SignUpWaitlist {
		c.need(s.UI.WaitlistPageURL != "", at+"sign_up_mode waitlist", "ui_settings.waitlist_page_url")
	}
}

// isResource reports whether an entry means addresses: name@example.com,
// example.com, @example.com or *.example.com.
func isResource(entry string) bool {
	domain := entry
	if below, ok := strings.CutPrefix(entry, "*."); ok {
		domain = below
	} else if local, after, ok := strings.Cut(entry, "@"); ok {
		if strings.ContainsFunc(local, isSpaceOrControl) || len(local) > 64 {
			return false
		}
		domain = after
	}
	return isDomain(domain)
}

// isDomain reports whether a text is a domain name of two labels or more.
func isDomain(text string) bool {
	ascii, err := idna.Lookup.ToASCII(text)
	return err == nil && strings.Contains(strings.Trim(ascii, "."), ".") && !strings.HasSuffix(ascii, ".") && len(ascii) <= 253
}

// token is the name of a theme token; a value is one CSS value.
var (
	token      = regexp.MustCompile(`^[A-Za-z-][A-Za-z0-9_-]{0,63}$`)
	tokenValue = regexp.MustCompile(`^[^;{}<>\\]{1,200}$`)
)

// screens checks what pages show and lead to.
func (c *checker) screens(s Settings) {
	const at = "ui_settings."
	ui := s.UI
	if name := utf8.RuneCountInString(strings.TrimSpace(ui.AppName)); name == 0 || name > 100 || strings.ContainsFunc(ui.AppName, func(r rune) bool { return r < ' ' }) {
		c.say("%sapp_name has to be one line of 1 to 100 characters.", at)
	}
	c.need(ui.SignInPageURL != "", "sign-in", at+"sign_in_page_url")
	c.need(ui.SignUpPageURL != "", "sign-up", at+"sign_up_page_url")
	if ui.AfterSignInRedirectURL == "" || ui.AfterSignUpRedirectURL == "" {
		c.need(s.FrontendHost != "", "an empty "+at+"after_signin_redirect_url or "+at+"after_signup_redirect_url", "frontend_host, where people go instead")
	}
	if ui.SignUpTermsStatementShown {
		c.need(ui.SignUpTermsStatement != "", at+"signup_terms_statement_shown", at+"signup_terms_statement")
	}
	if s.FrontendHost != "" && !isHost(s.FrontendHost) {
		c.say("frontend_host is %q, but has to be a host like app.example.com, without https://.", s.FrontendHost)
	}
	if s.MailFromHost != "" && !isDomain(s.MailFromHost) {
		c.say("mail_from_host is %q, but has to be a domain like example.com.", s.MailFromHost)
	}
	for _, theme := range []struct {
		name   string
		tokens map[string]string
	}{{"light", ui.ThemeTokens.Light}, {"dark", ui.ThemeTokens.Dark}} {
		for name, value := range theme.tokens {
			if !token.MatchString(name) || !tokenValue.MatchString(value) {
				c.say("%stheme_tokens.%s has %q: a token is a name of letters, digits, _ and - with one CSS value.", at, theme.name, name)
			}
		}
	}
}

// hostName is what a name inside a private network looks like, too.
var hostName = regexp.MustCompile(`^[\p{L}\p{N}]([\p{L}\p{N}._-]{0,251}[\p{L}\p{N}])?$`)

// isHost reports whether a text is a host, with or without port.
func isHost(text string) bool {
	u, err := url.Parse("https://" + text)
	return err == nil && u.Host == text && (hostName.MatchString(u.Hostname()) || net.ParseIP(u.Hostname()) != nil)
}
