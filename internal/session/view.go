package session

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/clock"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/user"
)

// View is the browser's session as its own scripts see it.
type View struct {
	ID             id.Session          `json:"id"`
	CreatedAt      clock.Time          `json:"created_at"`
	UpdatedAt      clock.Time          `json:"updated_at"`
	ActiveSignInID *id.SignIn          `json:"active_signin_id"`
	ActiveSignIn   *SignInView         `json:"active_signin"`
	SignIns        []SignInView        `json:"signins"`
	SignInAttempts []SignInAttemptView `json:"signin_attempts"`
	SignUpAttempts []SignUpAttemptView `json:"signup_attempts"`
}

// SignInView is one person's sign-in to a browser.
type SignInView struct {
	ID                             id.SignIn                  `json:"id"`
	CreatedAt                      clock.Time                 `json:"created_at"`
	UpdatedAt                      clock.Time                 `json:"updated_at"`
	SessionID                      id.Session                 `json:"session_id"`
	UserID                         id.User                    `json:"user_id"`
	ActiveOrganizationMembershipID *id.OrganizationMembership `json:"active_organization_membership_id"`
	ActiveWorkspaceMembershipID    *id.WorkspaceMembership    `json:"active_workspace_membership_id"`
	ActiveOrganizationMembership   *OrganizationBrief         `json:"active_organization_membership"`
	ActiveWorkspaceMembership      *WorkspaceBrief            `json:"active_workspace_membership"`
	User                           user.Current               `json:"user"`
	ExpiresAt                      clock.Time                 `json:"expires_at"`
	LastActiveAt                   clock.Time                 `json:"last_active_at"`
	IPAddress                      string                     `json:"ip_address"`
	UserAgent                      string                     `json:"user_agent"`
	Browser                        string                     `json:"browser"`
	Device                         string                     `json:"device"`
	City                           string                     `json:"city"`
	Region                         string                     `json:"region"`
	RegionCode                     string                     `json:"region_code"`
	Country                        string                     `json:"country"`
	CountryCode                    string                     `json:"country_code"`
}

// OrganizationBrief is the active membership with its rights.
type OrganizationBrief struct {
	ID             id.OrganizationMembership `json:"id"`
	OrganizationID id.Organization           `json:"organization_id"`
	Roles          []RoleBrief               `json:"roles"`
}

// WorkspaceBrief is the active workspace membership with its rights.
type WorkspaceBrief struct {
	ID                       id.WorkspaceMembership    `json:"id"`
	WorkspaceID              id.Workspace              `json:"workspace_id"`
	OrganizationID           id.Organization           `json:"organization_id"`
	OrganizationMembershipID id.OrganizationMembership `json:"organization_membership_id"`
	Roles                    []RoleBrief               `json:"roles"`
}

// RoleBrief is a role of a membership.
type RoleBrief struct {
	ID          id.Subject         `json:"id"`
	Name        string             `json:"name"`
	Permissions access.Permissions `json:"permissions"`
}

// SignInAttemptView is an open or just completed attempt to sign in.
type SignInAttemptView struct {
	ID                                 id.SignInAttempt `json:"id"`
	CreatedAt                          clock.Time       `json:"created_at"`
	UpdatedAt                          clock.Time       `json:"updated_at"`
	SessionID                          id.Session       `json:"session_id"`
	UserID                             *id.User         `json:"user_id"`
	Email                              string           `json:"email"`
	Method                             string           `json:"method"`
	SSOProvider                        *string          `json:"sso_provider"`
	ExpiresAt                          clock.Time       `json:"expires_at"`
	FirstMethodAuthenticated           bool             `json:"first_method_authenticated"`
	SecondMethodAuthenticated          bool             `json:"second_method_authenticated"`
	SecondMethodAuthenticationRequired bool             `json:"second_method_authentication_required"`
	Available2FAMethods                []string         `json:"available_2fa_methods"`
	CurrentStep                        string           `json:"current_step"`
	RemainingSteps                     []string         `json:"remaining_steps"`
	Completed                          bool             `json:"completed"`
	RequiresCompletion                 bool             `json:"requires_completion"`
	MissingFields                      []string         `json:"missing_fields"`
	RequiredFields                     []string         `json:"required_fields"`
	ProfileCompletionData              *json.RawMessage `json:"profile_completion_data"`
}

// SignUpAttemptView is an open or just completed attempt to sign up. The
// password is never in it.
type SignUpAttemptView struct {
	ID             id.SignUpAttempt `json:"id"`
	CreatedAt      clock.Time       `json:"created_at"`
	UpdatedAt      clock.Time       `json:"updated_at"`
	SessionID      id.Session       `json:"session_id"`
	FirstName      string           `json:"first_name"`
	LastName       string           `json:"last_name"`
	Email          string           `json:"email"`
	Username       string           `json:"username"`
	PhoneNumber    string           `json:"phone_number"`
	RequiredFields []string         `json:"required_fields"`
	MissingFields  []string         `json:"missing_fields"`
	CurrentStep    string           `json:"current_step"`
	RemainingSteps []string         `json:"remaining_steps"`
	Completed      bool             `json:"completed"`
}

