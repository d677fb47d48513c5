// Package secret keeps secrets out of logs and answers, and makes, hashes,
// derives and seals them. Its keys all come from one server key.
package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"log/slog"
)

// String is a secret text. Printed, logged or marshalled it is "***"; Reveal
// gives the text.
type String struct{ text string }

// New marks a text as secret.
func New(text string) String { return String{text} }

// Reveal is the secret itself.
func (s String) Reveal() string { return s.text }

// Empty reports whether there is no secret.
func (s String) Empty() bool { return s.text == "" }

func (String) String() string               { return "***" }
func (String) GoString() string             { return "***" }
func (String) LogValue() slog.Value         { return slog.StringValue("***") }
func (String) MarshalText() ([]byte, error) { return []byte("***"), nil }

// Token is a new secret of 256 random bits, base64url without padding.
func Token() String {
	var b [32]byte
	rand.Read(b[:])
	return String{base64.RawURLEncoding.EncodeToString(b[:])}
}

// Hash is the SHA-256 of a secret of high entropy, the form that is stored.
func Hash(s String) []byte {
	h := sha256.Sum256([]byte(s.text))
	return h[:]
}

// Key is a key of one purpose. Make one with Key.For, the root with NewKey.
type Key struct{ bytes [32]byte }

// KeySize is the number of bytes of a server key.
const KeySize = 32

// NewKey takes the server key of KeySize random bytes.
func NewKey(b []byte) (Key, error) {
	var k Key
	if len(b) != KeySize {
		return k, fmt.Errorf("a server key has %d bytes, this has %d", KeySize, len(b))
	}
	copy(k.bytes[:], b)
	return k, nil
}

// For derives the key of a purpose (HKDF, RFC 5869). Different purposes give
// unrelated keys.
func (k Key) For(purpose string) Key {
	var sub Key
	b, err := hkdf.Key(sha256.New, k.bytes[:], nil, "guildhall "+purpose, len(sub.bytes))
	if err != nil {
		panic(err) // only for lengths beyond RFC 5869, section 2.3
	}
	copy(sub.bytes[:], b)
	return sub
}

func (Key) String() string       { return "***" }
func (Key) GoString() string     { return "***" }
func (Key) LogValue() slog.Value { return slog.StringValue("***") }

// Sign is the HMAC-SHA-256 of a message (RFC 2104), 32 bytes.
func (k Key) Sign(message []byte) []byte {
	m := hmac.New(sha256.New, k.bytes[:])
	m.Write(message)
	return m.Sum(nil)
}

// Signer signs many messages with one key, in half the time of Sign. It is not
// for concurrent use.
type Signer struct{ mac hash.Hash }

// Signer makes one.
func (k Key) Signer() Signer { return Signer{hmac.New(sha256.New, k.bytes[:])} }

// Append appends the signature that Sign makes of the message.
func (s Signer) Append(b, message []byte) []byte {
	s.mac.Reset()
	s.mac.Write(message)
	return s.mac.Sum(b)
}

// Verify compares in constant time.
func (k Key) Verify(message, signature []byte) bool {
	return hmac.Equal(k.Sign(message), signature)
}

var errSealed = errors.New("secret: the sealed value is damaged or was sealed with another key")

// Seal encrypts (AES-256-GCM, random nonce in front) and binds the value to
// its context, for example the row it belongs to.
func (k Key) Seal(plain, context []byte) []byte {
	return k.aead().Seal(nil, nil, plain, context)
}

// Open undoes Seal with the same key and context.
func (k Key) Open(sealed, context []byte) ([]byte, error) {
	plain, err := k.aead().Open(nil, nil, sealed, context)
	if err != nil {
		return nil, errSealed
	}
	return plain, nil
}

func (k Key) aead() cipher.AEAD {
	block, err := aes.NewCipher(k.bytes[:])
	if err != nil {
		panic(err) // the key has the right size by its type
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	return aead
}
