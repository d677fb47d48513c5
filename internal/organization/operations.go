package organization

import (
	"slices"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/api"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
)

// Operations is everything clients can do with organizations and workspaces.
// Where the deployment has none of them, all but the list of one's
// memberships, which is empty then, refuse.
func (s *Service) Operations() []api.Operation {
	gated := slices.Concat(
		s.organizationOperations(), s.memberOperations(), s.invitationOperations(),
		s.workspaceOperations(), s.workspaceMemberOperations(),
	)
	for i := range gated {
		gated[i].Errors = append(gated[i].Errors, deployment.ErrFeatureDisabled)
	}
	return append(gated, api.Operation{
		ID:      "GetUserOrganizationMemberships",
		Route:   "GET /me/organization-memberships",
		Summary: "List the organizations of the signed-in person.",
		Access:  access.SignedIn(),
		Handle:  api.Handle(s.myOrganizations),
	})
}

func (s *Service) organizationOperations() []api.Operation {
	return []api.Operation{
		{
			ID:      "CreateOrganization",
			Route:   "POST /organizations",
			Summary: "Create an organization, with the caller as its first administrator.",
			Access:  access.SignedIn(),
			Errors:  append([]*fault.Error{ErrNameInvalid, ErrCreationOff, ErrTooManyJoined, ErrTooManyCreated}, refusedPictures...),
			Handle:  inOrganizations(s, s.createOrganization),
		},
		{
			ID:      "UpdateOrganization",
			Route:   "POST /organizations/{id}/update",
			Summary: "Change the name, description, picture and restrictions of an organization. What is not sent stays.",
			Access:  access.InOrganization(access.OrganizationManage),
			Errors:  append([]*fault.Error{ErrNameInvalid, access.ErrNetworkInvalid, ErrTooManyNetworks, ErrWorkspaceNotFound, ErrCeiling, ErrLockedOut}, refusedPictures...),
			Handle:  inOrganizations(s, s.updateOrganization),
		},
		{
			ID:      "DeleteOrganization",
			Route:   "POST /organizations/{id}/delete",
			Summary: "Delete an organization with its workspaces, memberships and invitations.",
			Access:  access.InOrganization(access.OrganizationAdmin),
			Errors:  []*fault.Error{ErrDeletionOff},
			Handle:  inOrganizations(s, s.deleteOrganization),
		},
		{
			ID:      "LeaveOrganization",
			Route:   "POST /organizations/{id}/leave",
			Summary: "Leave an organization and all its workspaces.",
			Access:  access.InOrganization().EvenIneligible(),
			Errors:  []*fault.Error{ErrLastAdmin},
			Handle:  inOrganizations(s, s.leaveOrganization),
		},
		{
			ID:      "GetOrganizationRoles",
			Route:   "GET /organizations/{id}/roles",
			Summary: "List the roles of an organization, those of the whole application first.",
			Access:  access.InOrganization(),
			Handle:  inOrganizations(s, s.listRoles),
		},
		{
			ID:      "CreateOrganizationRole",
			Route:   "POST /organizations/{id}/roles",
			Summary: "Create a role with permissions that the caller holds.",
			Access:  access.InOrganization(access.OrganizationManage),
			Errors:  []*fault.Error{ErrRoleNameInvalid, ErrRoleNameTaken, ErrPermissionUnknown, ErrCeiling, ErrCustomRolesOff},
			Handle:  inOrganizations(s, s.createRole),
		},
		{
			ID:      "RemoveOrganizationRoles",
			Route:   "POST /organizations/{id}/roles/{roleId}/remove",
			Summary: "Delete a role that nobody holds.",
			Access:  access.InOrganization(access.OrganizationManage),
			Errors:  []*fault.Error{ErrRoleNotFound, ErrRoleFixed, ErrRoleInUse, ErrCeiling},
			Handle:  inOrganizations(s, s.deleteRole),
		},
	}
}

func (s *Service) memberOperations() []api.Operation {
	return []api.Operation{
		{
			ID:      "GetOrganizationMembers",
			Route:   "GET /organizations/{id}/members",
			Summary: "List the members of an organization, page by page.",
			Access:  access.InOrganization(),
			Handle:  inOrganizations(s, s.listMembers),
		},
		{
			ID:      "RemoveMember",
			Route:   "POST /organizations/{id}/members/{memberId}/remove",
			Summary: "Remove a member from an organization and all its workspaces.",
			Access:  access.InOrganization(access.OrganizationManageMembers),
			Errors:  []*fault.Error{ErrMemberNotFound, ErrLastAdmin, ErrCeiling},
			Handle:  inOrganizations(s, s.removeMember),
		},
		{
			ID:      "AddMemberRole",
			Route:   "POST /organizations/{id}/members/{memberId}/roles/{roleId}/add",
			Summary: "Give a member a role.",
			Access:  access.InOrganization(access.OrganizationManageMembers),
			Errors:  []*fault.Error{ErrMemberNotFound, ErrRoleNotFound, ErrCeiling},
			Handle:  inOrganizations(s, s.addMemberRole),
		},
		{
			ID:      "RemoveMemberRole",
			Route:   "POST /organizations/{id}/members/{memberId}/roles/{roleId}/remove",
			Summary: "Take a role from a member.",
			Access:  access.InOrganization(access.OrganizationManageMembers),
			Errors:  []*fault.Error{ErrMemberNotFound, ErrRoleNotFound, ErrLastAdmin, ErrCeiling},
			Handle:  inOrganizations(s, s.removeMemberRole),
		},
	}
}

