package server_test

import (
	"net/http"
	"testing"

	"github.com/guildhall-id/guildhall/internal/deployment"
)

func withUsernames(to *deployment.Settings) {
	to.Auth.Username.Enabled, to.Auth.FactorsEnabled.UsernamePassword = true, true
}

// byCodesOnly has nobody sign in with a password.
func byCodesOnly(to *deployment.Settings) {
	to.Auth.FactorsEnabled = deployment.Factors{EmailOTP: true}
	to.Auth.FirstFactor, to.Auth.AlternateFirstFactors = "email_otp", []string{}
	to.Auth.Password = deployment.Field{}
}

// formSettings are those of the sign-up form and of new passwords.
var formSettings = []setting{
	{
		paths: "auth_settings.email_address.enabled",
		off: both(withUsernames, func(to *deployment.Settings) {
			to.Auth.EmailAddress.Field, to.Auth.VerificationPolicy.Email = deployment.Field{}, false
			to.Auth.FactorsEnabled = deployment.Factors{UsernamePassword: true}
			to.Auth.FirstFactor, to.Auth.AlternateFirstFactors = "username_password", []string{}
		}),
		try: func(t *testing.T, p *premises) string {
			return p.ana.post(t, "/me/email-addresses", "email", p.newEmail("second")).code()
		},
		wantOff: "FEATURE_DISABLED",
	},
	{
		paths: "auth_settings.first_name.enabled auth_settings.last_name.enabled",
		off: func(to *deployment.Settings) {
			to.Auth.FirstName, to.Auth.LastName = deployment.Field{}, deployment.Field{}
		},
		try: func(t *testing.T, p *premises) string {
			me := p.person(t, "Nora Name").get(t, "/me").must(t, http.StatusOK)
			return me.text(t, "data.first_name") + " " + me.text(t, "data.last_name")
		},
		wantOff: " ", wantOn: "Nora Name",
	},
	{
		paths:  "auth_settings.first_name.required",
		on:     func(to *deployment.Settings) { to.Auth.FirstName.Required = true },
		try:    signsUp("first_name", ""),
		wantOn: "REQUIRED_FIELD",
	},
	{
		paths:  "auth_settings.last_name.required",
		on:     func(to *deployment.Settings) { to.Auth.LastName.Required = true },
		try:    signsUp("last_name", ""),
		wantOn: "REQUIRED_FIELD",
	},
	{
		paths: "auth_settings.username.enabled",
		on:    withUsernames,
		try: func(t *testing.T, p *premises) string {
			return p.ana.post(t, "/me", "username", "ana_example").code()
		},
		wantOff: "FEATURE_DISABLED",
	},
	{
		paths:  "auth_settings.username.required",
		off:    withUsernames,
		on:     both(withUsernames, func(to *deployment.Settings) { to.Auth.Username.Required = true }),
		try:    signsUp(),
		wantOn: "REQUIRED_FIELD",
	},
	{
		paths:  "auth_settings.username.min_length",
		off:    withUsernames,
		on:     both(withUsernames, func(to *deployment.Settings) { to.Auth.Username.MinLength = 6 }),
		try:    signsUp("username", "short"),
		wantOn: "BAD_REQUEST_BODY",
	},
	{
		paths:  "auth_settings.username.max_length",
		off:    withUsernames,
		on:     both(withUsernames, func(to *deployment.Settings) { to.Auth.Username.MaxLength = 6 }),
		try:    signsUp("username", "longer_than"),
		wantOn: "BAD_REQUEST_BODY",
	},
	{
		paths: "auth_settings.password.enabled",
		off:   byCodesOnly,
		try: func(t *testing.T, p *premises) string {
			return p.ana.post(t, "/me/update-password", "current_password", p.ana.password, "new_password", p.ana.password).code() + "/" +
				p.browser().post(t, "/auth/forgot-password", "email", p.ana.email).code()
		},
		wantOff: "FEATURE_DISABLED/FEATURE_DISABLED", wantOn: "/",
	},
	{
		paths:  "auth_settings.password.required",
		off:    func(to *deployment.Settings) { to.Auth.Password.Required = false },
		try:    signsUp("password", ""),
		wantOn: "REQUIRED_FIELD",
	},
	{
		paths: "auth_settings.password_policy.enabled",
		off: func(to *deployment.Settings) {
			to.Auth.PasswordPolicy = deployment.PasswordPolicy{MinLength: 20, RequireSpecial: true}
		},
		on: func(to *deployment.Settings) {
			to.Auth.PasswordPolicy = deployment.PasswordPolicy{Enabled: true, MinLength: 20}
		},
		try:    choosesPassword("just words"),
		wantOn: "BAD_REQUEST_BODY/BAD_REQUEST_BODY/BAD_REQUEST_BODY", wantOff: "//",
	},
	policy("min_length", "just words", func(to *deployment.PasswordPolicy) { to.MinLength = 11 }),
	policy("require_lowercase", "JUST WORDS 1", func(to *deployment.PasswordPolicy) { to.RequireLowercase = true }),
	policy("require_uppercase", "just words 1", func(to *deployment.PasswordPolicy) { to.RequireUppercase = true }),
	policy("require_number", "Just words", func(to *deployment.PasswordPolicy) { to.RequireNumber = true }),
	policy("require_special", "Justwords1", func(to *deployment.PasswordPolicy) { to.RequireSpecial = true }),
	policy("refuse_breached", stolen, func(to *deployment.PasswordPolicy) { to.RefuseBreached = true }),
}

