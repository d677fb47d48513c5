package session_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
)

// S21: what ends a sign-in on one node ends it for the next request on every
// other one, which has just served it.
func TestEndsAreSeenOnEveryNode(t *testing.T) {
	each(t, deployment.Production, func(b *bench) {
		one, two := b.node(), b.node()
		inTx := func(person id.User, f func(context.Context, *database.Tx, *access.Caller) error) {
			elsewhere := b.call()
			_, err := one.tryEnter(elsewhere, person)
			must(b.t, err)
			ctx := access.WithCaller(b.t.Context(), elsewhere)
			must(b.t, b.db.InTx(ctx, func(tx *database.Tx) error { return f(ctx, tx, elsewhere) }))
		}
		exec := func(text string, person id.User) {
			must(b.t, b.db.InTx(b.t.Context(), func(tx *database.Tx) error {
				_, err := tx.Exec(b.t.Context(), text, int64(tx.Now), int64(person))
				return err
			}))
		}
		for name, end := range map[string]func(person id.User, token string, mine id.SignIn){
			"sign-out": func(_ id.User, token string, mine id.SignIn) {
				if a := one.send("POST /session/sign-out?sign_in_id="+mine.String(), token); a.status != http.StatusOK {
					b.t.Errorf("sign-out: %s", a.text)
				}
			},
			"sign-out of all": func(_ id.User, token string, _ id.SignIn) { one.send("POST /session/sign-out", token) },
			"sign-out from another browser": func(person id.User, _ string, mine id.SignIn) {
				inTx(person, func(ctx context.Context, tx *database.Tx, c *access.Caller) error {
					return one.sessions.End(ctx, tx, c, b.d, mine)
				})
			},
			"a password change elsewhere": func(person id.User, _ string, _ id.SignIn) {
				inTx(person, func(ctx context.Context, tx *database.Tx, c *access.Caller) error {
					return one.sessions.EndOthers(ctx, tx, c, b.d)
				})
			},
			"a reset": func(person id.User, _ string, _ id.SignIn) {
				inTx(person, func(ctx context.Context, tx *database.Tx, c *access.Caller) error {
					return one.sessions.EndAll(ctx, tx, c, b.d)
				})
			},
			"a limit of browsers": func(person id.User, _ string, _ id.SignIn) {
				one.change(func(a *deployment.AuthSettings) { a.MultiSession.MaxSessionsPerAccount = 1 })
				one.enter("", person)
				one.change(func(a *deployment.AuthSettings) { a.MultiSession.MaxSessionsPerAccount = 0 })
			},
			"the end of the account": func(person id.User, _ string, _ id.SignIn) {
				exec("UPDATE users SET ended_at = $1 WHERE id = $2", person)
			},
			"the account being disabled": func(person id.User, _ string, _ id.SignIn) {
				exec("UPDATE users SET disabled_at = $1 WHERE id = $2", person)
			},
			"its time being over": func(person id.User, _ string, _ id.SignIn) {
				exec("UPDATE signins SET expires_at = $1 WHERE user_id = $2", person)
			},
		} {
			person := b.somebody(strings.ReplaceAll(name, " ", "."))
			token, mine := one.enter("", person)
			for _, n := range []*node{one, two} { // warm
				if n.signedIn(token) != person || n.send("GET /session/token", token).status != http.StatusOK {
					b.t.Fatalf("%s: not signed in before", name)
				}
			}
			end(person, token, mine)
			for i, n := range []*node{one, two} {
				if a := n.send("GET /session/token", token); a.status != http.StatusUnauthorized && a.status != http.StatusForbidden {
					b.t.Errorf("after %s, node %d answers %s", name, i+1, a.text)
				}
			}
		}
	})
}
