package deployment

import (
	"strings"
	"testing"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/id"
)

// inOrder are the settings of a new deployment with its roles, and one more
// role for members.
func inOrder() (Settings, roles) {
	s := defaults("Acme", "https://id.acme.test")
	b := &s.B2B
	b.DefaultOrgCreatorRoleID, b.DefaultOrgMemberRoleID = 11, 12
	b.DefaultWorkspaceCreatorRoleID, b.DefaultWorkspaceMemberRoleID = 21, 22
	return s, roles{
		organization: map[id.OrganizationRole]access.Permissions{11: {access.OrganizationAdmin}, 12: {access.OrganizationMember}},
		workspace:    map[id.WorkspaceRole]access.Permissions{21: {access.WorkspaceAdmin}, 22: {access.WorkspaceMember}},
	}
}

func TestDefaultsAreInOrder(t *testing.T) {
	for _, publicURL := range []string{"http://127.0.0.1:8080", "http://[::1]:8080", "http://localhost:8080", "https://id.acme.test", "http://guild_hall:8080", "https://bücher.example"} {
		s, r := inOrder()
		fresh := defaults("Acme", publicURL)
		fresh.B2B = s.B2B
		if err := fresh.check(r); err != nil {
			t.Errorf("%s: %v", publicURL, err)
		}
	}
}

