package waitlist

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/organization"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/database/databasetest"
	"github.com/guildhall-id/guildhall/internal/platform/job"
	"github.com/guildhall-id/guildhall/internal/platform/limit"
	"github.com/guildhall-id/guildhall/internal/platform/mail"
	"github.com/guildhall-id/guildhall/internal/platform/secret"
	"github.com/guildhall-id/guildhall/internal/session"
	"github.com/guildhall-id/guildhall/internal/user"
)

// queue is the waiting list of a fresh deployment, with a clock to move.
type queue struct {
	*Service
	t     *testing.T
	d     *deployment.Deployment
	clock *atomic.Int64
}

func each(t *testing.T, rate limit.Rate, body func(*queue)) {
	t.Helper()
	var clock atomic.Int64
	clock.Store(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixMilli())
	now := func() time.Time { return time.UnixMilli(clock.Load()) }
	databasetest.EachWithClock(t, now, func(t *testing.T, db *database.DB) {
		key, err := secret.NewKey(bytes.Repeat([]byte{7}, secret.KeySize))
		must(t, err)
		deployments := deployment.NewService(db, deployment.Staging, "http://localhost:8080", key)
		_, err = deployments.Ensure(t.Context(), "Test")
		must(t, err)
		jobs := job.New(db, slog.Default())
		sessions := session.NewService(db, deployments, key, nil)
		outbox := mail.NewOutbox(db, jobs, key, mail.None, "no-reply@example.com", mail.StrictLimits)
		q := &queue{t: t, clock: &clock, Service: NewService(Needs{
			DB: db, Deployments: deployments, Outbox: outbox, Jobs: jobs, Key: key, PerClient: rate, Now: now,
			Organizations: organization.NewService(db, deployments, sessions, outbox, key, organization.Limits{}),
		})}
		q.set(func(s *deployment.Settings) { s.Restrictions.SignUpMode = deployment.SignUpWaitlist })
		body(q)
	})
}

var often = limit.Rate{Count: 1000, Per: time.Minute}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (q *queue) set(change func(*deployment.Settings)) {
	q.t.Helper()
	must(q.t, q.deployments.Change(q.t.Context(), change))
	var err error
	q.d, err = q.deployments.Current(q.t.Context())
	must(q.t, err)
}

// from is somebody at an address.
func (q *queue) from(ip string) context.Context {
	return access.WithCaller(q.t.Context(), &access.Caller{
		Deployment: q.d.ID, Client: access.Client{IP: netip.MustParseAddr(ip), UserAgent: "browser"},
	})
}

func (q *queue) joins(ctx context.Context, email, first string) (Joined, error) {
	var in joinInput
	in.Body.Email, in.Body.FirstName, in.Body.LastName = email, first, "Example"
	return q.join(ctx, in)
}

func (q *queue) count(query string, args ...any) (n int) {
	q.t.Helper()
	must(q.t, q.db.QueryRow(q.t.Context(), query, args...).Scan(&n))
	return n
}

func (q *queue) approve(email user.Email, anybody bool) error {
	ctx := access.WithCaller(q.t.Context(), &access.Caller{Deployment: q.d.ID})
	return q.db.InTx(ctx, func(tx *database.Tx) error { return Approve(ctx, tx, q.d, email, anybody) })
}

func (q *queue) person(email user.Email) {
	q.t.Helper()
	must(q.t, q.db.InTx(q.t.Context(), func(tx *database.Tx) error {
		_, err := user.Create(q.from("192.0.2.1"), tx, user.NewUser{Deployment: q.d.ID, Email: email, TypedEmail: string(email), Strategy: "email_otp"})
		return err
	}))
}

func (q *queue) entry(email string) Entry {
	q.t.Helper()
	entry, err := New(q.db).EntryOfEmail(q.t.Context(), EntryOfEmailParams{DeploymentID: q.d.ID, Email: email})
	must(q.t, err)
	return entry
}

// states are how far everybody has come.
func (q *queue) states() string {
	q.t.Helper()
	var all []string
	for place, err := range Places(q.t.Context(), q.db, q.d.ID) {
		must(q.t, err)
		all = append(all, fmt.Sprint(place.Email, " ", place.StateAt(q.db.Now())))
	}
	return strings.Join(all, ", ")
}

