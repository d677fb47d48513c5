package api

import (
	"bytes"
	"cmp"
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// appender is a value that writes its own JSON form.
type appender interface{ AppendJSON(b []byte) []byte }

// appendValue appends the JSON form of v. It is that of encoding/json without
// the escapes for HTML, with two differences that hold for every answer: a nil
// slice is an empty array and a nil map an empty object, never null; and the
// method AppendJSON is preferred to MarshalJSON, at any depth.
func appendValue(b []byte, v any) ([]byte, error) {
	value := reflect.ValueOf(v)
	if !value.IsValid() {
		return append(b, "null"...), nil
	}
	return appendCopy(b, value)
}

// appendCopy appends a value that cannot be addressed, as methods of pointers
// need it.
func appendCopy(b []byte, v reflect.Value) ([]byte, error) {
	if v.Kind() != reflect.Pointer {
		at := reflect.New(v.Type()).Elem()
		at.Set(v)
		v = at
	}
	return encoderOf(v.Type())(b, v)
}

// encoder appends the JSON form of values of one type. They are addressable,
// unless they are pointers.
type encoder func(b []byte, v reflect.Value) ([]byte, error)

// encoders are the encoders made so far, by type.
var encoders sync.Map

func encoderOf(t reflect.Type) encoder {
	if known, ok := encoders.Load(t); ok {
		return known.(encoder)
	}
	// A type may contain itself: what is made meanwhile finds this one.
	var made encoder
	var once sync.Once
	later := encoder(func(b []byte, v reflect.Value) ([]byte, error) {
		once.Do(func() { made = newEncoder(t) })
		return made(b, v)
	})
	known, _ := encoders.LoadOrStore(t, later)
	return known.(encoder)
}

func newEncoder(t reflect.Type) encoder {
	if t.Kind() == reflect.Pointer {
		element := encoderOf(t.Elem())
		return func(b []byte, v reflect.Value) ([]byte, error) {
			if v.IsNil() {
				return append(b, "null"...), nil
			}
			return element(b, v.Elem())
		}
	}
	switch reflect.New(t).Interface().(type) {
	case appender:
		return func(b []byte, v reflect.Value) ([]byte, error) {
			return v.Addr().Interface().(appender).AppendJSON(b), nil
		}
	case json.Marshaler:
		return appendStandard
	case encoding.TextAppender:
		return appendText
	case encoding.TextMarshaler:
		return appendStandard
	}
	switch t.Kind() {
	case reflect.String:
		if t == reflect.TypeFor[json.Number]() {
			return appendStandard
		}
		return func(b []byte, v reflect.Value) ([]byte, error) { return AppendString(b, v.String()), nil }
	case reflect.Bool:
		return func(b []byte, v reflect.Value) ([]byte, error) { return strconv.AppendBool(b, v.Bool()), nil }
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return func(b []byte, v reflect.Value) ([]byte, error) { return strconv.AppendInt(b, v.Int(), 10), nil }
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return func(b []byte, v reflect.Value) ([]byte, error) { return strconv.AppendUint(b, v.Uint(), 10), nil }
	case reflect.Interface:
		return func(b []byte, v reflect.Value) ([]byte, error) {
			if v.IsNil() {
				return append(b, "null"...), nil
			}
			return appendCopy(b, v.Elem())
		}
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return appendStandard // text in base64
		}
		return newListEncoder(t)
	case reflect.Map:
		if t.Key().Kind() == reflect.String {
			return newMapEncoder(t)
		}
	case reflect.Struct:
		return newStructEncoder(t)
	}
	return appendStandard
}

// appendStandard leaves a value to encoding/json.
func appendStandard(b []byte, v reflect.Value) ([]byte, error) {
	out := bytes.NewBuffer(b)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v.Addr().Interface()); err != nil {
		return b, err
	}
	return out.Bytes()[:out.Len()-1], nil // without the newline
}

func appendText(b []byte, v reflect.Value) ([]byte, error) {
	start := len(b)
	b, err := v.Addr().Interface().(encoding.TextAppender).AppendText(b)
	if err != nil {
		return b, err
	}
	return AppendString(b[:start], string(b[start:])), nil
}

