package account

import (
	"bytes"
	"image"
	"image/png"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/api"
	"github.com/guildhall-id/guildhall/internal/picture"
)

func (o *desk) upload(c *access.Caller, content []byte) (string, error) {
	var in uploadPictureInput
	in.Body.File = &api.File{Name: "x.svg", Content: content}
	me, err := o.uploadPicture(as(c), in)
	return me.ProfilePictureURL, err
}

func TestProfilePicture(t *testing.T) {
	var b bytes.Buffer
	must(t, png.Encode(&b, image.NewNRGBA(image.Rect(0, 0, 300, 200))))
	each(t, func(o *desk) {
		serve := picture.Handler(o.db, o.deployments, slog.Default(), http.NotFoundHandler())
		get := func(address, query string) *httptest.ResponseRecorder {
			o.t.Helper()
			u, err := url.Parse(address)
			must(o.t, err)
			w := httptest.NewRecorder()
			serve.ServeHTTP(w, httptest.NewRequest(http.MethodGet, u.Path+query, nil))
			return w
		}
		ana := o.somebody("ana")
		_, err := o.upload(ana, []byte("<svg/>"))
		refuses(o.t, "a vector graphic", err, picture.ErrNotPicture)
		address, err := o.upload(ana, b.Bytes())
		must(o.t, err)
		if me := o.me(ana); !me.HasProfilePicture || me.ProfilePictureURL != address {
			o.t.Errorf("got %+v", me)
		}
		for query, side := range map[string]int{"": 200, "?size=64": 128, "?size=512": 200, "?size=x": 200} {
			w := get(address, query)
			i, err := png.Decode(w.Body)
			must(o.t, err)
			h := w.Header()
			if i.Bounds().Dx() != side || h.Get("Content-Type") != "image/png" || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Cache-Control") == "" {
				o.t.Errorf("%q: %v %v", query, i.Bounds(), h)
			}
		}
		for _, other := range []string{"/pictures/", "/pictures/1", "/pictures/x"} {
			if w := get(other, ""); w.Code != http.StatusNotFound {
				o.t.Errorf("%s: %d", other, w.Code)
			}
		}
		second, err := o.upload(ana, b.Bytes())
		must(o.t, err)
		if second == address || get(address, "").Code != http.StatusNotFound || get(second, "").Code != http.StatusOK {
			o.t.Error("the new picture did not take the place of the old one")
		}
		_, err = o.update(ana, func(in *updateUserInput) { in.Body.RemoveProfilePicture = true })
		must(o.t, err)
		if o.me(ana).HasProfilePicture || get(second, "").Code != http.StatusNotFound {
			o.t.Error("the removed picture is still there")
		}
	})
}

// All pictures of the program are developed one at a time: each takes many
// times the memory of its file.
func TestPicturesTakeTurnsWithThoseOfOrganizations(t *testing.T) {
	each(t, func(s *desk) {
		if s.studio != s.organizations.Studio() {
			t.Error("people and organizations have a studio each")
		}
	})
}
