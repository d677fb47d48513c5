package organization

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/api"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/database/databasetest"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
	"github.com/guildhall-id/guildhall/internal/platform/job"
	"github.com/guildhall-id/guildhall/internal/platform/mail"
)

// doorman lets in one caller.
type doorman struct {
	w      *world
	person id.User
}

func (d doorman) Authenticate(_ *http.Request, tenant access.Tenant, _ bool) (*access.Caller, error) {
	c := &access.Caller{Deployment: d.w.deployment.ID, User: d.person}
	var err error
	c.Organization, err = grantOf(context.Background(), d.w.service.queries, tenant.Organization, d.person)
	return c, err
}

func (doorman) Deliver(http.ResponseWriter, *http.Request, *access.Caller) {}

// handler serves the invitations to one person.
func (w *world) handler(person id.User) http.Handler {
	w.t.Helper()
	a, err := api.New(api.Options{
		Operations: w.service.invitationOperations(), Authenticator: doorman{w, person}, Logger: slog.New(slog.DiscardHandler), Version: "test",
	})
	noError(w.t, err)
	_, err = a.OpenAPI()
	noError(w.t, err)
	return a
}

// paths are the names of all members, in the order of the text.
func paths(t failer, text string) (list []string) {
	d := json.NewDecoder(strings.NewReader(text))
	var walk func(prefix string)
	walk = func(prefix string) {
		token, err := d.Token()
		noError(t, err)
		switch token {
		case json.Delim('{'):
			for d.More() {
				name, err := d.Token()
				noError(t, err)
				path := prefix + "." + name.(string)
				list = append(list, path)
				walk(path)
			}
			_, err = d.Token()
		case json.Delim('['):
			for d.More() {
				walk(prefix + "[]")
			}
			_, err = d.Token()
		}
		noError(t, err)
	}
	walk("")
	return list
}

// founding is the published example of the page, names only.
const founding = `{"status":200,"message":"","data":[{"id":"","organization_id":"","email":"","token":"","status":"","expires_at":"","created_at":"","updated_at":"",
"initial_organization_role":{"id":"","organization_id":"","name":"","permissions":[],"is_system_role":false,"created_at":"","updated_at":""},
"initial_workspace_role":{"id":"","name":"","permissions":[]},"workspace":{"id":"","name":""},
"inviter":{"id":"","first_name":"","last_name":"","email":""},
"inviter_roles":[{"id":"","organization_id":"","name":"","permissions":[],"is_system_role":false,"created_at":"","updated_at":""}]}]}`

// TestFoundingPage: every member of the published example is there, in its
// order; ours come after those of the same object.
func TestFoundingPage(t *testing.T) {
	eachWorld(t, Limits{}, func(t *testing.T, w *world) {
		inv := w.invitedBy(w.owner, "new@new.test", offer{Workspace: w.lab})
		r := httptest.NewRecorder()
		w.handler(w.owner).ServeHTTP(r, httptest.NewRequest("GET", fmt.Sprintf("/organizations/%s/invitations", w.acme), nil))
		equal(t, http.StatusOK, r.Code)
		got := paths(t, r.Body.String())
		rest := got
		for _, want := range paths(t, founding) {
			found := -1
			for i, path := range rest {
				if path == want {
					found = i
					break
				}
			}
			if found < 0 {
				t.Fatalf("%s is missing or out of order in\n%s", want, strings.Join(got, "\n"))
			}
			rest = rest[found+1:]
		}
		var answer struct {
			Data []struct {
				ID, Email, Token, Status string
				Expired                  bool
				Role                     struct {
					Name              string
					IsDeploymentLevel bool `json:"is_deployment_level"`
				} `json:"initial_organization_role"`
				Workspace struct{ Name string }
				Inviter   struct {
					ID, Email    string
					MembershipID string `json:"membership_id"`
				}
				InviterRoles []struct{ Name string } `json:"inviter_roles"`
			}
		}
		noError(t, json.Unmarshal(r.Body.Bytes(), &answer))
		first := answer.Data[0]
		equal(t, inv.ID.String(), first.ID)
		equal(t, w.listed(inv), first.Token)
		equal(t, []any{"Member", true, "Lab", "owner@acme.test", w.owner.String(), "Admin"},
			[]any{first.Role.Name, first.Role.IsDeploymentLevel, first.Workspace.Name, first.Inviter.Email, first.Inviter.ID, first.InviterRoles[0].Name})
		if strings.Contains(r.Body.String(), w.mailed(inv)) {
			t.Fatal("the mailed secret is in the answer")
		}
	})
}

