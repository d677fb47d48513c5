package mail_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/database/databasetest"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
	"github.com/guildhall-id/guildhall/internal/platform/mail"
)

var gatewaySecret = "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32)))

// request is what a gateway got.
type request struct {
	header http.Header
	raw    []byte
	text   struct{ ID, To, Body, Code, Kind, SentAt string }
	err    error // of its signature
}

// gateway is a program that takes text messages and answers as told.
type gateway struct {
	*httptest.Server
	mu     sync.Mutex
	got    []request
	answer func(n int, to string, w http.ResponseWriter) // n counts the tries from 1
}

func newGateway(t *testing.T, answer func(n int, to string, w http.ResponseWriter)) (*gateway, mail.Transport) {
	t.Helper()
	g := &gateway{answer: answer}
	signer, err := webhooks.NewWebhook(gatewaySecret)
	if err != nil {
		t.Fatal(err)
	}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got := request{header: r.Header.Clone()}
		got.raw, _ = io.ReadAll(r.Body)
		got.err = errors.Join(signer.Verify(got.raw, r.Header), json.Unmarshal(got.raw, &got.text))
		g.mu.Lock()
		g.got = append(g.got, got)
		n := len(g.got)
		g.mu.Unlock()
		g.answer(n, got.text.To, w)
	}))
	t.Cleanup(g.Close)
	transport, err := mail.ParseGateway(g.URL+"/send?key=hunter2", gatewaySecret)
	if err != nil {
		t.Fatal(err)
	}
	return g, transport
}

func (g *gateway) requests() []request {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]request{}, g.got...)
}

const number = "+41791234567"

func (o *office) text(t testing.TB, x mail.Text) error {
	t.Helper()
	if x.Deployment == 0 {
		x.Deployment = acme
	}
	if x.Body == "" {
		x.Body = "Hello"
	}
	return o.db.InTx(t.Context(), func(tx *database.Tx) error { return o.QueueText(t.Context(), tx, x) })
}

// retry has whatever waits for another try tried now.
func (o *office) retry(t testing.TB) {
	t.Helper()
	err := o.db.InTx(t.Context(), func(tx *database.Tx) error {
		_, err := tx.Exec(t.Context(), "UPDATE mails SET due_at = 1 WHERE due_at IS NOT NULL")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	// Wakes the queue.
	if err := o.text(t, mail.Text{To: "+41790000000", Kind: "wake"}); err != nil {
		t.Fatal(err)
	}
}

// fails waits until a try of a message to the number has failed.
func (o *office) fails(t testing.TB, to string) (reason string) {
	t.Helper()
	for range 1000 {
		if _, reason = o.status(t, to); reason != "" {
			return reason
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("no try of the message to %s has failed", to)
	return ""
}

// R7: a text message reaches the gateway with a signature that the public library
// accepts, as one JSON object, and again after a failure with the same id and
// body.
func TestGatewayTakesTextMessages(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		g, transport := newGateway(t, func(n int, to string, w http.ResponseWriter) {
			if n == 1 {
				w.WriteHeader(http.StatusInternalServerError)
			}
		})
		o := newOffice(t, db, mail.None, mail.WideLimits)
		o.CarryTexts(transport)
		o.open(t)
		err := o.text(t, mail.Text{To: number, Kind: "verification_code", Subject: 7, Code: "481516", Body: "481516 is\r\nyour \u202ecode, \"Ana\""})
		if err != nil {
			t.Fatal(err)
		}
		if reason := o.fails(t, number); reason != "the gateway answers 500 Internal Server Error" {
			t.Errorf("the first try: %q", reason)
		}
		o.retry(t)
		o.await(t, number, "sent")
		var tries []request
		for _, r := range g.requests() {
			if r.text.To == number {
				tries = append(tries, r)
			}
		}
		if len(tries) != 2 {
			t.Fatalf("%d tries", len(tries))
		}
		for _, r := range tries {
			if r.err != nil {
				t.Errorf("the signature: %v", r.err)
			}
			if id := r.header.Get("webhook-id"); id != r.text.ID || id == "" || r.header.Get("Content-Type") != "application/json" {
				t.Errorf("headers %v of %s", r.header, r.raw)
			}
			if string(r.raw) != string(tries[0].raw) {
				t.Errorf("one try says %s, another %s", tries[0].raw, r.raw)
			}
		}
		var fields map[string]string
		if err := json.Unmarshal(tries[0].raw, &fields); err != nil {
			t.Fatal(err)
		}
		if _, err := time.Parse(time.RFC3339, fields["sent_at"]); err != nil || len(fields) != 6 ||
			fields["to"] != number || fields["code"] != "481516" || fields["kind"] != "verification_code" || fields["body"] != `481516 is your code, "Ana"` {
			t.Errorf("the message is %s (%v)", tries[0].raw, err)
		}
		var left int
		err = db.QueryRow(t.Context(), "SELECT count(*) FROM mails WHERE recipient = $1 AND (content IS NOT NULL OR channel <> 'text' OR due_at IS NOT NULL)", number).Scan(&left)
		if err != nil || left != 0 {
			t.Errorf("%d messages are left (%v)", left, err)
		}
	})
}

// S35 and S37: what the gateway says decides whether a message is tried again; nothing that
// it answers is kept, for it may repeat the message, and nobody is sent on.
func TestGatewayAnswers(t *testing.T) {
	elsewhere := 0
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere++ }))
	t.Cleanup(other.Close)
	statuses := map[string]struct {
		status int
		want   string
	}{
		"+41790000200": {200, "sent"},
		"+41790000202": {202, "sent"},
		"+41790000204": {204, "sent"},
		"+41790000302": {302, "failed"},
		"+41790000400": {400, "failed"},
		"+41790000401": {401, "failed"},
		"+41790000404": {404, "failed"},
		"+41790000408": {408, "queued"},
		"+41790000429": {429, "queued"},
		"+41790000500": {500, "queued"},
		"+41790000503": {503, "queued"},
	}
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		_, transport := newGateway(t, func(_ int, to string, w http.ResponseWriter) {
			w.Header().Set("Location", other.URL)
			w.WriteHeader(statuses[to].status)
			io.WriteString(w, "cannot send 481516: "+strings.Repeat("x", 2<<20))
		})
		o := newOffice(t, db, mail.None, mail.WideLimits)
		o.CarryTexts(transport)
		o.open(t)
		for to := range statuses {
			if err := o.text(t, mail.Text{To: to, Kind: "verification_code", Code: "481516"}); err != nil {
				t.Fatal(err)
			}
		}
		for to, s := range statuses {
			if s.want == "sent" {
				o.await(t, to, "sent")
				continue
			}
			reason := o.fails(t, to)
			if status, _ := o.status(t, to); status != s.want || strings.Contains(reason, "481516") {
				t.Errorf("after %d it is %s (%s)", s.status, status, reason)
			}
		}
		if elsewhere != 0 {
			t.Errorf("a redirect was followed %d times", elsewhere)
		}
	})
}

