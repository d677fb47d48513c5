package organization

import (
	"bytes"
	"image"
	"image/png"
	"strings"
	"testing"
	"time"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/api"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/picture"
	"github.com/guildhall-id/guildhall/internal/platform/limit"
	"github.com/guildhall-id/guildhall/internal/platform/secret"
	"github.com/guildhall-id/guildhall/internal/platform/throttle"
)

// upload is a small picture, under the name of something else.
func upload(t testing.TB) *api.File {
	t.Helper()
	var b bytes.Buffer
	must(t, png.Encode(&b, image.NewNRGBA(image.Rect(0, 0, 3, 3))))
	return &api.File{Name: "page.html", Content: b.Bytes()}
}

// shown counts the pictures at an address: one or none.
func (h *hall) shown(address string) int64 {
	h.t.Helper()
	kept, err := id.Parse[id.Picture](address[strings.LastIndex(address, "/")+1:])
	must(h.t, err)
	return h.count(`SELECT COUNT(*) FROM pictures WHERE id = $1`, kept)
}

// Organizations and workspaces are created with a picture, get another one, lose
// it, and take it with them when they end.
func TestPictures(t *testing.T) {
	eachHall(t, func(t *testing.T, h *hall) {
		ana := h.person("Ana")
		var in createOrganizationInput
		in.Body.Name, in.Body.Image = "Acme", upload(t)
		made, err := call(h, "CreateOrganization", ana, access.Tenant{}, h.s.createOrganization, in)
		must(t, err)
		acme := made.Organization
		var inside createWorkspaceInput
		inside.Body.OrganizationID, inside.Body.Name, inside.Body.Image = acme.ID, "Design", upload(t)
		design, err := call(h, "CreateWorkspace", ana, inOrg(acme.ID), h.s.createWorkspace, inside)
		must(t, err)
		change := map[string]func(image *api.File, remove bool) (string, error){
			acme.ImageURL: func(image *api.File, remove bool) (string, error) {
				in := updateOrganizationInput{OrganizationID: acme.ID}
				in.Body.Image, in.Body.RemoveImage = image, remove
				out, err := call(h, "UpdateOrganization", ana, inOrg(acme.ID), h.s.updateOrganization, in)
				return out.ImageURL, err
			},
			design.Workspace.ImageURL: func(image *api.File, remove bool) (string, error) {
				in := updateWorkspaceInput{WorkspaceID: design.Workspace.ID}
				in.Body.Image, in.Body.RemoveImage = image, remove
				out, err := call(h, "UpdateWorkspace", ana, inWs(design.Workspace.ID), h.s.updateWorkspace, in)
				return out.ImageURL, err
			},
		}
		for first, update := range change {
			if same, err := update(nil, false); err != nil || same != first || h.shown(first) != 1 {
				t.Errorf("left alone it is at %s, not %s: %v", same, first, err)
			}
			second, err := update(upload(t), false)
			if err != nil || second == first || h.shown(first) != 0 || h.shown(second) != 1 {
				t.Errorf("another one did not take its place: %v", err)
			}
			if none, err := update(nil, true); err != nil || none != "" || h.shown(second) != 0 {
				t.Errorf("removed it is at %q: %v", none, err)
			}
			if _, err := update(upload(t), false); err != nil {
				t.Error(err)
			}
			_, err = update(&api.File{Name: "a.png", Content: []byte("<svg/>")}, false)
			refuses(t, err, picture.ErrNotPicture)
		}
		must(t, h.deleteOrganization(ana, acme.ID))
		if n := h.count(`SELECT COUNT(*) FROM pictures`); n != 0 {
			t.Errorf("%d pictures of what is gone", n)
		}
	})
}

// One person does not keep the machine busy with pictures.
func TestPicturesAreLimited(t *testing.T) {
	eachHall(t, func(t *testing.T, h *hall) {
		key, err := secret.NewKey(make([]byte, secret.KeySize))
		must(t, err)
		h.s.limits.Pictures = limit.Rate{Count: 2, Per: time.Hour}
		h.s.pictures = throttle.NewLimiter(h.db, key, "pictures", h.s.limits.Pictures)
		ana, ben := h.person("Ana"), h.person("Ben")
		create := func(p someone, image *api.File) error {
			var in createOrganizationInput
			in.Body.Name, in.Body.Image = "Acme", image
			_, err := call(h, "CreateOrganization", p, access.Tenant{}, h.s.createOrganization, in)
			return err
		}
		must(t, create(ana, upload(t)))
		must(t, create(ana, upload(t)))
		refuses(t, create(ana, upload(t)), ErrTooManyPictures)
		must(t, create(ana, nil))
		must(t, create(ben, upload(t)))
	})
}
