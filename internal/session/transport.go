package session

import (
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"strings"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/clock"
	"github.com/guildhall-id/guildhall/internal/platform/secret"
)

// How a browser carries its token (contract section 5): two cookies with the
// same value, and in staging a query parameter that is answered by a header.
const (
	Cookie      = "session_id"
	CookieAlias = "__session"
	DevParam    = "__dev_session__"
	DevHeader   = "X-Development-Session"
)

// transport reads tokens from requests and writes them to answers.
type transport struct {
	anonymous secret.Key
	trusted   TrustedProxies
	domain    string // of the cookies; empty for the server's host alone
}

// token is the token of a request, empty for none. One name with two different
// values means nobody.
func (transport) token(r *http.Request, mode deployment.Mode) secret.String {
	if mode == deployment.Staging {
		if token, ok := only(r.URL.Query()[DevParam]); ok && token != "" {
			return secret.New(token)
		} else if !ok && r.URL.Query().Has(DevParam) {
			return secret.String{}
		}
	}
	for _, name := range []string{Cookie, CookieAlias} {
		var values []string
		for _, cookie := range r.CookiesNamed(name) {
			values = append(values, cookie.Value)
		}
		if token, ok := only(values); len(values) > 0 {
			if !ok {
				return secret.String{}
			}
			return secret.New(token)
		}
	}
	return secret.String{}
}

// only is the one value of a list, which may repeat it.
func only(values []string) (string, bool) {
	if len(values) == 0 {
		return "", false
	}
	for _, v := range values[1:] {
		if v != values[0] {
			return "", false
		}
	}
	return values[0], true
}

// deliver hands a new token to the browser. With a domain, a cookie for the host
// alone, from before there was one, would stay beside the new one: it ends.
func (t transport) deliver(w http.ResponseWriter, r *http.Request, d *deployment.Deployment, s access.Session) {
	if s.Renewed.Empty() {
		return
	}
	if d.Mode == deployment.Staging && r.URL.Query().Has(DevParam) {
		w.Header().Set(DevHeader, s.Renewed.Reveal())
	}
	for _, name := range []string{Cookie, CookieAlias} {
		cookie := http.Cookie{
			Name: name, Path: "/", MaxAge: -1, HttpOnly: true,
			Secure: strings.HasPrefix(d.PublicURL, "https://"), SameSite: http.SameSiteLaxMode,
		}
		if t.domain != "" && len(r.CookiesNamed(name)) > 0 {
			http.SetCookie(w, &cookie)
		}
		cookie.Value, cookie.MaxAge, cookie.Domain = s.Renewed.Reveal(), int(d.Settings.Auth.SessionLife().Seconds()), t.domain
		http.SetCookie(w, &cookie)
	}
}

// An anonymous token is its prefix and, in base64url, the session's id and
// start, eight bytes each, and their signature.
const anonymousPrefix = "anon_"

func (t transport) newAnonymous(deployment id.Deployment, session id.Session, now clock.Time) secret.String {
	b := binary.BigEndian.AppendUint64(nil, uint64(session))
	b = binary.BigEndian.AppendUint64(b, uint64(now))
	b = append(b, t.anonymous.Sign(anonymousMessage(deployment, b))...)
	return secret.New(anonymousPrefix + base64.RawURLEncoding.EncodeToString(b))
}

func anonymousMessage(deployment id.Deployment, b []byte) []byte {
	return binary.BigEndian.AppendUint64(b[:len(b):len(b)], uint64(deployment))
}

// openAnonymous is the session of an anonymous token that is not older than
// the deployment lets a session live.
func (t transport) openAnonymous(d *deployment.Deployment, token secret.String, now clock.Time) (access.Session, bool) {
	text, ok := strings.CutPrefix(token.Reveal(), anonymousPrefix)
	if !ok {
		return access.Session{}, false
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) != 16+32 || !t.anonymous.Verify(anonymousMessage(d.ID, b[:16]), b[16:]) {
		return access.Session{}, false
	}
	started := clock.Time(binary.BigEndian.Uint64(b[8:]))
	if started.Add(d.Settings.Auth.SessionLife()) <= now {
		return access.Session{}, false
	}
	return access.Session{ID: id.Session(binary.BigEndian.Uint64(b)), CreatedAt: started, UpdatedAt: started, Anonymous: true}, true
}
