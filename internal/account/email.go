package account

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/onetime"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
	"github.com/guildhall-id/guildhall/internal/platform/mail"
	"github.com/guildhall-id/guildhall/internal/user"
)

// The refusals of addresses.
var (
	ErrEmailNotFound    = fault.New(fault.NotFound, "NOT_FOUND", "You have no such e-mail address.")
	ErrEmailVerified    = fault.New(fault.Invalid, "INVALID_STATE", "This address is verified already.")
	ErrEmailUnverified  = fault.New(fault.Invalid, "INVALID_STATE", "Verify this address first.")
	ErrEmailPrimary     = fault.New(fault.Conflict, "CONFLICT", "This is your primary address. Make another one primary first.")
	ErrEmailLast        = fault.New(fault.Conflict, "CONFLICT", "This is your last verified address. Add and verify another one first.")
	ErrTooManyAddresses = fault.New(fault.Forbidden, "LIMIT_REACHED", "You have as many addresses as one account can have. Delete one of them first.")
)

const (
	// provesAddress is what the code sent to a claimed address proves.
	provesAddress onetime.Purpose = "email_address"

	byCode        = "email_otp"
	mostAddresses = 20
)

func (s *Service) listAddresses(ctx context.Context, _ struct{}) ([]user.EmailAddressView, error) {
	me, err := s.current(ctx, s.db, access.CallerOf(ctx))
	return me.EmailAddresses, err
}

type addressInput struct {
	ID id.EmailAddress `path:"id"`
}

func (s *Service) getAddress(ctx context.Context, in addressInput) (user.EmailAddressView, error) {
	return s.address(ctx, s.db, in.ID)
}

// address is one of the caller's addresses as they see it.
func (s *Service) address(ctx context.Context, db database.DBTX, address id.EmailAddress) (user.EmailAddressView, error) {
	me, err := s.current(ctx, db, access.CallerOf(ctx))
	if err != nil {
		return user.EmailAddressView{}, err
	}
	for _, one := range me.EmailAddresses {
		if one.ID == address {
			return one, nil
		}
	}
	return user.EmailAddressView{}, ErrEmailNotFound
}

type addAddressInput struct {
	Body struct {
		Email string `json:"email" maxLength:"254"`
	}
}

// addAddress claims an address. The claim gives no right and blocks nobody.
func (s *Service) addAddress(ctx context.Context, in addAddressInput) (out user.EmailAddressView, err error) {
	caller, d, err := s.settings(ctx)
	if err != nil {
		return out, err
	}
	if !d.Settings.Auth.EmailAddress.Enabled {
		return out, deployment.ErrFeatureDisabled
	}
	email, err := user.ParseEmail(in.Body.Email)
	if err != nil {
		return out, err
	}
	if err := user.CheckEmail(d.Settings.Restrictions, email); err != nil {
		return out, err
	}
	// Whether somebody has an address is told slowly.
	if err := s.allow(ctx, caller.User, "address"); err != nil {
		return out, err
	}
	err = s.secure(ctx, caller, d, func(tx *database.Tx, q *Queries, me User) error {
		n, err := q.CountAddresses(ctx, me.ID)
		if err != nil {
			return err
		}
		if n >= mostAddresses {
			return ErrTooManyAddresses
		}
		address, err := user.ClaimEmail(ctx, tx, d.ID, me.ID, email, in.Body.Email)
		if err != nil {
			return err
		}
		if err := record(ctx, tx, me.ID, "user.email_address.added", addressData(address, email)); err != nil {
			return err
		}
		out, err = s.address(ctx, tx, address)
		return err
	})
	return out, err
}

func addressData(address id.EmailAddress, email user.Email) map[string]any {
	return map[string]any{"email_address_id": address, "email": email}
}

// claimed is an address of the person that waits to be verified.
func claimed(ctx context.Context, q *Queries, person id.User, address id.EmailAddress) (user.Claim, error) {
	row, err := q.Address(ctx, AddressParams{ID: address, UserID: person})
	if row, err = database.OrNotFound(row, err, ErrEmailNotFound); err != nil {
		return user.Claim{}, err
	}
	if row.VerifiedAt != 0 {
		return user.Claim{}, ErrEmailVerified
	}
	return user.Claim{Deployment: row.DeploymentID, User: person, ID: row.ID, Email: user.Email(row.Email)}, nil
}

// verified is a verified address of the person.
func verified(ctx context.Context, q *Queries, person id.User, address id.EmailAddress) (user.Email, error) {
	row, err := q.Address(ctx, AddressParams{ID: address, UserID: person})
	if row, err = database.OrNotFound(row, err, ErrEmailNotFound); err != nil {
		return "", err
	}
	if row.VerifiedAt == 0 {
		return "", ErrEmailUnverified
	}
	return user.Email(row.Email), nil
}

