package access_test

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/guildhall-id/guildhall/internal/access"
)

func TestRules(t *testing.T) {
	nobody := access.Caller{}
	stranger := access.Caller{User: 1}
	member := access.Caller{User: 1, Organization: access.OrganizationGrant{ID: 2, Membership: 3, Permissions: access.Permissions{access.OrganizationMember}}}
	helper := access.Caller{User: 1, Organization: access.OrganizationGrant{ID: 2, Membership: 3, Permissions: access.Permissions{access.OrganizationManageMembers}}}
	manager := access.Caller{User: 1, Organization: access.OrganizationGrant{ID: 2, Membership: 3, Permissions: access.Permissions{access.OrganizationManage}}}
	admin := access.Caller{User: 1, Organization: access.OrganizationGrant{ID: 2, Membership: 3, Permissions: access.Permissions{access.OrganizationAdmin}}}
	disabled := admin
	disabled.Disabled = true
	enrolling := admin
	enrolling.Enrolling = true
	adminElsewhere := access.Caller{User: 1, Workspace: access.WorkspaceGrant{ID: 4, Permissions: access.Permissions{access.WorkspaceAdmin}}}
	inWorkspace := access.Caller{User: 1, Workspace: access.WorkspaceGrant{ID: 4, Membership: 5, Permissions: access.Permissions{access.WorkspaceMember}}}

	tests := map[string]struct {
		rule   access.Rule
		caller access.Caller
		want   error
	}{
		"no rule allows nobody":                          {access.Rule{}, admin, access.ErrUnauthenticated},
		"anyone may":                                     {access.Anyone(), nobody, nil},
		"any browser may":                                {access.Browser(), nobody, nil},
		"nobody is asked to sign in":                     {access.SignedIn(), nobody, access.ErrUnauthenticated},
		"a disabled person is told":                      {access.SignedIn(), disabled, access.ErrDisabled},
		"anonymous is asked to sign in":                  {access.InOrganization(access.OrganizationManageMembers), nobody, access.ErrUnauthenticated},
		"a stranger sees nothing":                        {access.InOrganization(access.OrganizationManageMembers), stranger, access.ErrNotFound},
		"a member may not manage":                        {access.InOrganization(access.OrganizationManageMembers), member, access.ErrForbidden},
		"who manages members may":                        {access.InOrganization(access.OrganizationManageMembers), helper, nil},
		"managing includes managing members":             {access.InOrganization(access.OrganizationManageMembers), manager, nil},
		"managing members does not include managing":     {access.InOrganization(access.OrganizationManage), helper, access.ErrForbidden},
		"managing does not include administration":       {access.InOrganization(access.OrganizationAdmin), manager, access.ErrForbidden},
		"an administrator may do it all":                 {access.InOrganization(access.OrganizationManageMembers), admin, nil},
		"membership is enough when no right is asked":    {access.InOrganization(), member, nil},
		"a disabled administrator may nothing":           {access.InOrganization(), disabled, access.ErrDisabled},
		"who has to set up a second factor may do that":  {access.Enrolling(), enrolling, nil},
		"and sees what any browser sees":                 {access.Browser(), enrolling, nil},
		"and nothing of themselves":                      {access.SignedIn(), enrolling, access.ErrEnrolment},
		"and nothing of a tenant":                        {access.InOrganization(), enrolling, access.ErrEnrolment},
		"setting up is for people":                       {access.Enrolling(), nobody, access.ErrUnauthenticated},
		"setting up is not for the disabled":             {access.Enrolling(), disabled, access.ErrDisabled},
		"a stranger sees no workspace":                   {access.InWorkspace(), member, access.ErrNotFound},
		"an organization's administrator administers it": {access.InWorkspace(access.WorkspaceAdmin), adminElsewhere, nil},
		"a workspace member may not manage it":           {access.InWorkspace(access.WorkspaceManage), inWorkspace, access.ErrForbidden},
		"a stranger sees no invitations":                 {access.Invitations(), stranger, access.ErrNotFound},
		"a member passes to the use case's own question": {access.Invitations(), member, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := tt.rule.Decide(&tt.caller); !errors.Is(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

var everyPermission = []access.Permission{
	access.OrganizationAdmin, access.OrganizationManage, access.OrganizationManageMembers, access.OrganizationRead, access.OrganizationMember,
	access.WorkspaceAdmin, access.WorkspaceManage, access.WorkspaceWrite, access.WorkspaceRead, access.WorkspaceMember, "organization:billing", "billing:write",
}

// S5: the ceiling is an order. What is covered by what is covered is covered,
// so nobody can climb by giving roles in turn.
func TestCeilingIsTransitive(t *testing.T) {
	some := rapid.SliceOfN(rapid.SampledFrom(everyPermission), 0, 4)
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := access.Permissions(some.Draw(t, "a")), access.Permissions(some.Draw(t, "b")), access.Permissions(some.Draw(t, "c"))
		if !a.Cover(a) {
			t.Fatalf("%v does not cover itself", a)
		}
		if a.Cover(b) && b.Cover(c) && !a.Cover(c) {
			t.Fatalf("%v covers %v, which covers %v, but the first does not cover the last", a, b, c)
		}
	})
}

func TestPermissionsAreTheirText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ps := access.Permissions(rapid.SliceOfN(rapid.SampledFrom(everyPermission), 0, 6).Draw(t, "permissions"))
		value, _ := ps.Value()
		var back access.Permissions
		if err := back.Scan(value); err != nil || back.String() != ps.String() {
			t.Fatalf("%v came back as %v, %v", ps, back, err)
		}
	})
}

func TestWhatPermissionsHold(t *testing.T) {
	tests := map[string]struct {
		have, want access.Permission
		held       bool
	}{
		"an administrator holds the catalog's own":        {access.OrganizationAdmin, "billing:write", true},
		"and what looks like the organization's":          {access.OrganizationAdmin, "organization:billing", true},
		"but nothing of workspaces by itself":             {access.OrganizationAdmin, access.WorkspaceRead, false},
		"a workspace's administrator nothing above it":    {access.WorkspaceAdmin, access.OrganizationMember, false},
		"a manager does not hold the catalog's own":       {access.OrganizationManage, "billing:write", false},
		"a manager is not an administrator":               {access.OrganizationManage, access.OrganizationAdmin, false},
		"who manages members can make plain members":      {access.OrganizationManageMembers, access.OrganizationMember, true},
		"who writes can read":                             {access.WorkspaceWrite, access.WorkspaceRead, true},
		"who reads cannot write":                          {access.WorkspaceRead, access.WorkspaceWrite, false},
		"an invented admin permission is nothing special": {"billing:admin", "billing:write", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := (access.Permissions{tt.have}).Hold(tt.want); got != tt.held {
				t.Errorf("%s holds %s: %v", tt.have, tt.want, got)
			}
		})
	}
}
