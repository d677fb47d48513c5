package organization

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"iter"
	"math"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/api"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/clock"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
	"github.com/guildhall-id/guildhall/internal/user"
)

// ErrCursor refuses a cursor that no answer gave.
var ErrCursor = fault.New(fault.Invalid, "BAD_REQUEST_BODY", "This cursor is not valid: send the one of the last answer, or none.")

// The sizes of what is read at once: of a list without limit, and of a page.
const (
	listPiece   = 500
	defaultPage = 100
)

type listInvitationsInput struct {
	OrganizationID id.Organization `path:"id"`
	WorkspaceID    id.Workspace    `query:"workspace_id" doc:"Only those into this workspace."`
	Status         string          `query:"status" enum:"pending,expired,accepted,discarded,declined,all" doc:"Default pending, which includes expired ones."`
	Search         string          `query:"search" maxLength:"100" doc:"Part of the address."`
	Limit          int64           `query:"limit" minimum:"1" maximum:"100" doc:"Without limit and cursor the answer has all."`
	Cursor         string          `query:"cursor" doc:"X-Next-Cursor of the answer before."`
}

// listInvitations answers with any number of invitations in bounded memory: a
// piece is read when the one before has been sent.
func (s *Service) listInvitations(ctx context.Context, in listInvitationsInput) (api.List[InvitationView], error) {
	var list api.List[InvitationView]
	if err := s.mayList(ctx, in.OrganizationID, in.WorkspaceID); err != nil {
		return list, err
	}
	before, err := parseCursor(in.Cursor)
	if err != nil {
		return list, err
	}
	now := s.db.Now()
	read := s.invitationReader(in, now)
	views := s.newInvitationViews(in.OrganizationID, now)
	if in.Limit == 0 && in.Cursor == "" {
		list.Items = inPieces(ctx, s.db, read, views)
		return list, nil
	}
	if in.Limit == 0 {
		in.Limit = defaultPage
	}
	page, err := read(ctx, before, in.Limit+1)
	if err != nil {
		return list, err
	}
	if int64(len(page)) > in.Limit {
		page = page[:in.Limit]
		list.Next = printCursor(page[len(page)-1].ID)
	}
	made, err := views.of(ctx, s.db, page)
	list.Items = func(yield func(InvitationView, error) bool) {
		for _, view := range made {
			if !yield(view, nil) {
				return
			}
		}
	}
	return list, err
}

// mayList lets managers of the organization's members list all, and managers
// of a workspace what leads into it.
func (s *Service) mayList(ctx context.Context, organization id.Organization, workspace id.Workspace) error {
	caller := access.CallerOf(ctx)
	if caller.Organization.Permissions.Hold(access.OrganizationManageMembers) {
		if workspace == 0 {
			return nil
		}
		_, err := findWorkspace(ctx, s.queries, organization, workspace)
		return err
	}
	if workspace == 0 {
		return access.ErrForbidden
	}
	grant, err := workspaceGrantOf(ctx, s.queries, organization, workspace, caller.User)
	if err != nil {
		return err
	}
	if !grant.Permissions.Hold(access.WorkspaceManage) {
		return access.ErrForbidden
	}
	return s.usable(ctx, s.queries, organization, workspace)
}

// invitationReader reads up to a number of invitations below an id.
type invitationReader func(ctx context.Context, before id.Invitation, size int64) ([]Invitation, error)

func (s *Service) invitationReader(in listInvitationsInput, now clock.Time) invitationReader {
	if in.Search == "" && (in.Status == "" || in.Status == pending) {
		return func(ctx context.Context, before id.Invitation, size int64) ([]Invitation, error) {
			return s.queries.PendingInvitations(ctx, PendingInvitationsParams{
				OrganizationID: in.OrganizationID, WorkspaceID: in.WorkspaceID, Before: before, Size: size,
			})
		}
	}
	statuses, expiredBy := []string{in.Status}, clock.Time(math.MaxInt64)
	switch in.Status {
	case "":
		statuses = []string{pending}
	case "all":
		statuses = []string{pending, accepted, discarded, declined, closed}
	case closed:
		statuses, expiredBy = []string{pending, closed}, now
	}
	return func(ctx context.Context, before id.Invitation, size int64) ([]Invitation, error) {
		return s.queries.SearchInvitations(ctx, SearchInvitationsParams{
			OrganizationID: in.OrganizationID, WorkspaceID: in.WorkspaceID, Before: before, Size: size,
			Statuses: statuses, ExpiredBy: expiredBy, Pattern: "%" + database.EscapeLike(user.Fold(in.Search)) + "%",
		})
	}
}

// inPieces are the views of all that read finds.
func inPieces(ctx context.Context, db database.DBTX, read invitationReader, views *invitationViews) iter.Seq2[InvitationView, error] {
	return func(yield func(InvitationView, error) bool) {
		before := id.Invitation(math.MaxInt64)
		for {
			piece, err := read(ctx, before, listPiece)
			if err != nil {
				yield(InvitationView{}, err)
				return
			}
			made, err := views.of(ctx, db, piece)
			if err != nil {
				yield(InvitationView{}, err)
				return
			}
			for _, view := range made {
				if !yield(view, nil) {
					return
				}
			}
			if len(piece) < listPiece {
				return
			}
			before = piece[len(piece)-1].ID
		}
	}
}

// A cursor is the id that the next page lies below, as base64url of 8 bytes.

func printCursor(last id.Invitation) string {
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, uint64(last)))
}

// parseCursor accepts what printCursor made, and nothing as the beginning.
func parseCursor(s string) (id.Invitation, error) {
	if s == "" {
		return math.MaxInt64, nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(raw) != 8 {
		return 0, ErrCursor
	}
	n := binary.BigEndian.Uint64(raw)
	if n == 0 || n > math.MaxInt64 || printCursor(id.Invitation(n)) != s {
		return 0, ErrCursor
	}
	return id.Invitation(n), nil
}
