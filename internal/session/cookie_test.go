package session_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/session"
)

// With a domain for its cookies, a browser that has one for the host alone goes
// over to it at its next renewal, and then has no second value.
func TestCookieDomain(t *testing.T) {
	each(t, deployment.Production, func(b *bench) {
		n := b.node()
		jar, err := cookiejar.New(nil)
		must(t, err)
		at := func(host string) *url.URL { return &url.URL{Scheme: "https", Host: host, Path: "/"} }
		visit := func(route string) *httptest.ResponseRecorder {
			r, w := httptest.NewRequest("POST", route, nil), httptest.NewRecorder()
			for _, c := range jar.Cookies(at("id.example.com")) {
				r.AddCookie(c)
			}
			n.api.ServeHTTP(w, r)
			jar.SetCookies(at("id.example.com"), w.Result().Cookies())
			return w
		}
		token, mine := n.enter("", b.person)
		alone := []*http.Cookie{{Name: session.Cookie, Value: token, Path: "/"}, {Name: session.CookieAlias, Value: token, Path: "/"}}
		jar.SetCookies(at("id.example.com"), alone)
		if len(jar.Cookies(at("app.example.com"))) != 0 {
			t.Fatal("a cookie without domain goes elsewhere")
		}
		n.sessions.ShareCookies("example.com")
		visit("/session/switch-sign-in?sign_in_id=" + mine.String())
		for _, host := range []string{"id.example.com", "app.example.com"} {
			cookies := jar.Cookies(at(host))
			if len(cookies) != 2 || cookies[0].Value == token || n.signedIn(cookies[0].Value) != b.person {
				t.Errorf("%s gets %v", host, cookies)
			}
		}
		if len(jar.Cookies(at("example.org"))) != 0 {
			t.Error("the cookies leave their domain")
		}
	})
}
