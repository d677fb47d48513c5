package account

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/factor"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/onetime"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/limit"
	"github.com/guildhall-id/guildhall/internal/platform/mail"
	"github.com/guildhall-id/guildhall/internal/user"
)

const (
	mobile  = "+41791234567"
	another = "+41791234568"
)

// withPhones switches numbers on, and codes to them as a way to sign in.
func withPhones(s *deployment.Settings) {
	s.Auth.PhoneNumber.Enabled, s.Auth.FactorsEnabled.PhoneOTP = true, true
}

func (o *desk) claimPhone(c *access.Caller, number, country string) (user.PhoneNumberView, error) {
	var in addPhoneInput
	in.Body.PhoneNumber, in.Body.CountryCode = number, country
	return o.addPhone(as(c), in)
}

func (o *desk) claimsPhone(c *access.Caller, number string) id.PhoneNumber {
	o.t.Helper()
	view, err := o.claimPhone(c, number, "")
	must(o.t, err)
	return view.ID
}

// phoneCode puts a code that the test knows, in place of the sent one.
func (o *desk) phoneCode(number id.PhoneNumber) (code string) {
	o.t.Helper()
	must(o.t, o.db.InTx(o.t.Context(), func(tx *database.Tx) (err error) {
		if code, err = onetime.NewCode(); err != nil {
			return err
		}
		return o.codes.Put(o.t.Context(), tx, o.d.ID, provesPhone, id.Subject(number), mobile, code)
	}))
	return code
}

func (o *desk) sendsCode(c *access.Caller, number id.PhoneNumber) error {
	_, err := o.preparePhone(as(c), phoneInput{number})
	return err
}

func (o *desk) enterPhone(c *access.Caller, number id.PhoneNumber, code string) error {
	_, err := o.verifyPhone(as(c), verifyPhoneInput{ID: number, Body: enteredCode{Code: code}})
	return err
}

func (o *desk) provesPhone(c *access.Caller, number string) id.PhoneNumber {
	o.t.Helper()
	claim := o.claimsPhone(c, number)
	must(o.t, o.enterPhone(c, claim, o.phoneCode(claim)))
	return claim
}

func (o *desk) primaryPhone(c *access.Caller, number id.PhoneNumber) error {
	_, err := o.makePhonePrimary(as(c), phoneInput{number})
	return err
}

func (o *desk) giveUpPhone(c *access.Caller, number id.PhoneNumber) error {
	_, err := o.deletePhone(as(c), phoneInput{number})
	return err
}

