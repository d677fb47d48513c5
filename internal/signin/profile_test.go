package signin

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/limit"
	"github.com/guildhall-id/guildhall/internal/platform/secret"
	"github.com/guildhall-id/guildhall/internal/session"
	"github.com/guildhall-id/guildhall/internal/user"
)

func (o *door) complete(c *access.Caller, attempt id.SignInAttempt, f form) (session.View, error) {
	in := completeProfileInput{Attempt: attempt}
	in.Body.FirstName, in.Body.LastName, in.Body.Username, in.Body.Email, in.Body.PhoneNumber = f.first, f.first, f.username, f.email, f.phone
	return o.completeProfile(o.as(c), in)
}

// nameless is somebody with a proven number and nothing else, where everything
// is required.
func (o *door) nameless() *resident {
	o.t.Helper()
	o.everything()
	o.change(func(s *deployment.Settings) { s.Auth.EmailAddress.Required, s.Auth.Password.Required = false, false })
	c := o.browser()
	_, err := o.apply(c, form{phone: "+41791234567"})
	must(o.t, err)
	o.verify(c, "+41791234567")
	o.change(func(s *deployment.Settings) {
		a := &s.Auth
		for _, f := range []*deployment.Field{&a.FirstName, &a.LastName, &a.Username.Field, &a.EmailAddress.Field, &a.PhoneNumber.Field} {
			f.Enabled, f.Required = true, true
		}
	})
	return &resident{id: c.User, phone: "+41791234567"}
}

