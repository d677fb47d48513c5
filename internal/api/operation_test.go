package api_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/api"
	"github.com/guildhall-id/guildhall/internal/id"
)

// Malformed ids come first, then who is calling, then what they may do, then
// what they sent.
func TestOrderOfRefusals(t *testing.T) {
	const notes, body = "/organizations/7/notes", "name=ok"
	tests := map[string]struct {
		who, method, target, body string
		want                      string
		asked                     int
	}{
		"a malformed id is refused before anybody is looked up":    {"", "GET", "/organizations/x/notes", "", "400 INVALID_ID", 0},
		"so is one in the query":                                   {"", "GET", notes + "?workspace_id=-1", "", "400 INVALID_ID", 0},
		"so is a malformed parameter":                              {"", "GET", notes + "?limit=many", "", "400 BAD_REQUEST_BODY", 0},
		"nobody is asked to sign in":                               {"", "GET", notes, "", "401 UNAUTHENTICATED", 1},
		"nobody is asked to sign in, whatever they send":           {"", "POST", notes, "name=", "401 UNAUTHENTICATED", 1},
		"a disabled person may do nothing":                         {"disabled", "GET", notes, "", "403 USER_DISABLED", 1},
		"a stranger sees nothing":                                  {"stranger", "GET", notes, "", "404 NOT_FOUND", 1},
		"a stranger sees nothing, whatever they send":              {"stranger", "POST", notes, "name=", "404 NOT_FOUND", 1},
		"a member may not manage":                                  {"member", "POST", notes, "name=", "403 FORBIDDEN", 1},
		"another organization is not there":                        {"admin", "POST", "/organizations/8/notes", body, "404 NOT_FOUND", 1},
		"an administrator hears what is wrong":                     {"admin", "POST", notes, "name=", "400 REQUIRED_FIELD", 1},
		"an administrator may do it":                               {"admin", "POST", notes, body, "200", 1},
		"the use case may refuse":                                  {"admin", "POST", notes, "name=taken", "409 CONFLICT", 1},
		"a member of a workspace may leave":                        {"member", "POST", "/workspaces/70/leave", "", "200", 1},
		"a stranger cannot leave it":                               {"stranger", "POST", "/workspaces/70/leave", "", "404 NOT_FOUND", 1},
		"a body without purpose is ignored":                        {"member", "POST", "/workspaces/70/leave", "a=1&a=2", "200", 1},
		"a tenant in the body: nobody":                             {"", "POST", "/workspaces", "organization_id=7&name=a", "401 UNAUTHENTICATED", 1},
		"a tenant in the body: nobody, with a bad body":            {"", "POST", "/workspaces", "name=a", "401 UNAUTHENTICATED", 1},
		"a tenant in the body: malformed":                          {"", "POST", "/workspaces", "organization_id=7x&name=a", "400 INVALID_ID", 0},
		"a tenant in the body: missing":                            {"member", "POST", "/workspaces", "name=a", "400 REQUIRED_FIELD", 1},
		"a tenant in the body: none":                               {"member", "POST", "/workspaces", "organization_id=0&name=a", "404 NOT_FOUND", 1},
		"a tenant in the body: another":                            {"member", "POST", "/workspaces", "organization_id=8&name=a", "404 NOT_FOUND", 1},
		"a tenant in the body: a disabled person hears that first": {"disabled", "POST", "/workspaces", "name=a", "403 USER_DISABLED", 1},
		"a tenant in the body: theirs":                             {"member", "POST", "/workspaces", "organization_id=7&name=a", "200", 1},
		"an address that is not there":                             {"admin", "GET", "/nothing", "", "404 NOT_FOUND", 0},
		"an address with another method":                           {"admin", "DELETE", notes, "", "405 METHOD_NOT_ALLOWED", 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			a, people, _ := serve(t)
			got := send(t, a, request(test.who, test.method, test.target, strings.NewReader(test.body), formType))
			if got.code() != test.want || people.asked != test.asked {
				t.Errorf("%s after asking %d times, want %s after %d: %s", got.code(), people.asked, test.want, test.asked, got.Body)
			}
		})
	}
}

