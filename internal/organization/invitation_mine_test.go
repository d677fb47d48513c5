package organization

import (
	"context"
	"testing"

	"github.com/guildhall-id/guildhall/internal/access"
)

func TestMyInvitations(t *testing.T) {
	eachWorld(t, Limits{}, func(t *testing.T, w *world) {
		person := w.person("new@new.test")
		w.claim(person, "claimed@new.test")
		first := w.invitedBy(w.owner, "new@new.test", offer{Workspace: w.lab})
		other := w.invited("claimed@new.test")
		ctx := w.as(person)
		list, err := w.service.getMyInvitations(ctx, struct{}{})
		noError(t, err)
		equal(t, 1, len(list))
		equal(t, first.ID, list[0].ID)
		equal(t, "Lab", list[0].Workspace.Name)

		for _, act := range []func(context.Context, myInvitationInput) error{
			func(ctx context.Context, in myInvitationInput) error {
				_, err := w.service.acceptMyInvitation(ctx, in)
				return err
			},
			func(ctx context.Context, in myInvitationInput) error {
				_, err := w.service.declineMyInvitation(ctx, in)
				return err
			},
		} {
			equal(t, error(access.ErrNotFound), act(ctx, myInvitationInput{other.ID}))
			equal(t, error(access.ErrNotFound), act(ctx, myInvitationInput{12345}))
			equal(t, error(access.ErrNotFound), act(w.as(w.owner), myInvitationInput{first.ID}))
		}
		a, err := w.service.acceptMyInvitation(ctx, myInvitationInput{first.ID})
		noError(t, err)
		equal(t, "joined", outcome(a))
		equal(t, int64(1), w.count("SELECT count(*) FROM organization_memberships WHERE invitation_id = $1 AND joined_by = 'invitation_account'", first.ID))
		list, err = w.service.getMyInvitations(ctx, struct{}{})
		noError(t, err)
		equal(t, 0, len(list))
	})
}

func TestLookupAndPage(t *testing.T) {
	eachWorld(t, Limits{}, func(t *testing.T, w *world) {
		inv := w.invitedBy(w.owner, "new@new.test", offer{Workspace: w.lab})
		ctx := access.WithCaller(t.Context(), &access.Caller{Deployment: w.deployment.ID})
		for _, byMail := range []bool{false, true} {
			token := w.service.secrets.print(sending{inv.ID, 1, byMail})
			invited, err := w.service.Lookup(ctx, w.db, w.deployment.ID, token, w.db.Now())
			noError(t, err)
			equal(t, Invited{
				ID: inv.ID, Organization: w.acme, OrganizationName: "Acme", Workspace: w.lab, WorkspaceName: "Lab",
				Email: "new@new.test", ByMail: byMail, ExpiresAt: inv.ExpiresAt,
			}, invited)
			page, err := w.service.Page(ctx, token)
			noError(t, err)
			equal(t, invited, page.Invited)
			equal(t, "Ana Lopez", page.InviterName)
			equal(t, true, page.Refusal == nil)
		}
		_, err := w.service.Lookup(ctx, w.db, w.deployment.ID+1, w.listed(inv), w.db.Now())
		equal(t, error(ErrInvitationNotFound), err)
		for _, forged := range []string{"", "inv_", "inv_token_abc123", w.listed(inv) + "A", w.listed(Invitation{ID: 99, Generation: 1})} {
			_, err := w.service.Lookup(ctx, w.db, w.deployment.ID, forged, w.db.Now())
			equal(t, error(ErrInvitationNotFound), err)
			page, err := w.service.Page(ctx, forged)
			noError(t, err)
			equal(t, ErrInvitationNotFound, page.Refusal)
			equal(t, Invited{}, page.Invited)
		}
		w.advance(invitationLife)
		page, err := w.service.Page(ctx, w.mailed(inv))
		noError(t, err)
		equal(t, ErrInvitationExpired, page.Refusal)
		equal(t, "Acme", page.OrganizationName)
	})
}
