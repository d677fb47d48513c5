package account

import (
	"testing"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/factor"
	"github.com/guildhall-id/guildhall/internal/user"
)

func (o *desk) update(c *access.Caller, change func(*updateUserInput)) (user.Current, error) {
	var in updateUserInput
	change(&in)
	return o.updateUser(as(c), in)
}

func (o *desk) usernames() {
	o.t.Helper()
	o.set(func(s *deployment.Settings) { s.Auth.Username.Enabled = true })
}

func TestProfileChangesWhatIsSent(t *testing.T) {
	each(t, func(o *desk) {
		o.usernames()
		ana := o.somebody("ana")
		before := o.me(ana)
		o.clock.Add(1000)
		last, name := "Ångström", "Ana.A"
		me, err := o.update(ana, func(in *updateUserInput) { in.Body.LastName, in.Body.Username = &last, &name })
		must(o.t, err)
		if me.FirstName != "ana" || me.LastName != last || me.Username != name || me.UpdatedAt <= before.UpdatedAt {
			o.t.Errorf("got %+v", me)
		}
		if n := o.count("SELECT count(*) FROM users WHERE search = 'ana ångström ana.a ana@example.com'"); n != 1 {
			o.t.Error("the person is not found by their new names")
		}
		if o.events(ana.User, "user.updated") != 1 {
			o.t.Error("no event tells of the change")
		}
		o.clock.Add(1000)
		again, err := o.update(ana, func(in *updateUserInput) { in.Body.LastName = &last })
		must(o.t, err)
		if again.UpdatedAt != me.UpdatedAt || o.events(ana.User, "user.updated") != 1 {
			o.t.Error("the same names again are a change")
		}
		none := ""
		me, err = o.update(ana, func(in *updateUserInput) { in.Body.LastName, in.Body.Username = &none, &none })
		if err != nil || me.LastName != "" || me.Username != "" {
			o.t.Errorf("cleared: %+v, %v", me, err)
		}
	})
}

func TestProfileRefusals(t *testing.T) {
	each(t, func(o *desk) {
		ana, ben := o.somebody("ana"), o.somebody("ben")
		unverified, theirs := o.claims(ana, "new@example.com"), o.me(ben).EmailAddresses[0].ID
		text := func(s string) *string { return &s }
		tests := map[string]struct {
			change func(*updateUserInput)
			want   error
		}{
			"a name that is markup":       {func(in *updateUserInput) { in.Body.FirstName = text("<b>") }, user.ErrNameInvalid},
			"a username, switched off":    {func(in *updateUserInput) { in.Body.Username = text("ana") }, deployment.ErrFeatureDisabled},
			"an unverified primary":       {func(in *updateUserInput) { in.Body.PrimaryEmailAddressID = &unverified }, ErrEmailUnverified},
			"somebody else's address":     {func(in *updateUserInput) { in.Body.PrimaryEmailAddressID = &theirs }, ErrEmailNotFound},
			"a factor that nobody has":    {func(in *updateUserInput) { in.Body.SecondFactorPolicy = enforced }, factor.ErrNoFactor},
			"a factor when there is one":  {func(in *updateUserInput) { in.Body.SecondFactorPolicy = "optional" }, nil},
			"no picture, as it is":        {func(in *updateUserInput) { in.Body.RemoveProfilePicture = true }, nil},
			"a name that is not asked of": {func(in *updateUserInput) { in.Body.FirstName = text("ana") }, nil},
		}
		for name, tt := range tests {
			_, err := o.update(ana, tt.change)
			if tt.want == nil {
				must(o.t, err)
				continue
			}
			refuses(o.t, name, err, tt.want)
		}
		o.set(func(s *deployment.Settings) {
			s.Restrictions.BannedKeywords, s.Restrictions.BlockSubaddresses = []string{"admin"}, true
		})
		_, err := o.update(ana, func(in *updateUserInput) { in.Body.FirstName = text("The Admin") })
		refuses(o.t, "a banned word", err, user.ErrBannedKeyword)
		_, err = o.claim(ana, "ana+1@example.com")
		refuses(o.t, "a subaddress", err, user.ErrEmailBlocked)
		o.set(func(s *deployment.Settings) { s.Auth.FirstName.Required, s.Auth.Username.Enabled = true, true })
		_, err = o.update(ana, func(in *updateUserInput) { in.Body.FirstName = text("") })
		refuses(o.t, "giving up a required name", err, ErrRequired)
		_, err = o.update(ana, func(in *updateUserInput) { in.Body.Username = text("ana@example.com") })
		refuses(o.t, "an address as username", err, user.ErrUsernameInvalid)
		_, err = o.update(ana, func(in *updateUserInput) { in.Body.Username = text("the.ADMIN") })
		refuses(o.t, "a banned word in a username", err, user.ErrBannedKeyword)
	})
}

// R2: of many who take one username at once, one gets it; case makes no
// difference.
func TestUsernameIsUnique(t *testing.T) {
	each(t, func(o *desk) {
		o.usernames()
		people := []*access.Caller{o.somebody("a"), o.somebody("b"), o.somebody("c"), o.somebody("d")}
		names := []string{"Shared", "shared", "SHARED", "sHared"}
		errs := race(len(people), func(i int) error {
			_, err := o.update(people[i], func(in *updateUserInput) { in.Body.Username = &names[i] })
			return err
		})
		if n := wins(o.t, errs, user.ErrUsernameExists); n != 1 {
			o.t.Errorf("%d people have the username", n)
		}
	})
}
