// Package session is the browser sessions: which browser calls, who is signed
// in there, and where they are active. A session token is opaque and random;
// an anonymous session is a signed value that costs no row; ending a sign-in
// works for the next request.
package session

import (
	"context"
	"time"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/event"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/clock"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
	"github.com/guildhall-id/guildhall/internal/platform/place"
	"github.com/guildhall-id/guildhall/internal/platform/secret"
)

// grace is how long a rotated token still works, for what it could do before:
// browsers send requests in parallel.
const grace = time.Minute

// touchEvery bounds how often the use of a sign-in is written down.
const touchEvery = 5 * time.Minute

// ErrTooManyAccounts refuses one more account in a browser.
var ErrTooManyAccounts = fault.New(fault.Forbidden, "LIMIT_REACHED", "Too many accounts are signed in to this browser. Sign one of them out first.")

// Service keeps the sessions.
type Service struct {
	db          *database.DB
	queries     *Queries
	deployments *deployment.Service
	transport   transport
	places      *place.File // nil: none are known
}

// NewService keeps sessions in db. trusted are the proxies whose forwarded
// addresses are believed.
func NewService(db *database.DB, deployments *deployment.Service, key secret.Key, trusted TrustedProxies) *Service {
	return &Service{
		db: db, queries: New(db), deployments: deployments,
		transport: transport{anonymous: key.For("anonymous session"), trusted: trusted},
	}
}

// Locate has sign-ins name the place that their address is at. It is called
// before the service is used.
func (s *Service) Locate(places *place.File) { s.places = places }

// ShareCookies has browsers send the cookies to every host of a domain. It is
// called before the service is used.
func (s *Service) ShareCookies(domain string) { s.transport.domain = domain }

// Begin turns an anonymous session into a stored one, with a new token. A
// stored session stays as it is, but a token that was replaced begins another
// one: whoever holds the newer token may be somebody else. The caller's session
// changes when the transaction has committed; the result is its id.
func (s *Service) Begin(ctx context.Context, tx *database.Tx, c *access.Caller, d *deployment.Deployment) (id.Session, error) {
	if err := s.hold(ctx, tx, c); err != nil {
		return 0, err
	}
	if c.Session.ID != 0 && !c.Session.Anonymous && c.Session.RotatedAt == 0 {
		return c.Session.ID, nil
	}
	q := New(tx)
	began := access.Session{ID: database.NewID[id.Session](tx), CreatedAt: tx.Now, UpdatedAt: tx.Now}
	if err := q.InsertSession(ctx, InsertSessionParams{ID: began.ID, DeploymentID: d.ID, Now: tx.Now}); err != nil {
		return 0, err
	}
	token, err := newToken(ctx, q, began.ID, tx.Now, d)
	if err != nil {
		return 0, err
	}
	began.Renewed, began.TokenHash = token, secret.Hash(token)
	tx.AfterCommit(func() { c.Session = began })
	return began.ID, nil
}

// dead is when a token was replaced that works no more: it sees no sign-in.
const dead = clock.Time(1)

// hold keeps the caller's token from being replaced until the transaction ends,
// and notes when that has happened since the request began: its body takes the
// time it likes, and a password its own. Whatever gives out tokens holds the
// caller's before it changes anything.
func (s *Service) hold(ctx context.Context, tx *database.Tx, c *access.Caller) error {
	if c.Session.ID == 0 || c.Session.Anonymous || c.Session.RotatedAt != 0 {
		return nil
	}
	rotated, err := New(tx).HoldToken(ctx, HoldTokenParams{Hash: c.Session.TokenHash, Now: tx.Now})
	if database.IsNoRows(err) {
		rotated, err = dead, nil
	}
	if err == nil {
		c.Session.RotatedAt = rotated
	}
	return err
}

// rotate gives the session a new token; the old ones work for the time of
// grace, for what they could do before, or not at all with a grace of 0. A
// caller whose token was replaced gets none: the browser has the newer one.
func (s *Service) rotate(ctx context.Context, tx *database.Tx, c *access.Caller, session id.Session, d *deployment.Deployment, grace time.Duration) error {
	if c.Session.RotatedAt != 0 && c.Session.ID == session {
		return nil
	}
	q := New(tx)
	if err := q.RotateTokens(ctx, RotateTokensParams{SessionID: session, Now: tx.Now, ExpiresAt: tx.Now.Add(grace)}); err != nil {
		return err
	}
	token, err := newToken(ctx, q, session, tx.Now, d)
	if err != nil {
		return err
	}
	now := tx.Now
	tx.AfterCommit(func() {
		c.Session.Renewed, c.Session.TokenHash, c.Session.UpdatedAt = token, secret.Hash(token), now
	})
	return nil
}

// Rotate is for whoever has seen a part of a sign-in proven, in the session that
// Begin has named: what was proven is worth nothing to an older token.
func (s *Service) Rotate(ctx context.Context, tx *database.Tx, c *access.Caller, session id.Session, d *deployment.Deployment) error {
	return s.rotate(ctx, tx, c, session, d, grace)
}

func newToken(ctx context.Context, q *Queries, session id.Session, now clock.Time, d *deployment.Deployment) (secret.String, error) {
	token := secret.Token()
	return token, q.InsertToken(ctx, InsertTokenParams{
		Hash: secret.Hash(token), SessionID: session, Now: now, ExpiresAt: now.Add(d.Settings.Auth.SessionLife()),
	})
}

