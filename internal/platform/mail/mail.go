// Package mail sends what a transaction decided to send: mails, and text
// messages to telephones. Either is a row of that transaction, its content
// sealed, so it leaves if and only if the transaction commits; nothing in a
// request waits for a mail server.
//
// The rows themselves are the queue (a job.Drain), not one River job for each
// mail: storing and finishing a job costs several times what the mail's own
// row costs, and invitations come by the thousand a second. The promises are
// the same: a mail is tried as soon as it is committed, again with growing
// distances while the server is away or says "later" (4xx), by any node, and
// after a crash; it is given up when the server says "never" (5xx) or after a
// day. All tries carry one Message-ID and date. A second copy leaves only when
// a process or connection broke between the server's taking a mail and our
// noting it.
package mail

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"time"

	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/clock"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
	"github.com/guildhall-id/guildhall/internal/platform/job"
	"github.com/guildhall-id/guildhall/internal/platform/secret"
)

// Message is a mail to one person.
type Message struct {
	Deployment id.Deployment
	Subject    int64  // the id of what it is about
	To         string // an address in its normal form
	Kind       string // "invitation"; for a code, also its purpose
	Familiar   bool   // asked for by somebody who has proven to be the recipient, or in a browser that they have used before
	Content    Content
}

// Content is what a mail says. All of it is plain text, whoever wrote it: a
// control character or line break in it becomes a space.
type Content struct {
	Subject    string   `json:"subject"`
	Heading    string   `json:"heading,omitempty"`
	Paragraphs []string `json:"paragraphs,omitempty"`
	Code       string   `json:"code,omitempty"`   // a one-time code
	Action     *Action  `json:"action,omitempty"` // the one button
	Footer     string   `json:"footer,omitempty"`
	AppName    string   `json:"app_name,omitempty"` // the name of the sender
}

// Action is a button that leads to an http or https address.
type Action struct {
	Label string `json:"label"`
	URL   string `json:"url"`
}

// Limits keep mail from being a weapon. They count for one address within one
// deployment, or one telephone, over all kinds and organizations and all nodes.
// Familiar messages are counted by themselves, so that strangers cannot use up
// what somebody needs to sign in. The zero Limits let nothing out.
type Limits struct {
	PerRecipientHour int
	CodesPerHour     int
	CodeInterval     time.Duration // between two codes of one kind, at most an hour
}

// StrictLimits are those of production, WideLimits let a test suite pass.
var (
	StrictLimits = Limits{PerRecipientHour: 10, CodesPerHour: 5, CodeInterval: time.Minute}
	WideLimits   = Limits{PerRecipientHour: 1 << 30, CodesPerHour: 1 << 30}
)

// ErrTooMany refuses a mail beyond the limits.
var ErrTooMany = fault.New(fault.TooMany, "RATE_LIMITED", "Too many messages were sent to this address. Please try again later.")

// Outbox takes mails and gets them delivered.
type Outbox struct {
	db        *database.DB
	key       secret.Key
	transport Transport
	texts     Transport // nil: text messages are refused
	from      string
	limits    Limits
	wake      map[string]func() // by channel
}

// The channels: each has its own workers, so that one that hangs holds up
// nobody in the other.
const (
	mailChannel = "mail"
	textChannel = "text"
)

// NewOutbox makes an outbox whose mails come from an address that ParseSender
// accepts. They are delivered while the queue runs.
func NewOutbox(db *database.DB, queue *job.Queue, key secret.Key, transport Transport, from string, limits Limits) *Outbox {
	o := &Outbox{db: db, key: key.For("mail"), transport: transport, from: from, limits: limits}
	o.wake = map[string]func(){
		mailChannel: job.Drain(queue, "mail", o.claim(mailChannel), o.deliver),
		textChannel: job.Drain(queue, "text messages", o.claim(textChannel), o.deliver),
	}
	return o
}

// Sweep deletes the records of mails and text messages that were sent, or given
// up, and are older than 30 days.
func (o *Outbox) Sweep(ctx context.Context) error {
	return o.db.InTx(ctx, func(tx *database.Tx) error {
		return New(tx).DeleteOldMails(ctx, id.Since[id.Mail](tx.Now.Time().Add(-30*24*time.Hour)))
	})
}

// Queue has m sent once tx commits. It returns ErrTooMany, with the time to
// wait, beyond the limits.
func (o *Outbox) Queue(ctx context.Context, tx *database.Tx, m Message) error {
	return o.queue(ctx, tx, m, false)
}

