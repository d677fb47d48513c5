// Package onetime is the one-time codes that people copy from a mail or a text
// message. A code works once, for ten minutes and five tries, for the subject
// and the purpose it was made for; a newer one replaces it.
package onetime

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"math/big"
	"time"

	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
	"github.com/guildhall-id/guildhall/internal/platform/secret"
)

// The refusals of codes.
var (
	ErrMissing = fault.New(fault.Invalid, "missing_verification_code", "Enter the code we sent you.")
	ErrInvalid = fault.New(fault.Invalid, "INVALID_CODE", "This code is not right. Check the newest message, or ask for a new code.")
	ErrExpired = fault.New(fault.Invalid, "verification_code_expired", "This code has expired. Ask for a new one.")
)

// A code is six digits, lives for Life and may be tried Tries times.
const (
	Life  = 10 * time.Minute
	Tries = 5
)

// Purpose is what a code proves; a code of one purpose is worth nothing for
// another. Each use declares its own.
type Purpose string

// Codes makes and checks one-time codes. They are stored as HMAC with a key
// that is not in the database.
type Codes struct{ key secret.Key }

// NewCodes derives the key of the codes from the server's.
func NewCodes(key secret.Key) Codes { return Codes{key.For("one-time codes")} }

// NewCode is six random digits.
func NewCode() (string, error) {
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	return fmt.Sprintf("%06d", n), err
}

// Put keeps the code that was sent to an address for a subject, in place of an
// older one.
func (c Codes) Put(ctx context.Context, tx *database.Tx, d id.Deployment, p Purpose, subject id.Subject, address, code string) error {
	return New(tx).PutCode(ctx, PutCodeParams{
		Purpose: string(p), SubjectID: subject, DeploymentID: d, Address: address,
		CodeHash: c.hash(p, subject, code), Now: tx.Now, ExpiresAt: tx.Now.Add(Life),
	})
}

// Check counts a try and reports as wrong what the code says; err is a failure
// of the check itself. The transaction has to commit either way, so that the
// try counts. A right code is used up.
func (c Codes) Check(ctx context.Context, tx *database.Tx, p Purpose, subject id.Subject, code string) (wrong *fault.Error, err error) {
	q := New(tx)
	row, err := q.TryCode(ctx, TryCodeParams{Purpose: string(p), SubjectID: subject, Most: Tries})
	switch {
	case database.IsNoRows(err):
		return ErrInvalid, nil
	case err != nil:
		return nil, err
	case row.ExpiresAt <= tx.Now:
		return ErrExpired, nil
	case subtle.ConstantTimeCompare(row.CodeHash, c.hash(p, subject, code)) != 1:
		return ErrInvalid, nil
	}
	_, err = q.UseCode(ctx, UseCodeParams{Purpose: string(p), SubjectID: subject, Now: tx.Now})
	if database.IsNoRows(err) {
		return ErrInvalid, nil
	}
	return nil, err
}

// Sweep deletes codes that expired more than a day ago.
func Sweep(ctx context.Context, db *database.DB) error {
	return db.InTx(ctx, func(tx *database.Tx) error {
		return New(tx).DeleteExpiredCodes(ctx, tx.Now.Add(-24*time.Hour))
	})
}

func (c Codes) hash(p Purpose, subject id.Subject, code string) []byte {
	return c.key.Sign([]byte(string(p) + " " + subject.String() + " " + code))
}
