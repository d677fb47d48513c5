package session_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/session"
)

// S20: whoever planted the token of a stored session, even one that is signed
// in, never gets at the sign-in that the victim makes with it: neither by
// reading the session nor by what gives a new token otherwise.
func TestAPlantedTokenNeverSeesTheSignIn(t *testing.T) {
	each(t, deployment.Production, func(b *bench) {
		n, mallory := b.node(), b.somebody("mallory")
		for _, try := range []struct {
			route  string // OWN and VICTIM are sign-ins; empty to sign in again
			status int
		}{
			{"GET /session", http.StatusOK},
			{"POST /session/switch-sign-in?sign_in_id=VICTIM", http.StatusNotFound},
			{"POST /session/switch-sign-in?sign_in_id=OWN", http.StatusNotFound},
			{"POST /session/sign-out?sign_in_id=VICTIM", http.StatusNotFound},
			{"POST /session/sign-out?sign_in_id=OWN", http.StatusOK},
			{"POST /session/sign-out", http.StatusOK},
			{"GET /session/token", http.StatusUnauthorized},
			{"", http.StatusOK},
		} {
			planted, own := n.enter("", mallory)
			b.advance(time.Minute)
			held, victims := n.enter(planted, b.person)
			b.advance(time.Second)

			tokens := []string{planted}
			if try.route == "" {
				token, _ := n.enter(planted, mallory)
				tokens = append(tokens, token)
			} else {
				route := strings.NewReplacer("OWN", own.String(), "VICTIM", victims.String()).Replace(try.route)
				a := n.send(route, planted)
				if a.status != try.status || a.token != "" && n.signedIn(a.token) != 0 {
					b.t.Errorf("%s: %d, %s", try.route, a.status, a.text)
				}
				tokens = append(tokens, a.token)
			}
			for _, token := range tokens {
				for _, one := range n.view(token).SignIns {
					if one.UserID == b.person {
						b.t.Errorf("%q: sees the victim's sign-in", try.route)
					}
				}
				if a := n.send("POST /session/switch-sign-in?sign_in_id="+victims.String(), token); a.status != http.StatusNotFound {
					b.t.Errorf("%q: can switch to the victim: %s", try.route, a.text)
				}
			}
			if n.signedIn(held) != b.person {
				b.t.Errorf("%q: the victim is signed out", try.route)
			}
		}
	})
}

// What a browser sends in parallel goes on for a minute with the older token,
// and gets no newer one.
func TestARotatedTokenGoesOnForAMinute(t *testing.T) {
	each(t, deployment.Production, func(b *bench) {
		n := b.node()
		first, mine := n.enter("", b.person)
		b.advance(time.Second)
		again := "POST /session/switch-sign-in?sign_in_id=" + mine.String()
		second := n.send(again, first).token
		if second == "" || second == first {
			b.t.Fatal("a switch gives no new token")
		}
		b.advance(time.Second)
		late := n.send(again, first)
		if late.status != http.StatusOK || late.token != "" {
			b.t.Errorf("the older token is answered %d, with the newer token %q", late.status, late.token)
		}
		b.advance(time.Minute)
		if n.signedIn(first) != 0 {
			b.t.Error("the older token works for more than a minute")
		}
		if n.signedIn(second) != b.person {
			b.t.Error("a request with the older token ended the newest")
		}
	})
}

// Renew, unlike that, leaves no minute to any token of the browser: neither to
// the present one nor to one that was replaced just before.
func TestRenewedTokensAreDeadAtOnce(t *testing.T) {
	each(t, deployment.Production, func(b *bench) {
		n := b.node()
		first, mine := n.enter("", b.person)
		b.advance(time.Second)
		second := n.send("POST /session/switch-sign-in?sign_in_id="+mine.String(), first).token
		c := n.call(cookie(second))
		must(b.t, b.db.InTx(access.WithCaller(b.t.Context(), c), func(tx *database.Tx) error {
			return n.sessions.Renew(b.t.Context(), tx, c, b.d)
		}))
		for name, token := range map[string]string{"first": first, "second": second} {
			if n.signedIn(token) != 0 {
				b.t.Errorf("the %s token works on", name)
			}
		}
		if n.signedIn(c.Session.Renewed.Reveal()) != b.person {
			b.t.Error("the new token does not work")
		}
	})
}

