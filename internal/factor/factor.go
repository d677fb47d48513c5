// Package factor is the second factors that people set up: authenticator apps
// (TOTP) and backup codes. A code works once, for the person whose it is. The
// secrets of authenticators are sealed, backup codes are stored as HMAC, and
// both are shown once, when they are made.
package factor

import (
	"context"
	"time"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/event"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
	"github.com/guildhall-id/guildhall/internal/platform/limit"
	"github.com/guildhall-id/guildhall/internal/platform/mail"
	"github.com/guildhall-id/guildhall/internal/platform/secret"
	"github.com/guildhall-id/guildhall/internal/session"
	"github.com/guildhall-id/guildhall/internal/user"
)

// The refusals of second factors.
var (
	ErrWrongCode             = fault.New(fault.Invalid, "INVALID_CODE", "This code is not right, or was used already. Enter the one that your authenticator app shows now, or another backup code.")
	ErrWrongCodes            = fault.New(fault.Invalid, "INVALID_CODE", "These are not two codes of this authenticator, one right after the other. Enter the code it shows, wait for the next one, and enter that too.")
	ErrTooManyGuesses        = fault.New(fault.Invalid, "INVALID_STATE", "Too many wrong codes. Begin again to set up the authenticator.")
	ErrTooManyTries          = fault.New(fault.TooMany, "RATE_LIMITED", "Too many tries. Wait a moment and try again.")
	ErrAuthenticatorNotFound = fault.New(fault.NotFound, "NOT_FOUND", "You have no such authenticator.")
	ErrVerified              = fault.New(fault.Invalid, "INVALID_STATE", "This authenticator is verified already.")
	ErrNoFactor              = fault.New(fault.Invalid, "INVALID_STATE", "Set up a second factor first.")
	ErrCodesExist            = fault.New(fault.Conflict, "CONFLICT", "You have backup codes already. Make new ones to replace them.")
)

// The methods, as the settings and the API name them.
const (
	ByAuthenticator = "authenticator"
	ByPhone         = "phone_otp" // a code in a text message; package account keeps the numbers
	ByBackupCode    = "backup_code"
)

// Limits are how often one person may try.
type Limits struct {
	Tries limit.Rate // authenticators that are made, codes that prove one, backup codes that are made; each by itself
}

// Service keeps the second factors.
type Service struct {
	db          *database.DB
	deployments *deployment.Service
	sessions    *session.Service
	outbox      *mail.Outbox
	sealing     secret.Key // of the secrets of authenticators
	hashing     secret.Key // of backup codes
	tries       *limit.Limiter
}

// Needs are what the service is made of.
type Needs struct {
	DB          *database.DB
	Deployments *deployment.Service
	Sessions    *session.Service
	Outbox      *mail.Outbox
	Key         secret.Key
	Limits      Limits
	Now         func() time.Time
}

// NewService keeps the second factors of a database.
func NewService(n Needs) *Service {
	return &Service{
		db: n.DB, deployments: n.Deployments, sessions: n.Sessions, outbox: n.Outbox,
		sealing: n.Key.For("authenticators"), hashing: n.Key.For("backup codes"),
		tries: limit.New(n.Limits.Tries, n.Now),
	}
}

// Methods are the ways in which a person can prove themselves a second time
// with what this package keeps: set up, verified and offered by the deployment.
// Backup codes stand in for another factor and are none by themselves.
func (s *Service) Methods(ctx context.Context, db database.DBTX, d *deployment.Deployment, person id.User) ([]string, error) {
	has, err := whatHas(ctx, db, person)
	if err != nil {
		return nil, err
	}
	methods := []string{}
	if has.authenticator(d) {
		methods = append(methods, ByAuthenticator)
	}
	if d.Settings.Auth.FactorsEnabled.BackupCode && has.HasUnusedCode && has.factor(d) {
		methods = append(methods, ByBackupCode)
	}
	return methods, nil
}

// Has reports whether a person has a second factor that the deployment offers:
// an authenticator or a phone.
func Has(ctx context.Context, db database.DBTX, d *deployment.Deployment, person id.User) (bool, error) {
	has, err := whatHas(ctx, db, person)
	return has.factor(d), err
}

// whatHas is what a person has set up.
func whatHas(ctx context.Context, db database.DBTX, person id.User) (EnrolledRow, error) {
	has, err := New(db).Enrolled(ctx, EnrolledParams{ID: person, EveryBit: everyBit})
	if database.IsNoRows(err) {
		return EnrolledRow{}, nil
	}
	return has, err
}

func (has EnrolledRow) authenticator(d *deployment.Deployment) bool {
	return has.AuthenticatorID != 0 && d.Settings.Auth.FactorsEnabled.Authenticator
}

func (has EnrolledRow) factor(d *deployment.Deployment) bool {
	return has.authenticator(d) || has.phone(d)
}

