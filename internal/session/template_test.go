package session_test

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/session"
)

// templates sets the templates of session tokens.
func (n *node) templates(list map[string]deployment.TokenTemplate) {
	n.t.Helper()
	ctx := access.WithCaller(n.t.Context(), &access.Caller{Deployment: n.d.ID})
	must(n.t, n.deployments.Change(ctx, func(s *deployment.Settings) { s.TokenTemplates = list }))
}

// exec runs a statement; values that are ids are given as int64.
func (b *bench) exec(text string, args ...any) {
	b.t.Helper()
	must(b.t, b.db.InTx(b.t.Context(), func(tx *database.Tx) error {
		_, err := tx.Exec(b.t.Context(), text, args...)
		return err
	}))
}

// member makes the person a member of a new organization with two roles, active
// in a sign-in.
func (b *bench) member(person id.User, signIn id.SignIn, name, metadata string) (organization id.Organization) {
	b.t.Helper()
	must(b.t, b.db.InTx(b.t.Context(), func(tx *database.Tx) error {
		organization = database.NewID[id.Organization](tx)
		membership, d, now := int64(database.NewID[id.OrganizationMembership](tx)), int64(b.d.ID), int64(tx.Now)
		run := func(text string, args ...any) {
			_, err := tx.Exec(context.Background(), text, args...)
			must(b.t, err)
		}
		run(`INSERT INTO organizations (id, deployment_id, name, public_metadata, private_metadata, creator_id, created_at, updated_at)
			VALUES ($1, $2, $3, $4, '{"secret":"x"}', $5, $6, $6)`, int64(organization), d, name, metadata, int64(person), now)
		run(`INSERT INTO organization_memberships (id, deployment_id, organization_id, user_id, joined_by, created_at, updated_at)
			VALUES ($1, $2, $3, $4, 'created', $5, $5)`, membership, d, int64(organization), int64(person), now)
		for _, role := range []struct{ name, permissions string }{{"Chief, of all", "organization:admin"}, {"Clerk", "organization:member billing:write"}} {
			r := int64(database.NewID[id.OrganizationRole](tx))
			run(`INSERT INTO organization_roles (id, deployment_id, organization_id, name, name_key, permissions, created_at, updated_at)
				VALUES ($1, $2, $3, $4, $4, $5, $6, $6)`, r, d, int64(organization), role.name, role.permissions, now)
			run(`INSERT INTO organization_membership_roles (membership_id, role_id, organization_id, created_at) VALUES ($1, $2, $3, $4)`, membership, r, int64(organization), now)
		}
		run(`UPDATE signins SET active_organization_membership_id = $1 WHERE id = $2`, membership, int64(signIn))
		return nil
	}))
	return organization
}

