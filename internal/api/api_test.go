package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/api"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
	"github.com/guildhall-id/guildhall/internal/platform/secret"
)

// town is one organization, 7, with its workspace 70. The cookie says who is
// calling: nobody, stranger, member, admin or disabled.
type town struct {
	asked int // how often somebody was looked up
	err   error
}

func (t *town) Authenticate(r *http.Request, tenant access.Tenant, create bool) (*access.Caller, error) {
	t.asked++
	if t.err != nil {
		return nil, t.err
	}
	c := &access.Caller{Deployment: 1}
	cookie, err := r.Cookie("session_id")
	if err != nil {
		if create {
			c.Session = access.Session{ID: 99, CreatedAt: 1, UpdatedAt: 1, Anonymous: true, Renewed: secret.New("fresh")}
		}
		return c, nil
	}
	c.Session = access.Session{ID: 42, CreatedAt: 1700000000000, UpdatedAt: 1700000000500}
	c.User, c.Disabled = 5, cookie.Value == "disabled"
	permissions := map[string]access.Permissions{"member": {access.OrganizationMember}, "admin": {access.OrganizationAdmin}}[cookie.Value]
	if permissions != nil && tenant.Organization == 7 {
		c.Organization = access.OrganizationGrant{ID: 7, Membership: 8, Permissions: permissions}
	}
	if permissions != nil && tenant.Workspace == 70 {
		c.Workspace = access.WorkspaceGrant{ID: 70, Organization: 7, Membership: 9}
	}
	return c, nil
}

func (t *town) Deliver(w http.ResponseWriter, _ *http.Request, c *access.Caller) {
	if !c.Session.Renewed.Empty() {
		w.Header().Set("Set-Cookie", "session_id="+c.Session.Renewed.Reveal())
	}
}

var errTaken = fault.New(fault.Conflict, "CONFLICT", "This name is taken.")

type note struct {
	Name string   `json:"name"`
	Tags []string `json:"tags"`
	Next *note    `json:"next"`
}

type createInput struct {
	ID   id.Organization `path:"id"`
	Dry  bool            `query:"dry"`
	Body struct {
		Name        string            `json:"name" minLength:"2" maxLength:"10"`
		Description *string           `json:"description,omitempty" clear:"true"`
		Role        id.Invitation     `json:"role_id,omitempty"`
		Home        *id.Workspace     `json:"home_id,omitempty" clear:"true"`
		Count       int               `json:"count,omitempty" minimum:"1" maximum:"100"`
		Strict      *bool             `json:"strict,omitempty"`
		Kind        string            `json:"kind,omitempty" enum:"open,closed"`
		Tags        []string          `json:"tags,omitempty" clear:"true" maxItems:"3"`
		Numbers     []int             `json:"numbers,omitempty"`
		Headers     map[string]string `json:"headers,omitempty"`
		Limit       struct {
			Max  int    `json:"max"`
			Unit string `json:"unit,omitempty"`
		} `json:"limit,omitempty" required:"false"`
		Image *api.File `json:"image,omitempty"`
	}
}

type listInput struct {
	ID        id.Organization `path:"id"`
	Workspace id.Workspace    `query:"workspace_id"`
	Limit     int             `query:"limit" default:"10" minimum:"1" maximum:"100"`
	Search    *string         `query:"search" maxLength:"100"`
	Status    string          `query:"status" enum:"pending,accepted"`
	All       bool            `query:"all"`
}

// operations are one of every kind.
func operations() []api.Operation {
	member, manager := access.InOrganization(), access.InOrganization(access.OrganizationManageMembers)
	return []api.Operation{
		{ID: "GetNote", Route: "GET /organizations/{id}/notes/{noteId}", Summary: "Read a note.", Access: member, Handle: api.Handle(getNote)},
		{ID: "ListNotes", Route: "GET /organizations/{id}/notes", Summary: "List notes.", Access: member, Handle: api.Handle(echo[listInput])},
		{ID: "CreateNote", Route: "POST /organizations/{id}/notes", Summary: "Create.", Access: manager, Errors: []*fault.Error{errTaken}, Handle: api.Handle(createNote)},
		{ID: "Stream", Route: "GET /stream", Summary: "Stream.", Access: access.Anyone(), Handle: api.Handle(stream), Addition: true},
		{ID: "Fail", Route: "GET /fail/{how}", Summary: "Fail.", Access: access.Anyone(), Handle: api.Handle(fail)},
		{ID: "Keys", Route: "GET /.well-known/keys", Summary: "Keys.", Access: access.Anyone(), Bare: true, Cache: "public, max-age=60", Handle: api.Handle(keys)},
		{ID: "Visit", Route: "GET /visit", Summary: "Visit.", Access: access.Browser(), Handle: api.Handle(visit)},
		{ID: "Me", Route: "GET /me", Summary: "Me.", Access: access.SignedIn(), Handle: api.Handle(visit)},
		{ID: "CreateWorkspace", Route: "POST /workspaces", Summary: "In a tenant the body names.", Access: member.NamedBy("organization_id"), Handle: api.Handle(echo[createWorkspaceInput])},
		{ID: "Leave", Route: "POST /workspaces/{id}/leave", Summary: "No body.", Access: access.InWorkspace(), Handle: api.Handle(echo[leaveInput])},
		{ID: "Switch", Route: "POST /switch", Summary: "Ids in the query.", Access: access.Browser(), Handle: api.Handle(echo[switchInput])},
	}
}