// TestWhoSeesTokens is S1 for the list and a single invitation.
func TestWhoSeesTokens(t *testing.T) {
	eachWorld(t, Limits{}, func(t *testing.T, w *world) {
		hall := w.workspace(w.acme, "Hall", w.owner)
		org := w.invited("org@new.test")
		lab := w.invitedBy(w.owner, "lab@new.test", offer{Workspace: w.lab})
		atHall := w.invitedBy(w.owner, "hall@new.test", offer{Workspace: hall})
		all := map[id.Invitation]bool{org.ID: true, lab.ID: true, atHall.ID: true}
		onlyLab := map[id.Invitation]bool{lab.ID: true}

		manager := w.member("manager@acme.test", access.Permissions{access.OrganizationManageMembers}, nil)
		plain := w.member("plain@acme.test", access.Permissions{access.OrganizationMember}, nil)
		lead := w.member("lead@acme.test", access.Permissions{access.OrganizationMember}, access.Permissions{access.WorkspaceManage})
		writer := w.member("writer@acme.test", access.Permissions{access.OrganizationMember}, access.Permissions{access.WorkspaceWrite})
		tests := map[string]struct {
			person    id.User
			workspace id.Workspace
			sees      map[id.Invitation]bool // in the list
			want      error
		}{
			"an administrator sees all":                      {w.owner, 0, all, nil},
			"or those into a workspace":                      {w.owner, w.lab, onlyLab, nil},
			"so does who manages members":                    {manager, 0, all, nil},
			"but not of a workspace that does not exist":     {manager, 12345, nil, ErrWorkspaceNotFound},
			"a member sees none":                             {plain, 0, nil, access.ErrForbidden},
			"not of a workspace either":                      {plain, w.lab, nil, access.ErrForbidden},
			"nor of one that does not exist":                 {plain, 12345, nil, access.ErrForbidden},
			"a workspace's manager sees those into it":       {lead, w.lab, onlyLab, nil},
			"but not all":                                    {lead, 0, nil, access.ErrForbidden},
			"nor those into another":                         {lead, hall, nil, access.ErrForbidden},
			"who may only write in a workspace sees none":    {writer, w.lab, nil, access.ErrForbidden},
			"a stranger who got past the door sees none too": {w.rivalOwner, w.lab, nil, access.ErrForbidden},
		}
		for name, test := range tests {
			t.Run(name, func(t *testing.T) {
				ctx := w.as(test.person)
				views, _, err := w.list(ctx, listInvitationsInput{OrganizationID: w.acme, WorkspaceID: test.workspace})
				equal(t, test.want, err)
				sees := map[id.Invitation]bool{}
				for _, v := range views {
					sees[v.ID] = true
				}
				equal(t, len(test.sees), len(sees))
				for one := range test.sees {
					equal(t, true, sees[one])
				}
				// One by one they see the same, and what they may not see does
				// not differ from what does not exist.
				for one := range all {
					_, err := w.service.getInvitation(ctx, invitationInput{w.acme, one})
					_, unknown := w.service.getInvitation(ctx, invitationInput{w.acme, 12345})
					if test.workspace == 0 && test.want == nil || sees[one] {
						noError(t, err)
					} else if test.person != lead && test.person != w.owner && test.person != manager {
						equal(t, error(access.ErrForbidden), err)
						equal(t, err, unknown)
					}
				}
			})
		}
	})
}

// list collects a list.
func (w *world) list(ctx context.Context, in listInvitationsInput) ([]InvitationView, string, error) {
	list, err := w.service.listInvitations(ctx, in)
	if err != nil {
		return nil, "", err
	}
	var views []InvitationView
	for view, err := range list.Items {
		noError(w.t, err)
		views = append(views, view)
	}
	return views, list.Next, nil
}

func TestListStatesAndPages(t *testing.T) {
	eachWorld(t, Limits{}, func(t *testing.T, w *world) {
		w.invited("expired_one@new.test")
		w.advance(invitationLife)
		for i := range 5 {
			w.invited(fmt.Sprintf("live%d@new.test", i))
		}
		gone := w.invited("gone@new.test")
		_, err := w.service.discardInvitation(w.as(w.owner), invitationInput{w.acme, gone.ID})
		noError(t, err)
		ctx := w.as(w.owner)

		tests := map[string]struct {
			status, search string
			want           int
		}{
			"bare":                              {"", "", 6},
			"pending includes expired":          {pending, "", 6},
			"expired":                           {closed, "", 1},
			"discarded":                         {discarded, "", 1},
			"accepted":                          {accepted, "", 0},
			"all":                               {"all", "", 7},
			"a search folds case":               {"", "LIVE", 5},
			"a search takes _ as itself":        {"", "d_o", 1},
			"a search takes % as itself":        {"", "%", 0},
			"a search looks in the state given": {discarded, "live", 0},
		}
		for name, test := range tests {
			t.Run(name, func(t *testing.T) {
				views, next, err := w.list(ctx, listInvitationsInput{OrganizationID: w.acme, Status: test.status, Search: test.search})
				noError(t, err)
				equal(t, "", next)
				equal(t, test.want, len(views))

				var paged []InvitationView
				in := listInvitationsInput{OrganizationID: w.acme, Status: test.status, Search: test.search, Limit: 2}
				for {
					page, next, err := w.list(ctx, in)
					noError(t, err)
					paged = append(paged, page...)
					if in.Cursor = next; next == "" {
						break
					}
					equal(t, 2, len(page))
				}
				equal(t, views, paged)
				for i, v := range views {
					equal(t, v.Status == pending, v.Token != "")
					equal(t, true, i == 0 || v.ID < views[i-1].ID)
				}
			})
		}
		_, _, err = w.list(ctx, listInvitationsInput{OrganizationID: w.acme, Cursor: "nonsense"})
		equal(t, ErrCursor, err)
	})
}

