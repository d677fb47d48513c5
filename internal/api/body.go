package api

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/guildhall-id/guildhall/internal/platform/fault"
)

// The bounds of a body (promise S36).
const (
	maxBody         = 1 << 20 // bytes
	maxBodyWithFile = 4 << 20
	maxFields       = 1000
	maxDepth        = 64
)

// File is an upload, the type of a body field `*api.File`. It exists in
// multipart/form-data alone. Nothing is known about its content.
type File struct {
	Name    string // as the client calls it: for display, never for a path
	Content []byte
}

var fileType = reflect.TypeFor[*File]()

// Schema describes a file in the OpenAPI document.
func (File) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Format: "binary"}
}

// The refusals of bodies.
var (
	errTooLarge  = fault.New(fault.TooLarge, "BODY_TOO_LARGE", "This is too large. Send less.")
	errMediaType = fault.New(fault.UnsupportedType, "UNSUPPORTED_MEDIA_TYPE",
		"Send the body as multipart/form-data, application/x-www-form-urlencoded or application/json, in UTF-8 and not compressed.")
)

// body is the plan of decoding for the field Body of an input.
type body struct {
	field    reflect.StructField
	ref      *huma.Schema // the schema, or the reference to it
	schema   *huma.Schema
	registry huma.Registry
	members  map[string]reflect.StructField // by JSON name
	limit    int64
}

// planBody reads the tags of a body.
func planBody(op *Operation, f reflect.StructField, registry huma.Registry) (*body, error) {
	if strings.HasPrefix(op.Route, http.MethodGet+" ") {
		return nil, errors.New("a GET has no body")
	}
	if f.Type.Kind() != reflect.Struct {
		return nil, fmt.Errorf("its body is a %s and not a struct", f.Type)
	}
	b := &body{field: f, registry: registry, members: map[string]reflect.StructField{}, limit: maxBody}
	b.ref = registry.Schema(f.Type, true, op.ID+"Body")
	b.schema = resolve(registry, b.ref)
	for _, member := range reflect.VisibleFields(f.Type) {
		name, _, _ := strings.Cut(member.Tag.Get("json"), ",")
		name = cmp.Or(name, member.Name)
		if b.schema.Properties[name] == nil {
			continue
		}
		b.members[name] = member
		if member.Type == fileType {
			b.limit = maxBodyWithFile
		}
		if clears(member) && member.Type.Kind() != reflect.Pointer && member.Type.Kind() != reflect.Slice {
			return nil, fmt.Errorf("the body's %s can be cleared and must be a pointer or a slice", name)
		}
	}
	return b, nil
}

// clears reports whether a member is present when it is empty.
func clears(member reflect.StructField) bool { return member.Tag.Get("clear") == "true" }

// bodyID is where the body's id of this name is, nil when there is none.
func (in *input) bodyID(name string) []int {
	if in.body == nil {
		return nil
	}
	member, ok := in.body.members[name]
	if !ok || !isID(resolve(in.registry, in.body.schema.Properties[name])) || member.Type.Kind() != reflect.Int64 {
		return nil
	}
	return append(append([]int{}, in.body.field.Index...), member.Index...)
}

// content is a body on its way to its struct.
type content struct {
	values map[string]any
	files  map[string]*File
}

// decodeBody fills in the field Body of v. There is one path for the three
// encodings: values by name, typed by the schema, validated, stored.
func (in *input) decodeBody(w http.ResponseWriter, r *http.Request, v reflect.Value) error {
	b := in.body
	if b == nil {
		return nil
	}
	c, err := b.read(w, r)
	if err != nil {
		return err
	}
	cleared, err := b.coerce(c)
	if err != nil {
		return err
	}
	if err := b.validate(c); err != nil {
		return err
	}
	return b.store(c, cleared, v.FieldByIndex(b.field.Index))
}