// S14: an address waits once, and the answer tells neither whether it has an
// account or waits already, nor the names that somebody else typed.
func TestJoining(t *testing.T) {
	each(t, often, func(q *queue) {
		q.person("member@example.com")
		ctx := q.from("192.0.2.1")
		first, err := q.joins(ctx, " Ana@BÜCHER.example ", "Ana")
		must(q.t, err)
		if e := first.Entry; e.Email != "ana@xn--bcher-kva.example" || e.EmailAddress != e.Email || e.FirstName != "Ana" || e.DeploymentID != q.d.ID || e.ID == 0 {
			q.t.Errorf("got %+v", first)
		}
		q.clock.Add(1000)
		again, err := q.joins(ctx, "ana@bücher.example", "Ana")
		if err != nil || again != first {
			q.t.Errorf("joining twice: %+v, %v, not %+v", again, err, first)
		}
		must(q.t, q.approve("ana@xn--bcher-kva.example", false))
		stranger, err := q.joins(ctx, "ana@bücher.example", "Eve")
		first.Entry.FirstName = "Eve"
		if err != nil || stranger != first || q.entry("ana@xn--bcher-kva.example").FirstName != "Ana" {
			q.t.Errorf("a stranger: %+v, %v", stranger, err)
		}
		known, err := q.joins(ctx, "member@example.com", "Mem")
		must(q.t, err)
		unknown, err := q.joins(ctx, "nobody@example.com", "Mem")
		must(q.t, err)
		unknown.Entry.ID, unknown.Entry.Email, unknown.Entry.EmailAddress = known.Entry.ID, known.Entry.Email, known.Entry.Email
		if known != unknown {
			q.t.Errorf("with an account: %+v, without: %+v", known, unknown)
		}
		if n := q.count("SELECT count(*) FROM events WHERE name = 'waitlist.joined' AND ip_address = '192.0.2.1' AND user_agent = 'browser'"); n != 3 {
			q.t.Errorf("%d events", n)
		}
		if states := q.states(); states != "ana@xn--bcher-kva.example approved, member@example.com joined, nobody@example.com waiting" {
			q.t.Errorf("the list is %s", states)
		}
	})
}

func TestJoiningAtOnce(t *testing.T) {
	each(t, often, func(q *queue) {
		const people = 8
		var all sync.WaitGroup
		answers := make([]Joined, people)
		for i := range people {
			all.Go(func() {
				var err error
				if answers[i], err = q.joins(q.from("192.0.2.1"), "ana@example.com", "Ana"); err != nil {
					q.t.Error(err)
				}
			})
		}
		all.Wait()
		for _, a := range answers {
			if a.Entry.ID != answers[0].Entry.ID {
				q.t.Errorf("two places: %v", answers)
			}
		}
		if n := q.count("SELECT count(*) FROM events WHERE name = 'waitlist.joined'"); n != 1 {
			q.t.Errorf("%d events", n)
		}
	})
}

// Contract section 7: restrictions hold, and the list is there in one mode.
func TestJoiningIsRefused(t *testing.T) {
	each(t, often, func(q *queue) {
		ctx := q.from("192.0.2.1")
		q.set(func(s *deployment.Settings) {
			s.Restrictions.BlocklistEnabled, s.Restrictions.BlocklistedResources = true, []string{"blocked.example"}
			s.Restrictions.BannedKeywords = []string{"admin"}
		})
		for _, test := range []struct {
			email, first string
			want         error
		}{
			{"ana", "Ana", user.ErrEmailInvalid},
			{"", "Ana", user.ErrEmailInvalid},
			{"ana@blocked.example", "Ana", user.ErrEmailBlocked},
			{"the.admin@example.com", "Ana", user.ErrBannedKeyword},
			{"ana@example.com", "Admin", user.ErrBannedKeyword},
			{"ana@example.com", "A\nB", user.ErrNameInvalid},
		} {
			if _, err := q.joins(ctx, test.email, test.first); !errors.Is(err, test.want) {
				q.t.Errorf("%q, %q: got %v, want %v", test.email, test.first, err, test.want)
			}
		}
		for _, mode := range []string{deployment.SignUpPublic, deployment.SignUpRestricted} {
			q.set(func(s *deployment.Settings) { s.Restrictions.SignUpMode = mode })
			if _, err := q.joins(ctx, "ana@example.com", "Ana"); !errors.Is(err, ErrNoWaitlist) {
				q.t.Errorf("%s: %v", mode, err)
			}
		}
		if states := q.states(); states != "" {
			q.t.Errorf("the list is %s", states)
		}
	})
}

