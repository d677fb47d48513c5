package deployment

import (
	"bytes"
	"sync"
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
