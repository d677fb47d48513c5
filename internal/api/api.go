package api

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
)

// Options is what an API is made of.
type Options struct {
	Operations    []Operation
	Authenticator Authenticator
	Logger        *slog.Logger // nil is slog.Default()
	Version       string       // of the server, for the document
}

// API serves operations over HTTP, and the document that describes them at
// GET /openapi.json. Every answer but a bare one is an envelope, whatever goes
// wrong.
type API struct {
	operations    []Operation
	endpoints     []*endpoint
	authenticator Authenticator
	log           *slog.Logger
	version       string
	registry      huma.Registry
	mux           *http.ServeMux
	document      func() ([]byte, error)
}

// New mounts the operations. The error names every operation that cannot be:
// one without rule, id, route or handler, with the id or route of another, or
// with an input that does not fit its route.
func New(o Options) (*API, error) {
	a := &API{
		operations:    o.Operations,
		authenticator: o.Authenticator,
		log:           o.Logger,
		version:       cmp.Or(o.Version, "0"),
		registry:      huma.NewMapRegistry(schemaPrefix, schemaName),
		mux:           http.NewServeMux(),
	}
	if a.log == nil {
		a.log = slog.Default()
	}
	if a.authenticator == nil {
		return nil, errors.New("api: there is no authenticator")
	}
	ids, routes := map[string]bool{}, map[string]bool{documentRoute: true}
	var problems []error
	for i := range a.operations {
		op := &a.operations[i]
		if err := op.check(ids, routes); err != nil {
			problems = append(problems, err)
		} else if err := a.mount(op); err != nil {
			problems = append(problems, fmt.Errorf("api: operation %s: %w", op.ID, err))
		}
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	a.settleSchemas()
	a.document = sync.OnceValues(a.describe)
	a.mux.HandleFunc(documentRoute, a.serveDocument)
	a.mux.HandleFunc("/", a.serveUnknown)
	return a, nil
}

// check refuses what a declaration lacks, and what another one has already.
func (op *Operation) check(ids, routes map[string]bool) error {
	method, pattern, _ := strings.Cut(op.Route, " ")
	var lacks string
	switch {
	case op.ID == "":
		return fmt.Errorf("api: the operation with route %q has no id", op.Route)
	case ids[op.ID]:
		return fmt.Errorf("api: two operations have the id %s", op.ID)
	case routes[op.Route]:
		return fmt.Errorf("api: operation %s: another one has the route %s", op.ID, op.Route)
	case !strings.HasPrefix(pattern, "/") || !slices.Contains(methods, method):
		lacks = "a route with method and path"
	case !op.Access.Declared():
		lacks = "a rule that says who may call it"
	case op.Handle.call == nil:
		lacks = "a handler"
	case !op.Bare && strings.Contains(op.Cache, "public"):
		lacks = "a cache rule that is right: an envelope has the caller's session and is never public"
	}
	ids[op.ID], routes[op.Route] = true, true
	if lacks != "" {
		return fmt.Errorf("api: operation %s lacks %s", op.ID, lacks)
	}
	return nil
}

// methods are those a route may have.
var methods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

// mount plans the decoding and adds the route. Huma and ServeMux say by panic
// what they do not accept; here that is an error like any other.
func (a *API) mount(op *Operation) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	e := &endpoint{op: op}
	if e.input, err = planInput(op, a.registry); err != nil {
		return err
	}
	if e.tenant, err = tenantOf(op, e.input); err != nil {
		return err
	}
	e.data = a.dataSchema(op)
	a.endpoints = append(a.endpoints, e)
	a.mux.HandleFunc(op.Route, func(w http.ResponseWriter, r *http.Request) {
		x := exchange{api: a, op: op, w: w, r: r, id: requestID(w)}
		defer x.rescue()
		e.serve(&x)
	})
	return nil
}

// tenantOf finds the tenant's id in the input of an operation whose rule is
// about one: in the path's {id}, or in the body member that the rule names.
func tenantOf(op *Operation, in *input) (func(reflect.Value) access.Tenant, error) {
	rule := op.Access
	if !rule.OfOrganization() && !rule.OfWorkspace() {
		return func(reflect.Value) access.Tenant { return access.Tenant{} }, nil
	}
	index := in.pathID()
	if member := rule.Member(); member != "" {
		index = in.bodyID(member)
	}
	if index == nil {
		return nil, errors.New("its input has no id of the tenant that its rule is about")
	}
	ofOrganization := rule.OfOrganization()
	return func(v reflect.Value) (t access.Tenant) {
		number := v.FieldByIndex(index).Int()
		if ofOrganization {
			reflect.ValueOf(&t.Organization).Elem().SetInt(number)
		} else {
			reflect.ValueOf(&t.Workspace).Elem().SetInt(number)
		}
		return t
	}, nil
}

// Operations are the mounted ones, in the order they were given.
func (a *API) Operations() []Operation { return a.operations }

// ServeHTTP answers every request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !isClean(r) {
		// ServeMux would redirect to the clean path, without an envelope.
		a.serveUnknown(w, r)
		return
	}
	a.mux.ServeHTTP(w, r)
}

// isClean reports whether a path is one that a route can have: without empty
// and dot segments.
func isClean(r *http.Request) bool {
	clean := path.Clean("/" + r.URL.Path)
	return r.RequestURI != "*" && (r.URL.Path == clean || r.URL.Path == clean+"/")
}

// serveUnknown answers 404, or 405 where another method would do.
func (a *API) serveUnknown(w http.ResponseWriter, r *http.Request) {
	x := exchange{api: a, w: w, r: r, id: requestID(w)}
	defer x.rescue()
	var allowed []string
	for _, method := range methods {
		other := http.Request{Method: method, Host: r.Host, URL: r.URL}
		if _, pattern := a.mux.Handler(&other); isClean(r) && strings.HasPrefix(pattern, method+" ") {
			allowed = append(allowed, method)
			if method == http.MethodGet {
				allowed = append(allowed, http.MethodHead)
			}
		}
	}
	if len(allowed) == 0 {
		x.fail(errUnknownRoute)
		return
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	x.refuse(http.StatusMethodNotAllowed, errMethod)
}

// The refusals of routing. errMethod has no kind: no use case answers 405.
var (
	errUnknownRoute = fault.New(fault.NotFound, "NOT_FOUND", "There is nothing at this address.")
	errMethod       = fault.New(0, "METHOD_NOT_ALLOWED", "This address does not answer to this method.")
)