func TestPhoneFromClaimToPrimary(t *testing.T) {
	each(t, func(o *desk) {
		o.set(withPhones)
		ana := o.somebody("ana")
		view, err := o.claimPhone(ana, "079 123 45 67", "+41")
		must(o.t, err)
		if view.PhoneNumber != mobile || view.CountryCode != "+41" || view.Verified || view.IsPrimary || o.me(ana).PrimaryPhoneNumberID != nil {
			o.t.Fatalf("the claim is %+v", view)
		}
		refuses(o.t, "primary before it is verified", o.primaryPhone(ana, view.ID), ErrPhoneUnverified)
		must(o.t, o.sendsCode(ana, view.ID))
		if o.mails(mobile, "verification_code") != 1 {
			o.t.Error("no code was sent")
		}
		refuses(o.t, "without code", o.enterPhone(ana, view.ID, ""), onetime.ErrMissing)
		refuses(o.t, "a wrong code", o.enterPhone(ana, view.ID, "no code"), onetime.ErrInvalid)
		in := verifyPhoneInput{ID: view.ID}
		in.Body.VerificationCode = o.phoneCode(view.ID)
		_, err = o.verifyPhone(as(ana), in)
		must(o.t, err)
		refuses(o.t, "verifying twice", o.enterPhone(ana, view.ID, "000000"), ErrPhoneVerified)
		refuses(o.t, "a code for a verified number", o.sendsCode(ana, view.ID), ErrPhoneVerified)
		me := o.me(ana)
		if len(me.PhoneNumbers) != 1 || !me.PhoneNumbers[0].Verified || me.PrimaryPhoneNumber == nil || *me.PrimaryPhoneNumberID != view.ID {
			o.t.Errorf("she sees %+v", me.PhoneNumbers)
		}
		people, err := user.PublicByID(o.t.Context(), o.db, []id.User{ana.User})
		if err != nil || people[ana.User].PrimaryPhoneNumber != nil {
			o.t.Errorf("others see her number: %+v, %v", people[ana.User], err)
		}

		second := o.provesPhone(ana, another)
		if o.mails("ana@example.com", "account_changed") != 2 || o.mails(mobile, "account_changed") != 0 {
			o.t.Error("the new numbers were not announced to her address alone")
		}
		refuses(o.t, "deleting the primary of two", o.giveUpPhone(ana, view.ID), ErrPhonePrimary)
		must(o.t, o.primaryPhone(ana, second))
		if phones, err := user.VerifiedPhones(o.t.Context(), o.db, ana.User); err != nil || len(phones) != 2 || phones[0] != another {
			o.t.Errorf("verified: %v, %v", phones, err)
		}
		_, err = o.update(ana, func(in *updateUserInput) { in.Body.PrimaryPhoneNumberID = &view.ID })
		must(o.t, err)
		must(o.t, o.giveUpPhone(ana, second))
		must(o.t, o.giveUpPhone(ana, view.ID))
		if me := o.me(ana); len(me.PhoneNumbers) != 0 || me.PrimaryPhoneNumberID != nil || o.mails("ana@example.com", "account_changed") != 4 {
			o.t.Errorf("left: %+v", me.PhoneNumbers)
		}
		for name, n := range map[string]int64{"added": 2, "verified": 2, "deleted": 2} {
			if o.events(ana.User, "user.phone_number."+name) != n {
				o.t.Errorf("the events do not tell that numbers were %s", name)
			}
		}
	})
}

// S11: two people claim one number, in every order.
func TestTwoPeopleClaimOneNumber(t *testing.T) {
	each(t, func(o *desk) {
		o.set(withPhones)
		orders := map[string]func(ana, ben *access.Caller){
			"both claim, the second proves": func(ana, ben *access.Caller) {
				hers, his := o.claimsPhone(ana, mobile), o.claimsPhone(ben, mobile)
				code := o.phoneCode(hers)
				must(o.t, o.enterPhone(ben, his, o.phoneCode(his)))
				refuses(o.t, "her code afterwards", o.enterPhone(ana, hers, code), ErrPhoneNotFound)
			},
			"both claim, the first proves": func(ana, ben *access.Caller) {
				hers, his := o.claimsPhone(ana, mobile), o.claimsPhone(ben, mobile)
				must(o.t, o.enterPhone(ana, hers, o.phoneCode(hers)))
				refuses(o.t, "a code for him", o.sendsCode(ben, his), ErrPhoneNotFound)
			},
			"one proves, the other claims": func(ana, ben *access.Caller) {
				hers := o.provesPhone(ana, mobile)
				_, err := o.claimPhone(ben, mobile, "")
				refuses(o.t, "his claim", err, user.ErrPhoneExists)
				must(o.t, o.giveUpPhone(ana, hers))
				o.provesPhone(ben, mobile)
			},
			"one signs up with it, the other has claimed it": func(ana, ben *access.Caller) {
				hers := o.claimsPhone(ana, mobile)
				must(o.t, o.db.InTx(as(ben), func(tx *database.Tx) error {
					_, err := user.Create(as(ben), tx, user.NewUser{Deployment: o.d.ID, FirstName: "Cleo", Phone: mobile, PhoneVerified: true})
					return err
				}))
				refuses(o.t, "her code afterwards", o.enterPhone(ana, hers, o.phoneCode(hers)), ErrPhoneNotFound)
			},
			"one signs up with an unverified claim of it, the other has it": func(ana, ben *access.Caller) {
				o.provesPhone(ana, mobile)
				must(o.t, o.db.InTx(as(ben), func(tx *database.Tx) error {
					_, err := user.Create(as(ben), tx, user.NewUser{Deployment: o.d.ID, FirstName: "Cleo", Phone: mobile})
					return err
				}))
			},
			"a code of another's claim": func(ana, ben *access.Caller) {
				hers, his := o.claimsPhone(ana, mobile), o.claimsPhone(ben, mobile)
				refuses(o.t, "her code for his claim", o.enterPhone(ben, his, o.phoneCode(hers)), onetime.ErrInvalid)
				for what, err := range map[string]error{
					"entering it for her": o.enterPhone(ben, hers, o.phoneCode(hers)), "deleting hers": o.giveUpPhone(ben, hers),
					"making hers primary": o.primaryPhone(ben, hers), "a code to hers": o.sendsCode(ben, hers),
				} {
					refuses(o.t, what, err, ErrPhoneNotFound)
				}
			},
		}
		i := 0
		for name, order := range orders {
			i++
			order(o.somebody(fmt.Sprintf("ana%d", i)), o.somebody(fmt.Sprintf("ben%d", i)))
			if n := o.count("SELECT count(*) FROM user_phone_numbers WHERE phone_number = $1 AND verified_at IS NOT NULL AND ended_at IS NULL", mobile); n > 1 {
				o.t.Errorf("%s: %d people have the number", name, n)
			}
			// Whoever has it leaves it to the next order.
			must(o.t, o.db.InTx(o.t.Context(), func(tx *database.Tx) error {
				_, err := tx.Exec(o.t.Context(), "UPDATE user_phone_numbers SET ended_at = 1 WHERE phone_number = $1 AND ended_at IS NULL", mobile)
				return err
			}))
		}
	})
}

