// Package id gives every noun an id type of its own. An id is a positive
// 63-bit number, a decimal string on the wire, BIGINT in the database; zero
// means none.
package id

import (
	"database/sql/driver"
	"fmt"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/guildhall-id/guildhall/internal/platform/fault"
)

// The nouns. Their ids cannot be mixed up: the compiler refuses.
type (
	Deployment             = Of[struct{ deployment noun }]
	User                   = Of[struct{ user noun }]
	EmailAddress           = Of[struct{ emailAddress noun }]
	PhoneNumber            = Of[struct{ phoneNumber noun }]
	Session                = Of[struct{ session noun }]
	SignIn                 = Of[struct{ signIn noun }]
	SignInAttempt          = Of[struct{ signInAttempt noun }]
	SignUpAttempt          = Of[struct{ signUpAttempt noun }]
	PasswordReset          = Of[struct{ passwordReset noun }]
	Authenticator          = Of[struct{ authenticator noun }]
	Organization           = Of[struct{ organization noun }]
	OrganizationMembership = Of[struct{ organizationMembership noun }]
	OrganizationRole       = Of[struct{ organizationRole noun }]
	Workspace              = Of[struct{ workspace noun }]
	WorkspaceMembership    = Of[struct{ workspaceMembership noun }]
	WorkspaceRole          = Of[struct{ workspaceRole noun }]
	Invitation             = Of[struct{ invitation noun }]
	WaitlistEntry          = Of[struct{ waitlistEntry noun }]
	Event                  = Of[struct{ event noun }]
	Mail                   = Of[struct{ mail noun }]
	Picture                = Of[struct{ picture noun }]
	SigningKey             = Of[struct{ signingKey noun }]

	// Subject is what an event, a mail or a code is about: an id of any noun.
	Subject = Of[struct{ subject noun }]
)

type noun struct{}

// Of is the id of a noun N. Its text form is decimal without sign or leading
// zeros; zero is "0" on the wire and NULL in the database.
type Of[N any] int64

// ErrInvalid refuses text that is not an id.
var ErrInvalid = fault.New(fault.Invalid, "INVALID_ID", "This is not a valid id: send the decimal number the server gave you.")

// Parse accepts ^[1-9][0-9]*$ below 2^63, or "0" for none, and returns
// ErrInvalid for anything else.
func Parse[T ~int64](s string) (T, error) {
	if s == "0" {
		return 0, nil
	}
	if s == "" || s[0] < '1' || s[0] > '9' {
		return 0, ErrInvalid
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0, ErrInvalid
	}
	if n >= 1<<63 {
		// Well formed and unsigned 64-bit, so not malformed: no row has it.
		return T(1<<63 - 1), nil
	}
	return T(n), nil
}

// Optional is nil for no id, for members that are null when there is none.
func Optional[N any](i Of[N]) *Of[N] {
	if i == 0 {
		return nil
	}
	return &i
}

func (i Of[N]) String() string { return strconv.FormatInt(int64(i), 10) }

// AppendText appends the decimal form.
func (i Of[N]) AppendText(b []byte) ([]byte, error) { return strconv.AppendInt(b, int64(i), 10), nil }

// MarshalText is the decimal form, so that JSON carries a string.
func (i Of[N]) MarshalText() ([]byte, error) { return i.AppendText(nil) }

// UnmarshalText parses as Parse does.
func (i *Of[N]) UnmarshalText(b []byte) (err error) {
	*i, err = Parse[Of[N]](string(b))
	return err
}

// Schema describes an id in the OpenAPI document.
func (Of[N]) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Format: "uint64", Pattern: "^[0-9]+$", Description: "A decimal number."}
}

// Value and Scan are for SQLite, Int64Value and ScanInt64 for PostgreSQL.

// Value is NULL for no id.
func (i Of[N]) Value() (driver.Value, error) {
	if i == 0 {
		return nil, nil
	}
	return int64(i), nil
}

// Scan reads NULL as no id.
func (i *Of[N]) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*i = 0
	case int64:
		*i = Of[N](v)
	default:
		return fmt.Errorf("id: cannot read a %T", src)
	}
	return nil
}

// Int64Value is NULL for no id.
func (i Of[N]) Int64Value() (pgtype.Int8, error) {
	return pgtype.Int8{Int64: int64(i), Valid: i != 0}, nil
}

// ScanInt64 reads NULL as no id.
func (i *Of[N]) ScanInt64(v pgtype.Int8) error {
	*i = Of[N](v.Int64)
	return nil
}
