package factor

import (
	"crypto/subtle"
	"strings"
	"time"

	"github.com/pquerna/otp/hotp"

	"github.com/guildhall-id/guildhall/internal/platform/clock"
)

// The codes of an authenticator (RFC 6238): six digits of HMAC-SHA-1, a new one
// every 30 seconds. Clocks may differ by one step (section 5.2).
const (
	period = 30 * time.Second
	skew   = 1
	digits = 6
)

// key is the secret of an authenticator in base32 (RFC 4648, section 6), as
// apps take it.
type key string

// stepAt is the number of periods since the epoch.
func stepAt(now clock.Time) int64 { return int64(now) / period.Milliseconds() }

// code is what an authenticator shows in a step (RFC 4226, section 5.3).
func (k key) code(step int64) (string, error) { return hotp.GenerateCode(string(k), uint64(step)) }

// step is the step around now in which an authenticator shows the code, zero
// for none of them. All are compared, whichever is right.
func (k key) step(typed string, now clock.Time) (found int64, err error) {
	return k.find(now, func(step int64) (bool, error) { return k.shows(typed, step) })
}

// consecutive is the step around now in which an authenticator shows the second
// code, after it has shown the first one in the step before; zero for none.
func (k key) consecutive(first, second string, now clock.Time) (int64, error) {
	return k.find(now, func(step int64) (bool, error) {
		before, err := k.shows(first, step-1)
		if err != nil {
			return false, err
		}
		after, err := k.shows(second, step)
		return before && after, err
	})
}

// find is the last of the steps around now that is right, zero for none.
func (k key) find(now clock.Time, right func(step int64) (bool, error)) (found int64, err error) {
	for step := stepAt(now) - skew; step <= stepAt(now)+skew; step++ {
		ok, err := right(step)
		if err != nil {
			return 0, err
		}
		if ok {
			found = step
		}
	}
	return found, nil
}

func (k key) shows(typed string, step int64) (bool, error) {
	code, err := k.code(step)
	return subtle.ConstantTimeCompare([]byte(code), []byte(typed)) == 1, err
}

// typedDigits is a code as it is compared: apps show it in two groups. It is
// empty for what cannot be one.
func typedDigits(typed string) string {
	code := strings.ReplaceAll(strings.TrimSpace(typed), " ", "")
	if len(code) != digits || strings.Trim(code, "0123456789") != "" {
		return ""
	}
	return code
}
