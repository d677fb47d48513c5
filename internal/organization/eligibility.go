package organization

import (
	"context"
	"net/netip"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/platform/database"
)

// Eligibility says whether a membership can be used from where the person is,
// the way they signed in.
type Eligibility struct {
	Type    string `json:"type" enum:"none,ip_not_allowed,mfa_required,ip_and_mfa_required"`
	Message string `json:"message"`
}

// restrictions are what a tenant asks of those who use it.
type restrictions struct {
	networks   []string // where they are; empty for anywhere
	enforceMFA bool
}

func (o Organization) restrictions(b2b deployment.B2BSettings) (r restrictions) {
	if o.EnableIPRestriction && b2b.IPAllowlistPerOrgEnabled {
		r.networks = networksOf(o.WhitelistedIPs)
	}
	r.enforceMFA = o.EnforceMFA && b2b.EnforceMFAPerOrgEnabled
	return r
}

func (w Workspace) restrictions(b2b deployment.B2BSettings) (r restrictions) {
	if w.EnableIPRestriction && b2b.IPAllowlistPerWorkspace {
		r.networks = networksOf(w.WhitelistedIPs)
	}
	r.enforceMFA = w.EnforceMFA && b2b.EnforceMFAPerWorkspaceEnabled
	return r
}

// eligible judges somebody at an address, who signed in with a second factor
// or without, by the restrictions of a tenant and of those above it.
func eligible(address netip.Addr, secondFactor bool, all ...restrictions) *Eligibility {
	var outside, unproven bool
	for _, r := range all {
		outside = outside || !allows(r.networks, address)
		unproven = unproven || r.enforceMFA && !secondFactor
	}
	switch {
	case outside && unproven:
		return &Eligibility{"ip_and_mfa_required", "Your network is not allowed here, and you need to sign in with a second factor."}
	case outside:
		return &Eligibility{"ip_not_allowed", "Your network is not allowed here."}
	case unproven:
		return &Eligibility{"mfa_required", "You need to sign in with a second factor here."}
	}
	return &Eligibility{Type: "none"}
}

// eligibility is eligible for the caller. How they signed in is read only when
// somebody asks for a second factor.
func (s *Service) eligibility(ctx context.Context, factorMatters bool) (func(...restrictions) *Eligibility, error) {
	caller := access.CallerOf(ctx)
	factor := ""
	if factorMatters {
		var err error
		factor, err = s.queries.SecondFactorOf(ctx, SecondFactorOfParams{ID: caller.SignIn, UserID: caller.User})
		if factor, err = database.OrNotFound(factor, err, access.ErrUnauthenticated); err != nil {
			return nil, err
		}
	}
	return func(all ...restrictions) *Eligibility { return eligible(caller.Client.IP, factor != "", all...) }, nil
}
