package signin

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/database/databasetest"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
	"github.com/guildhall-id/guildhall/internal/platform/limit"
	"github.com/guildhall-id/guildhall/internal/user"
)

// S13 and S36: whatever is sent as a sign-in is answered, or refused with a
// sentence, and signs nobody in but with the right pair.
func FuzzSignIn(f *testing.F) {
	clock := &atomic.Int64{}
	clock.Store(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixMilli())
	db := databasetest.Open(f, database.SQLite, func() time.Time { return time.UnixMilli(clock.Load()) })
	o := newDoor(f, db, clock, limit.Rate{Count: 1 << 30, Per: time.Minute})
	o.everything()
	o.withPhone(o.settle("ana"), "+41791234567")
	for _, strategy := range []string{strategyPassword, strategyUsername, strategyCode, strategyLink, strategyPhone, ""} {
		f.Add(strategy, "ana@example.com", "ana", "+41791234567", "+41", password)
		f.Add(strategy, " ANA@Example.COM ", "ANA", "079 123 45 67", "", password+" ")
		f.Add(strategy, "", "", "", "", "")
		f.Add(strategy, "%@example.com", "an%", "\x00' OR 1=1 --", "\xff", password+"\x00")
	}
	f.Fuzz(func(t *testing.T, strategy, email, username, phone, country, secret string) {
		var in signInInput
		b := &in.Body
		b.Strategy, b.Email, b.Username, b.Phone, b.PhoneCountry, b.Password = strategy, email, username, phone, country, secret
		mine := *o
		mine.t = t
		c := mine.browser()
		view, err := o.Service.signIn(o.as(c), in)
		var refusal *fault.Error
		if err != nil && !errors.As(err, &refusal) {
			t.Fatalf("not a refusal: %v", err)
		}
		address, _ := user.ParseEmail(email)
		right := secret == password && (strategy == strategyPassword && address == "ana@example.com" ||
			strategy == strategyUsername && strings.EqualFold(strings.TrimSpace(username), "ana"))
		if signedIn := c.User != 0; signedIn != right {
			t.Errorf("signed in: %v, the right pair: %v (%v)", signedIn, right, err)
		}
		if err == nil && (last(view).Completed != right || last(view).FirstMethodAuthenticated != right) {
			t.Errorf("the attempt is %+v", last(view))
		}
	})
}