// A gateway that hangs up is asked again; one that hangs holds up no mail.
func TestGatewayIsAway(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		released := make(chan struct{})
		_, transport := newGateway(t, func(int, string, http.ResponseWriter) { <-released })
		o := newOffice(t, db, &script{answer: func(mail.Rendered) error { return nil }}, mail.WideLimits)
		o.CarryTexts(transport)
		o.open(t)
		t.Cleanup(func() { close(released) })
		for range 20 { // more than there are workers
			if err := o.text(t, mail.Text{To: number, Kind: "hello"}); err != nil {
				t.Fatal(err)
			}
		}
		if err := o.post(t, mail.Message{To: "ana@acme.example", Kind: "invitation"}); err != nil {
			t.Fatal(err)
		}
		o.await(t, "ana@acme.example", "sent")
		if status, _ := o.status(t, number); status != "queued" {
			t.Errorf("the message is %s", status)
		}
	})
	nobody := httptest.NewServer(http.NotFoundHandler())
	nobody.Close()
	transport, err := mail.ParseGateway(nobody.URL+"/?key=hunter2", gatewaySecret)
	if err != nil {
		t.Fatal(err)
	}
	if err := transport.Send(t.Context(), mail.Rendered{ID: 1, To: number, Text: "Hello"}); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("nobody listens: %v", err)
	}
}

// S8: a telephone has the limits of an address.
func TestTextLimits(t *testing.T) {
	c := newClock()
	databasetest.EachWithClock(t, c.now, func(t *testing.T, db *database.DB) {
		o := newOffice(t, db, mail.None, mail.StrictLimits)
		o.CarryTexts(mail.None)
		code := mail.Text{To: number, Kind: "verification_code", Code: "123456"}
		refused := func(what string, err error, wait time.Duration) {
			t.Helper()
			var refusal *fault.Error
			if !errors.As(err, &refusal) || !errors.Is(err, mail.ErrTooMany) || refusal.RetryAfter != wait || !strings.Contains(refusal.Message, "number") {
				t.Errorf("%s: %v, want a refusal for %v", what, err, wait)
			}
		}
		sends := func(x mail.Text) {
			t.Helper()
			if err := o.text(t, x); err != nil {
				t.Fatal(err)
			}
		}
		sends(code)
		c.advance(20 * time.Second)
		refused("a code twenty seconds later", o.text(t, code), 40*time.Second)
		other := code
		other.To = "+41791234568"
		sends(other)
		c.advance(40 * time.Second)
		for range 4 {
			sends(code)
			c.advance(time.Minute)
		}
		refused("the sixth code of an hour", o.text(t, code), 55*time.Minute)
		for range 5 {
			sends(mail.Text{To: number, Kind: "account_changed"})
		}
		refused("the eleventh message of an hour", o.text(t, mail.Text{To: number, Kind: "account_changed"}), 55*time.Minute)
		c.advance(55 * time.Minute)
		sends(code)
	})
}

