package organization

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/platform/database"
)

// LeaveAll ends every membership of the caller, who is about to delete their
// account and whose row is locked. An organization that nobody else is a
// member of ends with it. It returns ErrLastAdmin when other members would be
// left without administrator; then the transaction must be rolled back.
func (s *Service) LeaveAll(ctx context.Context, tx *database.Tx) error {
	caller, q := access.CallerOf(ctx), New(tx)
	rows, err := q.MembershipsOfUser(ctx, MembershipsOfUserParams{UserID: caller.User, DeploymentID: caller.Deployment})
	if err != nil {
		return err
	}
	// Organizations are locked one by one, in one order for everybody.
	slices.SortFunc(rows, func(a, b MembershipsOfUserRow) int { return cmp.Compare(a.Organization.ID, b.Organization.ID) })
	for _, row := range rows {
		org, err := lockOrganization(ctx, q, caller.Deployment, row.Organization.ID)
		if errors.Is(err, ErrNotFound) {
			continue // it ended meanwhile
		}
		if err != nil {
			return err
		}
		if org.MemberCount > 1 {
			err = s.endMembership(ctx, tx, org.ID, row.Membership.ID)
		} else {
			err = closeOrganization(ctx, tx, org)
		}
		if err == error(ErrLastAdmin) { // not of a workspace, which is named
			return ErrLastAdmin.With(fmt.Sprintf("You are the last administrator of %q. Make somebody else one first, or delete the organization.", org.Name))
		}
		if err != nil && !errors.Is(err, ErrMemberNotFound) { // removed meanwhile
			return err
		}
	}
	return nil
}
