package server_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/guildhall-id/guildhall/internal/deployment"
)

func withAuthenticators(to *deployment.Settings) {
	to.Auth.FactorsEnabled.Authenticator = true
}

func withPhones(to *deployment.Settings) { to.Auth.PhoneNumber.Enabled = true }

func withoutProof(to *deployment.Settings) {
	to.Auth.VerificationPolicy, to.Auth.EmailAddress.Required = deployment.VerificationPolicy{}, false
}

// secondSettings are those of second factors and phone numbers, and what
// sign-up proves.
var secondSettings = []setting{
	{
		paths: "auth_settings.auth_factors_enabled.authenticator",
		on:    withAuthenticators,
		try: func(t *testing.T, p *premises) string {
			return p.ana.post(t, "/me/authenticator").code()
		},
		wantOff: "FEATURE_DISABLED",
	},
	{
		paths: "auth_settings.auth_factors_enabled.backup_code auth_settings.backup_code.enabled",
		off:   withAuthenticators,
		on: both(withAuthenticators, func(to *deployment.Settings) {
			to.Auth.BackupCode.Enabled, to.Auth.FactorsEnabled.BackupCode = true, true
		}),
		try: func(t *testing.T, p *premises) string {
			bo := p.person(t, "Bo Example")
			p.enrols(t, bo)
			return bo.post(t, "/me/backup-codes").code()
		},
		wantOff: "FEATURE_DISABLED",
	},
	{
		paths: "auth_settings.second_factor_policy",
		off:   withAuthenticators,
		on:    both(withAuthenticators, func(to *deployment.Settings) { to.Auth.SecondFactorPolicy = "optional" }),
		try: func(t *testing.T, p *premises) string {
			bo := p.person(t, "Bo Example")
			p.enrols(t, bo)
			return p.stepOf(t, bo) + "/" + p.stepOf(t, p.ana)
		},
		wantOff: "/", wantOn: "verify_second_factor/",
	},
	{
		paths: "auth_settings.second_factor_policy",
		off:   both(withAuthenticators, func(to *deployment.Settings) { to.Auth.SecondFactorPolicy = "optional" }),
		on:    both(withAuthenticators, func(to *deployment.Settings) { to.Auth.SecondFactorPolicy = "enforced" }),
		try: func(t *testing.T, p *premises) string {
			return p.signIn(t, p.ana).get(t, "/me/organization-memberships").code()
		},
		wantOn: "ELIGIBILITY_RESTRICTED", // they may set one up, and nothing else
	},
	{
		paths: "auth_settings.phone_number.enabled",
		on:    withPhones,
		try: func(t *testing.T, p *premises) string {
			return p.ana.post(t, "/me/phone-numbers", "phone_number", p.newPhone()).code()
		},
		wantOff: "FEATURE_DISABLED",
	},
	{
		paths: "auth_settings.phone_number.required",
		off:   withPhones,
		on:    both(withPhones, func(to *deployment.Settings) { to.Auth.PhoneNumber.Required = true }),
		try:   signsUp(), wantOn: "REQUIRED_FIELD",
	},
	{
		paths: "auth_settings.phone_number.sms_verification_allowed auth_settings.phone_number.whatsapp_verification_allowed",
		off:   both(withPhones, func(to *deployment.Settings) { to.Auth.PhoneNumber.SMSVerificationAllowed = false }),
		on: both(withPhones, func(to *deployment.Settings) {
			to.Auth.PhoneNumber.SMSVerificationAllowed, to.Auth.PhoneNumber.WhatsAppVerificationAllowed = false, true
		}),
		try: func(t *testing.T, p *premises) string {
			a := p.ana.post(t, "/me/phone-numbers", "phone_number", p.newPhone()).must(t, http.StatusOK)
			return p.ana.post(t, "/me/phone-numbers/"+a.text(t, "data.id")+"/prepare-verification").code()
		},
		wantOff: "FEATURE_DISABLED",
	},
	{
		paths: "auth_settings.auth_factors_enabled.phone_otp",
		off:   withPhones,
		on:    both(withPhones, func(to *deployment.Settings) { to.Auth.FactorsEnabled.PhoneOTP = true }),
		try: func(t *testing.T, p *premises) string {
			return p.browser().post(t, "/auth/signin", "strategy", "phone_otp", "phone", p.newPhone()).code()
		},
		wantOff: "FEATURE_DISABLED",
	},
	{
		paths: "auth_settings.verification_policy.email",
		off:   func(to *deployment.Settings) { to.Auth.VerificationPolicy.Email = false },
		try:   stepsOfSignUp(), wantOn: "verify_email",
	},
	{
		paths: "auth_settings.verification_policy.phone_number",
		off:   withPhones,
		on:    both(withPhones, func(to *deployment.Settings) { to.Auth.VerificationPolicy.PhoneNumber = true }),
		try:   stepsOfSignUp("phone_number", "#"), wantOff: "verify_email", wantOn: "verify_email verify_phone",
	},
	{
		paths: "auth_settings.email_address.required",
		off:   both(withPhones, withoutProof, func(to *deployment.Settings) { to.Auth.FactorsEnabled.PhoneOTP = true }),
		on:    both(withPhones, func(to *deployment.Settings) { to.Auth.FactorsEnabled.PhoneOTP = true }),
		try:   stepsOfSignUp("phone_number", "#", "email", ""), wantOff: "verify_phone", wantOn: "REQUIRED_FIELD",
	},
	{
		paths: "restrictions.block_voip_numbers",
		off:   withPhones,
		on:    both(withPhones, func(to *deployment.Settings) { to.Restrictions.BlockVoIPNumbers = true }),
		try:   usesPhone("+44560000####"), wantOff: "/", wantOn: "VOIP_NUMBER_BLOCKED/VOIP_NUMBER_BLOCKED",
	},
	{
		paths: "restrictions.country_restrictions.enabled restrictions.country_restrictions.country_codes",
		off:   both(withPhones, func(to *deployment.Settings) { to.Restrictions.CountryRestrictions.CountryCodes = []string{"DE"} }),
		on: both(withPhones, func(to *deployment.Settings) {
			to.Restrictions.CountryRestrictions = deployment.CountryRestrictions{Enabled: true, CountryCodes: []string{"DE"}}
		}),
		try: usesPhone("+4179123####"), wantOff: "/", wantOn: "COUNTRY_RESTRICTED/COUNTRY_RESTRICTED",
	},
}

