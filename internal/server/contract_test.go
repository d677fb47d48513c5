// Package server_test is the contract suite: every operation called by every
// kind of caller on a running server, on each database. What is expected comes
// from the operations' own declarations.
package server_test

import (
	"errors"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/platform/database/databasetest"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
)

func TestContract(t *testing.T) {
	for _, dialect := range databasetest.Dialects() {
		t.Run(string(dialect), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, dialect)
			s := w.stage(t)
			before := w.next.readings(t)
			if !t.Run("every operation has a recipe", s.testRecipes) {
				t.FailNow()
			}
			t.Run("callers", s.testCallers)
			t.Run("switched off", s.testSwitches)
			t.Run("malformed ids", s.testMalformedIDs)
			t.Run("foreign ids", s.testForeignIDs)
			t.Run("unknown members", s.testUnknownMembers)
			t.Run("founding page", s.testFoundingPage)
			t.Run("manager of a workspace", s.testWorkspaceManager)
			t.Run("unknown addresses", s.testUnknownAddresses)
			t.Run("story", w.testStory)
			t.Run("browsers", s.testBrowsers)
			t.Run("tokens", s.testTokens)
			t.Run("members of answers", w.testMembers)
			t.Run("neighbour", func(t *testing.T) { sameReadings(t, before, w.next.readings(t)) })
			t.Run("log", w.testLog)
		})
	}
}

// lastSeen is when somebody was last seen, which their own reading changes where the
// table takes minutes.
var lastSeen = regexp.MustCompile(`"last_active_at":"[^"]*"`)

// sameReadings compares what the neighbour reads with what they read before
// the whole table ran.
func sameReadings(t *testing.T, before, after map[string]string) {
	t.Helper()
	for path, was := range before {
		if lastSeen.ReplaceAllString(after[path], "") != lastSeen.ReplaceAllString(was, "") {
			t.Errorf("GET %s of the neighbour was\n%s\nand is\n%s", path, was, after[path])
		}
	}
}

// caller is a kind of caller, and what they are in the tenant of the stage.
type caller struct {
	name    string
	person  *person  // nil: nobody is signed in
	browser *browser // of the person, or without one
	post    post
	allowed bool // by the rule of the operation that is tried
}

// stage is a tenant with somebody for every kind of caller.
type stage struct {
	*world
	*tenant
	cast    []caller
	spare   *person // a member whom others may remove
	parties int

	completed int // profiles of people who were there before last names were required
}

func (w *world) stage(t *testing.T) *stage {
	t.Helper()
	s := &stage{world: w, tenant: w.tenant(t, w.founder, "Acme"), spare: w.person(t, "Spencer Spare")}
	anonymous := w.browser()
	anonymous.get(t, "/session").must(t, http.StatusOK)
	s.cast = []caller{
		{name: "nobody", browser: w.browser()},
		{name: "anonymous browser", browser: anonymous},
		{name: "stranger", person: w.stranger},
		{name: "other organization's administrator", person: w.neighbour},
	}
	for name, p := range map[string]post{
		"member":                           {memberRole, memberRole},
		"manager of members":               {recruiterRole, ""},
		"manager":                          {managerRole, memberRole},
		"administrator":                    {adminRole, adminRole},
		"administrator outside workspaces": {adminRole, ""},
		"manager of a workspace":           {memberRole, leadRole},
	} {
		who := w.person(t, "Casey "+strings.ToUpper(name[:1])+name[1:])
		s.join(t, who, p)
		s.cast = append(s.cast, caller{name: name, person: who, post: p})
	}
	for i := range s.cast {
		if c := &s.cast[i]; c.person != nil {
			c.browser = c.person.browser
		}
	}
	s.join(t, s.spare, post{memberRole, memberRole})
	return s
}

// as is the caller of a name.
func (s *stage) as(name string) caller {
	for _, c := range s.cast {
		if c.name == name {
			c.allowed = true
			return c
		}
	}
	panic("there is no caller " + name)
}

// expected is what the rule says to a caller, nil when they may.
func (c caller) expected(rule access.Rule) error {
	var a access.Caller
	if c.person != nil {
		a.User = 1
	}
	if c.post.organization != "" {
		a.Organization = access.OrganizationGrant{Membership: 1, Permissions: organizationRoles[c.post.organization]}
	}
	if c.post.workspace != "" {
		a.Workspace = access.WorkspaceGrant{Membership: 1, Permissions: workspaceRoles[c.post.workspace]}
	}
	if a.Organization.Permissions.Hold(access.OrganizationAdmin) {
		a.Workspace.Permissions = append(access.Permissions{access.WorkspaceAdmin}, a.Workspace.Permissions...)
	}
	if err := rule.Decide(&a); err != nil {
		return err
	}
	if reflect.DeepEqual(rule, access.Invitations()) &&
		!a.Organization.Permissions.Hold(access.OrganizationManageMembers) && !a.Workspace.Permissions.Hold(access.WorkspaceManage) {
		return access.ErrForbidden
	}
	return nil
}

// build places arguments where the operation has its parameters. What it does
// not declare goes into the body.
func (op *described) build(args url.Values) request {
	method, path, _ := strings.Cut(op.Route, " ")
	r := request{Method: method, Query: url.Values{}}
	rest := url.Values{}
	for name, values := range args {
		where := "body"
		for _, p := range op.params {
			if p.name == name {
				where = p.in
			}
		}
		switch where {
		case "path":
			path = strings.ReplaceAll(path, "{"+name+"}", url.PathEscape(values[0]))
		case "query":
			r.Query[name] = values
		default:
			rest[name] = values
		}
	}
	r.Path = path
	if method != http.MethodGet && len(rest) > 0 {
		r.Body = rest
	}
	return r
}

