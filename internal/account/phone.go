package account

import (
	"context"
	"errors"
	"fmt"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/factor"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/onetime"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
	"github.com/guildhall-id/guildhall/internal/platform/mail"
	"github.com/guildhall-id/guildhall/internal/user"
)

// The refusals of phone numbers.
var (
	ErrPhoneNotFound   = fault.New(fault.NotFound, "NOT_FOUND", "You have no such phone number.")
	ErrPhoneVerified   = fault.New(fault.Invalid, "INVALID_STATE", "This number is verified already.")
	ErrPhoneUnverified = fault.New(fault.Invalid, "INVALID_STATE", "Verify this number first.")
	ErrPhonePrimary    = fault.New(fault.Conflict, "CONFLICT", "This is your primary number. Make another one primary first.")
	ErrPhoneNeeded     = fault.New(fault.Conflict, "CONFLICT", "Your account needs a verified number. Add and verify another one first.")
	ErrTooManyPhones   = fault.New(fault.Forbidden, "LIMIT_REACHED", "You have as many phone numbers as one account can have. Delete one of them first.")
)

const (
	// provesPhone is what the code sent to a claimed number proves.
	provesPhone onetime.Purpose = "phone_number"

	mostPhones = 5
)

func (s *Service) listPhones(ctx context.Context, _ struct{}) ([]user.PhoneNumberView, error) {
	me, err := s.current(ctx, s.db, access.CallerOf(ctx))
	return me.PhoneNumbers, err
}

type phoneInput struct {
	ID id.PhoneNumber `path:"id"`
}

func (s *Service) getPhone(ctx context.Context, in phoneInput) (user.PhoneNumberView, error) {
	return s.phone(ctx, s.db, in.ID)
}

// phone is one of the caller's numbers as they see it.
func (s *Service) phone(ctx context.Context, db database.DBTX, number id.PhoneNumber) (user.PhoneNumberView, error) {
	me, err := s.current(ctx, db, access.CallerOf(ctx))
	if err != nil {
		return user.PhoneNumberView{}, err
	}
	for _, one := range me.PhoneNumbers {
		if one.ID == number {
			return one, nil
		}
	}
	return user.PhoneNumberView{}, ErrPhoneNotFound
}

type addPhoneInput struct {
	Body struct {
		PhoneNumber string `json:"phone_number" maxLength:"50"`
		CountryCode string `json:"country_code,omitempty" maxLength:"10" doc:"A dial code like +41, or a country like CH; not needed when the number begins with +."`
	}
}

// addPhone claims a number. The claim gives no right and blocks nobody.
func (s *Service) addPhone(ctx context.Context, in addPhoneInput) (out user.PhoneNumberView, err error) {
	caller, d, err := s.settings(ctx)
	if err != nil {
		return out, err
	}
	if !d.Settings.Auth.PhoneNumber.Enabled {
		return out, deployment.ErrFeatureDisabled
	}
	phone, err := user.ParsePhone(in.Body.PhoneNumber, in.Body.CountryCode)
	if err != nil {
		return out, err
	}
	if err := user.CheckPhone(d.Settings.Restrictions, phone); err != nil {
		return out, err
	}
	// Whether somebody has a number is told slowly.
	if err := s.allow(ctx, caller.User, "phone"); err != nil {
		return out, err
	}
	err = s.secure(ctx, caller, d, func(tx *database.Tx, q *Queries, me User) error {
		n, err := q.CountPhones(ctx, me.ID)
		if err != nil {
			return err
		}
		if n >= mostPhones {
			return ErrTooManyPhones
		}
		number, err := user.ClaimPhone(ctx, tx, d.ID, me.ID, phone)
		if err != nil {
			return err
		}
		if err := record(ctx, tx, me.ID, "user.phone_number.added", phoneData(number, phone)); err != nil {
			return err
		}
		out, err = s.phone(ctx, tx, number)
		return err
	})
	return out, err
}

func phoneData(number id.PhoneNumber, phone user.Phone) map[string]any {
	return map[string]any{"phone_number_id": number, "phone_number": phone}
}

// claimedPhone is a number of the person that waits to be verified.
func claimedPhone(ctx context.Context, q *Queries, person id.User, number id.PhoneNumber) (user.PhoneClaim, error) {
	row, err := q.Phone(ctx, PhoneParams{ID: number, UserID: person})
	if row, err = database.OrNotFound(row, err, ErrPhoneNotFound); err != nil {
		return user.PhoneClaim{}, err
	}
	if row.VerifiedAt != 0 {
		return user.PhoneClaim{}, ErrPhoneVerified
	}
	return user.PhoneClaim{Deployment: row.DeploymentID, User: person, ID: row.ID, Phone: user.Phone(row.PhoneNumber)}, nil
}

