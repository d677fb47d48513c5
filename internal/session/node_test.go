package session_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/api"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/session"
	"github.com/guildhall-id/guildhall/internal/user"
)

// node is a server over the bench's database, with settings and keys cached on
// its own.
type node struct {
	*bench
	deployments *deployment.Service
	sessions    *session.Service
	api         *api.API
}

// node starts another one.
func (b *bench) node() *node {
	b.t.Helper()
	n := &node{bench: b, deployments: deployment.NewService(b.db, b.d.Mode, b.d.PublicURL, b.key)}
	n.sessions = session.NewService(b.db, n.deployments, b.key, nil)
	var err error
	n.api, err = api.New(api.Options{Operations: n.sessions.Operations(), Authenticator: n.sessions})
	must(b.t, err)
	return n
}

// reply is an answer of a node, with the token that it gave the browser.
type reply struct {
	status int
	token  string
	cookie *http.Cookie
	data   json.RawMessage
	text   string
}

// send sends a request with a token.
func (n *node) send(route, token string) reply {
	n.t.Helper()
	method, target, _ := strings.Cut(route, " ")
	r, w := httptest.NewRequest(method, target, nil), httptest.NewRecorder()
	if token != "" {
		r.AddCookie(cookie(token))
	}
	n.api.ServeHTTP(w, r)
	a := reply{status: w.Code, text: w.Body.String()}
	for _, c := range w.Result().Cookies() {
		if c.Name == session.Cookie {
			a.token, a.cookie = c.Value, c
		}
	}
	var envelope struct {
		Data json.RawMessage `json:"data"`
	}
	must(n.t, json.Unmarshal(w.Body.Bytes(), &envelope))
	a.data = envelope.Data
	return a
}

// view is the session that a token sees.
func (n *node) view(token string) (v session.View) {
	n.t.Helper()
	must(n.t, json.Unmarshal(n.send("GET /session", token).data, &v))
	return v
}

// signedIn reports who is signed in with a token; zero for nobody.
func (n *node) signedIn(token string) id.User {
	n.t.Helper()
	if v := n.view(token); v.ActiveSignIn != nil {
		return v.ActiveSignIn.UserID
	}
	return 0
}

// enter signs a person in to the browser of a token, or a new one without.
func (n *node) enter(token string, person id.User) (renewed string, signIn id.SignIn) {
	n.t.Helper()
	var cookies []*http.Cookie
	if token != "" {
		cookies = append(cookies, cookie(token))
	}
	c := n.call(cookies...)
	signIn, err := n.tryEnter(c, person)
	must(n.t, err)
	return c.Session.Renewed.Reveal(), signIn
}

func (n *node) tryEnter(c *access.Caller, person id.User) (signIn id.SignIn, err error) {
	ctx := access.WithCaller(context.Background(), c)
	return signIn, n.db.InTx(ctx, func(tx *database.Tx) error {
		browser, err := n.sessions.Begin(ctx, tx, c, n.d)
		if err != nil {
			return err
		}
		signIn, err = n.sessions.SignIn(ctx, tx, c, n.d, browser, person, "plain_email")
		return err
	})
}

// change changes the settings, for all nodes at once.
func (n *node) change(f func(*deployment.AuthSettings)) {
	n.t.Helper()
	ctx := access.WithCaller(n.t.Context(), &access.Caller{Deployment: n.d.ID})
	must(n.t, n.deployments.Change(ctx, func(s *deployment.Settings) { f(&s.Auth) }))
	d, err := n.deployments.Current(ctx)
	must(n.t, err)
	n.d = d
}

// somebody is another person.
func (b *bench) somebody(name string) (person id.User) {
	b.t.Helper()
	ctx := access.WithCaller(context.Background(), &access.Caller{Deployment: b.d.ID})
	must(b.t, b.db.InTx(ctx, func(tx *database.Tx) (err error) {
		address := user.Email(name + "@example.com")
		person, err = user.Create(ctx, tx, user.NewUser{Deployment: b.d.ID, FirstName: name, Email: address, TypedEmail: string(address), Strategy: "email_otp"})
		return err
	}))
	return person
}
