package mail

import (
	"context"
	"errors"
	"regexp"
	"unicode/utf8"

	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
)

// Text is a text message to one telephone.
type Text struct {
	Deployment id.Deployment
	Subject    int64  // the id of what it is about
	To         string // a number as E.164, "+" and digits
	Kind       string // for a code, its purpose
	Familiar   bool   // asked for by somebody who has proven to be the recipient, or in a browser that they have used before
	Body       string // all of it; a control character or line break in it becomes a space
	Code       string // the one-time code in the body
}

// ErrNoTexts refuses a text message where nothing carries them.
var ErrNoTexts = fault.New(fault.Forbidden, "FEATURE_DISABLED", "Text messages cannot be sent here. Choose another way.")

// errTooManyTexts is ErrTooMany for a telephone.
var errTooManyTexts = ErrTooMany.With("Too many messages were sent to this number. Please try again later.")

// CarryTexts has text messages delivered by a transport. Without one, they are
// refused. Call it before the queue starts. It returns o.
func (o *Outbox) CarryTexts(by Transport) *Outbox {
	o.texts = by
	return o
}

// QueueText has t sent once tx commits, with the limits and the tries of mails.
// It returns ErrTooMany, with the time to wait, beyond the limits, and
// ErrNoTexts where nothing carries text messages.
func (o *Outbox) QueueText(ctx context.Context, tx *database.Tx, t Text) error {
	return o.queueText(ctx, tx, t, false)
}

// PretendText is QueueText for a message that never leaves, as Pretend is Queue.
func (o *Outbox) PretendText(ctx context.Context, tx *database.Tx, t Text) error {
	return o.queueText(ctx, tx, t, true)
}

func (o *Outbox) queueText(ctx context.Context, tx *database.Tx, t Text, nobody bool) error {
	if o.texts == nil {
		return ErrNoTexts
	}
	if err := t.check(); err != nil {
		return err
	}
	err := o.put(ctx, tx, parcel{
		channel: textChannel, deployment: t.Deployment, subject: t.Subject, to: t.To, kind: t.Kind, familiar: t.Familiar,
		letter: letter{Content: Content{Code: t.Code}, Body: oneLine(t.Body), Nobody: nobody},
	})
	var refusal *fault.Error
	if errors.As(err, &refusal) && errors.Is(refusal, ErrTooMany) {
		err = errTooManyTexts.After(refusal.RetryAfter)
	}
	return err
}

// number is E.164: the dial code of a country begins with no zero.
var number = regexp.MustCompile(`^\+[1-9][0-9]{3,14}$`)

// maxBody is more than any of our messages has, in characters.
const maxBody = 1000

// check refuses what only a mistake in this program would ask for.
func (t Text) check() error {
	switch {
	case t.Deployment == 0 || t.Kind == "":
		return errors.New("mail: a text message needs a deployment and a kind")
	case !number.MatchString(t.To):
		return errors.New("mail: the recipient of a text message is not a number as E.164")
	case oneLine(t.Body) == "" || utf8.RuneCountInString(t.Body) > maxBody:
		return errors.New("mail: a text message has 1 to 1000 characters")
	}
	return nil
}
