package user

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"github.com/guildhall-id/guildhall/internal/platform/fault"
)

// Email is an address in the one form we compare, store and send to: ASCII,
// lower case, the domain as A-labels, without a display name. Make one with
// ParseEmail.
type Email string

// ErrEmailInvalid refuses what cannot be an address we send mail to.
var ErrEmailInvalid = fault.New(fault.Invalid, "BAD_REQUEST_BODY", "This is not a valid e-mail address. Write it like name@example.com.")

// ParseEmail accepts a dot-atom address (RFC 5321, section 4.1.2; RFC 5322,
// section 3.2.3) with an ASCII local part of at most 64 octets and a domain
// name of at least two labels (RFC 5890), at most 254 octets in all, and
// returns ErrEmailInvalid for anything else. Plus-tags are kept. Parsing an
// Email again gives the same Email.
func ParseEmail(typed string) (Email, error) {
	local, domain, ok := strings.Cut(strings.Trim(typed, " \t\r\n"), "@")
	if !ok || !isDotAtom(local) || len(local) > 64 || !utf8.ValidString(domain) {
		return "", ErrEmailInvalid
	}
	domain, err := domainProfile.ToASCII(domain)
	if err != nil || !isDomain(domain) {
		return "", ErrEmailInvalid
	}
	address := strings.ToLower(local) + "@" + domain
	if len(address) > 254 {
		return "", ErrEmailInvalid
	}
	return Email(address), nil
}

// domainProfile maps to lower case A-labels and verifies lengths and letters
// (RFC 5891, section 5; UTS 46).
var domainProfile = idna.New(
	idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(true),
	idna.VerifyDNSLength(true), idna.BidiRule(), idna.CheckHyphens(true),
)

// Domain is the part behind the "@".
func (e Email) Domain() string {
	_, domain, _ := strings.Cut(string(e), "@")
	return domain
}

// Masked shows enough of an address to recognize one's own.
func (e Email) Masked() string {
	local, domain, _ := strings.Cut(string(e), "@")
	if len(local) <= 2 {
		return local[:1] + "***@" + domain
	}
	return local[:1] + "***" + local[len(local)-1:] + "@" + domain
}

// isDotAtom reports whether s is atoms joined by single dots.
func isDotAtom(s string) bool {
	if s == "" || s[0] == '.' || s[len(s)-1] == '.' || strings.Contains(s, "..") {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case strings.IndexByte(".!#$%&'*+-/=?^_`{|}~", c) >= 0:
		default:
			return false
		}
	}
	return true
}

// isDomain reports whether s, already lower-case ASCII, is a name of two or
// more labels whose last is not a number.
func isDomain(s string) bool {
	labels := strings.Split(s, ".")
	if len(labels) < 2 {
		return false
	}
	for _, label := range labels {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			c := label[i]
			if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-') {
				return false
			}
		}
	}
	last := labels[len(labels)-1]
	return strings.Trim(last, "0123456789") != ""
}
