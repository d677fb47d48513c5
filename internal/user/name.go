package user

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/guildhall-id/guildhall/internal/platform/fault"
)

// The refusals of names.
var (
	ErrNameInvalid     = fault.New(fault.Invalid, "BAD_REQUEST_BODY", "A name has 1 to 100 letters, with spaces, hyphens, apostrophes and dots between them.")
	ErrUsernameInvalid = fault.New(fault.Invalid, "BAD_REQUEST_BODY", "A username starts with a letter and has letters, digits, dots and underscores only.")
)

// ParseName accepts a first or last name: at most 100 letters of any script,
// with marks, spaces, hyphens, apostrophes and dots. Empty is accepted as no
// name. It returns ErrNameInvalid for anything else.
func ParseName(typed string) (string, error) {
	name := strings.TrimSpace(typed)
	if utf8.RuneCountInString(name) > 100 {
		return "", ErrNameInvalid
	}
	for i, r := range name {
		if unicode.IsLetter(r) || unicode.IsMark(r) && i > 0 {
			continue
		}
		if i == 0 || !strings.ContainsRune(" -'’.·", r) {
			return "", ErrNameInvalid
		}
	}
	return name, nil
}

// ParseUsername accepts a letter followed by letters, digits, dots and
// underscores, all ASCII, of a length between minimum and maximum. The second
// result is the form that is compared.
func ParseUsername(typed string, minimum, maximum int) (name, key string, err error) {
	name = strings.TrimSpace(typed)
	if len(name) < minimum || len(name) > maximum {
		return "", "", ErrUsernameInvalid.With(fmt.Sprintf("A username has %d to %d characters.", minimum, maximum))
	}
	for i, r := range []byte(name) {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		if !letter && (i == 0 || !('0' <= r && r <= '9' || r == '.' || r == '_')) {
			return "", "", ErrUsernameInvalid
		}
	}
	return name, strings.ToLower(name), nil
}

// SearchText is what a search for people looks in: names, username and
// address, folded.
func SearchText(first, last, username string, email Email) string {
	return Fold(strings.Join([]string{first, last, username, string(email)}, " "))
}

// Fold is the form in which text is searched: one case, single spaces. By way of
// upper case, letters with two lower-case forms have one: σ and ς.
func Fold(s string) string {
	return strings.Join(strings.Fields(strings.ToLower(strings.ToUpper(s))), " ")
}