func TestJoiningIsLimited(t *testing.T) {
	each(t, limit.Rate{Count: 2, Per: time.Minute}, func(q *queue) {
		for i, test := range []struct {
			ip   string
			want error
		}{
			{"2001:db8::1", nil},
			{"2001:db8::2", nil},
			{"2001:db8::3", ErrTooManyTries},
			{"2001:db8:0:1::1", nil},
			{"192.0.2.1", nil},
		} {
			if _, err := q.joins(q.from(test.ip), fmt.Sprintf("ana%d@example.com", i), "Ana"); !errors.Is(err, test.want) {
				q.t.Errorf("%s: got %v, want %v", test.ip, err, test.want)
			}
		}
	})
}

// S3: only the newest link works, for one address, once, and not for ever.
func TestApproval(t *testing.T) {
	each(t, often, func(q *queue) {
		lookup := func(token string) (Invited, error) {
			return q.invitations.Lookup(q.t.Context(), q.db, q.d.ID, token, q.db.Now())
		}
		joined, err := q.joins(q.from("192.0.2.1"), "ana@example.com", "Ana")
		must(q.t, err)
		token := func(generation int64) string { return q.invitations.print(joined.Entry.ID, generation) }
		for _, early := range []int64{0, 1} {
			if _, err := lookup(token(early)); !errors.Is(err, organization.ErrInvitationNotFound) {
				q.t.Errorf("before the approval: %v", err)
			}
		}
		must(q.t, q.approve("ana@example.com", false))
		want := Invited{"ana@example.com", "Ana", "Example"}
		if invited, err := lookup(token(1)); err != nil || invited != want {
			q.t.Errorf("got %+v, %v", invited, err)
		}
		if _, err := q.invitations.Lookup(q.t.Context(), q.db, q.d.ID+1, token(1), q.db.Now()); !errors.Is(err, organization.ErrInvitationNotFound) {
			q.t.Errorf("elsewhere: %v", err)
		}
		must(q.t, q.approve("ana@example.com", false))
		if _, err := lookup(token(1)); !errors.Is(err, organization.ErrInvitationReplaced) {
			q.t.Errorf("the first link after the second: %v", err)
		}
		q.clock.Add(invitationLife.Milliseconds() - 1)
		if _, err := lookup(token(2)); err != nil || q.states() != "ana@example.com approved" {
			q.t.Errorf("at the last moment: %v, %s", err, q.states())
		}
		q.clock.Add(1)
		if _, err := lookup(token(2)); !errors.Is(err, organization.ErrInvitationExpired) || q.states() != "ana@example.com expired" {
			q.t.Errorf("a moment later: %v, %s", err, q.states())
		}
		must(q.t, q.approve("ana@example.com", false))
		q.person("ana@example.com")
		if _, err := lookup(token(3)); !errors.Is(err, organization.ErrInvitationUsed) || q.states() != "ana@example.com joined" {
			q.t.Errorf("once used: %v, %s", err, q.states())
		}
		must(q.t, q.db.InTx(q.t.Context(), func(tx *database.Tx) error {
			_, err := tx.Exec(q.t.Context(), "UPDATE user_email_addresses SET ended_at = 1")
			return err
		}))
		if _, err := lookup(token(3)); !errors.Is(err, organization.ErrInvitationUsed) {
			q.t.Errorf("after the account: %v", err)
		}
	})
}

func TestApprovalIsRefused(t *testing.T) {
	each(t, often, func(q *queue) {
		q.person("member@example.com")
		q.set(func(s *deployment.Settings) {
			s.Restrictions.BlocklistEnabled, s.Restrictions.BlocklistedResources = true, []string{"blocked.example"}
		})
		for email, want := range map[user.Email]error{
			"nobody@example.com": ErrNotWaiting, "member@example.com": ErrHasAccount, "ana@blocked.example": user.ErrEmailBlocked,
		} {
			if err := q.approve(email, false); !errors.Is(err, want) {
				q.t.Errorf("%s: got %v, want %v", email, err, want)
			}
		}
		must(q.t, q.approve("nobody@example.com", true))
		if states := q.states(); states != "nobody@example.com approved" {
			q.t.Errorf("the list is %s", states)
		}
	})
}

