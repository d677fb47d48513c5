package organization

import (
	"fmt"
	"testing"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/user"
)

// outcome is an acceptance in one word.
func outcome(a Acceptance) string {
	switch {
	case a.Organization != nil && !a.RequiresSignIn:
		return "joined"
	case a.AlreadyMember:
		return "member"
	}
	return a.ErrorCode
}

// TestWhoAccepts is S2: a token is a pointer, not a key.
func TestWhoAccepts(t *testing.T) {
	eachWorld(t, Limits{}, func(t *testing.T, w *world) {
		tests := map[string]struct {
			prepare func(email user.Email) *access.Caller
			want    string
			owner   bool
		}{
			"nobody, and no account has the address": {func(user.Email) *access.Caller { return w.browser() }, RequiresSignUp, false},
			"nobody, but an account has the address": {func(e user.Email) *access.Caller { w.person(e); return w.browser() }, RequiresSignIn, false},
			"an unfinished sign-up": {func(user.Email) *access.Caller {
				c := w.browser()
				c.Session = access.Session{ID: 77, Anonymous: true}
				return c
			}, RequiresSignUp, false},
			"another person": {func(e user.Email) *access.Caller {
				w.person(e)
				return w.browser(w.person("other-" + e))
			}, EmailMismatch, false},
			"another person, and no account has the address": {func(e user.Email) *access.Caller { return w.browser(w.person("other-" + e)) }, RequiresSignUp, false},
			"a person who only claims the address": {func(e user.Email) *access.Caller {
				person := w.person("other-" + e)
				w.claim(person, string(e))
				return w.browser(person)
			}, EmailMismatch, false},
			"the right person": {func(e user.Email) *access.Caller { return w.browser(w.person(e)) }, "joined", true},
			"the right person beside another, active one": {func(e user.Email) *access.Caller {
				return w.browser(w.person(e), w.person("other-"+e))
			}, "joined", true},
		}
		i := 0
		for name, test := range tests {
			for _, byMail := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s by mail %t", name, byMail), func(t *testing.T) {
					i++
					email := user.Email(fmt.Sprintf("new%d@new.test", i))
					inv := w.invited(string(email))
					token, by := w.listed(inv), byInvitationToken
					if byMail {
						token, by = w.mailed(inv), byInvitationMail
					}
					c := test.prepare(email)
					before := w.seats()
					a, err := w.accept(c, token)
					noError(t, err)
					equal(t, test.want, outcome(a))
					if !test.owner {
						equal(t, string(email), a.InvitedEmail)
						equal(t, true, a.RequiresSignIn)
						equal(t, before, w.seats())
						equal(t, pending, w.read(inv).Status)
						return
					}
					equal(t, before+1, w.seats())
					equal(t, accepted, w.read(inv).Status)
					equal(t, int64(1), w.count("SELECT count(*) FROM organization_memberships WHERE invitation_id = $1 AND joined_by = $2", inv.ID, by))
					equal(t, int64(1), w.count("SELECT count(*) FROM signins WHERE id = $1 AND active_organization_membership_id IS NOT NULL", a.SignInID))
					equal(t, int64(1), w.count(`SELECT count(*) FROM events e JOIN events j ON j.subject_id = e.actor_id AND j.actor_id = e.actor_id
						WHERE e.subject_id = $1 AND e.name = 'organization.invitation.accepted' AND j.name = 'organization.member.added'`, inv.ID))
					again, err := w.accept(c, token)
					noError(t, err)
					equal(t, "member", outcome(again))
				})
			}
		}
	})
}

func TestDisabledPeopleAcceptNothing(t *testing.T) {
	eachWorld(t, Limits{}, func(t *testing.T, w *world) {
		inv, c := w.invited("new@new.test"), w.browser(w.person("new@new.test"))
		w.tx(func(tx *database.Tx) error {
			_, err := tx.Exec(t.Context(), "UPDATE users SET disabled_at = $1 WHERE id = $2", tx.Now, c.User)
			return err
		})
		_, err := w.accept(c, w.mailed(inv))
		equal(t, access.ErrDisabled, err)
	})
}

