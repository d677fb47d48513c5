package signin

import (
	"errors"
	"log/slog"
	"net/url"
	"testing"
	"time"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/job"
	"github.com/guildhall-id/guildhall/internal/platform/mail"
)

// A code or link whose mail the limits hold back does not take the place of the
// one that is in the mailbox already.
func TestWhatIsNotSentReplacesNothing(t *testing.T) {
	each(t, func(o *door) {
		o.withLinks()
		o.everything()
		o.outbox = mail.NewOutbox(o.db, job.New(o.db, slog.Default()), testKey(o.t), mail.None, "no-reply@example.com", mail.StrictLimits).CarryTexts(mail.None)
		again := func(c *access.Caller) {
			o.t.Helper()
			_, err := o.prepare(c, "", "")
			must(o.t, err)
		}
		for method, most := range map[string]int{
			strategyCode: 1, strategyPhone: 1, // a minute
			strategyLink: mail.StrictLimits.PerRecipientHour,
		} {
			r := o.settle("ana." + method[:5])
			c, to := o.browser(), r.email
			if method == strategyPhone {
				o.withPhone(r, "+41791234567")
				to = r.phone
				_, err := o.signInBy(c, r.phone, "")
				must(o.t, err)
			} else {
				_, err := o.signIn(c, method, r.email, "")
				must(o.t, err)
			}
			for range most {
				again(c)
			}
			sent := o.mailed(to)
			again(c)
			var err error
			if method == strategyLink {
				link, failed := url.Parse(sent.Action.URL)
				must(o.t, failed)
				_, err = o.open(c, link.Query())
			} else {
				_, err = o.enterCode(c, 0, sent.Code)
			}
			if err != nil || c.User != r.id {
				o.t.Errorf("%s: %v", method, err)
			}
		}
		r, c := o.settle("bo"), o.browser()
		_, err := o.forgot(c, r.email, "")
		must(o.t, err)
		code := o.mailed(r.email).Code
		_, err = o.forgot(c, r.email, "")
		must(o.t, err)
		if _, err := o.forgot(c, r.email, code); err != nil {
			o.t.Errorf("a reset: %v", err)
		}
	})
}

// The digest of a password is kept with the person alone: a sign-up gives it up
// when it completes, or a day after it could have.
func TestSignUpsKeepNoPasswords(t *testing.T) {
	each(t, func(o *door) {
		kept := func() (attempts, hashes int64) {
			must(o.t, o.db.QueryRow(o.t.Context(), "SELECT count(*), count(NULLIF(password_hash, '')) FROM signup_attempts").Scan(&attempts, &hashes))
			return attempts, hashes
		}
		o.account("ana@example.com")
		if attempts, hashes := kept(); attempts != 1 || hashes != 0 {
			o.t.Errorf("a completed sign-up keeps %d digests", hashes)
		}
		c := o.browser()
		view, err := o.signUp(c, "bo@example.com")
		must(o.t, err)
		must(o.t, o.Sweep(o.t.Context()))
		attempt := id.Subject(view.SignUpAttempts[0].ID)
		_, err = o.enterCode(c, attempt, o.code(forSignUp, attempt))
		must(o.t, err)
		_, err = o.signUp(o.browser(), "cem@example.com")
		must(o.t, err)
		o.clock.Add((25 * time.Hour).Milliseconds())
		must(o.t, o.Sweep(o.t.Context()))
		if attempts, hashes := kept(); attempts != 0 || hashes != 0 {
			o.t.Errorf("%d sign-ups and %d digests are left", attempts, hashes)
		}
	})
}

// S14: a wrong password is as much work for nobody as for somebody, down to the
// commit that writes it down.
func TestWrongPasswordsCostTheSame(t *testing.T) {
	each(t, func(o *door) {
		o.account("ana@example.com")
		for _, email := range []string{"ana@example.com", "nobody@example.com"} {
			before := o.count("user.sign_in_failed")
			if _, err := o.signIn(o.browser(), strategyPassword, email, "wrong password"); !errors.Is(err, ErrInvalidCredentials) {
				o.t.Errorf("%s: %v", email, err)
			}
			if n := o.count("user.sign_in_failed") - before; n != 1 {
				o.t.Errorf("%s: %d events", email, n)
			}
		}
	})
}

// count is how many events of a name there are.
func (o *door) count(name string) (n int64) {
	o.t.Helper()
	must(o.t, o.db.QueryRow(o.t.Context(), "SELECT count(*) FROM events WHERE name = $1", name).Scan(&n))
	return n
}
