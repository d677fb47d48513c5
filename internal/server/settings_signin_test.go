package server_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/guildhall-id/guildhall/internal/deployment"
)

func withLinks(to *deployment.Settings) {
	to.Auth.MagicLink.Enabled, to.Auth.FactorsEnabled.EmailMagicLink = true, true
}

// factorSettings are the ways to sign in: one that is switched off is refused.
var factorSettings = []setting{
	{
		paths: "auth_settings.auth_factors_enabled.email_password",
		off: func(to *deployment.Settings) {
			to.Auth.FactorsEnabled.EmailPassword, to.Auth.FirstFactor, to.Auth.AlternateFirstFactors = false, "email_otp", []string{}
		},
		try: func(t *testing.T, p *premises) string {
			return p.browser().post(t, "/auth/signin", "strategy", "plain_email", "email", p.ana.email, "password", p.ana.password).code()
		},
		wantOff: "FEATURE_DISABLED",
	},
	{
		paths: "auth_settings.auth_factors_enabled.username_password",
		off:   func(to *deployment.Settings) { to.Auth.Username.Enabled = true },
		on:    withUsernames,
		try: func(t *testing.T, p *premises) string {
			p.ana.post(t, "/me", "username", "ana_example").must(t, http.StatusOK)
			return p.browser().post(t, "/auth/signin", "strategy", "plain_username", "username", "ana_example", "password", p.ana.password).code()
		},
		wantOff: "FEATURE_DISABLED",
	},
	{
		paths: "auth_settings.auth_factors_enabled.email_otp",
		off: func(to *deployment.Settings) {
			to.Auth.FactorsEnabled.EmailOTP, to.Auth.AlternateFirstFactors = false, []string{}
		},
		try: func(t *testing.T, p *premises) string {
			return p.browser().post(t, "/auth/signin", "strategy", "email_otp", "email", p.ana.email).code()
		},
		wantOff: "FEATURE_DISABLED",
	},
	{
		paths:   "auth_settings.auth_factors_enabled.email_magic_link",
		off:     func(to *deployment.Settings) { to.Auth.MagicLink.Enabled = true },
		on:      withLinks,
		try:     asksForLink,
		wantOff: "FEATURE_DISABLED",
	},
	{
		paths:   "auth_settings.magic_link.enabled",
		on:      withLinks,
		try:     asksForLink,
		wantOff: "FEATURE_DISABLED",
	},
	{
		paths: "auth_settings.magic_link.require_same_device",
		off:   withLinks,
		on:    both(withLinks, func(to *deployment.Settings) { to.Auth.MagicLink.RequireSameDevice = true }),
		try: func(t *testing.T, p *premises) string {
			query := p.link(t).Query()
			return p.browser().get(t, "/auth/verify-magic-link?token="+query.Get("token")+"&attempt="+query.Get("attempt")).code()
		},
		wantOn: "INVALID_STATE",
	},
	{
		paths: "auth_settings.challenge_required",
		on:    func(to *deployment.Settings) { to.Auth.ChallengeRequired = true },
		try: func(t *testing.T, p *premises) string {
			begun := p.browser()
			t.Run("begun before", func(t *testing.T) {
				p.during(t, func(to *deployment.Settings) { to.Auth.ChallengeRequired = false })
				begun.post(t, "/auth/signin", "strategy", "email_otp", "email", p.ana.email).must(t, http.StatusOK)
			})
			return signsUp()(t, p) + "/" +
				p.browser().post(t, "/auth/identify", "identifier", p.ana.email).code() + "/" +
				p.browser().post(t, "/auth/signin", "strategy", "plain_email", "email", p.ana.email, "password", p.ana.password).code() + "/" +
				begun.post(t, "/auth/prepare-verification").code()
		},
		wantOff: "///", wantOn: "CHALLENGE_FAILED/CHALLENGE_FAILED/CHALLENGE_FAILED/CHALLENGE_FAILED",
	},
}

func asksForLink(t *testing.T, p *premises) string {
	return p.browser().post(t, "/auth/signin", "strategy", "magic_link", "email", p.ana.email).code()
}

