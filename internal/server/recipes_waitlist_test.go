package server_test

import (
	"context"
	"testing"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
)

// during changes the deployment's settings until the end of a test.
func (w *world) during(t *testing.T, change func(*deployment.Settings)) {
	t.Helper()
	ctx := access.WithCaller(context.Background(), &access.Caller{Deployment: w.Deployment.ID})
	before, err := w.Settings().Current(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Settings().Change(ctx, change); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Settings().Change(ctx, func(to *deployment.Settings) { *to = before.Settings }); err != nil {
			t.Error(err)
		}
	})
}

func joinWaitlist(t *testing.T, s *stage, _ caller) try {
	s.during(t, func(to *deployment.Settings) { to.Restrictions.SignUpMode = deployment.SignUpWaitlist })
	return try{args: form("email", s.newEmail("waiting"), "first_name", "Wanda", "last_name", "Waiting")}
}
