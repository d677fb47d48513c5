package organization

import (
	"fmt"
	"testing"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/user"
)

// TestRacingAcceptances is S4: one membership and one truth.
func TestRacingAcceptances(t *testing.T) {
	eachWorld(t, Limits{}, func(t *testing.T, w *world) {
		inv, c := w.invited("new@new.test"), w.browser(w.person("new@new.test"))
		seats, outcomes := w.seats(), make([]string, 32)
		errs := atOnce(32, func(i int) error {
			caller := *c
			token := w.listed(inv)
			if i%2 == 0 {
				token = w.mailed(inv)
			}
			a, err := w.accept(&caller, token)
			outcomes[i] = outcome(a)
			return err
		})
		equal(t, 32, countOf(errs, nil))
		joined := 0
		for _, o := range outcomes {
			if o == "joined" {
				joined++
			} else {
				equal(t, "member", o)
			}
		}
		equal(t, 1, joined)
		equal(t, seats+1, w.seats())
		equal(t, w.seats(), w.count("SELECT member_count FROM organizations WHERE id = $1", w.acme))
	})
}

// TestRacingActions: accept, decline, discard and resend at once leave a state
// that agrees with what was answered.
func TestRacingActions(t *testing.T) {
	eachWorld(t, Limits{}, func(t *testing.T, w *world) {
		for round := range 6 {
			email := fmt.Sprintf("new%d@new.test", round)
			inv, c := w.invited(email), w.browser(w.person(user.Email(email)))
			mine, owners := w.in(w.acme, c), w.as(w.owner)
			var joined bool
			errs := atOnce(4, func(i int) error {
				var err error
				switch (i + round) % 4 {
				case 0:
					var a Acceptance
					a, err = w.service.acceptMyInvitation(mine, myInvitationInput{inv.ID})
					joined = outcome(a) == "joined"
				case 1:
					_, err = w.service.declineMyInvitation(mine, myInvitationInput{inv.ID})
				case 2:
					_, err = w.service.discardInvitation(owners, invitationInput{w.acme, inv.ID})
				case 3:
					_, err = w.service.resendInvitation(owners, invitationInput{w.acme, inv.ID})
				}
				return err
			})
			status := w.read(inv).Status
			equal(t, joined, status == accepted)
			n := w.count("SELECT count(*) FROM organization_memberships WHERE user_id = $1 AND ended_at IS NULL", c.User)
			equal(t, joined, n == 1)
			for i, err := range errs {
				if ended := (i+round)%4 == 1 && status == declined || (i+round)%4 == 2 && status == discarded; ended {
					noError(t, err)
				}
			}
		}
	})
}

// TestRacingSeats is S7: as many join as there are seats.
func TestRacingSeats(t *testing.T) {
	eachWorld(t, Limits{}, func(t *testing.T, w *world) {
		const limit, people = 4, 8
		tokens, browsers := make([]string, people), make([]*access.Caller, people)
		for i := range people {
			email := fmt.Sprintf("new%d@new.test", i)
			tokens[i], browsers[i] = w.mailed(w.invited(email)), w.browser(w.person(user.Email(email)))
		}
		w.settings(func(s *deployment.Settings) { s.B2B.MaxAllowedOrgMembers = limit })
		outcomes := make([]string, people)
		errs := atOnce(people, func(i int) error {
			a, err := w.accept(browsers[i], tokens[i])
			outcomes[i] = outcome(a)
			return err
		})
		equal(t, people, countOf(errs, nil))
		joined := 0
		for _, o := range outcomes {
			if o == "joined" {
				joined++
			} else {
				equal(t, "LIMIT_REACHED", o)
			}
		}
		equal(t, limit-1, joined)
		equal(t, int64(limit), w.seats())
		equal(t, int64(limit-1), w.count("SELECT count(*) FROM organization_invitations WHERE status = 'accepted'"))
	})
}

// TestRacingDiscards is R2: withdrawing what another call has just withdrawn
// is a success.
func TestRacingDiscards(t *testing.T) {
	eachWorld(t, Limits{}, func(t *testing.T, w *world) {
		inv := w.invited("new@new.test")
		errs := atOnce(16, func(int) error {
			_, err := w.service.discardInvitation(w.as(w.owner), invitationInput{w.acme, inv.ID})
			return err
		})
		equal(t, 16, countOf(errs, nil))
	})
}
