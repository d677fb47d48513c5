package session_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/database/databasetest"
	"github.com/guildhall-id/guildhall/internal/platform/secret"
	"github.com/guildhall-id/guildhall/internal/session"
	"github.com/guildhall-id/guildhall/internal/user"
)

// bench is a session service over a fresh database, with a clock to move.
type bench struct {
	t           *testing.T
	db          *database.DB
	deployments *deployment.Service
	sessions    *session.Service
	d           *deployment.Deployment
	clock       *atomic.Int64
	key         secret.Key
	person      id.User
}

// each runs body on both engines.
func each(t *testing.T, mode deployment.Mode, body func(*bench)) {
	t.Helper()
	var clock atomic.Int64
	clock.Store(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixMilli())
	now := func() time.Time { return time.UnixMilli(clock.Load()) }
	databasetest.EachWithClock(t, now, func(t *testing.T, db *database.DB) {
		key, err := secret.NewKey(bytes.Repeat([]byte{7}, secret.KeySize))
		must(t, err)
		b := &bench{t: t, db: db, clock: &clock, key: key}
		b.deployments = deployment.NewService(db, mode, "https://id.example.com", key)
		b.d, err = b.deployments.Ensure(t.Context(), "Test")
		must(t, err)
		b.sessions = session.NewService(db, b.deployments, key, nil)
		ctx := access.WithCaller(t.Context(), &access.Caller{Deployment: b.d.ID})
		must(t, db.InTx(ctx, func(tx *database.Tx) (err error) {
			b.person, err = user.Create(ctx, tx, user.NewUser{Deployment: b.d.ID, FirstName: "Ana", Email: "ana@example.com", TypedEmail: "ana@example.com", Strategy: "email_otp"})
			return err
		}))
		body(b)
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (b *bench) advance(d time.Duration) { b.clock.Add(d.Milliseconds()) }

// call authenticates a request with these cookies.
func (b *bench) call(cookies ...*http.Cookie) *access.Caller {
	b.t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/session", nil)
	for _, c := range cookies {
		r.AddCookie(c)
	}
	c, err := b.sessions.Authenticate(r, access.Tenant{}, true)
	must(b.t, err)
	return c
}

// signIn signs the person in to the caller's browser and gives its new token.
func (b *bench) signIn(c *access.Caller) string {
	b.t.Helper()
	ctx := access.WithCaller(context.Background(), c)
	must(b.t, b.db.InTx(ctx, func(tx *database.Tx) error {
		browser, err := b.sessions.Begin(ctx, tx, c, b.d)
		if err != nil {
			return err
		}
		_, err = b.sessions.SignIn(ctx, tx, c, b.d, browser, b.person, "plain_email")
		return err
	}))
	return c.Session.Renewed.Reveal()
}

func cookie(value string) *http.Cookie { return &http.Cookie{Name: session.Cookie, Value: value} }

func TestAnAnonymousSessionCostsNoRow(t *testing.T) {
	each(t, deployment.Production, func(b *bench) {
		first := b.call()
		if !first.Session.Anonymous || first.Session.Renewed.Empty() {
			b.t.Fatalf("got %+v", first.Session)
		}
		again := b.call(cookie(first.Session.Renewed.Reveal()))
		if again.Session.ID != first.Session.ID || !again.Session.Renewed.Empty() {
			b.t.Errorf("the session is %v, then %v", first.Session.ID, again.Session.ID)
		}
		var rows int64
		must(b.t, b.db.QueryRow(b.t.Context(), "SELECT count(*) FROM sessions").Scan(&rows))
		if rows != 0 {
			b.t.Errorf("%d rows", rows)
		}
		forged := []byte(first.Session.Renewed.Reveal())
		forged[10] ^= 1
		if c := b.call(cookie(string(forged))); c.Session.ID == first.Session.ID {
			b.t.Error("a changed token was believed")
		}
		b.advance(31 * 24 * time.Hour)
		if c := b.call(cookie(first.Session.Renewed.Reveal())); c.Session.ID == first.Session.ID {
			b.t.Error("an anonymous session lived for ever")
		}
	})
}

// S20: a token that somebody planted in a browser before the sign-in never
// sees that sign-in.
func TestFixation(t *testing.T) {
	each(t, deployment.Production, func(b *bench) {
		planted := b.call().Session.Renewed.Reveal()
		victim := b.call(cookie(planted))
		token := b.signIn(victim)
		if token == planted {
			b.t.Fatal("the token stayed the same")
		}
		if c := b.call(cookie(planted)); c.User != 0 {
			b.t.Error("the planted token is signed in")
		}
		if c := b.call(cookie(token)); c.User != b.person {
			b.t.Error("the new token is not signed in")
		}

		// The same with a stored session: the first token of a session whose
		// sign-in comes later.
		b.advance(time.Second)
		second := b.call(cookie(token))
		renewed := b.signIn(second)
		if c := b.call(cookie(token)); c.SignIn == second.SignIn {
			b.t.Error("the rotated token sees the new sign-in")
		}
		b.advance(2 * time.Minute)
		if c := b.call(cookie(token)); c.User != 0 {
			b.t.Error("the rotated token works after its grace")
		}
		if c := b.call(cookie(renewed)); c.User != b.person {
			b.t.Error("the newest token stopped working")
		}
	})
}

// S20: one name with two different values means nobody; session_id wins over
// its alias.
func TestCookies(t *testing.T) {
	each(t, deployment.Production, func(b *bench) {
		token := b.signIn(b.call())
		alias := &http.Cookie{Name: session.CookieAlias, Value: token}
		tests := map[string]struct {
			cookies  []*http.Cookie
			signedIn bool
		}{
			"the seed's name":                  {[]*http.Cookie{cookie(token)}, true},
			"the alias":                        {[]*http.Cookie{alias}, true},
			"both":                             {[]*http.Cookie{cookie(token), alias}, true},
			"twice the same":                   {[]*http.Cookie{cookie(token), cookie(token)}, true},
			"twice different":                  {[]*http.Cookie{cookie(token), cookie("other")}, false},
			"different, the other one first":   {[]*http.Cookie{cookie("other"), cookie(token)}, false},
			"session_id wins over its alias":   {[]*http.Cookie{cookie("other"), alias}, false},
			"the numeric id is not the secret": {[]*http.Cookie{cookie(b.call(cookie(token)).Session.ID.String())}, false},
			"nothing":                          {nil, false},
		}
		for name, tt := range tests {
			if c := b.call(tt.cookies...); (c.User != 0) != tt.signedIn {
				b.t.Errorf("%s: user %v", name, c.User)
			}
		}
	})
}

// Contract section 5.2: the parameter works in staging only, and wins there.
func TestDevelopmentParameter(t *testing.T) {
	for mode, works := range map[deployment.Mode]bool{deployment.Staging: true, deployment.Production: false} {
		each(t, mode, func(b *bench) {
			token := b.signIn(b.call())
			ask := func(query string, cookies ...*http.Cookie) *access.Caller {
				r := httptest.NewRequest(http.MethodGet, "/session?"+query, nil)
				for _, c := range cookies {
					r.AddCookie(c)
				}
				c, err := b.sessions.Authenticate(r, access.Tenant{}, true)
				must(b.t, err)
				w := httptest.NewRecorder()
				b.sessions.Deliver(w, r, c)
				header := w.Header().Get(session.DevHeader)
				if want := works && !c.Session.Renewed.Empty() && r.URL.Query().Has(session.DevParam); (header != "") != want {
					b.t.Errorf("%s: the header is %q", query, header)
				}
				return c
			}
			if c := ask(session.DevParam + "=" + token); (c.User != 0) != works {
				b.t.Errorf("in %s the parameter gave user %v", mode, c.User)
			}
			if c := ask(session.DevParam+"=unknown", cookie(token)); (c.User != 0) == works {
				b.t.Errorf("in %s a wrong parameter beside a good cookie gave user %v", mode, c.User)
			}
			if c := ask(session.DevParam+"=", cookie(token)); c.User == 0 {
				b.t.Error("an empty parameter hid the cookie")
			}
			if c := ask(session.DevParam + "="); !c.Session.Anonymous {
				b.t.Error("an empty parameter is a new browser")
			}
		})
	}
}

func TestSignInsEnd(t *testing.T) {
	each(t, deployment.Production, func(b *bench) {
		token := b.signIn(b.call())
		for range 4 { // used once in six days
			b.advance(6 * 24 * time.Hour)
			if c := b.call(cookie(token)); c.User == 0 {
				b.t.Fatal("a sign-in in use ended")
			}
		}
		b.advance(7*24*time.Hour + time.Minute)
		if c := b.call(cookie(token)); c.User != 0 {
			b.t.Error("a sign-in out of use for a week still works")
		}
	})
}

// R6: two clocks that differ by seconds agree about a session.
func TestSweepKeepsWhatLives(t *testing.T) {
	each(t, deployment.Production, func(b *bench) {
		token := b.signIn(b.call())
		b.advance(24 * time.Hour)
		must(b.t, b.sessions.Sweep(b.t.Context()))
		if c := b.call(cookie(token)); c.User == 0 {
			b.t.Error("a living token was swept")
		}
		b.signIn(b.call())
		b.advance(32 * 24 * time.Hour)
		must(b.t, b.sessions.Sweep(b.t.Context()))
		b.holds("the newest tells where the person was", 0, 1, 1)
		b.signIn(b.call())
		b.advance(24 * time.Hour)
		must(b.t, b.sessions.Sweep(b.t.Context()))
		b.holds("that tells it now", 2, 1, 1) // the anonymous token was replaced
	})
}

// holds compares the size of the tables.
func (b *bench) holds(why string, tokens, sessions, signIns int64) {
	b.t.Helper()
	var got [3]int64
	must(b.t, b.db.QueryRow(b.t.Context(), `SELECT (SELECT count(*) FROM session_tokens), (SELECT count(*) FROM sessions), (SELECT count(*) FROM signins)`).
		Scan(&got[0], &got[1], &got[2]))
	if want := [3]int64{tokens, sessions, signIns}; got != want {
		b.t.Errorf("%s: %v tokens, sessions and sign-ins are left, want %v", why, got, want)
	}
}

func TestMaintenanceAllowsReadsOnly(t *testing.T) {
	each(t, deployment.Staging, func(b *bench) {
		must(b.t, b.deployments.Change(b.t.Context(), func(s *deployment.Settings) { s.MaintenanceMode = true }))
		for method, want := range map[string]error{http.MethodGet: nil, http.MethodHead: nil, http.MethodPost: access.ErrMaintenance, http.MethodDelete: access.ErrMaintenance} {
			if _, err := b.sessions.Authenticate(httptest.NewRequest(method, "/me", nil), access.Tenant{}, true); !errors.Is(err, want) {
				b.t.Errorf("%s: %v", method, err)
			}
		}
	})
}
