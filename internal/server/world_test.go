package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/config"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/database/databasetest"
	"github.com/guildhall-id/guildhall/internal/server"
)

// world is a running server with the people of the tests, all made through the
// API. What the tests change belongs to a tenant of their own.
type world struct {
	*server.Server
	documents *descriptions
	secrets   *secrets
	log       *logText
	people    int
	ahead     atomic.Int64 // how far the clock is moved, for the worlds that have one

	founder   *person // founds every tenant
	stranger  *person // member of nothing
	neighbour *person // administrator of next door
	next      *tenant // next door, whose owner does nothing
}

// person is somebody with an account, signed in to a browser.
type person struct {
	*browser
	id, email, password string
}

// newServer starts a server that is stopped with the test.
func newServer(t *testing.T, dialect database.Dialect, change func(*config.Config)) (*server.Server, *logText) {
	t.Helper()
	return newServerAt(t, dialect, time.Now, change)
}

// newServerAt is newServer with a clock.
func newServerAt(t *testing.T, dialect database.Dialect, now func() time.Time, change func(*config.Config)) (*server.Server, *logText) {
	t.Helper()
	c := config.Config{
		Listen: "127.0.0.1:0", OpsListen: "127.0.0.1:0", DataDir: t.TempDir(), DatabaseURL: databasetest.EmptyURL(t, dialect),
		Mode: config.Staging, Mail: config.Auto, MailFrom: "Guildhall <no-reply@guildhall.example>", LogFormat: "json", Limits: config.Auto,
	}
	c.SecretKeyFile = filepath.Join(c.DataDir, "secret.key")
	if change != nil {
		change(&c)
	}
	if err := c.Settle(); err != nil {
		t.Fatal(err)
	}
	log := &logText{}
	handler := slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})
	s, err := server.Start(context.Background(), server.Options{Config: c, Logger: slog.New(handler), Version: "devel", Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		hurry, cancel := context.WithCancel(context.Background())
		cancel() // no load balancer has to look away first
		if err := s.Stop(hurry); err != nil {
			t.Error(err)
		}
	})
	return s, log
}

