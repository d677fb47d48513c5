package mail_test

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/database/databasetest"
	"github.com/guildhall-id/guildhall/internal/platform/mail"
)

// letter is what a mail server received.
type letter struct {
	from string
	to   []string
	data []byte
}

// postOffice is a mail server that answers as told.
type postOffice struct {
	rcpt func(to string) error
	data func(to string) error

	mu          sync.Mutex
	letters     []letter
	connections int
}

func (p *postOffice) NewSession(*smtp.Conn) (smtp.Session, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.connections++
	return &visit{office: p}, nil
}

func (p *postOffice) received() []letter {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.letters)
}

type visit struct {
	office *postOffice
	letter letter
}

func (v *visit) Reset()        { v.letter = letter{} }
func (v *visit) Logout() error { return nil }

func (v *visit) Mail(from string, _ *smtp.MailOptions) error {
	v.letter = letter{from: from}
	return nil
}

func (v *visit) Rcpt(to string, _ *smtp.RcptOptions) error {
	v.letter.to = append(v.letter.to, to)
	if v.office.rcpt != nil {
		return v.office.rcpt(to)
	}
	return nil
}

func (v *visit) Data(r io.Reader) (err error) {
	if v.letter.data, err = io.ReadAll(r); err != nil {
		return err
	}
	if v.office.data != nil {
		if err := v.office.data(v.letter.to[0]); err != nil {
			return err
		}
	}
	v.office.mu.Lock()
	defer v.office.mu.Unlock()
	v.office.letters = append(v.office.letters, v.letter)
	return nil
}

// openAt has the office answer at an address until the test ends or it is
// closed.
func (p *postOffice) openAt(t *testing.T, address string) (actual string, closed func()) {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	server := smtp.NewServer(p)
	server.Domain = "acme.example"
	server.AllowInsecureAuth = true
	go server.Serve(listener)
	closed = sync.OnceFunc(func() {
		listener.Close()
		server.Close()
	})
	t.Cleanup(closed)
	return listener.Addr().String(), closed
}

func transportTo(t *testing.T, address string) mail.Transport {
	t.Helper()
	transport, err := mail.ParseTransport("smtp://" + address + "?tls=none&helo=guildhall.example")
	if err != nil {
		t.Fatal(err)
	}
	return transport
}

// parts are the headers, the text and the HTML of a message; anything else in
// it fails the test.
func parts(t *testing.T, data []byte) (header netmail.Header, text, html string) {
	t.Helper()
	m, err := netmail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("the message is %s (%v)", kind, err)
	}
	var bodies []string
	for r := multipart.NewReader(m.Body, params["boundary"]); ; {
		part, err := r.NextRawPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(part))
		if err != nil {
			t.Fatal(err)
		}
		bodies = append(bodies, part.Header.Get("Content-Type"), string(body))
	}
	if len(bodies) != 4 || bodies[0] != "text/plain; charset=UTF-8" || bodies[2] != "text/html; charset=UTF-8" {
		t.Fatalf("the message has the parts %q", bodies)
	}
	return m.Header, bodies[1], bodies[3]
}