type (
	createWorkspaceInput struct {
		Body struct {
			Organization id.Organization `json:"organization_id"`
			Name         string          `json:"name"`
		}
	}
	leaveInput struct {
		ID id.Workspace `path:"id"`
	}
	switchInput struct {
		SignIn id.SignIn `query:"sign_in_id" required:"true"`
	}
	noteInput struct {
		ID   id.Organization `path:"id"`
		Note id.Invitation   `path:"noteId"`
	}
	failInput struct {
		How string `path:"how"`
	}
	streamInput struct {
		Count int    `query:"count"`
		Fail  string `query:"fail"`
		Next  string `query:"next"`
	}
)

func echo[T any](_ context.Context, in T) (T, error) { return in, nil }

func getNote(_ context.Context, in noteInput) (note, error) {
	return note{Name: in.Note.String(), Tags: []string{}}, nil
}

func createNote(_ context.Context, in createInput) (any, error) {
	if in.Body.Name == "taken" {
		return nil, errTaken
	}
	return in.Body, nil
}

func visit(ctx context.Context, _ struct{}) ([]note, error) {
	if access.CallerOf(ctx).Client.RequestID == "" {
		return nil, errors.New("no request id")
	}
	return nil, nil
}

func keys(context.Context, struct{}) (map[string]string, error) {
	return map[string]string{"kid": "<1>"}, nil
}

func fail(ctx context.Context, in failInput) (*note, error) {
	switch in.How {
	case "none":
		return nil, nil
	case "panic":
		panic("boom")
	case "late":
		return nil, fmt.Errorf("read: %w", context.DeadlineExceeded)
	case "limited":
		return nil, fmt.Errorf("wrapped: %w", fault.New(fault.TooMany, "RATE_LIMITED", "Slow down.").After(1500e6))
	case "left":
		return nil, context.Cause(ctx)
	}
	return nil, errors.New("the database said pa$$word")
}

func stream(_ context.Context, in streamInput) (api.List[note], error) {
	return api.List[note]{Next: in.Next, Items: func(yield func(note, error) bool) {
		for i := range in.Count {
			if in.Fail == fmt.Sprint(i) {
				yield(note{}, errTaken)
				return
			}
			if !yield(note{Name: fmt.Sprint("note ", i), Tags: []string{}}, nil) {
				return
			}
		}
	}}, nil
}

// serve is an API of the operations, its town and its log.
func serve(t testing.TB) (*api.API, *town, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	people := &town{}
	a, err := api.New(api.Options{
		Operations: operations(), Authenticator: people, Version: "1.2.3",
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return a, people, &log
}

// answer is a recorded answer with its envelope read.
type answer struct {
	*httptest.ResponseRecorder
	Status  int
	Message string
	Data    json.RawMessage
	Session json.RawMessage
	Errors  []struct{ Code, Message string }
}

// code is the status and the code of the first error: "400 INVALID_ID".
func (a answer) code() string {
	if len(a.Errors) == 0 {
		return fmt.Sprint(a.Code)
	}
	return fmt.Sprint(a.Code, " ", a.Errors[0].Code)
}

// send makes a request and checks what holds for every answer.
func send(t testing.TB, h http.Handler, r *http.Request) answer {
	t.Helper()
	got := answer{ResponseRecorder: httptest.NewRecorder()}
	h.ServeHTTP(got, r)
	text := got.Body.Bytes()
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatalf("%s %s: %v in %s", r.Method, r.URL, err, text)
	}
	var members map[string]json.RawMessage
	json.Unmarshal(text, &members)
	if names := slices.Sorted(maps.Keys(members)); strings.Join(names, " ") != "data errors message session status" {
		t.Errorf("%s %s: the envelope has %v", r.Method, r.URL, names)
	}
	if got.Status != got.Code {
		t.Errorf("%s %s: status %d with an envelope that says %d", r.Method, r.URL, got.Code, got.Status)
	}
	if (got.Code >= 400) != (len(got.Errors) > 0) {
		t.Errorf("%s %s: %d with errors %v", r.Method, r.URL, got.Code, got.Errors)
	}
	if got.Header().Get("X-Request-Id") == "" || got.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%s %s: headers %v", r.Method, r.URL, got.Header())
	}
	return got
}

// request is a request of a person: "" for nobody.
func request(who, method, target string, body io.Reader, contentType string) *http.Request {
	r := httptest.NewRequest(method, target, body)
	if who != "" {
		r.AddCookie(&http.Cookie{Name: "session_id", Value: who})
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return r
}

const (
	formType = "application/x-www-form-urlencoded"
	jsonType = "application/json"
)

// multi is a multipart body of alternating names and values.
func multi(pairs ...string) (io.Reader, string) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for i := 0; i < len(pairs); i += 2 {
		w.WriteField(pairs[i], pairs[i+1])
	}
	w.Close()
	return &b, w.FormDataContentType()
}

func values(pairs ...string) string {
	var parts []string
	for i := 0; i < len(pairs); i += 2 {
		parts = append(parts, url.QueryEscape(pairs[i])+"="+url.QueryEscape(pairs[i+1]))
	}
	return strings.Join(parts, "&")
}