// TestStatesAndActions is S3: what each action says in each state.
func TestStatesAndActions(t *testing.T) {
	type act = func(w *world, c *access.Caller, inv Invitation) string
	accept := func(token func(w *world, inv Invitation) string) act {
		return func(w *world, c *access.Caller, inv Invitation) string {
			a, err := w.accept(w.browser(c.User), token(w, inv)) // an old sign-in has ended by itself
			if err != nil {
				return err.Error()
			}
			return outcome(a)
		}
	}
	say := func(err error) string {
		if err != nil {
			return err.Error()
		}
		return "ok"
	}
	actions := map[string]act{
		"accept": accept(func(w *world, inv Invitation) string { return w.listed(w.read(inv)) }),
		"accept by mail": accept(func(w *world, inv Invitation) string {
			return w.mailed(w.read(inv))
		}),
		"accept the first sending": accept(func(w *world, inv Invitation) string { return w.mailed(inv) }),
		"accept from the list": func(w *world, c *access.Caller, inv Invitation) string {
			a, err := w.service.acceptMyInvitation(w.in(w.acme, c), myInvitationInput{inv.ID})
			if err != nil {
				return err.Error()
			}
			return outcome(a)
		},
		"decline": func(w *world, c *access.Caller, inv Invitation) string {
			_, err := w.service.declineMyInvitation(w.in(w.acme, c), myInvitationInput{inv.ID})
			return say(err)
		},
		"discard": func(w *world, _ *access.Caller, inv Invitation) string {
			_, err := w.service.discardInvitation(w.as(w.owner), invitationInput{w.acme, inv.ID})
			return say(err)
		},
		"resend": func(w *world, _ *access.Caller, inv Invitation) string {
			_, err := w.service.resendInvitation(w.as(w.owner), invitationInput{w.acme, inv.ID})
			return say(err)
		},
	}
	states := map[string]struct {
		reach func(w *world, c *access.Caller, inv Invitation)
		want  map[string]string
	}{
		"pending": {func(*world, *access.Caller, Invitation) {}, map[string]string{
			"accept": "joined", "accept by mail": "joined", "accept the first sending": "joined", "accept from the list": "joined",
			"decline": "ok", "discard": "ok", "resend": "ok",
		}},
		"expired": {func(w *world, _ *access.Caller, _ Invitation) { w.advance(invitationLife) }, map[string]string{
			"accept": "INVITATION_EXPIRED", "accept by mail": "INVITATION_EXPIRED", "accept the first sending": "INVITATION_EXPIRED", "accept from the list": "INVITATION_EXPIRED",
			"decline": ErrInvitationEnded.Error(), "discard": "ok", "resend": "ok",
		}},
		"resent": {func(w *world, c *access.Caller, inv Invitation) { actions["resend"](w, c, inv) }, map[string]string{
			"accept": "joined", "accept by mail": "joined", "accept the first sending": "INVITATION_NOT_FOUND", "accept from the list": "joined",
			"decline": "ok", "discard": "ok", "resend": "ok",
		}},
		"expired and resent": {func(w *world, c *access.Caller, inv Invitation) {
			w.advance(invitationLife)
			actions["resend"](w, c, inv)
		}, map[string]string{
			"accept": "joined", "accept by mail": "joined", "accept the first sending": "INVITATION_NOT_FOUND", "accept from the list": "joined",
			"decline": "ok", "discard": "ok", "resend": "ok",
		}},
		"accepted": {func(w *world, c *access.Caller, inv Invitation) { actions["accept"](w, c, inv) }, map[string]string{
			"accept": "member", "accept by mail": "member", "accept the first sending": "member", "accept from the list": "member",
			"decline": ErrInvitationAccepted.Error(), "discard": ErrInvitationAccepted.Error(), "resend": ErrInvitationAccepted.Error(),
		}},
		"accepted and removed": {func(w *world, c *access.Caller, inv Invitation) {
			actions["accept"](w, c, inv)
			w.remove(c.User)
		}, map[string]string{
			"accept": "INVITATION_ALREADY_USED", "accept by mail": "INVITATION_ALREADY_USED", "accept the first sending": "INVITATION_ALREADY_USED", "accept from the list": "INVITATION_ALREADY_USED",
			"decline": ErrInvitationAccepted.Error(), "discard": ErrInvitationAccepted.Error(), "resend": ErrInvitationAccepted.Error(),
		}},
		"discarded": {func(w *world, c *access.Caller, inv Invitation) { actions["discard"](w, c, inv) }, map[string]string{
			"accept": "INVITATION_DISCARDED", "accept by mail": "INVITATION_DISCARDED", "accept the first sending": "INVITATION_DISCARDED", "accept from the list": "INVITATION_DISCARDED",
			"decline": ErrInvitationEnded.Error(), "discard": "ok", "resend": ErrInvitationEnded.Error(),
		}},
		"declined": {func(w *world, c *access.Caller, inv Invitation) { actions["decline"](w, c, inv) }, map[string]string{
			"accept": "INVITATION_DISCARDED", "accept by mail": "INVITATION_DISCARDED", "accept the first sending": "INVITATION_DISCARDED", "accept from the list": "INVITATION_DISCARDED",
			"decline": "ok", "discard": ErrInvitationEnded.Error(), "resend": ErrInvitationEnded.Error(),
		}},
	}
	eachWorld(t, Limits{}, func(t *testing.T, w *world) {
		i := 0
		for state, s := range states {
			for action, want := range s.want {
				t.Run(state+"/"+action, func(t *testing.T) {
					i++
					email := fmt.Sprintf("new%d@new.test", i)
					inv, c := w.invited(email), w.browser(w.person(user.Email(email)))
					s.reach(w, c, inv)
					equal(t, want, actions[action](w, c, inv))
				})
			}
		}
	})
}