func (s *Service) workspaceOperations() []api.Operation {
	return []api.Operation{
		{
			ID:      "GetUserWorkspaceMemberships",
			Route:   "GET /me/workspace-memberships",
			Summary: "List the workspaces of the signed-in person.",
			Access:  access.SignedIn(),
			Handle:  inWorkspaces(s, s.myWorkspaces),
		},
		{
			ID:      "CreateWorkspace",
			Route:   "POST /workspaces",
			Summary: "Create a workspace in an organization, with the caller as its first administrator.",
			Access:  access.InOrganization().NamedBy("organization_id"),
			Errors:  append([]*fault.Error{ErrNameInvalid, ErrTooManyWorkspaces}, refusedPictures...),
			Handle:  inWorkspaces(s, s.createWorkspace),
		},
		{
			ID:      "UpdateWorkspace",
			Route:   "POST /workspaces/{id}/update",
			Summary: "Change the name, description, picture and restrictions of a workspace. What is not sent stays.",
			Access:  access.InWorkspace(access.WorkspaceManage).Overruling(),
			Errors:  append([]*fault.Error{ErrNameInvalid, access.ErrNetworkInvalid, ErrTooManyNetworks, ErrLockedOut}, refusedPictures...),
			Handle:  inWorkspaces(s, s.updateWorkspace),
		},
		{
			ID:      "DeleteWorkspace",
			Route:   "POST /workspaces/{id}/delete",
			Summary: "Delete a workspace with its memberships and invitations.",
			Access:  access.InWorkspace(access.WorkspaceAdmin).Overruling(),
			Errors:  []*fault.Error{ErrDeletionOff},
			Handle:  inWorkspaces(s, s.deleteWorkspace),
		},
		{
			ID:      "LeaveWorkspace",
			Route:   "POST /workspaces/{id}/leave",
			Summary: "Leave a workspace.",
			Access:  access.InWorkspace().EvenIneligible(),
			Errors:  []*fault.Error{ErrMemberNotFound, ErrLastAdmin},
			Handle:  inWorkspaces(s, s.leaveWorkspace),
		},
		{
			ID:      "GetWorkspaceRoles",
			Route:   "GET /workspaces/{id}/roles",
			Summary: "List the roles of a workspace, those of the whole application first.",
			Access:  access.InWorkspace(),
			Handle:  inWorkspaces(s, s.listWorkspaceRoles),
		},
		{
			ID:      "CreateWorkspaceRole",
			Route:   "POST /workspaces/{id}/roles",
			Summary: "Create a role with permissions that the caller holds.",
			Access:  access.InWorkspace(access.WorkspaceManage),
			Errors:  []*fault.Error{ErrRoleNameInvalid, ErrRoleNameTaken, ErrPermissionUnknown, ErrCeiling, ErrCustomRolesOff},
			Handle:  inWorkspaces(s, s.createWorkspaceRole),
		},
		{
			ID:      "DeleteWorkspaceRole",
			Route:   "POST /workspaces/{id}/roles/{roleId}/delete",
			Summary: "Delete a role that nobody holds.",
			Access:  access.InWorkspace(access.WorkspaceManage),
			Errors:  []*fault.Error{ErrRoleNotFound, ErrRoleFixed, ErrRoleInUse, ErrCeiling},
			Handle:  inWorkspaces(s, s.deleteWorkspaceRole),
		},
	}
}

func (s *Service) workspaceMemberOperations() []api.Operation {
	return []api.Operation{
		{
			ID:      "GetWorkspaceMembers",
			Route:   "GET /workspaces/{id}/members",
			Summary: "List the members of a workspace, page by page.",
			Access:  access.InWorkspace(),
			Handle:  inWorkspaces(s, s.listWorkspaceMembers),
		},
		{
			ID:      "WorkspaceRemoveMember",
			Route:   "POST /workspaces/{id}/members/{memberId}/remove",
			Summary: "Remove a member from a workspace.",
			Access:  access.InWorkspace(access.WorkspaceManage),
			Errors:  []*fault.Error{ErrMemberNotFound, ErrLastAdmin, ErrCeiling},
			Handle:  inWorkspaces(s, s.removeWorkspaceMember),
		},
		{
			ID:      "AddWorkspaceMemberRole",
			Route:   "POST /workspaces/{id}/members/{membershipId}/roles/{roleId}/add",
			Summary: "Give a member of a workspace a role.",
			Access:  access.InWorkspace(access.WorkspaceManage),
			Errors:  []*fault.Error{ErrMemberNotFound, ErrRoleNotFound, ErrCeiling},
			Handle:  inWorkspaces(s, s.addWorkspaceMemberRole),
		},
		{
			ID:      "RemoveWorkspaceMemberRole",
			Route:   "POST /workspaces/{id}/members/{membershipId}/roles/{roleId}/remove",
			Summary: "Take a role from a member of a workspace.",
			Access:  access.InWorkspace(access.WorkspaceManage),
			Errors:  []*fault.Error{ErrMemberNotFound, ErrRoleNotFound, ErrLastAdmin, ErrCeiling},
			Handle:  inWorkspaces(s, s.removeWorkspaceMemberRole),
		},
	}
}
