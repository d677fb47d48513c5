package session_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/api"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/platform/database"
)

// begun is an authenticator of a request whose caller was found long ago: its
// body took its time.
type begun struct{ c *access.Caller }

func (b begun) Authenticate(*http.Request, access.Tenant, bool) (*access.Caller, error) {
	return b.c, nil
}
func (b begun) Deliver(http.ResponseWriter, *http.Request, *access.Caller) {}

// S20: nor does a request see the sign-in that was begun with the planted token
// before the victim used it, and goes on afterwards.
func TestAPlantedTokenInFlightNeverSeesTheSignIn(t *testing.T) {
	each(t, deployment.Production, func(b *bench) {
		n, mallory := b.node(), b.somebody("mallory")
		send := func(c *access.Caller, route string) string {
			server, err := api.New(api.Options{Operations: n.sessions.Operations(), Authenticator: begun{c}})
			must(b.t, err)
			method, target, _ := strings.Cut(route, " ")
			w := httptest.NewRecorder()
			server.ServeHTTP(w, httptest.NewRequest(method, target, nil))
			return w.Body.String()
		}
		kills := map[string]bool{"changes a password": true, "sets up a second factor": true} // every token of the browser
		for name, goOn := range map[string]func(c *access.Caller, own, victims string) string{
			"signs in": func(c *access.Caller, _, _ string) string {
				_, err := n.tryEnter(c, mallory)
				must(b.t, err)
				return ""
			},
			"switches to its own": func(c *access.Caller, own, _ string) string {
				return send(c, "POST /session/switch-sign-in?sign_in_id="+own)
			},
			"switches to the victim": func(c *access.Caller, _, victims string) string {
				return send(c, "POST /session/switch-sign-in?sign_in_id="+victims)
			},
			"signs out": func(c *access.Caller, own, _ string) string {
				return send(c, "POST /session/sign-out?sign_in_id="+own)
			},
			"signs everybody out": func(c *access.Caller, _, _ string) string { return send(c, "POST /session/sign-out") },
			"changes a password": func(c *access.Caller, _, _ string) string {
				ctx := access.WithCaller(context.Background(), c)
				must(b.t, n.db.InTx(ctx, func(tx *database.Tx) error {
					if err := n.sessions.EndOthers(ctx, tx, c, n.d); err != nil {
						return err
					}
					return n.sessions.Renew(ctx, tx, c, n.d)
				}))
				return ""
			},
			"sets up a second factor": func(c *access.Caller, _, _ string) string {
				c.Enrolling = true
				ctx := access.WithCaller(context.Background(), c)
				must(b.t, n.db.InTx(ctx, func(tx *database.Tx) error { return n.sessions.Enrolled(ctx, tx, c, n.d, "authenticator") }))
				return ""
			},
		} {
			planted, own := n.enter("", mallory)
			b.advance(time.Minute)
			slow := n.call(cookie(planted))
			held, victims := n.enter(planted, b.person)
			b.advance(time.Second)

			answer := goOn(slow, own.String(), victims.String())
			if strings.Contains(answer, "ana@example.com") {
				b.t.Errorf("%s: the answer tells of the victim", name)
			}
			token := planted
			if !slow.Session.Renewed.Empty() {
				token = slow.Session.Renewed.Reveal()
			}
			for _, one := range n.view(token).SignIns {
				if one.UserID == b.person {
					b.t.Errorf("%s: sees the victim's sign-in", name)
				}
			}
			if a := n.send("POST /session/switch-sign-in?sign_in_id="+victims.String(), token); a.status != http.StatusNotFound {
				b.t.Errorf("%s: can switch to the victim", name)
			}
			if !kills[name] && n.signedIn(held) != b.person {
				b.t.Errorf("%s: the victim is signed out", name)
			}
		}
	})
}

// S20 and R6: what is over is over also on a node whose clock is behind that of
// the node that ended it.
func TestReplacedAndDeadTokensWhereClocksDiffer(t *testing.T) {
	const apart = 90 * time.Second
	each(t, deployment.Production, func(b *bench) {
		n := b.node()
		planted, _ := n.enter("", b.somebody("mallory"))
		b.advance(time.Hour)
		change := func(token string, f func(ctx context.Context, tx *database.Tx, c *access.Caller) error) string {
			b.t.Helper()
			c := n.call(cookie(token))
			ctx := access.WithCaller(context.Background(), c)
			must(b.t, n.db.InTx(ctx, func(tx *database.Tx) error { return f(ctx, tx, c) }))
			return c.Session.Renewed.Reveal()
		}
		proven := change(planted, func(ctx context.Context, tx *database.Tx, c *access.Caller) error {
			return n.sessions.Rotate(ctx, tx, c, c.Session.ID, n.d)
		})
		b.advance(-apart)
		held, _ := n.enter(proven, b.person)
		for _, one := range n.view(planted).SignIns {
			if one.UserID == b.person {
				b.t.Error("the replaced token sees a sign-in that began after it by a slower clock")
			}
		}
		if n.signedIn(planted) == b.person || n.signedIn(held) != b.person {
			b.t.Error("the replaced token is signed in, or the newest is not")
		}

		b.advance(apart)
		renewed := change(held, func(ctx context.Context, tx *database.Tx, c *access.Caller) error {
			return n.sessions.Renew(ctx, tx, c, n.d)
		})
		b.advance(-apart)
		if n.signedIn(held) != 0 || n.signedIn(renewed) != b.person {
			b.t.Error("a dead token lives on by a slower clock")
		}
	})
}

// Where a browser has one account, it has one also when two people sign in to
// it at the same moment.
func TestSimultaneousSignInsOfOneBrowser(t *testing.T) {
	each(t, deployment.Production, func(b *bench) {
		n := b.node()
		n.change(func(a *deployment.AuthSettings) { a.MultiSession.Enabled = false })
		people := []string{"bo", "cy", "di", "ed"}
		token, _ := n.enter("", b.person)
		callers := make([]*access.Caller, len(people))
		var wg sync.WaitGroup
		for i, name := range people {
			callers[i] = n.call(cookie(token))
			person := b.somebody(name)
			wg.Go(func() {
				if _, err := n.tryEnter(callers[i], person); err != nil {
					b.t.Error(err)
				}
			})
		}
		wg.Wait()
		for _, c := range append(callers, n.call(cookie(token))) {
			if in := n.view(c.Session.Renewed.Reveal()).SignIns; len(in) > 1 {
				b.t.Errorf("%d accounts in one browser", len(in))
			}
		}
	})
}
