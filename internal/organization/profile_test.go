package organization

import (
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
)

func TestParseName(t *testing.T) {
	tests := map[string]struct {
		typed, want string
		err         error
	}{
		"as typed":                    {"Acme Inc.", "Acme Inc.", nil},
		"without outer spaces":        {"  Acme ", "Acme", nil},
		"in any script":               {"株式会社 Ü-1_a", "株式会社 Ü-1_a", nil},
		"marks belong to letters":     {"हिन्दी", "हिन्दी", nil},
		"the shortest":                {"AB", "AB", nil},
		"the longest":                 {strings.Repeat("é", 100), strings.Repeat("é", 100), nil},
		"too short":                   {"A", "", ErrNameInvalid},
		"too short without spaces":    {" A ", "", ErrNameInvalid},
		"too long":                    {strings.Repeat("a", 101), "", ErrNameInvalid},
		"markup is refused":           {"<b>Acme</b>", "", ErrNameInvalid},
		"line breaks are refused":     {"Acme\nBcc: x", "", ErrNameInvalid},
		"direction marks are refused": {"Acme\u202e", "", ErrNameInvalid},
		"it says something":           {"-- .", "", ErrNameInvalid},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := parseName(test.typed)
			if got != test.want || err != test.err {
				t.Errorf("parseName(%q) = %q, %v", test.typed, got, err)
			}
		})
	}
}

func TestParseNetworks(t *testing.T) {
	tests := map[string]struct {
		typed, want []string
		err         error
	}{
		"none":                        {[]string{}, []string{}, nil},
		"an address":                  {[]string{" 192.0.2.1 "}, []string{"192.0.2.1"}, nil},
		"a network, canonical":        {[]string{"192.0.2.77/24"}, []string{"192.0.2.0/24"}, nil},
		"one address as a network":    {[]string{"192.0.2.1/32"}, []string{"192.0.2.1"}, nil},
		"IPv6":                        {[]string{"2001:DB8:0::1", "2001:db8::/32"}, []string{"2001:db8::1", "2001:db8::/32"}, nil},
		"IPv4 written as IPv6":        {[]string{"::ffff:192.0.2.1"}, []string{"192.0.2.1"}, nil},
		"each once":                   {[]string{"192.0.2.1", "192.0.2.1/32"}, []string{"192.0.2.1"}, nil},
		"no empty entry":              {[]string{""}, nil, access.ErrNetworkInvalid},
		"no host name":                {[]string{"example.com"}, nil, access.ErrNetworkInvalid},
		"no zone":                     {[]string{"fe80::1%eth0"}, nil, access.ErrNetworkInvalid},
		"no mapped network":           {[]string{"::ffff:192.0.2.0/120"}, nil, access.ErrNetworkInvalid},
		"no prefix beyond the length": {[]string{"192.0.2.0/33"}, nil, access.ErrNetworkInvalid},
		"no list without end":         {manyNetworks(maxNetworks + 1), nil, ErrTooManyNetworks},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := parseNetworks(test.typed)
			if !slices.Equal(got, test.want) || err != test.err {
				t.Errorf("parseNetworks(%q) = %q, %v", test.typed, got, err)
			}
		})
	}
}

func manyNetworks(n int) []string {
	list := make([]string, n)
	address := netip.MustParseAddr("10.0.0.1")
	for i := range list {
		list[i] = address.String()
		address = address.Next()
	}
	return list
}

func TestProfileWith(t *testing.T) {
	before := profile{Name: "Acme", Description: "Old", Networks: []string{"192.0.2.1"}, RestrictIP: true}
	change := func(f func(*profile)) profile {
		p := before
		f(&p)
		return p
	}
	empty, name, yes, no := "", "Bolt", true, false
	none, all := gates{}, gates{true, true}
	tests := map[string]struct {
		change  profileChange
		offered gates
		want    profile
		err     error
	}{
		"nothing sent changes nothing":          {profileChange{}, none, before, nil},
		"a name":                                {profileChange{Name: &name}, none, change(func(p *profile) { p.Name = name }), nil},
		"an empty description clears":           {profileChange{Description: &empty}, none, change(func(p *profile) { p.Description = "" }), nil},
		"an empty list clears":                  {profileChange{Networks: []string{}}, none, change(func(p *profile) { p.Networks = []string{} }), nil},
		"a list":                                {profileChange{Networks: []string{"::1"}}, all, change(func(p *profile) { p.Networks = []string{"::1"} }), nil},
		"a list that is not offered":            {profileChange{Networks: []string{"::1"}}, none, before, deployment.ErrFeatureDisabled},
		"the list it has, sent again":           {profileChange{Networks: []string{"192.0.2.1"}}, none, before, nil},
		"a second factor":                       {profileChange{EnforceMFA: &yes}, all, change(func(p *profile) { p.EnforceMFA = true }), nil},
		"a second factor that is not offered":   {profileChange{EnforceMFA: &yes}, none, before, deployment.ErrFeatureDisabled},
		"a restriction is kept":                 {profileChange{RestrictIP: &yes}, none, before, nil},
		"a restriction can always be taken off": {profileChange{RestrictIP: &no}, none, change(func(p *profile) { p.RestrictIP = false }), nil},
		"a name that is none":                   {profileChange{Name: &empty}, none, before, ErrNameInvalid},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := before.with(test.change, test.offered)
			if err != test.err || err == nil && !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestPageOf(t *testing.T) {
	tests := map[string]struct {
		page, limit int64
		want        paging
	}{
		"nothing asked":   {0, 0, paging{1, 10}},
		"as asked":        {3, 25, paging{3, 25}},
		"below the first": {-1, -1, paging{1, 10}},
		"at most 100":     {1, 101, paging{1, 100}},
		"far away":        {1 << 62, 100, paging{1 << 32, 100}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := pageOf(test.page, test.limit); got != test.want || got.skip() < 0 {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
	if m := (paging{2, 10}).meta(21); !m.HasMore {
		t.Error("one more is left after the second page of 21")
	}
	if m := (paging{2, 10}).meta(20); m.HasMore {
		t.Error("nothing is left after the second page of 20")
	}
}

// A list without entries is written as one: the audit compares what was with
// what is, and [] and null would differ.
func TestNetworksText(t *testing.T) {
	for _, list := range [][]string{nil, {}} {
		if text, err := networksText(list); err != nil || text != "[]" {
			t.Errorf("networksText(%#v) = %q, %v", list, text, err)
		}
	}
	if list := networksOf("null"); list == nil {
		t.Error("a row from before has no list")
	}
}