// TestAnyLength: the list is read in pieces, and people who have left are still
// named.
func TestAnyLength(t *testing.T) {
	eachWorld(t, Limits{}, func(t *testing.T, w *world) {
		admin := w.member("admin@acme.test", access.Permissions{access.OrganizationAdmin}, nil)
		w.manyInvited(admin, 2*listPiece+1)
		w.remove(admin)
		views, _, err := w.list(w.as(w.owner), listInvitationsInput{OrganizationID: w.acme})
		noError(t, err)
		equal(t, 2*listPiece+1, len(views))
		inviter := marshal(t, views[0].Inviter)
		equal(t, true, strings.Contains(inviter, `"first_name":"Ana","last_name":"Lopez","email":"admin@acme.test","membership_id":"0"`))
		equal(t, "[]", marshal(t, views[0].InviterRoles))
	})
}

func (w *world) manyInvited(inviter id.User, n int) {
	w.t.Helper()
	ctx := w.as(inviter)
	for done := 0; done < n; done += maxBulk {
		var typed []string
		for i := done; i < min(done+maxBulk, n); i++ {
			typed = append(typed, fmt.Sprintf("person.%d@new.test", i))
		}
		_, err := w.service.invite(ctx, w.acme, offer{}, typed)
		noError(w.t, err)
	}
}

// TestMailLimits is S8: an address that gets too much mail is not invited.
func TestMailLimits(t *testing.T) {
	eachWorld(t, Limits{}, func(t *testing.T, w *world) {
		limits := mail.Limits{PerRecipientHour: 2, CodesPerHour: 1, CodeInterval: time.Minute}
		queue := job.New(w.db, slog.New(slog.DiscardHandler))
		w.service.outbox = mail.NewOutbox(w.db, queue, testKey(t), mail.None, "mail@acme.test", limits)
		hall := w.workspace(w.acme, "Hall", w.owner)
		w.invited("new@new.test")
		inv := w.invitedBy(w.owner, "new@new.test", offer{Workspace: w.lab})
		_, err := w.create(w.as(w.owner), "new@new.test", offer{Workspace: hall})
		refusal, ok := err.(*fault.Error)
		equal(t, true, ok && refusal.Kind == fault.TooMany && refusal.RetryAfter > 0)
		equal(t, int64(2), w.count("SELECT count(*) FROM organization_invitations"))
		_, err = w.service.resendInvitation(w.as(w.owner), invitationInput{w.acme, inv.ID})
		equal(t, true, err != nil)
		equal(t, int64(1), w.read(inv).Generation) // the link that was sent still works
	})
}

func BenchmarkInvitationList(b *testing.B) {
	w := newWorld(b, database.SQLite, Limits{})
	admin := w.member("admin@acme.test", access.Permissions{access.OrganizationAdmin}, nil)
	w.manyInvited(admin, 25)
	w.manyInvited(w.owner, 50)
	h := w.handler(w.owner)
	r := httptest.NewRequest("GET", fmt.Sprintf("/organizations/%s/invitations", w.acme), nil)
	b.ReportAllocs()
	for b.Loop() {
		answer := drain{http.Header{}, b}
		h.ServeHTTP(answer, r)
	}
}

// drain is an answer that nobody keeps.
type drain struct {
	header http.Header
	b      *testing.B
}

func (d drain) Header() http.Header { return d.header }

func (d drain) WriteHeader(status int) { equal(d.b, http.StatusOK, status) }

func (d drain) Write(p []byte) (int, error) { return len(p), nil }

func BenchmarkInvite(b *testing.B) {
	w := newWorld(b, databasetest.Dialects()[0], Limits{})
	ctx := w.as(w.owner)
	b.SetParallelism(8)
	next := make(chan int, 1)
	next <- 0
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			i := <-next
			next <- i + 1
			if _, err := w.create(ctx, fmt.Sprintf("person.%d@new.test", i), offer{}); err != nil {
				b.Error(err)
			}
		}
	})
}