func (has EnrolledRow) phone(d *deployment.Deployment) bool {
	return has.HasPhone && d.Settings.Auth.FactorsEnabled.PhoneOTP
}

// Check uses up a code of a person, and says by which of their methods it was
// right. It reports as wrong why it was not; err is a failure of the check
// itself. The transaction may commit either way. Guesses are counted by the
// caller, who knows in which browser they are made.
func (s *Service) Check(ctx context.Context, tx *database.Tx, d *deployment.Deployment, person id.User, code string) (method string, wrong *fault.Error, err error) {
	methods, err := s.Methods(ctx, tx, d, person)
	if err != nil {
		return "", nil, err
	}
	for _, method := range methods {
		use := s.useStep
		if method == ByBackupCode {
			use = s.useBackupCode
		}
		right, err := use(ctx, tx, person, code)
		if err != nil {
			return "", nil, err
		}
		if right {
			return method, nil, nil
		}
	}
	return "", ErrWrongCode, nil
}

// Settle clears up after a second factor was removed: when none is left, the
// person's backup codes end, their policy asks for none, and no sign-in of
// theirs counts as proven a second time.
func Settle(ctx context.Context, tx *database.Tx, d *deployment.Deployment, person id.User) error {
	has, err := whatHas(ctx, tx, person)
	if err != nil || has.factor(d) {
		return err
	}
	if err := session.ForgetSecondFactor(ctx, tx, person); err != nil {
		return err
	}
	q := New(tx)
	if has.SecondFactorPolicy != deployment.SecondFactorNone {
		if err := q.ResetPolicy(ctx, ResetPolicyParams{ID: person, Now: tx.Now}); err != nil {
			return err
		}
		err := emit(ctx, tx, person, "user.updated", map[string]any{
			"before": map[string]any{"second_factor_policy": has.SecondFactorPolicy}, "after": map[string]any{"second_factor_policy": deployment.SecondFactorNone},
		})
		if err != nil {
			return err
		}
	}
	if !has.HasBackupCodes {
		return nil
	}
	if err := dropCodes(ctx, tx, person); err != nil {
		return err
	}
	return emit(ctx, tx, person, "user.backup_codes.removed", nil)
}

// Drop ends everything a person has, with the account.
func Drop(ctx context.Context, tx *database.Tx, person id.User) error {
	q := New(tx)
	if err := q.DropNewAuthenticator(ctx, person); err != nil {
		return err
	}
	if err := q.EndAuthenticators(ctx, EndAuthenticatorsParams{UserID: person, Now: tx.Now}); err != nil {
		return err
	}
	if err := q.ShowAuthenticator(ctx, ShowAuthenticatorParams{ID: person, Now: tx.Now}); err != nil {
		return err
	}
	return dropCodes(ctx, tx, person)
}

func dropCodes(ctx context.Context, tx *database.Tx, person id.User) error {
	q := New(tx)
	if err := q.DropBackupCodes(ctx, person); err != nil {
		return err
	}
	return q.ShowBackupCodes(ctx, ShowBackupCodesParams{ID: person, Now: tx.Now})
}

// allow is nil while the person keeps the rate for one kind of try.
func (s *Service) allow(person id.User, kind string) error {
	if ok, wait := s.tries.Allow(kind + " " + person.String()); !ok {
		return ErrTooManyTries.After(wait)
	}
	return nil
}

// change runs f in one transaction, with the caller's row locked, when the
// caller may change how they sign in.
func (s *Service) change(ctx context.Context, f func(tx *database.Tx, d *deployment.Deployment, me LockPersonRow) error) error {
	caller := access.CallerOf(ctx)
	d, err := s.deployments.Get(ctx, caller.Deployment)
	if err != nil {
		return err
	}
	return s.db.InTx(ctx, func(tx *database.Tx) error {
		if err := d.StepUp(caller, tx.Now); err != nil {
			return err
		}
		me, err := New(tx).LockPerson(ctx, LockPersonParams{ID: caller.User, DeploymentID: d.ID})
		if me, err = database.OrNotFound(me, err, access.ErrUnauthenticated); err != nil {
			return err
		}
		if err := Guard(ctx, tx, d, caller); err != nil {
			return err
		}
		return f(tx, d, me)
	})
}

// announce tells a person of a change of their second factors.
func (s *Service) announce(ctx context.Context, tx *database.Tx, d *deployment.Deployment, person id.User, heading, sentence string) error {
	to, err := user.VerifiedEmails(ctx, tx, person)
	if err != nil {
		return err
	}
	return user.Announce(ctx, tx, s.outbox, d, person, to, heading, sentence)
}

func emit(ctx context.Context, tx *database.Tx, person id.User, name string, data any) error {
	return event.Emit(ctx, tx, event.Event{Name: name, Subject: int64(person), Data: data})
}
