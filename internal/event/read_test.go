package event_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/event"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/clock"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/database/databasetest"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// eachDiary runs body on both engines with two deployments and a way to write
// an event some time after noon.
func eachDiary(t *testing.T, body func(t *testing.T, db *database.DB, write func(after time.Duration, actor id.User, e event.Event))) {
	t.Helper()
	var now atomic.Int64
	databasetest.EachWithClock(t, func() time.Time { return time.UnixMilli(now.Load()) }, func(t *testing.T, db *database.DB) {
		now.Store(noon.UnixMilli())
		inTx(t, db, func(tx *database.Tx) error {
			_, err := tx.Exec(t.Context(), "INSERT INTO deployments (id, name, settings, created_at, updated_at) VALUES (1, 'Acme', '{}', 1, 1), (2, 'Other', '{}', 1, 1)")
			return err
		})
		body(t, db, func(after time.Duration, actor id.User, e event.Event) {
			now.Store(noon.Add(after).UnixMilli())
			inTx(t, db, func(tx *database.Tx) error {
				return event.Emit(access.WithCaller(t.Context(), &access.Caller{Deployment: 1, User: actor}), tx, e)
			})
		})
	})
}

func inTx(t *testing.T, db *database.DB, f func(*database.Tx) error) {
	t.Helper()
	if err := db.InTx(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

// names are the events that a filter chooses.
func names(t *testing.T, db *database.DB, f event.Filter) (list []string) {
	t.Helper()
	for page, err := range event.Pages(t.Context(), db, f) {
		if err != nil {
			t.Fatal(err)
		}
		for _, record := range page {
			list = append(list, record.Name)
		}
	}
	return list
}

func TestFilter(t *testing.T) {
	const ana, bo = id.User(101), id.User(102)
	at := func(after time.Duration) clock.Time { return clock.At(noon.Add(after)) }
	eachDiary(t, func(t *testing.T, db *database.DB, write func(time.Duration, id.User, event.Event)) {
		write(0, ana, event.Event{Name: "user.created", Subject: int64(ana)})
		write(1*time.Hour, ana, event.Event{Name: "organization.created", Organization: 5, Subject: 5})
		write(2*time.Hour, ana, event.Event{Name: "organization.member.added", Organization: 5, Subject: int64(bo)})
		write(48*time.Hour, bo, event.Event{Name: "organization.created", Organization: 6, Subject: 6})
		write(72*time.Hour, 0, event.Event{Name: "organizationX", Deployment: 2, Organization: 5})
		write(96*time.Hour, 0, event.Event{Name: "keys.rotated"})
		for name, test := range map[string]struct {
			filter event.Filter
			want   string
		}{
			"all of the deployment":         {event.Filter{}, "user.created organization.created organization.member.added organization.created keys.rotated"},
			"an organization":               {event.Filter{Organization: 5}, "organization.created organization.member.added"},
			"a person, as actor or subject": {event.Filter{People: []id.User{bo}}, "organization.member.added organization.created"},
			"a person once, who is both":    {event.Filter{People: []id.User{ana}, Name: "user.created"}, "user.created"},
			"two people":                    {event.Filter{People: []id.User{ana, bo}}, "user.created organization.created organization.member.added organization.created"},
			"a person in an organization":   {event.Filter{People: []id.User{bo}, Organization: 5}, "organization.member.added"},
			"a stranger":                    {event.Filter{People: []id.User{103}}, ""},
			"a name":                        {event.Filter{Name: "organization.created"}, "organization.created organization.created"},
			"names that begin so":           {event.Filter{Name: "organization.*"}, "organization.created organization.member.added organization.created"},
			"a name is not a pattern":       {event.Filter{Name: "organization_created"}, ""},
			"since, inclusive":              {event.Filter{Since: at(48 * time.Hour)}, "organization.created keys.rotated"},
			"until, exclusive":              {event.Filter{Until: at(2 * time.Hour)}, "user.created organization.created"},
			"between":                       {event.Filter{Since: at(time.Hour), Until: at(3 * time.Hour), Organization: 5}, "organization.created organization.member.added"},
			"a person, since":               {event.Filter{People: []id.User{bo}, Since: at(3 * time.Hour)}, "organization.created"},
			"before the first":              {event.Filter{Until: clock.At(time.Unix(1, 0))}, ""},
			"after the last":                {event.Filter{Since: at(1000 * time.Hour)}, ""},
			"since long before any id":      {event.Filter{Since: clock.At(noon.AddDate(-76, 0, 0)), Name: "keys.*"}, "keys.rotated"},
			"until long after any id":       {event.Filter{Until: clock.At(noon.AddDate(80, 0, 0)), Name: "keys.*"}, "keys.rotated"},
			"since long after any id":       {event.Filter{Since: clock.At(noon.AddDate(180, 0, 0))}, ""},
		} {
			test.filter.Deployment = 1
			if got := strings.Join(names(t, db, test.filter), " "); got != test.want {
				t.Errorf("%s: got %s", name, got)
			}
		}
	})
}

// Any number of events comes whole and in order, a page at a time.
func TestPages(t *testing.T) {
	const n = 1203
	eachDiary(t, func(t *testing.T, db *database.DB, _ func(time.Duration, id.User, event.Event)) {
		inTx(t, db, func(tx *database.Tx) error {
			ctx := access.WithCaller(t.Context(), &access.Caller{Deployment: 1, User: 7})
			for i := range n {
				err := event.Emit(ctx, tx, event.Event{Name: fmt.Sprintf("step.%04d", i), Organization: 5, Subject: 7})
				if err != nil {
					return err
				}
			}
			return nil
		})
		for name, filter := range map[string]event.Filter{
			"all": {}, "organization": {Organization: 5}, "person": {People: []id.User{7}}, "name": {Name: "step.*"},
		} {
			filter.Deployment = 1
			got, longest := []string{}, 0
			for page, err := range event.Pages(t.Context(), db, filter) {
				if err != nil {
					t.Fatal(err)
				}
				longest = max(longest, len(page))
				for _, record := range page {
					got = append(got, record.Name)
				}
			}
			if len(got) != n || !slices.IsSorted(got) || len(slices.Compact(got)) != n || longest > 500 {
				t.Errorf("%s: %d events, at most %d in a page", name, len(got), longest)
			}
			for range event.Pages(t.Context(), db, filter) {
				break // whoever has seen enough may stop
			}
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		for _, err := range event.Pages(ended, db, event.Filter{Deployment: 1}) {
			if err == nil {
				t.Error("a context that has ended reads on")
			}
		}
	})
}