// coerce gives the values their types and drops those that are unknown or
// absent. The names of empty ones that clear something are the result.
func (b *body) coerce(c content) (cleared []string, err error) {
	for name, value := range c.values {
		member, known := b.members[name]
		if !known {
			delete(c.values, name)
			continue
		}
		typed, err := coerce(b.registry, b.schema.Properties[name], name, value)
		if err != nil {
			return nil, err
		}
		c.values[name] = typed
		if list, ok := typed.([]any); typed == nil || ok && len(list) == 0 && member.Type.Kind() == reflect.Slice {
			delete(c.values, name)
			if clears(member) {
				cleared = append(cleared, name)
			}
		} else if member.Type == fileType {
			return nil, b.unexpected(name)
		}
	}
	return cleared, nil
}

// unexpected is the refusal of a member that is not what its schema accepts.
func (b *body) unexpected(name string) error {
	return errBadInput.With("The field `" + name + "` must be " + expectation(b.registry, b.schema.Properties[name]) + ".")
}

// read takes the values from the body in its encoding. No body is one without
// fields.
func (b *body) read(w http.ResponseWriter, r *http.Request) (content, error) {
	if r.ContentLength > b.limit {
		w.Header().Set("Connection", "close") // rather than read what nobody wants
		return content{}, errTooLarge
	}
	if r.ContentLength == 0 || r.Body == nil {
		return content{values: map[string]any{}}, nil
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return content{}, errMediaType
	}
	mediaType, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return content{}, errMediaType
	}
	if charset := params["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") && !strings.EqualFold(charset, "us-ascii") {
		return content{}, errMediaType
	}
	stream := http.MaxBytesReader(w, r.Body, b.limit)
	switch mediaType {
	case "multipart/form-data":
		return b.readMultipart(stream, params["boundary"])
	case "application/x-www-form-urlencoded":
		return b.readForm(stream)
	case "application/json":
		return b.readJSON(stream)
	default:
		return content{}, errMediaType
	}
}

// readError is the refusal of a body that could not be read to its end.
func readError(err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return errTooLarge
	}
	if refusal, ok := errors.AsType[*fault.Error](err); ok {
		return refusal
	}
	return errBadInput.With("The body is not complete or not well formed.")
}

// validate compares the values with the schema.
func (b *body) validate(c content) error {
	for name := range c.files {
		c.values[name] = "" // its schema is a text; the content stays out
	}
	for _, name := range b.schema.Required {
		if _, ok := c.values[name]; !ok {
			return errRequired.With("The field `" + name + "` is required.")
		}
	}
	if wrong := violation(b.registry, b.schema, c.values); wrong != nil {
		name, _, _ := strings.Cut(wrong.Location, ".")
		name, _, _ = strings.Cut(name, "[")
		if b.members[name].Type == nil {
			return errBadInput
		}
		return b.unexpected(name)
	}
	for name := range c.files {
		delete(c.values, name)
	}
	return nil
}

// store writes validated values into the body's struct.
func (b *body) store(c content, cleared []string, v reflect.Value) error {
	if len(c.values) > 0 {
		text, err := json.Marshal(c.values)
		if err != nil {
			return fmt.Errorf("decode body: %w", err)
		}
		if err := json.Unmarshal(text, v.Addr().Interface()); err != nil {
			if refusal, ok := errors.AsType[*fault.Error](err); ok {
				return refusal
			}
			if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && wrong.Field != "" {
				return errBadInput.With("The field `" + wrong.Field + "` is out of range.")
			}
			return errBadInput
		}
	}
	for name, file := range c.files {
		v.FieldByIndex(b.members[name].Index).Set(reflect.ValueOf(file))
	}
	for _, name := range cleared {
		field := v.FieldByIndex(b.members[name].Index)
		if field.Kind() == reflect.Slice {
			field.Set(reflect.MakeSlice(field.Type(), 0, 0))
		} else {
			field.Set(reflect.New(field.Type().Elem()))
		}
	}
	return nil
}
