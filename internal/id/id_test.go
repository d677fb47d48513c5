package id_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/guildhall-id/guildhall/internal/id"
)

// S12: an id is a decimal number without sign or leading zeros.
func TestParse(t *testing.T) {
	tests := map[string]struct {
		text string
		want id.User
		err  error
	}{
		"a number":                     {"123456789012345678", 123456789012345678, nil},
		"zero means none":              {"0", 0, nil},
		"the largest we make":          {"9223372036854775807", 1<<63 - 1, nil},
		"well formed, but nobody's":    {"18446744073709551615", 1<<63 - 1, nil},
		"beyond 64 bits":               {"18446744073709551616", 0, id.ErrInvalid},
		"empty":                        {"", 0, id.ErrInvalid},
		"a leading zero":               {"01", 0, id.ErrInvalid},
		"a sign":                       {"-1", 0, id.ErrInvalid},
		"a plus":                       {"+1", 0, id.ErrInvalid},
		"a space":                      {" 1", 0, id.ErrInvalid},
		"a fraction":                   {"1.0", 0, id.ErrInvalid},
		"letters":                      {"abc", 0, id.ErrInvalid},
		"hexadecimal":                  {"0x1f", 0, id.ErrInvalid},
		"an underscore, as Go allows":  {"1_000", 0, id.ErrInvalid},
		"digits of another script":     {"١٢٣", 0, id.ErrInvalid},
		"a NUL character in the end":   {"1\x00", 0, id.ErrInvalid},
		"a hundred digits, all of one": {string(make([]byte, 100)), 0, id.ErrInvalid},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := id.Parse[id.User](tt.text)
			if got != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("Parse(%q) = %v, %v; want %v, %v", tt.text, got, err, tt.want, tt.err)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"0", "1", "9223372036854775807", "01", "-1", "18446744073709551616"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		one, err := id.Parse[id.User](text)
		if err != nil {
			return
		}
		again, err := id.Parse[id.User](one.String())
		if err != nil || again != one {
			t.Errorf("%q is %v, whose text is %v, %v", text, one, again, err)
		}
	})
}

func TestJSONIsAString(t *testing.T) {
	b, err := json.Marshal(struct {
		ID   id.Organization
		None *id.Workspace
	}{1 << 62, id.Optional(id.Workspace(0))})
	if err != nil || string(b) != `{"ID":"4611686018427387904","None":null}` {
		t.Errorf("got %s, %v", b, err)
	}
}

// R6: no id twice, whatever the clock does.
func TestGeneratorGrowsThroughClockSteps(t *testing.T) {
	now := id.Epoch.Add(1000 * time.Hour)
	g := id.NewGenerator(7, func() time.Time { return now })
	var last id.User
	for i := range 20_000 {
		switch i % 5000 {
		case 1000:
			now = now.Add(-time.Hour)
		case 3000:
			now = now.Add(time.Hour)
		}
		next := id.Next[id.User](g)
		if next <= last {
			t.Fatalf("%v follows %v", next, last)
		}
		last = next
	}
}

func TestNodesNeverMakeTheSameID(t *testing.T) {
	now := func() time.Time { return id.Epoch.Add(time.Hour) }
	a, b := id.NewGenerator(1, now), id.NewGenerator(2, now)
	seen := map[id.User]bool{}
	for range 5000 {
		for _, g := range []*id.Generator{a, b} {
			next := id.Next[id.User](g)
			if seen[next] {
				t.Fatalf("%v was made twice", next)
			}
			seen[next] = true
		}
	}
}
