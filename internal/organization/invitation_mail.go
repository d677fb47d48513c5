package organization

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/mail"
	"github.com/guildhall-id/guildhall/internal/user"
)

// AcceptPath is the server's own page for mailed links.
const AcceptPath = "/accept-invitation"

// invitationMail is the mail that carries the mailed secret of an invitation.
func (s *Service) invitationMail(t terms, inv *Invitation) mail.Message {
	place, in := t.organization.Name, ""
	if t.workspace.ID != 0 {
		in = fmt.Sprintf(" and its workspace %s", t.workspace.Name)
	}
	return mail.Message{
		Deployment: inv.DeploymentID, Subject: int64(inv.ID), To: inv.Email, Kind: "invitation",
		Content: mail.Content{
			Subject: fmt.Sprintf("%s invited you to %s", t.inviter, place),
			Heading: "Join " + place,
			Paragraphs: []string{
				fmt.Sprintf("%s invited you to join %s%s as %s.", t.inviter, place, in, t.role.Name),
				fmt.Sprintf("The invitation is for %s and can be accepted until %s.", inv.Email, inv.ExpiresAt.Time().Format("2 January 2006, 15:04 MST")),
			},
			Action:  &mail.Action{Label: "See the invitation", URL: acceptURL(t.deployment, s.secrets.mailedToken(inv))},
			Footer:  "If you do not know what this is about, ignore this mail: nothing happens unless you accept.",
			AppName: t.deployment.Settings.UI.AppName,
		},
	}
}

// acceptURL is where a mailed link leads.
func acceptURL(d *deployment.Deployment, token string) string {
	return d.PageURL(d.Settings.UI.AcceptInvitationURL, AcceptPath, url.Values{"invite_token": {token}})
}

// inviterName is how a mail calls the person who invites.
func inviterName(ctx context.Context, db database.DBTX, inviter id.User) (string, error) {
	people, err := user.PublicByID(ctx, db, []id.User{inviter})
	person := people[inviter]
	name := strings.TrimSpace(person.FirstName + " " + person.LastName)
	return cmp.Or(name, person.PrimaryEmail(), "An administrator"), err
}