// link is the one that is mailed to sign in.
func (p *premises) link(t *testing.T) *url.URL {
	t.Helper()
	b, before := p.browser(), p.mails(t, p.ana.email, "magic_link")
	b.post(t, "/auth/signin", "strategy", "magic_link", "email", p.ana.email).must(t, http.StatusOK)
	b.post(t, "/auth/prepare-verification?redirect_uri="+url.QueryEscape("https://elsewhere.example/")).must(t, http.StatusOK)
	link, err := url.Parse(p.mailAfter(t, p.ana.email, "magic_link", before).Links[0])
	if err != nil {
		t.Fatal(err)
	}
	return link
}

// sessionSettings are those of browsers and their sign-ins, and maintenance.
var sessionSettings = []setting{
	{
		paths: "auth_settings.multi_session_support.enabled",
		off:   func(to *deployment.Settings) { to.Auth.MultiSession.Enabled = false },
		try: func(t *testing.T, p *premises) string {
			b := p.person(t, "Bo Example").browser
			a := b.post(t, "/auth/signin", "strategy", "plain_email", "email", p.ana.email, "password", p.ana.password).must(t, http.StatusOK)
			return fmt.Sprint(len(a.list(t, "data.signins")))
		},
		wantOff: "1", wantOn: "2",
	},
	{
		paths: "auth_settings.multi_session_support.max_accounts_per_session",
		on:    func(to *deployment.Settings) { to.Auth.MultiSession.MaxAccountsPerSession = 1 },
		try: func(t *testing.T, p *premises) string {
			b := p.person(t, "Bo Example").browser
			return b.post(t, "/auth/signin", "strategy", "plain_email", "email", p.ana.email, "password", p.ana.password).code()
		},
		wantOn: "LIMIT_REACHED",
	},
	{
		paths: "auth_settings.multi_session_support.max_sessions_per_account",
		on:    func(to *deployment.Settings) { to.Auth.MultiSession.MaxSessionsPerAccount = 1 },
		try: func(t *testing.T, p *premises) string {
			bo := p.person(t, "Bo Example")
			p.signIn(t, bo).get(t, "/me").must(t, http.StatusOK)
			return bo.get(t, "/me").code()
		},
		wantOn: "UNAUTHENTICATED",
	},
	{
		paths: "auth_settings.session_token_lifetime",
		off:   func(to *deployment.Settings) { to.Auth.SessionTokenLifetime = 60 },
		on:    func(to *deployment.Settings) { to.Auth.SessionTokenLifetime = 3600 },
		try: func(t *testing.T, p *premises) string {
			token := p.ana.get(t, "/session/token").must(t, http.StatusOK).text(t, "data.token")
			claims := verifyByHand(t, token, p.browser().get(t, "/.well-known/jwks.json").Raw)
			return fmt.Sprint(claims["exp"].(float64) - claims["iat"].(float64))
		},
		wantOff: "60", wantOn: "3600",
	},
	{
		paths: "auth_settings.session_validity_period",
		off:   func(to *deployment.Settings) { to.Auth.SessionValidity, to.Auth.SessionInactiveTimeout = 7200, 3600 },
		on:    func(to *deployment.Settings) { to.Auth.SessionValidity, to.Auth.SessionInactiveTimeout = 3600, 3600 },
		try: func(t *testing.T, p *premises) string {
			a := p.browser().post(t, "/auth/signin", "strategy", "plain_email", "email", p.ana.email, "password", p.ana.password).must(t, http.StatusOK)
			return fmt.Sprint((&http.Response{Header: a.Header}).Cookies()[0].MaxAge)
		},
		wantOff: "7200", wantOn: "3600",
	},
	{
		paths: "maintenance_mode",
		off:   withLinks,
		on:    both(withLinks, func(to *deployment.Settings) { to.MaintenanceMode = true }),
		try: func(t *testing.T, p *premises) string {
			b := p.ana.copy()
			b.watch = nil // which takes 503 for a fault of the server
			b.get(t, "/me").must(t, http.StatusOK)
			b.get(t, "/deployment").must(t, http.StatusOK)
			return b.post(t, "/me", "first_name", "Ana").code() + "/" +
				b.post(t, "/auth/signup").code() + "/" +
				b.get(t, "/auth/verify-magic-link?token=none").code()
		},
		wantOff: "/REQUIRED_FIELD/INVALID_CODE", wantOn: "MAINTENANCE/MAINTENANCE/MAINTENANCE",
	},
}

