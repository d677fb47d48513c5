// Package user is the people of a deployment: their names, addresses and
// passwords. An address gives rights only once it is verified, and a verified
// address belongs to exactly one person.
package user

import (
	"context"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/event"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/clock"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
)

// The refusals of accounts.
var (
	ErrNotFound       = fault.New(fault.NotFound, "USER_NOT_FOUND", "There is no such person.")
	ErrEmailExists    = fault.New(fault.Invalid, "EMAIL_EXISTS", "An account with this e-mail address exists already. Sign in instead.")
	ErrUsernameExists = fault.New(fault.Invalid, "USERNAME_EXISTS", "This username is taken. Choose another one.")
)

// NewUser is a person with what they have proven to be theirs. Whoever signs up
// by phone or username need not have an e-mail address.
type NewUser struct {
	Deployment    id.Deployment
	FirstName     string
	LastName      string
	Username      string
	UsernameKey   string // the form that is compared, empty without username
	PasswordHash  string
	Email         Email // verified, or empty
	TypedEmail    string
	Strategy      string // how the address was verified
	Phone         Phone  // or empty
	PhoneVerified bool   // else it is only claimed
}

// Create adds a person with a verified address and a number, and takes what is
// verified from people who only claimed it. It returns ErrEmailExists when the
// address is proven by somebody already, ErrPhoneExists and ErrUsernameExists
// likewise.
func Create(ctx context.Context, tx *database.Tx, n NewUser) (id.User, error) {
	person := database.NewID[id.User](tx)
	var address id.EmailAddress
	if n.Email != "" {
		address = database.NewID[id.EmailAddress](tx)
	}
	var key *string
	if n.UsernameKey != "" {
		key = &n.UsernameKey
	}
	err := New(tx).InsertUser(ctx, InsertUserParams{
		ID: person, DeploymentID: n.Deployment, FirstName: n.FirstName, LastName: n.LastName,
		Username: n.Username, UsernameKey: key, Search: SearchText(n.FirstName, n.LastName, n.Username, n.Email),
		PasswordHash: n.PasswordHash, PrimaryEmailAddressID: address, Now: tx.Now,
	})
	if database.IsUnique(err, "users_username") {
		return 0, ErrUsernameExists
	}
	if err != nil {
		return 0, err
	}
	if err := n.storeEmail(ctx, tx, person, address); err != nil {
		return 0, err
	}
	if err := n.storePhone(ctx, tx, person); err != nil {
		return 0, err
	}
	data := map[string]any{"email": n.Email, "verified_by": n.Strategy}
	if n.Phone != "" {
		data["phone_number"], data["phone_number_verified"] = n.Phone, n.PhoneVerified
	}
	return person, event.Emit(access.As(ctx, person), tx, event.Event{Name: "user.created", Subject: int64(person), Data: data})
}

func (n NewUser) storeEmail(ctx context.Context, tx *database.Tx, person id.User, address id.EmailAddress) error {
	if address == 0 {
		return nil
	}
	q := New(tx)
	if err := q.DropClaims(ctx, DropClaimsParams{DeploymentID: n.Deployment, Email: string(n.Email), Now: tx.Now}); err != nil {
		return err
	}
	err := q.InsertVerifiedEmail(ctx, InsertVerifiedEmailParams{
		ID: address, DeploymentID: n.Deployment, UserID: person,
		Email: string(n.Email), Typed: n.TypedEmail, Strategy: n.Strategy, Now: tx.Now,
	})
	if database.IsUnique(err, "user_email_addresses_verified") {
		return ErrEmailExists
	}
	return err
}

// storePhone makes a verified number the primary one.
func (n NewUser) storePhone(ctx context.Context, tx *database.Tx, person id.User) error {
	if n.Phone == "" {
		return nil
	}
	if !n.PhoneVerified {
		_, err := addPhone(ctx, tx, n.Deployment, person, n.Phone, 0)
		return err
	}
	q := New(tx)
	if err := q.DropPhoneClaims(ctx, DropPhoneClaimsParams{DeploymentID: n.Deployment, PhoneNumber: string(n.Phone), Now: tx.Now}); err != nil {
		return err
	}
	number, err := addPhone(ctx, tx, n.Deployment, person, n.Phone, tx.Now)
	if err != nil {
		return err
	}
	return q.SetPrimaryPhone(ctx, SetPrimaryPhoneParams{ID: person, PrimaryPhoneNumberID: number})
}

// VerifiedEmails are the proven addresses of a person.
func VerifiedEmails(ctx context.Context, db database.DBTX, person id.User) ([]Email, error) {
	rows, err := New(db).VerifiedEmails(ctx, person)
	list := make([]Email, len(rows))
	for i, row := range rows {
		list[i] = Email(row)
	}
	return list, err
}

// Owner is who has proven an address, as sign-in needs to know them.
type Owner struct {
	ID           id.User
	PasswordHash string
	DisabledAt   clock.Time // zero for everybody who may act
}

// FindOwner is the person who has proven the address, or ErrNotFound.
func FindOwner(ctx context.Context, db database.DBTX, deployment id.Deployment, email Email) (Owner, error) {
	row, err := New(db).OwnerOfVerifiedEmail(ctx, OwnerOfVerifiedEmailParams{DeploymentID: deployment, Email: string(email)})
	row, err = database.OrNotFound(row, err, ErrNotFound)
	return Owner(row), err
}

// FindByVerifiedEmail is the id of FindOwner.
func FindByVerifiedEmail(ctx context.Context, db database.DBTX, deployment id.Deployment, email Email) (id.User, error) {
	owner, err := FindOwner(ctx, db, deployment, email)
	return owner.ID, err
}

// EverVerifiedBy is everybody who has, or once had, proven the address, for
// questions about the past.
func EverVerifiedBy(ctx context.Context, db database.DBTX, deployment id.Deployment, email Email) ([]id.User, error) {
	return New(db).PeopleOfEmail(ctx, PeopleOfEmailParams{DeploymentID: deployment, Email: string(email)})
}
