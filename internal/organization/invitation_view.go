package organization

import (
	"bytes"
	"context"
	"encoding/json"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/api"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/clock"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/secret"
	"github.com/guildhall-id/guildhall/internal/user"
)

// InvitationView is an invitation as those see it who may manage it (contract
// section 11). Token is empty unless the invitation is pending.
type InvitationView struct {
	ID             id.Invitation                     `json:"id"`
	OrganizationID id.Organization                   `json:"organization_id"`
	Email          string                            `json:"email" format:"email"`
	Token          string                            `json:"token"`
	Status         string                            `json:"status" enum:"pending,accepted,discarded,declined,expired"`
	ExpiresAt      clock.Time                        `json:"expires_at"`
	CreatedAt      clock.Time                        `json:"created_at"`
	UpdatedAt      clock.Time                        `json:"updated_at"`
	Role           *encoded[RoleView]                `json:"initial_organization_role"`
	WorkspaceRole  *encoded[InvitationWorkspaceRole] `json:"initial_workspace_role"`
	Workspace      *encoded[InvitationPlace]         `json:"workspace"`
	Inviter        *encoded[InvitationInviter]       `json:"inviter"`
	InviterRoles   *encoded[[]RoleView]              `json:"inviter_roles"`
	Expired        bool                              `json:"expired" doc:"Pending, but past expires_at."`
	NeedsApproval  bool                              `json:"needs_approval" doc:"Its inviter can no longer give these roles. Whoever can approves it by sending it again."`
	Success        bool                              `json:"success,omitempty" doc:"True in the answer to a discard."`
}

// InvitationWorkspaceRole is the role that an invitation gives in a workspace.
type InvitationWorkspaceRole struct {
	ID          id.WorkspaceRole   `json:"id"`
	Name        string             `json:"name"`
	Permissions access.Permissions `json:"permissions"`
}

// InvitationPlace is the organization or workspace of an invitation.
type InvitationPlace struct {
	ID   id.Subject `json:"id"`
	Name string     `json:"name"`
}

// InvitationInviter is who invited. Who has left the organization since has no
// membership and no roles.
type InvitationInviter struct {
	ID           id.User                   `json:"id"`
	FirstName    string                    `json:"first_name"`
	LastName     string                    `json:"last_name"`
	Email        string                    `json:"email" format:"email"`
	MembershipID id.OrganizationMembership `json:"membership_id"`
	User         *user.Public              `json:"user"`
	Roles        []RoleView                `json:"roles"`
}

// encoded is a value as its JSON text, for parts that the items of a list
// share: they are encoded once.
type encoded[T any] struct{ json []byte }

func encode[T any](value T) (*encoded[T], error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(value)
	return &encoded[T]{bytes.TrimSuffix(b.Bytes(), []byte("\n"))}, err
}

// MarshalJSON is the text itself.
func (e encoded[T]) MarshalJSON() ([]byte, error) { return e.json, nil }

func (e *encoded[T]) append(b []byte) []byte {
	if e == nil {
		return append(b, "null"...)
	}
	return append(b, e.json...)
}

// Schema describes the value in the OpenAPI document.
func (encoded[T]) Schema(r huma.Registry) *huma.Schema {
	return r.Schema(reflect.TypeFor[T](), true, "")
}

// AppendJSON appends what encoding/json makes of the view.
func (v InvitationView) AppendJSON(b []byte) []byte {
	b, _ = v.ID.AppendText(append(b, `{"id":"`...))
	b, _ = v.OrganizationID.AppendText(append(b, `","organization_id":"`...))
	b = api.AppendString(append(b, `","email":`...), v.Email)
	b = api.AppendString(append(b, `,"token":`...), v.Token)
	b = api.AppendString(append(b, `,"status":`...), v.Status)
	b = v.ExpiresAt.AppendJSON(append(b, `,"expires_at":`...))
	b = v.CreatedAt.AppendJSON(append(b, `,"created_at":`...))
	b = v.UpdatedAt.AppendJSON(append(b, `,"updated_at":`...))
	b = v.Role.append(append(b, `,"initial_organization_role":`...))
	b = v.WorkspaceRole.append(append(b, `,"initial_workspace_role":`...))
	b = v.Workspace.append(append(b, `,"workspace":`...))
	b = v.Inviter.append(append(b, `,"inviter":`...))
	b = v.InviterRoles.append(append(b, `,"inviter_roles":`...))
	b = strconv.AppendBool(append(b, `,"expired":`...), v.Expired)
	b = strconv.AppendBool(append(b, `,"needs_approval":`...), v.NeedsApproval)
	if v.Success {
		b = append(b, `,"success":true`...)
	}
	return append(b, '}')
}

// invitationViews makes views of the invitations of one organization. What they
// share is loaded with one query for each kind, and encoded once.
type invitationViews struct {
	signer         secret.Signer // of the listed secrets
	organization   id.Organization
	now            clock.Time
	roles          map[id.OrganizationRole]*encoded[RoleView]
	workspaceRoles map[id.WorkspaceRole]*encoded[InvitationWorkspaceRole]
	workspaces     map[id.Workspace]*encoded[InvitationPlace]
	inviters       map[id.User]inviterParts
}

type inviterParts struct {
	inviter *encoded[InvitationInviter]
	roles   *encoded[[]RoleView]
}

func (s *Service) newInvitationViews(organization id.Organization, now clock.Time) *invitationViews {
	return &invitationViews{
		signer: s.secrets.listed.Signer(), organization: organization, now: now,
		roles:          map[id.OrganizationRole]*encoded[RoleView]{},
		workspaceRoles: map[id.WorkspaceRole]*encoded[InvitationWorkspaceRole]{},
		workspaces:     map[id.Workspace]*encoded[InvitationPlace]{},
		inviters:       map[id.User]inviterParts{},
	}
}

