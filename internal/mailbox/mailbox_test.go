package mailbox_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/mailbox"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/database/databasetest"
	"github.com/guildhall-id/guildhall/internal/platform/mail"
)

// newMailbox is a mailbox with two deployments; the host of a request says
// which one it is for.
func newMailbox(t *testing.T, db *database.DB) (*mailbox.Mailbox, http.Handler) {
	t.Helper()
	err := db.InTx(t.Context(), func(tx *database.Tx) error {
		_, err := tx.Exec(t.Context(), "INSERT INTO deployments (id, name, settings, created_at, updated_at) VALUES (1, 'Acme', '{}', 1, 1), (2, 'Other', '{}', 1, 1)")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	box := mailbox.NewMailbox(db)
	return box, box.Handler(slog.New(slog.NewTextHandler(t.Output(), nil)), func(r *http.Request) (id.Deployment, error) {
		if r.Host == "other.example" {
			return 2, nil
		}
		return 1, nil
	})
}

func send(t *testing.T, box *mailbox.Mailbox, m mail.Rendered) {
	t.Helper()
	if m.Deployment == 0 {
		m.Deployment = 1
	}
	if err := box.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
}

func get(h http.Handler, target string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", target, nil))
	return w
}

func TestJSON(t *testing.T) {
	noon := time.UnixMilli(1_800_000_000_000)
	databasetest.EachWithClock(t, func() time.Time { return noon }, func(t *testing.T, db *database.DB) {
		box, h := newMailbox(t, db)
		if got := get(h, "/dev/mailbox/messages?to=ana@acme.example").Body.String(); got != "[]" {
			t.Errorf("an empty mailbox is %s", got)
		}
		first := mail.Rendered{
			ID: 10, Kind: "sign_in_code", To: "ana@acme.example", From: "Acme <mail@acme.example>",
			Subject: "Your code", Text: "123456\n", HTML: "<p>123456</p>", Code: "123456",
		}
		send(t, box, first)
		send(t, box, first) // a second try of the same mail
		send(t, box, mail.Rendered{
			ID: 11, Kind: "invitation", To: "ana@acme.example", From: "mail@acme.example",
			Subject: "Join", Text: "t", HTML: "h", Links: []string{"https://acme.example/accept?a=1&b=2"},
		})
		send(t, box, mail.Rendered{ID: 12, To: "bob@acme.example", Subject: "Bob"})
		send(t, box, mail.Rendered{ID: 13, Deployment: 2, To: "ana@acme.example", Subject: "Other"})

		w := get(h, "/dev/mailbox/messages?to=%20Ana@ACME.example")
		var got, want any
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		json.Unmarshal([]byte(`[
			{"id":"11","to":"ana@acme.example","from":"mail@acme.example","subject":"Join","text":"t","html":"h","kind":"invitation","code":"",
			 "links":["https://acme.example/accept?a=1&b=2"],"sent_at":"2027-01-15T08:00:00Z"},
			{"id":"10","to":"ana@acme.example","from":"Acme <mail@acme.example>","subject":"Your code","text":"123456\n","html":"<p>123456</p>",
			 "kind":"sign_in_code","code":"123456","links":[],"sent_at":"2027-01-15T08:00:00Z"}
		]`), &want)
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got  %v\nwant %v", got, want)
		}
		if w.Header().Get("Content-Type") != "application/json" || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("headers: %v", w.Header())
		}
		for target, subjects := range map[string]string{
			"http://acme.example/dev/mailbox/messages":                      "Bob,Join,Your code",
			"http://other.example/dev/mailbox/messages":                     "Other",
			"http://other.example/dev/mailbox/messages?to=bob@acme.example": "",
		} {
			var list []struct{ Subject string }
			if err := json.Unmarshal(get(h, target).Body.Bytes(), &list); err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, m := range list {
				names = append(names, m.Subject)
			}
			if got := strings.Join(names, ","); got != subjects {
				t.Errorf("%s: %s, want %s", target, got, subjects)
			}
		}
	})
}

// The "+" of a number arrives as a blank when nobody encoded it.
func TestTextMessages(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		box, h := newMailbox(t, db)
		send(t, box, mail.Rendered{ID: 10, Kind: "phone_code", To: "+41791234567", Text: "123456 is <b>your</b> code.", Code: "123456"})
		send(t, box, mail.Rendered{ID: 11, To: "ana@acme.example", Subject: "Join"})
		for _, to := range []string{"+41791234567", "%2B41791234567", "41791234567"} {
			var list []struct{ To, Kind, Code, Text, Subject, HTML string }
			if err := json.Unmarshal(get(h, "/dev/mailbox/messages?to="+to).Body.Bytes(), &list); err != nil {
				t.Fatal(err)
			}
			if len(list) != 1 || list[0].To != "+41791234567" || list[0].Kind != "phone_code" || list[0].Code != "123456" || list[0].Subject != "" || list[0].HTML != "" {
				t.Errorf("to %s: %+v", to, list)
			}
			if page := get(h, "/dev/mailbox?to="+to).Body.String(); !strings.Contains(page, "&lt;b&gt;your&lt;/b&gt; code.") || strings.Contains(page, "Join") {
				t.Errorf("to %s: %s", to, page)
			}
		}
		page := get(h, "/dev/mailbox/10").Body.String()
		if !strings.Contains(page, "&lt;b&gt;your&lt;/b&gt; code.") || strings.Contains(page, "<iframe") || strings.Contains(page, "From") {
			t.Error(page)
		}
	})
}

