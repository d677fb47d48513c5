package signin

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/onetime"
	"github.com/guildhall-id/guildhall/internal/session"
	"github.com/guildhall-id/guildhall/internal/user"
)

// form is a sign-up form; the number has its country.
type form struct{ first, username, email, phone, password string }

func (o *door) apply(c *access.Caller, f form) (session.View, error) {
	var in signUpInput
	in.Body.FirstName, in.Body.Username, in.Body.Email, in.Body.PhoneNumber, in.Body.Password = f.first, f.username, f.email, f.phone, f.password
	return o.Service.signUp(o.as(c), in)
}

// verify enters the codes that a sign-up has sent, in this order. The first is
// asked for, the others come by themselves.
func (o *door) verify(c *access.Caller, to ...string) session.View {
	o.t.Helper()
	_, err := o.prepareVerification(o.as(c), prepareVerificationInput{Kind: "signup"})
	must(o.t, err)
	var view session.View
	for _, address := range to {
		in := attemptVerificationInput{Kind: "signup"}
		in.Body.Code = o.mailed(address).Code
		view, err = o.attemptVerification(o.as(c), in)
		if err != nil {
			o.t.Fatalf("the code for %s: %v", address, err)
		}
	}
	return view
}

func (o *door) signInBy(c *access.Caller, phone, country string) (session.View, error) {
	var in signInInput
	in.Body.Strategy, in.Body.Phone, in.Body.PhoneCountry = strategyPhone, phone, country
	return o.Service.signIn(o.as(c), in)
}

func TestSignInByPhone(t *testing.T) {
	each(t, func(o *door) {
		r := o.settle("ana")
		o.withPhone(r, "+41791234567")
		if _, err := o.signInBy(o.browser(), "791234567", ""); !errors.Is(err, ErrStrategy) {
			o.t.Errorf("where it is not offered: %v", err)
		}
		o.everything()
		for _, try := range [][2]string{
			{"791234567", ""}, {"079 123 45 67", ""}, {"+41 79 123 45 67", ""}, {"41791234567", ""}, {"791234567", "+41"}, {"0791234567", "CH"},
		} {
			c := o.browser()
			view, err := o.signInBy(c, try[0], try[1])
			must(o.t, err)
			if a := last(view); a.CurrentStep != stepPhoneCode || a.Email != "" || a.UserID != nil || c.User != 0 {
				o.t.Errorf("%q: %+v", try, a)
			}
			prepared, err := o.prepare(c, strategyPhone, "")
			if err != nil || !strings.HasSuffix(prepared.MaskedPhone, "4567") || prepared.MaskedEmail != "" {
				o.t.Errorf("%q: %+v, %v", try, prepared, err)
			}
			if _, err := o.enterCode(c, 0, "x"); !errors.Is(err, onetime.ErrInvalid) {
				o.t.Errorf("%q: a wrong code: %v", try, err)
			}
			view, err = o.enterCode(c, 0, o.mailed(r.phone).Code)
			if err != nil || !last(view).Completed || c.User != r.id {
				o.t.Errorf("%q: %+v, %v", try, last(view), err)
			}
		}
		for _, try := range []string{"", "12", "abc", "+41 79", "12345678901234567", "79123456x"} {
			if _, err := o.signInBy(o.browser(), try, ""); !errors.Is(err, user.ErrPhoneInvalid) {
				o.t.Errorf("%q: %v", try, err)
			}
		}
		c := o.browser()
		_, err := o.signInBy(c, "791234567", "")
		must(o.t, err)
		_, err = o.prepare(c, strategyPhone, "")
		must(o.t, err)
		code, bo := o.mailed(r.phone).Code, o.settle("bo")
		o.exec("UPDATE user_phone_numbers SET user_id = $1", int64(bo.id))
		if _, err := o.enterCode(c, 0, code); !errors.Is(err, ErrBadAttempt) || c.User != 0 {
			o.t.Errorf("a number that is somebody else's now: %v", err)
		}
		if _, err = o.prepare(c, strategyPhone, ""); err != nil || o.mailed(r.phone).Code != code {
			o.t.Errorf("a code went to somebody else (%v)", err)
		}
	})
}

