package server_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/guildhall-id/guildhall/internal/session"
)

// testStory is the founding story, told in both transports.
func (w *world) testStory(t *testing.T) {
	for name, dev := range map[string]bool{"cookies": false, "development session": true} {
		t.Run(name, func(t *testing.T) {
			founder := w.newcomer("ada", dev)
			w.signUp(t, founder, "Ada Founder")
			tn := w.tenant(t, founder, "Story")
			t.Run("sent again", func(t *testing.T) { tn.storyOfResending(t) })
			t.Run("by mail", func(t *testing.T) { tn.storyByMail(t, w.newcomer("ben", dev)) })
			t.Run("by token", func(t *testing.T) { tn.storyByToken(t, w.newcomer("cleo", dev)) })
		})
	}
	t.Run("rotation", w.storyOfRotation)
	t.Run("development header", w.storyOfHeader)
}

// newcomer is somebody without an account yet.
func (w *world) newcomer(name string, dev bool) *person {
	p := &person{browser: w.browser(), email: w.newEmail(name), password: password}
	p.dev = dev
	return p
}

// inviteColleague invites into the workspace and checks what the list shows.
func (tn *tenant) inviteColleague(t *testing.T, email string) string {
	t.Helper()
	token := tn.invite(t, email, tn.workspace).text(t, "data.token")
	page := tn.owner.get(t, "/organizations/"+tn.organization+"/invitations").must(t, http.StatusOK)
	if page.at("data.0.email") != email || page.at("data.0.token") != token || !listedToken.MatchString(token) {
		t.Errorf("the list does not show the invitation: %s", page.Raw)
	}
	return token
}

// storyByMail signs up through the mailed link: its secret proves the address,
// so no code is asked for.
func (tn *tenant) storyByMail(t *testing.T, ben *person) {
	tn.inviteColleague(t, ben.email)
	mail := tn.world.mailTo(t, ben.email, "invitation")
	secret := mail.token(t)
	if !mailedToken.MatchString(secret) || listedToken.MatchString(mail.Text+mail.HTML) {
		t.Errorf("the mail has another secret than the mailed one: %q", mail.Links)
	}
	tn.looksAt(t, ben, mail)

	check := ben.get(t, "/deployment/invitations/validate?token="+secret).must(t, http.StatusOK)
	if check.at("data.valid") != true || check.at("data.email") != ben.email {
		t.Errorf("the invitation is not valid before it is used: %s", check.Raw)
	}
	a := ben.post(t, "/organizations/invitations/accept", "token", secret).must(t, http.StatusOK)
	if a.at("data.error_code") != "INVITATION_REQUIRES_SIGNUP" || a.at("data.requires_signin") != true || a.at("data.invited_email") != ben.email {
		t.Errorf("who has no account is sent to sign up: %s", a.Raw)
	}
	a = ben.post(t, "/auth/signup", "first_name", "Ben", "last_name", "Colleague", "email", ben.email, "password", password,
		"invite_token", secret).must(t, http.StatusOK)
	if a.at("data.signup_attempts.-1.completed") != true || a.at("data.active_signin") == nil {
		t.Fatalf("the mailed secret does not prove the address: %s", a.Raw)
	}
	tn.comesIn(t, ben, secret)
}

// looksAt follows the link as mail scanners do: nothing changes.
func (tn *tenant) looksAt(t *testing.T, who *person, mail letter) {
	t.Helper()
	link, err := url.Parse(mail.Links[0])
	if err != nil || !strings.HasPrefix(mail.Links[0], tn.world.URL+"/accept-invitation?") {
		t.Fatalf("the mail leads to %q", mail.Links)
	}
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		visitor := tn.world.browser()
		visitor.send(t, request{Method: method, Path: link.Path, Query: link.Query()}).must(t, http.StatusOK)
		if visitor.cookies != nil {
			t.Errorf("%s of a mailed link starts a session", method)
		}
	}
	page := tn.owner.get(t, "/organizations/"+tn.organization+"/invitations").must(t, http.StatusOK)
	if page.at("data.0.email") != who.email || page.at("data.0.status") != "pending" {
		t.Errorf("looking at the link changed the invitation: %s", page.Raw)
	}
}

// storyByToken signs up with the token from the list, which proves nothing: a
// code is asked for.
func (tn *tenant) storyByToken(t *testing.T, cleo *person) {
	token := tn.inviteColleague(t, cleo.email)
	a := cleo.post(t, "/auth/signup", "first_name", "Cleo", "last_name", "Colleague", "email", cleo.email, "password", password,
		"invite_token", token).must(t, http.StatusOK)
	if a.at("data.signup_attempts.-1.completed") != false || a.at("data.signup_attempts.-1.current_step") != "verify_email" || a.at("data.active_signin") != nil {
		t.Fatalf("the listed token proved an address: %s", a.Raw)
	}
	a = cleo.post(t, "/organizations/invitations/accept", "token", token).must(t, http.StatusOK)
	if a.at("data.error_code") != "INVITATION_REQUIRES_SIGNUP" || a.at("data.organization") != nil {
		t.Errorf("an unfinished sign-up joined: %s", a.Raw)
	}
	cleo.post(t, "/auth/prepare-verification?identifier_type=signup&strategy=email_otp").must(t, http.StatusOK)
	code := tn.world.mailTo(t, cleo.email, "verification_code").Code
	cleo.post(t, "/auth/attempt-verification?identifier_type=signup", "verification_code", code).must(t, http.StatusOK)

	stranger := tn.world.stranger.copy()
	a = stranger.post(t, "/organizations/invitations/accept", "token", token).must(t, http.StatusOK)
	if a.at("data.error_code") != "INVITATION_EMAIL_MISMATCH" || a.at("data.organization") != nil {
		t.Errorf("somebody else joined: %s", a.Raw)
	}
	tn.comesIn(t, cleo, token)
}

