// Package fault is how a use case refuses: an error that tells the caller, in
// one sentence, what to do. The api package turns its kind into a status; any
// other error is internal and answers 500.
package fault

import "time"

// Kind says what the caller can do about a refusal.
type Kind uint8

// The kinds, in the order of their HTTP status (docs/openapi.json).
const (
	Invalid         Kind = iota + 1 // 400: send something else
	Unauthenticated                 // 401: sign in
	Forbidden                       // 403: ask for the right
	NotFound                        // 404: it does not exist, for this caller
	Conflict                        // 409: the state does not allow it
	TooLarge                        // 413: send less
	UnsupportedType                 // 415: send another media type
	TooMany                         // 429: try again later
	Unavailable                     // 503: the server is busy, try again
)

// Error is a refusal. Code is stable and machine-readable, Message is a
// sentence fit for an end user.
type Error struct {
	Kind       Kind
	Code       string
	Message    string
	RetryAfter time.Duration // for TooMany and Unavailable
}

// New declares a refusal. Features declare theirs as package variables, so
// that operations can name them and tests can compare them with errors.Is.
func New(kind Kind, code, message string) *Error {
	return &Error{Kind: kind, Code: code, Message: message}
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Is reports whether target is a refusal of the same kind and code, so that a
// refusal with details still matches the declared one.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Kind == e.Kind && t.Code == e.Code
}

// With returns the refusal with another sentence, for details of this request.
func (e *Error) With(message string) *Error {
	c := *e
	c.Message = message
	return &c
}

// After returns the refusal with the time after which to try again.
func (e *Error) After(d time.Duration) *Error {
	c := *e
	c.RetryAfter = d
	return &c
}
