package server_test

import (
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/guildhall-id/guildhall/internal/config"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/database/databasetest"
)

// line is a way to PostgreSQL that can be cut.
type line struct {
	from, to string // sockets
	mu       sync.Mutex
	open     []io.Closer
}

func (l *line) connect(t *testing.T) {
	t.Helper()
	listener, err := net.Listen("unix", l.from)
	if err != nil {
		t.Fatal(err)
	}
	l.hold(listener)
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("unix", l.to)
			if err != nil {
				near.Close()
				continue
			}
			l.hold(near, far)
			go io.Copy(near, far)
			go io.Copy(far, near)
		}
	}()
}

func (l *line) hold(open ...io.Closer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open = append(l.open, open...)
}

func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, one := range l.open {
		one.Close()
	}
	l.open = nil
}

// A database that is away is no fault of the request: 503, until it is back.
func TestDatabaseAway(t *testing.T) {
	if !slices.Contains(databasetest.Dialects(), database.PostgreSQL) {
		t.Skip("SQLite is a file")
	}
	const socket = ".s.PGSQL.5432"
	l := &line{from: filepath.Join(t.TempDir(), socket)}
	w := &world{secrets: &secrets{}}
	w.Server, w.log = newServer(t, database.PostgreSQL, func(c *config.Config) {
		address, err := url.Parse(c.DatabaseURL)
		if err != nil {
			t.Fatal(err)
		}
		query := address.Query()
		l.to = filepath.Join(query.Get("host"), socket)
		query.Set("host", filepath.Dir(l.from))
		address.RawQuery = query.Encode()
		c.DatabaseURL = address.String()
		l.connect(t)
	})
	w.documents = readDescriptions(t, w.API)
	ana := w.person(t, "Ana Example")
	calls := func(away bool) {
		t.Helper()
		for range 3 { // first the connections break, then there are none
			for _, route := range []string{"GET /me", "POST /organizations?name=Acme", "GET /session", "GET /accept-invitation"} {
				method, path, _ := strings.Cut(route, " ")
				path, form, _ := strings.Cut(path, "?name")
				r, err := http.NewRequestWithContext(t.Context(), method, w.URL+path, strings.NewReader("name"+form))
				if err != nil {
					t.Fatal(err)
				}
				r.Header = http.Header{"Content-Type": {encodedForm}, "Origin": {w.URL}, "Cookie": {"session_id=" + ana.cookies["session_id"]}}
				got, err := wire.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				got.Body.Close()
				if (got.StatusCode == http.StatusServiceUnavailable) != away || got.StatusCode == http.StatusInternalServerError {
					t.Errorf("%s answers %d, away: %t", route, got.StatusCode, away)
				}
			}
		}
	}
	calls(false)
	l.cut()
	time.Sleep(1100 * time.Millisecond) // settings are remembered for a second
	calls(true)
	l.connect(t)
	calls(false)
}

// Pages say what stands in the way during maintenance, too.
func TestPagesDuringMaintenance(t *testing.T) {
	for _, dialect := range databasetest.Dialects() {
		t.Run(string(dialect), func(t *testing.T) {
			w := &world{secrets: &secrets{}}
			w.Server, w.log = newServer(t, dialect, nil)
			w.during(t, func(to *deployment.Settings) { to.MaintenanceMode = true })
			for _, path := range []string{"/accept-invitation", "/verify-magic-link"} {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.URL+path, strings.NewReader("token=x"))
				if err != nil {
					t.Fatal(err)
				}
				r.Header = http.Header{"Content-Type": {encodedForm}, "Origin": {w.URL}}
				got, err := wire.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				page, err := io.ReadAll(got.Body)
				got.Body.Close()
				if err != nil || got.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(page), "maintenance") || got.Header.Get("Retry-After") == "" {
					t.Errorf("%s: %d, %v\n%s", path, got.StatusCode, err, page)
				}
			}
		})
	}
}
