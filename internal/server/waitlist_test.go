package server_test

import (
	"net/http"
	"net/url"
	"sync"
	"testing"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/database/databasetest"
	"github.com/guildhall-id/guildhall/internal/user"
	"github.com/guildhall-id/guildhall/internal/waitlist"
)

// approve lets an address sign up. The server mails the link soon.
func (w *world) approve(t *testing.T, email string) {
	t.Helper()
	ctx := access.WithCaller(t.Context(), &access.Caller{Deployment: w.Deployment.ID})
	d, err := w.Settings().Current(ctx)
	if err != nil {
		t.Fatal(err)
	}
	err = w.Database().InTx(ctx, func(tx *database.Tx) error { return waitlist.Approve(ctx, tx, d, user.Email(email), true) })
	if err != nil {
		t.Fatal(err)
	}
}

// Contract sections 7 and 9: who waits signs up with the mailed link, without
// a code, in either of the modes that keep others out. Looking at the link
// changes nothing; S2, S3: it is for one address, once.
func TestWaitlist(t *testing.T) {
	for _, dialect := range databasetest.Dialects() {
		t.Run(string(dialect), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, dialect)
			ana, bo := w.newcomer("ana", false), w.newcomer("bo", false)
			w.approve(t, ana.email)
			w.approve(t, bo.email)
			t.Run(deployment.SignUpWaitlist, func(t *testing.T) { w.storyOfWaiting(t, ana, deployment.SignUpWaitlist, "SIGNUP_WAITLIST_ONLY") })
			t.Run(deployment.SignUpRestricted, func(t *testing.T) { w.storyOfWaiting(t, bo, deployment.SignUpRestricted, "SIGNUP_RESTRICTED") })
		})
	}
}

// signUpAtOnce signs somebody up with one link in several browsers at once; one
// of them wins.
func (w *world) signUpAtOnce(t *testing.T, who *person, token string) {
	t.Helper()
	var all sync.WaitGroup
	browsers, answers := make([]*browser, 5), make([]answer, 5)
	for i := range browsers {
		browsers[i] = w.browser()
		all.Go(func() {
			answers[i] = browsers[i].post(t, "/auth/signup", "first_name", "Ana", "last_name", "Waiting", "email", who.email, "password", password, "invite_token", token)
		})
	}
	all.Wait()
	won := 0
	for i, a := range answers {
		if a.Status != http.StatusOK {
			continue
		}
		won++
		who.browser = browsers[i]
		if a.at("data.signup_attempts.-1.completed") != true || a.at("data.active_signin") == nil {
			t.Fatalf("the mailed link does not prove the address: %s", a.Raw)
		}
	}
	if won != 1 {
		t.Fatalf("%d people signed up with one link", won)
	}
}

func (w *world) storyOfWaiting(t *testing.T, ana *person, mode, refusal string) {
	w.during(t, func(to *deployment.Settings) { to.Restrictions.SignUpMode = mode })
	signUp := func(email, token string) answer {
		return ana.post(t, "/auth/signup", "first_name", "Ana", "last_name", "Waiting", "email", email, "password", password, "invite_token", token)
	}
	joined := ana.post(t, "/waitlist/join", "first_name", "Ana", "last_name", "Waiting", "email", ana.email)
	if mode == deployment.SignUpWaitlist {
		joined.must(t, http.StatusOK)
	} else if joined.must(t, http.StatusForbidden).code() != "FEATURE_DISABLED" {
		t.Errorf("joined a list that is none: %s", joined.Raw)
	}
	if a := signUp(ana.email, ""); a.code() != refusal {
		t.Errorf("signed up without invitation: %s", a.Raw)
	}
	link, err := url.Parse(w.mailTo(t, ana.email, "waitlist_approved").Links[0])
	if err != nil {
		t.Fatal(err)
	}
	token := link.Query().Get("invite_token")
	if link.Path != "/sign-up" || link.Query().Get("invited_email") != ana.email || !deploymentToken.MatchString(token) {
		t.Errorf("the mail leads to %s", link)
	}
	for range 3 {
		check := ana.get(t, "/deployment/invitations/validate?token="+token).must(t, http.StatusOK)
		if check.at("data.valid") != true || check.at("data.email") != ana.email {
			t.Errorf("the token is not valid before it is used: %s", check.Raw)
		}
	}
	if a := signUp(w.newEmail("eve"), token); a.code() != refusal {
		t.Errorf("somebody else signed up with the link: %s", a.Raw)
	}
	if a := signUp(ana.email, token[:len(token)-1]); a.code() != refusal {
		t.Errorf("signed up with a part of the link: %s", a.Raw)
	}
	w.signUpAtOnce(t, ana, token)
	check := ana.get(t, "/deployment/invitations/validate?token="+token).must(t, http.StatusOK)
	if check.at("data.valid") != false || check.at("data.error_code") != "INVITATION_ALREADY_USED" {
		t.Errorf("the token is valid after it was used: %s", check.Raw)
	}
	ana.post(t, "/me/account/delete", "password", password).must(t, http.StatusOK)
	if a := signUp(ana.email, token); a.code() != refusal {
		t.Errorf("signed up with the link again: %s", a.Raw)
	}
}