func TestDeclarations(t *testing.T) {
	good := operations()[0]
	with := func(change func(*api.Operation)) []api.Operation {
		op := good
		change(&op)
		return []api.Operation{op}
	}
	other := func(f func(*api.Operation)) []api.Operation {
		return append(with(func(op *api.Operation) { op.ID, op.Route = "Other", "GET /o/{id}/{noteId}"; f(op) }), good)
	}
	type bodyOfGet struct {
		ID   id.Organization `path:"id"`
		Note id.Invitation   `path:"noteId"`
		Body struct{}
	}
	type float struct {
		F float64 `query:"f"`
	}
	tests := map[string]struct {
		operations []api.Operation
		want       string
	}{
		"no id":                  {with(func(op *api.Operation) { op.ID = "" }), "has no id"},
		"no rule":                {with(func(op *api.Operation) { op.Access = access.Rule{} }), "lacks a rule"},
		"no handler":             {with(func(op *api.Operation) { op.Handle = api.Handler{} }), "lacks a handler"},
		"no method":              {with(func(op *api.Operation) { op.Route = "/o/{id}/{noteId}" }), "lacks a route"},
		"odd method":             {with(func(op *api.Operation) { op.Route = "FETCH /o/{id}/{noteId}" }), "lacks a route"},
		"two ids":                {other(func(op *api.Operation) { op.ID = good.ID }), "two operations have the id GetNote"},
		"two routes":             {other(func(op *api.Operation) { op.Route = good.Route }), "another one has the route"},
		"two overlapping routes": {other(func(op *api.Operation) { op.Route = "GET /organizations/{noteId}/notes/{id}" }), "conflicts with"},
		"no field for a part":    {with(func(op *api.Operation) { op.Route = "GET /o/{id}/{noteId}/{more}" }), "no field for {more}"},
		"no part for a field":    {with(func(op *api.Operation) { op.Route = "GET /o/{id}" }), "no {noteId}"},
		"no tenant":              {with(func(op *api.Operation) { op.Access = access.InOrganization().NamedBy("org") }), "no id of the tenant"},
		"a GET with a body":      {with(func(op *api.Operation) { op.Handle = api.Handle(echo[bodyOfGet]) }), "a GET has no body"},
		"a strange parameter":    {with(func(op *api.Operation) { op.Route, op.Handle = "GET /f", api.Handle(echo[float]) }), "cannot be a parameter"},
		"a public envelope":      {with(func(op *api.Operation) { op.Cache = "public" }), "never public"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := api.New(api.Options{Operations: test.operations, Authenticator: &town{}})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}

func TestUnknownRoutes(t *testing.T) {
	a, _, _ := serve(t)
	tests := map[string]struct{ method, target, want, allow string }{
		"root":            {"GET", "/", "404 NOT_FOUND", ""},
		"trailing slash":  {"GET", "/me/", "404 NOT_FOUND", ""},
		"double slash":    {"GET", "//me", "404 NOT_FOUND", ""},
		"dot segments":    {"POST", "/x/../me", "404 NOT_FOUND", ""},
		"escaped slash":   {"GET", "/organizations%2F7/notes", "404 NOT_FOUND", ""},
		"wrong method":    {"PUT", "/organizations/7/notes", "405 METHOD_NOT_ALLOWED", "GET, HEAD, POST"},
		"options":         {"OPTIONS", "/me", "405 METHOD_NOT_ALLOWED", "GET, HEAD"},
		"strange method":  {"BREW", "/me", "405 METHOD_NOT_ALLOWED", "GET, HEAD"},
		"reserved method": {"CONNECT", "/me", "405 METHOD_NOT_ALLOWED", "GET, HEAD"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := send(t, a, request("", test.method, test.target, nil, ""))
			if got.code() != test.want || got.Header().Get("Allow") != test.allow {
				t.Errorf("%s, Allow %q", got.code(), got.Header().Get("Allow"))
			}
		})
	}
}

func TestAuthenticatorFails(t *testing.T) {
	a, people, log := serve(t)
	people.err = errors.New("no connection to pa$$word@db")
	if got := send(t, a, request("admin", "GET", "/me", nil, "")); got.code() != "500 INTERNAL" {
		t.Error(got.code())
	}
	if !strings.Contains(log.String(), "no connection") {
		t.Errorf("the log has %q", log)
	}
	people.err = context.DeadlineExceeded
	if got := send(t, a, request("admin", "GET", "/me", nil, "")); got.code() != "503 UNAVAILABLE" || got.Header().Get("Retry-After") != "1" {
		t.Error(got.code(), got.Header())
	}
}

func TestPermissionTable(t *testing.T) {
	table := api.PermissionTable(operations())
	for _, want := range []string{
		"| operation | route | who |",
		"| CreateNote | `POST /organizations/{id}/notes` | member of the organization with `organization:manage_members` |",
		"| Stream | `GET /stream` | anyone, without a session (addition) |",
	} {
		if !strings.Contains(table, want) {
			t.Errorf("the table lacks %q:\n%s", want, table)
		}
	}
}

func BenchmarkServe(b *testing.B) {
	a, _, _ := serve(b)
	r := request("member", http.MethodGet, "/organizations/7/notes/5", nil, "")
	w := &discard{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		clear(w.header)
		a.ServeHTTP(w, r)
	}
	if w.status != http.StatusOK {
		b.Fatal(w.status)
	}
}

type discard struct {
	header http.Header
	status int
	bytes  int
}

func (d *discard) Header() http.Header { return d.header }
func (d *discard) WriteHeader(status int) {
	d.status = status
}

func (d *discard) Write(b []byte) (int, error) {
	d.bytes += len(b)
	return len(b), nil
}