// invitationView is the view of a single invitation.
func (s *Service) invitationView(ctx context.Context, inv Invitation) (InvitationView, error) {
	views := s.newInvitationViews(inv.OrganizationID, s.db.Now())
	list, err := views.of(ctx, s.db, []Invitation{inv})
	if err != nil {
		return InvitationView{}, err
	}
	return list[0], nil
}

// of are the views of a list. Parts that earlier lists had are not loaded
// again.
func (v *invitationViews) of(ctx context.Context, db database.DBTX, list []Invitation) ([]InvitationView, error) {
	if err := v.load(ctx, db, list); err != nil {
		return nil, err
	}
	views := make([]InvitationView, len(list))
	for i := range list {
		inv := &list[i]
		views[i] = InvitationView{
			ID: inv.ID, OrganizationID: inv.OrganizationID, Email: inv.Email, Token: inv.listedToken(v.signer), Status: inv.Status,
			ExpiresAt: inv.ExpiresAt, CreatedAt: inv.CreatedAt, UpdatedAt: inv.UpdatedAt,
			Role: v.roles[inv.RoleID], WorkspaceRole: v.workspaceRoles[inv.WorkspaceRoleID], Workspace: v.workspaces[inv.WorkspaceID],
			Inviter: v.inviters[inv.InviterID].inviter, InviterRoles: v.inviters[inv.InviterID].roles,
			Expired: inv.expired(v.now), NeedsApproval: inv.Status == pending && inv.NeedsApprovalAt != 0,
		}
	}
	return views, nil
}

// missing are the ids that a list mentions and known lacks, each once.
func missing[K comparable, V any](list []Invitation, known map[K]V, of func(*Invitation) K) []K {
	var none K
	var ids []K
	seen := map[K]bool{none: true}
	for i := range list {
		one := of(&list[i])
		if _, ok := known[one]; !ok && !seen[one] {
			seen[one] = true
			ids = append(ids, one)
		}
	}
	return ids
}

// load adds the parts that the list needs and are not there yet.
func (v *invitationViews) load(ctx context.Context, db database.DBTX, list []Invitation) error {
	q := New(db)
	wanted := missing(list, v.roles, func(inv *Invitation) id.OrganizationRole { return inv.RoleID })
	inviters := missing(list, v.inviters, func(inv *Invitation) id.User { return inv.InviterID })
	var memberships []InvitersRow
	var err error
	if len(inviters) > 0 {
		memberships, err = q.Inviters(ctx, InvitersParams{OrganizationID: v.organization, Users: database.Int64s(inviters)})
		if err != nil {
			return err
		}
		for _, m := range memberships {
			wanted = append(wanted, m.RoleID)
		}
	}
	roles := map[id.OrganizationRole]Role{}
	if len(wanted) > 0 {
		if roles, err = rolesByID(ctx, q, wanted); err != nil {
			return err
		}
	}
	for one, role := range roles {
		if v.roles[one], err = encode(roleView(role)); err != nil {
			return err
		}
	}
	if err := v.loadWorkspaces(ctx, q, list); err != nil {
		return err
	}
	return v.loadInviters(ctx, db, inviters, memberships, roles)
}

func (v *invitationViews) loadWorkspaces(ctx context.Context, q *Queries, list []Invitation) error {
	workspaces := missing(list, v.workspaces, func(inv *Invitation) id.Workspace { return inv.WorkspaceID })
	if len(workspaces) > 0 {
		rows, err := q.WorkspaceNames(ctx, WorkspaceNamesParams{OrganizationID: v.organization, Ids: database.Int64s(workspaces)})
		if err != nil {
			return err
		}
		for _, row := range rows {
			if v.workspaces[row.ID], err = encode(InvitationPlace{ID: id.Subject(row.ID), Name: row.Name}); err != nil {
				return err
			}
		}
	}
	workspaceRoles := missing(list, v.workspaceRoles, func(inv *Invitation) id.WorkspaceRole { return inv.WorkspaceRoleID })
	if len(workspaceRoles) == 0 {
		return nil
	}
	roles, err := workspaceRolesByID(ctx, q, workspaceRoles)
	if err != nil {
		return err
	}
	for one, role := range roles {
		view := InvitationWorkspaceRole{ID: role.ID, Name: role.Name, Permissions: role.Permissions}
		if v.workspaceRoles[one], err = encode(view); err != nil {
			return err
		}
	}
	return nil
}

func (v *invitationViews) loadInviters(ctx context.Context, db database.DBTX, ids []id.User, memberships []InvitersRow, roles map[id.OrganizationRole]Role) error {
	if len(ids) == 0 {
		return nil
	}
	people, err := user.PublicByID(ctx, db, ids)
	if err != nil {
		return err
	}
	views := make(map[id.User]*InvitationInviter, len(ids))
	for _, one := range ids {
		view := &InvitationInviter{ID: one, Roles: []RoleView{}}
		if person, ok := people[one]; ok {
			view.FirstName, view.LastName, view.Email, view.User = person.FirstName, person.LastName, person.PrimaryEmail(), &person
		}
		views[one] = view
	}
	for _, m := range memberships {
		view := views[m.UserID]
		view.MembershipID = m.MembershipID
		if role, ok := roles[m.RoleID]; ok {
			view.Roles = append(view.Roles, roleView(role))
		}
	}
	for one, view := range views {
		var parts inviterParts
		if parts.inviter, err = encode(*view); err != nil {
			return err
		}
		if parts.roles, err = encode(view.Roles); err != nil {
			return err
		}
		v.inviters[one] = parts
	}
	return nil
}
