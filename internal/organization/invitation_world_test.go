package organization

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"sync/atomic"
	"testing"
	"time"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/database/databasetest"
	"github.com/guildhall-id/guildhall/internal/platform/job"
	"github.com/guildhall-id/guildhall/internal/platform/mail"
	"github.com/guildhall-id/guildhall/internal/platform/secret"
	"github.com/guildhall-id/guildhall/internal/session"
	"github.com/guildhall-id/guildhall/internal/user"
)

// world is a deployment with the organization Acme, its workspace Lab, and an
// owner who administers both. Its time moves only when told.
type world struct {
	t           testing.TB
	db          *database.DB
	now         *atomic.Int64
	deployments *deployment.Service
	sessions    *session.Service
	service     *Service
	deployment  *deployment.Deployment

	acme, rival id.Organization
	lab         id.Workspace
	owner       id.User
	rivalOwner  id.User
}

// eachWorld runs body on both engines.
func eachWorld(t *testing.T, limits Limits, body func(t *testing.T, w *world)) {
	t.Helper()
	for _, dialect := range databasetest.Dialects() {
		t.Run(string(dialect), func(t *testing.T) { body(t, newWorld(t, dialect, limits)) })
	}
}

func testKey(t testing.TB) secret.Key {
	key, err := secret.NewKey(make([]byte, secret.KeySize))
	noError(t, err)
	return key
}

func newWorld(t testing.TB, dialect database.Dialect, limits Limits) *world {
	t.Helper()
	w := &world{t: t, now: &atomic.Int64{}}
	w.now.Store(time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC).UnixMilli())
	w.db = databasetest.Open(t, dialect, func() time.Time { return time.UnixMilli(w.now.Load()) })
	key := testKey(t)
	w.deployments = deployment.NewService(w.db, deployment.Staging, "https://id.acme.test", key)
	_, err := w.deployments.Ensure(t.Context(), "Acme")
	noError(t, err)
	w.sessions = session.NewService(w.db, w.deployments, key, nil)
	outbox := mail.NewOutbox(w.db, job.New(w.db, slog.New(slog.DiscardHandler)), key, mail.None, "mail@acme.test", mail.WideLimits)
	w.service = NewService(w.db, w.deployments, w.sessions, outbox, key, limits)
	w.deployment, err = w.deployments.Current(t.Context())
	noError(t, err)

	w.owner = w.person("owner@acme.test")
	w.rivalOwner = w.person("owner@rival.test")
	w.acme = w.organization("Acme", w.owner)
	w.rival = w.organization("Rival", w.rivalOwner)
	w.lab = w.workspace(w.acme, "Lab", w.owner)
	return w
}

func (w *world) advance(d time.Duration) { w.now.Add(d.Milliseconds()) }

func (w *world) tx(f func(tx *database.Tx) error) {
	w.t.Helper()
	noError(w.t, w.db.InTx(w.t.Context(), f))
}

// settings changes the deployment's.
func (w *world) settings(change func(*deployment.Settings)) {
	w.t.Helper()
	noError(w.t, w.deployments.Change(w.t.Context(), change))
	var err error
	w.deployment, err = w.deployments.Current(w.t.Context())
	noError(w.t, err)
}

// person is somebody who has proven an address.
func (w *world) person(email user.Email) (person id.User) {
	w.t.Helper()
	w.tx(func(tx *database.Tx) (err error) {
		ctx := access.WithCaller(w.t.Context(), &access.Caller{Deployment: w.deployment.ID})
		person, err = user.Create(ctx, tx, user.NewUser{
			Deployment: w.deployment.ID, FirstName: "Ana", LastName: "Lopez", Email: email, TypedEmail: string(email), Strategy: "email_otp",
		})
		return err
	})
	return person
}

