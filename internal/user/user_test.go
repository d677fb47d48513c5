package user

import (
	"context"
	"encoding/base64"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode"

	xargon2 "golang.org/x/crypto/argon2"

	"github.com/guildhall-id/guildhall/internal/deployment"
)

// S10: one normal form.
func TestParseEmail(t *testing.T) {
	long := strings.Repeat("a", 64) + "@" + strings.Repeat("abcdefghi.", 18) // 245 octets
	tests := map[string]struct {
		typed string
		want  Email
	}{
		"plain":                           {"ana@example.com", "ana@example.com"},
		"spaces around are dropped":       {"  ana@example.com\n", "ana@example.com"},
		"case is folded":                  {"Ana.B@Example.COM", "ana.b@example.com"},
		"tags are kept":                   {"ana+news@example.com", "ana+news@example.com"},
		"a domain in letters":             {"ana@bücher.example", "ana@xn--bcher-kva.example"},
		"the same domain as A-label":      {"ana@xn--bcher-kva.example", "ana@xn--bcher-kva.example"},
		"upper-case letters of a domain":  {"ana@BÜCHER.example", "ana@xn--bcher-kva.example"},
		"an apostrophe":                   {"o'brien@example.com", "o'brien@example.com"},
		"64 octets before the @":          {strings.Repeat("a", 64) + "@example.com", Email(strings.Repeat("a", 64) + "@example.com")},
		"65 octets before the @":          {strings.Repeat("a", 65) + "@example.com", ""},
		"more than 254 in all":            {"a@" + strings.Repeat("abcdefghi.", 26) + "com", ""},
		"254 in all":                      {long + "abcdefghi", Email(long + "abcdefghi")},
		"255 in all":                      {long + "abcdefghij", ""},
		"empty":                           {"", ""},
		"no @":                            {"ana.example.com", ""},
		"two @":                           {"ana@b@example.com", ""},
		"no local part":                   {"@example.com", ""},
		"no domain":                       {"ana@", ""},
		"a domain of one label":           {"ana@localhost", ""},
		"an address literal":              {"ana@[127.0.0.1]", ""},
		"an address as domain":            {"ana@127.0.0.1", ""},
		"a quoted local part":             {`"a b"@example.com`, ""},
		"a comment":                       {"ana(x)@example.com", ""},
		"a display name":                  {"Ana <ana@example.com>", ""},
		"a list":                          {"ana@example.com,bo@example.com", ""},
		"a header in it":                  {"ana@example.com\r\nBcc: x@example.com", ""},
		"a line break before the @":       {"ana\n@example.com", ""},
		"a NUL character":                 {"ana\x00@example.com", ""},
		"an encoded word":                 {"=?utf-8?q?ana?=@example.com ", "=?utf-8?q?ana?=@example.com"},
		"letters beyond ASCII before @":   {"änna@example.com", ""},
		"dots in a row":                   {"a..b@example.com", ""},
		"a dot in front":                  {".a@example.com", ""},
		"a dot behind":                    {"a.@example.com", ""},
		"an empty label":                  {"a@example..com", ""},
		"a hyphen in front of a label":    {"a@-example.com", ""},
		"an underscore in the domain":     {"a@ex_ample.com", ""},
		"invalid UTF-8":                   {"a@ex\xffample.com", ""},
		"a bidirectional override":        {"a@ex\u202eample.com", ""},
		"a dot that only looks like one":  {"a@example。com", "a@example.com"},
		"a full-width letter is the same": {"a@ｅxample.com", "a@example.com"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := ParseEmail(tt.typed)
			if got != tt.want || (err == nil) != (tt.want != "") {
				t.Errorf("ParseEmail(%q) = %q, %v; want %q", tt.typed, got, err, tt.want)
			}
		})
	}
}

