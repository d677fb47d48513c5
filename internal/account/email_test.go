package account

import (
	"fmt"
	"testing"
	"time"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/onetime"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/user"
)

func (o *desk) claim(c *access.Caller, email string) (user.EmailAddressView, error) {
	var in addAddressInput
	in.Body.Email = email
	return o.addAddress(as(c), in)
}

// claims adds an address that has to be addable.
func (o *desk) claims(c *access.Caller, email string) id.EmailAddress {
	o.t.Helper()
	view, err := o.claim(c, email)
	must(o.t, err)
	return view.ID
}

// code puts a code that the test knows, in place of the mailed one.
func (o *desk) code(address id.EmailAddress) (code string) {
	o.t.Helper()
	must(o.t, o.db.InTx(o.t.Context(), func(tx *database.Tx) (err error) {
		if code, err = onetime.NewCode(); err != nil {
			return err
		}
		return o.codes.Put(o.t.Context(), tx, o.d.ID, provesAddress, id.Subject(address), "x@example.com", code)
	}))
	return code
}

func (o *desk) enter(c *access.Caller, address id.EmailAddress, code string) error {
	_, err := o.verifyAddress(as(c), verifyAddressInput{ID: address, Code: code})
	return err
}

// proves adds and verifies an address.
func (o *desk) proves(c *access.Caller, email string) id.EmailAddress {
	o.t.Helper()
	address := o.claims(c, email)
	must(o.t, o.enter(c, address, o.code(address)))
	return address
}

func (o *desk) primary(c *access.Caller, address id.EmailAddress) error {
	_, err := o.makePrimary(as(c), addressInput{address})
	return err
}

func (o *desk) giveUp(c *access.Caller, address id.EmailAddress) error {
	_, err := o.deleteAddress(as(c), addressInput{address})
	return err
}

func TestAddressFromClaimToPrimary(t *testing.T) {
	each(t, func(o *desk) {
		ana := o.somebody("ana")
		first := o.me(ana).EmailAddresses[0].ID
		view, err := o.claim(ana, " Ana.Work@Example.COM ")
		must(o.t, err)
		if view.Email != "ana.work@example.com" || view.Verified || view.IsPrimary {
			o.t.Fatalf("the claim is %+v", view)
		}
		refuses(o.t, "primary before it is verified", o.primary(ana, view.ID), ErrEmailUnverified)
		_, err = o.prepareAddress(as(ana), addressInput{view.ID})
		must(o.t, err)
		if o.mails("ana.work@example.com", "verification_code") != 1 {
			o.t.Error("no code was mailed")
		}
		refuses(o.t, "without code", o.enter(ana, view.ID, ""), onetime.ErrMissing)
		in := verifyAddressInput{ID: view.ID}
		in.Body.VerificationCode = o.code(view.ID)
		_, err = o.verifyAddress(as(ana), in)
		must(o.t, err)
		refuses(o.t, "verifying twice", o.enter(ana, view.ID, "000000"), ErrEmailVerified)
		_, err = o.prepareAddress(as(ana), addressInput{view.ID})
		refuses(o.t, "a code for a verified address", err, ErrEmailVerified)
		if o.mails("ana@example.com", "account_changed") != 1 || o.mails("ana.work@example.com", "account_changed") != 0 {
			o.t.Error("the new address was not announced to the old one alone")
		}

		refuses(o.t, "deleting the primary", o.giveUp(ana, first), ErrEmailPrimary)
		o.clock.Add(1000)
		must(o.t, o.primary(ana, view.ID))
		me := o.me(ana)
		if *me.Email != "ana.work@example.com" || me.UpdatedAt == me.CreatedAt || len(me.EmailAddresses) != 2 {
			o.t.Errorf("got %+v", me)
		}
		if n := o.count("SELECT count(*) FROM users WHERE search LIKE '%ana.work@example.com%'"); n != 1 {
			o.t.Error("the person is not found by the new address")
		}
		must(o.t, o.giveUp(ana, first))
		if o.mails("ana@example.com", "account_changed") != 2 {
			o.t.Error("the removed address was not told")
		}
		list, err := o.listAddresses(as(ana), struct{}{})
		if err != nil || len(list) != 1 || list[0].ID != view.ID {
			o.t.Errorf("left: %+v, %v", list, err)
		}
		for _, name := range []string{"added", "verified", "deleted"} {
			if o.events(ana.User, "user.email_address."+name) != 1 {
				o.t.Errorf("no event tells that it was %s", name)
			}
		}
	})
}

