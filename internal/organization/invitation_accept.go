package organization

import (
	"context"
	"errors"
	"fmt"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/event"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
	"github.com/guildhall-id/guildhall/internal/session"
	"github.com/guildhall-id/guildhall/internal/user"
)

// Acceptance is the outcome of accepting. The browser decides by its members
// in this order (contract section 8): joined when Organization is there, a
// member already, has to sign in or up first, or ErrorCode.
type Acceptance struct {
	Organization   *InvitationPlace `json:"organization,omitempty"`
	Workspace      *InvitationPlace `json:"workspace,omitempty"`
	SignInID       id.SignIn        `json:"signin_id,omitempty" doc:"The sign-in that joined."`
	AlreadyMember  bool             `json:"already_member,omitempty"`
	RequiresSignIn bool             `json:"requires_signin,omitempty"`
	InvitedEmail   string           `json:"invited_email,omitempty"`
	ErrorCode      string           `json:"error_code,omitempty"`
	Message        string           `json:"message,omitempty"`
}

// What the browser has to do before an invitation can be accepted: the codes
// of an Acceptance that requires a sign-in.
const (
	RequiresSignUp = "INVITATION_REQUIRES_SIGNUP"
	RequiresSignIn = "INVITATION_REQUIRES_SIGNIN"
	EmailMismatch  = "INVITATION_EMAIL_MISMATCH"
)

func askToSignIn(code, email, message string) Acceptance {
	return Acceptance{RequiresSignIn: true, InvitedEmail: email, ErrorCode: code, Message: fmt.Sprintf(message, email)}
}

// refusedAcceptance turns a refusal into an outcome; other errors stay errors.
func refusedAcceptance(err error, email string) (Acceptance, error) {
	var refusal *fault.Error
	if !errors.As(err, &refusal) {
		return Acceptance{}, err
	}
	a := Acceptance{ErrorCode: refusal.Code, Message: refusal.Message}
	if errors.Is(err, ErrInvitationExpired) {
		a.InvitedEmail = email
	}
	return a, nil
}

func memberAlready(organization string) Acceptance {
	return Acceptance{AlreadyMember: true, Message: "You are already a member of " + organization + "."}
}

type acceptInvitationInput struct {
	Body struct {
		Token string `json:"token" maxLength:"2000"`
	}
}

func (s *Service) acceptInvitation(ctx context.Context, in acceptInvitationInput) (Acceptance, error) {
	return s.Accept(ctx, in.Body.Token)
}

// Accept lets a sign-in of the browser of ctx join whose person has proven the
// invited address. The token says which invitation, it proves nothing else.
func (s *Service) Accept(ctx context.Context, token string) (Acceptance, error) {
	caller := access.CallerOf(ctx)
	d, err := s.deployments.Get(ctx, caller.Deployment)
	if err != nil {
		return Acceptance{}, err
	}
	found, err := s.findSending(ctx, s.db, d.ID, token)
	if err != nil {
		return refusedAcceptance(err, "")
	}
	owner, outcome, err := s.invitedSignIn(ctx, caller, found.invitation)
	if err != nil {
		return Acceptance{}, err
	}
	// Who holds the address learns more than who does not: that they are a
	// member already. To everybody else the invitation's own state comes first.
	if owner.SignIn == 0 {
		if err := found.usable(s.db.Now()); err != nil {
			return refusedAcceptance(err, found.invitation.Email)
		}
		return outcome, nil
	}
	by := byInvitationToken
	if found.sending.ByMail {
		by = byInvitationMail
	}
	return s.accept(ctx, d, found.invitation, entry{found.sending.Generation, owner, by})
}

