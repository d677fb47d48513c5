package deployment

import (
	"fmt"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
)

func TestParseClaim(t *testing.T) {
	text := func(s string) ClaimPart { return ClaimPart{Text: s} }
	for claim, want := range map[string]any{
		"":                                       []ClaimPart(nil),
		"plain":                                  []ClaimPart{text("plain")},
		"{{user.email}}":                         []ClaimPart{{Fact: FactUserEmail}},
		"{{ user.email }}":                       []ClaimPart{{Fact: FactUserEmail}},
		"mailto:{{user.email}}!":                 []ClaimPart{text("mailto:"), {Fact: FactUserEmail}, text("!")},
		"{{user.first_name}} {{user.last_name}}": []ClaimPart{{Fact: FactUserFirstName}, text(" "), {Fact: FactUserLastName}},
		"{{user.public_metadata}}":               []ClaimPart{{Fact: FactUserMetadata}},
		"{{user.public_metadata.plan.name}}":     []ClaimPart{{Fact: FactUserMetadata, Path: []string{"plan", "name"}}},
		"plan {{organization.public_metadata.x}}": []ClaimPart{text("plan "), {Fact: FactOrganizationMetadata, Path: []string{"x"}}},
		"{{organization.roles}}":                  []ClaimPart{{Fact: FactOrganizationRoles}},
		"}} stays":                                []ClaimPart{text("}} stays")},

		"{{user.email":                           "has {{ without }}",
		"{{}}":                                   "not a placeholder",
		"{{user}}":                               "not a placeholder",
		"{{user.password_hash}}":                 "not a placeholder",
		"{{user.private_metadata}}":              "not a placeholder",
		"{{user.private_metadata.x}}":            "not a placeholder",
		"{{organization.private_metadata}}":      "not a placeholder",
		"{{user.public_metadata.}}":              "not a placeholder",
		"{{user.public_metadata.a..b}}":          "not a placeholder",
		"{{user.public_metadata.../etc}}":        "not a placeholder",
		"{{user.email | upper}}":                 "not a placeholder",
		"{{printf \"%s\" .}}":                    "not a placeholder",
		"{{User.Email}}":                         "not a placeholder",
		"{{user.email.x}}":                       "not a placeholder",
		"roles: {{organization.roles}}":          "has to stand alone",
		"{{user.public_metadata}}{{user.email}}": "has to stand alone",
	} {
		got, err := ParseClaim(claim)
		if sentence, wrong := want.(string); wrong {
			if err == nil || !strings.Contains(err.Error(), sentence) {
				t.Errorf("%q: got %v, %v; want: %s", claim, got, err, sentence)
			}
		} else if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %+v, %v", claim, got, err)
		}
	}
}

func FuzzParseClaim(f *testing.F) {
	for _, seed := range []string{"", "a{{user.email}}b", "{{{{}}}}", "{{user.public_metadata.a.b}}", "{{ user.id }}{{"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		parts, err := ParseClaim(text)
		if err != nil {
			return
		}
		for _, p := range parts {
			if (p.Text == "") == (p.Fact == "") || p.Fact != "" && shapeOf(p.Fact) == 0 || strings.Contains(p.Text, "{{") {
				t.Errorf("%q: part %+v", text, p)
			}
		}
	})
}

// Contract section 5.5: a template adds claims, and cannot override any.
func TestTemplatesAreChecked(t *testing.T) {
	one := func(t TokenTemplate) map[string]TokenTemplate { return map[string]TokenTemplate{"api": t} }
	claim := func(name, value string) map[string]TokenTemplate {
		return one(TokenTemplate{Lifetime: 60, Claims: map[string]string{name: value}})
	}
	many := map[string]TokenTemplate{}
	for i := range maxTemplates + 1 {
		many[fmt.Sprintf("t%d", i)] = TokenTemplate{Lifetime: 60}
	}
	tests := map[string]struct {
		list map[string]TokenTemplate
		want string
	}{
		"none":                            {nil, ""},
		"one":                             {claim("email", "{{user.email}}"), ""},
		"a claim named by an address":     {claim("https://example.com/claims/plan", "{{user.public_metadata.plan}}"), ""},
		"without claims":                  {one(TokenTemplate{Lifetime: 3600}), ""},
		"the name of the built-in one":    {map[string]TokenTemplate{"default": {Lifetime: 60}}, "without claims of one's own"},
		"a name that is none":             {map[string]TokenTemplate{"a b": {Lifetime: 60}}, `the name "a b"`},
		"a lifetime of nothing":           {one(TokenTemplate{}), "session_token_templates.api.lifetime is 0, but has to be between 10 and 3600"},
		"a lifetime in the past":          {one(TokenTemplate{Lifetime: -60}), "lifetime is -60"},
		"a lifetime of a day":             {one(TokenTemplate{Lifetime: 86400}), "lifetime is 86400"},
		"a placeholder nobody knows":      {claim("mail", "{{user.mail}}"), "session_token_templates.api.mail has {{user.mail}}, which is not a placeholder."},
		"a claim without a name":          {claim("", "x"), `has the claim ""`},
		"a value that fills a book":       {claim("x", strings.Repeat("a", maxText+1)), "at most 2000 characters"},
		"more templates than anyone uses": {many, "has 21 templates"},
	}
	for _, name := range reserved {
		tests["the claim "+name] = struct {
			list map[string]TokenTemplate
			want string
		}{claim(name, "x"), fmt.Sprintf("has the claim %q, which only the server itself may make", name)}
	}
	for name, test := range tests {
		s, r := inOrder()
		s.TokenTemplates = test.list
		err := s.check(r)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: got %v, want: %s", name, err, test.want)
		}
	}
}

func TestSetTemplates(t *testing.T) {
	each(t, func(t *testing.T, s *Service, _ *Deployment, _ *atomic.Int64) {
		const path = "session_token_templates"
		for value, want := range map[string]string{
			`{"api":{"lifetime":60,"claim":{}}}`:       "has to be a JSON object of templates",
			`{"api":{"lifetime":60,"claims":{"a":1}}}`: "has to be a JSON object of templates",
			`api`: "has to be a JSON object of templates",
			`{"api":{"lifetime":60,"claims":{"sub":"1"}}}`: "only the server itself may make",
		} {
			if _, err := s.Set(t.Context(), []Assignment{{path, value}}); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, want: %s", value, err, want)
			}
		}
		for _, value := range []string{`{"api":{"lifetime":60,"claims":{"a":"{{user.id}}"}},"b":{"lifetime":10}}`, `{"b":{"lifetime":20}}`, `{}`} {
			if _, err := s.Set(t.Context(), []Assignment{{path, value}}); err != nil {
				t.Fatal(err)
			}
			d, err := s.Current(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if want := map[string]int{"{}": 0}[value] + strings.Count(value, "lifetime"); len(d.Settings.TokenTemplates) != want {
				t.Errorf("%s: there are %v", value, d.Settings.TokenTemplates)
			}
		}
	})
}
