package server_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/guildhall-id/guildhall/internal/config"
	"github.com/guildhall-id/guildhall/internal/session"
)

// testBrowsers is what a browser may do on behalf of a page, and with which
// session.
func (s *stage) testBrowsers(t *testing.T) {
	t.Run("fixation", s.testFixation)
	t.Run("cookies", s.testCookies)
	t.Run("senders", s.testSenders)
	t.Run("sharing", s.testSharing)
}

// testFixation has an attacker know the victim's session before the victim
// signs in (promise S20).
func (s *stage) testFixation(t *testing.T) {
	anonymous, began := s.browser(), s.browser()
	anonymous.get(t, "/session").must(t, http.StatusOK)
	began.post(t, "/auth/signin", "strategy", "email_otp", "email", s.spare.email).must(t, http.StatusOK)
	chosen := s.browser()
	chosen.cookies = map[string]string{session.Cookie: strings.Repeat("A", 43), session.CookieAlias: strings.Repeat("A", 43)}
	for name, attacker := range map[string]*browser{"anonymous": anonymous, "begun": began, "chosen": chosen} {
		t.Run(name, func(t *testing.T) {
			victim := attacker.copy()
			victim.post(t, "/auth/signin", "strategy", "plain_email", "email", s.spare.email, "password", password).must(t, http.StatusOK)
			victim.get(t, "/me").must(t, http.StatusOK)
			if victim.cookies[session.Cookie] == attacker.cookies[session.Cookie] {
				t.Error("signing in keeps the value")
			}
			attacker.copy().get(t, "/me").must(t, http.StatusUnauthorized)

			signedIn := victim.copy()
			victim.post(t, "/session/sign-out").must(t, http.StatusOK)
			if victim.cookies[session.Cookie] == signedIn.cookies[session.Cookie] {
				t.Error("signing out keeps the value")
			}
			signedIn.get(t, "/me").must(t, http.StatusUnauthorized)
			victim.get(t, "/me").must(t, http.StatusUnauthorized)
		})
	}
}

// testCookies sends them twice, under both names, and things that are none.
func (s *stage) testCookies(t *testing.T) {
	mine, other := s.as("member").browser.cookies[session.Cookie], s.spare.cookies[session.Cookie]
	jwt := s.spare.get(t, "/session/token").must(t, http.StatusOK).text(t, "data.token")
	for name, test := range map[string]struct {
		cookie string
		status int
		who    string
	}{
		"one":                        {session.Cookie + "=" + mine, http.StatusOK, s.as("member").person.id},
		"under the other name":       {session.CookieAlias + "=" + mine, http.StatusOK, s.as("member").person.id},
		"the same twice":             {session.Cookie + "=" + mine + "; " + session.Cookie + "=" + mine, http.StatusOK, s.as("member").person.id},
		"two that differ":            {session.Cookie + "=" + mine + "; " + session.Cookie + "=" + other, http.StatusUnauthorized, ""},
		"two others that differ":     {session.CookieAlias + "=" + mine + "; " + session.CookieAlias + "=" + other, http.StatusUnauthorized, ""},
		"the first name wins":        {session.CookieAlias + "=" + other + "; " + session.Cookie + "=" + mine, http.StatusOK, s.as("member").person.id},
		"an empty one":               {session.Cookie + "=", http.StatusUnauthorized, ""},
		"a changed one":              {session.Cookie + "=" + mine[1:] + "A", http.StatusUnauthorized, ""},
		"a session token":            {session.Cookie + "=" + jwt, http.StatusUnauthorized, ""},
		"another case":               {strings.ToUpper(session.Cookie) + "=" + mine, http.StatusUnauthorized, ""},
		"the session's id":           {session.Cookie + "=" + s.spare.get(t, "/session").text(t, "data.id"), http.StatusUnauthorized, ""},
		"a forged anonymous session": {session.Cookie + "=anon_" + strings.Repeat("A", 64), http.StatusUnauthorized, ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := s.browser().send(t, request{Method: http.MethodGet, Path: "/me", Header: http.Header{"Cookie": {test.cookie}}}).must(t, test.status)
			if who, _ := a.at("data.id").(string); who != test.who {
				t.Errorf("this is %s, want %s", who, test.who)
			}
		})
	}
	a := s.browser().send(t, request{Method: http.MethodGet, Path: "/me", Header: http.Header{"Authorization": {"Bearer " + jwt}}})
	a.must(t, http.StatusUnauthorized)
}

