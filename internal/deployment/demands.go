package deployment

import (
	"encoding/json"

	"github.com/guildhall-id/guildhall/internal/access"
)

// OrganizationDemands are what an organization asks of those who act in it, as
// far as the deployment offers that. networks is a JSON list, or empty when
// addresses are not restricted.
func (b B2BSettings) OrganizationDemands(networks string, enforceMFA bool) access.Demands {
	return demands(networks, b.IPAllowlistPerOrgEnabled, enforceMFA && b.EnforceMFAPerOrgEnabled)
}

// WorkspaceDemands is OrganizationDemands for a workspace.
func (b B2BSettings) WorkspaceDemands(networks string, enforceMFA bool) access.Demands {
	return demands(networks, b.IPAllowlistPerWorkspace, enforceMFA && b.EnforceMFAPerWorkspaceEnabled)
}

func demands(networks string, offered, secondFactor bool) access.Demands {
	d := access.Demands{SecondFactor: secondFactor}
	if !offered || networks == "" {
		return d
	}
	if err := json.Unmarshal([]byte(networks), &d.Networks); err != nil {
		d.Networks = []string{networks} // what cannot be read lets nobody in
	}
	return d
}
