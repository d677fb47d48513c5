package session_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/session"
)

// workspace makes the member of an organization one of a new workspace of it,
// active in a sign-in.
func (b *bench) workspace(person id.User, signIn id.SignIn, organization id.Organization) (workspace id.Workspace) {
	b.t.Helper()
	var in int64
	must(b.t, b.db.QueryRow(b.t.Context(), `SELECT id FROM organization_memberships WHERE organization_id = $1 AND user_id = $2`,
		int64(organization), int64(person)).Scan(&in))
	must(b.t, b.db.InTx(b.t.Context(), func(tx *database.Tx) error {
		workspace = database.NewID[id.Workspace](tx)
		membership, d, now := int64(database.NewID[id.WorkspaceMembership](tx)), int64(b.d.ID), int64(tx.Now)
		for _, one := range []struct {
			text string
			args []any
		}{
			{
				`INSERT INTO workspaces (id, deployment_id, organization_id, name, creator_id, created_at, updated_at) VALUES ($1, $2, $3, 'Lab', $4, $5, $5)`,
				[]any{int64(workspace), d, int64(organization), int64(person), now},
			},
			{
				`INSERT INTO workspace_memberships (id, deployment_id, organization_id, workspace_id, organization_membership_id, user_id, created_at, updated_at)
					VALUES ($1, $2, $3, $4, $5, $6, $7, $7)`,
				[]any{membership, d, int64(organization), int64(workspace), in, int64(person), now},
			},
			{`UPDATE signins SET active_workspace_membership_id = $1 WHERE id = $2`, []any{membership, int64(signIn)}},
		} {
			if _, err := tx.Exec(b.t.Context(), one.text, one.args...); err != nil {
				return err
			}
		}
		return nil
	}))
	return workspace
}

// in authenticates a request about an organization.
func (b *bench) in(organization id.Organization, token string) access.OrganizationGrant {
	b.t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/organizations", nil)
	r.AddCookie(cookie(token))
	c, err := b.sessions.Authenticate(r, access.Tenant{Organization: organization}, false)
	must(b.t, err)
	return c.Organization
}

// S21: what a role that is gone has given counts no more, and nobody is active
// where they have left.
func TestRightsAndPlacesThatAreGone(t *testing.T) {
	each(t, deployment.Production, func(b *bench) {
		n := b.node()
		token, mine := n.enter("", b.person)
		acme := b.member(b.person, mine, "Acme", "{}")
		if held := b.in(acme, token).Permissions; !held.Hold(access.OrganizationAdmin) {
			b.t.Fatalf("the member holds %v", held)
		}
		b.exec("UPDATE organization_roles SET ended_at = created_at WHERE name = 'Chief, of all'")
		if held := b.in(acme, token).Permissions; held.Hold(access.OrganizationAdmin) || !held.Hold(access.OrganizationMember) {
			b.t.Errorf("without one of two roles, the member holds %v", held)
		}
		there := "POST /session/switch-organization?organization_id=" + acme.String()
		if a := n.send(there, token); a.status != http.StatusOK {
			b.t.Fatalf("switch: %s", a.text)
		}
		b.exec("UPDATE organization_memberships SET ended_at = created_at WHERE user_id = $1", int64(b.person))
		if a := n.send(there, token); a.status != http.StatusNotFound {
			b.t.Errorf("switch to where one has left: %s", a.text)
		}
	})
}

// A token names no workspace of an organization in which the person may not act
// now: its own demands are met, those above are not.
func TestTokenOfAWorkspaceBelowWhatIsNotMet(t *testing.T) {
	each(t, deployment.Production, func(b *bench) {
		n := b.node()
		token, mine := n.enter("", b.person)
		acme := b.member(b.person, mine, "Acme", "{}")
		lab := b.workspace(b.person, mine, acme)
		if said, a := n.token(token, ""); said["organization"] != acme.String() || said["workspace"] != lab.String() {
			b.t.Fatalf("active in both: %s", a.text)
		}
		ctx := access.WithCaller(b.t.Context(), &access.Caller{Deployment: b.d.ID})
		must(b.t, n.deployments.Change(ctx, func(s *deployment.Settings) { s.B2B.IPAllowlistPerOrgEnabled = true }))
		b.exec(`UPDATE organizations SET enable_ip_restriction = TRUE, whitelisted_ips = '["198.51.100.0/24"]' WHERE id = $1`, int64(acme))
		said, _ := n.token(token, "")
		if said["organization"] != nil || said["workspace"] != nil || len(said["workspace_permissions"].([]any)) != 0 {
			b.t.Errorf("from a network that the organization does not allow: %v", said)
		}
	})
}

// S16: a browser is known by its own token. One that was replaced may be in
// anybody's hands, and earns no count of its own.
func TestAReplacedTokenIsAnUnknownBrowser(t *testing.T) {
	each(t, deployment.Production, func(b *bench) {
		n := b.node()
		old, _ := n.enter("", b.person)
		newest, _ := n.enter(old, b.person)
		for token, want := range map[string]bool{old: false, newest: true} {
			known, err := session.Knows(b.t.Context(), b.db, b.call(cookie(token)), b.person)
			must(b.t, err)
			if known != want {
				b.t.Errorf("the newest token: %v; known: %v", token == newest, known)
			}
		}
	})
}

// S21: the end of one person's sign-ins leaves a shared browser to the other.
func TestTheEndOfOneLeavesTheOther(t *testing.T) {
	each(t, deployment.Production, func(b *bench) {
		n := b.node()
		ben := b.somebody("Ben")
		token, _ := n.enter("", b.person)
		token, _ = n.enter(token, ben)
		caller := &access.Caller{Deployment: b.d.ID, User: b.person}
		ctx := access.WithCaller(b.t.Context(), caller)
		must(b.t, b.db.InTx(ctx, func(tx *database.Tx) error { return n.sessions.EndAll(ctx, tx, caller, b.d) }))
		if v := n.view(token); len(v.SignIns) != 1 || v.ActiveSignIn == nil || v.ActiveSignIn.UserID != ben {
			b.t.Errorf("Ben's browser sees %+v", v.SignIns)
		}
	})
}
