// Package picture keeps the pictures of people, organizations and workspaces.
// What is served was encoded by this server: nothing that a person uploads
// leaves it again byte for byte.
package picture

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/bep/imagemeta"
	"golang.org/x/image/draw"
	"golang.org/x/image/webp"

	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
)

// The refusals of uploads.
var (
	ErrNotPicture    = fault.New(fault.Invalid, "BAD_REQUEST_BODY", "This is no picture that we can read. Send a PNG, JPEG, GIF or WebP file.")
	ErrTooManyBytes  = fault.New(fault.TooLarge, "BODY_TOO_LARGE", "This picture is larger than 2 MB. Send a smaller one.")
	ErrTooManyPixels = fault.New(fault.TooLarge, "BODY_TOO_LARGE", "This picture has more than 25 million pixels. Send a smaller one.")
	ErrBusy          = fault.New(fault.TooMany, "RATE_LIMITED", "Many pictures are being made right now. Try again in a few seconds.").After(10 * time.Second)
)

// What is accepted, and the two sizes that are kept: squares of so many pixels.
const (
	mostBytes  = 2 << 20
	mostPixels = 25_000_000
	smallSide  = 128
	largeSide  = 512
)

// queue is how many uploads may wait: each is kept in memory meanwhile.
const queue = 16

// Picture is an upload in the two sizes.
type Picture struct {
	ContentType  string
	Small, Large []byte
}

// format is a kind of file that is read.
type format struct {
	size   func([]byte) (image.Config, error)
	decode func([]byte) (image.Image, error)
	kind   imagemeta.ImageFormat // zero: without metadata
}

// formatOf tells the kind of a file by its content; its name and what the
// client says of it count for nothing.
func formatOf(content []byte) (format, bool) {
	switch http.DetectContentType(content) {
	case "image/png":
		return format{reading(png.DecodeConfig), reading(png.Decode), imagemeta.PNG}, true
	case "image/jpeg":
		return format{reading(jpeg.DecodeConfig), reading(jpeg.Decode), imagemeta.JPEG}, true
	case "image/gif":
		return format{reading(gif.DecodeConfig), reading(gif.Decode), 0}, true // the first frame
	case "image/webp":
		return format{reading(webp.DecodeConfig), reading(webp.Decode), imagemeta.WebP}, true
	}
	return format{}, false
}

// Studio decodes one upload at a time: a picture takes many times the memory
// of its file. A bounded number of others may wait.
type Studio struct {
	free    chan struct{}
	waiting atomic.Int64
}

// NewStudio is a studio with one place.
func NewStudio() *Studio { return &Studio{free: make(chan struct{}, 1)} }

// enter waits for the place, or refuses with ErrBusy when many wait already.
// Who has got in calls leave.
func (s *Studio) enter(ctx context.Context) (leave func(), err error) {
	defer s.waiting.Add(-1)
	if s.waiting.Add(1) > queue {
		return nil, ErrBusy
	}
	select {
	case s.free <- struct{}{}:
		return func() { <-s.free }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Develop makes the two sizes of an upload, cut to a square around its middle.
// It refuses with ErrNotPicture, ErrTooManyBytes, ErrTooManyPixels or ErrBusy.
func (s *Studio) Develop(ctx context.Context, content []byte) (p Picture, err error) {
	if len(content) > mostBytes {
		return p, ErrTooManyBytes
	}
	f, ok := formatOf(content)
	if !ok {
		return p, ErrNotPicture
	}
	size, err := f.size(content)
	if err != nil || size.Width < 1 || size.Height < 1 {
		return p, ErrNotPicture
	}
	if int64(size.Width)*int64(size.Height) > mostPixels {
		return p, ErrTooManyPixels
	}
	leave, err := s.enter(ctx)
	if err != nil {
		return p, err
	}
	defer leave()
	original, err := f.decode(content)
	if err != nil || original.Bounds().Empty() {
		return p, ErrNotPicture
	}
	large := upright(scaled(original, largeSide), orientationOf(content, f.kind))
	if p.ContentType, p.Large, err = encode(large); err != nil {
		return p, err
	}
	_, p.Small, err = encode(scaled(large, smallSide))
	return p, err
}

// scaled is the middle square of a picture, with sides of at most so many
// pixels.
func scaled(original image.Image, side int) *image.NRGBA {
	b := original.Bounds()
	short := min(b.Dx(), b.Dy())
	from := image.Rect(0, 0, short, short).Add(b.Min).Add(image.Pt((b.Dx()-short)/2, (b.Dy()-short)/2))
	side = min(side, short)
	to := image.NewNRGBA(image.Rect(0, 0, side, side))
	draw.CatmullRom.Scale(to, to.Bounds(), original, from, draw.Src, nil)
	return to
}

// encode writes pictures with transparent parts as PNG, others as JPEG.
func encode(i *image.NRGBA) (contentType string, content []byte, err error) {
	var b bytes.Buffer
	if i.Opaque() {
		err, contentType = jpeg.Encode(&b, i, &jpeg.Options{Quality: 88}), "image/jpeg"
	} else {
		err, contentType = png.Encode(&b, i), "image/png"
	}
	if err != nil {
		return "", nil, fmt.Errorf("encode a picture: %w", err)
	}
	return contentType, b.Bytes(), nil
}

// Replace keeps a picture of a person, organization or workspace in the place
// of the one they had.
func Replace[N any](ctx context.Context, tx *database.Tx, d id.Deployment, of id.Of[N], p Picture) (id.Picture, error) {
	if err := Drop(ctx, tx, of); err != nil {
		return 0, err
	}
	picture := database.NewID[id.Picture](tx)
	return picture, New(tx).InsertPicture(ctx, InsertPictureParams{
		ID: picture, DeploymentID: d, SubjectID: id.Subject(of), ContentType: p.ContentType, Small: p.Small, Large: p.Large, Now: tx.Now,
	})
}

// Drop deletes the pictures of people, organizations or workspaces.
func Drop[N any](ctx context.Context, tx *database.Tx, of ...id.Of[N]) error {
	return New(tx).DropPictures(ctx, database.Int64s(of))
}
