package access

import (
	"time"

	"github.com/guildhall-id/guildhall/internal/platform/clock"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
)

// fresh is how long ago people may have signed in who want to change how they
// sign in, or to end their account.
const fresh = 10 * time.Minute

// ErrStaleSignIn asks people to show again who they are.
var ErrStaleSignIn = fault.New(fault.Forbidden, "FRESH_SIGN_IN_REQUIRED", "Sign out and in again first: this needs a sign-in of the last 10 minutes.")

// Fresh is nil for somebody who has signed in within the last ten minutes, else
// ErrStaleSignIn.
func (c *Caller) Fresh(now clock.Time) error {
	if now.Sub(c.SignedInAt) > fresh {
		return ErrStaleSignIn
	}
	return nil
}