// claim gives a person an address that they have not proven.
func (w *world) claim(person id.User, email string) {
	w.t.Helper()
	w.tx(func(tx *database.Tx) error {
		_, err := tx.Exec(w.t.Context(), `INSERT INTO user_email_addresses (id, deployment_id, user_id, email, typed, created_at, updated_at)
			VALUES ($1, $2, $3, $4, $4, $5, $5)`, database.NewID[id.EmailAddress](tx), w.deployment.ID, person, email, tx.Now)
		return err
	})
}

// browser is a caller with the sign-ins of some people, the last one active.
func (w *world) browser(people ...id.User) *access.Caller {
	w.t.Helper()
	c := &access.Caller{Deployment: w.deployment.ID}
	for _, person := range people {
		w.tx(func(tx *database.Tx) error {
			ctx := access.WithCaller(w.t.Context(), c)
			browser, err := w.sessions.Begin(ctx, tx, c, w.deployment)
			if err != nil {
				return err
			}
			_, err = w.sessions.SignIn(ctx, tx, c, w.deployment, browser, person, "password")
			return err
		})
	}
	return c
}

// in is a request of the caller about an organization.
func (w *world) in(organization id.Organization, c *access.Caller) context.Context {
	w.t.Helper()
	request := *c
	var err error
	request.Organization, err = grantOf(w.t.Context(), w.service.queries, organization, c.User)
	noError(w.t, err)
	request.Rule = access.Invitations()
	return access.WithCaller(w.t.Context(), &request)
}

// as is a request of a person about Acme, from a browser of their own.
func (w *world) as(person id.User) context.Context { return w.in(w.acme, w.browser(person)) }

func (w *world) organization(name string, owner id.User) id.Organization {
	w.t.Helper()
	ctx := access.WithCaller(w.t.Context(), w.browser(owner))
	var in createOrganizationInput
	in.Body.Name = name
	out, err := w.service.createOrganization(ctx, in)
	noError(w.t, err)
	return out.Organization.ID
}

func (w *world) workspace(organization id.Organization, name string, owner id.User) (workspace id.Workspace) {
	w.t.Helper()
	ctx := access.WithCaller(w.t.Context(), w.browser(owner))
	member, err := grantOf(ctx, w.service.queries, organization, owner)
	noError(w.t, err)
	w.tx(func(tx *database.Tx) error {
		workspace = database.NewID[id.Workspace](tx)
		_, err := tx.Exec(ctx, `INSERT INTO workspaces (id, deployment_id, organization_id, name, creator_id, created_at, updated_at)
			VALUES ($1, $2, $3, $4, $5, $6, $6)`, workspace, w.deployment.ID, organization, name, owner, tx.Now)
		if err != nil {
			return err
		}
		_, err = w.service.joinWorkspace(ctx, tx, workspaceJoining{
			Deployment: w.deployment.ID, Organization: organization, Workspace: workspace, OrganizationMembership: member.Membership,
			User: owner, Roles: []id.WorkspaceRole{w.deployment.Settings.B2B.DefaultWorkspaceCreatorRoleID},
		})
		return err
	})
	return workspace
}

// role is a new role of an organization.
func (w *world) role(organization id.Organization, permissions ...access.Permission) (role id.OrganizationRole) {
	w.t.Helper()
	w.tx(func(tx *database.Tx) error {
		role = database.NewID[id.OrganizationRole](tx)
		_, err := tx.Exec(w.t.Context(), `INSERT INTO organization_roles (id, deployment_id, organization_id, name, name_key, permissions, created_at, updated_at)
			VALUES ($1, $2, $3, $4, $4, $5, $6, $6)`,
			role, w.deployment.ID, organization, fmt.Sprintf("role %d", role), access.Permissions(permissions).String(), tx.Now)
		return err
	})
	return role
}

func (w *world) workspaceRole(workspace id.Workspace, permissions ...access.Permission) (role id.WorkspaceRole) {
	w.t.Helper()
	w.tx(func(tx *database.Tx) error {
		role = database.NewID[id.WorkspaceRole](tx)
		_, err := tx.Exec(w.t.Context(), `INSERT INTO workspace_roles (id, deployment_id, workspace_id, name, name_key, permissions, created_at, updated_at)
			VALUES ($1, $2, $3, $4, $4, $5, $6, $6)`,
			role, w.deployment.ID, workspace, fmt.Sprintf("role %d", role), access.Permissions(permissions).String(), tx.Now)
		return err
	})
	return role
}

