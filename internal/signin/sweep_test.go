package signin

import (
	"testing"
	"time"

	"github.com/guildhall-id/guildhall/internal/onetime"
)

// What was begun does not stay, whether it was finished or not.
func TestSweep(t *testing.T) {
	each(t, func(o *door) {
		o.withLinks()
		begin := func(prefix string) {
			o.account(prefix + "done@example.com")
			_, err := o.signUp(o.browser(), prefix+"abandoned@example.com")
			must(t, err)
			_, err = o.signIn(o.browser(), strategyPassword, prefix+"done@example.com", password)
			must(t, err)
			o.link(o.browser(), prefix+"done@example.com", "")
			o.resetToken(o.browser(), prefix+"done@example.com")
		}
		begin("")
		o.clock.Add((24*time.Hour + attemptLife).Milliseconds())
		begin("new.")
		must(t, o.Sweep(t.Context()))
		must(t, onetime.Sweep(t.Context(), o.db))
		for table, want := range map[string]int{"signup_attempts": 2, "signin_attempts": 2, "magic_links": 1, "password_resets": 1, "one_time_codes": 2} {
			left := 0
			must(t, o.db.QueryRow(t.Context(), "SELECT count(*) FROM "+table).Scan(&left))
			if left != want {
				t.Errorf("%d rows of %s are left, not %d", left, table, want)
			}
		}
	})
}
