package server_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/guildhall-id/guildhall/internal/api"
	"github.com/guildhall-id/guildhall/internal/deployment"
)

// testSwitches is contract section 7 for whole groups of operations: who may do
// something, and asks well, is refused while it is switched off.
func (s *stage) testSwitches(t *testing.T) {
	for _, group := range []struct {
		name    string
		off     func(*deployment.Settings)
		in      func(api.Operation) bool
		refusal string
	}{
		{
			"organizations", b2b(func(b *deployment.B2BSettings) { b.OrganizationsEnabled, b.WorkspacesEnabled = false, false }),
			func(op api.Operation) bool {
				return about(op, "/organizations", "/workspaces", "/me/invitations", "/me/workspace-memberships")
			},
			"FEATURE_DISABLED",
		},
		{
			"workspaces", b2b(func(b *deployment.B2BSettings) { b.WorkspacesEnabled = false }),
			func(op api.Operation) bool {
				return about(op, "/workspaces", "/me/workspace-memberships")
			},
			"FEATURE_DISABLED",
		},
		{
			"maintenance", func(to *deployment.Settings) { to.MaintenanceMode = true },
			func(op api.Operation) bool { return !strings.HasPrefix(op.Route, http.MethodGet+" ") || op.Changes },
			"MAINTENANCE",
		},
	} {
		t.Run(group.name, func(t *testing.T) {
			for _, op := range s.API.Operations() {
				if group.in(op) {
					t.Run(op.ID, func(t *testing.T) { s.refusedWhile(t, op, group.off, group.refusal) })
				}
			}
		})
	}
}

// about reports whether an operation is at one of some paths or below.
func about(op api.Operation, paths ...string) bool {
	_, path, _ := strings.Cut(op.Route, " ")
	for _, begin := range paths {
		if path == begin || strings.HasPrefix(path, begin+"/") {
			return true
		}
	}
	return false
}

// refusedWhile prepares a call that would be well, and makes it while the
// settings are others.
func (s *stage) refusedWhile(t *testing.T, op api.Operation, off func(*deployment.Settings), refusal string) {
	c := s.as("administrator")
	try := recipes[op.ID](t, s, c)
	from := c.browser.copy()
	if try.from != nil {
		from = try.from.copy()
	}
	from.watch = nil // which takes 503 for a fault of the server
	request := s.documents.byRoute[op.Route].build(try.args)
	request.File = try.file
	s.during(t, off)
	if a := from.send(t, request); a.code() != refusal {
		t.Errorf("got %d %q, want %s: %s", a.Status, a.code(), refusal, a.Raw)
	}
}
