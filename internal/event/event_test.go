package event_test

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/event"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/database/databasetest"
)

func TestEmit(t *testing.T) {
	noon := time.UnixMilli(1_800_000_000_000)
	databasetest.EachWithClock(t, func() time.Time { return noon }, func(t *testing.T, db *database.DB) {
		err := db.InTx(t.Context(), func(tx *database.Tx) error {
			if _, err := tx.Exec(t.Context(), "INSERT INTO deployments (id, name, settings, created_at, updated_at) VALUES (1, 'Acme', '{}', 1, 1)"); err != nil {
				return err
			}
			ctx := access.WithCaller(t.Context(), &access.Caller{
				Deployment: 1, User: 2, Session: access.Session{ID: 3},
				Client: access.Client{IP: netip.MustParseAddr("192.0.2.1"), UserAgent: "a\x00b\xff" + strings.Repeat("é", 1000)},
			})
			if err := event.Emit(ctx, tx, event.Event{
				Name: "organization.renamed", Organization: 4, Subject: 4,
				Data: map[string]string{"before": "Acme", "after": "Ac\x00me"},
			}); err != nil {
				return err
			}
			return event.Emit(context.Background(), tx, event.Event{Name: "keys.rotated", Deployment: 1})
		})
		if err != nil {
			t.Fatal(err)
		}
		var name, data, ip, agent string
		var actor, session, organization, subject, at int64
		err = db.QueryRow(t.Context(), "SELECT name, data, ip_address, user_agent, actor_id, session_id, organization_id, subject_id, created_at FROM events WHERE actor_id = $1", 2).
			Scan(&name, &data, &ip, &agent, &actor, &session, &organization, &subject, &at)
		if err != nil {
			t.Fatal(err)
		}
		if name != "organization.renamed" || data != `{"after":"Ac\u0000me","before":"Acme"}` || ip != "192.0.2.1" ||
			session != 3 || organization != 4 || subject != 4 || at != noon.UnixMilli() {
			t.Error(name, data, ip, session, organization, subject, at)
		}
		if !strings.HasPrefix(agent, "abé") || len(agent) > 512 {
			t.Errorf("user agent: %q", agent)
		}
		var count int
		err = db.QueryRow(t.Context(), "SELECT count(*) FROM events WHERE name = 'keys.rotated' AND data = '{}' AND actor_id IS NULL AND session_id IS NULL AND workspace_id IS NULL AND subject_id IS NULL").Scan(&count)
		if err != nil || count != 1 {
			t.Error("an event of nobody:", count, err)
		}
	})
}
