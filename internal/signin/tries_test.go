package signin

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
	"github.com/guildhall-id/guildhall/internal/platform/limit"
)

// three tries a minute, per client and per account.
var three = limit.Rate{Count: 3, Per: time.Minute}

// node is another server of the deployment.
func (o *door) node() *door {
	n := *o
	n.Service = NewService(Needs{
		DB: o.db, Deployments: o.deployments, Sessions: o.sessions, Organizations: o.organizations,
		Factors: o.factors, Passwords: o.passwords, Outbox: o.outbox, Origins: o.origins, Key: testKey(o.t),
		Limits: Limits{PerClient: three, PerAccount: three, PerAddress: three, PerLookup: three},
		Now:    func() time.Time { return time.UnixMilli(o.clock.Load()) },
	})
	return &n
}

// from has a browser call from an address.
func from(c *access.Caller, ip string) *access.Caller {
	c.Client.IP = netip.MustParseAddr(ip)
	return c
}

// signOut signs everybody out of a browser.
func (o *door) signOut(c *access.Caller) error {
	return o.db.InTx(o.as(c), func(tx *database.Tx) error { return o.sessions.End(o.as(c), tx, c, o.d, c.SignIn) })
}

// attack spends the tries of an account, each from a client of its own.
func (o *door) attack(identifier string) {
	o.t.Helper()
	for i := range 10 {
		_, err := o.signIn(from(o.browser(), fmt.Sprintf("203.0.113.%d", i)), strategyPassword, identifier, "wrong password")
		if want := map[bool]error{true: ErrInvalidCredentials, false: ErrTooManyTries}[i < 3]; !errors.Is(err, want) {
			o.t.Fatalf("guess %d of %s: %v", i+1, identifier, err)
		}
	}
}

// S8: however many zeros are put before a number, its codes are counted
// together.
func TestSpellingsShareTheCodesOfANumber(t *testing.T) {
	eachLimited(t, three, func(o *door) {
		o.everything()
		o.withPhone(o.settle("ana"), "+41791234567")
		for name, spellings := range map[string][]string{
			"national":      {"791234567", "0791234567", "00791234567", "(000) 79 123 45 67"},
			"international": {"+41791234567", "41791234567", "041791234567", "+41 79 123 45 67"},
		} {
			for i, spelling := range spellings {
				c := from(o.browser(), fmt.Sprintf("203.0.113.%d", i))
				_, err := o.signInBy(c, spelling, "")
				must(o.t, err)
				_, err = o.prepare(c, strategyPhone, "")
				if i < 3 {
					must(o.t, err)
				} else if !errors.Is(err, ErrTooManyTries) {
					o.t.Errorf("%s, the fourth code: %v", name, err)
				}
			}
			o.clock.Add(time.Hour.Milliseconds())
		}
	})
}

// S16: during an attack the person's known browsers still sign in, and the
// block ends by itself.
func TestAnAttackDoesNotLockTheVictimOut(t *testing.T) {
	eachLimited(t, three, func(o *door) {
		o.account("ana@example.com")
		known, running := o.browser(), o.browser()
		for i, c := range []*access.Caller{known, running} {
			_, err := o.signIn(from(c, fmt.Sprintf("198.51.100.%d", i)), strategyPassword, "ana@example.com", password)
			must(o.t, err)
		}
		must(o.t, o.signOut(known))
		o.clock.Add(time.Hour.Milliseconds())
		o.attack("ana@example.com")

		stranger := func() error {
			_, err := o.signIn(from(o.browser(), "198.51.100.7"), strategyPassword, "ana@example.com", password)
			return err
		}
		var refusal *fault.Error
		if err := stranger(); !errors.As(err, &refusal) || refusal.Kind != fault.TooMany || refusal.RetryAfter <= 0 || refusal.RetryAfter > time.Minute {
			o.t.Errorf("an unknown browser during the attack: %v", err)
		}
		if _, err := o.signIn(from(known, "198.51.100.8"), strategyPassword, "ana@example.com", password); err != nil || known.User == 0 {
			o.t.Errorf("the known browser during the attack: %v", err)
		}
		if live, err := o.sessions.SignIns(o.t.Context(), o.db, running); err != nil || len(live) != 1 {
			o.t.Errorf("a running session during the attack: %v, %v", live, err)
		}
		o.clock.Add(refusal.RetryAfter.Milliseconds())
		must(o.t, stranger())
	})
}