// Including names the attempt that the answer is about: it comes last, and is
// in the answer even when it is completed.
type Including struct {
	SignIn id.SignInAttempt
	SignUp id.SignUpAttempt
}

// View loads the caller's session as it is now.
func (s *Service) View(ctx context.Context, c *access.Caller, including Including) (View, error) {
	v := View{
		ID: c.Session.ID, CreatedAt: c.Session.CreatedAt, UpdatedAt: c.Session.UpdatedAt,
		SignIns: []SignInView{}, SignInAttempts: []SignInAttemptView{}, SignUpAttempts: []SignUpAttemptView{},
	}
	if c.Session.ID == 0 || c.Session.Anonymous {
		return v, nil
	}
	d, err := s.deployments.Get(ctx, c.Deployment)
	if err != nil {
		return v, err
	}
	return v, s.db.Reading(ctx, func(db database.DBTX) error {
		err := s.addSignIns(ctx, db, &v, c, d)
		if err == nil && (including != (Including{}) || c.Session.AttemptsEndAt > s.db.Now()) {
			err = s.addAttempts(ctx, db, &v, d, including)
		}
		return err
	})
}

// addAttempts loads the open attempts, and those that the answer is about.
func (s *Service) addAttempts(ctx context.Context, db database.DBTX, v *View, d *deployment.Deployment, including Including) error {
	q, now := New(db), s.db.Now()
	signIns, err := q.SignInAttempts(ctx, SignInAttemptsParams{SessionID: v.ID, Including: including.SignIn, Now: now})
	if err != nil {
		return err
	}
	for _, a := range signIns {
		v.SignInAttempts = append(v.SignInAttempts, signInAttemptView(a, d))
	}
	signUps, err := q.SignUpAttempts(ctx, SignUpAttemptsParams{SessionID: v.ID, Including: including.SignUp, Now: now})
	for _, a := range signUps {
		v.SignUpAttempts = append(v.SignUpAttempts, signUpAttemptView(a, d))
	}
	return err
}

// addSignIns loads the sign-ins of the browser and marks the active one.
func (s *Service) addSignIns(ctx context.Context, db database.DBTX, v *View, c *access.Caller, d *deployment.Deployment) error {
	now := s.db.Now()
	rows, err := New(db).LiveSignIns(ctx, LiveSignInsParams{SessionID: v.ID, Now: now, ActiveSince: now.Add(-d.Settings.Auth.IdleLife()), Before: seenUntil(c)})
	if err != nil {
		return err
	}
	if v.SignIns, err = signInViews(ctx, db, rows); err != nil {
		return err
	}
	for i := range v.SignIns {
		if v.SignIns[i].ID == c.SignIn {
			v.ActiveSignIn, v.ActiveSignInID = &v.SignIns[i], &v.SignIns[i].ID
		}
	}
	return nil
}

// signInViews loads the people and roles of sign-ins, one query for each kind.
func signInViews(ctx context.Context, db database.DBTX, rows []LiveSignInsRow) ([]SignInView, error) {
	views := make([]SignInView, 0, len(rows))
	if len(rows) == 0 {
		return views, nil
	}
	people := make([]id.User, len(rows))
	for i, row := range rows {
		people[i] = row.Signin.UserID
	}
	users, err := user.CurrentByID(ctx, db, people)
	if err != nil {
		return nil, err
	}
	roles, err := rolesOf(ctx, New(db), rows)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		if person, ok := users[row.Signin.UserID]; ok {
			views = append(views, signInView(row, person, roles))
		}
	}
	return views, nil
}

// briefRoles are the roles of memberships, of both kinds.
type briefRoles struct {
	organization map[id.OrganizationMembership][]RoleBrief
	workspace    map[id.WorkspaceMembership][]RoleBrief
}

func rolesOf(ctx context.Context, q *Queries, rows []LiveSignInsRow) (briefRoles, error) {
	roles := briefRoles{map[id.OrganizationMembership][]RoleBrief{}, map[id.WorkspaceMembership][]RoleBrief{}}
	var organizations, workspaces []int64
	for _, row := range rows {
		if row.ActiveOrganizationID != 0 {
			organizations = append(organizations, int64(row.Signin.ActiveOrganizationMembershipID))
		}
		if row.ActiveWorkspaceID != 0 {
			workspaces = append(workspaces, int64(row.Signin.ActiveWorkspaceMembershipID))
		}
	}
	if len(organizations) > 0 {
		list, err := q.OrganizationRolesOfMemberships(ctx, organizations)
		if err != nil {
			return roles, err
		}
		for _, r := range list {
			roles.organization[r.MembershipID] = append(roles.organization[r.MembershipID], RoleBrief{id.Subject(r.ID), r.Name, r.Permissions})
		}
	}
	if len(workspaces) > 0 {
		list, err := q.WorkspaceRolesOfMemberships(ctx, workspaces)
		if err != nil {
			return roles, err
		}
		for _, r := range list {
			roles.workspace[r.MembershipID] = append(roles.workspace[r.MembershipID], RoleBrief{id.Subject(r.ID), r.Name, r.Permissions})
		}
	}
	return roles, nil
}

