package picture

import (
	"bytes"
	"encoding/base64"
	"errors"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"testing"
)

// drawing is a picture in one colour.
func drawing(w, h int, c color.Color) image.Image {
	i := image.NewNRGBA(image.Rect(0, 0, w, h))
	for at := range w * h {
		i.Set(at%w, at/w, c)
	}
	return i
}

func file(t *testing.T, kind string, i image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	var err error
	switch kind {
	case "png":
		err = png.Encode(&b, i)
	case "jpeg":
		err = jpeg.Encode(&b, i, nil)
	case "gif":
		err = gif.Encode(&b, i, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// webpFile is a lossless WebP file of one pixel (RFC 9649).
func webpFile(t *testing.T) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString("UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA==")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// S26: what counts is the content, and what is kept is ours.
func TestDevelop(t *testing.T) {
	red, glass := color.NRGBA{200, 0, 0, 255}, color.NRGBA{0, 0, 200, 90}
	page := append(file(t, "png", drawing(20, 20, red)), "<script>alert(1)</script>"...)
	huge := file(t, "gif", drawing(1, 1, red))
	huge[6], huge[7], huge[8], huge[9] = 0xff, 0xff, 0xff, 0xff // the size it says it has
	tests := map[string]struct {
		content []byte
		kind    string
		large   int
		small   int
		err     error
	}{
		"a wide JPEG":            {file(t, "jpeg", drawing(900, 600, red)), "jpeg", largeSide, smallSide, nil},
		"a tall PNG":             {file(t, "png", drawing(300, 1000, red)), "jpeg", 300, smallSide, nil},
		"one with glass in it":   {file(t, "png", drawing(600, 600, glass)), "png", largeSide, smallSide, nil},
		"a GIF":                  {file(t, "gif", drawing(200, 200, red)), "jpeg", 200, smallSide, nil},
		"a WebP of one pixel":    {webpFile(t), "", 1, 1, nil},
		"a page behind a PNG":    {page, "jpeg", 20, 20, nil},
		"more pixels than it is": {huge, "", 0, 0, ErrTooManyPixels},
		"too many bytes":         {make([]byte, mostBytes+1), "", 0, 0, ErrTooManyBytes},
		"half a PNG":             {page[:60], "", 0, 0, ErrNotPicture},
		"nothing":                {nil, "", 0, 0, ErrNotPicture},
		"a vector graphic":       {[]byte(`<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>`), "", 0, 0, ErrNotPicture},
		"a page":                 {[]byte("<!DOCTYPE html><p>"), "", 0, 0, ErrNotPicture},
		"a bitmap":               {[]byte("BM\x1e\x00\x00\x00\x00\x00\x00\x00\x1a\x00\x00\x00"), "", 0, 0, ErrNotPicture},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p, err := NewStudio().Develop(t.Context(), tt.content)
			if !errors.Is(err, tt.err) {
				t.Fatalf("got %v, want %v", err, tt.err)
			}
			if tt.err != nil {
				return
			}
			for i, content := range [][]byte{p.Large, p.Small} {
				side := []int{tt.large, tt.small}[i]
				i, kind, err := image.Decode(bytes.NewReader(content))
				if err != nil || i.Bounds() != image.Rect(0, 0, side, side) || tt.kind != "" && kind != tt.kind || p.ContentType != "image/"+kind {
					t.Errorf("it is a %s (%s) of %v, %v", kind, p.ContentType, i.Bounds(), err)
				}
				if bytes.Contains(content, []byte("script")) {
					t.Error("what was hidden behind the picture is still there")
				}
			}
		})
	}
}

func FuzzDevelop(f *testing.F) {
	f.Add([]byte("\x89PNG\r\n\x1a\n"))
	f.Add([]byte("GIF89a"))
	f.Add([]byte("RIFF\x1a\x00\x00\x00WEBPVP8L"))
	f.Add([]byte("\xff\xd8\xff"))
	studio := NewStudio()
	f.Fuzz(func(t *testing.T, content []byte) {
		p, err := studio.Develop(t.Context(), content)
		if err == nil && (len(p.Small) == 0 || len(p.Large) == 0) {
			t.Error("a picture without content")
		}
	})
}
