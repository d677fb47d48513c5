package signin

import (
	"errors"
	"net/url"
	"testing"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/id"
)

// written is what the audit has of one event.
type written struct {
	name    string
	actor   id.User
	subject id.Subject
	data    string
}

// during are the events of what a test does, in their order.
func (o *door) during(do func()) (list []written) {
	o.t.Helper()
	var last int64
	must(o.t, o.db.QueryRow(o.t.Context(), "SELECT COALESCE(max(id), 0) FROM events").Scan(&last))
	do()
	rows, err := o.db.Query(o.t.Context(), "SELECT name, actor_id, subject_id, data FROM events WHERE id > $1 ORDER BY id", last)
	must(o.t, err)
	defer rows.Close()
	for rows.Next() {
		var w written
		must(o.t, rows.Scan(&w.name, &w.actor, &w.subject, &w.data))
		list = append(list, w)
	}
	must(o.t, rows.Err())
	return list
}

// Whatever a sign-in is refused for is an event, and as much work for nobody as
// for somebody.
func TestFailedSignInsAreEvents(t *testing.T) {
	each(t, func(o *door) {
		o.everything()
		known := o.settle("ana")
		o.withPhone(known, "+41791234567")
		nobody := &resident{email: "nobody@example.com", username: "nobody", phone: "+41797654321"}
		for name, try := range map[string]func(*access.Caller, *resident) error{
			`{"method":"plain_email"}`: func(c *access.Caller, r *resident) error {
				_, err := o.signIn(c, strategyPassword, r.email, "wrong password")
				return err
			},
			`{"method":"email_otp","step":"verify_email_otp"}`: func(c *access.Caller, r *resident) error {
				_, err := o.signIn(c, strategyCode, r.email, "")
				must(t, err)
				_, err = o.prepare(c, strategyCode, "")
				must(t, err)
				_, err = o.enterCode(c, 0, "wrong")
				return err
			},
			`{"method":"phone_otp","step":"verify_phone_otp"}`: func(c *access.Caller, r *resident) error {
				_, err := o.signInBy(c, r.phone, "")
				must(t, err)
				_, err = o.prepare(c, strategyPhone, "")
				must(t, err)
				_, err = o.enterCode(c, 0, "wrong")
				return err
			},
			`{"method":"password_reset"}`: func(c *access.Caller, r *resident) error {
				_, err := o.forgot(c, r.email, "")
				must(t, err)
				_, err = o.forgot(c, r.email, "wrong")
				return err
			},
		} {
			for _, r := range []*resident{known, nobody} {
				c := o.browser()
				var err error
				events := o.during(func() { err = try(c, r) })
				want := written{"user.sign_in_failed", 0, id.Subject(r.id), name}
				if err == nil || len(events) != 1 || events[0] != want {
					t.Errorf("%s of %q: %v, and the audit has %+v", name, r.email, err, events)
				}
			}
		}
	})
}

// A link that is followed in the wrong browser, or no more, is a failure too.
func TestRefusedLinksAreEvents(t *testing.T) {
	each(t, func(o *door) {
		o.everything()
		r := o.settle("ana")
		o.change(func(s *deployment.Settings) { s.Auth.MagicLink.RequireSameDevice = true })
		c := o.browser()
		_, err := o.signIn(c, strategyLink, r.email, "")
		must(t, err)
		_, err = o.prepare(c, strategyLink, "")
		must(t, err)
		mailed, err := url.Parse(o.mailed(r.email).Action.URL)
		must(t, err)
		for _, step := range []struct {
			browser        *access.Caller
			refusal        error
			actor, subject id.User
		}{{o.browser(), ErrLinkElsewhere, 0, r.id}, {c, nil, 0, 0}, {c, ErrLinkInvalid, r.id, 0}} {
			events := o.during(func() { _, err = o.open(step.browser, mailed.Query()) })
			if !errors.Is(err, step.refusal) {
				t.Fatalf("got %v, want %v", err, step.refusal)
			}
			want := written{"user.sign_in_failed", step.actor, id.Subject(step.subject), `{"method":"magic_link"}`}
			if err != nil && (len(events) != 1 || events[0] != want) {
				t.Errorf("%v: the audit has %+v", step.refusal, events)
			}
		}
	})
}

// Who signs in has done so themselves, whoever else is signed in to the browser;
// a first factor without the second one is nobody's yet, but it is on record.
func TestWhoSignsInIsTheActor(t *testing.T) {
	each(t, func(o *door) {
		r := o.guarded()
		c := o.signedIn(o.settle("bo"))
		bo := c.User
		for _, step := range []struct {
			do   func()
			want []written
		}{
			{func() { o.begin(c, r, strategyPassword) }, []written{
				{"user.first_factor_verified", bo, id.Subject(r.id), `{"method":"plain_email"}`},
			}},
			{func() {
				_, err := o.enterCode(c, 0, "wrong")
				if err == nil {
					t.Error("a wrong code is right")
				}
			}, []written{
				{"user.sign_in_failed", bo, id.Subject(r.id), `{"method":"plain_email","step":"verify_second_factor"}`},
			}},
			{func() {
				_, err := o.enterCode(c, 0, r.spare[0])
				must(t, err)
			}, []written{
				{"user.backup_codes.used", r.id, id.Subject(r.id), ""},
				{"user.second_factor_verified", r.id, id.Subject(r.id), `{"method":"backup_code"}`},
				{"user.signed_in", r.id, id.Subject(r.id), ""},
			}},
		} {
			events := o.during(step.do)
			if len(events) != len(step.want) {
				t.Fatalf("got %+v, want %+v", events, step.want)
			}
			for i, want := range step.want {
				if want.data == "" {
					want.data = events[i].data
				}
				if events[i] != want {
					t.Errorf("got %+v, want %+v", events[i], want)
				}
			}
		}
	})
}
