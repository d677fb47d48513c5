package deployment

import (
	"time"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/id"
)

// Settings are what an operator decides for a deployment. They are data: one
// JSON text in the deployment's row, with the names of the public API
// (contract section 7).
type Settings struct {
	MaintenanceMode bool                 `json:"maintenance_mode"`
	FrontendHost    string               `json:"frontend_host"`
	MailFromHost    string               `json:"mail_from_host"`
	Auth            AuthSettings         `json:"auth_settings"`
	B2B             B2BSettings          `json:"b2b_settings"`
	Restrictions    RestrictionsSettings `json:"restrictions"`
	UI              UISettings           `json:"ui_settings"`

	// TokenTemplates are ours: session tokens with more claims, by name.
	TokenTemplates map[string]TokenTemplate `json:"session_token_templates"`
}

// Field is an input of the sign-up form.
type Field struct {
	Enabled  bool `json:"enabled"`
	Required bool `json:"required"`
}

// EmailField also says how an address is verified.
type EmailField struct {
	Field
	VerifySignUp                 bool `json:"verify_signup"`
	OTPVerificationAllowed       bool `json:"otp_verification_allowed"`
	MagicLinkVerificationAllowed bool `json:"magic_link_verification_allowed"`
}

// PhoneField also says how a number is verified.
type PhoneField struct {
	Field
	VerifySignUp                bool `json:"verify_signup"`
	SMSVerificationAllowed      bool `json:"sms_verification_allowed"`
	WhatsAppVerificationAllowed bool `json:"whatsapp_verification_allowed"`
}

// Verifiable reports whether a code may be sent to a number. Which way it goes,
// as a text message or by WhatsApp, is up to the gateway.
func (f PhoneField) Verifiable() bool {
	return f.Enabled && (f.SMSVerificationAllowed || f.WhatsAppVerificationAllowed)
}

// UsernameField also has the lengths of a username.
type UsernameField struct {
	Field
	MinLength int `json:"min_length"`
	MaxLength int `json:"max_length"`
}

// PasswordPolicy is what a new password has to have. RefuseBreached is ours:
// whether the operator's list of breached passwords is asked, when there is one.
type PasswordPolicy struct {
	Enabled          bool `json:"enabled"`
	MinLength        int  `json:"min_length"`
	RequireLowercase bool `json:"require_lowercase"`
	RequireUppercase bool `json:"require_uppercase"`
	RequireNumber    bool `json:"require_number"`
	RequireSpecial   bool `json:"require_special"`
	RefuseBreached   bool `json:"refuse_breached"`
}

// MagicLink says whether links sign in, and in which browser.
type MagicLink struct {
	Enabled           bool `json:"enabled"`
	RequireSameDevice bool `json:"require_same_device"`
}

// Passkey says whether passkeys sign in.
type Passkey struct {
	Enabled                  bool `json:"enabled"`
	PromptRegistrationOnAuth bool `json:"prompt_registration_on_auth"`
	AllowAutofill            bool `json:"allow_autofill"`
}

// Factors are the methods that are offered; the others are refused.
type Factors struct {
	EmailPassword    bool `json:"email_password"`
	UsernamePassword bool `json:"username_password"`
	EmailMagicLink   bool `json:"email_magic_link"`
	EmailOTP         bool `json:"email_otp"`
	PhoneOTP         bool `json:"phone_otp"`
	Web3Wallet       bool `json:"web3_wallet"`
	BackupCode       bool `json:"backup_code"`
	Authenticator    bool `json:"authenticator"`
}

// VerificationPolicy says what sign-up has to verify.
type VerificationPolicy struct {
	PhoneNumber bool `json:"phone_number"`
	Email       bool `json:"email"`
}

// MultiSession says how many people may be signed in to one browser, and how
// many browsers one person may use.
type MultiSession struct {
	Enabled               bool `json:"enabled"`
	MaxAccountsPerSession int  `json:"max_accounts_per_session"`
	MaxSessionsPerAccount int  `json:"max_sessions_per_account"`
}