// TestPowerIsCheckedTwice is S5: what changed between inviting and accepting.
func TestPowerIsCheckedTwice(t *testing.T) {
	const held = "INVITATION_NEEDS_APPROVAL"
	eachWorld(t, Limits{}, func(t *testing.T, w *world) {
		adminRole := w.role(w.acme, access.OrganizationAdmin)
		i := 0
		tests := map[string]struct {
			offer  func() offer
			change func(inviter id.User, o offer)
			want   string
		}{
			"nothing changed":                  {func() offer { return offer{Role: adminRole} }, func(id.User, offer) {}, "joined"},
			"the inviter left":                 {func() offer { return offer{} }, func(p id.User, _ offer) { w.remove(p) }, held},
			"the inviter lost the role":        {func() offer { return offer{Role: adminRole} }, func(p id.User, _ offer) { w.demote(p) }, held},
			"for a workspace it counts too":    {func() offer { return offer{Workspace: w.lab} }, func(p id.User, _ offer) { w.demote(p) }, held},
			"the role became more than theirs": {func() offer { return offer{Role: w.role(w.acme, access.OrganizationMember)} }, func(p id.User, o offer) { w.demote(p); w.widen(o.Role) }, held},
			"the role is gone: the default one": {func() offer { return offer{Role: w.role(w.acme, access.OrganizationAdmin)} }, func(_ id.User, o offer) {
				w.exec("UPDATE organization_roles SET ended_at = 1 WHERE id = $1", o.Role)
			}, "joined"},
			"the workspace role is gone: the default one": {func() offer {
				return offer{Workspace: w.lab, WorkspaceRole: w.workspaceRole(w.lab, access.WorkspaceAdmin)}
			}, func(_ id.User, o offer) {
				w.exec("UPDATE workspace_roles SET ended_at = 1 WHERE id = $1", o.WorkspaceRole)
			}, "joined"},
		}
		for name, test := range tests {
			t.Run(name, func(t *testing.T) {
				i++
				email := fmt.Sprintf("new%d@new.test", i)
				inviter := w.member(user.Email(fmt.Sprintf("inviter%d@acme.test", i)), access.Permissions{access.OrganizationAdmin}, nil)
				o := test.offer()
				inv := w.invitedBy(inviter, email, o)
				test.change(inviter, o)
				c := w.browser(w.person(user.Email(email)))
				for range 2 {
					a, err := w.accept(c, w.mailed(inv))
					noError(t, err)
					if test.want == "joined" && outcome(a) == "member" {
						break
					}
					equal(t, test.want, outcome(a))
				}
				if test.want == "joined" {
					return
				}
				equal(t, int64(1), w.count("SELECT count(*) FROM events WHERE subject_id = $1 AND name = 'organization.invitation.held'", inv.ID))
				view, err := w.service.getInvitation(w.as(w.owner), invitationInput{w.acme, inv.ID})
				noError(t, err)
				equal(t, true, view.NeedsApproval)

				manager := w.member(user.Email(fmt.Sprintf("manager%d@acme.test", i)), access.Permissions{access.OrganizationManageMembers}, nil)
				if o != (offer{}) {
					_, err = w.service.resendInvitation(w.as(manager), invitationInput{w.acme, inv.ID})
					equal(t, ErrRoleAbove, err)
				}
				_, err = w.service.resendInvitation(w.as(w.owner), invitationInput{w.acme, inv.ID})
				noError(t, err)
				a, err := w.accept(c, w.mailed(w.read(inv)))
				noError(t, err)
				equal(t, "joined", outcome(a))
			})
		}
	})
}

