package organization

import (
	"context"
	"fmt"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
)

// ErrLockedOut keeps people from shutting themselves out: there might be
// nobody left to let them in again.
var ErrLockedOut = fault.New(fault.Conflict, "CONFLICT", "This would lock you out.")

// demands are what the organization asks of those who act in it.
func (o Organization) demands(b2b deployment.B2BSettings) access.Demands {
	return b2b.OrganizationDemands(restricted(o.EnableIPRestriction, o.WhitelistedIPs), o.EnforceMFA)
}

// demands are what the workspace asks besides what its organization does.
func (w Workspace) demands(b2b deployment.B2BSettings) access.Demands {
	return b2b.WorkspaceDemands(restricted(w.EnableIPRestriction, w.WhitelistedIPs), w.EnforceMFA)
}

// restricted is a list of networks that counts, else nothing.
func restricted(enabled bool, networks string) string {
	if !enabled {
		return ""
	}
	return networks
}

// staysIn is nil when the caller, who has changed what is demanded, can still
// meet it, else ErrLockedOut with what to do first.
func staysIn(caller *access.Caller, demands access.Demands) error {
	address := fmt.Sprintf("add your address %s to the list", caller.Client.IP)
	switch caller.Eligible(demands).Type {
	case "ip_not_allowed":
		return ErrLockedOut.With("This would lock you out: " + address + " first.")
	case "mfa_required":
		return ErrLockedOut.With("This would lock you out: sign in with a second factor first.")
	case "ip_and_mfa_required":
		return ErrLockedOut.With("This would lock you out: " + address + ", and sign in with a second factor first.")
	}
	return nil
}

// usable is nil when the caller meets what a workspace demands, for use cases
// whose rule is about its organization.
func (s *Service) usable(ctx context.Context, q *Queries, organization id.Organization, workspace id.Workspace) error {
	w, err := findWorkspace(ctx, q, organization, workspace)
	if err != nil || !w.EnableIPRestriction && !w.EnforceMFA {
		return err
	}
	b2b, err := s.settings(ctx)
	if err != nil {
		return err
	}
	return access.CallerOf(ctx).Eligible(w.demands(b2b)).Err()
}
