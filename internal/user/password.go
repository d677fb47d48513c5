package user

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-crypt/crypt"
	"github.com/go-crypt/crypt/algorithm/argon2"
	"golang.org/x/sync/semaphore"

	"github.com/guildhall-id/guildhall/internal/breach"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
)

// The refusals of passwords.
var (
	ErrPasswordPolicy = fault.New(fault.Invalid, "BAD_REQUEST_BODY", "Choose a longer password.")
	ErrPasswordsBusy  = fault.New(fault.TooMany, "RATE_LIMITED", "Many people are signing in right now. Try again in a few seconds.").After(2 * time.Second)
)

// Passwords hashes and checks passwords with argon2id (RFC 9106, section 4:
// second recommended option, with a third of its memory and the time to match,
// as the OWASP password storage guide lists it): at most one computation per
// core, and a bounded queue, so that sign-ins cannot exhaust memory.
type Passwords struct {
	cores   *semaphore.Weighted
	waiting atomic.Int64
	hasher  *argon2.Hasher
	decoder *crypt.Decoder
	dummy   string

	breached *breach.List // nil: none besides the most common ones
}

// The cost of a hash, and how many may wait for a core.
const (
	hashMemoryKiB = 19 * 1024
	hashPasses    = 2
	hashQueue     = 64
)

// NewPasswords makes up the digest that unknown accounts are checked against.
func NewPasswords() (*Passwords, error) {
	hasher, err := argon2.New(
		argon2.WithVariantID(), argon2.WithM(hashMemoryKiB), argon2.WithT(hashPasses), argon2.WithP(1),
	)
	if err != nil {
		return nil, fmt.Errorf("password hash: %w", err)
	}
	decoder, err := crypt.NewDefaultDecoder()
	if err != nil {
		return nil, fmt.Errorf("password decoder: %w", err)
	}
	return &Passwords{
		cores: semaphore.NewWeighted(int64(min(runtime.GOMAXPROCS(0), runtime.NumCPU()))), hasher: hasher, decoder: decoder, dummy: dummyDigest(),
	}, nil
}

// WithBreached has Check refuse what list has, where the policy asks for it.
// Call it before the first use.
func (p *Passwords) WithBreached(list *breach.List) *Passwords {
	p.breached = list
	return p
}

// dummyDigest is a digest as Hash makes them, of no password: where the result
// would be is random too.
func dummyDigest() string {
	var salt [16]byte
	var key [32]byte
	rand.Read(salt[:])
	rand.Read(key[:])
	encode := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=1$%s$%s", hashMemoryKiB, hashPasses, encode(salt[:]), encode(key[:]))
}

// Hash is the encoded argon2id digest of a password, or ErrPasswordsBusy.
func (p *Passwords) Hash(ctx context.Context, password string) (encoded string, err error) {
	err = p.onCore(ctx, func() error {
		digest, err := p.hasher.Hash(password)
		if err == nil {
			encoded = digest.Encode()
		}
		return err
	})
	return encoded, err
}

// Matches reports whether the password has this digest. With an empty digest
// it does the same work and reports false, so that accounts without a password
// and unknown ones take as long as any other.
func (p *Passwords) Matches(ctx context.Context, encoded, password string) (ok bool, err error) {
	known := encoded != ""
	if !known {
		encoded = p.dummy
	}
	err = p.onCore(ctx, func() error {
		digest, err := p.decoder.Decode(encoded)
		if err == nil {
			ok, err = digest.MatchAdvanced(password)
		}
		return err
	})
	return ok && known, err
}

// onCore runs f when a core is free, or refuses when too many wait.
func (p *Passwords) onCore(ctx context.Context, f func() error) error {
	if p.waiting.Add(1) > hashQueue {
		p.waiting.Add(-1)
		return ErrPasswordsBusy
	}
	err := p.cores.Acquire(ctx, 1)
	p.waiting.Add(-1)
	if err != nil {
		return err
	}
	defer p.cores.Release(1)
	return f()
}

// Check returns ErrPasswordPolicy, with a sentence that says what is missing,
// for a new password that the policy refuses, and for one of the most common
// ones. Any Unicode is allowed, nothing is cut; at most 128 characters.
func (p *Passwords) Check(policy deployment.PasswordPolicy, password string) error {
	if err := checkPassword(policy, password); err != nil {
		return err
	}
	if policy.Enabled && policy.RefuseBreached && p.breached != nil && p.breached.Has(password) {
		return ErrPasswordPolicy.With("This password was stolen elsewhere and is known to attackers. Choose another one.")
	}
	return nil
}

// checkPassword is Check without the list of breached passwords.
func checkPassword(policy deployment.PasswordPolicy, password string) error {
	if !utf8.ValidString(password) || strings.ContainsRune(password, 0) {
		return ErrPasswordPolicy.With("The password contains characters that cannot be used.")
	}
	minimum := 8
	if policy.Enabled {
		minimum = max(minimum, policy.MinLength)
	}
	switch length := utf8.RuneCountInString(password); {
	case length < minimum:
		return ErrPasswordPolicy.With(fmt.Sprintf("The password needs at least %d characters.", minimum))
	case length > 128:
		return ErrPasswordPolicy.With("The password may have at most 128 characters.")
	case isCommonPassword(password):
		return ErrPasswordPolicy.With("Many people have this password, so it is guessed first. Choose another one.")
	case !policy.Enabled:
		return nil
	}
	for _, need := range []struct {
		required bool
		has      func(rune) bool
		what     string
	}{
		{policy.RequireLowercase, unicode.IsLower, "a lower-case letter"},
		{policy.RequireUppercase, unicode.IsUpper, "an upper-case letter"},
		{policy.RequireNumber, unicode.IsDigit, "a digit"},
		{policy.RequireSpecial, isSpecial, "a special character"},
	} {
		if need.required && strings.IndexFunc(password, need.has) < 0 {
			return ErrPasswordPolicy.With("The password needs " + need.what + ".")
		}
	}
	return nil
}

func isSpecial(r rune) bool {
	return unicode.IsPrint(r) && !unicode.IsLetter(r) && !unicode.IsDigit(r)
}
