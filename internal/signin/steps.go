package signin

import (
	"context"
	"strings"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/event"
	"github.com/guildhall-id/guildhall/internal/factor"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/user"
)

// The steps of attempts, as the API names them. They come in this order: first
// the way that was begun with is proven, then what standing.next says.
const (
	stepEmail     = "verify_email"         // of a sign-up
	stepPhone     = "verify_phone"         // of a sign-up
	stepEmailCode = "verify_email_otp"     // of a sign-in
	stepEmailLink = "verify_email_link"    // of a sign-in
	stepPhoneCode = "verify_phone_otp"     // of a sign-in
	stepSecond    = "verify_second_factor" // of a sign-in
	stepProfile   = "complete_profile"     // of a sign-in

	// separator is between them, and in other lists of an attempt's row.
	separator = " "
)

// What others call it, by shorter names.
const (
	policyNone      = deployment.SecondFactorNone
	policyEnforced  = deployment.SecondFactorEnforced
	byAuthenticator = factor.ByAuthenticator
	byBackupCode    = factor.ByBackupCode
)

// standing is what decides how a sign-in goes on once its first factor is
// proven, whichever that was.
type standing struct {
	asked    bool     // a second factor of those who have one, by the deployment, the person or a tenant of theirs
	enforced bool     // and of everybody
	offered  bool     // it can be set up here
	proven   bool     // it has been, in this attempt
	methods  []string // the second factors of the person, other than what was begun with
	missing  []string // the required fields that the account lacks
}

// next are the steps that remain; a sign-in without any is complete. enrol says
// that it may then do nothing but set up the second factor that it lacks.
func (st standing) next() (steps []string, enrol bool) {
	if st.asked && !st.proven && len(st.methods) > 0 {
		step := stepSecond
		if len(st.methods) == 1 && st.methods[0] == strategyCode {
			step = stepEmailCode
		}
		steps = append(steps, step)
	}
	if len(st.missing) > 0 {
		steps = append(steps, stepProfile)
	}
	return steps, st.enforced && st.offered && !st.proven && len(st.methods) == 0
}

// standing locks the person of an attempt and finds out.
func (s *Service) standing(ctx context.Context, tx *database.Tx, d *deployment.Deployment, a SigninAttempt) (standing, error) {
	person, err := personOf(ctx, tx, d, a.UserID)
	if err != nil {
		return standing{}, err
	}
	auth := d.Settings.Auth
	st := standing{
		asked:    auth.SecondFactorPolicy != policyNone || person.SecondFactorPolicy != policyNone,
		enforced: auth.SecondFactorPolicy == policyEnforced || person.SecondFactorPolicy == policyEnforced,
		offered:  auth.FactorsEnabled.Authenticator || auth.FactorsEnabled.PhoneOTP,
		proven:   a.SecondFactorAt != 0,
		missing:  missing(auth, person),
	}
	if !st.asked {
		st.asked, err = factor.Demanded(ctx, tx, d, a.UserID)
		if err != nil {
			return standing{}, err
		}
	}
	if st.asked && !st.proven {
		st.methods, err = s.secondFactors(ctx, tx, d, a.UserID, a.Method)
	}
	return st, err
}

// personOf is a person, locked. It refuses those who have left or are disabled.
func personOf(ctx context.Context, tx *database.Tx, d *deployment.Deployment, person id.User) (LockPersonRow, error) {
	row, err := New(tx).LockPerson(ctx, LockPersonParams{ID: person, DeploymentID: d.ID})
	row, err = database.OrNotFound(row, err, ErrBadAttempt)
	if err == nil && row.DisabledAt != 0 {
		err = access.ErrDisabled
	}
	return row, err
}

// missing are the fields that the sign-up form requires and a person lacks.
// What they have claimed need not be verified.
func missing(auth deployment.AuthSettings, person LockPersonRow) (fields []string) {
	for _, f := range []struct {
		name  string
		field deployment.Field
		has   bool
	}{
		{"first_name", auth.FirstName, person.FirstName != ""},
		{"last_name", auth.LastName, person.LastName != ""},
		{"username", auth.Username.Field, person.Username != ""},
		{"phone_number", auth.PhoneNumber.Field, person.HasPhone},
		{"email_address", auth.EmailAddress.Field, person.HasEmail},
	} {
		if f.field.Enabled && f.field.Required && !f.has {
			fields = append(fields, f.name)
		}
	}
	return fields
}