// stepOf is what a person's new sign-in by password waits for.
func (p *premises) stepOf(t *testing.T, who *person) string {
	t.Helper()
	a := p.browser().post(t, "/auth/signin", "strategy", "plain_email", "email", who.email, "password", who.password).must(t, http.StatusOK)
	return a.text(t, "data.signin_attempts.-1.current_step")
}

// stepsOfSignUp are what a sign-up has to verify, or the code of its refusal.
// The members replace those of the form; # is a new number.
func stepsOfSignUp(members ...string) func(*testing.T, *premises) string {
	return func(t *testing.T, p *premises) string {
		fields := form("first_name", "New", "last_name", "Person", "email", p.newEmail("new"), "password", password)
		for i := 0; i < len(members); i += 2 {
			value := members[i+1]
			if value == "#" {
				value = p.newPhone()
			}
			fields.Set(members[i], value)
		}
		a := p.browser().send(t, request{Method: http.MethodPost, Path: "/auth/signup", Body: fields})
		if a.Status != http.StatusOK {
			return a.code()
		}
		var steps []string
		for _, step := range a.list(t, "data.signup_attempts.-1.remaining_steps") {
			steps = append(steps, step.(string))
		}
		return strings.Join(steps, " ")
	}
}

// usesPhone signs up with a number of a pattern, and adds one to an account:
// what came of both.
func usesPhone(pattern string) func(*testing.T, *premises) string {
	return func(t *testing.T, p *premises) string {
		next := func() string {
			number := p.newPhone()
			return strings.Replace(pattern, "####", number[len(number)-4:], 1)
		}
		first := signsUp("phone_number", next())(t, p)
		bo := p.person(t, "Bo Example")
		return first + "/" + bo.post(t, "/me/phone-numbers", "phone_number", next()).code()
	}
}