// Contract sections 7 and 12: settings that could not work are refused.
func TestSettingsRules(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Settings)
		want   string // what a sentence says; empty when the settings are in order
	}{
		"a value outside of its enumeration":  {func(s *Settings) { s.Auth.FirstFactor = "magic" }, `first_factor is "magic", but has to be one of: email_password,`},
		"a sign-up mode nobody knows":         {func(s *Settings) { s.Restrictions.SignUpMode = "closed" }, "sign_up_mode"},
		"a second factor policy nobody knows": {func(s *Settings) { s.Auth.SecondFactorPolicy = "always" }, "second_factor_policy"},
		"a first factor that is not offered":  {func(s *Settings) { s.Auth.FirstFactor = "phone_otp" }, `first_factor "phone_otp" needs auth_settings.auth_factors_enabled.phone_otp`},
		"a first factor without its field": {func(s *Settings) {
			s.Auth.FirstFactor, s.Auth.FactorsEnabled.UsernamePassword = "username_password", true
		}, "needs auth_settings.username.enabled"},
		"phone codes without phone numbers":   {func(s *Settings) { s.Auth.FirstFactor, s.Auth.FactorsEnabled.PhoneOTP = "phone_otp", true }, "needs auth_settings.phone_number.enabled"},
		"usernames, all of it":                {usernames, ""},
		"passwords offered, but switched off": {func(s *Settings) { s.Auth.Password = Field{} }, "auth_factors_enabled.email_password needs auth_settings.password.enabled"},
		"links offered, but switched off":     {func(s *Settings) { s.Auth.FactorsEnabled.EmailMagicLink = true }, "needs auth_settings.magic_link.enabled"},
		"codes offered, but not allowed":      {func(s *Settings) { s.Auth.EmailAddress.OTPVerificationAllowed = false }, "needs auth_settings.email_address.otp_verification_allowed"},
		"addresses that nobody may be mailed a code to": {func(s *Settings) {
			s.Auth.EmailAddress.OTPVerificationAllowed, s.Auth.FactorsEnabled.EmailOTP, s.Auth.AlternateFirstFactors = false, false, nil
		}, "email_address.enabled needs auth_settings.email_address.otp_verification_allowed"},
		"no addresses, and no codes to them": {func(s *Settings) {
			usernames(s)
			s.Auth.EmailAddress, s.Auth.VerificationPolicy.Email = EmailField{}, false
			s.Auth.FactorsEnabled = Factors{UsernamePassword: true}
			s.Auth.AlternateFirstFactors = nil
		}, ""},
		"an alternative nobody knows":              {func(s *Settings) { s.Auth.AlternateFirstFactors = []string{"fax"} }, `has "fax", but may only have`},
		"an alternative that is the first choice":  {func(s *Settings) { s.Auth.FirstFactor = "email_otp" }, ""},
		"an alternative that is not offered":       {func(s *Settings) { s.Auth.AlternateFirstFactors = []string{"phone_otp"} }, "alternate_first_factors \"phone_otp\" needs"},
		"an alternative twice":                     {func(s *Settings) { s.Auth.AlternateFirstFactors = []string{"email_otp", "email_otp"} }, "twice"},
		"a second factor that is not offered":      {func(s *Settings) { s.Auth.SecondFactor = "authenticator" }, `second_factor "authenticator" needs`},
		"a second factor enforced that nobody has": {func(s *Settings) { s.Auth.SecondFactorPolicy = "enforced" }, "nobody could sign in"},
		"a second factor enforced, the phone alone": {func(s *Settings) {
			s.Auth.SecondFactorPolicy, s.Auth.FactorsEnabled.PhoneOTP, s.Auth.PhoneNumber.Enabled = "enforced", true, true
			s.Auth.EmailAddress.Required = false
		}, "whoever begins with the phone"},
		"a second factor enforced, phone and mailbox": {func(s *Settings) {
			s.Auth.SecondFactorPolicy, s.Auth.FactorsEnabled.PhoneOTP, s.Auth.PhoneNumber.Enabled = "enforced", true, true
		}, ""},
		"a second factor, all of it":                 {func(s *Settings) { s.Auth.SecondFactorPolicy, s.Auth.FactorsEnabled.Authenticator = "enforced", true }, ""},
		"passkeys":                                   {func(s *Settings) { s.Auth.Passkey.Enabled = true }, "passkey.enabled cannot be switched on"},
		"wallets":                                    {func(s *Settings) { s.Auth.Web3Wallet.Enabled, s.Auth.FactorsEnabled.Web3Wallet = true, true }, "auth_factors_enabled.web3_wallet cannot be switched on"},
		"connections of organizations":               {func(s *Settings) { s.B2B.EnterpriseSSOEnabled = true }, "enterprise_sso_enabled cannot be switched on"},
		"a field required that is not there":         {func(s *Settings) { s.Auth.Username.Required = true }, "username.required needs auth_settings.username.enabled"},
		"a number verified that is not there":        {func(s *Settings) { s.Auth.VerificationPolicy.PhoneNumber = true }, "verification_policy.phone_number needs"},
		"usernames of impossible length":             {func(s *Settings) { s.Auth.Username.MinLength, s.Auth.Username.MaxLength = 10, 5 }, "max_length is 5, but has to be between 10 and 64"},
		"passwords that are too short":               {func(s *Settings) { s.Auth.PasswordPolicy.MinLength = 4 }, "min_length is 4, but has to be between 8 and 128"},
		"tokens that never end":                      {func(s *Settings) { s.Auth.SessionTokenLifetime = day }, "session_token_lifetime"},
		"a sign-in shorter than its token":           {func(s *Settings) { s.Auth.SessionTokenLifetime, s.Auth.SessionValidity = 3600, 600 }, "session_validity_period is 600"},
		"a pause longer than the sign-in":            {func(s *Settings) { s.Auth.SessionInactiveTimeout = s.Auth.SessionValidity + 1 }, "session_inactive_timeout"},
		"workspaces without organizations":           {func(s *Settings) { s.B2B.OrganizationsEnabled = false }, "workspaces_enabled needs b2b_settings.organizations_enabled"},
		"a limit below zero":                         {func(s *Settings) { s.B2B.MaxAllowedOrgMembers = -1 }, "max_allowed_org_members is -1, but may not be negative"},
		"a limit of browsers below zero":             {func(s *Settings) { s.Auth.MultiSession.MaxSessionsPerAccount = -1 }, "may not be negative"},
		"a limit switched on that is none":           {func(s *Settings) { s.B2B.LimitOrgCreationPerUser = true }, "org_creation_per_user_count above 0"},
		"a workspace limit switched on that is none": {func(s *Settings) { s.B2B.LimitWorkspaceCreationPerOrg = true }, "workspaces_per_org_count above 0"},
		"a role of nobody":                           {func(s *Settings) { s.B2B.DefaultOrgMemberRoleID = 99 }, "default_org_member_role_id is 99, which is not a role of the deployment"},
		"a workspace role for an organization":       {func(s *Settings) { s.B2B.DefaultOrgCreatorRoleID = 21 }, "default_org_creator_role_id is 21"},
		"creators without a role":                    {func(s *Settings) { s.B2B.DefaultWorkspaceCreatorRoleID = 0 }, "default_workspace_creator_role_id is 0"},
		"creators who could not manage":              {func(s *Settings) { s.B2B.DefaultOrgCreatorRoleID = 12 }, "nobody could manage what they created"},
		"members without a role are chosen one":      {func(s *Settings) { s.B2B.DefaultOrgMemberRoleID = 0 }, ""},
		"everybody an administrator":                 {func(s *Settings) { s.B2B.DefaultOrgMemberRoleID = 11 }, ""},
		"a permission of one's own":                  {func(s *Settings) { addPermission(s, "billing:write") }, ""},
		"a permission that is none":                  {func(s *Settings) { addPermission(s, "Billing Write") }, `"Billing Write", which is not a permission`},
		"a permission of the other catalog":          {func(s *Settings) { addPermission(s, access.WorkspaceAdmin) }, "belongs to the other catalog"},
		"a permission twice":                         {func(s *Settings) { addPermission(s, access.OrganizationMember) }, "twice"},
		"a catalog without administrators":           {func(s *Settings) { s.B2B.OrganizationPermissions = access.Permissions{access.OrganizationMember} }, `lacks "organization:admin"`},
		"an address that is relative":                {func(s *Settings) { s.UI.SignInPageURL = "/sign-in" }, `sign_in_page_url is "/sign-in", but has to be an absolute address`},
		"an address that runs":                       {func(s *Settings) { s.UI.PrivacyPolicyURL = "javascript:alert(1)" }, "privacy_policy_url"},
		"an address with a password":                 {func(s *Settings) { s.UI.LogoImageURL = "https://me:secret@cdn.test/logo.png" }, "logo_image_url"},
		"an address without host":                    {func(s *Settings) { s.UI.SupportPageURL = "https:///help" }, "support_page_url"},
		"no page of one's own for invitations":       {func(s *Settings) { s.UI.AcceptInvitationURL = "" }, ""},
		"no page to sign in at":                      {func(s *Settings) { s.UI.SignInPageURL = "" }, "sign-in needs ui_settings.sign_in_page_url"},
		"nowhere to go after signing in":             {func(s *Settings) { s.UI.AfterSignInRedirectURL, s.FrontendHost = "", "" }, "frontend_host, where people go instead"},
		"the frontend host after signing in":         {func(s *Settings) { s.UI.AfterSignInRedirectURL, s.FrontendHost = "", "app.acme.test" }, ""},
		"a frontend host that is an address":         {func(s *Settings) { s.FrontendHost = "https://app.acme.test" }, "without https://"},
		"a frontend host with a path":                {func(s *Settings) { s.FrontendHost = "app.acme.test/x" }, "frontend_host"},
		"a mail host that is an address":             {func(s *Settings) { s.MailFromHost = "me@acme.test" }, "mail_from_host"},
		"an application without name":                {func(s *Settings) { s.UI.AppName = " " }, "app_name"},
		"an application with two lines":              {func(s *Settings) { s.UI.AppName = "Acme\nBcc: x" }, "app_name"},
		"terms that are shown, but not written":      {func(s *Settings) { s.UI.SignUpTermsStatementShown = true }, "needs ui_settings.signup_terms_statement"},
		"a theme":                                    {func(s *Settings) { s.UI.ThemeTokens.Dark = map[string]string{"--primary": "oklch(60% 0.1 250)"} }, ""},
		"a theme that is more than a value":          {func(s *Settings) { s.UI.ThemeTokens.Light = map[string]string{"primary": "red;}</style>"} }, "theme_tokens.light"},
		"an allow list of nobody":                    {func(s *Settings) { s.Restrictions.AllowlistEnabled = true }, "nobody could sign up"},
		"lists of addresses and domains": {func(s *Settings) {
			s.Restrictions.BlocklistedResources = []string{"a@b.test", "b.test", "@b.test", "*.b.test", "bücher.example"}
		}, ""},
		"a list with something else":                     {func(s *Settings) { s.Restrictions.BlocklistedResources = []string{"everybody"} }, `"everybody", which is neither an address nor a domain`},
		"a list with an empty entry":                     {func(s *Settings) { s.Restrictions.BannedKeywords = []string{" "} }, "banned_keywords has an entry that is empty"},
		"countries of nobody":                            {func(s *Settings) { s.Restrictions.CountryRestrictions.Enabled = true }, "country_codes"},
		"a country that is none":                         {func(s *Settings) { s.Restrictions.CountryRestrictions.CountryCodes = []string{"Germany"} }, "not a country like DE"},
		"a waiting list without page":                    {func(s *Settings) { s.Restrictions.SignUpMode, s.UI.WaitlistPageURL = SignUpWaitlist, "" }, "sign_up_mode waitlist needs ui_settings.waitlist_page_url"},
		"a waiting list":                                 {func(s *Settings) { s.Restrictions.SignUpMode = SignUpWaitlist }, ""},
		"a statement that fills the page":                {func(s *Settings) { s.UI.SignUpTermsStatement = strings.Repeat("é", 2001) }, "at most 2000 characters"},
		"maintenance":                                    {func(s *Settings) { s.MaintenanceMode = true }, ""},
		"one account per browser, and no limit for them": {func(s *Settings) { s.Auth.MultiSession = MultiSession{Enabled: true, MaxAccountsPerSession: 1} }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s, r := inOrder()
			test.change(&s)
			err := s.check(r)
			switch {
			case test.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("got %v, want: %s", err, test.want)
			}
		})
	}
}