// AuthSettings say how people sign up and in. Durations are in seconds.
// ChallengeRequired is ours: whether sign-in and sign-up want a proof of work;
// StepUpRequired too: whether changing how one signs in wants a fresh sign-in.
type AuthSettings struct {
	EmailAddress           EmailField         `json:"email_address"`
	PhoneNumber            PhoneField         `json:"phone_number"`
	Username               UsernameField      `json:"username"`
	FirstName              Field              `json:"first_name"`
	LastName               Field              `json:"last_name"`
	Password               Field              `json:"password"`
	BackupCode             Field              `json:"backup_code"`
	Web3Wallet             Field              `json:"web3_wallet"`
	PasswordPolicy         PasswordPolicy     `json:"password_policy"`
	MagicLink              MagicLink          `json:"magic_link"`
	Passkey                Passkey            `json:"passkey"`
	FactorsEnabled         Factors            `json:"auth_factors_enabled"`
	VerificationPolicy     VerificationPolicy `json:"verification_policy"`
	ChallengeRequired      bool               `json:"challenge_required"`
	StepUpRequired         bool               `json:"step_up_required"`
	SecondFactorPolicy     string             `json:"second_factor_policy" enum:"none,optional,enforced"`
	FirstFactor            string             `json:"first_factor" enum:"email_password,username_password,email_otp,email_magic_link,phone_otp"`
	SecondFactor           string             `json:"second_factor" enum:"none,phone_otp,backup_code,authenticator"`
	AlternateFirstFactors  []string           `json:"alternate_first_factors"`
	AlternateSecondFactors []string           `json:"alternate_second_factors"`
	MultiSession           MultiSession       `json:"multi_session_support"`
	SessionTokenLifetime   int64              `json:"session_token_lifetime"`
	SessionValidity        int64              `json:"session_validity_period"`
	SessionInactiveTimeout int64              `json:"session_inactive_timeout"`
}

// SessionLife is how long a sign-in lasts at most.
func (a AuthSettings) SessionLife() time.Duration {
	return time.Duration(a.SessionValidity) * time.Second
}

// IdleLife is how long a sign-in lasts unused.
func (a AuthSettings) IdleLife() time.Duration {
	return time.Duration(a.SessionInactiveTimeout) * time.Second
}

// B2BSettings are the switches and limits of organizations and workspaces. A
// limit of 0 is none.
type B2BSettings struct {
	OrganizationsEnabled          bool                `json:"organizations_enabled"`
	WorkspacesEnabled             bool                `json:"workspaces_enabled"`
	IPAllowlistPerOrgEnabled      bool                `json:"ip_allowlist_per_org_enabled"`
	IPAllowlistPerWorkspace       bool                `json:"ip_allowlist_per_workspace_enabled"`
	EnforceMFAPerOrgEnabled       bool                `json:"enforce_mfa_per_org_enabled"`
	EnforceMFAPerWorkspaceEnabled bool                `json:"enforce_mfa_per_workspace_enabled"`
	EnterpriseSSOEnabled          bool                `json:"enterprise_sso_enabled"`
	AllowUsersToCreateOrgs        bool                `json:"allow_users_to_create_orgs"`
	AllowOrgDeletion              bool                `json:"allow_org_deletion"`
	AllowWorkspaceDeletion        bool                `json:"allow_workspace_deletion"`
	CustomOrgRoleEnabled          bool                `json:"custom_org_role_enabled"`
	CustomWorkspaceRoleEnabled    bool                `json:"custom_workspace_role_enabled"`
	LimitOrgCreationPerUser       bool                `json:"limit_org_creation_per_user"`
	LimitWorkspaceCreationPerOrg  bool                `json:"limit_workspace_creation_per_org"`
	MaxOrgsPerUser                int64               `json:"max_orgs_per_user"`
	MaxAllowedOrgMembers          int64               `json:"max_allowed_org_members"`
	MaxAllowedWorkspaceMembers    int64               `json:"max_allowed_workspace_members"`
	OrgCreationPerUserCount       int64               `json:"org_creation_per_user_count"`
	WorkspacesPerOrgCount         int64               `json:"workspaces_per_org_count"`
	DefaultWorkspaceCreatorRoleID id.WorkspaceRole    `json:"default_workspace_creator_role_id"`
	DefaultWorkspaceMemberRoleID  id.WorkspaceRole    `json:"default_workspace_member_role_id"`
	DefaultOrgCreatorRoleID       id.OrganizationRole `json:"default_org_creator_role_id"`
	DefaultOrgMemberRoleID        id.OrganizationRole `json:"default_org_member_role_id"`
	WorkspacePermissions          access.Permissions  `json:"workspace_permissions"`
	OrganizationPermissions       access.Permissions  `json:"organization_permissions"`
}

// CountryRestrictions have the countries (ISO 3166-1) whose phone numbers may be
// used.
type CountryRestrictions struct {
	Enabled      bool     `json:"enabled"`
	CountryCodes []string `json:"country_codes"`
}

