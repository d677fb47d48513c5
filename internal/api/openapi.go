package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
)

// documentRoute is where the document is served.
const documentRoute = "GET /openapi.json"

// OpenAPI is the OpenAPI 3.1 document of all operations, indented and always
// the same for the same operations.
func (a *API) OpenAPI() ([]byte, error) { return a.document() }

func (a *API) serveDocument(w http.ResponseWriter, r *http.Request) {
	op := Operation{ID: "GetOpenAPI", Bare: true, Cache: "public, max-age=300"}
	x := exchange{api: a, op: &op, w: w, r: r, id: requestID(w)}
	defer x.rescue()
	text, err := a.OpenAPI()
	if err != nil {
		x.fail(err)
		return
	}
	w.Header().Set("Access-Control-Allow-Origin", "*") // public, and the same for everyone
	x.respond(http.StatusOK, text, true)
}

// How a request may carry its session (contract section 5).
var sessionSchemes = map[string]*huma.SecurityScheme{
	"session_id": {Type: "apiKey", In: "cookie", Name: "session_id"},
	"__session":  {Type: "apiKey", In: "cookie", Name: "__session", Description: "The same value under its other name."},
	"devSession": {Type: "apiKey", In: "query", Name: "__dev_session__", Description: "Staging only."},
}

// describe makes the document.
func (a *API) describe() ([]byte, error) {
	doc := &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{
			Title: "Guildhall Frontend API", Version: a.version,
			Description: "What browsers call: sessions, people, organizations, workspaces and invitations.",
		},
		Paths: map[string]*huma.PathItem{},
		Components: &huma.Components{
			Schemas: a.registry, SecuritySchemes: sessionSchemes, Responses: map[string]*huma.Response{},
		},
	}
	for _, e := range a.endpoints {
		op := describeOperation(e)
		for code, list := range e.refusals() {
			op.Responses[strconv.Itoa(code)] = share(doc.Components.Responses, code, describeFailure(code, list))
		}
		doc.AddOperation(op)
	}
	text, err := json.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("describe the operations: %w", err)
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, text, "", "  "); err != nil {
		return nil, err
	}
	return append(indented.Bytes(), '\n'), nil
}

func describeOperation(e *endpoint) *huma.Operation {
	op := e.op
	method, path, _ := strings.Cut(op.Route, " ")
	described := &huma.Operation{
		OperationID: op.ID, Method: method, Path: path, Summary: op.Summary, Description: op.Description,
		Tags:       []string{strings.SplitN(path, "/", 3)[1]},
		Responses:  map[string]*huma.Response{"200": describeSuccess(e)},
		Extensions: map[string]any{"x-permission": op.Access.String()},
	}
	if op.Addition {
		described.Extensions["x-addition"] = true
	}
	if op.Access.Session() {
		described.Security = []map[string][]string{{"session_id": {}}, {"__session": {}}, {"devSession": {}}}
		if op.Access.NeedsBrowser() {
			described.Security = append(described.Security, map[string][]string{})
		}
	}
	for i := range e.input.params {
		p := &e.input.params[i]
		described.Parameters = append(described.Parameters, &huma.Param{
			Name: p.name, In: p.in, Required: p.required, Schema: p.schema, Description: p.schema.Description,
		})
	}
	if b := e.input.body; b != nil {
		content := map[string]*huma.MediaType{}
		for _, mediaType := range []string{"multipart/form-data", "application/x-www-form-urlencoded", "application/json"} {
			content[mediaType] = &huma.MediaType{Schema: b.ref}
		}
		described.RequestBody = &huma.RequestBody{Content: content, Required: len(b.schema.Required) > 0}
	}
	return described
}

// share describes each kind of failure once: the first of a status is a
// component, and operations that fail the same way refer to it.
func share(components map[string]*huma.Response, code int, failure *huma.Response) *huma.Response {
	name := strings.ReplaceAll(http.StatusText(code), " ", "")
	known, ok := components[name]
	if !ok {
		components[name] = failure
	} else if !reflect.DeepEqual(known, failure) {
		return failure
	}
	return &huma.Response{Ref: "#/components/responses/" + name}
}

