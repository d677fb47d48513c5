package organization

import (
	"context"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/id"
)

// grantOf is what a person may do in an organization now. Without membership
// all but its ID is zero.
func grantOf(ctx context.Context, q *Queries, organization id.Organization, user id.User) (access.OrganizationGrant, error) {
	rows, err := q.GrantRows(ctx, GrantRowsParams{OrganizationID: organization, UserID: user})
	grant := access.OrganizationGrant{ID: organization}
	for _, row := range rows {
		grant.Membership = row.MembershipID
		grant.Permissions = append(grant.Permissions, row.Permissions...)
	}
	return grant, err
}

// workspaceGrantOf is what a person may do in a workspace of an organization
// now; administrators of the organization hold workspace:admin.
func workspaceGrantOf(ctx context.Context, q *Queries, organization id.Organization, workspace id.Workspace, user id.User) (access.WorkspaceGrant, error) {
	grant := access.WorkspaceGrant{ID: workspace, Organization: organization}
	above, err := grantOf(ctx, q, organization, user)
	if err != nil {
		return grant, err
	}
	if above.Permissions.Hold(access.OrganizationAdmin) {
		grant.Permissions = access.Permissions{access.WorkspaceAdmin}
	}
	rows, err := q.WorkspaceGrantRows(ctx, WorkspaceGrantRowsParams{OrganizationID: organization, WorkspaceID: workspace, UserID: user})
	for _, row := range rows {
		grant.Membership = row.MembershipID
		grant.Permissions = append(grant.Permissions, row.Permissions...)
	}
	return grant, err
}
