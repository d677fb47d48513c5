package organization

import (
	"context"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/event"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/user"
)

// Page is a part of a list, and where in the list it is.
type Page[T any] struct {
	Data []T      `json:"data"`
	Meta PageMeta `json:"meta"`
}

// PageMeta says which part of the list a page is.
type PageMeta struct {
	Total   int64 `json:"total"`
	Page    int64 `json:"page"`
	Limit   int64 `json:"limit"`
	HasMore bool  `json:"has_more"`
}

// paging is the part of a list that is asked for.
type paging struct{ page, limit int64 }

// pageOf takes absent values as the first page of ten, and too large ones as
// the largest there are.
func pageOf(page, limit int64) paging {
	const pages = 1 << 32
	p := paging{min(max(page, 1), pages), min(max(limit, 0), 100)}
	if p.limit == 0 {
		p.limit = 10
	}
	return p
}

func (p paging) skip() int64 { return (p.page - 1) * p.limit }

func (p paging) meta(total int64) PageMeta {
	return PageMeta{Total: total, Page: p.page, Limit: p.limit, HasMore: p.skip()+p.limit < total}
}

// total is the length of a list of which a page has so many items. It has to be
// counted only where the page does not tell.
func (p paging) total(items int, count func() (int64, error)) (int64, error) {
	found := int64(items)
	if found < p.limit && (found > 0 || p.page == 1) {
		return p.skip() + found, nil
	}
	return count()
}

// likePattern is what a person's search text is like, empty for everybody.
func likePattern(search string) string {
	folded := user.Fold(search)
	if folded == "" {
		return ""
	}
	return "%" + database.EscapeLike(folded) + "%"
}

type listMembersInput struct {
	OrganizationID id.Organization `path:"id"`
	Page           int64           `query:"page" doc:"From 1."`
	Limit          int64           `query:"limit" doc:"10 unless told, at most 100."`
	Search         string          `query:"search" maxLength:"100" doc:"Part of a name or an e-mail address."`
}

// listMembers is a page of the members, those who joined first before.
func (s *Service) listMembers(ctx context.Context, in listMembersInput) (out Page[MembershipView], err error) {
	org, err := findOrganization(ctx, s.queries, access.CallerOf(ctx).Deployment, in.OrganizationID)
	if err != nil {
		return out, err
	}
	rows, part, total := []Membership(nil), pageOf(in.Page, in.Limit), org.MemberCount
	if pattern := likePattern(in.Search); pattern == "" {
		rows, err = s.queries.MembersPage(ctx, MembersPageParams{OrganizationID: org.ID, PageSize: part.limit, Skip: part.skip()})
	} else {
		rows, err = s.queries.MembersLike(ctx, MembersLikeParams{OrganizationID: org.ID, Pattern: pattern, PageSize: part.limit, Skip: part.skip()})
		if err != nil {
			return out, err
		}
		total, err = part.total(len(rows), func() (int64, error) {
			return s.queries.CountMembersLike(ctx, CountMembersLikeParams{OrganizationID: org.ID, Pattern: pattern})
		})
	}
	if err != nil {
		return out, err
	}
	out.Meta = part.meta(total)
	out.Data, err = membershipViews(ctx, s.db, rows, map[id.Organization]Organization{org.ID: org})
	return out, err
}

// oneMembership is the view of a membership, as it is in the transaction.
func (s *Service) oneMembership(ctx context.Context, tx *database.Tx, organization id.Organization, member id.OrganizationMembership) (MembershipView, error) {
	q := New(tx)
	org, err := findOrganization(ctx, q, access.CallerOf(ctx).Deployment, organization)
	if err != nil {
		return MembershipView{}, err
	}
	row, err := q.MembershipByID(ctx, MembershipByIDParams{ID: member, OrganizationID: organization})
	if row, err = database.OrNotFound(row, err, ErrMemberNotFound); err != nil {
		return MembershipView{}, err
	}
	views, err := membershipViews(ctx, tx, []Membership{row}, map[id.Organization]Organization{organization: org})
	if err != nil {
		return MembershipView{}, err
	}
	return views[0], nil
}

