package api

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"math"
	"mime/multipart"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// The refusals of encodings.
var (
	errTooManyFields = errBadInput.With("The body has too many fields.")
	errTooDeep       = errBadInput.With("The body is nested too deeply.")
	errNotText       = errBadInput.With("The body has characters that are not allowed: send UTF-8 without NUL.")
	errNotObject     = errBadInput.With("The body must be one JSON object.")
)

// indexed is an array of a form: k repeated, k[] and k[0] all add to it.
type indexed struct {
	values []any
	order  []int // the index of each value, math.MaxInt for one without
}

// readForm reads application/x-www-form-urlencoded.
func (b *body) readForm(stream io.Reader) (content, error) {
	text, err := io.ReadAll(stream)
	if err != nil {
		return content{}, readError(err)
	}
	c := content{values: map[string]any{}}
	if bytes.Count(text, []byte("&")) >= maxFields {
		return c, errTooManyFields
	}
	for pair := range strings.SplitSeq(string(text), "&") {
		if pair == "" {
			continue
		}
		key, value, _ := strings.Cut(pair, "=")
		if key, err = url.QueryUnescape(key); err != nil {
			return c, readError(err)
		}
		if value, err = url.QueryUnescape(value); err != nil {
			return c, readError(err)
		}
		if err := b.add(c, key, value); err != nil {
			return c, err
		}
	}
	return c, sortArrays(c.values)
}

// readMultipart reads multipart/form-data (RFC 7578). A file that nobody asked
// for is skipped; the form of a browser sends one without name for none.
func (b *body) readMultipart(stream io.Reader, boundary string) (content, error) {
	c := content{values: map[string]any{}, files: map[string]*File{}}
	if boundary == "" {
		return c, errBadInput.With("The multipart body has no boundary.")
	}
	parts := multipart.NewReader(stream, boundary)
	for n := 0; ; n++ {
		part, err := parts.NextPart()
		if err == io.EOF { // wrapped, it means a body that was cut off
			return c, sortArrays(c.values)
		}
		if err != nil {
			return c, readError(err)
		}
		if n == maxFields {
			return c, errTooManyFields
		}
		name := part.FormName()
		member, known := b.members[strings.SplitN(name, "[", 2)[0]]
		if !known {
			continue
		}
		value, err := io.ReadAll(part)
		if err != nil {
			return c, readError(err)
		}
		if member.Type != fileType {
			if err := b.add(c, name, string(value)); err != nil {
				return c, err
			}
			continue
		}
		if part.FileName() == "" && len(value) == 0 {
			continue
		}
		if part.FileName() == "" || !isText(part.FileName()) {
			return c, errBadInput.With("The field `" + name + "` must be a file with a name.")
		}
		if c.files[name] != nil {
			return c, duplicate(name)
		}
		c.files[name] = &File{Name: part.FileName(), Content: value}
	}
}

func duplicate(name string) error {
	return errBadInput.With("The field `" + name + "` is there twice; send it once.")
}

// add puts one field of a form where its key says: k, k[], k[0] or k[NAME].
func (b *body) add(c content, key, value string) error {
	if !isText(key) || !isText(value) {
		return errNotText
	}
	name, rest, _ := strings.Cut(key, "[")
	var path []string
	if rest != "" {
		if path = strings.Split(strings.TrimSuffix(rest, "]"), "]["); len(path) > maxDepth {
			return errTooDeep
		}
	} else if strings.HasSuffix(key, "[") {
		return nil // no key of ours
	}
	return put(b.registry, b.schema, c.values, name, path, value)
}