func TestSMTP(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		server := &postOffice{rcpt: func(to string) error {
			if to == "gone@acme.example" {
				return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such user"}
			}
			return nil
		}, data: func(to string) error {
			if to == "spam@acme.example" {
				return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "looks like spam"}
			}
			return nil
		}}
		address, _ := server.openAt(t, "127.0.0.1:0")
		o := newOffice(t, db, transportTo(t, address), mail.WideLimits)
		o.open(t)
		for _, to := range []string{"ana@acme.example", "gone@acme.example", "spam@acme.example"} {
			if err := o.post(t, mail.Message{To: to, Kind: "invitation", Content: mail.Content{
				Subject: "Ana invited you to Ünïted", Heading: "Join", Paragraphs: []string{"One.", "Two <b>."}, Code: "123456",
				Action: &mail.Action{Label: "Accept", URL: "https://acme.example/accept?token=a&b=c"}, AppName: "Acme, Inc.", Footer: "Bye",
			}}); err != nil {
				t.Fatal(err)
			}
		}
		o.await(t, "ana@acme.example", "sent")
		if reason := o.await(t, "gone@acme.example", "failed"); !strings.Contains(reason, "no such user") {
			t.Errorf("the reason is %q", reason)
		}
		if reason := o.await(t, "spam@acme.example", "failed"); !strings.Contains(reason, "looks like spam") {
			t.Errorf("the reason is %q", reason)
		}
		letters := server.received()
		if len(letters) != 1 || letters[0].from != "mail@acme.example" || !slices.Equal(letters[0].to, []string{"ana@acme.example"}) {
			t.Fatalf("received %v", letters)
		}
		header, text, html := parts(t, letters[0].data)
		subject, _ := new(mime.WordDecoder).DecodeHeader(header.Get("Subject"))
		if subject != "Ana invited you to Ünïted" || header.Get("From") != `"Acme, Inc." <mail@acme.example>` || header.Get("Auto-Submitted") != "auto-generated" {
			t.Errorf("headers: %v", header)
		}
		if want := "Join\r\n\r\nOne.\r\n\r\nTwo <b>.\r\n\r\n123456\r\n\r\nAccept:\r\nhttps://acme.example/accept?token=a&b=c\r\n\r\n-- \r\nAcme, Inc.\r\nBye\r\n"; text != want {
			t.Errorf("text: %q", text)
		}
		for _, want := range []string{"Two &lt;b&gt;.", ">123456</p>", `href="https://acme.example/accept?token=a&amp;b=c"`} {
			if !strings.Contains(html, want) {
				t.Errorf("the HTML has no %s:\n%s", want, html)
			}
		}
	})
}

// The server is away, then says "later", then takes it: once, with the same
// Message-ID and date in every try.
// R7: a mail server that is away delays mail, and loses none.
func TestServerAway(t *testing.T) {
	c := newClock()
	databasetest.EachWithClock(t, c.now, func(t *testing.T, db *database.DB) {
		address, closed := new(postOffice).openAt(t, "127.0.0.1:0")
		closed()
		o := newOffice(t, db, transportTo(t, address), mail.WideLimits)
		o.open(t)
		start, posted := time.Now(), c.now()
		if err := o.post(t, mail.Message{To: "ana@acme.example", Kind: "invitation"}); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("inviting took %v", took)
		}
		tried := func(want string) {
			t.Helper()
			for range 1000 {
				if _, reason := o.status(t, "ana@acme.example"); strings.Contains(reason, want) {
					return
				}
				time.Sleep(10 * time.Millisecond)
			}
			t.Fatalf("it was not tried: want %q", want)
		}
		tried("connect")
		var tries atomic.Int32
		server := &postOffice{data: func(to string) error {
			if to == "ana@acme.example" && tries.Add(1) == 1 {
				return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "come back"}
			}
			return nil
		}}
		server.openAt(t, address)
		later := func() { // another mail wakes the outbox
			c.advance(15 * time.Second)
			if err := o.post(t, mail.Message{To: "bob@acme.example", Kind: "invitation"}); err != nil {
				t.Fatal(err)
			}
		}
		later()
		tried("come back")
		later()
		o.await(t, "ana@acme.example", "sent")
		letters := slices.DeleteFunc(server.received(), func(l letter) bool { return l.to[0] != "ana@acme.example" })
		if len(letters) != 1 {
			t.Fatalf("received %d", len(letters))
		}
		header, _, _ := parts(t, letters[0].data)
		if date, err := header.Date(); err != nil || !date.Equal(posted) {
			t.Errorf("dated %v (%v), posted %v", date, err, posted)
		}
		var mailID string
		if err := db.QueryRow(t.Context(), "SELECT CAST(id AS TEXT) FROM mails WHERE recipient = 'ana@acme.example'").Scan(&mailID); err != nil || header.Get("Message-Id") != "<"+mailID+"@acme.example>" {
			t.Errorf("Message-ID %s for mail %s (%v)", header.Get("Message-Id"), mailID, err)
		}
	})
}

func TestGivesUpAfterADay(t *testing.T) {
	c := newClock()
	db := databasetest.Open(t, database.SQLite, c.now)
	s := &script{answer: func(mail.Rendered) error { return errors.New("still away") }}
	o := newOffice(t, db, s, mail.WideLimits)
	if err := o.post(t, mail.Message{To: "ana@acme.example", Kind: "invitation"}); err != nil {
		t.Fatal(err)
	}
	c.advance(24 * time.Hour)
	o.open(t)
	if reason := o.await(t, "ana@acme.example", "failed"); reason != "still away" {
		t.Errorf("failed because %q", reason)
	}
}

