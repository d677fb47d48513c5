package pages_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// has fails unless the page has the status and all of the texts.
func (r reply) has(t *testing.T, status int, texts ...string) {
	t.Helper()
	if r.StatusCode != status {
		t.Errorf("status %d, want %d", r.StatusCode, status)
	}
	for _, text := range texts {
		if !strings.Contains(r.body, text) {
			t.Errorf("the page lacks %q", text)
		}
	}
	if t.Failed() {
		t.Log(r.body)
	}
}

func TestAcceptance(t *testing.T) {
	onSite(t, func(t *testing.T, s *site) {
		workspace := s.owner.must(t, "/workspaces", "name", "Design", "organization_id", s.org).(map[string]any)["workspace"].(map[string]any)["id"].(string)
		inv := s.invite(t, "ana@example.com", "workspace_id", workspace)
		ana := s.signUp(t, "ana@example.com", inv.link)

		page := ana.open(t, inv.link)
		page.has(t, http.StatusOK, "Some Body invited you to join Acme.", "ana@example.com", "Design", "Join Acme")
		ana.open(t, "/accept-invitation?token="+inv.token).has(t, http.StatusOK, "Join Acme")
		ana.press(t, page).has(t, http.StatusOK, "Welcome to Acme", "Design")
		ana.press(t, page).has(t, http.StatusOK, "You are in")
		ana.open(t, inv.link).has(t, http.StatusOK, "You are in")
		s.browser().open(t, inv.link).has(t, http.StatusOK, "This invitation to Acme was used already")

		// The session in the address, as applications carry it in staging.
		other := s.invite(t, "ben@example.com")
		ben := s.signUp(t, "ben@example.com", other.link)
		session := "&__dev_session__=" + url.QueryEscape(ben.cookie(t, "session_id"))
		bare := s.browser()
		page = bare.open(t, other.link+session)
		page.has(t, http.StatusOK, "Join Acme")
		bare.press(t, page).has(t, http.StatusOK, "Welcome to Acme")
	})
}

func (b *browser) cookie(t *testing.T, name string) string {
	t.Helper()
	u, err := url.Parse(b.url)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range b.Jar.Cookies(u) {
		if c.Name == name {
			return c.Value
		}
	}
	t.Fatalf("no cookie %s", name)
	return ""
}

func TestWhoIsNotTheInvitedPersonIsToldWhatToDo(t *testing.T) {
	onSite(t, func(t *testing.T, s *site) {
		inv := s.invite(t, "ana@example.com")
		back := url.QueryEscape(url.QueryEscape(tokenOf(inv.link)))
		for name, b := range map[string]*browser{"signed out": s.browser(), "somebody else": s.owner} {
			page := b.open(t, inv.link)
			page.has(t, http.StatusOK, "Sign up as ana@example.com", "/sign-up?invite_token="+tokenOf(inv.link), "invited_email=ana%40example.com", back)
			if strings.Contains(page.body, "<form") {
				t.Errorf("%s gets a button", name)
			}
		}
		s.signUp(t, "ana@example.com", "")
		s.browser().open(t, inv.link).has(t, http.StatusOK, "Sign in as ana@example.com", "/sign-in?invite_token=")
		s.owner.open(t, inv.link).has(t, http.StatusOK, "Switch to that account", "/sign-in?invite_token=")

		// The button of another page does not help.
		form := "invite_token=" + tokenOf(inv.link)
		s.browser().send(t, http.MethodPost, "/accept-invitation", form).has(t, http.StatusOK, "Sign in as ana@example.com")
		s.owner.send(t, http.MethodPost, "/accept-invitation", form).has(t, http.StatusOK, "Switch to that account")
		if !strings.Contains(s.pending(t), inv.id) {
			t.Error("the invitation is not pending any more")
		}
	})
}

func TestDeadLinksAreExplained(t *testing.T) {
	onSite(t, func(t *testing.T, s *site) {
		replaced, withdrawn, expired := s.invite(t, "ana@example.com"), s.invite(t, "ben@example.com"), s.invite(t, "cem@example.com")
		s.act(t, replaced, "resend")
		s.act(t, withdrawn, "discard")
		both := func(link string, status int, texts ...string) {
			t.Helper()
			s.browser().open(t, link).has(t, status, texts...)
			_, query, _ := strings.Cut(link, "?")
			s.browser().send(t, http.MethodPost, "/accept-invitation", query).has(t, status, texts...)
		}
		both(replaced.link, http.StatusOK, "There is a newer link")
		both(withdrawn.link, http.StatusOK, "This invitation to Acme was withdrawn")
		both("/accept-invitation?invite_token=inv_AAAA", http.StatusNotFound, "This link does not work")
		both(expired.link+"x", http.StatusNotFound, "This link does not work")
		s.browser().open(t, "/accept-invitation").has(t, http.StatusNotFound, "The link is not complete")
		s.passed.Store(int64(10*24*time.Hour + time.Minute))
		both(expired.link, http.StatusOK, "This invitation to Acme has expired")
	})
}

