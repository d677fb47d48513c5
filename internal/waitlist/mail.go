package waitlist

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/mail"
)

// lease is how long an approval is out of other nodes' reach while one mails
// it, and the pause after a mail that could not be queued.
const lease = time.Minute

// claim takes approvals that were not mailed yet. They are made at the command
// line, which knows neither the server's key nor its address; the server mails.
func (s *Service) claim(ctx context.Context, n int) (entries []Entry, err error) {
	err = s.db.InTx(ctx, func(tx *database.Tx) error {
		entries, err = New(tx).ClaimMails(ctx, ClaimMailsParams{Now: tx.Now, LeasedUntil: tx.Now.Add(lease), N: int32(n)})
		return err
	})
	return entries, err
}

// mail queues the mail of one approval, once.
func (s *Service) mail(ctx context.Context, entry Entry) error {
	d, err := s.deployments.Get(ctx, entry.DeploymentID)
	if err != nil {
		return err
	}
	message, err := s.invitationMail(d, entry)
	if err != nil {
		return err
	}
	return s.db.InTx(ctx, func(tx *database.Tx) error {
		if _, err := New(tx).EndMail(ctx, EndMailParams{ID: entry.ID, Generation: entry.Generation}); err != nil {
			if database.IsNoRows(err) {
				return nil
			}
			return err
		}
		return s.outbox.Queue(ctx, tx, message)
	})
}

func (s *Service) invitationMail(d *deployment.Deployment, entry Entry) (mail.Message, error) {
	link, err := url.Parse(d.Settings.UI.SignUpPageURL)
	if err != nil {
		return mail.Message{}, fmt.Errorf("ui_settings.sign_up_page_url: %w", err)
	}
	query := link.Query()
	query.Set("invite_token", s.invitations.print(entry.ID, entry.Generation))
	query.Set("invited_email", entry.Email)
	link.RawQuery = query.Encode()
	app := d.Settings.UI.AppName
	return mail.Message{
		Deployment: d.ID, Subject: int64(entry.ID), To: entry.Email, Kind: "waitlist_approved",
		Content: mail.Content{
			AppName: app, Subject: "You can sign up to " + app + " now", Heading: "Your place is ready",
			Paragraphs: []string{
				"With this link you can sign up to " + app + ".",
				fmt.Sprintf("It is for %s and works, once, until %s.", entry.Email, entry.ExpiresAt.Time().Format("2 January 2006, 15:04 MST")),
			},
			Action: &mail.Action{Label: "Sign up", URL: link.String()},
			Footer: "If you do not know what this is about, ignore this mail: nothing happens unless you sign up.",
		},
	}, nil
}