// S14: known, unknown and ambiguous numbers look the same, and only the first
// get a message.
func TestUnknownNumbersLookTheSame(t *testing.T) {
	each(t, func(o *door) {
		o.everything()
		o.withPhone(o.settle("ana"), "+41791234567")
		o.withPhone(o.settle("bo"), "+41781234567")
		o.withPhone(o.settle("cem"), "+49781234567") // the same digits in another country
		shape := func(number, country string) string {
			c := o.browser()
			view, err := o.signInBy(c, number, country)
			must(o.t, err)
			a := last(view)
			prepared, err := o.prepare(c, strategyPhone, "")
			must(o.t, err)
			_, wrong := o.enterCode(c, 0, "000000")
			return fmt.Sprint(a.UserID, a.Email, a.CurrentStep, a.RemainingSteps, a.Available2FAMethods, a.FirstMethodAuthenticated, prepared, wrong)
		}
		known := shape("791234567", "")
		for _, number := range []string{"761234567", "0761234567", "781234567"} {
			if got := shape(number, ""); got != known {
				o.t.Errorf("known: %s\n%s: %s", known, number, got)
			}
		}
		if known, unknown := shape("791234567", "+41"), shape("761234567", "+41"); known != unknown {
			o.t.Errorf("with country: known %s, unknown %s", known, unknown)
		}
		c := o.browser()
		_, err := o.signInBy(c, "781234567", "")
		must(o.t, err)
		if _, err := o.enterCode(c, 0, o.code(forSignIn, id.Subject(o.attempt(c)))); !errors.Is(err, onetime.ErrInvalid) || c.User != 0 {
			o.t.Errorf("even the right code for nobody: %v", err)
		}
		for _, to := range []string{"+41761234567", "+761234567", "+41781234567", "+49781234567", "+781234567"} {
			if o.mailed(to).Code != "" {
				o.t.Errorf("a message went to %s", to)
			}
		}
	})
}

// attempt is the newest attempt to sign in of a browser.
func (o *door) attempt(c *access.Caller) (attempt int64) {
	o.t.Helper()
	must(o.t, o.db.QueryRow(o.t.Context(), "SELECT max(id) FROM signin_attempts WHERE session_id = $1", int64(c.Session.ID)).Scan(&attempt))
	return attempt
}

// What sign-up verifies is what the settings say, in the order address, number;
// and at least something to sign in with.
func TestWhatSignUpVerifies(t *testing.T) {
	const email, phone = "ana@example.com", "+41791234567"
	for name, tt := range map[string]struct {
		email, phone bool // are to be verified
		form         form
		steps        []string
		method       string
	}{
		"both":                                   {true, true, form{email: email, phone: phone, password: password}, []string{email, phone}, strategyPassword},
		"the address":                            {true, false, form{email: email, phone: phone, password: password}, []string{email}, strategyPassword},
		"the number":                             {false, true, form{email: email, phone: phone, password: password}, []string{phone}, strategyPassword},
		"neither":                                {false, false, form{email: email, phone: phone, password: password}, nil, strategyPassword},
		"both, without number":                   {true, true, form{email: email, password: password}, []string{email}, strategyPassword},
		"both, without address":                  {true, true, form{phone: phone}, []string{phone}, strategyPhone},
		"neither, without password":              {false, false, form{email: email, phone: phone}, []string{email}, strategyCode},
		"neither, without address and password":  {false, false, form{phone: phone}, []string{phone}, strategyPhone},
		"neither, a password without identifier": {false, false, form{phone: phone, password: password}, []string{phone}, strategyPhone},
		"neither, a username and a password":     {false, false, form{username: "ana.e", password: password}, nil, strategyUsername},
		"both, a username and a password":        {true, true, form{username: "ana.e", password: password}, nil, strategyUsername},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(o *door) {
				o.everything()
				o.change(func(s *deployment.Settings) {
					s.Auth.EmailAddress.Required, s.Auth.Password.Required = false, false
					s.Auth.VerificationPolicy = deployment.VerificationPolicy{Email: tt.email, PhoneNumber: tt.phone}
				})
				c := o.browser()
				view, err := o.apply(c, tt.form)
				must(o.t, err)
				if len(tt.steps) > 0 {
					if c.User != 0 || view.SignUpAttempts[0].Completed || len(view.SignUpAttempts[0].RemainingSteps) != len(tt.steps) {
						o.t.Fatalf("the attempt is %+v", view.SignUpAttempts[0])
					}
					view = o.verify(c, tt.steps...)
				}
				if a := view.SignUpAttempts[len(view.SignUpAttempts)-1]; !a.Completed || c.User == 0 {
					o.t.Fatalf("in the end %+v", a)
				}
				o.checkMade(c, tt.form, tt.steps, tt.method)
			})
		})
	}
}

// checkMade compares an account with the form it was made of: what was verified
// counts, the rest is only claimed.
func (o *door) checkMade(c *access.Caller, f form, verified []string, method string) {
	o.t.Helper()
	people, err := user.CurrentByID(o.t.Context(), o.db, []id.User{c.User})
	must(o.t, err)
	me := people[c.User]
	isVerified := func(address string) bool { return strings.Contains(strings.Join(verified, " "), address) }
	if n := len(me.EmailAddresses); n != min(1, len(f.email)) || n == 1 && (me.EmailAddresses[0].Verified != isVerified(f.email) || me.EmailAddresses[0].IsPrimary != isVerified(f.email)) {
		o.t.Errorf("the addresses are %+v", me.EmailAddresses)
	}
	if n := len(me.PhoneNumbers); n != min(1, len(f.phone)) || n == 1 && (me.PhoneNumbers[0].Verified != isVerified(f.phone) || me.PhoneNumbers[0].IsPrimary != isVerified(f.phone)) {
		o.t.Errorf("the numbers are %+v", me.PhoneNumbers)
	}
	var by string
	must(o.t, o.db.QueryRow(o.t.Context(), "SELECT method FROM signins WHERE id = $1", int64(c.SignIn)).Scan(&by))
	if by != method {
		o.t.Errorf("signed in by %s", by)
	}
	// Whoever signs up can come back.
	r, back := &resident{id: c.User, email: f.email, username: f.username, phone: f.phone}, o.browser()
	if o.begin(back, r, method); back.User != c.User {
		o.t.Error("the person cannot sign in again")
	}
}

