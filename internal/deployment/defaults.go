package deployment

import "github.com/guildhall-id/guildhall/internal/access"

const (
	minute = 60
	day    = 24 * 60 * minute
)

// defaults are the settings of a new deployment: sign-up for everybody with an
// e-mail address and a password, organizations and workspaces on, no limits.
func defaults(name, publicURL string) Settings {
	return Settings{
		FrontendHost: host(publicURL),
		Auth: AuthSettings{
			EmailAddress: EmailField{
				Field: Field{Enabled: true, Required: true}, VerifySignUp: true,
				OTPVerificationAllowed: true, MagicLinkVerificationAllowed: true,
			},
			PhoneNumber:            PhoneField{SMSVerificationAllowed: true},
			Username:               UsernameField{MinLength: 3, MaxLength: 30},
			FirstName:              Field{Enabled: true},
			LastName:               Field{Enabled: true},
			Password:               Field{Enabled: true, Required: true},
			PasswordPolicy:         PasswordPolicy{Enabled: true, MinLength: 8, RefuseBreached: true},
			FactorsEnabled:         Factors{EmailPassword: true, EmailOTP: true},
			VerificationPolicy:     VerificationPolicy{Email: true},
			SecondFactorPolicy:     SecondFactorNone,
			FirstFactor:            "email_password",
			SecondFactor:           "none",
			AlternateFirstFactors:  []string{"email_otp"},
			AlternateSecondFactors: []string{},
			MultiSession:           MultiSession{Enabled: true, MaxAccountsPerSession: 5, MaxSessionsPerAccount: 20},
			SessionTokenLifetime:   minute,
			SessionValidity:        30 * day,
			SessionInactiveTimeout: 7 * day,
		},
		B2B: B2BSettings{
			OrganizationsEnabled: true, WorkspacesEnabled: true,
			AllowUsersToCreateOrgs: true, AllowOrgDeletion: true, AllowWorkspaceDeletion: true,
			CustomOrgRoleEnabled: true, CustomWorkspaceRoleEnabled: true,
			OrganizationPermissions: access.Permissions{
				access.OrganizationAdmin, access.OrganizationManage, access.OrganizationManageMembers,
				access.OrganizationRead, access.OrganizationMember,
			},
			WorkspacePermissions: access.Permissions{
				access.WorkspaceAdmin, access.WorkspaceManage, access.WorkspaceWrite,
				access.WorkspaceRead, access.WorkspaceMember,
			},
		},
		Restrictions: RestrictionsSettings{
			SignUpMode:          SignUpPublic,
			CountryRestrictions: CountryRestrictions{CountryCodes: []string{}},
			BannedKeywords:      []string{}, AllowlistedResources: []string{}, BlocklistedResources: []string{},
		},
		UI: UISettings{
			AppName:       name,
			SignInPageURL: publicURL + "/sign-in", SignUpPageURL: publicURL + "/sign-up", WaitlistPageURL: publicURL + "/waitlist",
			AfterLogoClickURL: publicURL + "/", UserProfileURL: publicURL + "/account",
			OrganizationProfileURL: publicURL + "/organization", CreateOrganizationURL: publicURL + "/create-organization",
			AfterSignOutOnePageURL: publicURL + "/sign-in", AfterSignOutAllPageURL: publicURL + "/sign-in",
			AfterSignUpRedirectURL: publicURL + "/", AfterSignInRedirectURL: publicURL + "/",
			AfterCreateOrganizationRedirectURL: publicURL + "/",
			UseInitialsForUserImage:            true, UseInitialsForOrganizationImage: true,
		},
	}
}