func (s *Service) prepareAddress(ctx context.Context, in addressInput) (Message, error) {
	caller, d, err := s.settings(ctx)
	if err != nil {
		return Message{}, err
	}
	err = s.db.InTx(ctx, func(tx *database.Tx) error {
		claim, err := claimed(ctx, New(tx), caller.User, in.ID)
		if err != nil {
			return err
		}
		// The lists may have changed since the address was added.
		if err := user.CheckEmail(d.Settings.Restrictions, claim.Email); err != nil {
			return err
		}
		code, err := onetime.NewCode()
		if err != nil {
			return err
		}
		if err := s.codes.Put(ctx, tx, d.ID, provesAddress, id.Subject(claim.ID), string(claim.Email), code); err != nil {
			return err
		}
		return s.outbox.Queue(ctx, tx, codeMail(d, claim, code))
	})
	if err != nil {
		return Message{}, err
	}
	return done("We have sent a code to this address."), nil
}

func codeMail(d *deployment.Deployment, claim user.Claim, code string) mail.Message {
	app := d.Settings.UI.AppName
	return mail.Message{
		Deployment: d.ID, Subject: int64(claim.ID), To: string(claim.Email), Kind: "verification_code",
		Content: mail.Content{
			AppName: app, Subject: fmt.Sprintf("%s is your %s code", code, app), Heading: "Verify your address",
			Paragraphs: []string{
				"Somebody wants to add this address to their account at " + app + ". Enter this code there if it was you.",
				"The code works for 10 minutes, once.",
			},
			Code:   code,
			Footer: "If you did not ask for this code, ignore this mail and tell it to nobody. Without it the address is not added.",
		},
	}
}

type verifyAddressInput struct {
	ID   id.EmailAddress `path:"id"`
	Code string          `query:"code" doc:"The code; it may be in the body instead."`
	Body enteredCode
}

// enteredCode is a code by either of its names.
type enteredCode struct {
	Code             string `json:"code,omitempty" maxLength:"100"`
	VerificationCode string `json:"verification_code,omitempty" maxLength:"100"`
}

// or is the first code that is sent: that of the address of the request, else
// one of the body.
func (e enteredCode) or(code string) string { return cmp.Or(code, e.Code, e.VerificationCode) }

// verifyAddress proves a claimed address. The first verified address of a
// person is their primary one.
func (s *Service) verifyAddress(ctx context.Context, in verifyAddressInput) (Message, error) {
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
		claim, err := claimed(ctx, q, me.ID, in.ID)
		if err != nil {
			return err
		}
		if wrong, err = s.codes.Check(ctx, tx, provesAddress, id.Subject(claim.ID), code); err != nil || wrong != nil {
			return err // the try is committed
		}
		before, err := user.VerifiedEmails(ctx, tx, me.ID)
		if err != nil {
			return err
		}
		if err := user.Prove(ctx, tx, claim, byCode); err != nil {
			if errors.Is(err, user.ErrNotFound) {
				err = ErrEmailNotFound // somebody else proved it meanwhile
			}
			return err
		}
		if err := record(ctx, tx, me.ID, "user.email_address.verified", addressData(claim.ID, claim.Email)); err != nil {
			return err
		}
		if me.PrimaryEmailAddressID == 0 {
			after := me
			after.PrimaryEmailAddressID = claim.ID
			if err := save(ctx, tx, me, after); err != nil {
				return err
			}
		}
		return s.announce(ctx, tx, d, me.ID, before, "An address was added", "The address "+string(claim.Email)+" was added to your account.")
	})
	if err == nil && wrong != nil {
		err = wrong
	}
	if err != nil {
		return Message{}, err
	}
	return done("The address is verified."), nil
}

// makePrimary makes a verified address the one that others see and mail goes
// to.
func (s *Service) makePrimary(ctx context.Context, in addressInput) (Message, error) {
	caller, d, err := s.settings(ctx)
	if err != nil {
		return Message{}, err
	}
	err = s.secure(ctx, caller, d, func(tx *database.Tx, q *Queries, me User) error {
		if _, err := verified(ctx, q, me.ID, in.ID); err != nil {
			return err
		}
		after := me
		after.PrimaryEmailAddressID = in.ID
		return save(ctx, tx, me, after)
	})
	if err != nil {
		return Message{}, err
	}
	return done("This is your primary address now."), nil
}

func (s *Service) deleteAddress(ctx context.Context, in addressInput) (Message, error) {
	caller, d, err := s.settings(ctx)
	if err != nil {
		return Message{}, err
	}
	err = s.secure(ctx, caller, d, func(tx *database.Tx, q *Queries, me User) error {
		row, err := q.Address(ctx, AddressParams{ID: in.ID, UserID: me.ID})
		if row, err = database.OrNotFound(row, err, ErrEmailNotFound); err != nil {
			return err
		}
		before, err := user.VerifiedEmails(ctx, tx, me.ID)
		if err != nil {
			return err
		}
		switch {
		case row.ID == me.PrimaryEmailAddressID:
			return ErrEmailPrimary
		case row.VerifiedAt != 0 && len(before) == 1:
			return ErrEmailLast
		}
		if err := q.EndAddress(ctx, EndAddressParams{ID: row.ID, UserID: me.ID, Now: tx.Now}); err != nil {
			return err
		}
		if err := record(ctx, tx, me.ID, "user.email_address.deleted", addressData(row.ID, user.Email(row.Email))); err != nil {
			return err
		}
		if row.VerifiedAt == 0 {
			return nil
		}
		return s.announce(ctx, tx, d, me.ID, before, "An address was removed", "The address "+row.Email+" was removed from your account.")
	})
	if err != nil {
		return Message{}, err
	}
	return done("The address is deleted."), nil
}
