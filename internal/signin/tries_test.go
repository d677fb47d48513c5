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
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
	"github.com/guildhall-id/guildhall/internal/platform/limit"
	"github.com/guildhall-id/guildhall/internal/platform/throttle"
)

// three tries a minute, per client and per account.
var three = limit.Rate{Count: 3, Per: time.Minute}

// node is another server of the deployment.
func (o *door) node() *door {
	n := *o
	n.Service = NewService(Needs{
		DB: o.db, Deployments: o.deployments, Sessions: o.sessions, Organizations: o.organizations,
		Factors: o.factors, Passwords: o.passwords, Outbox: o.outbox, Origins: o.origins, Key: testKey(o.t),
		Limits: Limits{PerClient: three, PerStart: three, PerAccount: three, PerAddress: three, PerLookup: three},
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

// S16: whoever asks for codes in somebody's name keeps them from none in a
// browser that they have used before, whichever way they sign in.
func TestAskingForCodesDoesNotLockTheVictimOut(t *testing.T) {
	each(t, func(o *door) {
		o.everything()
		ana := o.settle("ana")
		o.withPhone(ana, "+41791234567")
		ways := map[string]func(c *access.Caller) error{
			"code": func(c *access.Caller) error {
				_, err := o.signIn(c, strategyCode, ana.email, "")
				must(o.t, err)
				_, err = o.prepare(c, "", "")
				return err
			},
			"link": func(c *access.Caller) error {
				_, err := o.signIn(c, strategyLink, ana.email, "")
				must(o.t, err)
				_, err = o.prepare(c, "", "")
				return err
			},
			"text": func(c *access.Caller) error {
				_, err := o.signInBy(c, "+41791234567", "")
				must(o.t, err)
				_, err = o.prepare(c, "", "")
				return err
			},
			"reset": func(c *access.Caller) error {
				_, err := o.forgot(c, ana.email, "")
				return err
			},
		}
		for name, ask := range ways {
			o.addresses = throttle.NewLimiter(o.db, testKey(o.t), name, three)
			known := o.signedIn(ana)
			must(o.t, o.signOut(known))
			for i := range 4 {
				if err := ask(o.browser()); i < 3 && err != nil || i == 3 && !errors.Is(err, ErrTooManyTries) {
					o.t.Errorf("%s: stranger %d: %v", name, i+1, err)
				}
			}
			for i := range 4 {
				if err := ask(known); i < 3 && err != nil || i == 3 && !errors.Is(err, ErrTooManyTries) {
					o.t.Errorf("%s: the known browser, number %d: %v", name, i+1, err)
				}
			}
			var familiar int
			must(o.t, o.db.QueryRow(o.t.Context(), "SELECT count(*) FROM mails WHERE familiar").Scan(&familiar))
			if familiar != 3 {
				o.t.Errorf("%s: %d messages count as asked for by the person, want 3", name, familiar)
			}
			o.exec("DELETE FROM mails")
		}

		o.change(func(s *deployment.Settings) { s.Auth.SecondFactorPolicy = "optional" })
		o.addresses = throttle.NewLimiter(o.db, testKey(o.t), "second", three)
		for range 3 {
			must(o.t, ways["text"](o.browser()))
		}
		proven := o.browser()
		o.begin(proven, ana, strategyPassword)
		if _, err := o.prepare(proven, strategyPhone, ""); err != nil {
			o.t.Errorf("the code of the second factor: %v", err)
		}
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

// limited has a client three tries a minute, and nothing else limited.
func (o *door) limited() {
	o.clients = limit.New(three, func() time.Time { return time.UnixMilli(o.clock.Load()) })
}

// The people of an office are one client: those who know their passwords and
// have their codes keep nobody out, however many they are.
func TestAnOfficeSignsIn(t *testing.T) {
	each(t, func(o *door) {
		o.account("ana@example.com")
		o.limited()
		for range 5 {
			_, err := o.signIn(o.browser(), strategyPassword, "ana@example.com", password)
			must(o.t, err)
			c := o.browser()
			view, err := o.signIn(c, strategyCode, "ana@example.com", "")
			must(o.t, err)
			attempt := id.Subject(view.SignInAttempts[0].ID)
			_, err = o.enterCode(c, attempt, o.code(forSignIn, attempt))
			must(o.t, err)
			c = o.browser()
			_, err = o.reset(c, o.resetToken(c, "ana@example.com"), password)
			must(o.t, err)
		}
	})
}

// S16: whoever guesses behind the same address does not stop a browser that the
// person has used before, and stops others for a moment.
func TestAnAttackFromTheSameAddress(t *testing.T) {
	each(t, func(o *door) {
		o.account("ana@example.com")
		known := o.browser()
		_, err := o.signIn(known, strategyPassword, "ana@example.com", password)
		must(o.t, err)
		must(o.t, o.signOut(known))
		o.limited()
		for i := range 4 {
			_, err = o.signIn(o.browser(), strategyPassword, fmt.Sprintf("nobody%d@example.com", i), password)
		}
		if !errors.Is(err, ErrTooManyTries) {
			o.t.Errorf("the fourth guess: %v", err)
		}
		if _, err = o.signIn(o.browser(), strategyPassword, "ana@example.com", password); !errors.Is(err, ErrTooManyTries) {
			o.t.Errorf("an unknown browser behind the address: %v", err)
		}
		if _, err = o.signIn(known, strategyPassword, "ana@example.com", password); err != nil {
			o.t.Errorf("the known browser behind the address: %v", err)
		}
		o.clock.Add(time.Minute.Milliseconds())
		_, err = o.signIn(o.browser(), strategyPassword, "ana@example.com", password)
		must(o.t, err)
	})
}

// Every secret that can be guessed is counted by client: the wrong ones.
func TestWrongSecretsAreCountedByClient(t *testing.T) {
	guesses := map[string]func(*door) func() error{
		"password": func(o *door) func() error {
			return func() error {
				_, err := o.signIn(o.browser(), strategyPassword, "bo@example.com", "wrong password")
				return err
			}
		},
		"code": func(o *door) func() error {
			c := o.browser()
			view, err := o.signIn(c, strategyCode, "ana@example.com", "")
			must(o.t, err)
			return func() error {
				_, err := o.enterCode(c, id.Subject(view.SignInAttempts[0].ID), "000000x")
				return err
			}
		},
		"link": func(o *door) func() error {
			o.withLinks()
			return func() error {
				_, err := o.verifyMagicLink(o.as(o.browser()), verifyMagicLinkInput{Token: "x"})
				return err
			}
		},
		"reset code": func(o *door) func() error {
			return func() error {
				_, err := o.forgot(o.browser(), "ana@example.com", "000000x")
				return err
			}
		},
		"reset token": func(o *door) func() error {
			return func() error {
				_, err := o.reset(o.browser(), "x", password)
				return err
			}
		},
	}
	for name, prepare := range guesses {
		t.Run(name, func(t *testing.T) {
			each(t, func(o *door) {
				o.account("ana@example.com")
				guess := prepare(o)
				o.limited()
				for i := range 4 {
					if err := guess(); err == nil || errors.Is(err, ErrTooManyTries) != (i == 3) {
						o.t.Errorf("guess %d: %v", i+1, err)
					}
				}
			})
		})
	}
}

// What a client may begin is limited whether or not it comes to an end.
func TestBeginningsAreLimited(t *testing.T) {
	begin := map[string]func(*door) error{
		"right password": func(o *door) error {
			_, err := o.signIn(o.browser(), strategyPassword, "ana@example.com", password)
			return err
		},
		"code":  func(o *door) error { _, err := o.signIn(o.browser(), strategyCode, "ana@example.com", ""); return err },
		"phone": func(o *door) error { _, err := o.signInBy(o.browser(), "+41791234567", ""); return err },
		"reset": func(o *door) error { _, err := o.forgot(o.browser(), "ana@example.com", ""); return err },
		"sign-up": func(o *door) error {
			_, err := o.signUp(o.browser(), fmt.Sprintf("new%d@example.com", database.NextID[id.User](o.db)))
			return err
		},
	}
	for name, try := range begin {
		t.Run(name, func(t *testing.T) {
			each(t, func(o *door) {
				o.everything()
				o.account("ana@example.com")
				few := limit.New(three, func() time.Time { return time.UnixMilli(o.clock.Load()) })
				o.starts, o.signUps = few, few
				for i := range 4 {
					if err := try(o); i < 3 && err != nil || i == 3 && !errors.Is(err, ErrTooManyTries) {
						o.t.Errorf("number %d: %v", i+1, err)
					}
				}
			})
		})
	}
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