// A known browser has a count of its own: it is not a way around the limit.
func TestKnownBrowsersAreLimitedToo(t *testing.T) {
	eachLimited(t, three, func(o *door) {
		o.account("ana@example.com")
		known := o.browser()
		_, err := o.signIn(from(known, "198.51.100.1"), strategyPassword, "ana@example.com", password)
		must(o.t, err)
		for i := range 4 {
			_, err = o.signIn(from(known, fmt.Sprintf("203.0.113.%d", i)), strategyPassword, "ana@example.com", "wrong password")
		}
		if !errors.Is(err, ErrTooManyTries) {
			o.t.Errorf("the fourth guess in a known browser: %v", err)
		}
		if _, err := o.signIn(from(o.browser(), "198.51.100.2"), strategyPassword, "ana@example.com", password); err != nil {
			o.t.Errorf("another browser meanwhile: %v", err)
		}
	})
}

// S16: all nodes share the count of an account, and simultaneous guesses do.
func TestNodesShareTheTriesOfAnAccount(t *testing.T) {
	eachLimited(t, three, func(o *door) {
		o.account("ana@example.com")
		nodes := []*door{o, o.node()}
		var compared atomic.Int64
		var wg sync.WaitGroup
		for i := range 16 {
			c := from(o.browser(), fmt.Sprintf("203.0.113.%d", i))
			wg.Go(func() {
				_, err := nodes[i%2].signIn(c, strategyPassword, "ana@example.com", "wrong password")
				switch {
				case errors.Is(err, ErrInvalidCredentials):
					compared.Add(1)
				case !errors.Is(err, ErrTooManyTries):
					o.t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := compared.Load(); n != 3 {
			o.t.Errorf("%d guesses were compared, want 3", n)
		}
	})
}

// S14 and S16: unknown accounts are blocked like known ones, and spellings of
// one identifier share a count.
func TestSpellingsShareTheTries(t *testing.T) {
	for name, spellings := range map[string][]string{
		"a known address":    {"ana@example.com", " ANA@Example.com ", "Ana@EXAMPLE.COM", "ana@example.com"},
		"an unknown address": {"nobody@example.com", "NOBODY@example.com", "nobody@Example.Com", " nobody@example.com"},
	} {
		t.Run(name, func(t *testing.T) {
			eachLimited(t, three, func(o *door) {
				o.account("ana@example.com")
				for i, spelling := range spellings {
					_, err := o.signIn(from(o.browser(), fmt.Sprintf("203.0.113.%d", i)), strategyPassword, spelling, "wrong password")
					if want := map[bool]error{true: ErrInvalidCredentials, false: ErrTooManyTries}[i < 3]; !errors.Is(err, want) {
						o.t.Errorf("%q: %v", spelling, err)
					}
				}
			})
		})
	}
}

// Who knows the password is never blocked for signing in often.
func TestRightPasswordsDoNotCount(t *testing.T) {
	eachLimited(t, three, func(o *door) {
		o.account("ana@example.com")
		for i := range 8 {
			_, err := o.signIn(from(o.browser(), fmt.Sprintf("203.0.113.%d", i)), strategyPassword, "ana@example.com", password)
			must(o.t, err)
		}
	})
}

// S16: a client is its address, or the /64 of an IPv6 one.
func TestClientsAreCountedByNetwork(t *testing.T) {
	eachLimited(t, three, func(o *door) {
		try := func(i int, ip string) error {
			_, err := o.signIn(from(o.browser(), ip), strategyPassword, fmt.Sprintf("nobody%d@example.com", i), password)
			return err
		}
		for i, ip := range []string{"2001:db8:1:2::1", "2001:db8:1:2:ffff::", "2001:db8:1:2:3:4:5:6"} {
			if err := try(i, ip); !errors.Is(err, ErrInvalidCredentials) {
				o.t.Errorf("%s: %v", ip, err)
			}
		}
		if err := try(3, "2001:db8:1:2::dead"); !errors.Is(err, ErrTooManyTries) {
			o.t.Errorf("the fourth of a /64: %v", err)
		}
		if err := try(4, "2001:db8:1:3::1"); !errors.Is(err, ErrInvalidCredentials) {
			o.t.Errorf("another /64: %v", err)
		}
	})
}

// S16: so many codes go to an address an hour, whichever node is asked.
func TestNodesShareTheCodesOfAnAddress(t *testing.T) {
	eachLimited(t, three, func(o *door) {
		o.account("ana@example.com")
		o.clock.Add(time.Hour.Milliseconds())
		nodes := []*door{o, o.node()}
		var last error
		for i := range 4 {
			c := from(o.browser(), fmt.Sprintf("203.0.113.%d", i))
			_, err := nodes[i%2].signIn(c, strategyCode, "ana@example.com", "")
			must(o.t, err)
			_, last = nodes[i%2].prepareVerification(o.as(c), prepareVerificationInput{})
			if i < 3 {
				must(o.t, last)
			}
		}
		if !errors.Is(last, ErrTooManyTries) {
			o.t.Errorf("the fourth code: %v", last)
		}
	})
}
