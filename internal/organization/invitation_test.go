package organization

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/clock"
	"github.com/guildhall-id/guildhall/internal/user"
)

func TestUsable(t *testing.T) {
	const expiry = clock.Time(1_000)
	tests := map[string]struct {
		status     string
		generation int64
		now        clock.Time
		want       error
	}{
		"a pending one can be accepted":           {pending, 2, expiry - 1, nil},
		"not from the very instant of its expiry": {pending, 2, expiry, ErrInvitationExpired},
		"not after it":                             {pending, 2, expiry + 1, ErrInvitationExpired},
		"an older sending says that it is older":   {pending, 1, expiry - 1, ErrInvitationReplaced},
		"even when all of it has expired":          {pending, 1, expiry + 1, ErrInvitationReplaced},
		"one that never was is not newer":          {pending, 3, expiry - 1, ErrInvitationReplaced},
		"an accepted one is used":                  {accepted, 2, expiry - 1, ErrInvitationUsed},
		"an accepted one stays used after expiry":  {accepted, 2, expiry + 1, ErrInvitationUsed},
		"an accepted one is used for old sendings": {accepted, 1, expiry - 1, ErrInvitationUsed},
		"a discarded one is withdrawn":             {discarded, 2, expiry - 1, ErrInvitationDiscarded},
		"a declined one is declined":               {declined, 2, expiry - 1, ErrInvitationDeclined},
		"a closed one has expired":                 {closed, 2, expiry - 1, ErrInvitationExpired},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inv := Invitation{Status: test.status, Generation: 2, ExpiresAt: expiry}
			equal(t, test.want, inv.usable(test.generation, test.now))
		})
	}
}

func TestManageable(t *testing.T) {
	tests := map[string]struct{ discard, resend error }{
		pending:   {nil, nil},
		accepted:  {ErrInvitationAccepted, ErrInvitationAccepted},
		discarded: {nil, ErrInvitationEnded},
		declined:  {ErrInvitationEnded, ErrInvitationEnded},
		closed:    {ErrInvitationEnded, ErrInvitationEnded},
	}
	for status, want := range tests {
		t.Run(status, func(t *testing.T) {
			inv := Invitation{Status: status}
			equal(t, want.discard, inv.discardable())
			equal(t, want.resend, inv.resendable())
		})
	}
}

func TestSecretsSayOnlyWhatWasPrinted(t *testing.T) {
	secrets := newInvitationSecrets(testKey(t))
	rapid.Check(t, func(t *rapid.T) {
		want := sending{
			Invitation: id.Invitation(rapid.Int64Min(1).Draw(t, "id")),
			Generation: rapid.Int64Range(1, 1<<32-1).Draw(t, "generation"),
			ByMail:     rapid.Bool().Draw(t, "by mail"),
		}
		text := secrets.print(want)
		got, ok := secrets.parse(text)
		equal(t, true, ok)
		equal(t, want, got)

		i := rapid.IntRange(0, len(text)-1).Draw(t, "position")
		changed := []byte(text)
		changed[i] = rapid.SampledFrom([]byte("ABCxyz019-_=+/ m")).Draw(t, "character")
		if string(changed) != text {
			_, ok = secrets.parse(string(changed))
			equal(t, false, ok)
		}
	})
}

func TestSecretsAreNotInterchangeable(t *testing.T) {
	secrets := newInvitationSecrets(testKey(t))
	inv := &Invitation{ID: 7, Generation: 1, Status: pending}
	listed, mailed := inv.listedToken(secrets.listed.Signer()), secrets.mailedToken(inv)
	equal(t, true, strings.HasPrefix(listed, "inv_"))
	equal(t, true, strings.HasPrefix(mailed, "inm_"))
	_, ok := secrets.parse("inm_" + strings.TrimPrefix(listed, "inv_"))
	equal(t, false, ok) // whoever sees the list cannot make the mailed secret of it

	for _, status := range []string{accepted, discarded, declined, closed} {
		equal(t, "", (&Invitation{ID: 7, Generation: 1, Status: status}).listedToken(secrets.listed.Signer()))
	}
}

func FuzzInvitationToken(f *testing.F) {
	secrets := newInvitationSecrets(testKey(f))
	for _, seed := range []string{"", "inv_", "inm_AAAA", secrets.print(sending{1, 1, false}), secrets.print(sending{1 << 62, 9, true}) + "="} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if got, ok := secrets.parse(text); ok && secrets.print(got) != text {
			t.Fatalf("%q was read as %+v, which is %q", text, got, secrets.print(got))
		}
	})
}

func FuzzInvitationCursor(f *testing.F) {
	for _, seed := range []string{"", "AAAAAAAAAAE", "AAAAAAAAAAF", "_________w", "f_________8", printCursor(42)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		last, err := parseCursor(text)
		if err == nil && text != "" && printCursor(last) != text {
			t.Fatalf("%q was read as %d, which is %q", text, last, printCursor(last))
		}
		if err == nil && last <= 0 {
			t.Fatalf("%q was read as %d", text, last)
		}
	})
}

