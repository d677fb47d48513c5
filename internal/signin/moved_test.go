package signin

import (
	"errors"
	"testing"
)

// S15: a code proves the address that it was sent to, for the person whose it
// was then. Meanwhile the address can have gone to somebody else.
func TestCodeOfAnAddressThatMoved(t *testing.T) {
	each(t, func(o *door) {
		ana, bo := o.settle("ana"), o.settle("bo")
		c := o.browser()
		_, err := o.signIn(c, strategyCode, ana.email, "")
		must(o.t, err)
		_, err = o.prepare(c, strategyCode, "")
		must(o.t, err)
		code := o.mailed(ana.email).Code
		o.exec("UPDATE user_email_addresses SET user_id = $1 WHERE email = $2", int64(bo.id), ana.email)
		if _, err := o.enterCode(c, 0, code); !errors.Is(err, ErrBadAttempt) || c.User != 0 {
			o.t.Errorf("an address that is somebody else's now: %v, signed in: %v", err, c.User)
		}
	})
}
