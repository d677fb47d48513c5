package mail_test

import (
	"net"
	"strings"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/guildhall-id/guildhall/internal/platform/mail"
)

func TestParseTransport(t *testing.T) {
	for setting, ok := range map[string]bool{
		"none":                                 false,
		"smtp://localhost":                     true,
		"smtp://user:pa%3Ass@mail.example:587": true,
		"smtps://user@mail.example":            true,
		"smtp://mail.example?tls=required":     true,
		"smtp://mail.example?tls=none&helo=a":  true,
		"":                                     false,
		"mail.example":                         false,
		"smtp://":                              false,
		"smtp://hunter2@mail.example/x":        false,
		"smtp://user:hunter2@mail.example:x":   false,
		"smtp://user:hunter2@mail.example?a=b": false,
		"smtps://user:hunter2@m.ex?tls=none":   false,
		"http://user:hunter2@mail.example":     false,
		"smtp://user:hunter2@m.ex:99999":       false,
	} {
		_, err := mail.ParseTransport(setting)
		if (err == nil) != ok {
			t.Errorf("%s: %v", setting, err)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error tells the password: %v", setting, err)
		}
	}
}

func TestParseSender(t *testing.T) {
	for setting, ok := range map[string]bool{
		"mail@acme.example":                     true,
		`"Acme, Inc." <mail@acme.example>`:      true,
		"":                                      false,
		"mail":                                  false,
		"a@acme.example, b@acme.example":        false,
		"a@acme.example\r\nBcc: b@acme.example": false,
	} {
		if err := mail.ParseSender(setting); (err == nil) != ok {
			t.Errorf("%q: %v", setting, err)
		}
	}
}

// The password goes to the server that asks for it.
func TestAuthentication(t *testing.T) {
	server := &lockedOffice{}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := smtp.NewServer(server)
	s.AllowInsecureAuth = true
	go s.Serve(listener)
	t.Cleanup(func() { s.Close() })
	for user, ok := range map[string]bool{"ana:secret": true, "ana:wrong": false} {
		transport, err := mail.ParseTransport("smtp://" + user + "@" + strings.Replace(listener.Addr().String(), "127.0.0.1", "localhost", 1) + "?tls=none")
		if err != nil {
			t.Fatal(err)
		}
		err = transport.Send(t.Context(), mail.Rendered{To: "ana@acme.example", From: "mail@acme.example", Subject: "Hello", Text: "t", HTML: "h", MessageID: "1@acme.example"})
		if (err == nil) != ok {
			t.Errorf("%s: %v", user, err)
		}
		if err != nil && strings.Contains(err.Error(), "wrong") {
			t.Errorf("the error tells the password: %v", err)
		}
	}
}

type lockedOffice struct{ postOffice }

func (p *lockedOffice) NewSession(c *smtp.Conn) (smtp.Session, error) {
	session, err := p.postOffice.NewSession(c)
	return lockedVisit{session.(*visit)}, err
}

type lockedVisit struct{ *visit }

func (lockedVisit) AuthMechanisms() []string { return []string{sasl.Plain} }

func (lockedVisit) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != "ana" || password != "secret" {
			return smtp.ErrAuthFailed
		}
		return nil
	}), nil
}
