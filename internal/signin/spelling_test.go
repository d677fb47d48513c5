package signin

import (
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/onetime"
	"github.com/guildhall-id/guildhall/internal/platform/job"
	"github.com/guildhall-id/guildhall/internal/platform/mail"
)

// S14: a message that is held back, because one was sent to another spelling of
// the number just before, does not tell that both are one number of somebody.
func TestSpellingsTellNoNumbers(t *testing.T) {
	each(t, func(o *door) {
		o.everything()
		o.withPhone(o.settle("ana"), "+41791234567")
		o.outbox = mail.NewOutbox(o.db, job.New(o.db, slog.Default()), testKey(o.t), mail.None, "no-reply@example.com", mail.StrictLimits).CarryTexts(mail.None)
		ask := func(spellings ...string) (told []string) {
			browsers := []*access.Caller{o.browser(), o.browser()}
			for i, c := range browsers {
				_, err := o.signInBy(c, spellings[i], "")
				must(o.t, err)
				_, err = o.prepare(c, strategyPhone, "")
				must(o.t, err)
			}
			for range 2 {
				for _, c := range browsers {
					_, err := o.enterCode(c, 0, "wrong")
					told = append(told, fmt.Sprint(err))
				}
				o.clock.Add((onetime.Life + time.Second).Milliseconds())
			}
			return told
		}
		known, unknown := ask("+41791234567", "0791234567"), ask("+41761234568", "0761234568")
		if !slices.Equal(known, unknown) {
			o.t.Errorf("known:   %v\nunknown: %v", known, unknown)
		}
	})
}