// SignIn signs a person in to the caller's browser, whose session Begin has
// made, and makes that sign-in the active one. It starts in the organization
// where the person last was. The token is rotated.
func (s *Service) SignIn(ctx context.Context, tx *database.Tx, c *access.Caller, d *deployment.Deployment, session id.Session, person id.User, method string) (id.SignIn, error) {
	q := New(tx)
	ctx = access.As(ctx, person)
	if err := s.makeRoom(ctx, tx, d, session, person); err != nil {
		return 0, err
	}
	last, err := q.LastTenant(ctx, person)
	if err != nil && !database.IsNoRows(err) {
		return 0, err
	}
	agent, at := parseUserAgent(c.Client.UserAgent), s.places.Find(c.Client.IP)
	signIn := database.NewID[id.SignIn](tx)
	err = q.InsertSignIn(ctx, InsertSignInParams{
		ID: signIn, DeploymentID: d.ID, SessionID: session, UserID: person, Method: method,
		ActiveOrganizationMembershipID: last.ActiveOrganizationMembershipID,
		ActiveWorkspaceMembershipID:    last.ActiveWorkspaceMembershipID,
		IPAddress:                      c.Client.Address(), UserAgent: agent.text, Browser: agent.browser, Device: agent.device,
		City: at.City, Region: at.Region, RegionCode: at.RegionCode, Country: at.Country, CountryCode: at.CountryCode,
		ExpiresAt: tx.Now.Add(d.Settings.Auth.SessionLife()), Now: tx.Now,
	})
	if err != nil {
		return 0, err
	}
	if err := q.SetActiveSignIn(ctx, SetActiveSignInParams{ID: session, ActiveSigninID: signIn, Now: tx.Now}); err != nil {
		return 0, err
	}
	if err := s.rotate(ctx, tx, c, session, d, grace); err != nil {
		return 0, err
	}
	now := tx.Now
	tx.AfterCommit(func() { c.SignIn, c.User, c.SignedInAt, c.Enrolling = signIn, person, now, false })
	return signIn, event.Emit(ctx, tx, event.Event{
		Name: "user.signed_in", Subject: int64(person), Data: map[string]any{"method": method, "signin_id": signIn},
	})
}

// Active is a person who is signed in to a browser.
type Active struct {
	SignIn    id.SignIn
	User      id.User
	Enrolling bool // held back until a second factor is set up
}

// SignIns are the people who are signed in to the caller's browser, the active
// one first.
func (s *Service) SignIns(ctx context.Context, db database.DBTX, c *access.Caller) ([]Active, error) {
	d, err := s.deployments.Get(ctx, c.Deployment)
	if err != nil || c.Session.ID == 0 || c.Session.Anonymous {
		return nil, err
	}
	now := s.db.Now()
	rows, err := New(db).LiveSignIns(ctx, LiveSignInsParams{
		SessionID: c.Session.ID, Now: now, ActiveSince: now.Add(-d.Settings.Auth.IdleLife()), Before: seenUntil(c),
	})
	if err != nil {
		return nil, err
	}
	list := make([]Active, 0, len(rows))
	for _, row := range rows {
		one := Active{row.Signin.ID, row.Signin.UserID, row.Signin.RestrictedTo != ""}
		if one.SignIn == c.SignIn {
			list = append([]Active{one}, list...)
		} else {
			list = append(list, one)
		}
	}
	return list, nil
}

// Activate makes a membership, and with it a workspace membership or none, the
// active one of a sign-in. The caller has checked whose they are.
func Activate(ctx context.Context, tx *database.Tx, signIn id.SignIn, organization id.OrganizationMembership, workspace id.WorkspaceMembership) error {
	return New(tx).Activate(ctx, ActivateParams{
		ID: signIn, ActiveOrganizationMembershipID: organization, ActiveWorkspaceMembershipID: workspace, Now: tx.Now,
	})
}

// LeaveOrganization clears an ended membership from every sign-in.
func LeaveOrganization(ctx context.Context, tx *database.Tx, membership id.OrganizationMembership) error {
	return New(tx).LeaveOrganization(ctx, LeaveOrganizationParams{MembershipID: membership, Now: tx.Now})
}

// LeaveWorkspace clears an ended workspace membership from every sign-in.
func LeaveWorkspace(ctx context.Context, tx *database.Tx, membership id.WorkspaceMembership) error {
	return New(tx).LeaveWorkspace(ctx, LeaveWorkspaceParams{MembershipID: membership, Now: tx.Now})
}

// Sweep deletes tokens that expired more than a day ago, and the sessions that
// have none left. Nothing depends on it but the size of the database.
func (s *Service) Sweep(ctx context.Context) error {
	err := s.db.InTx(ctx, func(tx *database.Tx) error {
		return New(tx).DeleteExpiredTokens(ctx, tx.Now.Add(-24*time.Hour))
	})
	// Finding them takes longer than a transaction should, and what is dead
	// stays dead.
	dead := []id.Session{0}
	for err == nil && len(dead) > 0 {
		dead, err = New(s.db).DeadSessions(ctx, DeadSessionsParams{After: int64(dead[len(dead)-1]), Most: 500})
		if err == nil && len(dead) > 0 {
			err = s.db.InTx(ctx, func(tx *database.Tx) error { return New(tx).DeleteSessions(ctx, database.Int64s(dead)) })
		}
	}
	return err
}