type memberInput struct {
	OrganizationID id.Organization           `path:"id"`
	MemberID       id.OrganizationMembership `path:"memberId"`
}

// removeMember ends somebody's membership.
func (s *Service) removeMember(ctx context.Context, in memberInput) (done, error) {
	err := s.db.InTx(ctx, func(tx *database.Tx) error {
		if _, err := turn(ctx, New(tx), in.OrganizationID); err != nil {
			return err
		}
		return s.endMembership(ctx, tx, in.OrganizationID, in.MemberID)
	})
	return done{err == nil}, err
}

type memberRoleInput struct {
	OrganizationID id.Organization           `path:"id"`
	MemberID       id.OrganizationMembership `path:"memberId"`
	RoleID         id.OrganizationRole       `path:"roleId"`
}

// changedMember is a membership after a change of its roles.
type changedMember struct {
	MembershipView
	Success bool `json:"success"`
}

// addMemberRole gives a member a role; one that is held already changes
// nothing.
func (s *Service) addMemberRole(ctx context.Context, in memberRoleInput) (changedMember, error) {
	return s.changeRole(ctx, in, func(tx *database.Tx, m Membership, role Role) (string, error) {
		given, err := New(tx).GiveRoles(ctx, GiveRolesParams{
			MembershipID: m.ID, OrganizationID: m.OrganizationID, DeploymentID: m.DeploymentID,
			Roles: []int64{int64(role.ID)}, Now: tx.Now,
		})
		if given == 0 {
			return "", err
		}
		return "organization.member.role_added", err
	})
}

// removeMemberRole takes a role from a member; one that is not held changes
// nothing.
func (s *Service) removeMemberRole(ctx context.Context, in memberRoleInput) (changedMember, error) {
	return s.changeRole(ctx, in, func(tx *database.Tx, m Membership, role Role) (string, error) {
		q := New(tx)
		taken, err := q.TakeRole(ctx, TakeRoleParams{MembershipID: m.ID, RoleID: role.ID, OrganizationID: m.OrganizationID})
		if err != nil || taken == 0 {
			return "", err
		}
		return "organization.member.role_removed", keepsAdministrator(ctx, q, m.OrganizationID, role.Permissions)
	})
}

// changeRole looks up member and role within the locked organization, checks
// that the caller holds what the role gives, and lets change do its work. It
// writes the event that change names; none, when nothing changed.
func (s *Service) changeRole(ctx context.Context, in memberRoleInput, change func(tx *database.Tx, m Membership, role Role) (string, error)) (out changedMember, err error) {
	caller := access.CallerOf(ctx)
	err = s.db.InTx(ctx, func(tx *database.Tx) error {
		q := New(tx)
		if _, err := turn(ctx, q, in.OrganizationID); err != nil {
			return err
		}
		m, held, err := findMember(ctx, q, in.OrganizationID, in.MemberID)
		if err != nil {
			return err
		}
		role, err := findRole(ctx, q, in.OrganizationID, in.RoleID)
		if err != nil {
			return err
		}
		if !caller.Organization.Permissions.Cover(role.Permissions) {
			return ErrCeiling
		}
		name, err := change(tx, m, role)
		if err != nil {
			return err
		}
		view, err := s.oneMembership(ctx, tx, in.OrganizationID, m.ID)
		if err != nil {
			return err
		}
		out = changedMember{view, true}
		if name == "" {
			return nil
		}
		after := viewsOf(view.Roles, func(r RoleView) id.OrganizationRole { return r.ID })
		return event.Emit(ctx, tx, event.Event{
			Name: name, Organization: in.OrganizationID, Subject: int64(m.UserID),
			Data: map[string]any{"membership_id": m.ID, "role_id": role.ID, "before": roleIDs(held), "after": after},
		})
	})
	return out, err
}
