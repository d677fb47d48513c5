package organization

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/database/databasetest"
	"github.com/guildhall-id/guildhall/internal/platform/secret"
)

// hall is a deployment with its service, in which tests put people.
type hall struct {
	t  testing.TB
	db *database.DB
	s  *Service
	d  *deployment.Deployment
	// rules are what the operations declare, by operation id.
	rules map[string]access.Rule
	// meanwhile happens once a request is let in, and before its use case.
	meanwhile func()
}

// eachHall runs a test in a fresh deployment on each engine.
func eachHall(t *testing.T, body func(t *testing.T, h *hall)) {
	t.Helper()
	databasetest.Each(t, func(t *testing.T, db *database.DB) { body(t, newHall(t, db)) })
}

func newHall(t testing.TB, db *database.DB) *hall {
	t.Helper()
	key, err := secret.NewKey(make([]byte, secret.KeySize))
	must(t, err)
	deployments := deployment.NewService(db, deployment.Staging, "http://localhost:8080", key)
	d, err := deployments.Ensure(context.Background(), "Test")
	must(t, err)
	h := &hall{t: t, db: db, s: NewService(db, deployments, nil, nil, key, Limits{}), d: d, rules: map[string]access.Rule{}, meanwhile: func() {}}
	for _, op := range h.s.Operations() {
		h.rules[op.ID] = op.Access
	}
	return h
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// refuses fails the test unless err is the refusal.
func refuses(t testing.TB, err, refusal error) {
	t.Helper()
	if !errors.Is(err, refusal) {
		t.Fatalf("got %v, want %v", err, refusal)
	}
}

// set changes the deployment's settings.
func (h *hall) set(change func(*deployment.B2BSettings)) {
	h.t.Helper()
	must(h.t, h.s.deployments.Change(context.Background(), func(s *deployment.Settings) { change(&s.B2B) }))
}

func (h *hall) exec(sql string, args ...any) {
	h.t.Helper()
	must(h.t, h.db.InTx(context.Background(), func(tx *database.Tx) error {
		_, err := tx.Exec(context.Background(), sql, args...)
		return err
	}))
}

// someone is a signed-in person of a test.
type someone struct {
	id.User
	signIn  id.SignIn
	session id.Session
	address netip.Addr
	factor  bool // signed in with a second factor
}

// at is the person somewhere else.
func (p someone) at(address string) someone {
	p.address = netip.MustParseAddr(address)
	return p
}

// proven is the person, signed in with a second factor.
func (p someone) proven() someone {
	p.factor = true
	return p
}

// person signs somebody in to a browser of their own.
func (h *hall) person(name string) (p someone) {
	h.t.Helper()
	ctx := context.Background()
	must(h.t, h.db.InTx(ctx, func(tx *database.Tx) error {
		p = someone{database.NewID[id.User](tx), database.NewID[id.SignIn](tx), database.NewID[id.Session](tx), netip.MustParseAddr("192.0.2.1"), false}
		address := database.NewID[id.EmailAddress](tx)
		email := strings.ToLower(name) + "@example.com"
		for _, row := range []struct {
			sql  string
			args []any
		}{
			{
				`INSERT INTO users (id, deployment_id, first_name, search, primary_email_address_id, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $6)`,
				[]any{p.User, h.d.ID, name, strings.ToLower(name) + " " + email, address, tx.Now},
			},
			{
				`INSERT INTO user_email_addresses (id, deployment_id, user_id, email, typed, verified_at, created_at, updated_at) VALUES ($1, $2, $3, $4, $4, $5, $5, $5)`,
				[]any{address, h.d.ID, p.User, email, tx.Now},
			},
			{`INSERT INTO sessions (id, deployment_id, active_signin_id, created_at, updated_at) VALUES ($1, $2, $3, $4, $4)`, []any{p.session, h.d.ID, p.signIn, tx.Now}},
			{
				`INSERT INTO signins (id, deployment_id, session_id, user_id, method, expires_at, last_active_at, created_at, updated_at) VALUES ($1, $2, $3, $4, 'plain_email', $5, $6, $6, $6)`,
				[]any{p.signIn, h.d.ID, p.session, p.User, tx.Now + 1_000_000_000, tx.Now},
			},
		} {
			if _, err := tx.Exec(ctx, row.sql, row.args...); err != nil {
				return err
			}
		}
		return nil
	}))
	return p
}

// call sends a request of p for a tenant: the rule of the operation decides,
// with the rights that p has now, and then the use case runs.
func call[In, Out any](h *hall, operation string, p someone, tenant access.Tenant, useCase func(context.Context, In) (Out, error), in In) (out Out, err error) {
	rule, ok := h.rules[operation]
	if !ok {
		return out, fmt.Errorf("there is no operation %q", operation)
	}
	caller, err := h.caller(p, tenant)
	if err != nil {
		return out, err
	}
	if err := rule.Decide(caller); err != nil {
		return out, err
	}
	caller.Rule = rule
	h.meanwhile()
	return useCase(access.WithCaller(context.Background(), caller), in)
}

// caller is p with the rights that they have in a tenant now.
func (h *hall) caller(p someone, tenant access.Tenant) (*access.Caller, error) {
	ctx := context.Background()
	caller := &access.Caller{
		Deployment: h.d.ID, User: p.User, SignIn: p.signIn, Session: access.Session{ID: p.session},
		Client: access.Client{IP: p.address}, SecondFactor: p.factor,
	}
	b2b, err := h.s.settings(access.WithCaller(ctx, caller))
	if err != nil {
		return nil, err
	}
	if tenant.Organization != 0 {
		if caller.Organization, err = grantOf(ctx, h.s.queries, tenant.Organization, p.User); err != nil {
			return nil, err
		}
		if org, err := findOrganization(ctx, h.s.queries, h.d.ID, tenant.Organization); err == nil {
			caller.Organization.Demands = org.demands(b2b)
		}
	}
	if tenant.Workspace != 0 {
		w := h.workspaceRow(tenant.Workspace)
		if caller.Organization, err = grantOf(ctx, h.s.queries, w.OrganizationID, p.User); err != nil {
			return nil, err
		}
		caller.Workspace, err = workspaceGrantOf(ctx, h.s.queries, w.OrganizationID, w.ID, p.User)
		caller.Workspace.Demands = w.demands(b2b)
		if org, err := findOrganization(ctx, h.s.queries, h.d.ID, w.OrganizationID); err == nil {
			caller.Organization.Demands = org.demands(b2b)
		}
	}
	return caller, err
}

func inOrg(o id.Organization) access.Tenant { return access.Tenant{Organization: o} }
func inWs(w id.Workspace) access.Tenant     { return access.Tenant{Workspace: w} }

// organization is one that owner creates.
func (h *hall) organization(owner someone, name string) createdOrganization {
	h.t.Helper()
	out, err := h.createOrganization(owner, name)
	must(h.t, err)
	return out
}

func (h *hall) createOrganization(owner someone, name string) (createdOrganization, error) {
	var in createOrganizationInput
	in.Body.Name = name
	return call(h, "CreateOrganization", owner, access.Tenant{}, h.s.createOrganization, in)
}

func (h *hall) createWorkspace(owner someone, o id.Organization, name string) (createdWorkspace, error) {
	var in createWorkspaceInput
	in.Body.OrganizationID, in.Body.Name = o, name
	return call(h, "CreateWorkspace", owner, inOrg(o), h.s.createWorkspace, in)
}

// workspace is one that owner creates in an organization.
func (h *hall) workspace(owner someone, o id.Organization, name string) createdWorkspace {
	h.t.Helper()
	out, err := h.createWorkspace(owner, o, name)
	must(h.t, err)
	return out
}

// role is a role of the organization that nobody had to be allowed to make.
func (h *hall) role(o id.Organization, name string, permissions ...access.Permission) (role id.OrganizationRole) {
	h.t.Helper()
	ctx := context.Background()
	must(h.t, h.db.InTx(ctx, func(tx *database.Tx) error {
		row, err := New(tx).InsertRole(ctx, InsertRoleParams{
			ID: database.NewID[id.OrganizationRole](tx), DeploymentID: h.d.ID, OrganizationID: o,
			Name: name, NameKey: strings.ToLower(name), Permissions: permissions, Now: tx.Now,
		})
		role = row.ID
		return err
	}))
	return role
}

// joins puts people into an organization.
func (h *hall) joins(p someone, o id.Organization, roles ...id.OrganizationRole) id.OrganizationMembership {
	h.t.Helper()
	m, err := h.tryJoin(p, o, 0, roles...)
	must(h.t, err)
	return m
}

func (h *hall) tryJoin(p someone, o id.Organization, seats int64, roles ...id.OrganizationRole) (m id.OrganizationMembership, err error) {
	ctx := h.quietly()
	err = h.db.InTx(ctx, func(tx *database.Tx) error {
		m, err = h.s.join(ctx, tx, joining{Deployment: h.d.ID, Organization: o, User: p.User, Roles: roles, By: "import", B2B: deployment.B2BSettings{MaxAllowedOrgMembers: seats}})
		return err
	})
	return m, err
}

// joinsWorkspace puts a member of the organization into a workspace.
func (h *hall) joinsWorkspace(p someone, m id.OrganizationMembership, w WorkspaceView, roles ...id.WorkspaceRole) id.WorkspaceMembership {
	h.t.Helper()
	joined, err := h.tryJoinWorkspace(p, m, w, 0, roles...)
	must(h.t, err)
	return joined
}

func (h *hall) tryJoinWorkspace(p someone, m id.OrganizationMembership, w WorkspaceView, seats int64, roles ...id.WorkspaceRole) (joined id.WorkspaceMembership, err error) {
	ctx := h.quietly()
	err = h.db.InTx(ctx, func(tx *database.Tx) error {
		joined, err = h.s.joinWorkspace(ctx, tx, workspaceJoining{
			Deployment: h.d.ID, Organization: w.OrganizationID, Workspace: w.ID, OrganizationMembership: m, User: p.User, Roles: roles, Limit: seats,
		})
		return err
	})
	return joined, err
}

// quietly is the context of work that nobody asked for.
func (h *hall) quietly() context.Context {
	return access.WithCaller(context.Background(), &access.Caller{Deployment: h.d.ID})
}

func (h *hall) organizationRow(o id.Organization) Organization {
	h.t.Helper()
	row, err := findOrganization(context.Background(), h.s.queries, h.d.ID, o)
	must(h.t, err)
	return row
}

// workspaceRow is the workspace with an id, zero when there is none.
func (h *hall) workspaceRow(w id.Workspace) (row Workspace) {
	var o id.Organization
	if err := h.db.QueryRow(context.Background(), `SELECT organization_id FROM workspaces WHERE id = $1 AND ended_at IS NULL`, w).Scan(&o); err != nil {
		return Workspace{}
	}
	row, err := findWorkspace(context.Background(), h.s.queries, o, w)
	if !errors.Is(err, ErrWorkspaceNotFound) { // it may have ended since
		must(h.t, err)
	}
	return row
}

// count is the number that a query of one number has.
func (h *hall) count(sql string, args ...any) (n int64) {
	h.t.Helper()
	must(h.t, h.db.QueryRow(context.Background(), sql, args...).Scan(&n))
	return n
}

// race runs f n times at once and returns the errors.
func race(n int, f func(i int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			errs[i] = f(i)
		})
	}
	close(start)
	wg.Wait()
	return errs
}

// wins counts the successes of a race, whose losers must have got refusal.
func wins(t testing.TB, errs []error, refusal error) (n int) {
	t.Helper()
	for _, err := range errs {
		switch {
		case err == nil:
			n++
		case !errors.Is(err, refusal):
			t.Fatalf("got %v, want %v", err, refusal)
		}
	}
	return n
}
