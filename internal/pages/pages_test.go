package pages_test

import (
	"context"
	"encoding/json"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/guildhall-id/guildhall/internal/config"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/database/databasetest"
	"github.com/guildhall-id/guildhall/internal/server"
)

// site is a running server with the owner of an organization.
type site struct {
	*server.Server
	passed atomic.Int64 // how much the clock is ahead
	db     string       // the address of the database
	owner  *browser
	org    string
}

// onSite runs body on a new site for each database.
func onSite(t *testing.T, body func(t *testing.T, s *site)) {
	for _, dialect := range databasetest.Dialects() {
		t.Run(string(dialect), func(t *testing.T) {
			t.Parallel()
			body(t, newSite(t, dialect))
		})
	}
}

func newSite(t *testing.T, dialect database.Dialect) *site {
	c := config.Config{
		Listen: "127.0.0.1:0", OpsListen: "127.0.0.1:0", DataDir: t.TempDir(), DatabaseURL: databasetest.EmptyURL(t, dialect),
		Mode: config.Staging, Mail: config.Auto, MailFrom: "Guildhall <no-reply@example.com>", LogFormat: "text", Limits: config.Auto,
	}
	c.SecretKeyFile = filepath.Join(c.DataDir, "secret.key")
	if err := c.Settle(); err != nil {
		t.Fatal(err)
	}
	s := &site{db: c.DatabaseURL}
	var err error
	s.Server, err = server.Start(t.Context(), server.Options{
		Config: c, Logger: slog.New(slog.DiscardHandler), Version: "test",
		Now: func() time.Time { return time.Now().Add(time.Duration(s.passed.Load())) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	s.owner = s.signUp(t, "owner@example.com", "")
	data := s.owner.must(t, "/organizations", "name", "Acme")
	s.org = data.(map[string]any)["organization"].(map[string]any)["id"].(string)
	return s
}

// browser is a client with cookies.
type browser struct {
	http.Client
	url string
}

func (s *site) browser() *browser {
	jar, _ := cookiejar.New(nil)
	return &browser{http.Client{Jar: jar}, s.URL}
}

// reply is an answer that was read.
type reply struct {
	*http.Response
	body string
}

func (b *browser) send(t *testing.T, method, path, body string, headers ...string) reply {
	t.Helper()
	r, err := http.NewRequest(method, b.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := b.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{response, string(text)}
}

// open is the page behind a link.
func (b *browser) open(t *testing.T, link string) reply {
	t.Helper()
	return b.send(t, http.MethodGet, strings.TrimPrefix(link, b.url), "")
}

var (
	formAction = regexp.MustCompile(`<form method="post" action="([^"]*)">`)
	formField  = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)
)

// press does what the button of a page does.
func (b *browser) press(t *testing.T, page reply, headers ...string) reply {
	t.Helper()
	action, fields := formAction.FindStringSubmatch(page.body), formField.FindAllStringSubmatch(page.body, -1)
	if action == nil || fields == nil {
		t.Fatalf("the page has no button:\n%s", page.body)
	}
	form := url.Values{}
	for _, f := range fields {
		form.Set(html.UnescapeString(f[1]), html.UnescapeString(f[2]))
	}
	return b.send(t, http.MethodPost, html.UnescapeString(action[1]), form.Encode(), headers...)
}

// must posts a form of names and values and returns the data of the answer.
func (b *browser) must(t *testing.T, path string, members ...string) any {
	t.Helper()
	form := url.Values{}
	for i := 0; i < len(members); i += 2 {
		form.Add(members[i], members[i+1])
	}
	r := b.send(t, http.MethodPost, path, form.Encode())
	var envelope struct{ Data any }
	if err := json.Unmarshal([]byte(r.body), &envelope); err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("POST %s: %d %s", path, r.StatusCode, r.body)
	}
	return envelope.Data
}

// signUp is somebody new in a new browser, by the link of an invitation or
// with a code.
func (s *site) signUp(t *testing.T, email, link string) *browser {
	t.Helper()
	b := s.browser()
	b.must(t, "/auth/signup", "first_name", "Some", "last_name", "Body", "email", email, "password", "correct horse tests", "invite_token", tokenOf(link))
	if link == "" {
		b.must(t, "/auth/prepare-verification?identifier_type=signup&strategy=email_otp")
		b.must(t, "/auth/attempt-verification?identifier_type=signup", "verification_code", s.mail(t, email, "verification_code", 1).Code)
	}
	return b
}

type letter struct {
	Kind, Code string
	Links      []string
}

// mail is the newest of at least n mails of a kind.
func (s *site) mail(t *testing.T, to, kind string, n int) letter {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		var all, found []letter
		r := s.browser().send(t, http.MethodGet, "/dev/mailbox/messages?to="+url.QueryEscape(to), "")
		if err := json.Unmarshal([]byte(r.body), &all); err != nil {
			t.Fatal(err)
		}
		for _, l := range all {
			if l.Kind == kind {
				found = append(found, l)
			}
		}
		if len(found) >= n {
			return found[0]
		}
	}
	t.Fatalf("no mail for %s", to)
	return letter{}
}

// invitation is one that was sent: its id, its listed token and its link.
type invitation struct{ id, token, link string }

func (s *site) invite(t *testing.T, email string, more ...string) invitation {
	t.Helper()
	data := s.owner.must(t, "/organizations/"+s.org+"/invitations", append(more, "email", email)...).(map[string]any)
	return invitation{data["id"].(string), data["token"].(string), s.mail(t, email, "invitation", 1).Links[0]}
}

func (s *site) act(t *testing.T, inv invitation, verb string) {
	t.Helper()
	s.owner.must(t, "/organizations/"+s.org+"/invitations/"+inv.id+"/"+verb)
}

// pending is the body of the founding page, without what differs each time.
func (s *site) pending(t *testing.T) string {
	t.Helper()
	r := s.owner.send(t, http.MethodGet, "/organizations/"+s.org+"/invitations", "")
	if r.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", r.StatusCode, r.body)
	}
	return r.body
}

func tokenOf(link string) string {
	u, err := url.Parse(link)
	if err != nil {
		return ""
	}
	return u.Query().Get("invite_token")
}