// put stores the value of a form below an object whose schema is s.
func put(registry huma.Registry, s *huma.Schema, object map[string]any, name string, path []string, value string) error {
	p := property(registry, s, name)
	switch {
	case p == nil:
		return nil // unknown fields are ignored
	case p.Type == huma.TypeArray && len(path) <= 1:
		order := math.MaxInt
		if len(path) == 1 && path[0] != "" {
			n, err := strconv.Atoi(path[0])
			if err != nil || n < 0 {
				return errBadInput.With("The field `" + name + "` has an entry without a number.")
			}
			order = n
		}
		list, _ := object[name].(indexed)
		object[name] = indexed{append(list.values, value), append(list.order, order)}
		return nil
	case p.Type == huma.TypeObject && len(path) > 0:
		child, ok := object[name].(map[string]any)
		if !ok {
			child = map[string]any{}
			object[name] = child
		}
		return put(registry, p, child, path[0], path[1:], value)
	case len(path) > 0:
		return nil // a key that is not ours, as an unknown field
	}
	if _, ok := object[name]; ok {
		return duplicate(name)
	}
	object[name] = value
	return nil
}

// sortArrays puts the entries of arrays in the order of their numbers, those
// without number last, and refuses a number that is there twice.
func sortArrays(object map[string]any) error {
	for name, value := range object {
		switch value := value.(type) {
		case map[string]any:
			if err := sortArrays(value); err != nil {
				return err
			}
		case indexed:
			places := make([]int, len(value.order))
			for i := range places {
				places[i] = i
			}
			slices.SortStableFunc(places, func(i, j int) int { return cmp.Compare(value.order[i], value.order[j]) })
			list := make([]any, len(places))
			for i, place := range places {
				list[i] = value.values[place]
				if n := value.order[place]; i > 0 && n != math.MaxInt && n == value.order[places[i-1]] {
					return duplicate(name + "[" + strconv.Itoa(n) + "]")
				}
			}
			object[name] = list
		}
	}
	return nil
}

// readJSON reads application/json.
func (b *body) readJSON(stream io.Reader) (content, error) {
	text, err := io.ReadAll(stream)
	if err != nil {
		return content{}, readError(err)
	}
	c := content{values: map[string]any{}}
	if len(bytes.TrimSpace(text)) == 0 {
		return c, nil
	}
	if !isText(string(text)) {
		return c, errNotText
	}
	if !json.Valid(text) {
		return c, errBadInput.With("The body is not well-formed JSON.")
	}
	reader := jsonReader{dec: json.NewDecoder(bytes.NewReader(text))}
	reader.dec.UseNumber()
	value, err := reader.value(0)
	if err != nil {
		return c, readError(err)
	}
	object, ok := value.(map[string]any)
	if !ok {
		return c, errNotObject
	}
	c.values = object
	return c, nil
}

// jsonReader reads JSON that is valid within the bounds of a body. Unlike
// encoding/json it refuses a member that is there twice.
type jsonReader struct {
	dec    *json.Decoder
	fields int
}

func (r *jsonReader) value(depth int) (any, error) {
	token, err := r.dec.Token()
	if err != nil {
		return nil, err
	}
	switch token := token.(type) {
	case string:
		if !isText(token) {
			return nil, errNotText
		}
	case json.Delim:
		if depth >= maxDepth {
			return nil, errTooDeep
		}
		if token == '[' {
			return r.array(depth + 1)
		}
		return r.object(depth + 1)
	}
	return token, nil
}

func (r *jsonReader) array(depth int) (any, error) {
	list := []any{}
	for r.dec.More() {
		if r.fields++; r.fields > maxFields {
			return nil, errTooManyFields
		}
		item, err := r.value(depth)
		if err != nil {
			return nil, err
		}
		list = append(list, item)
	}
	_, err := r.dec.Token()
	return list, err
}

func (r *jsonReader) object(depth int) (any, error) {
	object := map[string]any{}
	for r.dec.More() {
		if r.fields++; r.fields > maxFields {
			return nil, errTooManyFields
		}
		key, err := r.value(depth)
		if err != nil {
			return nil, err
		}
		name := key.(string) // the text is valid JSON
		if _, ok := object[name]; ok {
			return nil, duplicate(name)
		}
		if object[name], err = r.value(depth); err != nil {
			return nil, err
		}
	}
	_, err := r.dec.Token()
	return object, err
}
