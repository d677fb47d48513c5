package picture

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"runtime"
	"slices"
	"testing"

	"golang.org/x/image/draw"
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
	more, most := bytes.Clone(huge), bytes.Clone(huge)
	copy(more[6:], []byte{5001 & 0xff, 5001 >> 8, 5000 & 0xff, 5000 >> 8})
	copy(most[6:], []byte{5000 & 0xff, 5000 >> 8, 5000 & 0xff, 5000 >> 8})
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
		"a row too many":         {more, "", 0, 0, ErrTooManyPixels},
		"as many as may be":      {most, "jpeg", 1, 1, nil},
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

// S17 for pictures: those who wait are few, and whoever gives up makes room.
func TestQueueIsBounded(t *testing.T) {
	s := NewStudio()
	leave, err := s.enter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	waiting, giveUp := context.WithCancel(t.Context())
	results := make(chan error)
	for range queue {
		go func() {
			_, err := s.Develop(waiting, file(t, "png", drawing(1, 1, color.White)))
			results <- err
		}()
	}
	for s.waiting.Load() < queue {
		runtime.Gosched()
	}
	if _, err := s.Develop(t.Context(), file(t, "png", drawing(1, 1, color.White))); !errors.Is(err, ErrBusy) {
		t.Errorf("one too many: got %v, want %v", err, ErrBusy)
	}
	giveUp()
	for range queue {
		if err := <-results; !errors.Is(err, context.Canceled) {
			t.Errorf("who gave up: %v", err)
		}
	}
	leave()
	if _, err := s.Develop(t.Context(), file(t, "png", drawing(1, 1, color.White))); err != nil {
		t.Error(err)
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

// held is a JPEG file whose camera says how it was held (EXIF 2.32, 4.5.4 and
// 4.6.2: one directory with one entry).
func held(t *testing.T, i image.Image, orientation byte) []byte {
	t.Helper()
	content := file(t, "jpeg", i)
	exif := append([]byte("Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00"), orientation, 0, 0, 0, 0, 0, 0)
	segment := append([]byte{0xff, 0xe1, 0, byte(len(exif) + 2)}, exif...)
	return slices.Concat(content[:2], segment, content[2:])
}

// A picture of which one corner is marked is shown as it was taken, however
// the camera was held.
func TestUpright(t *testing.T) {
	const side = 200
	red := color.NRGBA{200, 0, 0, 255}
	top, left, bottom, right := 0, 0, side/2, side/2
	corners := map[byte][3]image.Point{ // where the top left and right corners, and the bottom left one, are in the file
		0: {{left, top}, {right, top}, {left, bottom}},
		1: {{left, top}, {right, top}, {left, bottom}},
		2: {{right, top}, {left, top}, {right, bottom}},
		3: {{right, bottom}, {left, bottom}, {right, top}},
		4: {{left, bottom}, {right, bottom}, {left, top}},
		5: {{left, top}, {left, bottom}, {right, top}},
		6: {{left, bottom}, {left, top}, {right, bottom}},
		7: {{right, bottom}, {right, top}, {left, bottom}},
		8: {{right, top}, {right, bottom}, {left, top}},
	}
	shown := []image.Point{{left, top}, {right, top}, {left, bottom}}
	for orientation, stored := range corners {
		for n, corner := range stored {
			taken := image.NewNRGBA(image.Rect(0, 0, side, side))
			draw.Draw(taken, taken.Bounds(), image.White, image.Point{}, draw.Src)
			draw.Draw(taken, image.Rect(0, 0, side/2, side/2).Add(corner), image.NewUniform(red), image.Point{}, draw.Src)
			p, err := NewStudio().Develop(t.Context(), held(t, taken, orientation))
			if err != nil {
				t.Fatal(err)
			}
			got, err := jpeg.Decode(bytes.NewReader(p.Large))
			if err != nil {
				t.Fatal(err)
			}
			for m, at := range shown {
				_, green, _, _ := got.At(at.X+side/4, at.Y+side/4).RGBA()
				if marked := green < 0x8000; marked != (m == n) {
					t.Errorf("held as %d, corner %d at %v: corner %d marked: %t", orientation, n, corner, m, marked)
				}
			}
		}
	}
}