// R2: of many people who enter the right code for one number at once, one gets
// it.
func TestSimultaneousProofsOfANumber(t *testing.T) {
	const n = 6
	each(t, func(o *desk) {
		o.set(withPhones)
		var people [n]*access.Caller
		var claims [n]id.PhoneNumber
		var codes [n]string
		for i := range n {
			people[i] = o.somebody(fmt.Sprintf("p%d", i))
			claims[i] = o.claimsPhone(people[i], mobile)
			codes[i] = o.phoneCode(claims[i])
		}
		errs := race(2*n, func(i int) error { return o.enterPhone(people[i%n], claims[i%n], codes[i%n]) })
		if got := wins(o.t, errs, user.ErrPhoneExists, ErrPhoneNotFound, ErrPhoneVerified); got != 1 {
			o.t.Errorf("%d proofs succeeded", got)
		}
		if got := o.count("SELECT count(*) FROM user_phone_numbers WHERE phone_number = $1 AND ended_at IS NULL", mobile); got != 1 {
			o.t.Errorf("%d people claim the number afterwards", got)
		}
	})
}

// S11: whatever races, a person with verified numbers has one of them as the
// primary.
func TestPrimaryPhoneAndDeletionRace(t *testing.T) {
	each(t, func(o *desk) {
		o.set(withPhones)
		ana := o.somebody("ana")
		first := o.provesPhone(ana, mobile)
		for round := range 5 {
			second := o.provesPhone(ana, fmt.Sprintf("+4179123457%d", round))
			race(4, func(i int) error {
				switch i {
				case 0:
					return o.primaryPhone(ana, second)
				case 1:
					return o.giveUpPhone(ana, second)
				case 2:
					return o.giveUpPhone(ana, first)
				default:
					return o.primaryPhone(ana, first)
				}
			})
			me := o.me(ana)
			switch {
			case len(me.PhoneNumbers) == 0 && me.PrimaryPhoneNumberID == nil:
				first = o.provesPhone(ana, mobile)
			case me.PrimaryPhoneNumber == nil || !me.PrimaryPhoneNumber.Verified:
				o.t.Fatalf("the primary number is %v of %+v", me.PrimaryPhoneNumberID, me.PhoneNumbers)
			default:
				first = *me.PrimaryPhoneNumberID
			}
		}
	})
}