// marshal is encoding/json as the api uses it.
func marshal(t failer, v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	noError(t, e.Encode(v))
	return strings.TrimSuffix(b.String(), "\n")
}

func TestInvitationViewIsWhatEncodingJSONMakes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := func(label string) string { return rapid.String().Draw(t, label) }
		role := RoleView{ID: 4, Name: text("role"), Permissions: access.Permissions{access.OrganizationAdmin}, CreatedAt: 1, UpdatedAt: 2}
		email := text("inviter's email")
		view := InvitationView{
			ID: id.Invitation(rapid.Int64Min(0).Draw(t, "id")), OrganizationID: 1,
			Email: text("email"), Token: text("token"), Status: pending,
			ExpiresAt: clock.Time(rapid.Int64Range(0, 4e12).Draw(t, "expiry")), CreatedAt: 1, UpdatedAt: 2,
			Expired: rapid.Bool().Draw(t, "expired"), NeedsApproval: rapid.Bool().Draw(t, "needs approval"), Success: rapid.Bool().Draw(t, "success"),
		}
		var err error
		view.Inviter, err = encode(InvitationInviter{
			ID: 9, FirstName: text("first name"), Email: email, User: &user.Public{Email: &email}, Roles: []RoleView{role},
		})
		noError(t, err)
		view.InviterRoles, err = encode([]RoleView{role})
		noError(t, err)
		if rapid.Bool().Draw(t, "into a workspace") {
			view.Role, err = encode(role)
			noError(t, err)
			view.Workspace, err = encode(InvitationPlace{ID: 5, Name: text("workspace")})
			noError(t, err)
			view.WorkspaceRole, err = encode(InvitationWorkspaceRole{ID: 6, Name: "x", Permissions: access.Permissions{}})
			noError(t, err)
		}
		equal(t, marshal(t, view), string(view.AppendJSON(nil)))
	})
}

// TestCeilingIsCover: nobody gives what they do not hold, for all permissions
// of both catalogs.
func TestCeilingIsCover(t *testing.T) {
	organization := access.Permissions{access.OrganizationAdmin, access.OrganizationManage, access.OrganizationManageMembers, access.OrganizationRead, access.OrganizationMember, "organization:custom"}
	workspace := access.Permissions{access.WorkspaceAdmin, access.WorkspaceManage, access.WorkspaceWrite, access.WorkspaceRead, access.WorkspaceMember, "workspace:custom"}
	rapid.Check(t, func(t *rapid.T) {
		some := func(of access.Permissions, label string) access.Permissions {
			return access.Permissions(rapid.SliceOfDistinct(rapid.SampledFrom(of), rapid.ID).Draw(t, label))
		}
		p := power{
			Organization: access.OrganizationGrant{Membership: 1, Permissions: some(organization, "held")},
			Workspace:    access.WorkspaceGrant{ID: 1, Permissions: some(workspace, "held in the workspace")},
		}
		given, givenInWorkspace := some(organization, "given"), some(workspace, "given in the workspace")
		may := p.covers(given, givenInWorkspace)
		for _, one := range given {
			if may && one != access.OrganizationMember && !p.Organization.Permissions.Hold(one) {
				t.Fatalf("%v gave %s", p.Organization.Permissions, one)
			}
		}
		for _, one := range givenInWorkspace {
			if may && !p.Workspace.Permissions.Hold(one) {
				t.Fatalf("%v gave %s", p.Workspace.Permissions, one)
			}
		}
		p.Organization.Membership = 0
		equal(t, false, p.covers(given, givenInWorkspace)) // who has left gives nothing
	})
}

func TestAcceptURL(t *testing.T) {
	tests := map[string]struct{ setting, want string }{
		"the server's own page":              {"", "https://id.acme.test/accept-invitation?invite_token=inm_x"},
		"the application's page":             {"https://app.acme.test/join", "https://app.acme.test/join?invite_token=inm_x"},
		"which keeps its query and fragment": {"https://app.acme.test/join?a=b#c", "https://app.acme.test/join?a=b&invite_token=inm_x#c"},
		"and has only one token":             {"https://app.acme.test/?invite_token=evil", "https://app.acme.test/?invite_token=inm_x"},
		"script is no page":                  {"javascript:alert(1)", "https://id.acme.test/accept-invitation?invite_token=inm_x"},
		"a path is no page":                  {"/join", "https://id.acme.test/accept-invitation?invite_token=inm_x"},
		"nonsense is no page":                {"https://[", "https://id.acme.test/accept-invitation?invite_token=inm_x"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			d := &deployment.Deployment{PublicURL: "https://id.acme.test"}
			d.Settings.UI.AcceptInvitationURL = test.setting
			equal(t, test.want, acceptURL(d, "inm_x"))
		})
	}
}