// invitedSignIn is the sign-in of the caller's browser that owns the invited
// address, or the outcome that says what to do first.
func (s *Service) invitedSignIn(ctx context.Context, caller *access.Caller, inv Invitation) (session.Active, Acceptance, error) {
	var none session.Active
	signIns, err := s.sessions.SignIns(ctx, s.db, caller)
	if err != nil {
		return none, Acceptance{}, err
	}
	owner, err := user.FindOwner(ctx, s.db, inv.DeploymentID, user.Email(inv.Email))
	if err != nil && !errors.Is(err, user.ErrNotFound) {
		return none, Acceptance{}, err
	}
	people := make([]id.User, len(signIns))
	for i, one := range signIns {
		if one.User == owner.ID && owner.DisabledAt != 0 {
			return none, Acceptance{}, access.ErrDisabled
		}
		if one.User == owner.ID && one.Enrolling {
			return none, Acceptance{}, access.ErrEnrolment
		}
		if one.User == owner.ID {
			return one, Acceptance{}, nil
		}
		people[i] = one.User
	}
	switch {
	case owner.ID != 0 && len(signIns) > 0:
		return none, askToSignIn(EmailMismatch, inv.Email, "This invitation is for %s. Switch to that account to accept it."), nil
	case owner.ID != 0:
		return none, askToSignIn(RequiresSignIn, inv.Email, "Sign in as %s to accept this invitation."), nil
	}
	claims, err := int64(0), error(nil)
	if len(people) > 0 {
		claims, err = s.queries.ClaimsOfEmail(ctx, ClaimsOfEmailParams{DeploymentID: inv.DeploymentID, Email: inv.Email, Users: database.Int64s(people)})
	}
	if claims > 0 {
		return none, askToSignIn(EmailMismatch, inv.Email, "Verify the address %s in your account first, then accept the invitation."), err
	}
	return none, askToSignIn(RequiresSignUp, inv.Email, "Sign up as %s to accept this invitation."), err
}

// entry is how a person comes in: with which sending of the invitation, which
// sign-in, and what it is recorded as.
type entry struct {
	generation int64
	session.Active
	by string
}

// accept turns an invitation into membership, in one transaction.
func (s *Service) accept(ctx context.Context, d *deployment.Deployment, inv Invitation, e entry) (a Acceptance, err error) {
	ctx = access.As(ctx, e.User) // who need not be the active one of the browser
	err = s.db.InTx(ctx, func(tx *database.Tx) (err error) {
		a, err = s.acceptIn(ctx, tx, d, inv, e)
		return err
	})
	if err != nil {
		return refusedAcceptance(err, inv.Email)
	}
	return a, nil
}

// acceptIn does it:
//
//  1. the organization's row is locked and everything read again;
//  2. who is a member of the target already is told so, and the invitation is
//     done with;
//  3. the inviter must still be able to give the roles, else the invitation
//     waits for an administrator;
//  4. the state changes, if this sending is still the one that counts, and the
//     person joins, as far as there are seats.
func (s *Service) acceptIn(ctx context.Context, tx *database.Tx, d *deployment.Deployment, inv Invitation, e entry) (Acceptance, error) {
	q := New(tx)
	organization, err := lockOrganization(ctx, q, d.ID, inv.OrganizationID)
	if errors.Is(err, ErrNotFound) {
		return Acceptance{}, ErrInvitationDiscarded
	}
	if err != nil {
		return Acceptance{}, err
	}
	inv, err = q.InvitationOfOrganization(ctx, InvitationOfOrganizationParams{ID: inv.ID, OrganizationID: organization.ID})
	if err != nil {
		return Acceptance{}, err
	}
	unusable := inv.usable(e.generation, tx.Now)
	if unusable != nil && !errors.Is(unusable, ErrInvitationUsed) {
		return Acceptance{}, unusable
	}
	joined, err := powerOf(ctx, q, organization.ID, inv.WorkspaceID, e.User)
	if err != nil {
		return Acceptance{}, err
	}
	if inv.WorkspaceID == 0 && joined.Organization.Membership != 0 || joined.Workspace.Membership != 0 {
		if unusable == nil {
			err = s.end(ctx, tx, inv, e)
		}
		return memberAlready(organization.Name), err
	}
	if unusable != nil {
		return Acceptance{}, unusable
	}
	t, err := remainingTerms(ctx, q, d, organization, inv)
	if errors.Is(err, ErrWorkspaceNotFound) || errors.Is(err, deployment.ErrFeatureDisabled) {
		err = ErrInvitationDiscarded
	}
	if err != nil {
		return Acceptance{}, err
	}
	if held, err := s.hold(ctx, tx, t, inv, joined.Organization.Membership != 0); held || err != nil {
		a, _ := refusedAcceptance(ErrNeedsApproval, "")
		return a, err
	}
	if err := s.end(ctx, tx, inv, e); err != nil {
		return Acceptance{}, err
	}
	return s.enter(ctx, tx, t, inv, e, joined.Organization.Membership)
}