// S15: a code lives ten minutes and has five tries, which count though they
// fail.
func TestPhoneCodesEnd(t *testing.T) {
	each(t, func(o *desk) {
		o.set(withPhones)
		ana := o.somebody("ana")
		claim := o.claimsPhone(ana, mobile)
		code := o.phoneCode(claim)
		o.clock.Add((onetime.Life + time.Second).Milliseconds())
		refuses(o.t, "after its time", o.enterPhone(ana, claim, code), onetime.ErrExpired)
		code = o.phoneCode(claim)
		race(onetime.Tries, func(int) error { return o.enterPhone(ana, claim, "no code") })
		refuses(o.t, "the right one after five wrong ones", o.enterPhone(ana, claim, code), onetime.ErrInvalid)
		must(o.t, o.enterPhone(ana, claim, o.phoneCode(claim)))
	})
}

// Each setting of numbers, on and off.
func TestPhoneSettings(t *testing.T) {
	const voip, british = "+445612345678", "+447911123456"
	each(t, func(o *desk) {
		ana := o.somebody("ana")
		_, err := o.claimPhone(ana, mobile, "")
		refuses(o.t, "where the deployment has no numbers", err, deployment.ErrFeatureDisabled)
		o.set(withPhones)
		claim := o.claimsPhone(ana, mobile)
		o.set(func(s *deployment.Settings) {
			s.Auth.PhoneNumber.SMSVerificationAllowed, s.Auth.FactorsEnabled.PhoneOTP = false, false
		})
		refuses(o.t, "a code where none may be sent", o.sendsCode(ana, claim), deployment.ErrFeatureDisabled)
		o.set(func(s *deployment.Settings) { s.Auth.PhoneNumber.WhatsAppVerificationAllowed = true })
		must(o.t, o.sendsCode(ana, claim))

		o.set(func(s *deployment.Settings) { s.Restrictions.BlockVoIPNumbers = true })
		_, err = o.claimPhone(ana, voip, "")
		refuses(o.t, "internet telephony", err, user.ErrVoIPBlocked)
		o.set(func(s *deployment.Settings) {
			s.Restrictions.BlockVoIPNumbers = false
			s.Restrictions.CountryRestrictions = deployment.CountryRestrictions{Enabled: true, CountryCodes: []string{"GB"}}
		})
		o.claimsPhone(ana, voip)
		_, err = o.claimPhone(ana, another, "")
		refuses(o.t, "another country", err, user.ErrCountryRestricted)
		refuses(o.t, "a code to a country that is restricted now", o.sendsCode(ana, claim), user.ErrCountryRestricted)
		o.set(func(s *deployment.Settings) { s.Restrictions.CountryRestrictions.Enabled = false })
		o.claimsPhone(ana, another)

		must(o.t, o.enterPhone(ana, claim, o.phoneCode(claim)))
		o.set(func(s *deployment.Settings) { s.Auth.PhoneNumber.Required = true })
		refuses(o.t, "deleting the only number where one is required", o.giveUpPhone(ana, claim), ErrPhoneNeeded)
		o.set(func(s *deployment.Settings) { s.Auth.PhoneNumber.Required = false })
		must(o.t, o.giveUpPhone(ana, claim))

		o.outbox.CarryTexts(nil)
		refuses(o.t, "a code where nothing carries it", o.sendsCode(ana, o.claimsPhone(ana, british)), mail.ErrNoTexts)
	})
}

