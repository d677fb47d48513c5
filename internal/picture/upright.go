package picture

import (
	"bytes"
	"image"

	"github.com/bep/imagemeta"
)

// orientationOf is how a camera was held, as its file says: 1 to 8 (EXIF 2.32,
// tag 0x0112), 1 when it says nothing that can be read.
func orientationOf(content []byte, kind imagemeta.ImageFormat) uint16 {
	orientation := uint16(1)
	is := func(tag imagemeta.TagInfo) bool { return tag.Tag == "Orientation" }
	// An error is as good as no tag: whether it is a picture, the pixels tell.
	_, _ = imagemeta.Decode(imagemeta.Options{
		R: bytes.NewReader(content), ImageFormat: kind, Sources: imagemeta.EXIF, ShouldHandleTag: is,
		HandleTag: func(tag imagemeta.TagInfo) error {
			if value, ok := tag.Value.(uint16); ok && is(tag) {
				orientation = value
			}
			return nil
		},
	})
	return orientation
}

// upright turns and mirrors a square picture, so that it is shown as it was
// taken.
func upright(taken *image.NRGBA, orientation uint16) *image.NRGBA {
	last := taken.Bounds().Dx() - 1
	var from func(x, y int) (int, int)
	switch orientation {
	case 2:
		from = func(x, y int) (int, int) { return last - x, y }
	case 3:
		from = func(x, y int) (int, int) { return last - x, last - y }
	case 4:
		from = func(x, y int) (int, int) { return x, last - y }
	case 5:
		from = func(x, y int) (int, int) { return y, x }
	case 6:
		from = func(x, y int) (int, int) { return y, last - x }
	case 7:
		from = func(x, y int) (int, int) { return last - y, last - x }
	case 8:
		from = func(x, y int) (int, int) { return last - y, x }
	default:
		return taken
	}
	turned := image.NewNRGBA(taken.Bounds())
	for y := range last + 1 {
		for x := range last + 1 {
			turned.SetNRGBA(x, y, taken.NRGBAAt(from(x, y)))
		}
	}
	return turned
}
