package factor

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"math/bits"
	"strings"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
)

const (
	codes    = 10 // in a set
	half     = 5  // letters before and after the dash: 50 random bits in all
	hashSize = 32 // bytes
	everyBit = 1<<codes - 1
)

// createBackupCodes makes the first codes of a person. Those who have codes
// are told, so that a repeated call does not silently make the written ones
// worthless.
func (s *Service) createBackupCodes(ctx context.Context, _ struct{}) ([]string, error) {
	return s.makeBackupCodes(ctx, false)
}

// replaceBackupCodes makes new codes. The old ones are worthless then.
func (s *Service) replaceBackupCodes(ctx context.Context, _ struct{}) ([]string, error) {
	return s.makeBackupCodes(ctx, true)
}

func (s *Service) makeBackupCodes(ctx context.Context, replace bool) (made []string, err error) {
	if err := s.allow(access.CallerOf(ctx).User, "new codes"); err != nil {
		return nil, err
	}
	err = s.change(ctx, func(tx *database.Tx, d *deployment.Deployment, me LockPersonRow) error {
		if !d.Settings.Auth.FactorsEnabled.BackupCode {
			return deployment.ErrFeatureDisabled
		}
		has, err := Has(ctx, tx, d, me.ID)
		switch {
		case err != nil:
			return err
		case !has:
			return ErrNoFactor
		case me.HasBackupCodes && !replace:
			return ErrCodesExist
		}
		var hashes []byte
		made, hashes = s.newBackupCodes(me.ID)
		q := New(tx)
		if err := q.PutBackupCodes(ctx, PutBackupCodesParams{UserID: me.ID, DeploymentID: d.ID, Hashes: hashes, Now: tx.Now}); err != nil {
			return err
		}
		if err := q.ShowBackupCodes(ctx, ShowBackupCodesParams{ID: me.ID, HasBackupCodes: true, Now: tx.Now}); err != nil {
			return err
		}
		if err := emit(ctx, tx, me.ID, "user.backup_codes.created", map[string]any{"codes": codes, "replaced": me.HasBackupCodes}); err != nil {
			return err
		}
		return s.announce(ctx, tx, d, me.ID, "Backup codes were made", "New backup codes were made for your account. Earlier ones do not work any more.")
	})
	return made, err
}

// newBackupCodes are codes as people write them down, "abcde-fghij", and their
// hashes, one after the other.
func (s *Service) newBackupCodes(person id.User) (made []string, hashes []byte) {
	for range codes {
		code := strings.ToLower(rand.Text()[:2*half])
		made = append(made, code[:half]+"-"+code[half:])
		hashes = append(hashes, s.hash(person, code)...)
	}
	return made, hashes
}

func (s *Service) hash(person id.User, code string) []byte {
	return s.hashing.Sign([]byte(person.String() + " " + code))
}

// useBackupCode reports whether a code is right, and uses it up.
func (s *Service) useBackupCode(ctx context.Context, tx *database.Tx, person id.User, typed string) (bool, error) {
	code := strings.ToLower(strings.NewReplacer(" ", "", "-", "").Replace(typed))
	if len(code) != 2*half {
		return false, nil
	}
	q := New(tx)
	hashes, err := q.BackupCodes(ctx, person)
	if database.IsNoRows(err) {
		return false, nil // removed meanwhile
	}
	if err != nil {
		return false, err
	}
	bit := bitOf(hashes, s.hash(person, code))
	if bit == 0 {
		return false, nil
	}
	used, err := q.UseBackupCode(ctx, UseBackupCodeParams{UserID: person, Hashes: hashes, Bit: bit})
	if database.IsNoRows(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, emit(ctx, tx, person, "user.backup_codes.used", map[string]any{"left": codes - bits.OnesCount64(uint64(used))})
}

// bitOf is the bit of the code with a hash, zero for none. All are compared,
// whichever is right.
func bitOf(hashes, hash []byte) (bit int64) {
	for i := 0; len(hashes) >= hashSize; i++ {
		if hmac.Equal(hashes[:hashSize], hash) {
			bit = 1 << i
		}
		hashes = hashes[hashSize:]
	}
	return bit
}
