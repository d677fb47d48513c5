package organization

import (
	"context"
	"encoding/json"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/clock"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/user"
)

// OrganizationView is an organization as its members see it.
type OrganizationView struct {
	ID                      id.Organization `json:"id"`
	DeploymentID            id.Deployment   `json:"deployment_id"`
	Name                    string          `json:"name"`
	Description             string          `json:"description"`
	ImageURL                string          `json:"image_url"`
	MemberCount             int64           `json:"member_count"`
	WhitelistedIPs          []string        `json:"whitelisted_ips"`
	EnableIPRestriction     bool            `json:"enable_ip_restriction"`
	EnforceMFA              bool            `json:"enforce_mfa"`
	AutoAssignedWorkspaceID *id.Workspace   `json:"auto_assigned_workspace_id"`
	PublicMetadata          json.RawMessage `json:"public_metadata"`
	Segments                []user.Segment  `json:"segments"`
	CreatedAt               clock.Time      `json:"created_at"`
	UpdatedAt               clock.Time      `json:"updated_at"`
}

func organizationView(o Organization) OrganizationView {
	return OrganizationView{
		ID: o.ID, DeploymentID: o.DeploymentID, Name: o.Name, Description: o.Description, ImageURL: o.ImageURL,
		MemberCount: o.MemberCount, WhitelistedIPs: networksOf(o.WhitelistedIPs),
		EnableIPRestriction: o.EnableIPRestriction, EnforceMFA: o.EnforceMFA,
		AutoAssignedWorkspaceID: id.Optional(o.AutoAssignedWorkspaceID),
		PublicMetadata:          json.RawMessage(o.PublicMetadata), Segments: []user.Segment{},
		CreatedAt: o.CreatedAt, UpdatedAt: o.UpdatedAt,
	}
}

// RoleView is a role. The deployment's own have organization "0".
type RoleView struct {
	ID                id.OrganizationRole `json:"id"`
	OrganizationID    id.Organization     `json:"organization_id"`
	Name              string              `json:"name"`
	Permissions       access.Permissions  `json:"permissions"`
	IsSystemRole      bool                `json:"is_system_role"`
	CreatedAt         clock.Time          `json:"created_at"`
	UpdatedAt         clock.Time          `json:"updated_at"`
	IsDeploymentLevel bool                `json:"is_deployment_level"`
}

func roleView(r Role) RoleView {
	return RoleView{
		ID: r.ID, OrganizationID: r.OrganizationID, Name: r.Name, Permissions: r.Permissions,
		IsSystemRole: r.deploymentLevel(), IsDeploymentLevel: r.deploymentLevel(), CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
	}
}

// MembershipView is a member of an organization.
type MembershipView struct {
	ID                     id.OrganizationMembership `json:"id"`
	OrganizationID         id.Organization           `json:"organization_id"`
	UserID                 id.User                   `json:"user_id"`
	Organization           OrganizationView          `json:"organization"`
	User                   user.Public               `json:"user"`
	Roles                  []RoleView                `json:"roles"`
	PublicMetadata         json.RawMessage           `json:"public_metadata"`
	EligibilityRestriction *access.Eligibility       `json:"eligibility_restriction,omitempty" doc:"In one's own memberships only."`
	CreatedAt              clock.Time                `json:"created_at"`
	UpdatedAt              clock.Time                `json:"updated_at"`
}

// membershipViews shows memberships of the given organizations, with one query
// for the people and one for the roles.
func membershipViews(ctx context.Context, db database.DBTX, list []Membership, organizations map[id.Organization]Organization) ([]MembershipView, error) {
	people := make([]id.User, len(list))
	ids := make([]id.OrganizationMembership, len(list))
	for i, m := range list {
		people[i], ids[i] = m.UserID, m.ID
	}
	users, err := user.PublicByID(ctx, db, people)
	if err != nil {
		return nil, err
	}
	roles, err := rolesOfMembers(ctx, New(db), ids)
	if err != nil {
		return nil, err
	}
	views := make([]MembershipView, len(list))
	for i, m := range list {
		views[i] = MembershipView{
			ID: m.ID, OrganizationID: m.OrganizationID, UserID: m.UserID,
			Organization: organizationView(organizations[m.OrganizationID]), User: users[m.UserID],
			Roles: viewsOf(roles[m.ID], roleView), PublicMetadata: json.RawMessage(m.PublicMetadata),
			CreatedAt: m.CreatedAt, UpdatedAt: m.UpdatedAt,
		}
	}
	return views, nil
}

// WorkspaceView is a workspace as its members see it.
type WorkspaceView struct {
	ID                  id.Workspace    `json:"id"`
	OrganizationID      id.Organization `json:"organization_id"`
	Name                string          `json:"name"`
	Description         string          `json:"description"`
	ImageURL            string          `json:"image_url"`
	MemberCount         int64           `json:"member_count"`
	WhitelistedIPs      []string        `json:"whitelisted_ips"`
	EnableIPRestriction bool            `json:"enable_ip_restriction"`
	Enforce2FA          bool            `json:"enforce_2fa"`
	EnforceMFA          bool            `json:"enforce_mfa"`
	PublicMetadata      json.RawMessage `json:"public_metadata"`
	Segments            []user.Segment  `json:"segments"`
	CreatedAt           clock.Time      `json:"created_at"`
	UpdatedAt           clock.Time      `json:"updated_at"`
}

