package access

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/guildhall-id/guildhall/internal/platform/fault"
)

// ErrIneligible refuses people what their membership would allow, as long as
// they are where they are, or have signed in the way they have.
var ErrIneligible = fault.New(fault.Forbidden, "ELIGIBILITY_RESTRICTED", "Your network is not allowed here, or you need to sign in with a second factor.")

// ErrNetworkInvalid refuses text that is neither an IP address nor a network.
var ErrNetworkInvalid = fault.New(fault.Invalid, "BAD_REQUEST_BODY", "The list of allowed addresses takes IP addresses and networks such as 192.0.2.0/24.")

// Demands are what a tenant asks of those who act in it, besides membership.
// The zero Demands ask nothing.
type Demands struct {
	Networks     []string // where they are, as ParseNetwork takes them; empty for anywhere
	SecondFactor bool     // that they have signed in with one
}

// Eligibility says whether a membership can be used from where the person is,
// the way they signed in.
type Eligibility struct {
	Type    string `json:"type" enum:"none,ip_not_allowed,mfa_required,ip_and_mfa_required"`
	Message string `json:"message"`
}

// Eligible judges the caller by the demands of a tenant and of those above it:
// the one place that does.
func (c *Caller) Eligible(demands ...Demands) Eligibility {
	var outside, unproven bool
	for _, d := range demands {
		outside = outside || !d.allow(c.Client.IP)
		unproven = unproven || d.SecondFactor && !c.SecondFactor
	}
	switch {
	case outside && unproven:
		return Eligibility{"ip_and_mfa_required", "Your network is not allowed here: use one that is, or ask an administrator. A second factor is needed too: sign in with yours, or set one up in your account."}
	case outside:
		return Eligibility{"ip_not_allowed", "Your network is not allowed here: use one that is, or ask an administrator."}
	case unproven:
		return Eligibility{"mfa_required", "A second factor is needed here: sign in with yours, or set one up in your account."}
	}
	return Eligibility{Type: "none"}
}

// Err is nil for those who are eligible, for others ErrIneligible with the
// reason.
func (e Eligibility) Err() error {
	if e.Type == "none" {
		return nil
	}
	return ErrIneligible.With(e.Message)
}

// allow reports whether an address is in one of the networks; an empty list
// restricts nothing.
func (d Demands) allow(address netip.Addr) bool {
	return len(d.Networks) == 0 || slices.ContainsFunc(d.Networks, func(entry string) bool {
		network, err := ParseNetwork(entry)
		return err == nil && network.Contains(address.Unmap())
	})
}

// ParseNetwork accepts an IP address, as the network of that address alone, or
// a network in CIDR form (RFC 4632). IPv4 written as IPv6 is IPv4; an address
// with a zone is refused. It returns ErrNetworkInvalid for anything else.
func ParseNetwork(s string) (netip.Prefix, error) {
	if !strings.Contains(s, "/") {
		address, err := netip.ParseAddr(s)
		if err != nil || address.Zone() != "" {
			return netip.Prefix{}, ErrNetworkInvalid
		}
		address = address.Unmap()
		return netip.PrefixFrom(address, address.BitLen()), nil
	}
	network, err := netip.ParsePrefix(s)
	if err != nil || network.Addr().Is4In6() {
		return netip.Prefix{}, ErrNetworkInvalid
	}
	return network.Masked(), nil
}
