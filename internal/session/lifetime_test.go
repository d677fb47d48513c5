package session_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/session"
)

// auth_settings.session_validity_period: however much it is used, a sign-in
// ends, and the cookie and the anonymous session with it.
func TestSessionValidity(t *testing.T) {
	for _, life := range []time.Duration{time.Hour, 30 * 24 * time.Hour} {
		each(t, deployment.Production, func(b *bench) {
			n := b.node()
			n.change(func(a *deployment.AuthSettings) {
				a.SessionValidity, a.SessionInactiveTimeout = int64(life.Seconds()), int64(life.Seconds())
			})
			visitor := n.send("GET /session", "")
			if visitor.cookie == nil || visitor.cookie.MaxAge != int(life.Seconds()) || !visitor.cookie.HttpOnly || !visitor.cookie.Secure ||
				visitor.cookie.SameSite != http.SameSiteLaxMode || visitor.cookie.Path != "/" || visitor.cookie.Domain != "" {
				b.t.Errorf("%v: the cookie is %v", life, visitor.cookie)
			}
			token, mine := n.enter("", b.person)
			for range 9 {
				b.advance(life / 10)
				if n.signedIn(token) != b.person {
					b.t.Fatalf("%v: it ended before its time", life)
				}
			}
			renewed := n.send("POST /session/switch-sign-in?sign_in_id="+mine.String(), token)
			if renewed.cookie == nil || renewed.cookie.MaxAge != int(life.Seconds()) {
				b.t.Errorf("%v: the renewed cookie is %v", life, renewed.cookie)
			}
			if ends := n.view(renewed.token).ActiveSignIn.ExpiresAt; ends != b.db.Now().Add(life/10) {
				b.t.Errorf("%v: it ends at %v", life, ends)
			}
			b.advance(life/10 - time.Millisecond)
			if n.signedIn(renewed.token) != b.person {
				b.t.Errorf("%v: it ended a millisecond early", life)
			}
			b.advance(time.Millisecond)
			if n.signedIn(renewed.token) != 0 || len(n.view(renewed.token).SignIns) != 0 {
				b.t.Errorf("%v: a new token made the sign-in live longer", life)
			}
			if a := n.send("GET /session", visitor.token); a.token == "" {
				b.t.Errorf("%v: the anonymous session outlived the validity", life)
			}
		})
	}
}

// auth_settings.session_inactive_timeout: a sign-in in use goes on, however
// short the timeout is; one out of use is dead at the moment.
func TestInactivity(t *testing.T) {
	for _, idle := range []time.Duration{time.Minute, 10 * time.Minute, 7 * 24 * time.Hour} {
		each(t, deployment.Production, func(b *bench) {
			n := b.node()
			n.change(func(a *deployment.AuthSettings) { a.SessionInactiveTimeout = int64(idle.Seconds()) })
			token, _ := n.enter("", b.person)
			for range 4 {
				b.advance(idle / 2)
				if n.signedIn(token) != b.person {
					b.t.Fatalf("%v: a sign-in in use ended", idle)
				}
			}
			b.advance(idle)
			if n.signedIn(token) != 0 {
				b.t.Errorf("%v: a sign-in out of use goes on", idle)
			}
			if a := n.send("GET /session/token", token); a.status != http.StatusUnauthorized {
				b.t.Errorf("%v: it still gets tokens: %s", idle, a.text)
			}
		})
	}
}

// payload is what a token says. Its signature is proven elsewhere.
func payload(t *testing.T, token string) (claims map[string]any) {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("%q is not a token", token)
	}
	b, err := base64.RawURLEncoding.DecodeString(parts[1])
	must(t, err)
	must(t, json.Unmarshal(b, &claims))
	return claims
}

// token asks for one.
func (n *node) token(session, template string) (map[string]any, reply) {
	n.t.Helper()
	a := n.send("GET /session/token?template="+template, session)
	if a.status != http.StatusOK {
		return nil, a
	}
	var out struct {
		Token   string
		Expires int64
	}
	must(n.t, json.Unmarshal(a.data, &out))
	claims := payload(n.t, out.Token)
	if claims["exp"].(float64)*1000 != float64(out.Expires) {
		n.t.Errorf("the token ends at %v, the answer says %v", claims["exp"], out.Expires)
	}
	return claims, a
}

// lifetime is how many seconds a token says that it works.
func lifetime(claims map[string]any) float64 {
	return claims["exp"].(float64) - claims["iat"].(float64)
}

// S24 and auth_settings.session_token_lifetime. No token outlives the sign-in
// that it is for.
func TestTokenLifetime(t *testing.T) {
	for _, life := range []int64{10, 60, 600} {
		each(t, deployment.Production, func(b *bench) {
			n := b.node()
			n.change(func(a *deployment.AuthSettings) {
				a.SessionTokenLifetime, a.SessionValidity, a.SessionInactiveTimeout = life, 3600, 3600
			})
			token, _ := n.enter("", b.person)
			claims, _ := n.token(token, "")
			if got := lifetime(claims); got != float64(life) {
				b.t.Errorf("the token works %v seconds, want %d", got, life)
			}
			b.advance(time.Hour - 5*time.Second)
			if claims, _ := n.token(token, "default"); lifetime(claims) > 5 {
				b.t.Errorf("five seconds before the end, a token works %v seconds", lifetime(claims))
			}
		})
	}
}

// S24: a signed token is no session.
func TestATokenIsNoSession(t *testing.T) {
	each(t, deployment.Staging, func(b *bench) {
		n := b.node()
		token, _ := n.enter("", b.person)
		a := n.send("GET /session/token", token)
		var out struct{ Token string }
		must(b.t, json.Unmarshal(a.data, &out))
		if n.signedIn(out.Token) != 0 {
			b.t.Error("a token works as a cookie")
		}
		if a := n.send("GET /session/token?"+session.DevParam+"="+out.Token, ""); a.status != http.StatusUnauthorized {
			b.t.Errorf("a token works as the parameter: %s", a.text)
		}
	})
}
