package api

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"github.com/guildhall-id/guildhall/internal/id"
)

// isText reports whether s is UTF-8 without NUL, which databases refuse.
func isText(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

// resolve follows references.
func resolve(registry huma.Registry, s *huma.Schema) *huma.Schema {
	for s != nil && s.Ref != "" {
		s = registry.SchemaFromRef(s.Ref)
	}
	return s
}

// property is the schema of a member of objects, nil for one that is unknown.
func property(registry huma.Registry, s *huma.Schema, name string) *huma.Schema {
	if p, ok := s.Properties[name]; ok {
		return resolve(registry, p)
	}
	if more, ok := s.AdditionalProperties.(*huma.Schema); ok {
		return resolve(registry, more)
	}
	return nil
}

// coerce gives a decoded value the types of its schema: texts of forms become
// numbers and booleans, unknown members go. Empty text and null are absent:
// the result is nil. A value that does not fit stays as it is, for the
// validation to refuse; only a malformed id is refused here, since it has a
// code of its own.
func coerce(registry huma.Registry, s *huma.Schema, name string, v any) (any, error) {
	s = resolve(registry, s)
	if _, text := v.(string); isID(s) && !text && v != nil {
		return nil, invalidID(name) // above 2^53 a JSON number would not be exact
	}
	switch v := v.(type) {
	case string:
		return coerceText(s, name, v)
	case json.Number:
		return number(s, v.String(), v), nil
	case []any:
		return coerceList(registry, s, name, v)
	case map[string]any:
		if s.Type != huma.TypeObject {
			return v, nil
		}
		for key, member := range v {
			p := property(registry, s, key)
			if p == nil {
				delete(v, key)
				continue
			}
			typed, err := coerce(registry, p, name+"."+key, member)
			if err != nil {
				return nil, err
			}
			if v[key] = typed; typed == nil {
				delete(v, key)
			}
		}
	}
	return v, nil
}

func coerceText(s *huma.Schema, name, text string) (any, error) {
	switch {
	case text == "":
		return nil, nil
	case s.Type == huma.TypeInteger || s.Type == huma.TypeNumber:
		return number(s, text, text), nil
	case s.Type == huma.TypeBoolean && text == "true":
		return true, nil
	case s.Type == huma.TypeBoolean && text == "false":
		return false, nil
	case isID(s):
		if _, err := id.Parse[int64](text); err != nil {
			return nil, invalidID(name)
		}
	}
	return text, nil
}

// number is the number of a text, or other when it is none.
func number(s *huma.Schema, text string, other any) any {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n
	}
	if n, err := strconv.ParseFloat(text, 64); err == nil && s.Type == huma.TypeNumber {
		return n
	}
	return other
}

func coerceList(registry huma.Registry, s *huma.Schema, name string, list []any) (any, error) {
	if s.Type != huma.TypeArray {
		return list, nil
	}
	typed := make([]any, 0, len(list))
	for _, item := range list {
		one, err := coerce(registry, s.Items, name, item)
		if err != nil {
			return nil, err
		}
		if one != nil {
			typed = append(typed, one)
		}
	}
	return typed, nil
}

func invalidID(name string) error {
	return id.ErrInvalid.With("`" + name + "` is not a valid id: send the decimal number the server gave you.")
}

// violation is the first thing that is wrong with a coerced value, nil when it
// is right.
func violation(registry huma.Registry, s *huma.Schema, v any) *huma.ErrorDetail {
	var result huma.ValidateResult
	huma.Validate(registry, s, huma.NewPathBuffer(nil, 0), huma.ModeWriteToServer, v, &result)
	if len(result.Errors) == 0 {
		return nil
	}
	return result.Errors[0].(*huma.ErrorDetail)
}

// expectation says in words what a schema accepts: "a whole number from 1 to
// 100".
func expectation(registry huma.Registry, s *huma.Schema) string {
	s = resolve(registry, s)
	switch {
	case len(s.Enum) > 0:
		return "one of " + words(s.Enum)
	case s.Format == "binary":
		return "a file, sent as multipart/form-data"
	case isID(s):
		return "an id"
	}
	switch s.Type {
	case huma.TypeBoolean:
		return "true or false"
	case huma.TypeInteger:
		return "a whole number" + between(s.Minimum, s.Maximum, "")
	case huma.TypeNumber:
		return "a number" + between(s.Minimum, s.Maximum, "")
	case huma.TypeObject:
		return "an object"
	case huma.TypeArray:
		return "a list" + between(s.MinItems, s.MaxItems, " entries") + ", each " + expectation(registry, s.Items)
	}
	text := "text" + between(s.MinLength, s.MaxLength, " characters")
	switch {
	case s.PatternDescription != "":
		text += ", " + s.PatternDescription
	case s.Pattern != "":
		text += " that matches " + s.Pattern
	case s.Format != "":
		text += " in the format " + s.Format
	}
	return text
}

// between is the words for bounds, either of which may be missing.
func between[T int | float64](low, high *T, unit string) string {
	switch {
	case low != nil && high != nil && unit == "":
		return fmt.Sprintf(" from %v to %v", *low, *high)
	case low != nil && high != nil:
		return fmt.Sprintf(" of %v to %v%s", *low, *high, unit)
	case low != nil:
		return fmt.Sprintf(" of at least %v%s", *low, unit)
	case high != nil:
		return fmt.Sprintf(" of at most %v%s", *high, unit)
	default:
		return ""
	}
}

func words(values []any) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = fmt.Sprint(v)
	}
	return strings.Join(slices.Compact(texts), ", ")
}