// S11: two people claim one address, in every order.
func TestTwoPeopleClaimOneAddress(t *testing.T) {
	const email = "shared@example.com"
	each(t, func(o *desk) {
		orders := map[string]func(ana, ben *access.Caller){
			"both claim, the second proves": func(ana, ben *access.Caller) {
				hers, his := o.claims(ana, email), o.claims(ben, email)
				code := o.code(hers)
				must(o.t, o.enter(ben, his, o.code(his)))
				refuses(o.t, "her code afterwards", o.enter(ana, hers, code), ErrEmailNotFound)
				must(o.t, o.primary(ben, his))
				must(o.t, o.giveUp(ben, o.me(ben).EmailAddresses[0].ID))
			},
			"both claim, the first proves": func(ana, ben *access.Caller) {
				hers, his := o.claims(ana, email), o.claims(ben, email)
				must(o.t, o.enter(ana, hers, o.code(hers)))
				refuses(o.t, "his code afterwards", o.enter(ben, his, o.code(his)), ErrEmailNotFound)
				must(o.t, o.giveUp(ana, hers))
			},
			"proven, then claimed": func(ana, ben *access.Caller) {
				hers := o.proves(ana, email)
				_, err := o.claim(ben, email)
				refuses(o.t, "his claim", err, user.ErrEmailExists)
				must(o.t, o.giveUp(ana, hers))
			},
			"proven, given up, then proven by the other": func(ana, ben *access.Caller) {
				must(o.t, o.giveUp(ana, o.proves(ana, email)))
				must(o.t, o.giveUp(ben, o.proves(ben, email)))
			},
			"claimed, then somebody signs up with it": func(ana, ben *access.Caller) {
				hers := o.claims(ana, "late@example.com")
				o.person("late", "")
				refuses(o.t, "her code afterwards", o.enter(ana, hers, o.code(hers)), ErrEmailNotFound)
				_, err := o.claim(ana, "late@example.com")
				refuses(o.t, "claiming again", err, user.ErrEmailExists)
			},
			"a code of another's claim": func(ana, ben *access.Caller) {
				hers, his := o.claims(ana, "x@example.com"), o.claims(ben, "x@example.com")
				refuses(o.t, "her code for his claim", o.enter(ben, his, o.code(hers)), onetime.ErrInvalid)
				for what, err := range map[string]error{
					"entering it for her": o.enter(ben, hers, o.code(hers)), "deleting hers": o.giveUp(ben, hers), "making hers primary": o.primary(ben, hers),
				} {
					refuses(o.t, what, err, ErrEmailNotFound)
				}
			},
		}
		i := 0
		for name, order := range orders {
			i++
			ana, ben := o.somebody(fmt.Sprintf("ana%d", i)), o.somebody(fmt.Sprintf("ben%d", i))
			order(ana, ben)
			if n := o.count("SELECT count(*) FROM user_email_addresses WHERE email = $1 AND verified_at IS NOT NULL AND ended_at IS NULL", email); n > 1 {
				o.t.Errorf("%s: %d people have the address", name, n)
			}
			// Whoever has it leaves it to the next order.
			must(o.t, o.db.InTx(o.t.Context(), func(tx *database.Tx) error {
				_, err := tx.Exec(o.t.Context(), "UPDATE user_email_addresses SET ended_at = 1 WHERE email = $1 AND ended_at IS NULL", email)
				return err
			}))
		}
	})
}

// R2: of many people who enter the right code for one address at once, one
// gets it.
func TestSimultaneousProofs(t *testing.T) {
	const email, n = "shared@example.com", 6
	each(t, func(o *desk) {
		var people [n]*access.Caller
		var claims [n]id.EmailAddress
		var codes [n]string
		for i := range n {
			people[i] = o.somebody(fmt.Sprintf("p%d", i))
			claims[i] = o.claims(people[i], email)
			codes[i] = o.code(claims[i])
		}
		errs := race(2*n, func(i int) error { return o.enter(people[i%n], claims[i%n], codes[i%n]) })
		if got := wins(o.t, errs, user.ErrEmailExists, ErrEmailNotFound, ErrEmailVerified); got != 1 {
			o.t.Errorf("%d proofs succeeded", got)
		}
		if got := o.count("SELECT count(*) FROM user_email_addresses WHERE email = $1 AND ended_at IS NULL", email); got != 1 {
			o.t.Errorf("%d people claim the address afterwards", got)
		}
	})
}

