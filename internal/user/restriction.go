package user

import (
	"slices"
	"strings"

	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
)

// The refusals of addresses and names that the operator does not want.
var (
	ErrEmailNotAllowed = fault.New(fault.Forbidden, "EMAIL_NOT_ALLOWED", "This e-mail address is not on the list of those that may sign up here.")
	ErrEmailBlocked    = fault.New(fault.Forbidden, "EMAIL_BLOCKED", "This e-mail address cannot be used here. Use another one.")
	ErrEmailDisposable = fault.New(fault.Forbidden, "DISPOSABLE_EMAIL_BLOCKED", "Throw-away addresses cannot be used here. Use a lasting one.")
	ErrBannedKeyword   = fault.New(fault.Forbidden, "BANNED_KEYWORD", "This name or address has a word that cannot be used here.")
)

// CheckEmail is nil when the restrictions let people use an address, else
// ErrEmailBlocked, ErrEmailDisposable, ErrBannedKeyword or ErrEmailNotAllowed.
// The block list outranks the allow list.
func CheckEmail(r deployment.RestrictionsSettings, email Email) error {
	local, domain, _ := strings.Cut(string(email), "@")
	switch {
	case r.BlocklistEnabled && slices.ContainsFunc(r.BlocklistedResources, email.within):
		return ErrEmailBlocked
	case r.BlockSubaddresses && strings.Contains(local, "+"):
		return ErrEmailBlocked.With("Addresses with a “+” cannot be used here. Leave it and what follows it out.")
	case r.BlockDisposableEmails && isDisposable(domain):
		return ErrEmailDisposable
	case r.AllowlistEnabled && !slices.ContainsFunc(r.AllowlistedResources, email.within):
		return ErrEmailNotAllowed
	}
	return CheckWords(r, local)
}

// CheckWords is ErrBannedKeyword when a text that a person chose contains one
// of the banned words, in whatever case.
func CheckWords(r deployment.RestrictionsSettings, texts ...string) error {
	for _, banned := range r.BannedKeywords {
		word := Fold(banned)
		if word != "" && slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(Fold(text), word) }) {
			return ErrBannedKeyword
		}
	}
	return nil
}

// within reports whether an address is meant by an entry of a list: an address,
// a domain (example.com or @example.com), or all below a domain (*.example.com).
func (e Email) within(entry string) bool {
	entry = strings.TrimSpace(entry)
	if below, ok := strings.CutPrefix(entry, "*."); ok {
		below, err := domainProfile.ToASCII(below)
		return err == nil && below != "" && strings.HasSuffix(e.Domain(), "."+below)
	}
	if local, domain, ok := strings.Cut(entry, "@"); !ok || local == "" {
		if ok {
			entry = domain
		}
		domain, err := domainProfile.ToASCII(entry)
		return err == nil && domain == e.Domain()
	}
	address, err := ParseEmail(entry)
	return err == nil && address == e
}
