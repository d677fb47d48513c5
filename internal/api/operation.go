// Package api turns operations into routes. An operation is declared once, as
// a value: its route, who may call it, its errors and its use case. From it
// come the decoding, the permission check, the envelope of the answer, the
// OpenAPI document and the permission table.
package api

import (
	"context"
	"errors"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
)

// Operation is one thing a client can do.
type Operation struct {
	ID          string // unique, "DiscardInvitation"
	Route       string // "POST /organizations/{id}/invitations/{invitationId}/discard"
	Summary     string // one sentence
	Description string // what the summary leaves open, Markdown
	Access      access.Rule
	Errors      []*fault.Error // those of the use case; the general ones are known
	Handle      Handler
	Bare        bool   // answer without the envelope, as /.well-known/* does
	Cache       string // Cache-Control of a success; empty is "no-store"
	Changes     bool   // a GET that changes something, which foreign pages may not send
	Addition    bool   // beyond the public API, and marked so in the document
}

// Handler is a use case with the types of its input and output. Make one with
// Handle; the zero Handler is refused by New.
type Handler struct {
	in, out reflect.Type
	call    func(ctx context.Context, in reflect.Value) (any, error)
}

// Handle makes a Handler of a use case.
//
// In is a struct. Its fields are filled from the path (`path:"id"`) and the
// query (`query:"workspace_id"`), and the field Body, a struct with json tags,
// from the body in any of the three encodings. Huma's tags (minLength, enum,
// pattern, doc …) constrain and describe all of them. A body field is required
// unless it has omitempty or omitzero, a query parameter only with
// `required:"true"`. Empty text counts as absent, except in a body field with
// `clear:"true"`, a pointer or slice, which is then present and empty.
//
// Out is any value with a JSON form: one with the method AppendJSON is written
// by it, and a List is streamed.
func Handle[In, Out any](f func(context.Context, In) (Out, error)) Handler {
	return Handler{
		in:  reflect.TypeFor[In](),
		out: reflect.TypeFor[Out](),
		call: func(ctx context.Context, in reflect.Value) (any, error) {
			return f(ctx, *in.Interface().(*In))
		},
	}
}

// Authenticator finds out who sent a request.
type Authenticator interface {
	// Authenticate returns the caller and what they may do in the tenant. A
	// request without a good session comes from nobody, which is no error;
	// with create it gets an anonymous session.
	Authenticate(r *http.Request, tenant access.Tenant, create bool) (*access.Caller, error)
	// Deliver hands a renewed session to the browser, before the status is
	// written.
	Deliver(w http.ResponseWriter, r *http.Request, c *access.Caller)
}

// endpoint is an operation with its plan of decoding.
type endpoint struct {
	op     *Operation
	input  *input
	data   *huma.Schema // of what the use case returns
	tenant func(in reflect.Value) access.Tenant
}

// serve is the path of every request: parameters, caller, permission, body,
// use case, answer.
func (e *endpoint) serve(x *exchange) {
	in := reflect.New(e.op.Handle.in)
	if err := e.admit(x, in.Elem()); err != nil {
		x.fail(err)
		return
	}
	out, err := e.op.Handle.call(access.WithCaller(x.r.Context(), x.caller), in)
	if err != nil {
		x.fail(err)
		return
	}
	x.succeed(out)
}

// admit fills in the input and the caller, or says why the request is refused.
// Malformed ids are refused before anything is looked up, also for nobody; the
// body is read only for those who may call. When the tenant is named by the
// body, that comes first, but what is wrong with it is told only to people.
func (e *endpoint) admit(x *exchange, in reflect.Value) (err error) {
	if err := e.input.decodeParams(x.r, in); err != nil {
		return err
	}
	rule := e.op.Access
	var malformed error
	if rule.Member() != "" {
		malformed = e.input.decodeBody(x.w, x.r, in)
		if errors.Is(malformed, id.ErrInvalid) {
			return malformed
		}
	}
	x.caller, err = x.api.authenticator.Authenticate(x.r, e.tenant(in), rule.NeedsBrowser())
	if err != nil {
		return err
	}
	x.caller.Client.RequestID = x.id
	if malformed != nil && x.caller.SignedIn() {
		return malformed
	}
	if err := rule.Decide(x.caller); err != nil {
		return err
	}
	x.caller.Rule = rule
	if rule.Member() != "" {
		return malformed
	}
	return e.input.decodeBody(x.w, x.r, in)
}
