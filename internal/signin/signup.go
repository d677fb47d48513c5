package signin

import (
	"context"
	"errors"
	"net/netip"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/organization"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
	"github.com/guildhall-id/guildhall/internal/session"
	"github.com/guildhall-id/guildhall/internal/user"
)

// The refusals of sign-up.
var (
	ErrSignUpRestricted = fault.New(fault.Forbidden, "SIGNUP_RESTRICTED", "Only invited people can sign up here. Ask for an invitation to your address.")
	ErrWaitlistOnly     = fault.New(fault.Forbidden, "SIGNUP_WAITLIST_ONLY", "Sign-up is by waiting list for now. Join it, or ask for an invitation.")
	errRequired         = fault.New(fault.Invalid, "REQUIRED_FIELD", "Fill in the missing field.")
)

type signUpInput struct {
	Body struct {
		FirstName      string `json:"first_name,omitempty" maxLength:"400"`
		LastName       string `json:"last_name,omitempty" maxLength:"400"`
		Username       string `json:"username,omitempty" maxLength:"100"`
		Email          string `json:"email,omitempty" maxLength:"254"`
		Password       string `json:"password,omitempty" maxLength:"1000"`
		InviteToken    string `json:"invite_token,omitempty" maxLength:"400"`
		ChallengeToken string `json:"challenge_token,omitempty" maxLength:"200"`
	}
}

// application is a sign-up form that has been checked.
type application struct {
	first, last  string
	username     string
	usernameKey  string
	email        user.Email
	typed        string
	passwordHash string
	invitation   organization.Invited
	proven       bool // a mailed invitation has proven the address
}

func (s *Service) signUp(ctx context.Context, in signUpInput) (session.View, error) {
	caller := access.CallerOf(ctx)
	d, err := s.deployments.Get(ctx, caller.Deployment)
	if err != nil {
		return session.View{}, err
	}
	if err := s.challenges.Check(d, in.Body.ChallengeToken); err != nil {
		return session.View{}, err
	}
	if err := allow(s.clients, clientKey(caller)); err != nil {
		return session.View{}, err
	}
	form, err := s.checkForm(ctx, d, in)
	if err != nil {
		return session.View{}, err
	}
	if form.passwordHash, err = s.hashPassword(ctx, d, in.Body.Password); err != nil {
		return session.View{}, err
	}
	return s.enter(ctx, caller, d, func(tx *database.Tx, browser id.Session) (session.Including, error) {
		attempt, err := beginSignUp(ctx, tx, d, browser, form)
		if err != nil || !form.proven {
			return session.Including{SignUp: attempt}, err
		}
		return session.Including{SignUp: attempt}, s.completeSignUp(ctx, tx, caller, d, browser, attempt, form, "invitation")
	})
}

// checkForm checks what is typed against the deployment's fields, restrictions
// and people.
func (s *Service) checkForm(ctx context.Context, d *deployment.Deployment, in signUpInput) (form application, err error) {
	auth, b := d.Settings.Auth, in.Body
	for _, f := range []struct {
		field deployment.Field
		value string
		label string
	}{
		{auth.FirstName, b.FirstName, "first name"},
		{auth.LastName, b.LastName, "last name"},
		{auth.Username.Field, b.Username, "username"},
		{deployment.Field{Enabled: true, Required: true}, b.Email, "e-mail address"},
		{auth.Password, b.Password, "password"},
	} {
		if f.field.Enabled && f.field.Required && f.value == "" {
			return form, errRequired.With("Please fill in the " + f.label + ".")
		}
	}
	form.typed = b.Email
	if form.email, err = user.ParseEmail(b.Email); err != nil {
		return form, err
	}
	if auth.FirstName.Enabled {
		if form.first, err = user.ParseName(b.FirstName); err != nil {
			return form, err
		}
	}
	if auth.LastName.Enabled {
		if form.last, err = user.ParseName(b.LastName); err != nil {
			return form, err
		}
	}
	if auth.Username.Enabled && b.Username != "" {
		if form.username, form.usernameKey, err = user.ParseUsername(b.Username, auth.Username.MinLength, auth.Username.MaxLength); err != nil {
			return form, err
		}
	}
	if err := s.checkInvitation(ctx, d, &form, b.InviteToken); err != nil {
		return form, err
	}
	if err := user.CheckEmail(d.Settings.Restrictions, form.email); err != nil {
		return form, err
	}
	if err := user.CheckWords(d.Settings.Restrictions, form.first, form.last, form.username); err != nil {
		return form, err
	}
	_, err = user.FindByVerifiedEmail(ctx, s.db, d.ID, form.email)
	if err == nil {
		return form, user.ErrEmailExists
	}
	if isNotFound(err) {
		err = nil
	}
	return form, err
}