func workspaceView(w Workspace) WorkspaceView {
	return WorkspaceView{
		ID: w.ID, OrganizationID: w.OrganizationID, Name: w.Name, Description: w.Description, ImageURL: w.ImageURL,
		MemberCount: w.MemberCount, WhitelistedIPs: networksOf(w.WhitelistedIPs),
		EnableIPRestriction: w.EnableIPRestriction, Enforce2FA: w.EnforceMFA, EnforceMFA: w.EnforceMFA,
		PublicMetadata: json.RawMessage(w.PublicMetadata), Segments: []user.Segment{},
		CreatedAt: w.CreatedAt, UpdatedAt: w.UpdatedAt,
	}
}

// WorkspaceRoleView is a role in a workspace. The deployment's own have
// workspace "0".
type WorkspaceRoleView struct {
	ID                id.WorkspaceRole   `json:"id"`
	Name              string             `json:"name"`
	Permissions       access.Permissions `json:"permissions"`
	WorkspaceID       id.Workspace       `json:"workspace_id"`
	IsSystemRole      bool               `json:"is_system_role"`
	IsDeploymentLevel bool               `json:"is_deployment_level"`
	CreatedAt         clock.Time         `json:"created_at"`
	UpdatedAt         clock.Time         `json:"updated_at"`
}

func workspaceRoleView(r WorkspaceRole) WorkspaceRoleView {
	return WorkspaceRoleView{
		ID: r.ID, Name: r.Name, Permissions: r.Permissions, WorkspaceID: r.WorkspaceID,
		IsSystemRole: r.deploymentLevel(), IsDeploymentLevel: r.deploymentLevel(), CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
	}
}

// WorkspaceMembershipView is a member of a workspace. The person is there
// under both names that clients read.
type WorkspaceMembershipView struct {
	ID                       id.WorkspaceMembership    `json:"id"`
	WorkspaceID              id.Workspace              `json:"workspace_id"`
	OrganizationID           id.Organization           `json:"organization_id"`
	OrganizationMembershipID id.OrganizationMembership `json:"organization_membership_id"`
	UserID                   id.User                   `json:"user_id"`
	Workspace                WorkspaceView             `json:"workspace"`
	Organization             OrganizationView          `json:"organization"`
	User                     user.Public               `json:"user"`
	PublicUserData           user.Public               `json:"public_user_data"`
	Roles                    []WorkspaceRoleView       `json:"roles"`
	PublicMetadata           json.RawMessage           `json:"public_metadata"`
	EligibilityRestriction   *access.Eligibility       `json:"eligibility_restriction,omitempty" doc:"In one's own memberships only."`
	CreatedAt                clock.Time                `json:"created_at"`
	UpdatedAt                clock.Time                `json:"updated_at"`
}

// place is a workspace and the organization it is in.
type place struct {
	Workspace    Workspace
	Organization Organization
}

// workspaceMembershipViews shows memberships of the given workspaces, with one
// query for the people and one for the roles.
func workspaceMembershipViews(ctx context.Context, db database.DBTX, list []WorkspaceMembership, places map[id.Workspace]place) ([]WorkspaceMembershipView, error) {
	people := make([]id.User, len(list))
	ids := make([]id.WorkspaceMembership, len(list))
	for i, m := range list {
		people[i], ids[i] = m.UserID, m.ID
	}
	users, err := user.PublicByID(ctx, db, people)
	if err != nil {
		return nil, err
	}
	roles, err := rolesOfWorkspaceMembers(ctx, New(db), ids)
	if err != nil {
		return nil, err
	}
	views := make([]WorkspaceMembershipView, len(list))
	for i, m := range list {
		at := places[m.WorkspaceID]
		views[i] = WorkspaceMembershipView{
			ID: m.ID, WorkspaceID: m.WorkspaceID, OrganizationID: m.OrganizationID,
			OrganizationMembershipID: m.OrganizationMembershipID, UserID: m.UserID,
			Workspace: workspaceView(at.Workspace), Organization: organizationView(at.Organization),
			User: users[m.UserID], PublicUserData: users[m.UserID],
			Roles: viewsOf(roles[m.ID], workspaceRoleView), PublicMetadata: json.RawMessage(m.PublicMetadata),
			CreatedAt: m.CreatedAt, UpdatedAt: m.UpdatedAt,
		}
	}
	return views, nil
}

// viewsOf shows each of a list; the result is never nil.
func viewsOf[T, V any](list []T, view func(T) V) []V {
	views := make([]V, len(list))
	for i, one := range list {
		views[i] = view(one)
	}
	return views
}