func TestSignUpWantsSomethingToSignInWith(t *testing.T) {
	each(t, func(o *door) {
		o.everything()
		o.change(func(s *deployment.Settings) {
			s.Auth.EmailAddress.Required, s.Auth.Password.Required, s.Auth.PhoneNumber.Required = false, false, false
		})
		for name, f := range map[string]form{
			"nothing":             {},
			"a password":          {password: password},
			"a username":          {username: "ana.e"},
			"a name and password": {first: "Ana", password: password},
		} {
			if _, err := o.apply(o.browser(), f); !errors.Is(err, errRequired) {
				o.t.Errorf("%s: %v", name, err)
			}
		}
		o.change(func(s *deployment.Settings) { s.Auth.PhoneNumber.Required = true })
		if _, err := o.apply(o.browser(), form{email: "ana@example.com", password: password}); !errors.Is(err, errRequired) {
			o.t.Errorf("without the required number: %v", err)
		}
		o.change(func(s *deployment.Settings) {
			s.Auth.PhoneNumber.Required, s.Restrictions.CountryRestrictions = false, deployment.CountryRestrictions{Enabled: true, CountryCodes: []string{"DE"}}
		})
		if _, err := o.apply(o.browser(), form{phone: "+41791234567"}); !errors.Is(err, user.ErrCountryRestricted) {
			o.t.Errorf("a number of another country: %v", err)
		}
		o.withPhone(o.settle("ana"), "+491711234567")
		if _, err := o.apply(o.browser(), form{phone: "+491711234567"}); !errors.Is(err, user.ErrPhoneExists) {
			o.t.Errorf("somebody's number: %v", err)
		}
		if _, err := o.apply(o.browser(), form{phone: "+4917"}); !errors.Is(err, user.ErrPhoneInvalid) {
			o.t.Errorf("no number: %v", err)
		}
	})
}

// S11: an address that nobody has verified names an account for its password
// and gives nothing else; who verifies it takes it away.
func TestUnverifiedAddressGivesNoRight(t *testing.T) {
	each(t, func(o *door) {
		o.change(func(s *deployment.Settings) { s.Auth.VerificationPolicy.Email = false })
		const email = "ana@example.com"
		first, second := o.browser(), o.browser()
		_, err := o.apply(first, form{email: email, password: password})
		must(o.t, err)
		_, err = o.apply(second, form{email: email, password: newPassword}) // it blocks nobody
		must(o.t, err)
		if first.User == 0 || second.User == 0 || first.User == second.User {
			o.t.Fatalf("the accounts are %v and %v", first.User, second.User)
		}
		c := o.browser()
		if _, err := o.signIn(c, strategyPassword, email, password); err != nil || c.User != first.User {
			o.t.Errorf("the first one's password: %v", err)
		}
		if _, err := o.signIn(o.browser(), strategyPassword, email, newPassword); !errors.Is(err, ErrInvalidCredentials) {
			o.t.Errorf("the second one's password: %v", err)
		}
		c = o.browser()
		_, err = o.signIn(c, strategyCode, email, "")
		must(o.t, err)
		_, err = o.prepare(c, strategyCode, "")
		must(o.t, err)
		if o.mailed(email).Code != "" {
			o.t.Error("a code was sent for an address that nobody has proven")
		}
		if _, err := o.forgot(o.browser(), email, ""); err != nil || o.mailed(email).Code != "" {
			o.t.Errorf("a code was sent to recover an account by an address that nobody has proven (%v)", err)
		}
		o.change(func(s *deployment.Settings) { s.Auth.VerificationPolicy.Email = true })
		if _, err := o.signIn(o.browser(), strategyPassword, email, password); !errors.Is(err, ErrInvalidCredentials) {
			o.t.Errorf("where addresses are verified: %v", err)
		}
		o.change(func(s *deployment.Settings) { s.Auth.VerificationPolicy.Email = false })
		o.exec("INSERT INTO user_email_addresses (id, deployment_id, user_id, email, typed, verified_at, created_at, updated_at) VALUES (1, $1, $2, $3, $3, 1, 1, 1)",
			int64(o.d.ID), int64(first.User), "proven@example.com")
		if _, err := o.signIn(o.browser(), strategyPassword, email, password); !errors.Is(err, ErrInvalidCredentials) {
			o.t.Errorf("of somebody with a proven address: %v", err)
		}
		o.change(func(s *deployment.Settings) { s.Auth.VerificationPolicy.Email = true })
		o.account(email) // whoever proves it has it
		o.change(func(s *deployment.Settings) { s.Auth.VerificationPolicy.Email = false })
		c = o.browser()
		if _, err := o.signIn(c, strategyPassword, email, password); err != nil || c.User == first.User {
			o.t.Errorf("it still names the one who only claimed it (%v)", err)
		}
	})
}
