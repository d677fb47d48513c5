package server_test

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/http/httptest"
	netmail "net/mail"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

// sortingOffice is a mail server and a gateway for text messages: what people
// receive, in either mode.
type sortingOffice struct {
	mail, texts string // where they answer

	mu       sync.Mutex
	received map[string][]string // texts by recipient, the newest last
}

func newSortingOffice(t *testing.T) *sortingOffice {
	t.Helper()
	o := &sortingOffice{received: map[string][]string{}}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := smtp.NewServer(o)
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	gateway := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var text struct{ To, Body string }
		if err := json.NewDecoder(r.Body).Decode(&text); err == nil {
			o.put(text.To, text.Body)
		}
	}))
	t.Cleanup(gateway.Close)
	o.mail, o.texts = listener.Addr().String(), gateway.URL
	return o
}

func (o *sortingOffice) put(to, text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.received[to] = append(o.received[to], text)
}

// number is how many messages somebody has.
func (o *sortingOffice) number(to string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.received[to])
}

// find waits for a message, of those after a number of them, that has what is
// looked for.
func (o *sortingOffice) find(t *testing.T, to string, after int, wanted *regexp.Regexp) string {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		o.mu.Lock()
		messages := o.received[to][min(after, len(o.received[to])):]
		o.mu.Unlock()
		for _, text := range messages {
			if found := wanted.FindStringSubmatch(text); found != nil {
				return found[len(found)-1]
			}
		}
	}
	t.Fatalf("nothing like %s arrived for %s", wanted, to)
	return ""
}

// last is what the newest message of somebody has.
func (o *sortingOffice) last(t *testing.T, to string, wanted *regexp.Regexp) string {
	t.Helper()
	return o.find(t, to, o.number(to)-1, wanted)
}

// What is looked for in messages.
var (
	aCode = regexp.MustCompile(`\b([0-9]{6})\b`)
	aLink = regexp.MustCompile(`https?://\S+`)
)

func (o *sortingOffice) NewSession(*smtp.Conn) (smtp.Session, error) {
	return &delivery{office: o}, nil
}

// delivery is one mail on its way in.
type delivery struct {
	office *sortingOffice
	to     string
}

func (d *delivery) Reset()                                    {}
func (d *delivery) Logout() error                             { return nil }
func (d *delivery) Mail(string, *smtp.MailOptions) error      { return nil }
func (d *delivery) Rcpt(to string, _ *smtp.RcptOptions) error { d.to = to; return nil }

// Data keeps the part that is plain text.
func (d *delivery) Data(r io.Reader) error {
	m, err := netmail.ReadMessage(r)
	if err != nil {
		return err
	}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		return err
	}
	part, err := multipart.NewReader(m.Body, params["boundary"]).NextRawPart()
	if err != nil {
		return err
	}
	content, err := io.ReadAll(part)
	if err != nil {
		return err
	}
	if strings.EqualFold(part.Header.Get("Content-Transfer-Encoding"), "quoted-printable") {
		if content, err = io.ReadAll(quotedprintable.NewReader(bytes.NewReader(content))); err != nil {
			return err
		}
	}
	d.office.put(d.to, string(content))
	return nil
}
