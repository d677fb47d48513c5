package signin

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/mail"
	"github.com/guildhall-id/guildhall/internal/platform/secret"
	"github.com/guildhall-id/guildhall/internal/session"
)

func (o *door) change(change func(*deployment.Settings)) {
	o.t.Helper()
	must(o.t, o.deployments.Change(o.t.Context(), change))
}

func (o *door) withLinks() {
	o.change(func(s *deployment.Settings) {
		s.Auth.FactorsEnabled.EmailMagicLink, s.Auth.MagicLink.Enabled = true, true
		s.UI.MagicLinkURL = "https://app.example.com/link?theme=dark"
	})
}

func (o *door) exec(query string, args ...any) {
	o.t.Helper()
	must(o.t, o.db.InTx(o.t.Context(), func(tx *database.Tx) error {
		_, err := tx.Exec(o.t.Context(), query, args...)
		return err
	}))
}

// mailed is what the newest mail to an address says; zero when there is none
// that leaves.
func (o *door) mailed(to string) (content mail.Content) {
	o.t.Helper()
	var row id.Mail
	var sealed []byte
	err := o.db.QueryRow(o.t.Context(), "SELECT id, content FROM mails WHERE recipient = $1 AND status = 'queued' ORDER BY id DESC LIMIT 1", to).Scan(&row, &sealed)
	if err != nil {
		return content
	}
	key, err := secret.NewKey(bytes.Repeat([]byte{7}, secret.KeySize))
	must(o.t, err)
	plain, err := key.For("mail").Open(sealed, []byte(row.String()))
	must(o.t, err)
	var letter struct {
		mail.Content
		Nobody bool `json:"nobody"`
	}
	must(o.t, json.Unmarshal(plain, &letter))
	if letter.Nobody { // it never leaves
		return content
	}
	return letter.Content
}

// link has a link mailed to a browser's attempt, and reads it.
func (o *door) link(c *access.Caller, email, redirect string) url.Values {
	o.t.Helper()
	_, err := o.signIn(c, strategyLink, email, "")
	must(o.t, err)
	prepared, err := o.prepareVerification(o.as(c), prepareVerificationInput{Strategy: strategyLink, Kind: "signin", Redirect: redirect})
	must(o.t, err)
	if prepared.VerificationMethod != strategyLink || !prepared.OTPSent {
		o.t.Fatalf("got %+v", prepared)
	}
	content := o.mailed(email)
	if content.Action == nil {
		return url.Values{}
	}
	target, err := url.Parse(content.Action.URL)
	must(o.t, err)
	if target.Host != "app.example.com" || target.Path != "/link" || target.Query().Get("theme") != "dark" {
		o.t.Errorf("the link leads to %s", target)
	}
	return target.Query()
}

func (o *door) open(c *access.Caller, link url.Values) (session.View, error) {
	o.t.Helper()
	attempt, err := id.Parse[id.SignInAttempt](link.Get("attempt"))
	must(o.t, err)
	return o.verifyMagicLink(o.as(c), verifyMagicLinkInput{Token: link.Get("token"), Attempt: attempt})
}

