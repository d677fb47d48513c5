package pages_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/secret"
)

// change changes settings beside the running server, and waits until it has
// noticed.
func (s *site) change(t *testing.T, change func(*deployment.Settings)) {
	t.Helper()
	db, err := database.Open(t.Context(), s.db, database.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := deployment.NewService(db, deployment.Staging, s.URL, secret.Key{}).Change(t.Context(), change); err != nil {
		t.Fatal(err)
	}
	time.Sleep(1100 * time.Millisecond)
}

// The server's own page: reading it changes nothing, its button signs in.
func TestMagicLinkPage(t *testing.T) {
	onSite(t, func(t *testing.T, s *site) {
		s.change(t, func(d *deployment.Settings) {
			d.Auth.MagicLink.Enabled, d.Auth.FactorsEnabled.EmailMagicLink = true, true
		})
		ask := func(b *browser, n int, redirect string) string {
			b.must(t, "/auth/signin", "strategy", "magic_link", "email", "owner@example.com")
			b.must(t, "/auth/prepare-verification?strategy=magic_link&identifier_type=signin&redirect_uri="+url.QueryEscape(redirect))
			return s.mail(t, "owner@example.com", "magic_link", n).Links[0]
		}
		signedIn := func(b *browser) bool { return b.send(t, http.MethodGet, "/me", "").StatusCode == http.StatusOK }

		b := s.browser()
		link := ask(b, 1, "http://localhost:3000/deep")
		if !strings.HasPrefix(link, s.URL+"/verify-magic-link?") {
			t.Errorf("the link is %s", link)
		}
		for range 2 {
			s.browser().open(t, link).has(t, http.StatusOK, "Sign in to Guildhall")
		}
		page := b.open(t, link)
		if signedIn(b) {
			t.Fatal("reading the page signed in")
		}
		b.press(t, page, "Origin", "https://evil.example").has(t, http.StatusForbidden)
		b.press(t, page, "Origin", s.URL).has(t, http.StatusOK, "You are signed in", `href="http://localhost:3000/deep"`)
		if !signedIn(b) {
			t.Error("the button did not sign in")
		}
		other := s.browser()
		other.press(t, page).has(t, http.StatusOK, "You are not signed in", "used already")

		// Another browser is signed in itself, also through the API.
		first := s.browser()
		link = ask(first, 2, "https://evil.example/")
		other.press(t, other.open(t, link)).has(t, http.StatusOK, "You are signed in")
		if !signedIn(other) || signedIn(first) {
			t.Error("the browser that opened the link is signed in, the other is not")
		}
		u, err := url.Parse(ask(first, 3, ""))
		if err != nil {
			t.Fatal(err)
		}
		verify := "/auth/verify-magic-link?" + u.RawQuery
		if r := first.send(t, http.MethodGet, verify, "", "Sec-Fetch-Site", "cross-site"); r.StatusCode != http.StatusForbidden {
			t.Errorf("a foreign page signed somebody in: %d", r.StatusCode)
		}
		first.send(t, http.MethodGet, verify, "").has(t, http.StatusOK, `"completed":true`)
		if !signedIn(first) {
			t.Error("the API did not sign in")
		}
	})
}