// pageSettings are those of the screens that the server itself follows.
var pageSettings = []setting{
	{
		paths:   "ui_settings.magic_link_url",
		off:     withLinks,
		on:      both(withLinks, func(to *deployment.Settings) { to.UI.MagicLinkURL = "https://app.example.com/link" }),
		try:     func(t *testing.T, p *premises) string { return p.page(p.link(t)) },
		wantOff: "/verify-magic-link", wantOn: "https://app.example.com/link",
	},
	{
		paths: "ui_settings.after_signin_redirect_url",
		off:   withLinks,
		on:    both(withLinks, func(to *deployment.Settings) { to.UI.AfterSignInRedirectURL = "https://app.example.com/home" }),
		try: func(t *testing.T, p *premises) string {
			return strings.TrimPrefix(p.link(t).Query().Get("redirect_uri"), p.URL)
		},
		wantOff: "/", wantOn: "https://app.example.com/home",
	},
	{
		paths: "ui_settings.accept_invitation_url",
		on:    func(to *deployment.Settings) { to.UI.AcceptInvitationURL = "https://app.example.com/accept" },
		try: func(t *testing.T, p *premises) string {
			link, err := url.Parse(p.invited(t).Links[0])
			if err != nil {
				t.Fatal(err)
			}
			return p.page(link)
		},
		wantOff: "/accept-invitation", wantOn: "https://app.example.com/accept",
	},
	{
		paths: "ui_settings.sign_up_page_url",
		on:    func(to *deployment.Settings) { to.UI.SignUpPageURL = "https://app.example.com/join" },
		try: func(t *testing.T, p *premises) string {
			page := p.browser().get(t, "/accept-invitation?invite_token="+p.invited(t).token(t)).must(t, http.StatusOK)
			return fmt.Sprint(strings.Contains(string(page.Raw), `href="https://app.example.com/join?`))
		},
		wantOff: "false", wantOn: "true",
	},
	{
		paths: "ui_settings.sign_in_page_url",
		on:    func(to *deployment.Settings) { to.UI.SignInPageURL = "https://app.example.com/enter" },
		try: func(t *testing.T, p *premises) string {
			organization := p.ana.post(t, "/organizations", "name", "Pages").must(t, http.StatusOK).text(t, "data.organization.id")
			bo := p.person(t, "Bo Example")
			p.ana.post(t, "/organizations/"+organization+"/invitations", "email", bo.email).must(t, http.StatusOK)
			page := p.browser().get(t, "/accept-invitation?invite_token="+p.mailTo(t, bo.email, "invitation").token(t)).must(t, http.StatusOK)
			return fmt.Sprint(strings.Contains(string(page.Raw), `href="https://app.example.com/enter?`))
		},
		wantOff: "false", wantOn: "true",
	},
	{
		paths: "ui_settings.app_name",
		on:    func(to *deployment.Settings) { to.UI.AppName = "Acme" },
		try: func(t *testing.T, p *premises) string {
			before := p.mails(t, p.ana.email, "password_reset")
			p.browser().post(t, "/auth/forgot-password", "email", p.ana.email).must(t, http.StatusOK)
			letter := p.mailAfter(t, p.ana.email, "password_reset", before)
			return strings.TrimPrefix(letter.Subject, letter.Code)
		},
		wantOff: " is your Guildhall code", wantOn: " is your Acme code",
	},
}

// page is an address without query, and without the server's own origin.
func (p *premises) page(link *url.URL) string {
	bare := *link
	bare.RawQuery = ""
	return strings.TrimPrefix(bare.String(), p.URL)
}

// invited is the mail to somebody without an account.
func (p *premises) invited(t *testing.T) letter {
	t.Helper()
	organization := p.ana.post(t, "/organizations", "name", "Pages").must(t, http.StatusOK).text(t, "data.organization.id")
	email := p.newEmail("guest")
	p.ana.post(t, "/organizations/"+organization+"/invitations", "email", email).must(t, http.StatusOK)
	return p.mailTo(t, email, "invitation")
}