func newListEncoder(t reflect.Type) encoder {
	element := encoderOf(t.Elem())
	return func(b []byte, v reflect.Value) (_ []byte, err error) {
		b = append(b, '[')
		for i := range v.Len() {
			if i > 0 {
				b = append(b, ',')
			}
			if b, err = element(b, v.Index(i)); err != nil {
				return b, err
			}
		}
		return append(b, ']'), nil
	}
}

func newMapEncoder(t reflect.Type) encoder {
	if t.Key().Implements(reflect.TypeFor[encoding.TextMarshaler]()) {
		return appendStandard
	}
	return func(b []byte, v reflect.Value) (_ []byte, err error) {
		keys := v.MapKeys()
		slices.SortFunc(keys, func(x, y reflect.Value) int { return cmp.Compare(x.String(), y.String()) })
		b = append(b, '{')
		for i, key := range keys {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(AppendString(b, key.String()), ':')
			if b, err = appendCopy(b, v.MapIndex(key)); err != nil {
				return b, err
			}
		}
		return append(b, '}'), nil
	}
}

// member is a field of a struct in JSON.
type member struct {
	key     []byte // with quotes and colon
	index   []int
	omit    func(reflect.Value) bool // nil to write it always
	encoder encoder
}

func newStructEncoder(t reflect.Type) encoder {
	members, ok := membersOf(t)
	if !ok {
		return appendStandard
	}
	return func(b []byte, v reflect.Value) (_ []byte, err error) {
		b = append(b, '{')
		first := true
		for i := range members {
			m := &members[i]
			field := v.FieldByIndex(m.index)
			if m.omit != nil && m.omit(field) {
				continue
			}
			if !first {
				b = append(b, ',')
			}
			first = false
			if b, err = m.encoder(append(b, m.key...), field); err != nil {
				return b, fmt.Errorf("%s: %w", m.key, err)
			}
		}
		return append(b, '}'), nil
	}
}

// membersOf lists the members of a struct. It reports false for what only
// encoding/json knows how to do: embedded pointers, the option "string", and
// names that are there more than once.
func membersOf(t reflect.Type) (members []member, ok bool) {
	seen := map[string]bool{}
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("json")
		name, options, _ := strings.Cut(tag, ",")
		var add []member
		switch {
		case tag == "-" || !f.IsExported() && !f.Anonymous:
			continue
		case f.Anonymous && name == "":
			if f.Type.Kind() != reflect.Struct {
				return nil, false
			}
			if add, ok = membersOf(f.Type); !ok {
				return nil, false
			}
			for j := range add {
				add[j].index = append([]int{i}, add[j].index...)
			}
		case strings.Contains(options, "string") || !f.IsExported():
			return nil, false
		default:
			key := append(AppendString(nil, cmp.Or(name, f.Name)), ':')
			add = []member{{key: key, index: []int{i}, omit: omission(f.Type, options), encoder: encoderOf(f.Type)}}
		}
		for _, m := range add {
			if seen[string(m.key)] {
				return nil, false
			}
			seen[string(m.key)] = true
		}
		members = append(members, add...)
	}
	return members, true
}

// omission is when a field with these options is left out.
func omission(t reflect.Type, options string) func(reflect.Value) bool {
	var omit func(reflect.Value) bool
	for option := range strings.SplitSeq(options, ",") {
		switch {
		case option == "omitzero" && t.Implements(reflect.TypeFor[interface{ IsZero() bool }]()):
			omit = func(v reflect.Value) bool { return v.Interface().(interface{ IsZero() bool }).IsZero() }
		case option == "omitzero":
			omit = reflect.Value.IsZero
		case option != "omitempty":
		case t.Kind() == reflect.Slice || t.Kind() == reflect.Map || t.Kind() == reflect.Array:
			omit = func(v reflect.Value) bool { return v.Len() == 0 }
		case t.Kind() != reflect.Struct:
			omit = reflect.Value.IsZero
		}
	}
	return omit
}