// S8: what is counted holds whoever asks at the same time.
func TestTextLimitsRace(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		o := newOffice(t, db, mail.None, mail.StrictLimits)
		o.CarryTexts(mail.None)
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if err := o.text(t, mail.Text{To: number, Kind: "hello"}); err != nil && !errors.Is(err, mail.ErrTooMany) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		var n int
		if err := db.QueryRow(t.Context(), "SELECT count(*) FROM mails").Scan(&n); err != nil || n != 10 {
			t.Errorf("%d messages were queued, want 10 (%v)", n, err)
		}
	})
}

// S14: a message to a number that nobody has waits, counts and ends like any
// other, and never leaves.
func TestPretendText(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := &script{answer: func(mail.Rendered) error { return nil }}
		o := newOffice(t, db, mail.None, mail.Limits{PerRecipientHour: 1, CodesPerHour: 1})
		o.CarryTexts(s)
		pretend := func() error {
			x := mail.Text{Deployment: acme, To: number, Kind: "code", Body: "Hello", Code: "123456"}
			return db.InTx(t.Context(), func(tx *database.Tx) error { return o.PretendText(t.Context(), tx, x) })
		}
		if err := pretend(); err != nil {
			t.Fatal(err)
		}
		if err := pretend(); !errors.Is(err, mail.ErrTooMany) {
			t.Errorf("the limit says %v", err)
		}
		o.open(t)
		if reason := o.await(t, number, "failed"); reason != "nobody has this address" || s.tries(number) != 0 {
			t.Errorf("failed because %q after %d tries", reason, s.tries(number))
		}
	})
}

// Where nothing carries text messages they are refused, and what waits from
// before ends.
func TestNoGateway(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		o := newOffice(t, db, mail.None, mail.WideLimits)
		if err := o.text(t, mail.Text{To: number, Kind: "hello"}); !errors.Is(err, mail.ErrNoTexts) {
			t.Errorf("queued: %v", err)
		}
		o.CarryTexts(mail.None)
		if err := o.text(t, mail.Text{To: number, Kind: "hello"}); err != nil {
			t.Fatal(err)
		}
		o.CarryTexts(nil)
		o.open(t)
		o.await(t, number, "failed")
	})
}

// S9: nothing but one number is a recipient.
func TestQueueTextRefuses(t *testing.T) {
	db := databasetest.Open(t, database.SQLite, time.Now)
	o := newOffice(t, db, mail.None, mail.WideLimits)
	o.CarryTexts(mail.None)
	good := mail.Text{To: number, Kind: "hello", Body: "Hello"}
	if err := o.text(t, good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*mail.Text){
		"no kind":               func(x *mail.Text) { x.Kind = "" },
		"no number":             func(x *mail.Text) { x.To = "" },
		"an address":            func(x *mail.Text) { x.To = "ana@acme.example" },
		"a national number":     func(x *mail.Text) { x.To = "0791234567" },
		"two numbers":           func(x *mail.Text) { x.To = number + "," + number },
		"a line break":          func(x *mail.Text) { x.To = number + "\n" },
		"blanks":                func(x *mail.Text) { x.To = "+41 79 123 45 67" },
		"too many digits":       func(x *mail.Text) { x.To = "+4179123456789012" },
		"a body of blanks":      func(x *mail.Text) { x.Body = " \r\n" },
		"a body without bounds": func(x *mail.Text) { x.Body = strings.Repeat("x", 1001) },
	} {
		x := good
		change(&x)
		if err := o.text(t, x); err == nil {
			t.Errorf("%s: queued", name)
		}
	}
}

func TestParseGateway(t *testing.T) {
	short := "whsec_" + base64.StdEncoding.EncodeToString([]byte("hunter2"))
	for _, tt := range []struct {
		address, secret string
		ok              bool
	}{
		{"https://sms.example/send", gatewaySecret, true},
		{"http://10.0.0.7:9000", gatewaySecret, true},
		{"https://ana:hunter2@sms.example/send?key=x", gatewaySecret, true},
		{"", gatewaySecret, false},
		{"sms.example/send", gatewaySecret, false},
		{"ftp://ana:hunter2@sms.example", gatewaySecret, false},
		{"https:///hunter2", gatewaySecret, false},
		{"https://sms.example/#hunter2", gatewaySecret, false},
		{"https://sms.example:x/hunter2", gatewaySecret, false},
		{"https://sms.example", "", false},
		{"https://sms.example", short, false},
		{"https://sms.example", strings.TrimPrefix(gatewaySecret, "whsec_"), false},
		{"https://sms.example", "whsec_hunter2!", false},
	} {
		_, err := mail.ParseGateway(tt.address, tt.secret)
		if (err == nil) != tt.ok {
			t.Errorf("%s %s: %v", tt.address, tt.secret, err)
		}
		if err != nil && (strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), short)) {
			t.Errorf("the error tells a secret: %v", err)
		}
	}
}
