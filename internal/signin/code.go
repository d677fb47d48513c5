package signin

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
	"github.com/guildhall-id/guildhall/internal/user"
)

// The refusals of codes.
var (
	ErrCodeMissing = fault.New(fault.Invalid, "missing_verification_code", "Enter the code from the mail we sent you.")
	ErrCodeInvalid = fault.New(fault.Invalid, "INVALID_CODE", "This code is not right. Check the newest mail, or ask for a new code.")
	ErrCodeExpired = fault.New(fault.Invalid, "verification_code_expired", "This code has expired. Ask for a new one.")
)

// A code is six digits, lives ten minutes and may be tried five times.
const (
	codeLife  = 10 * time.Minute
	codeTries = 5
)

// purpose is what a code proves; a code of one purpose is worth nothing for
// another.
type purpose string

const (
	forSignUp purpose = "signup"
	forSignIn purpose = "signin"
)

// codes makes and checks one-time codes. They are stored as HMAC with a key
// that is not in the database.
type codes struct{ key secret.Key }

// put makes a new code for a subject, in place of an older one.
func (c codes) put(ctx context.Context, tx *database.Tx, d id.Deployment, p purpose, subject id.Subject, address user.Email) (string, error) {
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		return "", err
	}
	code := fmt.Sprintf("%06d", n)
	return code, New(tx).PutCode(ctx, PutCodeParams{
		Purpose: string(p), SubjectID: subject, DeploymentID: d, Address: string(address),
		CodeHash: c.hash(p, subject, code), Now: tx.Now, ExpiresAt: tx.Now.Add(codeLife),
	})
}

// check counts a try and reports as wrong what the code says; err is a failure
// of the check itself. The transaction has to commit either way, so that the
// try counts. A right code is used up.
func (c codes) check(ctx context.Context, tx *database.Tx, p purpose, subject id.Subject, code string) (wrong *fault.Error, err error) {
	q := New(tx)
	row, err := q.TryCode(ctx, TryCodeParams{Purpose: string(p), SubjectID: subject, Most: codeTries})
	switch {
	case database.IsNoRows(err):
		return ErrCodeInvalid, nil
	case err != nil:
		return nil, err
	case row.ExpiresAt <= tx.Now:
		return ErrCodeExpired, nil
	case subtle.ConstantTimeCompare(row.CodeHash, c.hash(p, subject, code)) != 1:
		return ErrCodeInvalid, nil
	}
	_, err = q.UseCode(ctx, UseCodeParams{Purpose: string(p), SubjectID: subject, Now: tx.Now})
	if database.IsNoRows(err) {
		return ErrCodeInvalid, nil
	}
	return nil, err
}

func (c codes) hash(p purpose, subject id.Subject, code string) []byte {
	return c.key.Sign([]byte(string(p) + " " + subject.String() + " " + code))
}