// Contract section 5.5: a template adds claims.
func TestTemplates(t *testing.T) {
	each(t, deployment.Production, func(b *bench) {
		n := b.node()
		token, mine := n.enter("", b.person)
		b.exec(`UPDATE users SET last_name = 'Example', public_metadata = '{"plan":{"name":"gold","seats":12345678901234567890},"beta":true,"tags":["a"],"none":null}',
			private_metadata = '{"plan":"secret"}' WHERE id = $1`, int64(b.person))
		claims := map[string]string{
			"mail": "{{user.email}}", "name": "{{user.first_name}} {{user.last_name}}", "who": "user:{{user.id}}",
			"username": "{{user.username}}", "plan": "{{user.public_metadata.plan.name}}", "seats": "{{user.public_metadata.plan.seats}}",
			"seats_text": "{{user.public_metadata.plan.seats}} seats", "beta": "{{user.public_metadata.beta}}", "meta": "{{user.public_metadata}}",
			"missing": "{{user.public_metadata.plan.x.y}}", "missing_text": "-{{user.public_metadata.x}}-", "fixed": "v1",
			"object_text": "-{{user.public_metadata.plan}}-", "tenant": "{{organization.name}}", "roles": "{{organization.roles}}",
			"permissions": "{{organization.permissions}}", "region": "{{organization.public_metadata.region}}", "workspace_name": "{{workspace.name}}",
		}
		n.templates(map[string]deployment.TokenTemplate{"api": {Lifetime: 300, Claims: claims}, "long": {Lifetime: 3600}})
		own := func(said map[string]any) map[string]any {
			added := map[string]any{}
			for name, value := range said {
				if _, ok := claims[name]; ok {
					added[name] = value
				}
			}
			return added
		}
		want := map[string]any{
			"mail": "ana@example.com", "name": "Ana Example", "who": "user:" + b.person.String(), "plan": "gold",
			"seats": 12345678901234567890.0, "seats_text": "12345678901234567890 seats", "beta": true, "missing_text": "--", "fixed": "v1", "object_text": "--",
			"meta": map[string]any{"plan": map[string]any{"name": "gold", "seats": 12345678901234567890.0}, "beta": true, "tags": []any{"a"}, "none": nil},
		}
		said, _ := n.token(token, "api")
		if got := own(said); !reflect.DeepEqual(got, want) {
			b.t.Errorf("nowhere: got %v", got)
		}
		plain, _ := n.token(token, "default")
		for _, claim := range slices.Collect(maps.Keys(plain)) {
			if claim != "exp" && !reflect.DeepEqual(said[claim], plain[claim]) {
				b.t.Errorf("%s is %v, in the plain token %v", claim, said[claim], plain[claim])
			}
		}
		if lifetime(said) != 300 || lifetime(plain) != 60 || len(own(plain)) > 0 {
			b.t.Errorf("the tokens work %v and %v seconds; the plain one says %v", lifetime(said), lifetime(plain), plain)
		}
		if said, _ := n.token(token, "long"); lifetime(said) != 3600 || len(said) != len(plain) {
			b.t.Errorf("a template without claims: %v", said)
		}

		organization := b.member(b.person, mine, "Acme & Co", `{"region":"eu"}`)
		want["tenant"], want["region"] = "Acme & Co", "eu"
		want["roles"], want["permissions"] = []any{"Chief, of all", "Clerk"}, []any{"billing:write", "organization:admin", "organization:member"}
		said, _ = n.token(token, "api")
		if got := own(said); !reflect.DeepEqual(got, want) || said["organization"] != organization.String() {
			b.t.Errorf("in an organization: got %v", got)
		}
		if text, _ := json.Marshal(said); strings.Contains(string(text), "secret") {
			b.t.Errorf("private metadata is in %s", text)
		}
		b.exec("UPDATE organization_memberships SET ended_at = created_at WHERE user_id = $1", int64(b.person))
		if said, _ := n.token(token, "api"); said["organization"] != nil || own(said)["permissions"] != nil {
			b.t.Errorf("after the membership: got %v", said)
		}
		if a := n.send("GET /session/token?template=other", token); a.status != http.StatusNotFound {
			b.t.Errorf("an unknown template: %s", a.text)
		}
	})
}

// What templates never override, whatever the settings in the database say.
func TestTemplatesOverrideNothing(t *testing.T) {
	each(t, deployment.Production, func(b *bench) {
		b.exec(`UPDATE deployments SET settings = $1, version = version + 1`,
			`{"session_token_templates":{"evil":{"lifetime":60,"claims":{"sub":"1","iss":"https://evil.example","exp":"9999999999","aud":"app","organization":"1","broken":"{{user.x}}","good":"1"}}}}`)
		n := b.node()
		token, _ := n.enter("", b.person)
		said, _ := n.token(token, "evil")
		_, hasAudience := said["aud"]
		_, hasOrganization := said["organization"]
		if said["sub"] != b.person.String() || said["iss"] != b.d.PublicURL || lifetime(said) != 60 || hasAudience || hasOrganization || said["good"] != "1" {
			b.t.Errorf("the token says %v", said)
		}
	})
}

// A token that nobody could carry is refused, not cut.
func TestTokensAreBounded(t *testing.T) {
	each(t, deployment.Production, func(b *bench) {
		n := b.node()
		n.templates(map[string]deployment.TokenTemplate{"api": {Lifetime: 60, Claims: map[string]string{"meta": "{{user.public_metadata}}"}}})
		token, _ := n.enter("", b.person)
		for size, status := range map[int]int{2000: http.StatusOK, 4000: http.StatusConflict} {
			b.exec(`UPDATE users SET public_metadata = $1 WHERE id = $2`, `{"x":"`+strings.Repeat("a", size)+`"}`, int64(b.person))
			a := n.send("GET /session/token?template=api", token)
			if a.status != status || status == http.StatusConflict && !strings.Contains(a.text, session.ErrTokenTooLarge.Code) {
				b.t.Errorf("%d bytes of metadata: %d", size, a.status)
			}
		}
	})
}