const foreignPage = "https://evil.example"

// testSenders sends every unsafe operation from every kind of page, in every
// encoding (promise S22). It is told before anything else.
func (s *stage) testSenders(t *testing.T) {
	own := s.URL
	senders := map[string]struct {
		header  http.Header
		trusted bool
	}{
		"not a browser":                 {http.Header{}, true},
		"own page":                      {http.Header{"Origin": {own}}, true},
		"page on this machine":          {http.Header{"Origin": {"http://localhost:3000"}}, true},
		"own page, without origin":      {http.Header{"Sec-Fetch-Site": {"same-origin"}}, true},
		"own page, by referrer":         {http.Header{"Referer": {own + "/account"}}, true},
		"foreign page":                  {http.Header{"Origin": {foreignPage}}, false},
		"foreign page with own name":    {http.Header{"Origin": {own + ".evil.example"}}, false},
		"sandboxed page":                {http.Header{"Origin": {"null"}}, false},
		"two origins":                   {http.Header{"Origin": {own, foreignPage}}, false},
		"foreign page, without origin":  {http.Header{"Sec-Fetch-Site": {"cross-site"}}, false},
		"page of a sibling":             {http.Header{"Sec-Fetch-Site": {"same-site"}}, false},
		"foreign page, by referrer":     {http.Header{"Referer": {foreignPage + "/" + own}}, false},
		"foreign page, a hidden origin": {http.Header{"Origin": {"null"}, "Sec-Fetch-Site": {"cross-site"}}, false},
	}
	admin := s.as("administrator").browser
	for name, sender := range senders {
		a := admin.copy().send(t, request{Method: http.MethodPost, Path: "/accept-invitation", Body: form("token", "none"), Header: sender.header})
		if (a.Status == http.StatusForbidden) == sender.trusted {
			t.Errorf("the page of invitations, posted to from %s: %d", name, a.Status)
		}
	}
	for _, op := range s.API.Operations() {
		if strings.HasPrefix(op.Route, http.MethodGet+" ") && !op.Changes {
			continue
		}
		one := s.documents.byRoute[op.Route]
		bare := one.build(form("name", "x")) // refused for something else by those who may send it
		bare.Path = wildcard.ReplaceAllString(bare.Path, "not-an-id")
		for name, sender := range senders {
			for _, encoding := range []string{encodedForm, encodedMultipart, encodedJSON, "text/plain", ""} {
				bare.Encoding, bare.Header = encoding, sender.header
				if one.Access.Member() == "" && strings.Count(op.Route, "{") == 0 && sender.trusted {
					continue // would be done
				}
				a := admin.copy().send(t, bare)
				crossSite := a.Status == http.StatusForbidden && a.code() == "CROSS_SITE_REQUEST"
				if crossSite == sender.trusted {
					t.Errorf("%s from %s as %q: %d %s", op.ID, name, encoding, a.Status, a.code())
				}
			}
		}
	}
}

