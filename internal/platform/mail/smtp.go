package mail

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"sync"
	"time"

	gomail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"
)

const (
	// smtpDeadline bounds connecting, and then each mail.
	smtpDeadline = 30 * time.Second
	// idleTime is how long a connection waits for another mail.
	idleTime = 5 * time.Second
)

// smtpTransport hands mails to a server, several over one connection when they
// follow each other closely.
type smtpTransport struct {
	client *gomail.Client

	mu   sync.Mutex
	idle []*connection
}

type connection struct {
	*smtp.Client
	close *time.Timer // while it is idle
}

func newSMTP(u *url.URL) (*smtpTransport, error) {
	options := []gomail.Option{gomail.WithTimeout(smtpDeadline), gomail.WithoutSMTPUTF8()}
	port := 587
	if u.Scheme == "smtps" {
		port = 465
		options = append(options, gomail.WithSSL())
	}
	if p := u.Port(); p != "" {
		var err error
		if port, err = strconv.Atoi(p); err != nil {
			return nil, errors.New("the port of the mail server must be a number")
		}
	}
	options = append(options, gomail.WithPort(port))
	more, policy, err := smtpOptions(u)
	if err != nil {
		return nil, err
	}
	if u.User != nil {
		method := gomail.SMTPAuthAutoDiscover // none that tells the password to a listener
		if policy == gomail.NoTLS {
			method = gomail.SMTPAuthPlainNoEnc
		}
		password, _ := u.User.Password()
		options = append(options, gomail.WithSMTPAuth(method),
			gomail.WithUsername(u.User.Username()), gomail.WithPassword(password))
	}
	client, err := gomail.NewClient(u.Hostname(), append(options, more...)...)
	if err != nil {
		return nil, fmt.Errorf("the address of the mail server is wrong: %w", err)
	}
	return &smtpTransport{client: client}, nil
}

// smtpOptions are those after the question mark.
func smtpOptions(u *url.URL) (options []gomail.Option, policy gomail.TLSPolicy, err error) {
	policy = gomail.TLSOpportunistic
	for name, values := range u.Query() {
		switch value := values[len(values)-1]; {
		case name == "tls" && value == "required":
			policy = gomail.TLSMandatory
		case name == "tls" && value == "none" && u.Scheme == "smtp":
			policy = gomail.NoTLS
		case name == "helo" && value != "":
			options = append(options, gomail.WithHELO(value))
		default:
			return nil, 0, errors.New("the mail server takes tls=required, tls=none (smtp only) and helo=NAME")
		}
	}
	return append(options, gomail.WithTLSPolicy(policy)), policy, nil
}

// Send hands the mail to the server. A connection that died while it was idle
// is replaced once.
func (t *smtpTransport) Send(ctx context.Context, mail Rendered) error {
	message, err := compose(mail)
	if err != nil {
		return Permanent(err)
	}
	for {
		c, reused, err := t.connect(ctx)
		if err != nil {
			return fmt.Errorf("connect to the mail server: %w", err)
		}
		err = t.client.SendWithSMTPClient(c.Client, message)
		if err == nil {
			t.release(c)
			return nil
		}
		c.Close() // in which state it is, nobody knows
		var refusal *gomail.SendError
		switch errors.As(err, &refusal); {
		case message.IsDelivered(): // only getting ready for the next one failed
			return nil
		case refusal == nil:
			return err
		case refusal.Reason == gomail.ErrConnCheck && reused:
			continue
		case refusal.ErrorCode() >= 500: // "never" (RFC 5321, section 4.2.1)
			return Permanent(err)
		default:
			return err
		}
	}
}

// compose makes the message: one recipient, text and HTML as alternatives (RFC
// 2046, section 5.1.4), marked as automatic (RFC 3834, section 5).
func compose(mail Rendered) (*gomail.Msg, error) {
	m := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	if err := m.From(mail.From); err != nil {
		return nil, fmt.Errorf("the sender of mails is wrong: %w", err)
	}
	if err := m.To(mail.To); err != nil {
		return nil, fmt.Errorf("the recipient is not an address: %w", err)
	}
	m.Subject(mail.Subject)
	m.SetMessageIDWithValue(mail.MessageID)
	m.SetDateWithValue(mail.Date)
	m.SetGenHeader("Auto-Submitted", "auto-generated")
	m.SetBodyString(gomail.TypeTextPlain, mail.Text)
	m.AddAlternativeString(gomail.TypeTextHTML, mail.HTML)
	return m, nil
}

// connect takes a connection that is idle, or makes one.
func (t *smtpTransport) connect(ctx context.Context) (c *connection, reused bool, err error) {
	t.mu.Lock()
	for len(t.idle) > 0 {
		c, t.idle = t.idle[len(t.idle)-1], t.idle[:len(t.idle)-1]
		if c.close.Stop() {
			t.mu.Unlock()
			return c, true, nil
		}
	}
	t.mu.Unlock()
	client, err := t.client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return nil, false, err
	}
	return &connection{Client: client}, false, nil
}

// release keeps a connection for the next mail, for a while.
func (t *smtpTransport) release(c *connection) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c.close = time.AfterFunc(idleTime, func() { t.expire(c) })
	t.idle = append(t.idle, c)
}

// expire says goodbye to a connection that nobody took.
func (t *smtpTransport) expire(c *connection) {
	t.mu.Lock()
	for i, one := range t.idle {
		if one == c {
			t.idle = append(t.idle[:i], t.idle[i+1:]...)
			break
		}
	}
	t.mu.Unlock()
	c.Quit()
	c.Close()
}