// offerAll has people sign in by mailed links too, and set up second factors,
// which is not the default.
func offerAll(t *testing.T) func(*config.Config) {
	return func(c *config.Config) {
		key, err := c.Key()
		if err != nil {
			t.Fatal(err)
		}
		db, err := database.Open(t.Context(), c.DatabaseURL, database.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if err := errors.Join(db.Migrate(t.Context()), db.Start(t.Context())); err != nil {
			t.Fatal(err)
		}
		settings := deployment.NewService(db, deployment.Staging, "http://127.0.0.1:8080", key)
		d, err := settings.Ensure(t.Context(), "Guildhall")
		if err != nil {
			t.Fatal(err)
		}
		ctx := access.WithCaller(t.Context(), &access.Caller{Deployment: d.ID})
		if err := settings.Change(ctx, func(to *deployment.Settings) {
			to.Auth.MagicLink.Enabled, to.Auth.FactorsEnabled.EmailMagicLink = true, true
			to.Auth.BackupCode.Enabled, to.Auth.FactorsEnabled.BackupCode, to.Auth.FactorsEnabled.Authenticator = true, true, true
			to.Auth.PhoneNumber.Enabled, to.Auth.FactorsEnabled.PhoneOTP = true, true
			to.Auth.MultiSession.MaxSessionsPerAccount = 0 // some sign in more often than people do
		}); err != nil {
			t.Fatal(err)
		}
	}
}

// newWorld starts a server and settles the people everybody needs.
func newWorld(t *testing.T, dialect database.Dialect) *world {
	t.Helper()
	w := &world{secrets: &secrets{}}
	w.Server, w.log = newServer(t, dialect, func(c *config.Config) {
		offerAll(t)(c)
		leaveNameless(t)(c)
	})
	w.documents = readDescriptions(t, w.API)
	w.founder, w.stranger, w.neighbour = w.person(t, "Fay Founder"), w.person(t, "Sam Stranger"), w.person(t, "Nell Neighbour")
	w.next = w.tenant(t, w.person(t, "Olga Owner"), "Next door")
	w.next.join(t, w.neighbour, post{adminRole, adminRole})
	w.next.pending = w.next.invite(t, "pending@next.example", w.next.workspace).text(t, "data.id")
	w.next.authenticator = w.next.owner.post(t, "/me/authenticator").must(t, http.StatusOK).text(t, "data.id")
	w.next.phone = w.next.owner.post(t, "/me/phone-numbers", "phone_number", w.newPhone()).must(t, http.StatusOK).text(t, "data.id")
	again := w.browser()
	a := again.post(t, "/auth/signin", "strategy", "email_otp", "email", w.next.owner.email).must(t, http.StatusOK)
	w.next.attempt = a.text(t, "data.signin_attempts.-1.id")
	return w
}

// browser is one without a session.
func (w *world) browser() *browser {
	return &browser{origin: w.URL, watch: w.watch}
}

// password is that of everybody.
const password = "correct horse battery staple"

// newEmail is an address nobody has.
func (w *world) newEmail(name string) string {
	w.people++
	name = strings.ToLower(strings.ReplaceAll(name, " ", "."))
	return fmt.Sprintf("%s.%d@people.example", name, w.people)
}

// person signs somebody up, with the code from the mail.
func (w *world) person(t *testing.T, name string) *person {
	t.Helper()
	p := &person{browser: w.browser(), email: w.newEmail(name), password: password}
	w.signUp(t, p, name)
	return p
}

func (w *world) signUp(t *testing.T, p *person, name string, more ...string) {
	t.Helper()
	first, last, _ := strings.Cut(name, " ")
	members := append([]string{"first_name", first, "last_name", last, "email", p.email, "password", p.password}, more...)
	attempt := p.post(t, "/auth/signup", members...).must(t, http.StatusOK).text(t, "data.signup_attempts.-1.id")
	in := "?identifier_type=signup&attempt_identifier=" + attempt
	p.post(t, "/auth/prepare-verification"+in+"&strategy=email_otp").must(t, http.StatusOK)
	code := w.mailTo(t, p.email, "verification_code").Code
	a := p.post(t, "/auth/attempt-verification"+in, "verification_code", code).must(t, http.StatusOK)
	p.id = a.text(t, "data.active_signin.user_id")
}

// signIn is the person in another browser.
func (w *world) signIn(t *testing.T, p *person) *person {
	t.Helper()
	again := &person{browser: w.browser(), id: p.id, email: p.email, password: p.password}
	again.post(t, "/auth/signin", "strategy", "plain_email", "email", p.email, "password", p.password).must(t, http.StatusOK)
	return again
}

// letter is a mail in the mailbox.
type letter struct {
	ID, To, From, Subject, Text, HTML, Kind, Code string
	Links                                         []string
}

// token is the secret of an invitation's link.
func (l letter) token(t *testing.T) string {
	t.Helper()
	for _, link := range l.Links {
		if u, err := url.Parse(link); err == nil && u.Query().Get("invite_token") != "" {
			return u.Query().Get("invite_token")
		}
	}
	t.Fatalf("the mail has no link to an invitation: %q", l.Links)
	return ""
}

// letters are the mails to an address, the newest first.
func (w *world) letters(t *testing.T, to string) []letter {
	t.Helper()
	b := browser{origin: w.URL}
	a := b.get(t, "/dev/mailbox/messages?to="+url.QueryEscape(to)).must(t, http.StatusOK)
	var list []letter
	if err := json.Unmarshal(a.Raw, &list); err != nil {
		t.Fatal(err)
	}
	return list
}

// mails is how many mails of a kind an address has got.
func (w *world) mails(t *testing.T, to, kind string) (n int) {
	t.Helper()
	for _, l := range w.letters(t, to) {
		if l.Kind == kind {
			n++
		}
	}
	return n
}

// mailTo waits for the newest mail of a kind to an address.
func (w *world) mailTo(t *testing.T, to, kind string) letter {
	t.Helper()
	return w.mailAfter(t, to, kind, 0)
}

// mailAfter waits until there are more than a number of mails of a kind.
func (w *world) mailAfter(t *testing.T, to, kind string, number int) letter {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		var found []letter
		for _, l := range w.letters(t, to) {
			if l.Kind == kind {
				found = append(found, l)
			}
		}
		if len(found) > number {
			w.secrets.learnLetter(found[0])
			return found[0]
		}
	}
	t.Fatalf("no mail %q arrived for %s", kind, to)
	return letter{}
}

// logText is everything that was logged.
type logText struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