// preparePhone sends a code. Text messages cost money, so all that one person
// asks for are counted together.
func (s *Service) preparePhone(ctx context.Context, in phoneInput) (Message, error) {
	caller, d, err := s.settings(ctx)
	if err != nil {
		return Message{}, err
	}
	if !d.Settings.Auth.PhoneNumber.Verifiable() {
		return Message{}, deployment.ErrFeatureDisabled
	}
	if err := s.allow(ctx, caller.User, "text"); err != nil {
		return Message{}, err
	}
	err = s.db.InTx(ctx, func(tx *database.Tx) error {
		claim, err := claimedPhone(ctx, New(tx), caller.User, in.ID)
		if err != nil {
			return err
		}
		// The list may have changed since the number was added.
		if err := user.CheckPhone(d.Settings.Restrictions, claim.Phone); err != nil {
			return err
		}
		code, err := onetime.NewCode()
		if err != nil {
			return err
		}
		if err := s.codes.Put(ctx, tx, d.ID, provesPhone, id.Subject(claim.ID), string(claim.Phone), code); err != nil {
			return err
		}
		return s.outbox.QueueText(ctx, tx, mail.Text{
			Deployment: d.ID, Subject: int64(claim.ID), To: string(claim.Phone), Kind: "verification_code", Code: code,
			Body: fmt.Sprintf("%s is your %s code to add this number to your account. It works for 10 minutes. If you did not ask for it, tell it to nobody.", code, d.Settings.UI.AppName),
		})
	})
	if err != nil {
		return Message{}, err
	}
	return done("We have sent a code to this number."), nil
}

type verifyPhoneInput struct {
	ID   id.PhoneNumber `path:"id"`
	Code string         `query:"code" doc:"The code; it may be in the body instead."`
	Body enteredCode
}

// verifyPhone proves a claimed number. The first verified number of a person is
// their primary one; where the deployment offers codes to telephones, it is a
// second factor from then on.
func (s *Service) verifyPhone(ctx context.Context, in verifyPhoneInput) (Message, error) {
	caller, d, err := s.settings(ctx)
	if err != nil {
		return Message{}, err
	}
	code := in.Body.or(in.Code)
	if code == "" {
		return Message{}, onetime.ErrMissing
	}
	if err := s.allow(ctx, caller.User, "code"); err != nil {
		return Message{}, err
	}
	var wrong *fault.Error
	err = s.secure(ctx, caller, d, func(tx *database.Tx, q *Queries, me User) error {
		if err := factor.Guard(ctx, tx, d, caller); err != nil {
			return err
		}
		claim, err := claimedPhone(ctx, q, me.ID, in.ID)
		if err != nil {
			return err
		}
		if wrong, err = s.codes.Check(ctx, tx, provesPhone, id.Subject(claim.ID), code); err != nil || wrong != nil {
			return err // the try is committed
		}
		return s.provePhone(ctx, tx, caller, d, me, claim)
	})
	if err == nil && wrong != nil {
		err = wrong
	}
	if err != nil {
		return Message{}, err
	}
	return done("The number is verified."), nil
}

func (s *Service) provePhone(ctx context.Context, tx *database.Tx, caller *access.Caller, d *deployment.Deployment, me User, claim user.PhoneClaim) error {
	to, err := user.VerifiedEmails(ctx, tx, me.ID)
	if err != nil {
		return err
	}
	// Before the new number counts, so that it is not told of itself.
	err = s.announce(ctx, tx, d, me.ID, to, "A phone number was added", "The number "+claim.Phone.Masked()+" was added to your account.")
	if err != nil {
		return err
	}
	if err := user.ProvePhone(ctx, tx, claim); err != nil {
		if errors.Is(err, user.ErrNotFound) {
			err = ErrPhoneNotFound // somebody else proved it meanwhile
		}
		return err
	}
	if err := record(ctx, tx, me.ID, "user.phone_number.verified", phoneData(claim.ID, claim.Phone)); err != nil {
		return err
	}
	if me.PrimaryPhoneNumberID == 0 {
		after := me
		after.PrimaryPhoneNumberID = claim.ID
		if err := save(ctx, tx, me, after); err != nil {
			return err
		}
	}
	if !d.Settings.Auth.FactorsEnabled.PhoneOTP {
		return nil
	}
	return s.sessions.Enrolled(ctx, tx, caller, d, factor.ByPhone)
}