// An approval is mailed once, by whichever node, and the mail is all that has
// the link; S8: beyond the limits it waits.
func TestApprovalIsMailed(t *testing.T) {
	each(t, often, func(q *queue) {
		work := func() (done int) {
			entries, err := q.claim(q.t.Context(), 8)
			must(q.t, err)
			for _, entry := range entries {
				for range 2 { // a node that was slow does it again
					if err := q.mail(q.t.Context(), entry); err != nil && !errors.Is(err, mail.ErrTooMany) {
						q.t.Error(err)
					}
				}
			}
			return len(entries)
		}
		mails := func() int { return q.count("SELECT count(*) FROM mails WHERE kind = 'waitlist_approved'") }
		must(q.t, q.approve("ana@example.com", true))
		if n := work(); n != 1 || mails() != 1 || work() != 0 {
			q.t.Errorf("%d claimed, %d mails", n, mails())
		}
		must(q.t, q.approve("ana@example.com", false))
		claimed, err := q.claim(q.t.Context(), 8)
		must(q.t, err)
		must(q.t, q.approve("ana@example.com", false))
		must(q.t, q.mail(q.t.Context(), claimed[0]))
		if mails() != 1 {
			q.t.Error("a link that was replaced was mailed")
		}
		if n := work(); n != 1 || mails() != 2 {
			q.t.Errorf("%d claimed, %d mails", n, mails())
		}
		for range mail.StrictLimits.PerRecipientHour {
			must(q.t, q.approve("ana@example.com", false))
			work()
		}
		if mails() != mail.StrictLimits.PerRecipientHour || work() != 0 {
			q.t.Errorf("%d mails", mails())
		}
		q.clock.Add(time.Hour.Milliseconds())
		if n := work(); n != 1 || mails() != mail.StrictLimits.PerRecipientHour+1 {
			q.t.Errorf("an hour later: %d claimed, %d mails", n, mails())
		}
	})
}

func TestMailLeadsToTheSignUpPage(t *testing.T) {
	each(t, often, func(q *queue) {
		q.set(func(s *deployment.Settings) { s.UI.SignUpPageURL = "https://app.example.com/join?from=mail" })
		must(q.t, q.approve("ana@example.com", true))
		entry := q.entry("ana@example.com")
		message, err := q.invitationMail(q.d, entry)
		must(q.t, err)
		link, err := url.Parse(message.Content.Action.URL)
		must(q.t, err)
		query := link.Query()
		if link.Host != "app.example.com" || link.Path != "/join" || query.Get("from") != "mail" || query.Get("invited_email") != "ana@example.com" ||
			query.Get("invite_token") != q.invitations.print(entry.ID, 1) || message.To != "ana@example.com" {
			q.t.Errorf("got %+v", message)
		}
		check, err := q.validateInvitation(q.from("192.0.2.1"), validateInput{query.Get("invite_token")})
		if want := (InvitationCheck{Valid: true, Email: "ana@example.com"}); err != nil || check != want {
			q.t.Errorf("got %+v, %v", check, err)
		}
		for _, forged := range []string{"", "ind_", "inv_", "inm_x", query.Get("invite_token") + "A"} {
			check, err := q.validateInvitation(q.from("192.0.2.1"), validateInput{forged})
			if err != nil || check.Valid || check.ErrorCode != "INVITATION_NOT_FOUND" || check.Message == "" {
				q.t.Errorf("%q: got %+v, %v", forged, check, err)
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	key, err := secret.NewKey(bytes.Repeat([]byte{7}, secret.KeySize))
	if err != nil {
		f.Fatal(err)
	}
	i := NewInvitations(key)
	f.Add(i.print(1, 1))
	f.Add(i.print(1<<62, 1<<31))
	f.Fuzz(func(t *testing.T, token string) {
		if entry, generation, ok := i.parse(token); ok && i.print(entry, generation) != token {
			t.Errorf("%q is accepted", token)
		}
	})
}
