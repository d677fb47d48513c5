package signin

import (
	"context"
	"errors"

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
		PhoneNumber    string `json:"phone_number,omitempty" maxLength:"50"`
		PhoneCountry   string `json:"phone_country_code,omitempty" maxLength:"5" doc:"As +41."`
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
	email        user.Email // or empty
	typed        string
	phone        user.Phone // or empty
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
	if err := allow(s.signUps, clientKey(caller)); err != nil {
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
		a, err := beginSignUp(ctx, tx, d, browser, form)
		if err != nil || a.Steps != "" {
			return session.Including{SignUp: a.ID}, err
		}
		return session.Including{SignUp: a.ID}, s.completeSignUp(ctx, tx, caller, d, a)
	})
}

// checkForm checks what is typed against the deployment's fields, restrictions
// and people. A field that the deployment does not have is left out.
func (s *Service) checkForm(ctx context.Context, d *deployment.Deployment, in signUpInput) (form application, err error) {
	if err := checkFields(d.Settings.Auth, in); err != nil {
		return form, err
	}
	if form, err = parseForm(d.Settings.Auth, in); err != nil {
		return form, err
	}
	if err := s.checkInvitation(ctx, d, &form, in.Body.InviteToken); err != nil {
		return form, err
	}
	restrictions := d.Settings.Restrictions
	if err := user.CheckWords(restrictions, form.first, form.last, form.username); err != nil {
		return form, err
	}
	if form.email != "" {
		if err := user.CheckEmail(restrictions, form.email); err != nil {
			return form, err
		}
		if _, err := user.FindByVerifiedEmail(ctx, s.db, d.ID, form.email); !isNotFound(err) {
			return form, taken(err, user.ErrEmailExists)
		}
	}
	if form.phone != "" {
		if err := user.CheckPhone(restrictions, form.phone); err != nil {
			return form, err
		}
		if _, err := user.FindByVerifiedPhone(ctx, s.db, d.ID, form.phone); !isNotFound(err) {
			return form, taken(err, user.ErrPhoneExists)
		}
	}
	return form, nil
}

// taken is the refusal when somebody was found without an error.
func taken(err, refusal error) error {
	if err == nil {
		return refusal
	}
	return err
}

// checkFields wants what the deployment requires, and at least one thing by
// which the person can sign in again.
func checkFields(auth deployment.AuthSettings, in signUpInput) error {
	b, reachable := in.Body, false
	for _, f := range []struct {
		field  deployment.Field
		value  string
		label  string
		enough bool // to sign in with
	}{
		{auth.FirstName, b.FirstName, "first name", false},
		{auth.LastName, b.LastName, "last name", false},
		{auth.Username.Field, b.Username, "username", b.Password != "" && auth.Password.Enabled && auth.FactorsEnabled.UsernamePassword},
		{auth.EmailAddress.Field, b.Email, "e-mail address", true},
		{auth.PhoneNumber.Field, b.PhoneNumber, "phone number", auth.FactorsEnabled.PhoneOTP && auth.PhoneNumber.Verifiable()},
		{auth.Password, b.Password, "password", false},
	} {
		if f.field.Enabled && f.field.Required && f.value == "" {
			return errRequired.With("Please fill in the " + f.label + ".")
		}
		reachable = reachable || f.field.Enabled && f.value != "" && f.enough
	}
	switch {
	case reachable:
		return nil
	case auth.EmailAddress.Enabled:
		return errRequired.With("Please fill in the e-mail address.")
	case auth.PhoneNumber.Enabled:
		return errRequired.With("Please fill in the phone number.")
	}
	return errRequired.With("Please fill in the username and the password.")
}

// parseForm brings what is typed into its normal form.
func parseForm(auth deployment.AuthSettings, in signUpInput) (form application, err error) {
	b := in.Body
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
	if auth.EmailAddress.Enabled && b.Email != "" {
		form.typed = b.Email
		if form.email, err = user.ParseEmail(b.Email); err != nil {
			return form, err
		}
	}
	if auth.PhoneNumber.Enabled && b.PhoneNumber != "" {
		if form.phone, err = user.ParsePhone(b.PhoneNumber, b.PhoneCountry); err != nil {
			return form, err
		}
	}
	return form, nil
}

// checkInvitation looks up an invitation, of an organization or the
// deployment's own, and enforces the sign-up mode. Only the mailed secret
// proves the invited address.
func (s *Service) checkInvitation(ctx context.Context, d *deployment.Deployment, form *application, token string) error {
	if token != "" {
		var refusal *fault.Error
		approved, err := s.approvals.Lookup(ctx, s.db, d.ID, token, s.db.Now())
		if err != nil && !errors.As(err, &refusal) {
			return err
		}
		if err == nil && approved.Email == form.email {
			form.proven = true
			return nil
		}
		invited, err := s.organizations.Lookup(ctx, s.db, d.ID, token, s.db.Now())
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
	if err := s.passwords.Check(d.Settings.Auth.PasswordPolicy, password); err != nil {
		return "", err
	}
	return s.passwords.Hash(ctx, password)
}

func beginSignUp(ctx context.Context, tx *database.Tx, d *deployment.Deployment, browser id.Session, form application) (SignupAttempt, error) {
	a := SignupAttempt{
		ID: database.NewID[id.SignUpAttempt](tx), DeploymentID: d.ID, SessionID: browser, FirstName: form.first, LastName: form.last,
		Email: string(form.email), TypedEmail: form.typed, Username: form.username, PhoneNumber: string(form.phone), PasswordHash: form.passwordHash,
		InvitationID: form.invitation.ID, Steps: form.steps(d.Settings.Auth), CreatedAt: tx.Now, ExpiresAt: tx.Now.Add(attemptLife),
	}
	if form.phone != "" {
		a.PhoneCountry = form.phone.CountryCode()
	}
	if form.proven {
		a.EmailVerifiedAt = tx.Now
	}
	err := New(tx).InsertSignUpAttempt(ctx, InsertSignUpAttemptParams{
		ID: a.ID, DeploymentID: a.DeploymentID, SessionID: a.SessionID, FirstName: a.FirstName, LastName: a.LastName,
		Email: a.Email, TypedEmail: a.TypedEmail, Username: a.Username, PhoneNumber: a.PhoneNumber, PhoneCountry: a.PhoneCountry,
		PasswordHash: a.PasswordHash, InvitationID: a.InvitationID, Steps: a.Steps, EmailVerifiedAt: a.EmailVerifiedAt,
		Now: tx.Now, ExpiresAt: a.ExpiresAt,
	})
	if err != nil {
		return a, err
	}
	return a, extend(ctx, tx, browser, a.ExpiresAt)
}

func isNotFound(err error) bool { return errors.Is(err, user.ErrNotFound) }
