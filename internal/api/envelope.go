package api

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
)

// The refusals that any operation may answer. errInternal has no kind: no use
// case answers 500 on purpose.
var (
	errInternal    = fault.New(0, "INTERNAL", "Something went wrong on our side. Please try again later.")
	errUnavailable = fault.New(fault.Unavailable, "UNAVAILABLE", "The server is busy at the moment. Please try again.")
	errRateLimited = fault.New(fault.TooMany, "RATE_LIMITED", "Too many requests. Please try again later.")
)

// exchange is one request and its answer.
type exchange struct {
	api    *API
	op     *Operation // nil where no route matches
	w      http.ResponseWriter
	r      *http.Request
	id     string         // of the request
	caller *access.Caller // nil until authenticated
	sent   bool           // the status is written
}

// requestID is the id under which the request is logged. It is always our own
// and the answer carries it.
func requestID(w http.ResponseWriter) string {
	const header = "X-Request-Id"
	name := w.Header().Get(header)
	if name == "" {
		name = rand.Text()
		w.Header().Set(header, name)
	}
	return name
}

// chunk is how much of a list is held before it is sent, in bytes: so much that
// a list of usual length is sent in one piece, which costs the least.
const chunk = 128 << 10

// buffers are reused unless an answer made one grow far beyond a chunk.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}

// succeed answers 200 with the result of a use case. A list is sent in chunks
// as it is read; everything else in one piece, with its length.
func (x *exchange) succeed(out any) {
	held := buffers.Get().(*[]byte)
	b := (*held)[:0]
	defer func() {
		if cap(b) <= 2*chunk {
			*held = b
			buffers.Put(held)
		}
	}()
	if !x.op.Bare {
		b = append(b, `{"status":200,"message":"","data":`...)
	}
	var err error
	if list, ok := out.(streamed); ok {
		if next := list.next(); next != "" {
			x.announce(next)
		}
		b, err = list.appendItems(b, func(b []byte) []byte {
			x.respond(http.StatusOK, b, false)
			return b[:0]
		})
	} else {
		b, err = appendValue(b, out)
	}
	if err != nil {
		x.fail(err)
		return
	}
	if !x.op.Bare {
		b = x.appendSession(append(b, `,"session":`...))
		b = append(b, `,"errors":null}`...)
	}
	x.respond(http.StatusOK, b, true)
}

// announce tells where the next page of a list is (RFC 8288).
func (x *exchange) announce(cursor string) {
	query := x.r.URL.Query()
	query.Del("__dev_session__")
	query.Set("cursor", cursor)
	next := url.URL{Path: x.r.URL.Path, RawQuery: query.Encode()}
	x.w.Header().Set("X-Next-Cursor", cursor)
	x.w.Header().Set("Link", "<"+next.String()+`>; rel="next"`)
}

// fail answers an error: a fault with its status, a database that is away with
// 503, any other with 500 and no detail. Internal errors are logged here and
// nowhere else.
func (x *exchange) fail(err error) {
	refusal, expected := errors.AsType[*fault.Error](err)
	switch {
	case x.r.Context().Err() != nil && errors.Is(err, context.Canceled):
		refusal = errUnavailable // nobody is there to read it
	case expected:
	case errors.Is(err, context.DeadlineExceeded):
		x.logger().Warn("request took too long", "error", err)
		refusal = errUnavailable
	case database.IsAway(err):
		x.logger().Error("the database cannot be used", "error", err)
		refusal = errUnavailable
	default:
		x.logger().Error("request failed", "error", err)
		refusal = errInternal
	}
	if x.sent {
		panic(http.ErrAbortHandler) // half a list: the client must not take it for whole
	}
	x.refuse(status(refusal), refusal)
}

// status is the HTTP status of a refusal.
func status(f *fault.Error) int {
	switch f.Kind {
	case fault.Invalid:
		return http.StatusBadRequest
	case fault.Unauthenticated:
		return http.StatusUnauthorized
	case fault.Forbidden:
		return http.StatusForbidden
	case fault.NotFound:
		return http.StatusNotFound
	case fault.Conflict:
		return http.StatusConflict
	case fault.TooLarge:
		return http.StatusRequestEntityTooLarge
	case fault.UnsupportedType:
		return http.StatusUnsupportedMediaType
	case fault.TooMany:
		return http.StatusTooManyRequests
	case fault.Unavailable:
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}

// refuse answers with the envelope of a failure.
func (x *exchange) refuse(status int, f *fault.Error) {
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		seconds := max(1, int64((f.RetryAfter+time.Second-1)/time.Second))
		x.w.Header().Set("Retry-After", strconv.FormatInt(seconds, 10))
	}
	b := make([]byte, 0, 512)
	b = append(b, `{"status":`...)
	b = strconv.AppendInt(b, int64(status), 10)
	b = AppendString(append(b, `,"message":`...), f.Message)
	b = x.appendSession(append(b, `,"data":null,"session":`...))
	b = AppendString(append(b, `,"errors":[{"code":`...), f.Code)
	b = AppendString(append(b, `,"message":`...), f.Message)
	x.respond(status, append(b, `}]}`...), true)
}

// appendSession appends what an envelope says of the caller's session.
func (x *exchange) appendSession(b []byte) []byte {
	if x.caller == nil || x.caller.Session.ID == 0 {
		return append(b, "null"...)
	}
	s := &x.caller.Session
	b = append(b, `{"id":"`...)
	b = strconv.AppendInt(b, int64(s.ID), 10)
	b = s.CreatedAt.AppendJSON(append(b, `","created_at":`...))
	b = s.UpdatedAt.AppendJSON(append(b, `,"updated_at":`...))
	return append(b, '}')
}

// respond writes a piece of the answer. With the first piece it delivers the
// session and writes the status; it is the only place that does. Last says
// that no other piece follows.
func (x *exchange) respond(status int, piece []byte, last bool) {
	if !x.sent {
		x.sent = true
		if x.caller != nil {
			x.api.authenticator.Deliver(x.w, x.r, x.caller)
		}
		h := x.w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", x.cache(status))
		if status != http.StatusNoContent {
			h.Set("Content-Type", "application/json; charset=utf-8")
			if last {
				h.Set("Content-Length", strconv.Itoa(len(piece)))
			}
		}
		x.w.WriteHeader(status)
	}
	if _, err := x.w.Write(piece); err != nil && !last {
		panic(http.ErrAbortHandler) // the client left: stop reading the list
	}
}

// cache is the Cache-Control of the answer. One that hands out a session is
// never stored, nor is a refusal.
func (x *exchange) cache(status int) string {
	h := x.w.Header()
	handsOut := h["Set-Cookie"] != nil || h["X-Development-Session"] != nil
	if x.op == nil || x.op.Cache == "" || status != http.StatusOK || handsOut {
		return "no-store"
	}
	return x.op.Cache
}

// rescue turns a panic into one answer and one entry of the log.
func (x *exchange) rescue() {
	p := recover()
	if p == nil {
		return
	}
	if p == http.ErrAbortHandler {
		panic(p)
	}
	x.logger().Error("request panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	if x.sent {
		panic(http.ErrAbortHandler)
	}
	x.caller = nil // half a use case: nothing of it is delivered
	x.refuse(http.StatusInternalServerError, errInternal)
}

func (x *exchange) logger() *slog.Logger {
	log := x.api.log.With("request_id", x.id, "method", x.r.Method)
	if x.op != nil {
		log = log.With("operation", x.op.ID)
	}
	return log
}