// verifiedPhone is nil for a verified number of the person.
func verifiedPhone(ctx context.Context, q *Queries, person id.User, number id.PhoneNumber) error {
	row, err := q.Phone(ctx, PhoneParams{ID: number, UserID: person})
	if row, err = database.OrNotFound(row, err, ErrPhoneNotFound); err == nil && row.VerifiedAt == 0 {
		err = ErrPhoneUnverified
	}
	return err
}

// makePhonePrimary makes a verified number the one that codes go to first.
func (s *Service) makePhonePrimary(ctx context.Context, in phoneInput) (Message, error) {
	caller, d, err := s.settings(ctx)
	if err != nil {
		return Message{}, err
	}
	err = s.secure(ctx, caller, d, func(tx *database.Tx, q *Queries, me User) error {
		if err := verifiedPhone(ctx, q, me.ID, in.ID); err != nil {
			return err
		}
		after := me
		after.PrimaryPhoneNumberID = in.ID
		return save(ctx, tx, me, after)
	})
	if err != nil {
		return Message{}, err
	}
	return done("This is your primary number now."), nil
}

// deletePhone gives a number up. Unlike an address, the last verified one may
// go, when the deployment asks for none and the person can still sign in.
func (s *Service) deletePhone(ctx context.Context, in phoneInput) (Message, error) {
	caller, d, err := s.settings(ctx)
	if err != nil {
		return Message{}, err
	}
	err = s.secure(ctx, caller, d, func(tx *database.Tx, q *Queries, me User) error {
		if err := factor.Guard(ctx, tx, d, caller); err != nil {
			return err
		}
		row, err := q.Phone(ctx, PhoneParams{ID: in.ID, UserID: me.ID})
		if row, err = database.OrNotFound(row, err, ErrPhoneNotFound); err != nil {
			return err
		}
		if row.VerifiedAt != 0 {
			if err := s.leavePhone(ctx, tx, d, me, row); err != nil {
				return err
			}
		}
		if err := q.EndPhone(ctx, EndPhoneParams{ID: row.ID, UserID: me.ID, Now: tx.Now}); err != nil {
			return err
		}
		if err := record(ctx, tx, me.ID, "user.phone_number.deleted", phoneData(row.ID, user.Phone(row.PhoneNumber))); err != nil {
			return err
		}
		return factor.Settle(ctx, tx, d, me.ID)
	})
	if err != nil {
		return Message{}, err
	}
	return done("The number is deleted."), nil
}

// leavePhone prepares the end of a verified number. Everybody is told while the
// number is still there: it may be the only place to reach its owner.
func (s *Service) leavePhone(ctx context.Context, tx *database.Tx, d *deployment.Deployment, me User, row UserPhoneNumber) error {
	emails, err := user.VerifiedEmails(ctx, tx, me.ID)
	if err != nil {
		return err
	}
	phones, err := user.VerifiedPhones(ctx, tx, me.ID)
	if err != nil {
		return err
	}
	if len(phones) > 1 && row.ID == me.PrimaryPhoneNumberID {
		return ErrPhonePrimary
	}
	if len(phones) == 1 {
		if err := me.withoutPhone(d, emails); err != nil {
			return err
		}
	}
	err = s.announce(ctx, tx, d, me.ID, emails, "A phone number was removed", "The number "+user.Phone(row.PhoneNumber).Masked()+" was removed from your account.")
	if err != nil || row.ID != me.PrimaryPhoneNumberID {
		return err
	}
	after := me
	after.PrimaryPhoneNumberID = 0
	return save(ctx, tx, me, after)
}

// withoutPhone is nil when the person can do without any number.
func (u User) withoutPhone(d *deployment.Deployment, emails []user.Email) error {
	switch auth := d.Settings.Auth; {
	case auth.PhoneNumber.Required:
		return ErrPhoneNeeded
	case auth.FactorsEnabled.PhoneOTP && !canSignInByMail(d, emails) && !u.canSignInByPassword(d, emails):
		return ErrPhoneNeeded.With("Without this number you could not sign in any more. Set up another way to sign in first.")
	}
	return nil
}

// canSignInByPassword reports whether the person's password signs in, with a
// verified address or the username.
func (u User) canSignInByPassword(d *deployment.Deployment, verified []user.Email) bool {
	f := d.Settings.Auth.FactorsEnabled
	return u.PasswordHash != "" && (len(verified) > 0 && f.EmailPassword || u.Username != "" && f.UsernamePassword)
}

// canSignInByPhone reports whether a code that is sent to the person's number
// signs in.
func (u User) canSignInByPhone(d *deployment.Deployment) bool {
	return u.PrimaryPhoneNumberID != 0 && d.Settings.Auth.FactorsEnabled.PhoneOTP
}