// testSharing asks which pages may read answers (promise S23).
func (s *stage) testSharing(t *testing.T) {
	for _, op := range s.API.Operations() {
		one := s.documents.byRoute[op.Route]
		path := wildcard.ReplaceAllString(one.build(nil).Path, "1")
		method, _, _ := strings.Cut(op.Route, " ")
		for origin, allowed := range map[string]bool{
			s.URL: true, "http://localhost:5173": true, "http://127.0.0.1:1234": true, foreignPage: false, "null": false,
			"http://localhost.evil.example": false, "http://127.0.0.1.evil.example": false, "file://": false,
		} {
			a := s.browser().send(t, request{Method: http.MethodOptions, Path: path, Header: http.Header{
				"Origin": {origin}, "Access-Control-Request-Method": {method}, "Access-Control-Request-Headers": {"content-type"},
			}})
			shared(t, op.ID+" preflight", a, origin, allowed)
			if allowed && (a.Status != http.StatusNoContent || !strings.Contains(a.Header.Get("Access-Control-Allow-Methods"), method)) {
				t.Errorf("%s: a preflight from %s is answered with %d %v", op.ID, origin, a.Status, a.Header)
			}
			a = s.browser().send(t, request{Method: http.MethodGet, Path: path, Header: http.Header{"Origin": {origin}}})
			shared(t, op.ID, a, origin, allowed)
			if allowed && !strings.Contains(a.Header.Get("Access-Control-Expose-Headers"), session.DevHeader) {
				t.Errorf("%s: pages cannot read %s", op.ID, session.DevHeader)
			}
		}
	}
}

// shared checks whether an answer may be read by pages of an origin.
func shared(t *testing.T, name string, a answer, origin string, allowed bool) {
	t.Helper()
	want, credentials := "", ""
	if allowed {
		want, credentials = origin, "true"
	}
	if got := a.Header.Get("Access-Control-Allow-Origin"); got != want {
		t.Errorf("%s: pages of %s may read as %q, want %q", name, origin, got, want)
	}
	if got := a.Header.Get("Access-Control-Allow-Credentials"); got != credentials {
		t.Errorf("%s: credentials for %s are %q", name, origin, got)
	}
	if !slices.Contains(a.Header.Values("Vary"), "Origin") {
		t.Errorf("%s: the answer to %s does not vary by origin", name, origin)
	}
}

// TestProduction is what differs there: exact origins, secure cookies, no
// session in the address and no mailbox.
func TestProduction(t *testing.T) {
	const app = "https://app.example.com"
	s, _ := newServer(t, "sqlite", func(c *config.Config) {
		c.PublicURL, c.AllowedOrigins, c.Mail = "https://id.example.com", []string{app}, config.NoMail
		if _, err := c.Key(); err != nil { // staging makes one
			t.Fatal(err)
		}
		c.Mode = config.Production
	})
	public := httptest.NewServer(s.Handler)
	t.Cleanup(public.Close)
	b := &browser{origin: public.URL}
	for origin, allowed := range map[string]bool{
		app: true, "https://id.example.com": true, "http://localhost:3000": false, "null": false, foreignPage: false,
		"https://app.example.com.evil.example": false, "http://app.example.com": false, "https://APP.example.com": false,
	} {
		a := b.copy().send(t, request{Method: http.MethodGet, Path: "/session", Header: http.Header{"Origin": {origin}}}).must(t, http.StatusOK)
		shared(t, "GetCurrentSession", a, origin, allowed)
		a = b.copy().send(t, request{Method: http.MethodPost, Path: "/session/sign-out", Header: http.Header{"Origin": {origin}}})
		if (a.Status == http.StatusOK) != allowed {
			t.Errorf("a change from %s is answered with %d", origin, a.Status)
		}
	}
	a := b.get(t, "/session").must(t, http.StatusOK)
	if len(b.cookies) != 2 {
		t.Errorf("the cookies are %v", a.Header.Values("Set-Cookie"))
	}
	for _, cookie := range (&http.Response{Header: a.Header}).Cookies() {
		if !cookie.Secure || !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode {
			t.Errorf("the cookie is %s", cookie)
		}
	}
	first := a.text(t, "data.id")
	inAddress := &browser{origin: b.origin, dev: true, token: b.cookies[session.Cookie]}
	a = inAddress.get(t, "/session").must(t, http.StatusOK)
	if a.at("data.id") == first || a.Header.Get(session.DevHeader) != "" {
		t.Errorf("the session is taken from the address: %s", a.Raw)
	}
	b.get(t, "/dev/mailbox").must(t, http.StatusNotFound)
	b.get(t, "/dev/mailbox/messages").must(t, http.StatusNotFound)
}