// comesIn accepts, and checks that this was the whole way.
func (tn *tenant) comesIn(t *testing.T, who *person, token string) {
	t.Helper()
	a := who.post(t, "/organizations/invitations/accept", "token", token).must(t, http.StatusOK)
	if a.at("data.organization.id") != tn.organization || a.at("data.workspace.id") != tn.workspace {
		t.Fatalf("not in: %s", a.Raw)
	}
	signIn := who.get(t, "/session").must(t, http.StatusOK)
	in := membership(t, who, "/me/organization-memberships", "organization_id", tn.organization)
	inside := membership(t, who, "/me/workspace-memberships", "workspace_id", tn.workspace)
	if a.at("data.signin_id") != signIn.at("data.active_signin.id") ||
		signIn.at("data.active_signin.active_organization_membership_id") != in ||
		signIn.at("data.active_signin.active_workspace_membership_id") != inside {
		t.Errorf("the new memberships are not the active ones: %s", signIn.Raw)
	}
	page := tn.owner.get(t, "/organizations/"+tn.organization+"/invitations").must(t, http.StatusOK)
	for _, one := range page.list(t, "data") {
		if at(one, "email") == who.email {
			t.Errorf("the list still shows the accepted invitation: %s", page.Raw)
		}
	}
	again := who.post(t, "/organizations/invitations/accept", "token", token).must(t, http.StatusOK)
	if again.at("data.already_member") != true || again.at("data.organization") != nil {
		t.Errorf("accepting twice is not calm: %s", again.Raw)
	}
	check := who.get(t, "/deployment/invitations/validate?token="+token).must(t, http.StatusOK)
	if check.at("data.valid") != false || check.at("data.error_code") != "INVITATION_ALREADY_USED" {
		t.Errorf("the used invitation is still valid: %s", check.Raw)
	}
}

// storyOfResending sends again: the link before it is over.
func (tn *tenant) storyOfResending(t *testing.T) {
	made := tn.invite(t, tn.world.newEmail("dora"), "")
	email, first := made.text(t, "data.email"), made.text(t, "data.token")
	mailed := tn.world.mailTo(t, email, "invitation").token(t)
	path := "/organizations/" + tn.organization + "/invitations/" + made.text(t, "data.id")
	second := tn.owner.post(t, path+"/resend").must(t, http.StatusOK).text(t, "data.token")
	next := tn.world.mailAfter(t, email, "invitation", 1).token(t)
	visitor := tn.world.browser()
	for token, valid := range map[string]bool{first: false, mailed: false, second: true, next: true} {
		check := visitor.get(t, "/deployment/invitations/validate?token="+token).must(t, http.StatusOK)
		if check.at("data.valid") != valid {
			t.Errorf("after sending again, the token is %v: %s", check.at("data.valid"), check.Raw)
		}
	}
	tn.owner.post(t, path+"/discard").must(t, http.StatusOK)
	tn.owner.post(t, path+"/discard").must(t, http.StatusOK)
	a := visitor.post(t, "/organizations/invitations/accept", "token", next).must(t, http.StatusOK)
	if a.at("data.error_code") != "INVITATION_DISCARDED" {
		t.Errorf("a withdrawn invitation is answered: %s", a.Raw)
	}
}

// storyOfRotation signs in: the token from before goes on working for a
// moment, for what it could do before.
func (w *world) storyOfRotation(t *testing.T) {
	for name, dev := range map[string]bool{"cookies": false, "development session": true} {
		t.Run(name, func(t *testing.T) {
			b := w.browser()
			b.dev = dev
			a := b.post(t, "/auth/signin", "strategy", "email_otp", "email", w.stranger.email).must(t, http.StatusOK)
			before, in := b.copy(), a.text(t, "data.id")
			b.post(t, "/auth/signin", "strategy", "plain_email", "email", w.stranger.email, "password", password).must(t, http.StatusOK)
			b.get(t, "/me").must(t, http.StatusOK)
			if before.token == b.token && before.cookies[session.Cookie] == b.cookies[session.Cookie] {
				t.Error("signing in did not change the token")
			}
			before.get(t, "/me").must(t, http.StatusUnauthorized)
			if a := before.get(t, "/session").must(t, http.StatusOK); a.at("data.id") != in {
				t.Errorf("a parallel request lost its session: %s", a.Raw)
			}
		})
	}
}

// storyOfHeader: the header comes with a new or rotated token, and only then.
func (w *world) storyOfHeader(t *testing.T) {
	b := w.browser()
	b.dev = true
	if a := b.get(t, "/session").must(t, http.StatusOK); a.Header.Get(session.DevHeader) == "" {
		t.Error("a new session is not handed out")
	}
	if a := b.get(t, "/session").must(t, http.StatusOK); a.Header.Get(session.DevHeader) != "" {
		t.Error("a session that stays is handed out again")
	}
	a := b.post(t, "/auth/signin", "strategy", "plain_email", "email", w.stranger.email, "password", password).must(t, http.StatusOK)
	if a.Header.Get(session.DevHeader) == "" {
		t.Error("a rotated session is not handed out")
	}
	plain := w.browser()
	if a := plain.get(t, "/session").must(t, http.StatusOK); a.Header.Get(session.DevHeader) != "" {
		t.Error("the header comes without the parameter")
	}
	a = plain.send(t, request{Method: http.MethodGet, Path: "/me", Header: http.Header{session.DevHeader: {b.token}}})
	a.must(t, http.StatusUnauthorized) // never taken from a header
}