// hold reports whether the inviter can no longer give what the invitation
// offers, and then marks it. A member already keeps the roles they have in the
// organization, so only those in the workspace count.
func (s *Service) hold(ctx context.Context, tx *database.Tx, t terms, inv Invitation, member bool) (bool, error) {
	q, given := New(tx), t.role.Permissions
	if member {
		given = nil
	}
	if able, err := inv.stillGiven(ctx, q, given, t.workspaceRole.Permissions); able || err != nil {
		return false, err
	}
	n, err := q.HoldInvitation(ctx, HoldInvitationParams{ID: inv.ID, OrganizationID: inv.OrganizationID, Now: tx.Now})
	if err != nil || n == 0 { // held before
		return true, err
	}
	return true, event.Emit(ctx, tx, inv.event("organization.invitation.held"))
}

// stillGiven reports whether the inviter may still invite there, and give this.
func (inv *Invitation) stillGiven(ctx context.Context, q *Queries, organization, workspace access.Permissions) (bool, error) {
	inviter, err := powerOf(ctx, q, inv.OrganizationID, inv.WorkspaceID, inv.InviterID)
	return inviter.mayInvite() && inviter.covers(organization, workspace), err
}

// end makes the pending invitation an accepted one, or returns ErrInvitationUsed
// when another call changed it first.
func (s *Service) end(ctx context.Context, tx *database.Tx, inv Invitation, e entry) error {
	row, err := New(tx).AcceptInvitation(ctx, AcceptInvitationParams{
		ID: inv.ID, OrganizationID: inv.OrganizationID, Generation: e.generation, EndedBy: e.User, Now: tx.Now,
	})
	if row, err = database.OrNotFound(row, err, ErrInvitationUsed); err != nil {
		return err
	}
	return event.Emit(ctx, tx, row.event("organization.invitation.accepted"))
}

// enter gives the person what they lack of the two memberships, and makes them
// the active ones of the sign-in.
func (s *Service) enter(ctx context.Context, tx *database.Tx, t terms, inv Invitation, e entry, member id.OrganizationMembership) (Acceptance, error) {
	a := Acceptance{
		Organization: &InvitationPlace{ID: id.Subject(t.organization.ID), Name: t.organization.Name},
		SignInID:     e.SignIn,
	}
	b2b := t.deployment.Settings.B2B
	var err error
	if member == 0 {
		member, err = s.join(ctx, tx, joining{
			Deployment: inv.DeploymentID, Organization: inv.OrganizationID, User: e.User, Roles: []id.OrganizationRole{t.role.ID},
			By: e.by, Invitation: inv.ID, Into: t.workspace.ID, B2B: b2b,
		})
		if err != nil {
			return Acceptance{}, err
		}
	}
	var inWorkspace id.WorkspaceMembership
	if t.workspace.ID != 0 {
		inWorkspace, err = s.joinWorkspace(ctx, tx, workspaceJoining{
			Deployment: inv.DeploymentID, Organization: inv.OrganizationID, Workspace: t.workspace.ID,
			OrganizationMembership: member, User: e.User, Roles: []id.WorkspaceRole{t.workspaceRole.ID},
			Limit: b2b.MaxAllowedWorkspaceMembers,
		})
		if err != nil {
			return Acceptance{}, err
		}
		a.Workspace = &InvitationPlace{ID: id.Subject(t.workspace.ID), Name: t.workspace.Name}
	}
	return a, session.Activate(ctx, tx, e.SignIn, member, inWorkspace)
}
