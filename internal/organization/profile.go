package organization

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
)

// The refusals of profiles.
var (
	ErrNameInvalid     = fault.New(fault.Invalid, "BAD_REQUEST_BODY", "A name has 2 to 100 letters, digits, spaces, dots, hyphens and underscores.")
	ErrTooManyNetworks = fault.New(fault.Invalid, "BAD_REQUEST_BODY", "The list of allowed addresses takes at most 200 entries.")
)

// profile is what organizations and workspaces have alike.
type profile struct {
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Networks    []string `json:"whitelisted_ips"`
	RestrictIP  bool     `json:"enable_ip_restriction"`
	EnforceMFA  bool     `json:"enforce_mfa"`
	ImageURL    string   `json:"image_url"`
}

// profileChange has what is to change; nil stays as it is.
type profileChange struct {
	Name        *string
	Description *string
	Networks    []string
	RestrictIP  *bool
	EnforceMFA  *bool
}

// gates say which restrictions the deployment offers.
type gates struct{ restrictIP, enforceMFA bool }

// with is the profile after a change. A restriction that the deployment does
// not offer can be taken away but not added: deployment.ErrFeatureDisabled.
func (p profile) with(c profileChange, offered gates) (profile, error) {
	var err error
	if c.Name != nil {
		if p.Name, err = parseName(*c.Name); err != nil {
			return p, err
		}
	}
	if c.Description != nil {
		p.Description = strings.TrimSpace(*c.Description)
	}
	if c.Networks != nil {
		networks, err := parseNetworks(c.Networks)
		if err != nil {
			return p, err
		}
		if len(networks) > 0 && !offered.restrictIP && !slices.Equal(networks, p.Networks) {
			return p, deployment.ErrFeatureDisabled
		}
		p.Networks = networks
	}
	if p.RestrictIP, err = switched(p.RestrictIP, c.RestrictIP, offered.restrictIP); err != nil {
		return p, err
	}
	p.EnforceMFA, err = switched(p.EnforceMFA, c.EnforceMFA, offered.enforceMFA)
	return p, err
}

func switched(is bool, to *bool, offered bool) (bool, error) {
	switch {
	case to == nil:
		return is, nil
	case *to && !is && !offered:
		return is, deployment.ErrFeatureDisabled
	}
	return *to, nil
}

func (o Organization) profile() profile {
	return profile{o.Name, o.Description, networksOf(o.WhitelistedIPs), o.EnableIPRestriction, o.EnforceMFA, o.ImageURL}
}

func (w Workspace) profile() profile {
	return profile{w.Name, w.Description, networksOf(w.WhitelistedIPs), w.EnableIPRestriction, w.EnforceMFA, w.ImageURL}
}

// networksOf reads the text of the database, which networksText wrote.
func networksOf(text string) []string {
	list := []string{}
	_ = json.Unmarshal([]byte(text), &list)
	if list == nil { // as earlier rows have it
		list = []string{}
	}
	return list
}

func networksText(list []string) (string, error) {
	text, err := json.Marshal(append([]string{}, list...)) // never null
	return string(text), err
}

// parseName accepts the name of an organization or workspace: 2 to 100 letters
// and digits of any script, spaces, dots, hyphens and underscores, with a
// letter or digit among them. It returns ErrNameInvalid for anything else.
func parseName(typed string) (string, error) {
	name := strings.TrimSpace(typed)
	if n := utf8.RuneCountInString(name); n < 2 || n > 100 {
		return "", ErrNameInvalid
	}
	speaks := false
	for _, r := range name {
		switch {
		case unicode.IsLetter(r), unicode.IsDigit(r):
			speaks = true
		case unicode.IsMark(r), strings.ContainsRune(" _.-", r):
		default:
			return "", ErrNameInvalid
		}
	}
	if !speaks {
		return "", ErrNameInvalid
	}
	return name, nil
}

const maxNetworks = 200

// parseNetworks accepts what access.ParseNetwork does, and returns it in its
// canonical form, each once.
func parseNetworks(typed []string) ([]string, error) {
	list := make([]string, 0, len(typed))
	for _, entry := range typed {
		network, err := access.ParseNetwork(strings.TrimSpace(entry))
		if err != nil {
			return nil, err
		}
		text := network.String()
		if network.IsSingleIP() {
			text = network.Addr().String()
		}
		if !slices.Contains(list, text) {
			list = append(list, text)
		}
	}
	if len(list) > maxNetworks {
		return nil, ErrTooManyNetworks
	}
	return list, nil
}
