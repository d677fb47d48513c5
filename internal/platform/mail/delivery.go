package mail

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/clock"
	"github.com/guildhall-id/guildhall/internal/platform/database"
)

const (
	// lease is how long a mail is out of reach while a node tries to send it:
	// longer than connecting and sending may take.
	lease = 90 * time.Second
	// giveUpAfter is the age at which a mail fails for good.
	giveUpAfter = 24 * time.Hour
	// noteDeadline bounds the writing down of what became of a mail.
	noteDeadline = 10 * time.Second
)

var (
	// errNobody ends a mail that was only pretended.
	errNobody = errors.New("nobody has this address")
	// errSwitchedOff ends every mail of a server without mail, as its operator
	// wants it.
	errSwitchedOff = errors.New("mail is switched off")
	// errNoTransport ends a text message that waited for a gateway which is
	// configured no longer.
	errNoTransport = errors.New("nothing carries text messages")
)

// retryAfter is the time until the next try of a mail of some age: short at
// first, so that after an outage of an hour all is out within 90 seconds.
func retryAfter(age time.Duration) time.Duration {
	switch {
	case age < 2*time.Minute:
		return 15 * time.Second
	case age < 2*time.Hour:
		return time.Minute
	default:
		return 15 * time.Minute
	}
}

// claim leases mails of a channel that are due.
func (o *Outbox) claim(channel string) func(context.Context, int) ([]ClaimMailsRow, error) {
	return func(ctx context.Context, n int) (mails []ClaimMailsRow, err error) {
		err = o.db.InTx(ctx, func(tx *database.Tx) error {
			mails, err = New(tx).ClaimMails(ctx, ClaimMailsParams{
				LeasedUntil: tx.Now.Add(lease), Now: tx.Now, Channel: channel, N: int32(n),
			})
			return err
		})
		return mails, err
	}
}

// deliver tries to send a leased mail and notes what became of it. If that
// cannot be noted, the mail is sent again when the lease ends.
func (o *Outbox) deliver(ctx context.Context, mail ClaimMailsRow) error {
	sent := o.send(ctx, mail)
	noting, done := context.WithTimeout(context.WithoutCancel(ctx), noteDeadline)
	defer done()
	noted := o.db.InTx(noting, func(tx *database.Tx) error { return note(noting, tx, mail, sent) })
	if errors.Is(sent, errNobody) || errors.Is(sent, errSwitchedOff) {
		sent = nil // nothing went wrong
	}
	if err := errors.Join(sent, noted); err != nil {
		return fmt.Errorf("mail %s: %w", mail.ID, err)
	}
	return nil
}

func (o *Outbox) send(ctx context.Context, mail ClaimMailsRow) error {
	plain, err := o.key.Open(mail.Content, sealedFor(mail.ID))
	if err != nil {
		return Permanent(err)
	}
	var content letter
	if err := json.Unmarshal(plain, &content); err != nil {
		return Permanent(fmt.Errorf("read a mail's content: %w", err))
	}
	if content.Nobody {
		return Permanent(errNobody)
	}
	rendered, transport := Rendered{Text: content.Body, Code: content.Code}, o.texts
	if mail.Channel == mailChannel {
		transport = o.transport
		if rendered, err = render(content.Content, o.from); err != nil {
			return Permanent(err)
		}
		rendered.MessageID = messageID(mail.ID, o.from)
	}
	if transport == nil {
		return Permanent(errNoTransport)
	}
	rendered.ID, rendered.Deployment = mail.ID, mail.DeploymentID
	rendered.Kind, rendered.To = mail.Kind, mail.Recipient
	rendered.Date, rendered.Tried = mail.CreatedAt.Time(), o.db.Now().Time()
	return transport.Send(ctx, rendered)
}

// note ends a mail that was sent or never will be; else it sets the next try.
func note(ctx context.Context, tx *database.Tx, mail ClaimMailsRow, sent error) error {
	var permanent *permanentError
	age := tx.Now.Sub(mail.CreatedAt)
	switch q := New(tx); {
	case sent == nil:
		return q.EndMail(ctx, end(mail.ID, "sent", "", tx.Now))
	case errors.As(sent, &permanent), age >= giveUpAfter:
		return q.EndMail(ctx, end(mail.ID, "failed", reason(sent), tx.Now))
	default:
		return q.PostponeMail(ctx, PostponeMailParams{
			ID: mail.ID, DueAt: tx.Now.Add(retryAfter(age)), Error: reason(sent),
		})
	}
}

func end(mail id.Mail, status, reason string, now clock.Time) EndMailParams {
	return EndMailParams{ID: mail, Status: status, Error: reason, EndedAt: now}
}

// reason is an error as the row keeps it, for the organization's administrators
// and the operator: one line of bounded length, for a server may say anything.
func reason(err error) string {
	s := oneLine(err.Error())
	return strings.ToValidUTF8(s[:min(len(s), 500)], "")
}
