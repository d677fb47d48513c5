package user

import (
	"crypto/sha1"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/guildhall-id/guildhall/internal/breach"
	"github.com/guildhall-id/guildhall/internal/deployment"
)

func TestRestrictions(t *testing.T) {
	type restrictions = deployment.RestrictionsSettings
	allow := func(list ...string) restrictions {
		return restrictions{AllowlistEnabled: true, AllowlistedResources: list}
	}
	block := func(list ...string) restrictions {
		return restrictions{BlocklistEnabled: true, BlocklistedResources: list}
	}
	disposable := restrictions{BlockDisposableEmails: true}
	banned := restrictions{BannedKeywords: []string{"Admin", " "}}
	for name, c := range map[string]struct {
		r     restrictions
		email Email
		want  error
	}{
		"no restriction":                        {restrictions{}, "ana+x@mailinator.com", nil},
		"a list that is off":                    {restrictions{BlocklistedResources: []string{"example.com"}}, "ana@example.com", nil},
		"an allowed address":                    {allow(" Ana@Example.com "), "ana@example.com", nil},
		"an allowed domain":                     {allow("example.org", "@Example.com"), "ana@example.com", nil},
		"a domain is not those below it":        {allow("example.com"), "ana@mail.example.com", ErrEmailNotAllowed},
		"all below a domain":                    {allow("*.example.com"), "ana@mail.example.com", nil},
		"all below it is not the domain":        {allow("*.example.com"), "ana@example.com", ErrEmailNotAllowed},
		"a domain that ends alike":              {allow("*.example.com"), "ana@badexample.com", ErrEmailNotAllowed},
		"an empty allow list allows nobody":     {allow(), "ana@example.com", ErrEmailNotAllowed},
		"an empty entry means nothing":          {allow("", "@", "*."), "ana@example.com", ErrEmailNotAllowed},
		"a blocked address":                     {block("ana@example.com"), "ana@example.com", ErrEmailBlocked},
		"a neighbour of a blocked address":      {block("ana@example.com"), "bo@example.com", nil},
		"a blocked domain in other letters":     {block("BÜCHER.example"), "ana@xn--bcher-kva.example", ErrEmailBlocked},
		"the block list outranks the other":     {restrictions{AllowlistEnabled: true, AllowlistedResources: []string{"example.com"}, BlocklistEnabled: true, BlocklistedResources: []string{"ana@example.com"}}, "ana@example.com", ErrEmailBlocked},
		"a subaddress":                          {restrictions{BlockSubaddresses: true}, "ana+x@example.com", ErrEmailBlocked},
		"no subaddress":                         {restrictions{BlockSubaddresses: true}, "ana@example.com", nil},
		"a throw-away address":                  {disposable, "ana@mailinator.com", ErrEmailDisposable},
		"below a domain that is throw-away":     {disposable, "ana@x.33mail.com", ErrEmailDisposable},
		"a lasting address":                     {disposable, "ana@gmail.com", nil},
		"a banned word in the address":          {banned, "the.admin.of@example.com", ErrBannedKeyword},
		"a banned word in the domain is theirs": {banned, "ana@administration.example", nil},
	} {
		if err := CheckEmail(c.r, c.email); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if err := CheckWords(banned, "Ana", "sysADMINistrator"); !errors.Is(err, ErrBannedKeyword) {
		t.Errorf("a banned word in a name: %v", err)
	}
	if err := CheckWords(banned, "Ana", "Example", ""); err != nil {
		t.Errorf("other names: %v", err)
	}
}

// The bisection finds every line of a list and nothing else.
func TestLists(t *testing.T) {
	for name, list := range map[string]string{"passwords": commonPasswords, "disposable": disposableDomains} {
		lines := strings.Split(strings.TrimSuffix(list, "\n"), "\n")
		if !slices.IsSorted(lines) || len(lines) < 10_000 {
			t.Fatalf("%s: %d lines, which have to be sorted", name, len(lines))
		}
		for i, line := range lines {
			if i%101 != 0 && i != len(lines)-1 {
				continue
			}
			if !listed(list, line) || listed(list, line+"~") || listed(list, line[:len(line)-1]+"~") {
				t.Errorf("%s: %q", name, line)
			}
		}
		if listed(list, "") || listed(list, "~") {
			t.Errorf("%s: what is not in it", name)
		}
	}
}

// S17: breached passwords are refused where the policy asks for it; the most
// common ones always are.
func TestBreachedPasswords(t *testing.T) {
	const stolen, common = "correct horse battery", "password"
	path := filepath.Join(t.TempDir(), "list")
	if err := os.WriteFile(path, fmt.Appendf(nil, "%X:9\n", sha1.Sum([]byte(stolen))), 0o600); err != nil {
		t.Fatal(err)
	}
	list, err := breach.Open(path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer list.Close()
	without, err := NewPasswords()
	if err != nil {
		t.Fatal(err)
	}
	with, err := NewPasswords()
	if err != nil {
		t.Fatal(err)
	}
	with.WithBreached(list)
	on := deployment.PasswordPolicy{Enabled: true, RefuseBreached: true}
	for name, test := range map[string]struct {
		passwords *Passwords
		policy    deployment.PasswordPolicy
		password  string
		ok        bool
	}{
		"on, in the list":          {with, on, stolen, false},
		"on, not in it":            {with, on, stolen + "!", true},
		"off":                      {with, deployment.PasswordPolicy{Enabled: true}, stolen, true},
		"without policy":           {with, deployment.PasswordPolicy{RefuseBreached: true}, stolen, true},
		"on, without a list":       {without, on, stolen, true},
		"a common one, on":         {with, on, common, false},
		"a common one, off":        {with, deployment.PasswordPolicy{}, common, false},
		"a common one, no list":    {without, on, common, false},
		"too short, in either way": {with, on, "x", false},
	} {
		if err := test.passwords.Check(test.policy, test.password); (err == nil) != test.ok || err != nil && !errors.Is(err, ErrPasswordPolicy) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestCommonPasswords(t *testing.T) {
	for _, common := range []string{"password", "Password", "12345678", "iloveyou", "qwertyuiop"} {
		if err := checkPassword(deployment.PasswordPolicy{}, common); !errors.Is(err, ErrPasswordPolicy) {
			t.Errorf("%s: %v", common, err)
		}
	}
	if err := checkPassword(deployment.PasswordPolicy{}, "correct horse battery"); err != nil {
		t.Error(err)
	}
}