// S10: parsing the normal form gives the same form.
func FuzzParseEmail(f *testing.F) {
	for _, seed := range []string{"a@example.com", "A+b@BÜCHER.example", "a@xn--bcher-kva.example", "a@[1.2.3.4]", "a@ß.example"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		email, err := ParseEmail(typed)
		if err != nil {
			return
		}
		again, err := ParseEmail(string(email))
		if err != nil || again != email {
			t.Fatalf("%q is %q, which is %q, %v", typed, email, again, err)
		}
		for i := range len(email) {
			if c := email[i]; c <= ' ' || c >= 0x7f {
				t.Fatalf("%q is %q, with the octet %x", typed, email, c)
			}
		}
		if len(email) > 254 || strings.Count(string(email), "@") != 1 || strings.ToLower(string(email)) != string(email) {
			t.Fatalf("%q is %q", typed, email)
		}
		_ = email.Masked()
	})
}

func TestParseName(t *testing.T) {
	good := []string{"", "Ana", "José María", "O'Brien", "Jean-Luc", "Müller", "李", "Nguyễn", "Łukasz", "St. John", "महेश"}
	bad := []string{"<b>", "Ana\nBcc", "Ana1", "-Ana", "Ana@example", "http://x", strings.Repeat("a", 101), "A\x00", "{{.}}"}
	for _, name := range good {
		if got, err := ParseName(name); err != nil || got != name {
			t.Errorf("ParseName(%q) = %q, %v", name, got, err)
		}
	}
	for _, name := range bad {
		if got, err := ParseName(name); err == nil {
			t.Errorf("ParseName(%q) = %q, want a refusal", name, got)
		}
	}
}

// Whoever searches in any case finds: the letters that Unicode holds for cases of
// one have one form, which stays as it is.
func TestFold(t *testing.T) {
	for r := range unicode.MaxRune {
		folded := Fold(string(r))
		if Fold(folded) != folded {
			t.Errorf("%q is %q, and that %q", r, folded, Fold(folded))
		}
		for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
			if got := Fold(string(other)); got != folded {
				t.Errorf("%q is %q, %q is %q", r, folded, other, got)
			}
		}
	}
	if got := Fold("  Νίκος\tPAPAS "); got != Fold("ΝΊΚΟΣ papas") {
		t.Errorf("got %q", got)
	}
}

// S11: a username can never be taken for an address.
func TestParseUsername(t *testing.T) {
	if name, key, err := ParseUsername("Ana.B_9", 3, 30); err != nil || name != "Ana.B_9" || key != "ana.b_9" {
		t.Errorf("got %q, %q, %v", name, key, err)
	}
	for _, bad := range []string{"", "ab", "9ana", ".ana", "ana@example.com", "ana b", "änna", strings.Repeat("a", 31)} {
		if _, _, err := ParseUsername(bad, 3, 30); !errors.Is(err, ErrUsernameInvalid) {
			t.Errorf("ParseUsername(%q): %v", bad, err)
		}
	}
	// Whoever types too little or too much reads how much it has to be.
	for _, bad := range []string{"abc", strings.Repeat("a", 13)} {
		if _, _, err := ParseUsername(bad, 4, 12); err == nil || !strings.Contains(err.Error(), "4 to 12 characters") {
			t.Errorf("ParseUsername(%q): %v", bad, err)
		}
	}
}

func TestPasswordPolicy(t *testing.T) {
	strict := deployment.PasswordPolicy{Enabled: true, MinLength: 10, RequireLowercase: true, RequireUppercase: true, RequireNumber: true, RequireSpecial: true}
	tests := map[string]struct {
		policy   deployment.PasswordPolicy
		password string
		ok       bool
	}{
		"eight characters":           {deployment.PasswordPolicy{}, "71904628", true},
		"seven characters":           {deployment.PasswordPolicy{}, "1234567", false},
		"a policy cannot go below 8": {deployment.PasswordPolicy{Enabled: true, MinLength: 4}, "12345", false},
		"any Unicode counts":         {deployment.PasswordPolicy{}, "ключ от замка", true},
		"128 characters":             {deployment.PasswordPolicy{}, strings.Repeat("ж", 128), true},
		"129 characters":             {deployment.PasswordPolicy{}, strings.Repeat("a", 129), false},
		"a NUL character":            {deployment.PasswordPolicy{}, "12345678\x00", false},
		"everything that is asked":   {strict, "Abcdefg1!x", true},
		"no digit":                   {strict, "Abcdefgh!x", false},
		"no special character":       {strict, "Abcdefg1xx", false},
		"no upper-case letter":       {strict, "abcdefg1!x", false},
		"too short for the policy":   {strict, "Abcdef1!", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if err := checkPassword(tt.policy, tt.password); (err == nil) != tt.ok {
				t.Errorf("checkPassword(%q) = %v", tt.password, err)
			}
		})
	}
}