// A verified number is a second factor where codes to numbers are offered; with
// the last factor goes the policy that asks for one.
func TestPhoneIsASecondFactor(t *testing.T) {
	each(t, func(o *desk) {
		o.set(func(s *deployment.Settings) { s.Auth.PhoneNumber.Enabled = true })
		ana := o.somebody("ana")
		number := o.provesPhone(ana, mobile)
		enforce := func() error {
			_, err := o.update(ana, func(in *updateUserInput) { in.Body.SecondFactorPolicy = enforced })
			return err
		}
		refuses(o.t, "where codes to numbers are not offered", enforce(), factor.ErrNoFactor)
		o.set(withPhones)
		must(o.t, enforce())
		second := o.provesPhone(ana, another)
		must(o.t, o.giveUpPhone(ana, second))
		if policy := o.me(ana).SecondFactorPolicy; policy != enforced {
			o.t.Errorf("with a number left the policy is %s", policy)
		}
		must(o.t, o.giveUpPhone(ana, number))
		if policy := o.me(ana).SecondFactorPolicy; policy != "none" {
			o.t.Errorf("without any number the policy is %s", policy)
		}
	})
}

// Where a second factor is demanded, one sign-in without it does not get another
// one, or rid of it.
func TestPhonesOfWhoDidNotProveTheirs(t *testing.T) {
	each(t, func(o *desk) {
		o.set(withPhones)
		o.set(func(s *deployment.Settings) { s.B2B.EnforceMFAPerOrgEnabled = true })
		person := o.person("ana", o.hash)
		before, _ := o.signIn(person)
		here, _ := o.signIn(person)
		careful := o.company(person)
		number := o.provesPhone(here, mobile) // which proves the sign-in too
		here.SecondFactor = true
		theirs := o.claimsPhone(before, another)
		must(o.t, o.sendsCode(before, theirs))
		must(o.t, o.db.InTx(o.t.Context(), func(tx *database.Tx) error {
			_, err := tx.Exec(o.t.Context(), `UPDATE organizations SET enforce_mfa = $1 WHERE id = $2`, true, careful)
			return err
		}))
		refuses(o.t, "another number", o.enterPhone(before, theirs, o.phoneCode(theirs)), factor.ErrUnproven)
		refuses(o.t, "the end of the number", o.giveUpPhone(before, number), factor.ErrUnproven)
		must(o.t, o.enterPhone(here, theirs, o.phoneCode(theirs)))
		must(o.t, o.giveUpPhone(here, theirs))
	})
}

// A sign-in that is held back for lack of a second factor is free once a number
// is verified.
func TestPhoneFreesAHeldBackSignIn(t *testing.T) {
	each(t, func(o *desk) {
		o.set(withPhones)
		ana, before := o.signIn(o.person("ana", o.hash))
		must(o.t, o.db.InTx(as(ana), func(tx *database.Tx) error {
			return o.sessions.Restrict(as(ana), tx, ana, ana.User, ana.SignIn)
		}))
		if !ana.Enrolling {
			o.t.Fatal("she is not held back")
		}
		o.provesPhone(ana, mobile)
		if ana.Enrolling || o.whoHas(before) != 0 || o.whoHas(ana.Session.Renewed.Reveal()) != ana.User {
			o.t.Error("she is still held back, or her token is the old one")
		}
	})
}

