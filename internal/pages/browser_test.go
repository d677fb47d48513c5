package pages_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/guildhall-id/guildhall/internal/platform/database"
)

// long is a name that does not break and is wider than a telephone.
var long = strings.Repeat("Entwicklung", 5)

func TestInChromium(t *testing.T) {
	chromium := startChromium(t)
	s := newSite(t, database.SQLite)
	workspace := s.owner.must(t, "/workspaces", "name", long, "organization_id", s.org).(map[string]any)["workspace"].(map[string]any)["id"].(string)

	for name, scripts := range map[string]bool{"with script": true, "without script": false} {
		t.Run("the invited person joins by keyboard alone, "+name, func(t *testing.T) {
			email := strings.ReplaceAll(name, " ", ".") + "." + strings.ToLower(long[:40]) + "@example.com"
			inv := s.invite(t, email, "workspace_id", workspace)
			w := openWindow(t, chromium, s.signUp(t, email, inv.link))
			w.do(t, command(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !scripts}))
			w.open(t, inv.link)
			if evaluate[bool](t, w, "matchMedia('(scripting: enabled)').matches") != scripts {
				t.Fatal("script is not what it should be")
			}
			w.shows(t, "Some Body invited you to join Acme.", email, long)
			if at := w.tab(t); at != "Join Acme" {
				t.Fatalf("the first key leads to %q", at)
			}
			w.leave(t, chromedp.KeyEvent(kb.Enter))
			w.shows(t, "Welcome to Acme", "You are a member of Acme and its workspace "+long+" now.")
			w.open(t, inv.link)
			w.shows(t, "You are in")
		})
	}

	t.Run("nobody else gets a button", func(t *testing.T) {
		inv := s.invite(t, "cleo@example.com")
		before := s.pending(t)
		nobody, owner := openWindow(t, chromium, s.browser()), openWindow(t, chromium, s.owner)
		asked := func(w *window, label, page, text string) {
			t.Helper()
			w.open(t, inv.link)
			w.shows(t, text, label)
			if n := evaluate[int](t, w, "document.querySelectorAll('form, button, input').length"); n != 0 {
				t.Errorf("%d parts of a form", n)
			}
			if at := w.tab(t); at != label {
				t.Errorf("the first key leads to %q", at)
			}
			if leads := evaluate[string](t, w, "document.activeElement.href"); !strings.Contains(leads, page+"?invite_token="+tokenOf(inv.link)) {
				t.Errorf("%s leads to %s", label, leads)
			}
		}
		asked(nobody, "Sign up", "/sign-up", "Sign up as cleo@example.com")
		asked(owner, "Sign up", "/sign-up", "Sign up as cleo@example.com")
		s.signUp(t, "cleo@example.com", "")
		asked(nobody, "Sign in", "/sign-in", "Sign in as cleo@example.com")
		asked(owner, "Switch account", "/sign-in", "Switch to that account")
		if s.pending(t) != before {
			t.Error("looking at the invitation changed it")
		}
	})

	t.Run("a dead link is explained", func(t *testing.T) {
		inv := s.invite(t, "dora@example.com")
		s.act(t, inv, "discard")
		w := openWindow(t, chromium, s.browser())
		w.open(t, inv.link)
		w.shows(t, "This invitation to Acme was withdrawn")
	})

	t.Run("mail is found and read", func(t *testing.T) {
		w := openWindow(t, chromium, s.browser())
		read := func(to, kind, text string) {
			t.Helper()
			w.open(t, s.URL+"/dev/mailbox")
			w.shows(t, to, kind)
			w.do(t, chromedp.SendKeys(chromedp.CSS("#to"), to))
			w.leave(t, chromedp.KeyEvent(kb.Enter))
			w.shows(t, to, kind)
			w.leave(t, chromedp.Click(chromedp.CSS("nav a")))
			w.shows(t, to, kind, text)
			if framed := w.framed(t); !strings.Contains(framed, text) {
				t.Errorf("the message as HTML lacks %q:\n%s", text, framed)
			}
		}
		alone := func(text string) {
			t.Helper()
			w.open(t, evaluate[string](t, w, "document.querySelector('iframe').src"))
			w.shows(t, text)
		}
		code := s.mail(t, "owner@example.com", "verification_code", 1).Code
		read("owner@example.com", "verification_code", code)
		alone(code)
		inv := s.invite(t, "ella@example.com")
		read("ella@example.com", "invitation", inv.link)
		alone(inv.link)
		longest := "fay." + strings.ToLower(long[:40]) + "@example.com"
		inv = s.invite(t, longest, "workspace_id", workspace)
		read(longest, "invitation", inv.link)
		alone(inv.link)
		w.open(t, s.URL+"/dev/mailbox?to=nobody@example.com")
		w.shows(t, "No messages to nobody@example.com yet.")
	})

	t.Run("what would be wrong is seen, in a frame too", func(t *testing.T) {
		page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Security-Policy", "default-src 'none'; frame-src 'self'")
			if r.URL.Path == "/" {
				w.Write([]byte(`<!doctype html><iframe src="/frame" sandbox="allow-scripts"></iframe>`))
				return
			}
			w.Write([]byte(`<!doctype html><p style="color: red">Hello</p><script>alert(1)</script>`))
		}))
		defer page.Close()
		w := openWindow(t, chromium, s.browser())
		w.open(t, page.URL)
		all := strings.Join(w.complained(), "")
		for _, part := range []string{"request " + page.URL + "/frame", "style-src", "script-src"} {
			if !strings.Contains(all, part) {
				t.Errorf("%s is not in\n%s", part, all)
			}
		}
	})
}