func TestMagicLink(t *testing.T) {
	each(t, func(o *door) {
		o.account("ana@example.com")
		o.withLinks()

		// The browser that asked completes its attempt, for all of its tabs.
		c := o.browser()
		link := o.link(c, "ana@example.com", "https://app.example.com/deep?x=1")
		if got := link.Get("redirect_uri"); got != "https://app.example.com/deep?x=1" {
			o.t.Errorf("it leads back to %s", got)
		}
		poll := *c
		poll.Session.AttemptsEndAt = o.db.Now() + 1 // as the next request reads it
		if view, err := o.sessions.View(o.as(c), &poll, session.Including{}); err != nil || view.SignInAttempts[0].CurrentStep != stepEmailLink || view.SignInAttempts[0].Completed {
			o.t.Errorf("while it waits: %+v, %v", view.SignInAttempts, err)
		}
		waiting := *c
		view, err := o.open(c, link)
		must(o.t, err)
		last := view.SignInAttempts[len(view.SignInAttempts)-1]
		if !last.Completed || last.ID.String() != link.Get("attempt") || last.Method != strategyLink || c.User == 0 {
			o.t.Errorf("the attempt is %+v", last)
		}
		if live, err := o.sessions.SignIns(o.t.Context(), o.db, &waiting); err != nil || len(live) != 1 || live[0].User != c.User {
			o.t.Errorf("the waiting tab sees %v, %v", live, err)
		}
		for name, again := range map[string]*access.Caller{"here": c, "elsewhere": o.browser()} {
			if _, err := o.open(again, link); !errors.Is(err, ErrLinkInvalid) {
				o.t.Errorf("a second time %s: %v", name, err)
			}
		}

		// Another browser is signed in itself; the first one is not, and its
		// attempt is over.
		first, other := o.browser(), o.browser()
		link = o.link(first, "ana@example.com", "https://evil.example/")
		if got := link.Get("redirect_uri"); got != "http://localhost:8080/" {
			o.t.Errorf("it leads back to %s", got)
		}
		view, err = o.open(other, link)
		must(o.t, err)
		if other.User == 0 || view.ActiveSignIn == nil || !view.SignInAttempts[len(view.SignInAttempts)-1].Completed {
			o.t.Errorf("the other browser has %+v", view)
		}
		if live, err := o.sessions.SignIns(o.t.Context(), o.db, first); err != nil || len(live) != 0 {
			o.t.Errorf("the first browser has %v, %v", live, err)
		}
		if _, err := o.prepareVerification(o.as(first), prepareVerificationInput{}); !errors.Is(err, ErrBadAttempt) {
			o.t.Errorf("the first attempt goes on: %v", err)
		}
	})
}

