package mail

import (
	"context"
	"errors"
	"fmt"
	netmail "net/mail"
	"net/url"
	"strings"
	"time"

	"github.com/guildhall-id/guildhall/internal/id"
)

// Rendered is a mail or a text message that is ready to leave. A text message
// has no sender, subject, HTML or links.
type Rendered struct {
	ID         id.Mail
	Deployment id.Deployment
	Kind       string
	To         string // an address without a name, or a number as E.164
	From       string // an address with or without a name
	Subject    string
	Text       string
	HTML       string
	Code       string    // the one-time code in it
	Links      []string  // where its buttons lead
	MessageID  string    // without angle brackets, the same in every try
	Date       time.Time // of the first try
	Tried      time.Time // when this try is made
}

// Transport takes mails or text messages away. Send returns nil once the mail
// is somebody else's responsibility, an error of Permanent when it never will
// be, and any other error when it is worth another try. It is safe for
// concurrent use.
type Transport interface {
	Send(context.Context, Rendered) error
}

// permanentError is a refusal that another try would not change.
type permanentError struct{ error }

func (e *permanentError) Unwrap() error { return e.error }

// Permanent marks an error as final.
func Permanent(err error) error { return &permanentError{err} }

// None is the transport of a server without mail.
var None Transport = none{}

type none struct{}

func (none) Send(context.Context, Rendered) error {
	return Permanent(errSwitchedOff)
}

// ParseTransport takes the address of a mail server,
//
//	smtp://USER:PASSWORD@HOST:PORT   port 587; STARTTLS when the server offers it
//	smtps://USER:PASSWORD@HOST:PORT  port 465; TLS from the first byte
//
// with the options tls=required, tls=none and helo=NAME after a question mark.
// A password is sent in clear only with tls=none. Errors do not repeat the
// setting, which may hold a password.
func ParseTransport(setting string) (Transport, error) {
	u, err := url.Parse(setting)
	if err != nil || (u.Scheme != "smtp" && u.Scheme != "smtps") || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" {
		return nil, errors.New(`the mail server must be smtp://USER:PASSWORD@HOST:PORT, or smtps://…`)
	}
	return newSMTP(u)
}

// ParseSender reports why a setting cannot be the sender of mails: it is an
// address, or a name and an address in angle brackets (RFC 5322, section 3.4).
func ParseSender(setting string) error {
	_, err := parseSender(setting)
	return err
}

func parseSender(setting string) (*netmail.Address, error) {
	from, err := netmail.ParseAddress(setting)
	if err != nil || !address.MatchString(from.Address) {
		return nil, errors.New(`the sender of mails must be ADDRESS or "NAME <ADDRESS>"`)
	}
	return from, nil
}

// messageID is unique by its left side and the sender's by its right (RFC 5322,
// section 3.6.4).
func messageID(mail id.Mail, from string) string {
	host := "localhost"
	if sender, err := parseSender(from); err == nil {
		host = sender.Address[strings.LastIndexByte(sender.Address, '@')+1:]
	}
	return fmt.Sprintf("%s@%s", mail, host)
}
