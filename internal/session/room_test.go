package session_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/session"
)

// live counts the sign-ins of a person in all browsers.
func (n *node) live(person id.User) int {
	n.t.Helper()
	ctx := access.WithCaller(context.Background(), &access.Caller{Deployment: n.d.ID, User: person})
	list, err := n.sessions.SignInsOf(ctx, access.CallerOf(ctx))
	must(n.t, err)
	return len(list)
}

// multi_session_support.max_sessions_per_account: one sign-in too many ends the
// oldest, at once and with its token; without a limit all go on.
func TestSessionsPerAccount(t *testing.T) {
	for most, want := range map[int][]bool{3: {false, false, true, true, true}, 0: {true, true, true, true, true}} {
		each(t, deployment.Production, func(b *bench) {
			n, bo := b.node(), b.somebody("bo")
			n.change(func(a *deployment.AuthSettings) { a.MultiSession.MaxSessionsPerAccount = most })
			others, _ := n.enter("", bo)
			tokens := make([]string, 5)
			for i := range tokens {
				b.advance(time.Minute)
				tokens[i], _ = n.enter("", b.person)
			}
			for i, token := range tokens {
				if got := n.signedIn(token) == b.person; got != want[i] {
					b.t.Errorf("at most %d: browser %d is signed in: %v", most, i+1, got)
				}
			}
			if n.signedIn(others) != bo {
				b.t.Errorf("at most %d: somebody else was signed out", most)
			}
			b.advance(time.Minute)
			tokens[4], _ = n.enter(tokens[4], b.person) // the same browser again takes no other's place
			if got := n.signedIn(tokens[2]) == b.person; got != want[2] {
				b.t.Errorf("at most %d: signing in again ended another browser", most)
			}
			var told int64
			must(b.t, b.db.QueryRow(b.t.Context(), "SELECT count(*) FROM events WHERE name = 'user.signed_out' AND data LIKE '%session_limit%'").Scan(&told))
			if want := map[int]int64{3: 2, 0: 0}[most]; told != want {
				b.t.Errorf("at most %d: %d events, want %d", most, told, want)
			}
		})
	}
}

// What is over does not count.
func TestSessionsThatAreOverTakeNoPlace(t *testing.T) {
	each(t, deployment.Production, func(b *bench) {
		n := b.node()
		n.change(func(a *deployment.AuthSettings) { a.MultiSession.MaxSessionsPerAccount = 2 })
		n.enter("", b.person)
		b.advance(8 * 24 * time.Hour)
		first, _ := n.enter("", b.person)
		n.enter("", b.person)
		if n.signedIn(first) != b.person {
			b.t.Error("a sign-in that was over took a place")
		}
	})
}

// However many sign in at once, the limit holds.
func TestSimultaneousSessionsPerAccount(t *testing.T) {
	each(t, deployment.Production, func(b *bench) {
		n := b.node()
		n.change(func(a *deployment.AuthSettings) { a.MultiSession.MaxSessionsPerAccount = 3 })
		var wg sync.WaitGroup
		for range 12 {
			c := b.call()
			wg.Go(func() {
				if _, err := n.tryEnter(c, b.person); err != nil {
					b.t.Error(err)
				}
			})
		}
		wg.Wait()
		if live := n.live(b.person); live != 3 {
			b.t.Errorf("%d sign-ins are live, want 3", live)
		}
	})
}

// multi_session_support.max_accounts_per_session, and no limit.
func TestAccountsPerSession(t *testing.T) {
	for most, want := range map[int]error{2: session.ErrTooManyAccounts, 0: nil} {
		each(t, deployment.Production, func(b *bench) {
			n := b.node()
			n.change(func(a *deployment.AuthSettings) { a.MultiSession.MaxAccountsPerSession = most })
			token, _ := n.enter("", b.person)
			token, _ = n.enter(token, b.somebody("bo"))
			if _, err := n.tryEnter(b.call(cookie(token)), b.somebody("cy")); !errors.Is(err, want) {
				b.t.Errorf("at most %d: the third account: %v", most, err)
			}
			if _, err := n.tryEnter(b.call(cookie(token)), b.person); err != nil {
				b.t.Errorf("at most %d: one of the two again: %v", most, err)
			}
		})
	}
}

// multi_session_support.enabled: off, a second account signs the first out.
func TestMultiSession(t *testing.T) {
	for enabled, want := range map[bool]int{true: 2, false: 1} {
		each(t, deployment.Production, func(b *bench) {
			n, bo := b.node(), b.somebody("bo")
			n.change(func(a *deployment.AuthSettings) { a.MultiSession.Enabled = enabled })
			token, first := n.enter("", b.person)
			token, _ = n.enter(token, bo)
			if v := n.view(token); len(v.SignIns) != want || v.ActiveSignIn.UserID != bo {
				b.t.Errorf("enabled %v: %d are signed in, active %v", enabled, len(v.SignIns), v.ActiveSignIn.UserID)
			}
			status := map[bool]int{true: http.StatusOK, false: http.StatusNotFound}[enabled]
			if a := n.send("POST /session/switch-sign-in?sign_in_id="+first.String(), token); a.status != status {
				b.t.Errorf("enabled %v: back to the first: %s", enabled, a.text)
			}
		})
	}
}
