package deployment

import (
	"fmt"
	"slices"
	"strings"
)

// factor is a way to sign in: what has to be switched on for it.
type factor struct {
	name    string
	offered bool
	needs   []switched
}

// switched is a switch of the settings.
type switched struct {
	name string
	on   bool
}

// firstFactors are the ways to begin, in the order of the settings.
func (a AuthSettings) firstFactors() []factor {
	var (
		email    = switched{"email_address.enabled", a.EmailAddress.Enabled}
		phone    = switched{"phone_number.enabled", a.PhoneNumber.Enabled}
		username = switched{"username.enabled", a.Username.Enabled}
		password = switched{"password.enabled", a.Password.Enabled}
		f        = a.FactorsEnabled
	)
	return []factor{
		{"email_password", f.EmailPassword, []switched{email, password}},
		{"username_password", f.UsernamePassword, []switched{username, password}},
		{"email_otp", f.EmailOTP, []switched{email}},
		{"email_magic_link", f.EmailMagicLink, []switched{email, {"email_address.magic_link_verification_allowed", a.EmailAddress.MagicLinkVerificationAllowed}, {"magic_link.enabled", a.MagicLink.Enabled}}},
		{"phone_otp", f.PhoneOTP, []switched{phone, {"phone_number.sms_verification_allowed or whatsapp_verification_allowed", a.PhoneNumber.SMSVerificationAllowed || a.PhoneNumber.WhatsAppVerificationAllowed}}},
		{"web3_wallet", f.Web3Wallet, []switched{{"web3_wallet.enabled", a.Web3Wallet.Enabled}}},
	}
}

// secondFactors are the ways to prove it again.
func (a AuthSettings) secondFactors() []factor {
	f := a.FactorsEnabled
	return []factor{
		{"phone_otp", f.PhoneOTP, nil}, // its needs are checked as a first factor's
		{"backup_code", f.BackupCode, []switched{{"backup_code.enabled", a.BackupCode.Enabled}}},
		{"authenticator", f.Authenticator, nil},
	}
}

// signIn checks that every method that is offered can be used: the sign-in
// form shows no input when the first factor's own field is switched off
// (contract section 12).
func (c *checker) signIn(a AuthSettings) {
	const at = "auth_settings."
	first, second := a.firstFactors(), a.secondFactors()
	for _, f := range slices.Concat(first, second) {
		for _, need := range f.needs {
			if f.offered {
				c.need(need.on, at+"auth_factors_enabled."+f.name, at+need.name)
			}
		}
	}
	c.offers(at+"first_factor", a.FirstFactor, first)
	if a.SecondFactor != "none" {
		c.offers(at+"second_factor", a.SecondFactor, second)
	}
	c.alternatives(at+"alternate_first_factors", a.AlternateFirstFactors, first)
	c.alternatives(at+"alternate_second_factors", a.AlternateSecondFactors, second)
	if a.SecondFactorPolicy == SecondFactorEnforced {
		c.need(a.FactorsEnabled.PhoneOTP || a.FactorsEnabled.Authenticator, at+"second_factor_policy enforced",
			at+"auth_factors_enabled.authenticator or phone_otp: nobody could sign in")
		c.need(!a.FactorsEnabled.PhoneOTP || a.FactorsEnabled.Authenticator || a.EmailAddress.Required, at+"second_factor_policy enforced",
			at+"auth_factors_enabled.authenticator or email_address.required: whoever begins with the phone could not go on")
	}
	if a.MagicLink.Enabled {
		c.need(a.EmailAddress.Enabled, at+"magic_link.enabled", at+"email_address.enabled")
	}
}

// offers says when a factor that is asked for is not offered. A name that is
// no factor at all is the enumeration's mistake.
func (c *checker) offers(path, name string, factors []factor) {
	for _, f := range factors {
		if f.name == name {
			c.need(f.offered, fmt.Sprintf("%s %q", path, name), "auth_settings.auth_factors_enabled."+name)
		}
	}
}

func (c *checker) alternatives(path string, names []string, factors []factor) {
	known := make([]string, len(factors))
	for i, f := range factors {
		known[i] = f.name
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			c.say("%s has %q, but may only have: %s.", path, name, strings.Join(known, ", "))
		}
		c.offers(path, name, factors)
	}
}

// fields checks the sign-up form: what is required is there, what is verified
// can be, and lengths make sense.
func (c *checker) fields(a AuthSettings) {
	const at = "auth_settings."
	for _, f := range []struct {
		name  string
		field Field
	}{
		{"email_address", a.EmailAddress.Field},
		{"phone_number", a.PhoneNumber.Field},
		{"username", a.Username.Field},
		{"first_name", a.FirstName},
		{"last_name", a.LastName},
		{"password", a.Password},
		{"backup_code", a.BackupCode},
		{"web3_wallet", a.Web3Wallet},
	} {
		if f.field.Required {
			c.need(f.field.Enabled, at+f.name+".required", at+f.name+".enabled")
		}
	}
	if a.VerificationPolicy.Email {
		c.need(a.EmailAddress.Enabled, at+"verification_policy.email", at+"email_address.enabled")
	}
	if a.EmailAddress.Enabled {
		c.need(a.EmailAddress.OTPVerificationAllowed, at+"email_address.enabled",
			at+"email_address.otp_verification_allowed: this version of Guildhall proves addresses by mailed codes alone")
	}
	if a.VerificationPolicy.PhoneNumber {
		c.need(a.PhoneNumber.Enabled, at+"verification_policy.phone_number", at+"phone_number.enabled")
		c.need(a.PhoneNumber.SMSVerificationAllowed || a.PhoneNumber.WhatsAppVerificationAllowed,
			at+"verification_policy.phone_number", at+"phone_number.sms_verification_allowed or whatsapp_verification_allowed")
	}
	c.between(at+"username.min_length", int64(a.Username.MinLength), 1, 64)
	c.between(at+"username.max_length", int64(a.Username.MaxLength), int64(max(1, a.Username.MinLength)), 64)
	c.between(at+"password_policy.min_length", int64(a.PasswordPolicy.MinLength), 8, 128)
}

// durations checks that a token ends before its sign-in, and a sign-in unused
// before one in use. Browsers keep no cookie longer than 400 days.
func (c *checker) durations(a AuthSettings) {
	const at = "auth_settings."
	c.between(at+"session_token_lifetime", a.SessionTokenLifetime, 10, 60*minute)
	c.between(at+"session_validity_period", a.SessionValidity, max(5*minute, a.SessionTokenLifetime), 400*day)
	c.between(at+"session_inactive_timeout", a.SessionInactiveTimeout, minute, max(minute, a.SessionValidity))
}