// Pretend is Queue for a mail that never leaves: it is sealed, stored, counted
// and taken from the queue like any other, so that whoever waits for the answer
// cannot tell whether anybody has the address.
func (o *Outbox) Pretend(ctx context.Context, tx *database.Tx, m Message) error {
	return o.queue(ctx, tx, m, true)
}

// letter is what is sealed in a row.
type letter struct {
	Content
	Body   string `json:"body,omitempty"` // of a text message
	Nobody bool   `json:"nobody"`         // has the address: it never leaves
}

// parcel is a row to be: a mail or a text message.
type parcel struct {
	channel    string
	deployment id.Deployment
	subject    int64
	to, kind   string
	familiar   bool
	letter     letter
}

func (o *Outbox) queue(ctx context.Context, tx *database.Tx, m Message, nobody bool) error {
	if err := m.check(); err != nil {
		return err
	}
	return o.put(ctx, tx, parcel{
		channel: mailChannel, deployment: m.Deployment, subject: m.Subject, to: m.To, kind: m.Kind, familiar: m.Familiar,
		letter: letter{Content: m.Content, Nobody: nobody},
	})
}

func (o *Outbox) put(ctx context.Context, tx *database.Tx, p parcel) error {
	if err := o.allow(ctx, tx, p); err != nil {
		return err
	}
	content, err := json.Marshal(p.letter)
	if err != nil {
		return fmt.Errorf("mail %s: %w", p.kind, err)
	}
	mail := database.NewID[id.Mail](tx)
	tx.AfterCommit(o.wake[p.channel])
	return New(tx).InsertMail(ctx, InsertMailParams{
		ID:           mail,
		DeploymentID: p.deployment,
		Channel:      p.channel,
		Kind:         p.kind,
		Recipient:    p.to,
		SubjectID:    id.Subject(p.subject),
		Code:         p.letter.Code != "",
		Familiar:     p.familiar,
		Content:      o.key.Seal(content, sealedFor(mail)),
		CreatedAt:    tx.Now,
		DueAt:        tx.Now,
	})
}

// sealedFor binds a content to its row.
func sealedFor(mail id.Mail) []byte { return []byte(mail.String()) }

// allow compares what left for an address or number in the last hour with the
// limits. Two transactions that write to one address wait for each other, so
// that the count is exact; on SQLite they do anyhow.
func (o *Outbox) allow(ctx context.Context, tx *database.Tx, p parcel) error {
	if o.db.Dialect() == database.PostgreSQL {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(hashtextextended('mail ' || $1, $2))", p.to, int64(p.deployment)); err != nil {
			return fmt.Errorf("lock a recipient: %w", err)
		}
	}
	recent, err := New(tx).Recent(ctx, RecentParams{
		Kind: p.kind, DeploymentID: p.deployment, Recipient: p.to, CreatedAt: tx.Now.Add(-time.Hour), Familiar: p.familiar,
	})
	if err != nil {
		return fmt.Errorf("count recent mails: %w", err)
	}
	if recent.Mails >= int64(o.limits.PerRecipientHour) {
		return tooMany(tx.Now, recent.FirstMail, time.Hour)
	}
	if p.letter.Code == "" {
		return nil
	}
	if recent.Codes >= int64(o.limits.CodesPerHour) {
		return tooMany(tx.Now, recent.FirstCode, time.Hour)
	}
	if recent.LastOfKind > 0 && tx.Now < clock.Time(recent.LastOfKind).Add(o.limits.CodeInterval) {
		return tooMany(tx.Now, recent.LastOfKind, o.limits.CodeInterval)
	}
	return nil
}

// tooMany is ErrTooMany until d after a mail that still counts.
func tooMany(now clock.Time, counted int64, d time.Duration) error {
	if counted == 0 {
		return ErrTooMany.After(d)
	}
	return ErrTooMany.After(clock.Time(counted).Add(d).Sub(now))
}

// address is the normal form of a recipient: nothing in it is structure of a
// header or of an SMTP command (RFC 5321, section 4.1.2, without quoting).
var address = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9-]+(\\.[A-Za-z0-9-]+)*$")

// check refuses what only a mistake in this program would ask for.
func (m Message) check() error {
	if m.Deployment == 0 || m.Kind == "" || oneLine(m.Content.Subject) == "" {
		return errors.New("mail: a message needs a deployment, a kind and a subject")
	}
	if len(m.To) > 254 || !address.MatchString(m.To) {
		return errors.New("mail: the recipient is not an address in its normal form")
	}
	if m.Content.Action == nil {
		return nil
	}
	target, err := url.Parse(m.Content.Action.URL)
	if err != nil || (target.Scheme != "https" && target.Scheme != "http") || target.Host == "" {
		return errors.New("mail: an action leads to an http or https address")
	}
	return nil
}