// policy is a member of the password policy, at every place where a password
// is chosen.
func policy(name, password string, on func(*deployment.PasswordPolicy)) setting {
	lenient := deployment.PasswordPolicy{Enabled: true, MinLength: 8}
	return setting{
		paths: "auth_settings.password_policy." + name,
		off:   func(to *deployment.Settings) { to.Auth.PasswordPolicy = lenient },
		on: func(to *deployment.Settings) {
			to.Auth.PasswordPolicy = lenient
			on(&to.Auth.PasswordPolicy)
		},
		try: choosesPassword(password), wantOff: "//", wantOn: "BAD_REQUEST_BODY/BAD_REQUEST_BODY/BAD_REQUEST_BODY",
	}
}

// choosesPassword is what comes of a new password at sign-up, when it is
// changed, and when it was forgotten.
func choosesPassword(chosen string) func(*testing.T, *premises) string {
	return func(t *testing.T, p *premises) string {
		first := signsUp("password", chosen)(t, p)
		second := p.ana.post(t, "/me/update-password", "current_password", p.ana.password, "new_password", chosen)
		if second.code() == "" {
			p.ana.password = chosen
		}
		before, b := p.mails(t, p.ana.email, "password_reset"), p.browser()
		b.post(t, "/auth/forgot-password", "email", p.ana.email).must(t, http.StatusOK)
		code := p.mailAfter(t, p.ana.email, "password_reset", before).Code
		token := b.post(t, "/auth/forgot-password", "email", p.ana.email, "otp", code).must(t, http.StatusOK).text(t, "data.token")
		third := b.post(t, "/auth/reset-password", "token", token, "password", chosen)
		if third.code() == "" {
			p.ana.browser, p.ana.password = b, chosen // everybody else was signed out
		}
		return first + "/" + second.code() + "/" + third.code()
	}
}

// restrictionSettings hold at sign-up and when an address is added.
var restrictionSettings = []setting{
	restriction("allowlist_enabled", "ana#@elsewhere.example", "EMAIL_NOT_ALLOWED",
		func(to *deployment.RestrictionsSettings) { to.AllowlistedResources = []string{"acme.example"} },
		func(to *deployment.RestrictionsSettings) { to.AllowlistEnabled = true }),
	restriction("allowlisted_resources", "ana#@acme.example", "EMAIL_NOT_ALLOWED",
		func(to *deployment.RestrictionsSettings) {
			to.AllowlistEnabled, to.AllowlistedResources = true, []string{"acme.example"}
		},
		func(to *deployment.RestrictionsSettings) { to.AllowlistedResources = []string{"elsewhere.example"} }),
	restriction("blocklist_enabled", "ana#@acme.example", "EMAIL_BLOCKED",
		func(to *deployment.RestrictionsSettings) { to.BlocklistedResources = []string{"acme.example"} },
		func(to *deployment.RestrictionsSettings) { to.BlocklistEnabled = true }),
	restriction("blocklisted_resources", "ana#@acme.example", "EMAIL_BLOCKED",
		func(to *deployment.RestrictionsSettings) { to.BlocklistEnabled = true },
		func(to *deployment.RestrictionsSettings) { to.BlocklistedResources = []string{"acme.example"} }),
	restriction("block_subaddresses", "ana#+tag@acme.example", "EMAIL_BLOCKED", nil,
		func(to *deployment.RestrictionsSettings) { to.BlockSubaddresses = true }),
	restriction("block_disposable_emails", "ana#@mailinator.com", "DISPOSABLE_EMAIL_BLOCKED", nil,
		func(to *deployment.RestrictionsSettings) { to.BlockDisposableEmails = true }),
	restriction("banned_keywords", "the.casino#@acme.example", "BANNED_KEYWORD", nil,
		func(to *deployment.RestrictionsSettings) { to.BannedKeywords = []string{"Casino"} }),
	{
		paths:  "restrictions.banned_keywords", // in a name
		on:     func(to *deployment.Settings) { to.Restrictions.BannedKeywords = []string{"casino"} },
		try:    signsUp("first_name", "Casino", "last_name", "Royale"),
		wantOn: "BANNED_KEYWORD",
	},
	{
		paths:  "restrictions.sign_up_mode",
		on:     func(to *deployment.Settings) { to.Restrictions.SignUpMode = deployment.SignUpRestricted },
		try:    signsUp(),
		wantOn: "SIGNUP_RESTRICTED",
	},
	{
		paths:   "restrictions.sign_up_mode ui_settings.waitlist_page_url", // the page is the browser's way there
		off:     func(to *deployment.Settings) { to.Restrictions.SignUpMode = deployment.SignUpPublic },
		on:      func(to *deployment.Settings) { to.Restrictions.SignUpMode = deployment.SignUpWaitlist },
		try:     signsUpOrWaits,
		wantOff: "/FEATURE_DISABLED", wantOn: "SIGNUP_WAITLIST_ONLY/",
	},
}

func restriction(name, email, refusal string, given, on func(*deployment.RestrictionsSettings)) setting {
	off := func(to *deployment.Settings) {
		if given != nil {
			given(&to.Restrictions)
		}
	}
	return setting{
		paths: "restrictions." + name,
		off:   off, on: both(off, func(to *deployment.Settings) { on(&to.Restrictions) }),
		try: usesAddress(email), wantOff: "/", wantOn: refusal + "/" + refusal,
	}
}

func signsUpOrWaits(t *testing.T, p *premises) string {
	return signsUp()(t, p) + "/" + p.browser().post(t, "/waitlist/join", "email", p.newEmail("waiting")).code()
}
