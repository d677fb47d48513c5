package api

import (
	"encoding"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
)

// input is the plan of decoding for the input of one operation.
type input struct {
	registry huma.Registry
	params   []param
	queried  bool  // some of them are in the query
	body     *body // nil when the operation has none
}

// param is a field filled from the path or the query.
type param struct {
	name     string
	in       string // "path" or "query"
	field    reflect.StructField
	schema   *huma.Schema
	required bool
}

// planInput reads the tags of an operation's input and compares them with its
// route.
func planInput(op *Operation, registry huma.Registry) (*input, error) {
	t := op.Handle.in
	if t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("its input is a %s and not a struct", t)
	}
	in := &input{registry: registry}
	inPath := wildcards(op.Route)
	for _, f := range reflect.VisibleFields(t) {
		p := param{field: f, in: "path", name: f.Tag.Get("path")}
		if p.name == "" {
			p.in, p.name = "query", f.Tag.Get("query")
		}
		switch {
		case f.Name == "Body" && len(f.Index) == 1:
			b, err := planBody(op, f, registry)
			if err != nil {
				return nil, err
			}
			in.body = b
			continue
		case p.name == "":
			continue
		case p.in == "path" && !slices.Contains(inPath, p.name):
			return nil, fmt.Errorf("its route has no {%s}", p.name)
		}
		inPath = slices.DeleteFunc(inPath, func(s string) bool { return p.in == "path" && s == p.name })
		p.schema = huma.SchemaFromField(registry, f, op.ID+f.Name)
		p.required = p.in == "path" || f.Tag.Get("required") == "true"
		if err := p.settable(); err != nil {
			return nil, err
		}
		in.queried = in.queried || p.in == "query"
		in.params = append(in.params, p)
	}
	if len(inPath) > 0 {
		return nil, fmt.Errorf("its input has no field for {%s}", inPath[0])
	}
	return in, nil
}

// wildcards are the names in braces of a route.
func wildcards(route string) (names []string) {
	for segment := range strings.SplitSeq(route, "/") {
		if name, ok := strings.CutPrefix(segment, "{"); ok {
			names = append(names, strings.TrimSuffix(name, "}"))
		}
	}
	return names
}

// pathID is where the id called {id} is, nil when there is none.
func (in *input) pathID() []int {
	for _, p := range in.params {
		if p.in == "path" && p.name == "id" && isID(p.schema) {
			return p.field.Index
		}
	}
	return nil
}

// isID reports whether a schema is that of an id.Of.
func isID(s *huma.Schema) bool { return s.Type == huma.TypeString && s.Format == "uint64" }

// The refusals of inputs.
var (
	errRequired = fault.New(fault.Invalid, "REQUIRED_FIELD", "A required field is missing.")
	errBadInput = fault.New(fault.Invalid, "BAD_REQUEST_BODY", "The request could not be understood.")
)

// decodeParams fills in the fields of the path and the query.
func (in *input) decodeParams(r *http.Request, v reflect.Value) error {
	var query url.Values
	if in.queried && r.URL.RawQuery != "" {
		var err error
		if query, err = url.ParseQuery(r.URL.RawQuery); err != nil {
			return errBadInput.With("The query of the address is malformed.")
		}
	}
	for i := range in.params {
		p := &in.params[i]
		text := ""
		if p.in == "path" {
			text = r.PathValue(p.name)
		} else if values := query[p.name]; len(values) > 1 {
			return errBadInput.With("The parameter `" + p.name + "` is there twice; send it once.")
		} else if len(values) == 1 {
			text = values[0]
		}
		if text == "" {
			text = p.field.Tag.Get("default")
		}
		if err := p.decode(in.registry, text, v); err != nil {
			return err
		}
	}
	return nil
}

// decode parses one parameter into its field of v. Empty is absent, and so is
// the id 0, but in a path.
func (p *param) decode(registry huma.Registry, text string, v reflect.Value) error {
	if text == "" || text == "0" && p.required && isID(p.schema) {
		switch {
		case p.in == "path":
			return id.ErrInvalid
		case p.required:
			return errRequired.With("The parameter `" + p.name + "` is required.")
		}
		return nil
	}
	if !isText(text) && !isID(p.schema) {
		return errBadInput.With("The parameter `" + p.name + "` has characters that are not allowed.")
	}
	value, err := coerce(registry, p.schema, p.name, text)
	if err != nil {
		return err
	}
	if !isID(p.schema) {
		if at := violation(registry, p.schema, value); at != nil {
			return errBadInput.With("The parameter `" + p.name + "` must be " + expectation(registry, p.schema) + ".")
		}
	}
	if err := set(v.FieldByIndex(p.field.Index), value); err != nil {
		if refusal, ok := errors.AsType[*fault.Error](err); ok {
			return refusal
		}
		return errBadInput.With("The parameter `" + p.name + "` must be " + expectation(registry, p.schema) + ".")
	}
	return nil
}

// settable reports a parameter whose type set does not know.
func (p *param) settable() error {
	t := p.field.Type
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	v := reflect.New(t).Elem()
	_, text := v.Addr().Interface().(encoding.TextUnmarshaler)
	if p.schema != nil && (text || v.CanInt() || v.CanUint() || v.Kind() == reflect.String || v.Kind() == reflect.Bool) {
		return nil
	}
	return fmt.Errorf("parameter %s: a %s cannot be a parameter", p.name, p.field.Type)
}

// set stores a coerced parameter in its field.
func set(field reflect.Value, value any) error {
	if field.Kind() == reflect.Pointer {
		field.Set(reflect.New(field.Type().Elem()))
		field = field.Elem()
	}
	if text, ok := value.(string); ok {
		if u, ok := field.Addr().Interface().(encoding.TextUnmarshaler); ok {
			return u.UnmarshalText([]byte(text))
		}
		field.SetString(text)
		return nil
	}
	if b, ok := value.(bool); ok {
		field.SetBool(b)
		return nil
	}
	n := value.(int64)
	if field.CanUint() {
		if n < 0 || field.OverflowUint(uint64(n)) {
			return strconv.ErrRange
		}
		field.SetUint(uint64(n))
		return nil
	}
	if field.OverflowInt(n) {
		return strconv.ErrRange
	}
	field.SetInt(n)
	return nil
}
