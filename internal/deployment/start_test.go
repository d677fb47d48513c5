package deployment

import (
	"bytes"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/database/databasetest"
	"github.com/guildhall-id/guildhall/internal/platform/secret"
)

// Nodes that start at once on a new database serve one deployment.
func TestNodesStartAtOnce(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		key, err := secret.NewKey(bytes.Repeat([]byte{7}, secret.KeySize))
		if err != nil {
			t.Fatal(err)
		}
		var nodes sync.WaitGroup
		for range 8 {
			nodes.Go(func() {
				if _, err := NewService(db, Staging, "http://localhost:8080", key).Ensure(t.Context(), "Acme"); err != nil {
					t.Error(err)
				}
			})
		}
		nodes.Wait()
		var deployments, roles, keys int
		err = db.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM deployments), (SELECT count(*) FROM organization_roles), (SELECT count(*) FROM signing_keys)`).
			Scan(&deployments, &roles, &keys)
		if err != nil || deployments != 1 || roles != 2 || keys != 2 {
			t.Errorf("%d deployments with %d roles and %d keys, %v", deployments, roles, keys, err)
		}
	})
}

// A program beside the server has the address that the server was last started
// with, and so the defaults that are made from it.
func TestBesideTheServer(t *testing.T) {
	each(t, func(t *testing.T, s *Service, _ *Deployment, _ *atomic.Int64) {
		page := func() string {
			t.Helper()
			d, err := NewService(s.db, Staging, "", secret.Key{}).Current(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return d.PublicURL + " " + d.Settings.UI.SignInPageURL
		}
		if got := page(); got != "http://localhost:8080 http://localhost:8080/sign-in" {
			t.Errorf("got %s", got)
		}
		moved := NewService(s.db, Staging, "https://id.acme.test", secret.Key{})
		moved.publicURL = "https://id.acme.test"
		if _, err := moved.Ensure(t.Context(), "Test"); err != nil {
			t.Fatal(err)
		}
		if got := page(); got != "https://id.acme.test https://id.acme.test/sign-in" {
			t.Errorf("after a start with another address: %s", got)
		}
		changed, err := NewService(s.db, Staging, "", secret.Key{}).Set(t.Context(), []Assignment{{"ui_settings.sign_in_page_url", "https://app.acme.test/in"}})
		if err != nil || len(changed) != 1 || string(changed[0].Before) != `"https://id.acme.test/sign-in"` {
			t.Errorf("got %s, %v", changed, err)
		}
	})
}