// Fields that became required after somebody signed up are asked for at their
// next sign-in, and only these.
func TestCompleteProfile(t *testing.T) {
	each(t, func(o *door) {
		r := o.nameless()
		o.settle("taken")
		c := o.browser()
		a := last(o.begin(c, r, strategyPhone))
		want := []string{"first_name", "last_name", "username", "email_address"}
		if a.CurrentStep != stepProfile || !a.RequiresCompletion || a.Completed || c.User != 0 || !slices.Equal(a.MissingFields, want) || !slices.Contains(a.RequiredFields, "phone_number") {
			o.t.Fatalf("the attempt is %+v", a)
		}
		good := form{first: "Ana", username: "Ana.E", email: "Ana@Example.com", phone: "+41780000000"}
		o.change(func(s *deployment.Settings) { s.Restrictions.BannedKeywords = []string{"evil"} })
		for name, try := range map[string]struct {
			change func(*form)
			want   error
		}{
			"no name":               {func(f *form) { f.first = " " }, errRequired},
			"no username":           {func(f *form) { f.username = "" }, errRequired},
			"no address":            {func(f *form) { f.email = "" }, errRequired},
			"a wrong name":          {func(f *form) { f.first = "4" }, user.ErrNameInvalid},
			"a banned name":         {func(f *form) { f.first = "Evil" }, user.ErrBannedKeyword},
			"a wrong username":      {func(f *form) { f.username = "ana@example.com" }, user.ErrUsernameInvalid},
			"somebody's username":   {func(f *form) { f.username = "Taken" }, user.ErrUsernameExists},
			"a wrong address":       {func(f *form) { f.email = "ana" }, user.ErrEmailInvalid},
			"a banned address":      {func(f *form) { f.email = "evil@example.com" }, user.ErrBannedKeyword},
			"somebody else's":       {func(f *form) { f.email = "TAKEN@example.com" }, user.ErrEmailExists},
			"nothing, all in blank": {func(f *form) { *f = form{first: "\t"} }, errRequired},
		} {
			f := good
			try.change(&f)
			if _, err := o.complete(c, a.ID, f); !errors.Is(err, try.want) || c.User != 0 {
				o.t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := o.complete(o.browser(), a.ID, good); !errors.Is(err, ErrBadAttempt) {
			o.t.Errorf("in another browser: %v", err)
		}
		if _, err := o.complete(c, 0, good); !errors.Is(err, ErrBadAttempt) {
			o.t.Errorf("no attempt: %v", err)
		}
		if _, err := o.enterCode(c, id.Subject(a.ID), "123456"); !errors.Is(err, ErrBadAttempt) {
			o.t.Errorf("a code instead: %v", err)
		}
		view, err := o.complete(c, a.ID, good)
		must(o.t, err)
		if a := last(view); !a.Completed || c.User != r.id || len(a.MissingFields) != 0 || a.RequiresCompletion {
			o.t.Errorf("in the end %+v", a)
		}
		me := view.ActiveSignIn.User
		if me.FirstName != "Ana" || me.Username != "Ana.E" || len(me.PhoneNumbers) != 1 || len(me.EmailAddresses) != 1 || me.EmailAddresses[0].Verified || me.PrimaryEmailAddress != nil {
			o.t.Errorf("the person is %+v", me)
		}
		if _, err := o.complete(c, a.ID, good); !errors.Is(err, ErrBadAttempt) {
			o.t.Errorf("a second time: %v", err)
		}
		c = o.browser()
		if a := last(o.begin(c, r, strategyPhone)); !a.Completed {
			o.t.Errorf("the next sign-in is %+v", a)
		}
	})
}

// S13: the second factor comes before the profile, and the profile does not
// stand in for it.
func TestProfileAfterSecondFactor(t *testing.T) {
	each(t, func(o *door) {
		r := o.guarded()
		o.change(func(s *deployment.Settings) { s.Auth.LastName.Required, s.Auth.PhoneNumber.Required = true, true })
		o.exec("UPDATE users SET last_name = ''")
		c := o.browser()
		a := last(o.begin(c, r, strategyPassword))
		if a.CurrentStep != stepSecond || !slices.Equal(a.RemainingSteps, []string{stepSecond, stepProfile}) {
			o.t.Errorf("the attempt is %+v", a)
		}
		f := form{first: "Ana", phone: "+41791234567"}
		if _, err := o.complete(c, a.ID, f); !errors.Is(err, ErrBadAttempt) || c.User != 0 {
			o.t.Errorf("the profile before the second factor: %v", err)
		}
		if a := last(o.proveAgain(c, r, byAuthenticator)); a.CurrentStep != stepProfile || c.User != 0 || !slices.Equal(a.MissingFields, []string{"last_name", "phone_number"}) {
			o.t.Errorf("after the second factor %+v", a)
		}
		_, err := o.prepare(c, "", "")
		if !errors.Is(err, ErrStrategy) {
			o.t.Errorf("a code for the profile: %v", err)
		}
		view, err := o.complete(c, a.ID, f)
		must(o.t, err)
		second, restricted := o.noted(c)
		if me := view.ActiveSignIn.User; !last(view).Completed || me.LastName != "Ana" || len(me.PhoneNumbers) != 1 || me.PhoneNumbers[0].Verified || second != byAuthenticator || restricted != "" {
			o.t.Errorf("in the end %+v, on record %q, %q", me, second, restricted)
		}
	})
}

// planted is a caller with the token of a browser: whoever put it there.
func (o *door) planted(token secret.String) *access.Caller {
	o.t.Helper()
	r := httptest.NewRequest("GET", "/session", nil)
	r.AddCookie(&http.Cookie{Name: session.Cookie, Value: token.Reveal()})
	found, err := o.sessions.Authenticate(r, access.Tenant{}, true)
	must(o.t, err)
	return found
}

// S20: whoever planted the token of a browser cannot take the last step of a
// sign-in whose factors the victim has proven.
func TestAPlantedTokenTakesNoLastStep(t *testing.T) {
	each(t, func(o *door) {
		r := o.guarded()
		o.change(func(s *deployment.Settings) { s.Auth.LastName.Required = true })
		o.exec("UPDATE users SET last_name = ''")
		c := o.browser()
		_, err := o.signIn(c, strategyCode, "mallory@example.com", "")
		must(o.t, err)
		token := c.Session.Renewed
		inFlight := o.planted(token)

		a := last(o.begin(c, r, strategyPassword))
		o.proveAgain(c, r, byAuthenticator)
		for name, mallory := range map[string]*access.Caller{"in flight": inFlight, "replaced": o.planted(token)} {
			if _, err := o.complete(mallory, a.ID, form{first: "Mallory"}); !errors.Is(err, ErrBadAttempt) || mallory.User != 0 {
				o.t.Errorf("%s: %v", name, err)
			}
			if live, err := o.sessions.SignIns(o.t.Context(), o.db, mallory); err != nil || len(live) != 0 {
				o.t.Errorf("%s: %d sign-ins, %v", name, len(live), err)
			}
		}
		view, err := o.complete(c, a.ID, form{first: "Ana"})
		must(o.t, err)
		if !last(view).Completed || c.User != r.id {
			o.t.Errorf("the victim has %+v", last(view))
		}
	})
}

// S14: whose address or number it is, a profile tells as seldom as a sign-up.
func TestProfilesTellSeldom(t *testing.T) {
	each(t, func(o *door) {
		r := o.nameless()
		o.settle("taken")
		c := o.browser()
		a := last(o.begin(c, r, strategyPhone))
		o.signUps = limit.New(three, func() time.Time { return time.UnixMilli(o.clock.Load()) })
		for i := range 4 {
			_, err := o.complete(c, a.ID, form{first: "Ana", username: "Ana.E", email: "taken@example.com"})
			if want := map[bool]error{true: user.ErrEmailExists, false: ErrTooManyTries}[i < 3]; !errors.Is(err, want) {
				o.t.Errorf("question %d: %v", i+1, err)
			}
		}
	})
}
