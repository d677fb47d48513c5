package access

import (
	"context"
	"net/netip"

	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/clock"
	"github.com/guildhall-id/guildhall/internal/platform/secret"
)

// Caller is who sent a request, and what they may do in the tenant that the
// request names. One is made per request; it is not for concurrent use.
type Caller struct {
	Deployment id.Deployment
	Session    Session
	SignIn     id.SignIn  // the active one of the session, zero when signed out
	User       id.User    // the person of the sign-in
	SignedInAt clock.Time // when the person signed in to this browser
	Disabled   bool       // the person may not do anything
	Enrolling  bool       // the person may only set up a second factor

	// SecondFactor is whether the active sign-in was made with one.
	SecondFactor bool

	Organization OrganizationGrant // of the tenant named by the request
	Workspace    WorkspaceGrant

	Client Client

	// Rule is what let the request in. Rights can be taken while it waits for
	// its turn, so whoever changes a tenant then asks the rule again.
	Rule Rule
}

// Session is the browser session of a request. Without one its ID is zero.
// An anonymous session is a signed value that costs no row.
type Session struct {
	ID        id.Session
	CreatedAt clock.Time
	UpdatedAt clock.Time
	Anonymous bool

	// TokenHash is what the token of the request is stored as; empty without a
	// row.
	TokenHash []byte
	// Renewed is a new token that the answer has to deliver to the browser;
	// empty when the one it has stays good.
	Renewed secret.String
	// RotatedAt is when the token of the request was replaced by a newer one.
	// It still sees the sign-ins from before. Zero for the current token.
	RotatedAt clock.Time
	// AttemptsEndAt is when the last open attempt to sign in or up ends.
	AttemptsEndAt clock.Time
}

// OrganizationGrant is what a person may do in one organization. Without
// membership, Membership is zero.
type OrganizationGrant struct {
	ID          id.Organization
	Membership  id.OrganizationMembership
	Permissions Permissions
	Demands     Demands
}

// WorkspaceGrant is what a person may do in one workspace. Permissions has
// workspace:admin for administrators of its organization, who need not be
// members of the workspace.
type WorkspaceGrant struct {
	ID           id.Workspace
	Organization id.Organization
	Membership   id.WorkspaceMembership
	Permissions  Permissions
	Demands      Demands // of the workspace; those of its organization are with that grant
}

// Client is where a request came from.
type Client struct {
	IP        netip.Addr // the socket's, or the last untrusted hop behind a trusted proxy
	UserAgent string
	RequestID string
}

// Tenant is what a request is about. At most one is set.
type Tenant struct {
	Organization id.Organization
	Workspace    id.Workspace
}

// SignedIn reports whether a person who may act is behind the request.
func (c *Caller) SignedIn() bool { return c.User != 0 && !c.Disabled && !c.Enrolling }

type callerKey struct{}

// WithCaller returns a context that carries the caller, the only value that
// use cases fetch from one.
func WithCaller(ctx context.Context, c *Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// As is ctx for what a person does by the very call that proves who they are: it
// began as nobody's, or as somebody else's. The caller of ctx stays who they are.
func As(ctx context.Context, person id.User) context.Context {
	c := *CallerOf(ctx)
	c.User = person
	return WithCaller(ctx, &c)
}

// CallerOf is the caller of ctx. It is never nil: outside a request it is
// nobody.
func CallerOf(ctx context.Context) *Caller {
	if c, ok := ctx.Value(callerKey{}).(*Caller); ok {
		return c
	}
	return &Caller{}
}