// S11: whatever races, the primary address stays one that is there and
// verified.
func TestPrimaryAndDeletionRace(t *testing.T) {
	each(t, func(o *desk) {
		ana := o.somebody("ana")
		first := o.me(ana).EmailAddresses[0].ID
		for round := range 5 {
			second := o.proves(ana, fmt.Sprintf("second%d@example.com", round))
			race(4, func(i int) error {
				switch i {
				case 0:
					return o.primary(ana, second)
				case 1:
					return o.giveUp(ana, second)
				case 2:
					return o.giveUp(ana, first)
				default:
					return o.primary(ana, first)
				}
			})
			me := o.me(ana)
			if me.PrimaryEmailAddress == nil || !me.PrimaryEmailAddress.Verified {
				o.t.Fatalf("the primary address is %+v", me.PrimaryEmailAddress)
			}
			if n := o.count("SELECT count(*) FROM user_email_addresses WHERE id = $1 AND ended_at IS NULL", int64(*me.PrimaryEmailAddressID)); n != 1 {
				o.t.Fatal("the primary address was deleted")
			}
			first = *me.PrimaryEmailAddressID
		}
	})
}

// S15: a code lives ten minutes and has five tries, which count though they
// fail.
func TestAddressCodesEnd(t *testing.T) {
	each(t, func(o *desk) {
		ana := o.somebody("ana")
		address := o.claims(ana, "new@example.com")
		code := o.code(address)
		o.clock.Add((onetime.Life + time.Second).Milliseconds())
		refuses(o.t, "after its time", o.enter(ana, address, code), onetime.ErrExpired)
		code = o.code(address)
		race(onetime.Tries, func(int) error { return o.enter(ana, address, "no code") })
		refuses(o.t, "the right one after five wrong ones", o.enter(ana, address, code), onetime.ErrInvalid)
		must(o.t, o.enter(ana, address, o.code(address)))
	})
}

func TestAddressesAreLimited(t *testing.T) {
	each(t, func(o *desk) {
		ana := o.somebody("ana")
		_, err := o.claim(ana, "ana")
		refuses(o.t, "no address", err, user.ErrEmailInvalid)
		o.claims(ana, "twice@example.com")
		_, err = o.claim(ana, "Twice@example.com")
		refuses(o.t, "the same again", err, user.ErrEmailExists)
		for i := range mostAddresses - 2 {
			o.claims(ana, fmt.Sprintf("a%d@example.com", i))
		}
		_, err = o.claim(ana, "more@example.com")
		refuses(o.t, "one too many", err, ErrTooManyAddresses)
	})
}

// What the deployment does not let people use can neither be added nor, once it
// was, be verified.
func TestRestrictionsOfAddedAddresses(t *testing.T) {
	each(t, func(o *desk) {
		ana := o.somebody("ana")
		added := o.claims(ana, "ana+old@blocked.example")
		for name, restriction := range map[string]struct {
			r    deployment.RestrictionsSettings
			want error
		}{
			"a blocked domain":    {deployment.RestrictionsSettings{BlocklistEnabled: true, BlocklistedResources: []string{"blocked.example"}}, user.ErrEmailBlocked},
			"a subaddress":        {deployment.RestrictionsSettings{BlockSubaddresses: true}, user.ErrEmailBlocked},
			"not an allowed one":  {deployment.RestrictionsSettings{AllowlistEnabled: true, AllowlistedResources: []string{"acme.example"}}, user.ErrEmailNotAllowed},
			"a word that is none": {deployment.RestrictionsSettings{BannedKeywords: []string{"ANA"}}, user.ErrBannedKeyword},
		} {
			restriction.r.SignUpMode = deployment.SignUpPublic
			o.set(func(s *deployment.Settings) { s.Restrictions = restriction.r })
			_, err := o.claim(ana, "ana+new@blocked.example")
			refuses(o.t, name, err, restriction.want)
			_, err = o.prepareAddress(as(ana), addressInput{added})
			refuses(o.t, name+", added before", err, restriction.want)
		}
	})
}