// RestrictionsSettings say who may sign up. The lists are never shown.
type RestrictionsSettings struct {
	AllowlistEnabled      bool                `json:"allowlist_enabled"`
	BlocklistEnabled      bool                `json:"blocklist_enabled"`
	BlockSubaddresses     bool                `json:"block_subaddresses"`
	BlockDisposableEmails bool                `json:"block_disposable_emails"`
	BlockVoIPNumbers      bool                `json:"block_voip_numbers"`
	CountryRestrictions   CountryRestrictions `json:"country_restrictions"`
	BannedKeywords        []string            `json:"banned_keywords"`
	AllowlistedResources  []string            `json:"allowlisted_resources"`
	BlocklistedResources  []string            `json:"blocklisted_resources"`
	SignUpMode            string              `json:"sign_up_mode" enum:"public,restricted,waitlist"`
}

// The values of SignUpMode.
const (
	SignUpPublic     = "public"
	SignUpRestricted = "restricted"
	SignUpWaitlist   = "waitlist"
)

// The values of SecondFactorPolicy, of a deployment and of a person, but for
// optional, which asks those who have set one up.
const (
	SecondFactorNone     = "none"
	SecondFactorEnforced = "enforced"
)

// ThemeTokens are CSS values by name.
type ThemeTokens struct {
	Light map[string]string `json:"light,omitempty"`
	Dark  map[string]string `json:"dark,omitempty"`
}

// UISettings name the application, its pages and pictures. AcceptInvitationURL
// and MagicLinkURL are ours: the application's pages that mailed invitations and
// sign-in links lead to; empty for the server's own.
type UISettings struct {
	AppName                            string      `json:"app_name"`
	PrivacyPolicyURL                   string      `json:"privacy_policy_url"`
	TOSPageURL                         string      `json:"tos_page_url"`
	SignInPageURL                      string      `json:"sign_in_page_url"`
	SignUpPageURL                      string      `json:"sign_up_page_url"`
	WaitlistPageURL                    string      `json:"waitlist_page_url"`
	SupportPageURL                     string      `json:"support_page_url"`
	AcceptInvitationURL                string      `json:"accept_invitation_url"`
	MagicLinkURL                       string      `json:"magic_link_url"`
	AfterLogoClickURL                  string      `json:"after_logo_click_url"`
	UserProfileURL                     string      `json:"user_profile_url"`
	OrganizationProfileURL             string      `json:"organization_profile_url"`
	CreateOrganizationURL              string      `json:"create_organization_url"`
	AfterSignOutOnePageURL             string      `json:"after_sign_out_one_page_url"`
	AfterSignOutAllPageURL             string      `json:"after_sign_out_all_page_url"`
	AfterSignUpRedirectURL             string      `json:"after_signup_redirect_url"`
	AfterSignInRedirectURL             string      `json:"after_signin_redirect_url"`
	AfterCreateOrganizationRedirectURL string      `json:"after_create_organization_redirect_url"`
	FaviconImageURL                    string      `json:"favicon_image_url"`
	DefaultUserProfileImageURL         string      `json:"default_user_profile_image_url"`
	DefaultOrganizationProfileImageURL string      `json:"default_organization_profile_image_url"`
	DefaultWorkspaceProfileImageURL    string      `json:"default_workspace_profile_image_url"`
	LogoImageURL                       string      `json:"logo_image_url"`
	SignUpTermsStatement               string      `json:"signup_terms_statement"`
	UseInitialsForUserImage            bool        `json:"use_initials_for_user_profile_image"`
	UseInitialsForOrganizationImage    bool        `json:"use_initials_for_organization_profile_image"`
	SignUpTermsStatementShown          bool        `json:"signup_terms_statement_shown"`
	ThemeTokens                        ThemeTokens `json:"theme_tokens"`
}

// RequiredAtSignUp are the fields of the sign-up form that may not be empty.
func (a AuthSettings) RequiredAtSignUp() []string {
	names := []string{}
	for _, f := range []struct {
		name  string
		field Field
	}{
		{"first_name", a.FirstName},
		{"last_name", a.LastName},
		{"username", a.Username.Field},
		{"email_address", a.EmailAddress.Field},
		{"phone_number", a.PhoneNumber.Field},
		{"password", a.Password},
	} {
		if f.field.Enabled && f.field.Required {
			names = append(names, f.name)
		}
	}
	return names
}