func (w *world) exec(query string, args ...any) {
	w.t.Helper()
	w.tx(func(tx *database.Tx) error {
		_, err := tx.Exec(w.t.Context(), query, args...)
		return err
	})
}

// demote leaves a member of Acme nothing but the right to manage members.
func (w *world) demote(person id.User) {
	w.t.Helper()
	member, err := grantOf(w.t.Context(), w.service.queries, w.acme, person)
	noError(w.t, err)
	w.exec("UPDATE organization_membership_roles SET role_id = $1 WHERE membership_id = $2", w.role(w.acme, access.OrganizationManageMembers), member.Membership)
}

func (w *world) widen(role id.OrganizationRole) {
	w.t.Helper()
	w.exec("UPDATE organization_roles SET permissions = 'organization:admin' WHERE id = $1", role)
}

func TestAcceptingIntoAWorkspace(t *testing.T) {
	eachWorld(t, Limits{}, func(t *testing.T, w *world) {
		inv := w.invitedBy(w.owner, "new@new.test", offer{Workspace: w.lab})
		a, err := w.accept(w.browser(w.person("new@new.test")), w.mailed(inv))
		noError(t, err)
		equal(t, "Acme", a.Organization.Name)
		equal(t, "Lab", a.Workspace.Name)

		// A member of the organization joins the workspace alone, and keeps
		// the roles of the organization.
		member := w.member("member@acme.test", access.Permissions{access.OrganizationRead}, nil)
		seats := w.seats()
		inv = w.invitedBy(w.owner, "member@acme.test", offer{Role: w.role(w.acme, access.OrganizationAdmin), Workspace: w.lab})
		c := w.browser(member)
		a, err = w.accept(c, w.listed(inv))
		noError(t, err)
		equal(t, "joined", outcome(a))
		equal(t, seats, w.seats())
		may, err := powerOf(t.Context(), w.service.queries, w.acme, w.lab, member)
		noError(t, err)
		equal(t, access.Permissions{access.OrganizationRead}, may.Organization.Permissions)
		equal(t, access.Permissions{access.WorkspaceMember}, may.Workspace.Permissions)
		a, err = w.accept(c, w.listed(inv))
		noError(t, err)
		equal(t, "member", outcome(a))
	})
}
