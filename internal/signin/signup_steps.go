package signin

import (
	"context"
	"errors"
	"strings"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/mail"
	"github.com/guildhall-id/guildhall/internal/session"
	"github.com/guildhall-id/guildhall/internal/user"
)

// byInvitation is how an address is proven without a code: by the secret in a
// mailed invitation.
const byInvitation = "invitation"

// steps are what a sign-up has to verify: what the deployment's policy says, the
// address of an invited person, and in any case something to sign in with when
// there is no password that does.
func (form application) steps(auth deployment.AuthSettings) string {
	email := form.email != "" && !form.proven && (auth.VerificationPolicy.Email || form.invitation.ID != 0)
	phone := form.phone != "" && auth.VerificationPolicy.PhoneNumber
	if !email && !phone && !form.proven && !form.hasPassword(auth) {
		email, phone = form.email != "", form.email == ""
	}
	var steps []string
	if email {
		steps = append(steps, stepEmail)
	}
	if phone {
		steps = append(steps, stepPhone)
	}
	return strings.Join(steps, separator)
}

// hasPassword reports whether the person can sign in with a password and what
// they have typed.
func (form application) hasPassword(auth deployment.AuthSettings) bool {
	f := auth.FactorsEnabled
	return form.passwordHash != "" && (form.email != "" && f.EmailPassword || form.usernameKey != "" && f.UsernamePassword)
}

// proveSignUp notes that the current step of a sign-up is proven. The code of
// the next one is sent at once: the form that asks for it does not (contract
// section 8). After the last one the person signs in.
func (s *Service) proveSignUp(ctx context.Context, tx *database.Tx, caller *access.Caller, d *deployment.Deployment, a SignupAttempt) (session.Including, error) {
	step, rest, _ := strings.Cut(a.Steps, separator)
	switch step {
	case stepEmail:
		a.EmailVerifiedAt = tx.Now
	case stepPhone:
		a.PhoneVerifiedAt = tx.Now
	}
	row, err := New(tx).AdvanceSignUp(ctx, AdvanceSignUpParams{
		ID: a.ID, SessionID: a.SessionID, Was: a.Steps, Steps: rest,
		EmailVerifiedAt: a.EmailVerifiedAt, PhoneVerifiedAt: a.PhoneVerifiedAt, Now: tx.Now,
	})
	if _, err = database.OrNotFound(row, err, ErrBadAttempt); err != nil {
		return session.Including{}, err
	}
	a.Steps = rest
	if rest == "" {
		return session.Including{SignUp: a.ID}, s.completeSignUp(ctx, tx, caller, d, a)
	}
	_, err = s.sendSignUpText(ctx, tx, d, open{signUp: a})
	if errors.Is(err, mail.ErrTooMany) || errors.Is(err, ErrTooManyTries) {
		err = nil // the person may ask for the code a little later
	}
	return session.Including{SignUp: a.ID}, err
}

// completeSignUp creates the person of a sign-up without remaining steps, and
// signs them in. What was not verified is only claimed: it gives no right.
func (s *Service) completeSignUp(ctx context.Context, tx *database.Tx, caller *access.Caller, d *deployment.Deployment, a SignupAttempt) error {
	person, err := s.create(ctx, tx, d, a)
	if err != nil {
		return err
	}
	done, err := New(tx).CompleteSignUpAttempt(ctx, CompleteSignUpAttemptParams{ID: a.ID, SessionID: a.SessionID, UserID: person, Now: tx.Now})
	if _, err = database.OrNotFound(done, err, ErrBadAttempt); err != nil {
		return err
	}
	proof := SigninAttempt{SessionID: a.SessionID, UserID: person, Method: strategyPhone}
	switch {
	case a.PasswordHash != "" && a.Email != "":
		proof.Method = strategyPassword
	case a.PasswordHash != "" && a.Username != "":
		proof.Method = strategyUsername
	case a.EmailVerifiedAt != 0:
		proof.Method = strategyCode
	}
	if a.PhoneVerifiedAt != 0 && proof.Method != strategyPhone && offersPhones(d) {
		proof.SecondFactor, proof.SecondFactorAt = strategyPhone, tx.Now
	}
	st, err := s.standing(ctx, tx, d, proof)
	if err != nil {
		return err
	}
	_, enrol := st.next()
	_, err = s.signInPerson(ctx, tx, caller, d, proof, enrol)
	return err
}

func (s *Service) create(ctx context.Context, tx *database.Tx, d *deployment.Deployment, a SignupAttempt) (person id.User, err error) {
	n := user.NewUser{
		Deployment: d.ID, FirstName: a.FirstName, LastName: a.LastName, PasswordHash: a.PasswordHash,
		Phone: user.Phone(a.PhoneNumber), PhoneVerified: a.PhoneVerifiedAt != 0,
	}
	if a.Username != "" {
		rules := d.Settings.Auth.Username
		if n.Username, n.UsernameKey, err = user.ParseUsername(a.Username, rules.MinLength, rules.MaxLength); err != nil {
			return 0, err
		}
	}
	if a.EmailVerifiedAt != 0 {
		n.Email, n.TypedEmail, n.Strategy = user.Email(a.Email), a.TypedEmail, strategyCode
		if a.InvitationID != 0 && a.EmailVerifiedAt == a.CreatedAt {
			n.Strategy = byInvitation
		}
	}
	if person, err = user.Create(ctx, tx, n); err != nil || a.Email == "" || n.Email != "" {
		return person, err
	}
	_, err = user.ClaimEmail(ctx, tx, d.ID, person, user.Email(a.Email), a.TypedEmail)
	return person, err
}
