package picture

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
)

// Path is where the pictures are, followed by an id.
const Path = "/pictures/"

// reading turns a function over a stream into one over what is in memory.
func reading[T any](f func(io.Reader) (T, error)) func([]byte) (T, error) {
	return func(content []byte) (T, error) { return f(bytes.NewReader(content)) }
}

// Handler serves GET /pictures/{id}?size=N: the size of at least N pixels, if
// there is one. A new picture has a new address, so browsers may keep what
// they get. Everything else is left to next.
func Handler(db *database.DB, deployments *deployment.Service, log *slog.Logger, next http.Handler) http.Handler {
	q := New(db)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		picture, err := id.Parse[id.Picture](strings.TrimPrefix(r.URL.Path, Path))
		if err != nil || picture == 0 || r.Method != http.MethodGet && r.Method != http.MethodHead {
			next.ServeHTTP(w, r)
			return
		}
		var found LargePictureRow
		d, err := deployments.Current(r.Context())
		if err == nil {
			if size, wrong := strconv.Atoi(r.URL.Query().Get("size")); wrong == nil && size <= smallSide {
				var small SmallPictureRow
				small, err = q.SmallPicture(r.Context(), SmallPictureParams{ID: picture, DeploymentID: d.ID})
				found = LargePictureRow(small)
			} else {
				found, err = q.LargePicture(r.Context(), LargePictureParams{ID: picture, DeploymentID: d.ID})
			}
		}
		if err != nil {
			if !database.IsNoRows(err) {
				log.ErrorContext(r.Context(), "a picture could not be read", "error", err)
			}
			next.ServeHTTP(w, r)
			return
		}
		h := w.Header()
		h.Set("Content-Type", found.ContentType)
		h.Set("Content-Length", strconv.Itoa(len(found.Content)))
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
		h.Set("Cross-Origin-Resource-Policy", "cross-origin")
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		if r.Method == http.MethodGet {
			w.Write(found.Content)
		}
	})
}
