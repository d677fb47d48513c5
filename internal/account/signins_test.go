package account

import (
	"testing"
	"time"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
)

func (o *desk) signsOut(c *access.Caller, signIn id.SignIn) error {
	_, err := o.signOut(as(c), signInInput{signIn})
	return err
}

// S21: a sign-in that is ended from elsewhere is over for the next request,
// and so are its tokens.
func TestSignInsEndFromElsewhere(t *testing.T) {
	each(t, func(o *desk) {
		ana := o.person("ana", o.hash)
		here, token := o.signIn(ana)
		there, elsewhere := o.signIn(ana)
		ben, _ := o.signIn(o.person("ben", o.hash))
		list, err := o.listSignIns(as(here), struct{}{})
		if err != nil || len(list) != 2 || list[0].ID != there.SignIn || list[1].ID != here.SignIn || list[0].User.ID != ana {
			o.t.Fatalf("got %+v, %v", list, err)
		}
		refuses(o.t, "by somebody else", o.signsOut(ben, there.SignIn), access.ErrNotFound)
		must(o.t, o.signsOut(here, there.SignIn))
		if o.whoHas(elsewhere) != 0 || o.whoHas(token) != ana {
			o.t.Error("the wrong browser is signed out")
		}
		if n := o.count("SELECT count(*) FROM session_tokens WHERE session_id = $1 AND expires_at > $2", int64(there.Session.ID), int64(o.db.Now())); n != 0 {
			o.t.Errorf("%d tokens of that browser live", n)
		}
		refuses(o.t, "a second time", o.signsOut(here, there.SignIn), access.ErrNotFound)
		must(o.t, o.signsOut(here, here.SignIn))
		if here.User != 0 || o.whoHas(token) != 0 || o.whoHas(here.Session.Renewed.Reveal()) != 0 {
			o.t.Error("this browser is still signed in")
		}
	})
}

// A browser that holds another account stays, without the one that was ended.
func TestSignOutLeavesTheOtherAccount(t *testing.T) {
	each(t, func(o *desk) {
		ana, ben := o.person("ana", o.hash), o.person("ben", o.hash)
		shared, _ := o.signIn(ana)
		anas := shared.SignIn
		must(o.t, o.db.InTx(as(shared), func(tx *database.Tx) error {
			_, err := o.sessions.SignIn(as(shared), tx, shared, o.d, shared.Session.ID, ben, "plain_email")
			return err
		}))
		token := shared.Session.Renewed.Reveal()
		elsewhere, _ := o.signIn(ana)
		o.clock.Add(time.Second.Milliseconds())
		must(o.t, o.signsOut(elsewhere, anas))
		if o.whoHas(token) != ben {
			o.t.Error("the other account of the browser was signed out too")
		}
	})
}