// S17, and that the digest is argon2id as another implementation computes it.
func TestPasswordsAreArgon2id(t *testing.T) {
	p, err := NewPasswords()
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	encoded, err := p.Hash(ctx, "correct horse")
	if err != nil || !strings.HasPrefix(encoded, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Fatalf("got %q, %v", encoded, err)
	}
	parts := strings.Split(encoded, "$")
	salt, sum := decode(t, parts[4]), decode(t, parts[5])
	if want := xargon2.IDKey([]byte("correct horse"), salt, hashPasses, hashMemoryKiB, 1, uint32(len(sum))); string(want) != string(sum) {
		t.Error("the digest is not what x/crypto computes")
	}
	for password, want := range map[string]bool{"correct horse": true, "correct horsf": false, "": false} {
		if ok, err := p.Matches(ctx, encoded, password); ok != want || err != nil {
			t.Errorf("Matches(%q) = %v, %v", password, ok, err)
		}
	}
	if ok, err := p.Matches(ctx, "", "nobody has this password"); ok || err != nil {
		t.Errorf("an account without password was entered: %v, %v", ok, err)
	}
	if dummy := strings.Split(p.dummy, "$"); !slices.Equal(dummy[:4], parts[:4]) || len(dummy[4]) != len(parts[4]) || len(dummy[5]) != len(parts[5]) {
		t.Errorf("unknown accounts are checked against %q, others against digests like %q", p.dummy, encoded)
	}
}

func TestEmailMaskIsNotTheAddress(t *testing.T) {
	for email, want := range map[Email]string{"ana@example.com": "a***a@example.com", "a@example.com": "a***@example.com", "ab@example.com": "a***@example.com"} {
		if got := email.Masked(); got != want {
			t.Errorf("%s is masked as %s", email, got)
		}
	}
}

func decode(t *testing.T, text string) []byte {
	t.Helper()
	b, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// S17: a core is for one computation at a time, and no more than the queue
// wait for one; whoever comes then is asked to try again.
func TestPasswordsAreQueued(t *testing.T) {
	passwords, err := NewPasswords()
	if err != nil {
		t.Fatal(err)
	}
	cores := int64(min(runtime.GOMAXPROCS(0), runtime.NumCPU()))
	if !passwords.cores.TryAcquire(cores) || passwords.cores.TryAcquire(1) {
		t.Fatalf("there are not as many places as cores: %d", cores)
	}
	ctx, leave := context.WithCancel(t.Context())
	var waiting sync.WaitGroup
	for range hashQueue {
		waiting.Go(func() {
			if _, err := passwords.Matches(ctx, "", "whatever it is"); !errors.Is(err, context.Canceled) {
				t.Errorf("who waits for a core, and leaves: %v", err)
			}
		})
	}
	for passwords.waiting.Load() < hashQueue {
		runtime.Gosched()
	}
	over, end := context.WithCancel(t.Context())
	end() // rather than wait for ever, if it may queue after all
	if _, err := passwords.Hash(over, "correct horse battery"); !errors.Is(err, ErrPasswordsBusy) {
		t.Errorf("with a full queue: %v", err)
	}
	leave()
	waiting.Wait()
	passwords.cores.Release(cores)
	if _, err := passwords.Hash(t.Context(), "correct horse battery"); err != nil {
		t.Errorf("once there is room: %v", err)
	}
}