// Mail scanners follow links: GET and HEAD are inert.
func TestReadingChangesNothing(t *testing.T) {
	onSite(t, func(t *testing.T, s *site) {
		inv := s.invite(t, "ana@example.com")
		ana := s.signUp(t, "ana@example.com", inv.link)
		before := s.pending(t)
		for _, b := range []*browser{ana, s.browser()} {
			for _, method := range []string{http.MethodGet, http.MethodHead} {
				r := b.send(t, method, strings.TrimPrefix(inv.link, s.URL), "")
				r.has(t, http.StatusOK)
				if r.Header["Set-Cookie"] != nil || method == http.MethodHead && r.body != "" {
					t.Errorf("%s: %v %q", method, r.Header, r.body)
				}
			}
		}
		if after := s.pending(t); after != before {
			t.Errorf("before\n%s\nafter\n%s", before, after)
		}
	})
}

// S22: the button is pressed on our own page only.
func TestOtherSitesCannotPressTheButton(t *testing.T) {
	onSite(t, func(t *testing.T, s *site) {
		inv := s.invite(t, "ana@example.com")
		ana := s.signUp(t, "ana@example.com", inv.link)
		page := ana.open(t, inv.link)
		for _, headers := range [][]string{
			{"Origin", "https://evil.example"},
			{"Origin", "https://evil.example", "Sec-Fetch-Site", "same-origin"},
			{"Origin", "null"},
			{"Origin", "null", "Sec-Fetch-Site", "cross-site"},
			{"Sec-Fetch-Site", "same-site"},
			{"Referer", "https://evil.example/page"},
		} {
			if r := ana.press(t, page, headers...); r.StatusCode != http.StatusForbidden {
				t.Errorf("%v: %d", headers, r.StatusCode)
			}
		}
		if !strings.Contains(s.pending(t), inv.id) {
			t.Fatal("the invitation is not pending any more")
		}
		// What a browser sends from a page that gives no referrer.
		ana.press(t, page, "Origin", "null", "Sec-Fetch-Site", "same-origin").has(t, http.StatusOK, "Welcome to Acme")
		for _, c := range ana.setCookies(t, s) {
			if c.SameSite != http.SameSiteLaxMode || !c.HttpOnly {
				t.Errorf("%s is not protected", c.Name)
			}
		}
	})
}

// setCookies are those of a new session.
func (b *browser) setCookies(t *testing.T, s *site) []*http.Cookie {
	t.Helper()
	r := s.browser().send(t, http.MethodGet, "/session", "")
	cookies := r.Cookies()
	if len(cookies) == 0 {
		t.Fatal("no cookies")
	}
	return cookies
}

// S26: no script, no foreign resources, no frames, nothing cached.
func TestEveryAnswerIsProtected(t *testing.T) {
	onSite(t, func(t *testing.T, s *site) {
		inv := s.invite(t, "ana@example.com")
		b := s.browser()
		path := strings.TrimPrefix(inv.link, s.URL)
		answers := map[string]reply{
			"GET":     b.send(t, http.MethodGet, path, ""),
			"HEAD":    b.send(t, http.MethodHead, path, ""),
			"POST":    b.send(t, http.MethodPost, path, ""),
			"unknown": b.send(t, http.MethodGet, "/accept-invitation?token=x", ""),
			"PUT":     b.send(t, http.MethodPut, path, ""),
		}
		for name, r := range answers {
			policy := r.Header.Get("Content-Security-Policy")
			for _, part := range []string{"default-src 'none'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'", "style-src 'sha256-"} {
				if !strings.Contains(policy, part) {
					t.Errorf("%s: the policy %q lacks %q", name, policy, part)
				}
			}
			for header, want := range map[string]string{
				"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
			} {
				if got := r.Header.Values(header); len(got) != 1 || got[0] != want {
					t.Errorf("%s: %s is %q, want %q", name, header, got, want)
				}
			}
			if strings.Contains(policy, "unsafe") || strings.Contains(r.body, "<script") || strings.Contains(r.body, "src=") {
				t.Errorf("%s loads or runs something:\n%s", name, r.body)
			}
		}
		if r := answers["PUT"]; r.StatusCode != http.StatusMethodNotAllowed || r.Header.Get("Allow") == "" {
			t.Errorf("PUT: %d %v", r.StatusCode, r.Header)
		}
	})
}

func TestNamesAreNotMarkup(t *testing.T) {
	onSite(t, func(t *testing.T, s *site) {
		const name = `<script>alert("1")</script>`
		role := s.owner.must(t, "/organizations/"+s.org+"/roles", "name", name, "permissions", "organization:read").(map[string]any)["id"].(string)
		inv := s.invite(t, "ana@example.com", "role_id", role)
		s.browser().open(t, inv.link).has(t, http.StatusOK, "&lt;script&gt;alert(&#34;1&#34;)&lt;/script&gt;")
		r := s.browser().open(t, "/accept-invitation?invite_token="+url.QueryEscape(`"><script>`))
		if strings.Contains(r.body, "<script") {
			t.Error(r.body)
		}
	})
}
