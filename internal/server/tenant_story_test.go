package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/platform/database/databasetest"
)

func TestTenantStories(t *testing.T) {
	for _, dialect := range databasetest.Dialects() {
		t.Run(string(dialect), func(t *testing.T) {
			t.Parallel()
			w := &world{secrets: &secrets{}}
			w.Server, w.log = newServer(t, dialect, nil)
			w.documents = readDescriptions(t, w.API)
			t.Run("pictures", w.storyOfPictures)
			t.Run("a workspace for everybody", w.storyOfAssignedWorkspace)
			t.Run("deletion", w.storyOfDeletion)
		})
	}
}

// S26: pictures of organizations and workspaces are decided by content,
// encoded anew and kept by who may change the profile only.
func (w *world) storyOfPictures(t *testing.T) {
	ana, bo := w.person(t, "Ana Admin"), w.person(t, "Bo Member")
	a := ana.send(t, request{Method: http.MethodPost, Path: "/organizations", Body: form("name", "Gallery"), File: map[string][]byte{"image": onePicture(t)}})
	organization := a.must(t, http.StatusOK).text(t, "data.organization.id")
	first := a.text(t, "data.organization.image_url")
	served := w.picture(t, first).must(t, http.StatusOK)
	if got := served.Header.Get("Content-Type"); !strings.HasPrefix(got, "image/") || served.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("served as %q", got)
	}
	change := func(who *person, path string, content string) answer {
		return who.send(t, request{Method: http.MethodPost, Path: path, File: map[string][]byte{"image": []byte(content)}})
	}
	update := "/organizations/" + organization + "/update"
	for what, content := range map[string]string{
		"a drawing with script": `<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`, "text": "hello", "nothing": "",
	} {
		if got := change(ana, update, content); got.Status != http.StatusBadRequest {
			t.Errorf("%s: %s", what, got.Raw)
		}
	}
	if got := change(bo, update, string(onePicture(t))); got.Status != http.StatusNotFound {
		t.Errorf("a stranger: %s", got.Raw)
	}
	second := change(ana, update, string(onePicture(t))).must(t, http.StatusOK).text(t, "data.image_url")
	if second == first {
		t.Error("another picture has the same address")
	}
	w.picture(t, first).must(t, http.StatusNotFound)
	if got := ana.post(t, update, "remove_image", "true").must(t, http.StatusOK).text(t, "data.image_url"); got != "" {
		t.Errorf("removed: %s", got)
	}
	w.picture(t, second).must(t, http.StatusNotFound)

	a = ana.send(t, request{
		Method: http.MethodPost, Path: "/workspaces", Body: form("organization_id", organization, "name", "Studio"),
		File: map[string][]byte{"image": onePicture(t)},
	}).must(t, http.StatusOK)
	studio := a.text(t, "data.workspace.image_url")
	w.picture(t, studio).must(t, http.StatusOK)
	ana.post(t, "/workspaces/"+a.text(t, "data.workspace.id")+"/delete").must(t, http.StatusOK)
	w.picture(t, studio).must(t, http.StatusNotFound)
}

// picture fetches one, as anybody may.
func (w *world) picture(t *testing.T, address string) answer {
	t.Helper()
	b := browser{origin: w.URL}
	return b.get(t, strings.TrimPrefix(address, w.URL))
}

// Whoever joins the organization joins its workspace for everybody, as long as
// there are seats.
func (w *world) storyOfAssignedWorkspace(t *testing.T) {
	ana := w.person(t, "Ana Admin")
	tn := w.tenant(t, ana, "All hands")
	elsewhere := w.tenant(t, w.person(t, "Zoe Owner"), "Elsewhere")
	update := "/organizations/" + tn.organization + "/update"
	if a := ana.post(t, update, "auto_assigned_workspace_id", elsewhere.workspace); a.Status != http.StatusNotFound {
		t.Errorf("another organization's workspace: %s", a.Raw)
	}
	ana.post(t, update, "auto_assigned_workspace_id", tn.workspace).must(t, http.StatusOK)
	w.during(t, func(to *deployment.Settings) { to.B2B.MaxAllowedWorkspaceMembers = 2 })
	workspaces := func(who *person) (names []string) {
		a := who.get(t, "/me/workspace-memberships")
		for i := range a.list(t, "data") {
			names = append(names, a.text(t, fmt.Sprintf("data.%d.workspace.id", i))+" as "+a.text(t, fmt.Sprintf("data.%d.roles.0.name", i)))
		}
		return names
	}
	bo, cy, di := w.person(t, "Bo Second"), w.person(t, "Cy Third"), w.person(t, "Di Fourth")
	for who, want := range map[*person]int{bo: 1} {
		tn.join(t, who, post{memberRole, ""})
		if got := workspaces(who); len(got) != want || got[0] != tn.workspace+" as "+memberRole {
			t.Errorf("%s is in %v", who.email, got)
		}
	}
	tn.join(t, cy, post{memberRole, ""}) // the workspace is full: they join without it
	if got := workspaces(cy); len(got) != 0 {
		t.Errorf("beyond the seats: %v", got)
	}
	ana.post(t, update, "auto_assigned_workspace_id", "0").must(t, http.StatusOK)
	tn.join(t, di, post{memberRole, ""})
	if got := workspaces(di); len(got) != 0 {
		t.Errorf("after it was cleared: %v", got)
	}
}

// S29: after an organization is deleted nothing that its people can read
// mentions it.
func (w *world) storyOfDeletion(t *testing.T) {
	ana, bo := w.person(t, "Ana Admin"), w.person(t, "Bo Member")
	tn := w.tenant(t, ana, "Short lived")
	tn.join(t, bo, post{memberRole, memberRole})
	invited := w.person(t, "Ivy Invited")
	token := tn.invite(t, invited.email, tn.workspace).text(t, "data.token")
	bo.post(t, "/session/switch-workspace?workspace_id="+tn.workspace).must(t, http.StatusOK)
	ana.post(t, "/organizations/"+tn.organization+"/delete").must(t, http.StatusOK)
	for _, who := range []*person{ana, bo, invited} {
		for _, path := range []string{"/session", "/me", "/me/organization-memberships", "/me/workspace-memberships", "/me/invitations", "/session/token"} {
			if a := who.get(t, path).must(t, http.StatusOK); strings.Contains(string(a.Raw), tn.organization) || strings.Contains(string(a.Raw), tn.workspace) {
				t.Errorf("%s of %s: %s", path, who.email, a.Raw)
			}
		}
		if claims := tokenOf(t, who); claims["organization"] != nil || claims["workspace"] != nil {
			t.Errorf("the token of %s says %v", who.email, claims)
		}
		for _, path := range []string{"/organizations/" + tn.organization + "/members", "/organizations/" + tn.organization + "/invitations", "/workspaces/" + tn.workspace + "/members"} {
			who.get(t, path).must(t, http.StatusNotFound)
		}
	}
	if a := invited.post(t, "/organizations/invitations/accept", "token", token).must(t, http.StatusOK); a.at("data.error_code") == nil {
		t.Errorf("joined what is gone: %s", a.Raw)
	}
}
