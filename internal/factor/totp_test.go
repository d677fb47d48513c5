package factor

import (
	"encoding/base32"
	"testing"
	"time"

	"github.com/guildhall-id/guildhall/internal/platform/clock"
)

// rfc is the secret of the test values in RFC 6238, appendix B.
var rfc = key(base32.StdEncoding.EncodeToString([]byte("12345678901234567890")))

// The SHA-1 values of RFC 6238, appendix B, cut to six digits (RFC 4226,
// section 5.3).
func TestCodesAreThoseOfTheStandard(t *testing.T) {
	for second, want := range map[int64]string{
		59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130",
	} {
		now := clock.At(time.Unix(second, 0))
		if got, err := rfc.code(stepAt(now)); err != nil || got != want {
			t.Errorf("at %d: %s, %v, want %s", second, got, err, want)
		}
		if step, err := rfc.step(want, now); err != nil || step != second/30 {
			t.Errorf("%s at %d is of step %d, %v", want, second, step, err)
		}
	}
}

// S18: one step before and after the present one is right, two are not.
func TestClocksMayDifferByOneStep(t *testing.T) {
	now := clock.At(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	for steps := int64(-4); steps <= 4; steps++ {
		code, err := rfc.code(stepAt(now) + steps)
		must(t, err)
		step, err := rfc.step(code, now)
		must(t, err)
		if right := steps >= -1 && steps <= 1; right != (step == stepAt(now)+steps) {
			t.Errorf("%d steps away: step %d", steps, step-stepAt(now))
		}
	}
}

func TestTypedDigits(t *testing.T) {
	for typed, want := range map[string]string{
		"123456": "123456", " 123 456 ": "123456", "000000": "000000",
		"": "", "12345": "", "1234567": "", "12345a": "", "１２３４５６": "", "12-456": "", "+12345": "", "abcde-fghij": "",
	} {
		if got := typedDigits(typed); got != want {
			t.Errorf("%q is %q, want %q", typed, got, want)
		}
	}
}