// Whoever signs in by number keeps it, and can do without a password; they are
// told of changes by text message, having no address.
func TestPhoneIsTheWayIn(t *testing.T) {
	each(t, func(o *desk) {
		o.set(withPhones)
		var person id.User
		ctx := as(&access.Caller{Deployment: o.d.ID})
		must(o.t, o.db.InTx(ctx, func(tx *database.Tx) (err error) {
			person, err = user.Create(ctx, tx, user.NewUser{Deployment: o.d.ID, FirstName: "Pia", PasswordHash: o.hash, Phone: mobile, PhoneVerified: true})
			return err
		}))
		pia, _ := o.signIn(person)
		me := o.me(pia)
		if me.Email != nil || len(me.EmailAddresses) != 0 || me.PrimaryPhoneNumber == nil || me.PrimaryPhoneNumber.PhoneNumber != mobile {
			o.t.Fatalf("she is %+v", me)
		}
		refuses(o.t, "deleting the only way in", o.giveUpPhone(pia, *me.PrimaryPhoneNumberID), ErrPhoneNeeded)
		must(o.t, o.dropPassword(pia, password))
		if n := o.mails(mobile, "account_changed"); n != 1 {
			o.t.Errorf("she was told %d times", n)
		}
		second := o.provesPhone(pia, another)
		if o.mails(mobile, "account_changed") != 2 || o.mails(another, "account_changed") != 0 {
			o.t.Error("the new number was not announced to the old one alone")
		}
		must(o.t, o.giveUpPhone(pia, second))
		if o.mails(another, "account_changed") != 1 {
			o.t.Error("the removed number was not told")
		}
		must(o.t, o.deletes(pia, ""))
		if o.mails(mobile, "account_changed") != 4 {
			o.t.Error("the end of the account was not told")
		}
		if _, err := user.FindByVerifiedPhone(o.t.Context(), o.db, o.d.ID, mobile); !errors.Is(err, user.ErrNotFound) {
			o.t.Errorf("the number still finds somebody: %v", err)
		}
		o.provesPhone(o.somebody("ana"), mobile) // it is free again
	})
}

func TestPhonesAreLimited(t *testing.T) {
	each(t, func(o *desk) {
		o.set(withPhones)
		ana := o.somebody("ana")
		_, err := o.claimPhone(ana, "0791234567", "")
		refuses(o.t, "a number of no country", err, user.ErrPhoneInvalid)
		claim := o.claimsPhone(ana, mobile)
		_, err = o.claimPhone(ana, "079 123 45 67", "CH")
		refuses(o.t, "the same again", err, user.ErrPhoneExists)
		for i := range mostPhones - 1 {
			o.claimsPhone(ana, fmt.Sprintf("+4179123450%d", i))
		}
		_, err = o.claimPhone(ana, another, "")
		refuses(o.t, "one too many", err, ErrTooManyPhones)
		o.limitTries(limit.Rate{Count: 2, Per: time.Hour})
		for range 2 {
			must(o.t, o.sendsCode(ana, claim))
		}
		refuses(o.t, "one text message too many", o.sendsCode(ana, claim), ErrTooManyTries)
	})
}

// Digits without a country find the number that they are the only ones of.
func TestFindByPhoneDigits(t *testing.T) {
	each(t, func(o *desk) {
		o.set(withPhones)
		ana, ben := o.somebody("ana"), o.somebody("ben")
		o.provesPhone(ana, mobile)
		o.claimsPhone(ben, another)
		o.provesPhone(ben, "+390669821234")
		find := func(digits string) (user.Phone, id.User) {
			o.t.Helper()
			phone, person, err := user.FindByPhoneDigits(o.t.Context(), o.db, o.d.ID, digits)
			if err != nil {
				refuses(o.t, digits, err, user.ErrNotFound)
				return "", 0
			}
			return phone, person
		}
		for digits, want := range map[string]user.Phone{
			"791234567": mobile, "079 123 45 67": mobile, "41791234567": mobile, " +41 79 123 45 67": mobile, "٠٧٩١٢٣٤٥٦٧": mobile,
			"06 6982 1234": "+390669821234", "390669821234": "+390669821234",
			"791234568": "", another: "", "1234567": "", "": "", "+": "", "0": "", "ana": "", "%": "",
		} {
			if got, person := find(digits); got != want || (person == 0) != (want == "") {
				o.t.Errorf("%q finds %q of %d, want %q", digits, got, person, want)
			}
		}
		cleo := o.somebody("cleo")
		o.provesPhone(cleo, "+48791234567")
		if got, _ := find("791234567"); got != "" {
			o.t.Errorf("digits of two people find %q", got)
		}
		if got, person := find("48791234567"); got != "+48791234567" || person != cleo.User {
			o.t.Errorf("all digits find %q of %d", got, person)
		}
	})
}