func TestPages(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		box, h := newMailbox(t, db)
		if got := get(h, "/dev/mailbox").Body.String(); !strings.Contains(got, "No messages") {
			t.Error(got)
		}
		send(t, box, mail.Rendered{
			ID: 10, Kind: "invitation", To: "ana@acme.example", From: `"<b>" <mail@acme.example>`, Subject: "<script>alert(1)</script>",
			Text: "</pre><b>", HTML: "<p onclick=alert(1)>Hi</p>", Code: "481516", Links: []string{"https://acme.example/", "javascript:alert(2)"},
		})
		tests := map[string]struct {
			status int
			has    []string
			lacks  []string
		}{
			"/dev/mailbox":                     {200, []string{"ana@acme.example", "&lt;script&gt;", "481516", `href="/dev/mailbox/10"`}, []string{"<script", "onclick"}},
			"/dev/mailbox?to=ana@acme.example": {200, []string{`href="/dev/mailbox/10?to=ana%40acme.example"`}, nil},
			"/dev/mailbox?to=%22%3E%3Cscript%3E": {
				200, []string{"No messages"}, []string{"<script"},
			},
			"/dev/mailbox/10": {
				200,
				[]string{`<iframe src="/dev/mailbox/10/html"`, `sandbox="allow-popups`, `href="https://acme.example/"`, "481516", "&lt;/pre&gt;"},
				[]string{"<script", "onclick", "<b>", `href="javascript:`, "allow-scripts", "allow-same-origin"},
			},
			"/dev/mailbox/10/html":                     {200, []string{"<p onclick=alert(1)>Hi</p>"}, nil},
			"/dev/mailbox/style.css":                   {200, []string{":root"}, nil},
			"/dev/mailbox/11":                          {404, nil, nil},
			"/dev/mailbox/x":                           {404, nil, nil},
			"/dev/mailbox/11/html":                     {404, nil, nil},
			"http://other.example/dev/mailbox/10":      {404, nil, []string{"481516"}},
			"http://other.example/dev/mailbox/10/html": {404, nil, []string{"Hi"}},
		}
		for target, test := range tests {
			w := get(h, target)
			if w.Code != test.status {
				t.Errorf("%s: %d", target, w.Code)
			}
			for _, want := range test.has {
				if !strings.Contains(w.Body.String(), want) {
					t.Errorf("%s has no %s:\n%s", target, want, w.Body)
				}
			}
			for _, bad := range test.lacks {
				if strings.Contains(w.Body.String(), bad) {
					t.Errorf("%s has %s:\n%s", target, bad, w.Body)
				}
			}
			policy := w.Header().Get("Content-Security-Policy")
			if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "script-src") || w.Header().Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%s: headers %v", target, w.Header())
			}
			if strings.HasSuffix(target, "/html") && test.status == 200 && !strings.HasPrefix(policy, "sandbox ") {
				t.Errorf("%s: policy %s", target, policy)
			}
		}
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, httptest.NewRequest("POST", "/dev/mailbox", nil)); w.Code != http.StatusMethodNotAllowed {
			t.Errorf("POST: %d", w.Code)
		}
	})
}

func TestKeepsTheLatest(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		box, h := newMailbox(t, db)
		send(t, box, mail.Rendered{ID: 1, Deployment: 2, To: "bob@acme.example", Subject: "Other"})
		for i := range 1200 {
			send(t, box, mail.Rendered{ID: id.Mail(i + 2), To: "ana@acme.example", Subject: fmt.Sprint(i)})
		}
		var rows, others int
		err := db.QueryRow(t.Context(), "SELECT count(*), count(*) FILTER (WHERE deployment_id = 2) FROM mailbox_messages").Scan(&rows, &others)
		if err != nil || rows < 1001 || rows > 1101 || others != 1 {
			t.Errorf("%d messages, %d of them of the other deployment (%v)", rows, others, err)
		}
		var list []struct{ Subject string }
		if err := json.Unmarshal(get(h, "/dev/mailbox/messages").Body.Bytes(), &list); err != nil {
			t.Fatal(err)
		}
		if len(list) != 1000 || list[0].Subject != "1199" {
			t.Errorf("%d messages, the first is %s", len(list), list[0].Subject)
		}
	})
}