func describeSuccess(e *endpoint) *huma.Response {
	op, s := e.op, e.data
	if !op.Bare {
		s = envelopeSchema(s)
	}
	answer := &huma.Response{
		Description: "Done.",
		Headers:     map[string]*huma.Param{"X-Request-Id": {Schema: &huma.Schema{Type: huma.TypeString}}},
		Content:     map[string]*huma.MediaType{"application/json": {Schema: s}},
	}
	if op.Handle.out.Implements(reflect.TypeFor[streamed]()) {
		answer.Headers["X-Next-Cursor"] = &huma.Param{
			Description: "The parameter `cursor` of the next page; absent on the last one.",
			Schema:      &huma.Schema{Type: huma.TypeString},
		}
	}
	return answer
}

// refusals is everything an operation may refuse with, by status.
func (e *endpoint) refusals() map[int][]*fault.Error {
	op := e.op
	all := slices.Clone(op.Errors)
	for i := range e.input.params {
		p := &e.input.params[i]
		if isID(p.schema) {
			all = append(all, id.ErrInvalid)
		}
		if p.in == "query" {
			all = append(all, errBadInput)
		}
		if p.in == "query" && p.required {
			all = append(all, errRequired)
		}
	}
	if b := e.input.body; b != nil {
		all = append(all, errBadInput, errTooLarge, errMediaType)
		if len(b.schema.Required) > 0 {
			all = append(all, errRequired)
		}
		for _, member := range b.schema.Properties {
			if isID(member) {
				all = append(all, id.ErrInvalid)
			}
		}
	}
	if op.Access.Session() && !op.Access.NeedsBrowser() {
		all = append(all, access.ErrUnauthenticated, access.ErrDisabled, access.ErrEnrolment)
	}
	if op.Access.OfOrganization() || op.Access.OfWorkspace() {
		all = append(all, access.ErrNotFound, access.ErrForbidden)
	}
	if op.Access.Demanding() {
		all = append(all, access.ErrIneligible)
	}
	if op.Changes || !strings.HasPrefix(op.Route, http.MethodGet+" ") {
		all = append(all, errCrossSite)
		if op.Access.Session() {
			all = append(all, access.ErrMaintenance)
		}
	}
	all = append(all, errRateLimited, errInternal, errUnavailable)
	byStatus := map[int][]*fault.Error{}
	for _, f := range all {
		list := byStatus[status(f)]
		if !slices.ContainsFunc(list, func(other *fault.Error) bool { return other.Code == f.Code }) {
			byStatus[status(f)] = append(list, f)
		}
	}
	return byStatus
}

// describeFailure is the answer of one status, with an example of each code.
func describeFailure(code int, list []*fault.Error) *huma.Response {
	slices.SortFunc(list, func(a, b *fault.Error) int { return strings.Compare(a.Code, b.Code) })
	examples := map[string]*huma.Example{}
	codes := make([]string, len(list))
	for i, f := range list {
		codes[i] = "`" + f.Code + "`"
		examples[f.Code] = &huma.Example{Value: map[string]any{
			"status": code, "message": f.Message, "data": nil, "session": nil,
			"errors": []map[string]string{{"code": f.Code, "message": f.Message}},
		}}
	}
	answer := &huma.Response{
		Description: strings.Join(codes, ", "),
		Content: map[string]*huma.MediaType{"application/json": {
			Schema: &huma.Schema{Ref: schemaPrefix + "Failure"}, Examples: examples,
		}},
	}
	if code == http.StatusTooManyRequests || code == http.StatusServiceUnavailable {
		answer.Headers = map[string]*huma.Param{"Retry-After": {
			Description: "Seconds.", Schema: &huma.Schema{Type: huma.TypeInteger},
		}}
	}
	return answer
}