// secondFactors are the ways of a person to prove a sign-in again that began
// with a first one: authenticator, phone_otp, and backup_code beside these. Who
// began with the phone, and has nothing else set up, proves the mailbox.
func (s *Service) secondFactors(ctx context.Context, db database.DBTX, d *deployment.Deployment, person id.User, first string) (methods []string, err error) {
	own, err := s.factors.Methods(ctx, db, d, person)
	if err != nil {
		return nil, err
	}
	var phones []user.Phone
	if d.Settings.Auth.FactorsEnabled.PhoneOTP {
		if phones, err = user.VerifiedPhones(ctx, db, person); err != nil {
			return nil, err
		}
	}
	spare := false
	for _, method := range own {
		switch method {
		case byBackupCode:
			spare = true
		case byAuthenticator:
			methods = append(methods, method)
		}
	}
	if len(phones) > 0 && first != strategyPhone {
		methods = append(methods, strategyPhone)
	}
	if len(methods) > 0 && spare {
		methods = append(methods, byBackupCode)
	}
	if len(methods) > 0 || len(phones) == 0 {
		return methods, nil
	}
	emails, err := user.VerifiedEmails(ctx, db, person)
	if err == nil && len(emails) > 0 {
		methods = []string{strategyCode}
	}
	return methods, err
}

// advance takes an attempt on whose first factor is proven: to its next step, or
// to its end. It is the only way there.
func (s *Service) advance(ctx context.Context, tx *database.Tx, caller *access.Caller, d *deployment.Deployment, a SigninAttempt) error {
	st, err := s.standing(ctx, tx, d, a)
	if err != nil {
		return err
	}
	begun := a.FirstFactorAt == 0
	if begun {
		a.FirstFactorAt = tx.Now
	}
	steps, enrol := st.next()
	if len(steps) == 0 {
		return s.complete(ctx, tx, caller, d, a, enrol)
	}
	if begun { // whoever comes no further knows a password, or reads the mail
		err := event.Emit(ctx, tx, event.Event{
			Name: "user.first_factor_verified", Subject: int64(a.UserID), Data: map[string]any{"method": a.Method},
		})
		if err != nil {
			return err
		}
	}
	if len(st.methods) > 0 {
		a.SecondMethods = strings.Join(st.methods, separator)
	}
	row, err := New(tx).AdvanceSignIn(ctx, AdvanceSignInParams{
		ID: a.ID, SessionID: a.SessionID, Was: a.Steps, Steps: strings.Join(steps, separator),
		FirstFactorAt: a.FirstFactorAt, SecondFactorAt: a.SecondFactorAt, SecondFactor: a.SecondFactor,
		SecondMethods: a.SecondMethods, MissingFields: strings.Join(st.missing, separator), Now: tx.Now,
	})
	if _, err = database.OrNotFound(row, err, ErrBadAttempt); err != nil {
		return err
	}
	return s.sessions.Rotate(ctx, tx, caller, a.SessionID, d)
}

// complete signs the person of an attempt in.
func (s *Service) complete(ctx context.Context, tx *database.Tx, caller *access.Caller, d *deployment.Deployment, a SigninAttempt, enrol bool) error {
	signIn, err := s.signInPerson(ctx, tx, caller, d, a, enrol)
	if err != nil {
		return err
	}
	done, err := New(tx).CompleteSignInAttempt(ctx, CompleteSignInAttemptParams{
		ID: a.ID, SessionID: a.SessionID, Was: a.Steps, SigninID: signIn,
		FirstFactorAt: a.FirstFactorAt, SecondFactorAt: a.SecondFactorAt, SecondFactor: a.SecondFactor, Now: tx.Now,
	})
	_, err = database.OrNotFound(done, err, ErrBadAttempt)
	return err
}

// signInPerson begins the sign-in of a person, as an attempt has proven them.
func (s *Service) signInPerson(ctx context.Context, tx *database.Tx, caller *access.Caller, d *deployment.Deployment, a SigninAttempt, enrol bool) (id.SignIn, error) {
	signIn, err := s.sessions.SignIn(ctx, tx, caller, d, a.SessionID, a.UserID, a.Method)
	if err != nil {
		return 0, err
	}
	if a.SecondFactor != "" {
		return signIn, s.sessions.SecondFactor(ctx, tx, a.UserID, signIn, a.SecondFactor)
	}
	if enrol {
		return signIn, s.sessions.Restrict(ctx, tx, caller, a.UserID, signIn)
	}
	return signIn, nil
}

// currentStep is the first of the steps that remain, empty when none does.
func currentStep(steps string) string {
	step, _, _ := strings.Cut(steps, separator)
	return step
}
