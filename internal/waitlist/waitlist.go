// Package waitlist is how people get in where sign-up is not open to everybody:
// they wait, the operator approves them, and a mailed link lets them sign up.
// It promises that an address waits once however often it joins, that joining
// tells nobody who has an account or who else waits, and that only the newest
// link works, for its address, once, and until it expires.
package waitlist

import (
	"time"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/api"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/organization"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
	"github.com/guildhall-id/guildhall/internal/platform/job"
	"github.com/guildhall-id/guildhall/internal/platform/limit"
	"github.com/guildhall-id/guildhall/internal/platform/mail"
	"github.com/guildhall-id/guildhall/internal/platform/secret"
	"github.com/guildhall-id/guildhall/internal/user"
)

// The refusals of the waiting list.
var (
	ErrNoWaitlist   = fault.New(fault.Forbidden, "FEATURE_DISABLED", "There is no waiting list here. Sign up, or ask for an invitation.")
	ErrTooManyTries = fault.New(fault.TooMany, "RATE_LIMITED", "Too many people joined from here. Wait a moment and try again.")
)

// Service keeps the waiting lists of all deployments.
type Service struct {
	db            *database.DB
	deployments   *deployment.Service
	organizations *organization.Service
	outbox        *mail.Outbox
	invitations   Invitations
	clients       *limit.Limiter
}

// Needs are what the service is made of.
type Needs struct {
	DB            *database.DB
	Deployments   *deployment.Service
	Organizations *organization.Service
	Outbox        *mail.Outbox
	Jobs          *job.Queue
	Key           secret.Key
	PerClient     limit.Rate // how often one client may join
	Now           func() time.Time
}

// NewService keeps the waiting lists of a database. Approvals are mailed while
// the jobs run.
func NewService(n Needs) *Service {
	s := &Service{
		db: n.DB, deployments: n.Deployments, organizations: n.Organizations, outbox: n.Outbox,
		invitations: NewInvitations(n.Key), clients: limit.New(n.PerClient, n.Now),
	}
	job.Drain(n.Jobs, "waiting list", s.claim, s.mail)
	return s
}

// Operations is what people can do before they may sign up.
func (s *Service) Operations() []api.Operation {
	return []api.Operation{
		{
			ID: "JoinWaitlist", Route: "POST /waitlist/join",
			Summary: "Wait for the operator to let one's address sign up. Joining twice is a success.",
			Access:  access.Browser(),
			Errors: []*fault.Error{
				ErrNoWaitlist, ErrTooManyTries, user.ErrEmailInvalid, user.ErrNameInvalid,
				user.ErrEmailNotAllowed, user.ErrEmailBlocked, user.ErrEmailDisposable, user.ErrBannedKeyword,
			},
			Handle: api.Handle(s.join),
		},
		{
			ID: "ValidateInvitation", Route: "GET /deployment/invitations/validate",
			Summary: "Learn whether an invitation's token is good, and for which address.",
			Access:  access.Browser(), Handle: api.Handle(s.validateInvitation),
		},
	}
}
