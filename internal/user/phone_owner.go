package user

import (
	"context"
	"errors"
	"strings"

	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/clock"
	"github.com/guildhall-id/guildhall/internal/platform/database"
)

// PhoneClaim is a number that a person says is theirs.
type PhoneClaim struct {
	Deployment id.Deployment
	User       id.User
	ID         id.PhoneNumber
	Phone      Phone
}

// ClaimPhone notes that a person says a number is theirs. The claim gives no
// right and blocks nobody. It returns ErrPhoneExists when somebody has proven
// the number, or the person has claimed it already.
func ClaimPhone(ctx context.Context, tx *database.Tx, d id.Deployment, person id.User, p Phone) (id.PhoneNumber, error) {
	switch _, err := FindByVerifiedPhone(ctx, tx, d, p); {
	case err == nil:
		return 0, ErrPhoneExists.With("This number belongs to an account already.")
	case !errors.Is(err, ErrNotFound):
		return 0, err
	}
	return addPhone(ctx, tx, d, person, p, 0)
}

// addPhone stores a number, verified since a time, or claimed.
func addPhone(ctx context.Context, tx *database.Tx, d id.Deployment, person id.User, p Phone, verified clock.Time) (id.PhoneNumber, error) {
	number := database.NewID[id.PhoneNumber](tx)
	country, national := p.parts()
	err := New(tx).InsertPhone(ctx, InsertPhoneParams{
		ID: number, DeploymentID: d, UserID: person, PhoneNumber: string(p),
		CountryCode: country, NationalNumber: national, VerifiedAt: verified, Now: tx.Now,
	})
	switch {
	case database.IsUnique(err, "user_phone_numbers_verified"):
		return 0, ErrPhoneExists
	case database.IsUnique(err, "user_phone_numbers_claimed"):
		return 0, ErrPhoneExists.With("You have added this number already.")
	}
	return number, err
}

// ProvePhone verifies a claimed number and takes it from everybody else who
// only claimed it. It returns ErrPhoneExists when somebody has proven it
// already, ErrNotFound when the claim is gone. After an error the transaction
// must be rolled back.
func ProvePhone(ctx context.Context, tx *database.Tx, c PhoneClaim) error {
	q := New(tx)
	if err := q.LockPhoneClaims(ctx, LockPhoneClaimsParams{DeploymentID: c.Deployment, PhoneNumber: string(c.Phone)}); err != nil {
		return err
	}
	row, err := q.VerifyPhone(ctx, VerifyPhoneParams{ID: c.ID, UserID: c.User, Now: tx.Now})
	if database.IsUnique(err, "user_phone_numbers_verified") {
		return ErrPhoneExists
	}
	if _, err = database.OrNotFound(row, err, ErrNotFound); err != nil {
		return err
	}
	return q.DropPhoneClaims(ctx, DropPhoneClaimsParams{DeploymentID: c.Deployment, PhoneNumber: string(c.Phone), Now: tx.Now})
}

// VerifiedPhones are the proven numbers of a person, the primary one first.
func VerifiedPhones(ctx context.Context, db database.DBTX, person id.User) ([]Phone, error) {
	rows, err := New(db).VerifiedPhones(ctx, person)
	list := make([]Phone, len(rows))
	for i, row := range rows {
		list[i] = Phone(row)
	}
	return list, err
}

// FindOwnerOfPhone is the person who has proven the number, or ErrNotFound.
func FindOwnerOfPhone(ctx context.Context, db database.DBTX, deployment id.Deployment, p Phone) (Owner, error) {
	row, err := New(db).OwnerOfVerifiedPhone(ctx, OwnerOfVerifiedPhoneParams{DeploymentID: deployment, PhoneNumber: string(p)})
	row, err = database.OrNotFound(row, err, ErrNotFound)
	return Owner(row), err
}

// FindByVerifiedPhone is the id of FindOwnerOfPhone.
func FindByVerifiedPhone(ctx context.Context, db database.DBTX, deployment id.Deployment, p Phone) (id.User, error) {
	owner, err := FindOwnerOfPhone(ctx, db, deployment, p)
	return owner.ID, err
}

// FindByPhoneDigits is the proven number, and its owner, that typed digits
// mean: all of them after a "+", or only the national number, as a form sends
// it that drops the country (contract section 8). It returns ErrNotFound when
// nobody has such a number, and when there are several.
func FindByPhoneDigits(ctx context.Context, db database.DBTX, d id.Deployment, digits string) (Phone, id.User, error) {
	if isInternational(strings.TrimSpace(digits)) {
		p, err := ParsePhone(digits, "")
		if err != nil {
			return "", 0, ErrNotFound
		}
		person, err := FindByVerifiedPhone(ctx, db, d, p)
		if err != nil {
			return "", 0, err
		}
		return p, person, nil
	}
	typed, national := digitForms(digits)
	rows, err := New(db).OwnersOfDigits(ctx, OwnersOfDigitsParams{DeploymentID: d, National: national, PhoneNumber: "+" + typed})
	if err != nil {
		return "", 0, err
	}
	if len(rows) != 1 {
		return "", 0, ErrNotFound
	}
	return Phone(rows[0].PhoneNumber), rows[0].UserID, nil
}
