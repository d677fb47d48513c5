// Package organization is who belongs where: organizations, their workspaces,
// the roles that members hold, and the invitations that bring people in. It
// promises that nobody gives more than they hold, that neither an organization
// nor a workspace is ever left without an administrator, that seats are never
// oversold, and that everything is looked up within its tenant.
//
// Whatever changes who is in an organization, or what they hold, updates the
// organization's row in the same transaction before it looks: such
// transactions take turns, and what the caller holds counts as it is then.
package organization

import (
	"context"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/api"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/picture"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
	"github.com/guildhall-id/guildhall/internal/platform/mail"
	"github.com/guildhall-id/guildhall/internal/platform/secret"
	"github.com/guildhall-id/guildhall/internal/platform/throttle"
	"github.com/guildhall-id/guildhall/internal/session"
)

// The refusals of organizations.
var (
	ErrNotFound       = fault.New(fault.NotFound, "NOT_FOUND", "There is no such organization, or you are not a member of it.")
	ErrCreationOff    = fault.New(fault.Forbidden, "FEATURE_DISABLED", "Organizations are created by the operator here. Ask them for one.")
	ErrDeletionOff    = fault.New(fault.Forbidden, "FEATURE_DISABLED", "Deletion is switched off here. Ask the operator.")
	ErrTooManyJoined  = fault.New(fault.Forbidden, "LIMIT_REACHED", "You are in as many organizations as one person may be. Leave one first.")
	ErrTooManyCreated = fault.New(fault.Forbidden, "LIMIT_REACHED", "You have created as many organizations as one person may.")
)

// Service knows the organizations of all deployments.
type Service struct {
	db          *database.DB
	queries     *Queries
	deployments *deployment.Service
	sessions    *session.Service
	outbox      *mail.Outbox
	secrets     invitationSecrets
	limits      Limits
	studio      *picture.Studio
	pictures    *throttle.Limiter
}

// NewService serves the organizations of db. Invitations are mailed through
// outbox, their secrets derived from key.
func NewService(db *database.DB, deployments *deployment.Service, sessions *session.Service, outbox *mail.Outbox, key secret.Key, limits Limits) *Service {
	return &Service{
		db: db, queries: New(db), deployments: deployments, sessions: sessions,
		outbox: outbox, secrets: newInvitationSecrets(key), limits: limits, studio: picture.NewStudio(),
		pictures: throttle.NewLimiter(db, key, "pictures", limits.Pictures),
	}
}

// deployment is the caller's.
func (s *Service) deployment(ctx context.Context) (*deployment.Deployment, error) {
	return s.deployments.Get(ctx, access.CallerOf(ctx).Deployment)
}

// settings are the switches and limits of the caller's deployment.
func (s *Service) settings(ctx context.Context) (deployment.B2BSettings, error) {
	d, err := s.deployment(ctx)
	if err != nil {
		return deployment.B2BSettings{}, err
	}
	return d.Settings.B2B, nil
}

// inOrganizations is a use case of deployments that have organizations; the
// others refuse it.
func inOrganizations[In, Out any](s *Service, useCase func(context.Context, In) (Out, error)) api.Handler {
	return api.Handle(gate(s, useCase, func(b deployment.B2BSettings) bool { return b.OrganizationsEnabled }))
}

// inWorkspaces is a use case of deployments that have workspaces; the others
// refuse it.
func inWorkspaces[In, Out any](s *Service, useCase func(context.Context, In) (Out, error)) api.Handler {
	return api.Handle(gate(s, useCase, func(b deployment.B2BSettings) bool { return b.OrganizationsEnabled && b.WorkspacesEnabled }))
}

// gate is a use case behind a switch of the deployment.
func gate[In, Out any](s *Service, useCase func(context.Context, In) (Out, error), open func(deployment.B2BSettings) bool) func(context.Context, In) (Out, error) {
	return func(ctx context.Context, in In) (out Out, err error) {
		b2b, err := s.settings(ctx)
		if err != nil {
			return out, err
		}
		if !open(b2b) {
			return out, deployment.ErrFeatureDisabled
		}
		return useCase(ctx, in)
	}
}

// findOrganization is the live organization, or ErrNotFound.
func findOrganization(ctx context.Context, q *Queries, d id.Deployment, organization id.Organization) (Organization, error) {
	row, err := q.OrganizationByID(ctx, OrganizationByIDParams{ID: organization, DeploymentID: d})
	return database.OrNotFound(row, err, ErrNotFound)
}

// lockOrganization is findOrganization, and the transactions that call it for
// one organization take turns from here on.
func lockOrganization(ctx context.Context, q *Queries, d id.Deployment, organization id.Organization) (Organization, error) {
	row, err := q.TakeTurn(ctx, TakeTurnParams{ID: organization, DeploymentID: d})
	return database.OrNotFound(row, err, ErrNotFound)
}

// turn is lockOrganization for a caller who is about to change something there,
// and asks once more whether they may: what they hold can have been taken from
// them since the request was let in. The caller has it as it is now, and it
// stays like that until the transaction ends.
func turn(ctx context.Context, q *Queries, organization id.Organization) (Organization, error) {
	caller := access.CallerOf(ctx)
	org, err := lockOrganization(ctx, q, caller.Deployment, organization)
	if err != nil {
		return org, err
	}
	now, err := powerOf(ctx, q, org.ID, caller.Workspace.ID, caller.User)
	if err != nil {
		return org, err
	}
	now.Organization.Demands, now.Workspace.Demands = caller.Organization.Demands, caller.Workspace.Demands
	caller.Organization, caller.Workspace = now.Organization, now.Workspace
	return org, caller.Rule.Decide(caller)
}

// someRoles is a default role as a list, empty when the deployment names none.
func someRoles[N any](role id.Of[N]) []id.Of[N] {
	if role == 0 {
		return []id.Of[N]{}
	}
	return []id.Of[N]{role}
}