func TestConnectionsAreReused(t *testing.T) {
	server := &postOffice{}
	address, _ := server.openAt(t, "127.0.0.1:0")
	transport := transportTo(t, address)
	for i := range 5 {
		if err := transport.Send(t.Context(), mail.Rendered{To: "ana@acme.example", From: "mail@acme.example", Subject: "Hello", Text: "t", HTML: "h", MessageID: "1@acme.example", Date: time.Unix(int64(i), 0)}); err != nil {
			t.Fatal(err)
		}
	}
	if len(server.received()) != 5 || server.connections != 1 {
		t.Errorf("%d letters over %d connections", len(server.received()), server.connections)
	}
}

// What people type stays what it is: text in the subject, the body and the
// name of the sender, never a header, a recipient, a part or markup.
// S9: what people type never becomes structure.
func TestHostileNames(t *testing.T) {
	server := &postOffice{}
	address, _ := server.openAt(t, "127.0.0.1:0")
	db := databasetest.Open(t, database.SQLite, time.Now)
	o := newOffice(t, db, transportTo(t, address), mail.WideLimits)
	o.open(t)
	expected := []string{"Auto-Submitted", "Content-Type", "Date", "From", "Message-Id", "Mime-Version", "Received", "Subject", "To"}
	for i, name := range []string{
		"Acme\r\nBcc: victim@acme.example",
		"Acme\nContent-Type: text/html\n\n<h1>Hi</h1>",
		"Acme\r\n.\r\nMAIL FROM:<x@acme.example>",
		"Acme\x00\x1b[31m\x7f\u0085",
		"=?utf-8?q?Acme=0D=0ABcc:_victim@acme.example?=",
		`Acme" <victim@acme.example>, "`,
		"Acme <victim@acme.example>",
		"<script>alert(1)</script>",
		`"><img src=x onerror=alert(1)>`,
		"{{.Code}} ${code} {{template \"layout\"}}",
		"\u202eemcA\u2066 \u2028Bcc: victim@acme.example",
		"--boundary\r\nContent-Type: text/html",
		"\xff\xfe Acme",
		strings.Repeat("Ä", 300),
	} {
		if err := o.post(t, mail.Message{To: "ana@acme.example", Kind: "invitation", Content: mail.Content{
			Subject: "Join " + name, Heading: "Join " + name, Paragraphs: []string{name}, Code: "123456",
			Action: &mail.Action{Label: name, URL: "https://acme.example/"}, AppName: name, Footer: name,
		}}); err != nil {
			t.Fatal(err)
		}
		o.await(t, "ana@acme.example", "sent")
		letters := server.received()
		if len(letters) != i+1 {
			t.Fatalf("%q: %d letters", name, len(letters)-i)
		}
		got := letters[i]
		if got.from != "mail@acme.example" || !slices.Equal(got.to, []string{"ana@acme.example"}) {
			t.Errorf("%q: from %s to %v", name, got.from, got.to)
		}
		header, text, html := parts(t, got.data)
		for field, values := range header {
			if !slices.Contains(expected, field) || len(values) != 1 {
				t.Errorf("%q: header %s: %q", name, field, values)
			}
		}
		for _, field := range []string{"From", "To"} {
			list, err := header.AddressList(field)
			if want := map[string]string{"From": "mail@acme.example", "To": "ana@acme.example"}[field]; err != nil || len(list) != 1 || list[0].Address != want {
				t.Errorf("%q: %s: %v (%v)", name, field, list, err)
			}
		}
		subject, err := new(mime.WordDecoder).DecodeHeader(header.Get("Subject"))
		if err != nil || !strings.HasPrefix(subject, "Join ") || strings.ContainsAny(subject, "\r\n\x00\u202e") {
			t.Errorf("%q: subject %q (%v)", name, subject, err)
		}
		if lines := strings.Count(text, "\r\n"); lines != 12 || strings.ContainsAny(text, "\x00\x1b\u202e\u2028") {
			t.Errorf("%q: the text has %d lines: %q", name, lines, text)
		}
		for _, tag := range []string{"<script", "<img", "<h1>"} {
			if strings.Contains(html, tag) {
				t.Errorf("%q: the HTML has %s", name, tag)
			}
		}
		if n := strings.Count(html, "<a "); n != 2 {
			t.Errorf("%q: the HTML has %d links", name, n)
		}
	}
}