// S13 and S15: a link is bound to its attempt, its time and, if the deployment
// says so, its browser.
func TestMagicLinksAreBound(t *testing.T) {
	each(t, func(o *door) {
		o.account("ana@example.com")
		o.withLinks()
		c := o.browser()
		replaced := o.link(c, "ana@example.com", "")
		_, err := o.prepareVerification(o.as(c), prepareVerificationInput{})
		must(o.t, err)
		target, err := url.Parse(o.mailed("ana@example.com").Action.URL)
		must(o.t, err)
		link := target.Query()
		if link.Get("attempt") != replaced.Get("attempt") || link.Get("token") == replaced.Get("token") {
			o.t.Error("a new link of the same attempt")
		}
		crossed := url.Values{"token": {link.Get("token")}, "attempt": {"1"}}
		for name, wrong := range map[string]url.Values{
			"an older link":      replaced,
			"of another attempt": crossed,
			"a guess":            {"token": {"x"}, "attempt": link["attempt"]},
		} {
			if _, err := o.open(c, wrong); !errors.Is(err, ErrLinkInvalid) {
				o.t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := o.enterCode(c, 0, "000000"); err == nil {
			o.t.Error("a code completed an attempt that waits for a link")
		}
		if _, err := o.prepareVerification(o.as(c), prepareVerificationInput{Strategy: strategyCode}); !errors.Is(err, ErrStrategy) {
			o.t.Errorf("a code for it: %v", err)
		}
		o.change(func(s *deployment.Settings) { s.Auth.MagicLink.RequireSameDevice = true })
		other := o.browser()
		if _, err := o.open(other, link); !errors.Is(err, ErrLinkElsewhere) || other.User != 0 {
			o.t.Errorf("in another browser: %v", err)
		}
		o.clock.Add(linkLife.Milliseconds())
		if _, err := o.open(c, link); !errors.Is(err, ErrLinkInvalid) {
			o.t.Errorf("after its time: %v", err)
		}
		link = o.link(c, "ana@example.com", "")
		o.clock.Add((linkLife - time.Second).Milliseconds())
		o.change(func(s *deployment.Settings) { s.Auth.FactorsEnabled.EmailMagicLink = false })
		if _, err := o.open(c, link); !errors.Is(err, ErrStrategy) {
			o.t.Errorf("when links are not offered any more: %v", err)
		}
		o.change(func(s *deployment.Settings) { s.Auth.FactorsEnabled.EmailMagicLink = true })
		o.exec("UPDATE users SET disabled_at = 1")
		if _, err := o.open(c, link); !errors.Is(err, access.ErrDisabled) {
			o.t.Errorf("of a disabled person: %v", err)
		}
		o.exec("UPDATE users SET disabled_at = NULL")
		if _, err := o.open(c, link); err != nil || c.User == 0 {
			o.t.Errorf("what was refused stays unused: %v", err)
		}
	})
}

// S14: for an unknown address a link is made that nobody gets and that signs
// nobody in.
func TestMagicLinkOfUnknownAddress(t *testing.T) {
	each(t, func(o *door) {
		o.withLinks()
		c := o.browser()
		o.link(c, "nobody@example.com", "")
		if content := o.mailed("nobody@example.com"); content.Subject != "" {
			o.t.Errorf("a mail was sent: %+v", content)
		}
		o.exec("UPDATE magic_links SET hash = $1", secret.Hash(secret.New("guess")))
		if _, err := o.verifyMagicLink(o.as(c), verifyMagicLinkInput{Token: "guess"}); !errors.Is(err, ErrLinkInvalid) || c.User != 0 {
			o.t.Errorf("got %v, user %v", err, c.User)
		}
	})
}

// A link that is opened in many browsers at once signs in one.
func TestSimultaneousMagicLinks(t *testing.T) {
	each(t, func(o *door) {
		o.account("ana@example.com")
		o.withLinks()
		c := o.browser()
		link := o.link(c, "ana@example.com", "")
		browsers := []*access.Caller{c}
		for range 7 {
			browsers = append(browsers, o.browser())
		}
		var in atomic.Int64
		var wg sync.WaitGroup
		for _, b := range browsers {
			wg.Go(func() {
				_, err := o.open(b, link)
				switch {
				case err == nil:
					in.Add(1)
				case !errors.Is(err, ErrLinkInvalid) || b.User != 0:
					o.t.Errorf("a loser: %v, user %v", err, b.User)
				}
			})
		}
		wg.Wait()
		var signIns int64
		must(o.t, o.db.QueryRow(o.t.Context(), "SELECT count(*) FROM signins WHERE method = $1", strategyLink).Scan(&signIns))
		if in.Load() != 1 || signIns != 1 {
			o.t.Errorf("%d browsers, %d sign-ins", in.Load(), signIns)
		}
	})
}

// S25: where people are led back to.
func TestRedirects(t *testing.T) {
	s := &Service{origins: []string{"https://app.example.com", "http://intra.example:8000"}}
	d := &deployment.Deployment{Mode: deployment.Production, PublicURL: "https://id.example.com"}
	d.Settings.UI.AfterSignInRedirectURL = "https://id.example.com/default"
	d.Settings.FrontendHost = "Front.example.com"
	staging := *d
	staging.Mode = deployment.Staging
	for _, good := range []string{
		"https://app.example.com", "https://app.example.com/x?y=1#z", "https://APP.example.com:443/", "http://intra.example:8000/",
		"https://id.example.com/account", "https://front.example.com/",
	} {
		if got := s.redirect(d, good); got == d.Settings.UI.AfterSignInRedirectURL {
			t.Errorf("%s is refused", good)
		}
	}
	for _, bad := range []string{
		"", "/x", "//app.example.com", "https:app.example.com", "https:/app.example.com", "http://app.example.com", "https://app.example.com:8443/",
		"https://app.example.com.evil.example/", "https://evil.example/?https://app.example.com", "https://app.example.com@evil.example/",
		"https://user@app.example.com/", `https://app.example.com\@evil.example/`, `https:\\app.example.com`, "javascript:alert(1)//https://app.example.com",
		"https://app.example.com\t/", " https://app.example.com/", "https://app.example.com/\r\nx", "data:text/html,x", "https://evil.example#app.example.com",
		"https://sub.front.example.com/", "http://front.example.com/", "https://127.0.0.1/", "http://localhost:3000/", "https://app%2eexample.com/", "https://[::1]/",
	} {
		if got := s.redirect(d, bad); got != d.Settings.UI.AfterSignInRedirectURL {
			t.Errorf("%q leads to %q", bad, got)
		}
	}
	for _, local := range []string{"http://localhost:3000/x", "http://127.0.0.1:5173/", "http://[::1]:3000/"} {
		if got := s.redirect(&staging, local); got != local {
			t.Errorf("in staging %q leads to %q", local, got)
		}
	}
	for _, bad := range []string{"http://localhost.evil.example/", "http://0.0.0.0/", "http://127.0.0.1@evil.example/", "http://192.168.1.5/"} {
		if got := s.redirect(&staging, bad); got != d.Settings.UI.AfterSignInRedirectURL {
			t.Errorf("in staging %q leads to %q", bad, got)
		}
	}
}