// member is a new person in Acme with these permissions; with some in the
// workspace Lab, they are a member of it too.
func (w *world) member(email user.Email, permissions, inLab access.Permissions) id.User {
	w.t.Helper()
	person := w.person(email)
	role := w.role(w.acme, permissions...)
	var labRoles []id.WorkspaceRole
	if inLab != nil {
		labRoles = []id.WorkspaceRole{w.workspaceRole(w.lab, inLab...)}
	}
	w.tx(func(tx *database.Tx) error {
		ctx := access.WithCaller(w.t.Context(), &access.Caller{Deployment: w.deployment.ID})
		membership, err := w.service.join(ctx, tx, joining{
			Deployment: w.deployment.ID, Organization: w.acme, User: person, Roles: []id.OrganizationRole{role}, By: "import",
		})
		if err != nil || inLab == nil {
			return err
		}
		_, err = w.service.joinWorkspace(ctx, tx, workspaceJoining{
			Deployment: w.deployment.ID, Organization: w.acme, Workspace: w.lab, OrganizationMembership: membership,
			User: person, Roles: labRoles,
		})
		return err
	})
	return person
}

// remove ends a membership of Acme.
func (w *world) remove(person id.User) {
	w.t.Helper()
	w.tx(func(tx *database.Tx) error {
		_, err := tx.Exec(w.t.Context(), "UPDATE organization_memberships SET ended_at = $1 WHERE organization_id = $2 AND user_id = $3 AND ended_at IS NULL",
			tx.Now, w.acme, person)
		if err == nil {
			_, err = tx.Exec(w.t.Context(), "UPDATE organizations SET member_count = member_count - 1 WHERE id = $1", w.acme)
		}
		return err
	})
}

// invited is a fresh invitation of the owner into Acme.
func (w *world) invited(email string) Invitation {
	w.t.Helper()
	return w.invitedBy(w.owner, email, offer{})
}

func (w *world) invitedBy(inviter id.User, email string, o offer) Invitation {
	w.t.Helper()
	verdicts, err := w.service.invite(w.as(inviter), w.acme, o, []string{email})
	noError(w.t, err)
	noError(w.t, verdicts[0].err)
	return verdicts[0].invitation
}

// now reads an invitation again.
func (w *world) read(inv Invitation) Invitation {
	w.t.Helper()
	row, err := w.service.queries.InvitationOfOrganization(w.t.Context(), InvitationOfOrganizationParams{ID: inv.ID, OrganizationID: inv.OrganizationID})
	noError(w.t, err)
	return row
}

func (w *world) listed(inv Invitation) string {
	return w.service.secrets.print(sending{Invitation: inv.ID, Generation: inv.Generation})
}

func (w *world) mailed(inv Invitation) string { return w.service.secrets.mailedToken(&inv) }

// accept presents a token from a browser.
func (w *world) accept(c *access.Caller, token string) (Acceptance, error) {
	var in acceptInvitationInput
	in.Body.Token = token
	return w.service.acceptInvitation(access.WithCaller(w.t.Context(), c), in)
}

// count is the number that a query finds.
func (w *world) count(query string, args ...any) (n int64) {
	w.t.Helper()
	noError(w.t, w.db.QueryRow(w.t.Context(), query, args...).Scan(&n))
	return n
}

func (w *world) seats() int64 {
	return w.count("SELECT count(*) FROM organization_memberships WHERE organization_id = $1 AND ended_at IS NULL", w.acme)
}

// failer is a test of the standard library or of rapid.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

func noError(t failer, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected: %v", err)
	}
}

func equal(t failer, want, got any) {
	t.Helper()
	if !reflect.DeepEqual(want, got) {
		t.Fatalf("want %+v\n got %+v", want, got)
	}
}