// checkInvitation looks up an invitation and enforces the sign-up mode. Only
// the mailed secret proves the invited address.
func (s *Service) checkInvitation(ctx context.Context, d *deployment.Deployment, form *application, token string) error {
	if token != "" {
		invited, err := s.organizations.Lookup(ctx, s.db, d.ID, token, s.db.Now())
		var refusal *fault.Error
		if err != nil && !errors.As(err, &refusal) {
			return err
		}
		if err == nil && invited.Email == form.email {
			form.invitation, form.proven = invited, invited.ByMail
		}
	}
	if form.invitation.ID != 0 {
		return nil
	}
	switch d.Settings.Restrictions.SignUpMode {
	case deployment.SignUpRestricted:
		return ErrSignUpRestricted
	case deployment.SignUpWaitlist:
		return ErrWaitlistOnly
	}
	return nil
}

// hashPassword checks the policy and hashes. It stays outside of transactions.
func (s *Service) hashPassword(ctx context.Context, d *deployment.Deployment, password string) (string, error) {
	if !d.Settings.Auth.Password.Enabled || password == "" {
		return "", nil
	}
	if err := user.CheckPassword(d.Settings.Auth.PasswordPolicy, password); err != nil {
		return "", err
	}
	return s.passwords.Hash(ctx, password)
}

func beginSignUp(ctx context.Context, tx *database.Tx, d *deployment.Deployment, browser id.Session, form application) (id.SignUpAttempt, error) {
	attempt, ends := database.NewID[id.SignUpAttempt](tx), tx.Now.Add(attemptLife)
	err := New(tx).InsertSignUpAttempt(ctx, InsertSignUpAttemptParams{
		ID: attempt, DeploymentID: d.ID, SessionID: browser, FirstName: form.first, LastName: form.last,
		Email: string(form.email), TypedEmail: form.typed, Username: form.username, PasswordHash: form.passwordHash,
		InvitationID: form.invitation.ID, Steps: stepEmail, Now: tx.Now, ExpiresAt: ends,
	})
	if err != nil {
		return 0, err
	}
	return attempt, extend(ctx, tx, browser, ends)
}

// completeSignUp creates the person and signs them in. Its caller has proven
// the address.
func (s *Service) completeSignUp(ctx context.Context, tx *database.Tx, caller *access.Caller, d *deployment.Deployment, browser id.Session, attempt id.SignUpAttempt, form application, strategy string) error {
	person, err := user.Create(ctx, tx, user.NewUser{
		Deployment: d.ID, FirstName: form.first, LastName: form.last, Username: form.username, UsernameKey: form.usernameKey,
		PasswordHash: form.passwordHash, Email: form.email, TypedEmail: form.typed, Strategy: strategy,
	})
	if err != nil {
		return err
	}
	done, err := New(tx).CompleteSignUpAttempt(ctx, CompleteSignUpAttemptParams{ID: attempt, SessionID: browser, UserID: person, Now: tx.Now})
	if _, err = database.OrNotFound(done, err, ErrBadAttempt); err != nil {
		return err
	}
	method := strategyCode
	if form.passwordHash != "" {
		method = strategyPassword
	}
	_, err = s.sessions.SignIn(ctx, tx, caller, d, browser, person, method)
	return err
}

// clientKey is what a client's tries are counted by: its address, or the /64
// network of an IPv6 one, which one subscriber holds whole.
func clientKey(c *access.Caller) string {
	ip := c.Client.IP
	if ip.Is6() {
		if network, err := ip.Prefix(64); err == nil {
			return network.String()
		}
	}
	if ip == (netip.Addr{}) {
		return "unknown"
	}
	return ip.String()
}

func isNotFound(err error) bool { return errors.Is(err, user.ErrNotFound) }
