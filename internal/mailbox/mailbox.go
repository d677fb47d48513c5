// Package mailbox keeps mails and text messages instead of sending them, and
// shows them at /dev/mailbox. It is for staging only: whoever reaches the page
// reads every code and link, so the server does not mount it in production.
package mailbox

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/clock"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
	"github.com/guildhall-id/guildhall/internal/platform/mail"
)

const (
	// kept is how many messages a deployment has at least before the oldest
	// are dropped, and the most that JSON has; listed is that of the page.
	kept   = 1000
	listed = 200
	// cleanEvery is after how many messages that is done.
	cleanEvery = 100
)

// ErrNotFound is for a message that was never there or was dropped.
var ErrNotFound = fault.New(fault.NotFound, "MESSAGE_NOT_FOUND", "There is no such message; the mailbox keeps the latest ones.")

// Mailbox is a mail.Transport that keeps what it is given.
type Mailbox struct {
	db     *database.DB
	stored atomic.Int64
}

// NewMailbox keeps messages in db.
func NewMailbox(db *database.DB) *Mailbox { return &Mailbox{db: db} }

// Send stores a message, once however often it is called.
func (b *Mailbox) Send(ctx context.Context, m mail.Rendered) error {
	links, err := json.Marshal(append([]string{}, m.Links...))
	if err != nil {
		return fmt.Errorf("mailbox: %w", err)
	}
	clean := b.stored.Add(1)%cleanEvery == 0
	return b.db.InTx(ctx, func(tx *database.Tx) error {
		q := New(tx)
		if clean {
			if err := q.DropOldMessages(ctx, DropOldMessagesParams{DeploymentID: m.Deployment, Keep: kept}); err != nil {
				return err
			}
		}
		return q.StoreMessage(ctx, StoreMessageParams{
			ID: m.ID, DeploymentID: m.Deployment, Kind: m.Kind, Recipient: m.To, Sender: m.From,
			Subject: m.Subject, Text: m.Text, HTML: m.HTML, Code: m.Code, Links: string(links), SentAt: tx.Now,
		})
	})
}

// message is one as the JSON shows it.
type message struct {
	ID      id.Mail    `json:"id"`
	To      string     `json:"to"`
	From    string     `json:"from"`
	Subject string     `json:"subject"`
	Text    string     `json:"text"`
	HTML    string     `json:"html"`
	Kind    string     `json:"kind"`
	Code    string     `json:"code"`
	Links   []string   `json:"links"`
	SentAt  clock.Time `json:"sent_at"`
}

// messages are the n newest to an address, typed in any case, or to a telephone,
// or of a whole deployment when it is empty; the newest first.
func (b *Mailbox) messages(ctx context.Context, deployment id.Deployment, to string, n int32) ([]message, error) {
	var (
		rows []MailboxMessage
		err  error
	)
	if to = recipient(to); to == "" {
		rows, err = New(b.db).Messages(ctx, MessagesParams{DeploymentID: deployment, N: n})
	} else {
		rows, err = New(b.db).MessagesTo(ctx, MessagesToParams{DeploymentID: deployment, Recipient: to, N: n})
	}
	if err != nil {
		return nil, fmt.Errorf("list the mailbox: %w", err)
	}
	list := make([]message, len(rows))
	for i, row := range rows {
		if list[i], err = row.message(); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// recipient is an address or number as it is stored. The "+" of a number is a
// blank where nobody encoded it in the address of the page.
func recipient(typed string) string {
	typed = strings.ToLower(strings.TrimSpace(typed))
	if typed != "" && strings.Trim(typed, "0123456789") == "" {
		return "+" + typed
	}
	return typed
}

func (b *Mailbox) message(ctx context.Context, deployment id.Deployment, mail id.Mail) (message, error) {
	row, err := New(b.db).MessageByID(ctx, MessageByIDParams{DeploymentID: deployment, ID: mail})
	if row, err = database.OrNotFound(row, err, ErrNotFound); err != nil {
		return message{}, err
	}
	return row.message()
}

func (row MailboxMessage) message() (message, error) {
	m := message{
		ID: row.ID, To: row.Recipient, From: row.Sender, Subject: row.Subject, Text: row.Text,
		HTML: row.HTML, Kind: row.Kind, Code: row.Code, SentAt: row.SentAt,
	}
	if err := json.Unmarshal([]byte(row.Links), &m.Links); err != nil {
		return message{}, fmt.Errorf("read message %s: %w", row.ID, err)
	}
	return m, nil
}