// A role that is held keeps its permissions in the catalog.
func TestCatalogHasWhatRolesHold(t *testing.T) {
	s, r := inOrder()
	r.organization[13] = access.Permissions{"billing:write"}
	if err := s.check(r); err == nil || !strings.Contains(err.Error(), `lacks "billing:write"`) {
		t.Errorf("got %v", err)
	}
}

// Every mistake is said at once, a sentence each.
func TestMistakesAreSaidAtOnce(t *testing.T) {
	s, r := inOrder()
	s.B2B.MaxOrgsPerUser, s.UI.SignUpPageURL, s.Restrictions.SignUpMode = -1, "sign-up", "x"
	err := s.check(r)
	if lines := strings.Split(err.Error(), "\n"); len(lines) != 3 {
		t.Errorf("%d sentences: %v", len(lines), err)
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		if !strings.HasSuffix(line, ".") {
			t.Errorf("not a sentence: %s", line)
		}
	}
}

// usernames is everything that sign-in by username takes.
func usernames(s *Settings) {
	s.Auth.Username.Enabled, s.Auth.Username.Required = true, true
	s.Auth.FactorsEnabled.UsernamePassword = true
	s.Auth.FirstFactor = "username_password"
}

func addPermission(s *Settings, p access.Permission) {
	s.B2B.OrganizationPermissions = append(s.B2B.OrganizationPermissions, p)
}
