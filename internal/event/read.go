package event

import (
	"context"
	"fmt"
	"iter"
	"math"
	"time"

	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/clock"
	"github.com/guildhall-id/guildhall/internal/platform/database"
)

// Filter chooses events of a deployment. What is zero does not matter.
type Filter struct {
	Deployment   id.Deployment
	Organization id.Organization
	People       []id.User  // what one of them did, or what was done to them
	Since        clock.Time // inclusive
	Until        clock.Time // exclusive
	Name         string     // the whole name, or its beginning and "*"
}

const pageSize = 500

// idSlack is how much earlier or later than its event an id may have been
// made: it is taken during the transaction, whose time is that of its begin,
// and a clock that steps back lets ids run ahead.
const idSlack = time.Hour

// Pages are the events that a filter chooses, oldest first, a page at a time:
// however many there are, one page is in memory.
func Pages(ctx context.Context, db database.DBTX, f Filter) iter.Seq2[[]Record, error] {
	return func(yield func([]Record, error) bool) {
		w := f.window()
		for {
			page, err := f.page(ctx, db, w)
			if err != nil {
				yield(nil, fmt.Errorf("read events: %w", err))
				return
			}
			if len(page) == 0 || !yield(page, nil) || len(page) < pageSize {
				return
			}
			w.after = int64(page[len(page)-1].ID)
		}
	}
}

// window is the part of the table to look at. Ids grow with time, so a span of
// time is a span of ids.
type window struct{ after, before, since, until int64 }

func (f Filter) window() window {
	w := window{before: math.MaxInt64, until: math.MaxInt64}
	if f.Since != 0 {
		w.since = int64(f.Since)
		w.after = int64(id.Since[id.Event](f.Since.Time().Add(-idSlack)))
	}
	if f.Until != 0 {
		w.until = int64(f.Until)
		w.before = int64(id.Since[id.Event](f.Until.Time().Add(idSlack)))
	}
	return w
}

func (f Filter) page(ctx context.Context, db database.DBTX, w window) ([]Record, error) {
	q, name := New(db), pattern(f.Name)
	switch {
	case len(f.People) > 0:
		return q.EventsOfPeople(ctx, EventsOfPeopleParams{
			DeploymentID: f.Deployment, People: database.Int64s(f.People), Organization: int64(f.Organization),
			After: w.after, Before: w.before, Since: w.since, Until: w.until, Name: name, Page: pageSize,
		})
	case f.Organization != 0:
		return q.EventsOfOrganization(ctx, EventsOfOrganizationParams{
			DeploymentID: f.Deployment, OrganizationID: f.Organization,
			After: w.after, Before: w.before, Since: w.since, Until: w.until, Name: name, Page: pageSize,
		})
	default:
		return q.Events(ctx, EventsParams{
			DeploymentID: f.Deployment, After: w.after, Before: w.before, Since: w.since, Until: w.until, Name: name, Page: pageSize,
		})
	}
}

// pattern is the name for LIKE; no name is any.
func pattern(name string) string {
	if name == "" {
		return "%"
	}
	if n := len(name) - 1; name[n] == '*' {
		return database.EscapeLike(name[:n]) + "%"
	}
	return database.EscapeLike(name)
}