func (s *stage) testRecipes(t *testing.T) {
	known := map[string]bool{}
	for _, op := range s.API.Operations() {
		known[op.ID] = true
		if recipes[op.ID] == nil {
			t.Errorf("say in recipes how to call %s well", op.ID)
		}
	}
	for name := range recipes {
		if !known[name] {
			t.Errorf("there is no operation %s", name)
		}
	}
}

// testCallers is the table of promise S27: every operation, every kind of
// caller. Who may call is not refused, and what they ask for is done.
func (s *stage) testCallers(t *testing.T) {
	for _, op := range s.API.Operations() {
		one := s.documents.byRoute[op.Route]
		for _, c := range s.cast {
			t.Run(op.ID+"/"+c.name, func(t *testing.T) {
				expected := c.expected(op.Access)
				c.allowed = expected == nil
				try := recipes[op.ID](t, s, c)
				from := c.browser.copy()
				if try.from != nil {
					from = try.from
				}
				request := one.build(try.args)
				request.File = try.file
				trail := s.trace(t, op, from)
				a := from.send(t, request)
				trail.ends(t, a)
				switch {
				case try.want != 0 && expected == nil:
					a.must(t, try.want)
				case expected == nil:
					a.must(t, http.StatusOK)
				default:
					refused(t, a, expected)
				}
			})
		}
	}
}

// testWorkspaceManager is what the rule of invitations leaves to the use case:
// who manages a workspace alone sees and touches what leads into it.
func (s *stage) testWorkspaceManager(t *testing.T) {
	lead := s.as("manager of a workspace").browser
	elsewhere := s.world.tenant(t, s.world.founder, "Elsewhere")
	above, inside := s.invite(t, s.newEmail("above"), ""), s.invite(t, s.newEmail("inside"), s.workspace)
	path := "/organizations/" + s.organization + "/invitations"

	lead.get(t, path).must(t, http.StatusForbidden)
	lead.get(t, path+"?status=all").must(t, http.StatusForbidden)
	lead.get(t, path+"?workspace_id="+elsewhere.workspace).must(t, http.StatusForbidden)
	list := lead.get(t, path+"?workspace_id="+s.workspace).must(t, http.StatusOK)
	if strings.Contains(string(list.Raw), above.text(t, "data.token")) || !strings.Contains(string(list.Raw), inside.text(t, "data.token")) {
		t.Errorf("a manager of the workspace sees: %s", list.Raw)
	}
	lead.get(t, path+"/"+inside.text(t, "data.id")).must(t, http.StatusOK)
	for _, action := range []string{"", "/resend", "/discard"} {
		method := http.MethodPost
		if action == "" {
			method = http.MethodGet
		}
		lead.send(t, split(method, path+"/"+above.text(t, "data.id")+action, nil)).must(t, http.StatusForbidden)
	}
	lead.post(t, path, "email", s.newEmail("above")).must(t, http.StatusForbidden)
	lead.post(t, path, "email", s.newEmail("inside"), "workspace_id", elsewhere.workspace).must(t, http.StatusForbidden)
	lead.post(t, path, "email", s.newEmail("inside"), "workspace_id", s.workspace,
		"role_id", s.organizationRole[adminRole]).must(t, http.StatusForbidden)
	lead.post(t, path, "email", s.newEmail("inside"), "workspace_id", s.workspace,
		"workspace_role_id", s.workspaceRole[adminRole]).must(t, http.StatusForbidden)
}

// testUnknownAddresses: what no operation answers is answered with an envelope
// too.
func (s *stage) testUnknownAddresses(t *testing.T) {
	b := s.as("administrator").browser
	for route, status := range map[string]int{
		"GET /nowhere": http.StatusNotFound, "GET /": http.StatusNotFound, "POST /nowhere": http.StatusNotFound,
		"GET //session": http.StatusNotFound, "GET /session/": http.StatusNotFound, "GET /x/../session": http.StatusNotFound,
		"GET /organizations//members": http.StatusNotFound, "GET /%2e%2e/session": http.StatusNotFound, "GET /%00": http.StatusNotFound,
		"GET /Session": http.StatusNotFound, "GET /dev": http.StatusNotFound,
		"POST /session": http.StatusMethodNotAllowed, "DELETE /me": http.StatusMethodNotAllowed, "PUT /organizations": http.StatusMethodNotAllowed,
		"BREW /session": http.StatusMethodNotAllowed, "GET /auth/signin": http.StatusMethodNotAllowed,
	} {
		method, path, _ := strings.Cut(route, " ")
		a := b.send(t, request{Method: method, Path: path})
		if a.Status != status || a.code() == "" {
			t.Errorf("%s is answered with %d: %s", route, a.Status, a.Raw)
		}
	}
}

// refused compares an answer with a refusal of the rule.
func refused(t *testing.T, a answer, expected error) {
	t.Helper()
	statuses := map[fault.Kind]int{
		fault.Unauthenticated: http.StatusUnauthorized, fault.Forbidden: http.StatusForbidden, fault.NotFound: http.StatusNotFound,
	}
	refusal, _ := errors.AsType[*fault.Error](expected)
	if a.Status != statuses[refusal.Kind] || a.code() != refusal.Code {
		t.Errorf("answered %d %s, want %d %s: %s", a.Status, a.code(), statuses[refusal.Kind], refusal.Code, a.Raw)
	}
}