func signInView(row LiveSignInsRow, person user.Current, roles briefRoles) SignInView {
	i := row.Signin
	v := SignInView{
		ID: i.ID, CreatedAt: i.CreatedAt, UpdatedAt: i.UpdatedAt, SessionID: i.SessionID, UserID: i.UserID,
		ExpiresAt: i.ExpiresAt, LastActiveAt: i.LastActiveAt, IPAddress: i.IPAddress, UserAgent: i.UserAgent,
		Browser: i.Browser, Device: i.Device, City: i.City, Region: i.Region, RegionCode: i.RegionCode,
		Country: i.Country, CountryCode: i.CountryCode,
	}
	if row.ActiveOrganizationID != 0 {
		membership := i.ActiveOrganizationMembershipID
		v.ActiveOrganizationMembershipID = &membership
		v.ActiveOrganizationMembership = &OrganizationBrief{
			ID: membership, OrganizationID: row.ActiveOrganizationID, Roles: append([]RoleBrief{}, roles.organization[membership]...),
		}
	}
	if row.ActiveWorkspaceID != 0 {
		membership := i.ActiveWorkspaceMembershipID
		v.ActiveWorkspaceMembershipID = &membership
		v.ActiveWorkspaceMembership = &WorkspaceBrief{
			ID: membership, WorkspaceID: row.ActiveWorkspaceID, OrganizationID: row.ActiveOrganizationID,
			OrganizationMembershipID: i.ActiveOrganizationMembershipID, Roles: append([]RoleBrief{}, roles.workspace[membership]...),
		}
	}
	person.ActiveOrganizationMembershipID = v.ActiveOrganizationMembershipID
	person.ActiveWorkspaceMembershipID = v.ActiveWorkspaceMembershipID
	v.User = person
	return v
}

// Steps are the steps that remain of an attempt, the current one first.
func Steps(text string) []string { return append([]string{}, strings.Fields(text)...) }

// current is the first of steps, empty when none remains.
func current(steps []string) string {
	if len(steps) == 0 {
		return ""
	}
	return steps[0]
}

func signInAttemptView(a SigninAttempt, d *deployment.Deployment) SignInAttemptView {
	steps := Steps(a.Steps)
	second := a.SecondFactorAt != 0 || a.SecondMethods != ""
	missing, required := Steps(a.MissingFields), []string{}
	if len(missing) > 0 {
		required = d.Settings.Auth.RequiredAtSignUp()
	}
	return SignInAttemptView{
		ID: a.ID, CreatedAt: a.CreatedAt, UpdatedAt: a.UpdatedAt, SessionID: a.SessionID,
		UserID: id.Optional(completedBy(a)), Email: address(a.Identifier), Method: a.Method, ExpiresAt: a.ExpiresAt,
		FirstMethodAuthenticated: a.FirstFactorAt != 0, SecondMethodAuthenticated: a.SecondFactorAt != 0,
		SecondMethodAuthenticationRequired: second, Available2FAMethods: shown(a.SecondMethods),
		CurrentStep: current(steps), RemainingSteps: steps, Completed: a.CompletedAt != 0,
		RequiresCompletion: len(missing) > 0 && a.CompletedAt == 0, MissingFields: missing, RequiredFields: required,
	}
}

// shown are the second factors that a form knows. A mailed code, which proves
// again who began with a phone, is a step of its own there.
func shown(methods string) []string {
	return slices.DeleteFunc(Steps(methods), func(method string) bool { return method == "email_otp" })
}

// address is an identifier that is an address, and empty for a username.
func address(identifier string) string {
	if !strings.Contains(identifier, "@") {
		return ""
	}
	return identifier
}

// completedBy is the person of an attempt once the first factor is checked.
// Before, an attempt must not tell whether an account exists.
func completedBy(a SigninAttempt) id.User {
	if a.FirstFactorAt == 0 {
		return 0
	}
	return a.UserID
}

func signUpAttemptView(a SignupAttempt, d *deployment.Deployment) SignUpAttemptView {
	steps := Steps(a.Steps)
	return SignUpAttemptView{
		ID: a.ID, CreatedAt: a.CreatedAt, UpdatedAt: a.UpdatedAt, SessionID: a.SessionID,
		FirstName: a.FirstName, LastName: a.LastName, Email: a.Email, Username: a.Username, PhoneNumber: a.PhoneNumber,
		RequiredFields: d.Settings.Auth.RequiredAtSignUp(), MissingFields: []string{},
		CurrentStep: current(steps), RemainingSteps: steps, Completed: a.CompletedAt != 0,
	}
}
