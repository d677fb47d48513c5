package user

import (
	"context"
	"errors"

	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/mail"
)

// Announce tells a person of a change of their account by mail to the addresses
// that were verified before it, and whoever has none by text message to the
// numbers that are verified now. These messages count as asked for by the person:
// flooding a mailbox does not silence them. Should the limit be reached even so,
// the change happens without, so that people can secure their account.
func Announce(ctx context.Context, tx *database.Tx, outbox *mail.Outbox, d *deployment.Deployment, person id.User, to []Email, heading, sentence string) error {
	app := d.Settings.UI.AppName
	for _, address := range to {
		err := outbox.Queue(ctx, tx, mail.Message{
			Deployment: d.ID, Subject: int64(person), To: string(address), Kind: "account_changed", Familiar: true,
			Content: mail.Content{
				AppName: app, Subject: heading + " (" + app + ")", Heading: heading,
				Paragraphs: []string{sentence, "If this was you, there is nothing to do."},
				Footer:     "If this was not you, somebody else is using your account. Tell the people who run " + app + " at once.",
			},
		})
		if err != nil && !errors.Is(err, mail.ErrTooMany) {
			return err
		}
	}
	if len(to) > 0 {
		return nil
	}
	phones, err := VerifiedPhones(ctx, tx, person)
	if err != nil {
		return err
	}
	for _, phone := range phones {
		err := outbox.QueueText(ctx, tx, mail.Text{
			Deployment: d.ID, Subject: int64(person), To: string(phone), Kind: "account_changed", Familiar: true,
			Body: app + ": " + sentence + " If this was not you, tell the people who run " + app + " at once.",
		})
		if err != nil && !errors.Is(err, mail.ErrTooMany) && !errors.Is(err, mail.ErrNoTexts) {
			return err
		}
	}
	return nil
}