// A request that was on its way while its browser got a new token, and the old
// one died, is answered as nobody's. It brings no token of an anonymous session,
// which would take the place of the new one: the poll of a page must not sign
// its browser out. A browser that has no newer token gets one.
func TestARequestOvertakenByANewTokenSignsNobodyOut(t *testing.T) {
	each(t, deployment.Production, func(b *bench) {
		n := b.node()
		old, mine := n.enter("", b.person)
		b.advance(time.Hour)
		c := n.call(cookie(old))
		ctx := access.WithCaller(b.t.Context(), c)
		must(b.t, b.db.InTx(ctx, func(tx *database.Tx) error { return n.sessions.Renew(ctx, tx, c, b.d) }))
		held := c.Session.Renewed.Reveal()
		b.advance(30 * time.Second)
		if a := n.send("GET /session", old); a.status != http.StatusOK || a.token != "" || n.signedIn(old) != 0 {
			b.t.Errorf("the overtaken request is answered %d, with the token %q", a.status, a.token)
		}
		if n.signedIn(held) != b.person {
			b.t.Error("the newer token does not work")
		}
		b.advance(30 * time.Second)
		if a := n.send("GET /session", old); a.token == "" {
			b.t.Error("a minute later there is still no token")
		}

		there := n.call(cookie(held))
		ctx = access.WithCaller(b.t.Context(), &access.Caller{Deployment: b.d.ID, User: there.User})
		must(b.t, b.db.InTx(ctx, func(tx *database.Tx) error {
			return n.sessions.End(ctx, tx, access.CallerOf(ctx), b.d, mine)
		}))
		if a := n.send("GET /session", held); a.token == "" {
			b.t.Error("a browser that was signed out from elsewhere gets no token")
		}
	})
}

// What a sign-in began with is no second factor: a code to another telephone
// does not free one that began with a code to a telephone.
func TestTheFirstFactorIsNoSecondOne(t *testing.T) {
	each(t, deployment.Production, func(b *bench) {
		c := b.call()
		b.signIn(c) // by plain_email
		ctx := access.WithCaller(b.t.Context(), c)
		enrolled := func(method, want string) {
			must(b.t, b.db.InTx(ctx, func(tx *database.Tx) error { return b.sessions.Enrolled(ctx, tx, c, b.d, method) }))
			var noted, restricted string
			must(b.t, b.db.QueryRow(ctx, "SELECT second_factor, restricted_to FROM signins").Scan(&noted, &restricted))
			if noted != want || c.Enrolling != (want == "") || (restricted == "") != (want != "") {
				b.t.Errorf("after %s the second factor is %q, held back %v, %q", method, noted, c.Enrolling, restricted)
			}
		}
		must(b.t, b.db.InTx(ctx, func(tx *database.Tx) error { return b.sessions.Restrict(ctx, tx, c, c.User, c.SignIn) }))
		enrolled("plain_email", "")
		enrolled("authenticator", "authenticator")
	})
}

// S20: of the alias, and of the parameter of staging, two different values mean
// nobody too.
func TestTwoValuesMeanNobody(t *testing.T) {
	each(t, deployment.Staging, func(b *bench) {
		token := b.signIn(b.call())
		alias := func(v string) *http.Cookie { return &http.Cookie{Name: session.CookieAlias, Value: v} }
		for name, tt := range map[string]struct {
			query   string
			cookies []*http.Cookie
			want    bool
		}{
			"two aliases":                        {"", []*http.Cookie{alias(token), alias("other")}, false},
			"two aliases, the other one first":   {"", []*http.Cookie{alias("other"), alias(token)}, false},
			"two cookies hide a good alias":      {"", []*http.Cookie{cookie("a"), cookie("b"), alias(token)}, false},
			"the same alias twice":               {"", []*http.Cookie{alias(token), alias(token)}, true},
			"two parameters":                     {"__dev_session__=" + token + "&__dev_session__=other", nil, false},
			"two parameters hide a good cookie":  {"__dev_session__=&__dev_session__=other", []*http.Cookie{cookie(token)}, false},
			"the same parameter twice":           {"__dev_session__=" + token + "&__dev_session__=" + token, nil, true},
			"a cookie of another case":           {"", []*http.Cookie{{Name: "Session_Id", Value: token}}, false},
			"a header that only looks like it":   {"", nil, false},
			"the parameter wins over the cookie": {"__dev_session__=" + token, []*http.Cookie{cookie("other")}, true},
		} {
			r := httptest.NewRequest(http.MethodGet, "/session?"+tt.query, nil)
			r.Header.Set(session.DevHeader, token)
			for _, c := range tt.cookies {
				r.AddCookie(c)
			}
			c, err := b.sessions.Authenticate(r, access.Tenant{}, true)
			must(b.t, err)
			if (c.User != 0) != tt.want {
				b.t.Errorf("%s: user %v", name, c.User)
			}
		}
	})
}
