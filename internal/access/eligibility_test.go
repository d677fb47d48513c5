package access_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/guildhall-id/guildhall/internal/access"
)

func TestEligible(t *testing.T) {
	inside, outside := netip.MustParseAddr("::ffff:192.0.2.7"), netip.MustParseAddr("198.51.100.1")
	network := access.Demands{Networks: []string{"192.0.2.0/24"}}
	factor := access.Demands{SecondFactor: true}
	tests := map[string]struct {
		address netip.Addr
		factor  bool
		demands []access.Demands
		want    string
	}{
		"no demand":            {outside, false, []access.Demands{{}}, "none"},
		"inside the network":   {inside, false, []access.Demands{network}, "none"},
		"outside the network":  {outside, true, []access.Demands{network}, "ip_not_allowed"},
		"from nowhere":         {netip.Addr{}, true, []access.Demands{network}, "ip_not_allowed"},
		"a list of rubbish":    {inside, true, []access.Demands{{Networks: []string{"rubbish"}}}, "ip_not_allowed"},
		"with a second factor": {outside, true, []access.Demands{factor}, "none"},
		"without":              {outside, false, []access.Demands{factor}, "mfa_required"},
		"the organization's hold in its workspaces": {outside, false, []access.Demands{network, factor}, "ip_and_mfa_required"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := access.Caller{Client: access.Client{IP: test.address}, SecondFactor: test.factor}
			got := c.Eligible(test.demands...)
			if none := got.Type == "none"; got.Type != test.want || (got.Message == "") != none || (got.Err() == nil) != none {
				t.Errorf("got %+v, want %s", got, test.want)
			}
			if strings.HasPrefix(got.Type, "ip_") && !strings.Contains(got.Message, "ask an administrator") {
				t.Errorf("does not say what to do: %s", got.Message)
			}
		})
	}
}

// Membership and permission are not enough where the tenant demands more; what
// is allowed from anywhere is not asked.
func TestRulesDemand(t *testing.T) {
	c := &access.Caller{
		User: 1, SignIn: 1, Client: access.Client{IP: netip.MustParseAddr("198.51.100.1")},
		Organization: access.OrganizationGrant{
			ID: 1, Membership: 1, Permissions: access.Permissions{access.OrganizationAdmin},
			Demands: access.Demands{Networks: []string{"192.0.2.1"}},
		},
		Workspace: access.WorkspaceGrant{ID: 1, Organization: 1, Membership: 1, Permissions: access.Permissions{access.WorkspaceAdmin}},
	}
	for _, rule := range []access.Rule{access.InOrganization(access.OrganizationRead), access.InWorkspace(access.WorkspaceRead)} {
		if err := rule.Decide(c); !errors.Is(err, access.ErrIneligible) {
			t.Errorf("%s: %v", rule, err)
		}
		if err := rule.EvenIneligible().Decide(c); err != nil {
			t.Errorf("%s: %v", rule.EvenIneligible(), err)
		}
	}
	overruling := access.InWorkspace(access.WorkspaceAdmin).Overruling()
	if err := overruling.Decide(c); !errors.Is(err, access.ErrIneligible) {
		t.Errorf("what the organization demands is overruled: %v", err)
	}
	c.Organization.Demands, c.Workspace.Demands = access.Demands{}, c.Organization.Demands
	if err := overruling.Decide(c); err != nil {
		t.Errorf("an administrator of the organization: %v", err)
	}
	c.Organization.Permissions = access.Permissions{access.OrganizationManage}
	if err := overruling.Decide(c); !errors.Is(err, access.ErrIneligible) {
		t.Errorf("an administrator of the workspace alone: %v", err)
	}
	c.Organization.Membership, c.Workspace.Membership = 0, 0
	c.Workspace.Permissions = nil
	for _, rule := range []access.Rule{access.InOrganization(), access.InWorkspace()} {
		if err := rule.Decide(c); !errors.Is(err, access.ErrNotFound) {
			t.Errorf("a stranger is told what %s demands: %v", rule, err)
		}
	}
}
