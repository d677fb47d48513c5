package deployment

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Assignment is a new value for the setting at a path, such as
// auth_settings.first_factor. The value is JSON; texts, ids and lists may also
// be written plainly, as email_otp or a,b,c.
type Assignment struct{ Path, Value string }

// At is the setting, or the group of settings, at a path as JSON. The empty
// path is all of them. It returns a SettingsError when there is none.
func (s Settings) At(path string) (json.RawMessage, error) {
	v := reflect.ValueOf(&s).Elem()
	if path != "" {
		var err error
		if v, err = find(v, path); err != nil {
			return nil, err
		}
	}
	return plainJSON(v.Interface())
}

// plainJSON leaves "&" in addresses as it is.
func plainJSON(value any) (json.RawMessage, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return bytes.TrimSpace(b.Bytes()), err
}

// assign sets the setting at a path. An object changes the members that it has.
func (s *Settings) assign(a Assignment) error {
	v, err := find(reflect.ValueOf(s).Elem(), a.Path)
	if err != nil {
		return err
	}
	return decode(v, a.Path, written(v, a.Value))
}

// find is the member of settings at a path.
func find(settings reflect.Value, path string) (reflect.Value, error) {
	v := settings
	for name := range strings.SplitSeq(path, ".") {
		next, ok := members(v)[name]
		if !ok {
			return v, unknown(settings, path)
		}
		v = next
	}
	return v, nil
}

// members are the settings directly below a group, by their JSON names.
func members(group reflect.Value) map[string]reflect.Value {
	found := map[string]reflect.Value{}
	if group.Kind() != reflect.Struct {
		return found
	}
	for _, field := range reflect.VisibleFields(group.Type()) {
		if name := jsonName(field); name != "" {
			found[name] = group.FieldByIndex(field.Index)
		}
	}
	return found
}

func jsonName(field reflect.StructField) string {
	name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
	return name
}

// leaf is one setting: a value that is not a group.
type leaf struct {
	path  string
	field reflect.StructField
	value reflect.Value
}

// leaves are all settings below a group, in the order of their declaration.
func leaves(group reflect.Value, prefix string) (all []leaf) {
	for _, field := range reflect.VisibleFields(group.Type()) {
		name, v := jsonName(field), group.FieldByIndex(field.Index)
		switch {
		case name == "": // embedded: its members are visible themselves
		case v.Kind() == reflect.Struct:
			all = append(all, leaves(v, prefix+name+".")...)
		default:
			all = append(all, leaf{prefix + name, field, v})
		}
	}
	return all
}

// json is the setting's value; a list or map that was never set is empty.
func (l leaf) json() (json.RawMessage, error) {
	switch {
	case l.value.Kind() == reflect.Slice && l.value.IsNil():
		return json.RawMessage("[]"), nil
	case l.value.Kind() == reflect.Map && l.value.IsNil():
		return json.RawMessage("{}"), nil
	}
	return plainJSON(l.value.Interface())
}

// written is the JSON of a value as people write it.
func written(v reflect.Value, text string) json.RawMessage {
	text = strings.TrimSpace(text)
	var plain any
	switch {
	case strings.HasPrefix(text, `"`), text == "null":
		return json.RawMessage(text)
	case v.Kind() == reflect.String, isID(v):
		plain = text
	case v.Kind() == reflect.Slice && !strings.HasPrefix(text, "[") && !strings.HasPrefix(text, "{"):
		plain = strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
	default:
		return json.RawMessage(text)
	}
	b, _ := json.Marshal(plain) // a text and a list of texts always have JSON
	return b
}

func isID(v reflect.Value) bool {
	_, ok := v.Addr().Interface().(encoding.TextUnmarshaler)
	return ok
}

// decode sets v, which is at path, to a JSON value.
func decode(v reflect.Value, path string, value json.RawMessage) error {
	if v.Kind() != reflect.Struct {
		fresh := reflect.New(v.Type()) // so that nothing of the old value stays
		if err := strictly(value, fresh.Interface()); err != nil || bytes.Equal(value, []byte("null")) {
			return mistake("%s is %s, but has to be %s.", path, shown(value), expected(v))
		}
		v.Set(fresh.Elem())
		return nil
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(value, &object); err != nil || object == nil {
		return mistake("%s is a group of settings: name one below it, as %s, or give a JSON object.", path, path+"."+slices.Sorted(maps.Keys(members(v)))[0])
	}
	below := members(v)
	for _, name := range slices.Sorted(maps.Keys(object)) {
		member, ok := below[name]
		if !ok {
			return mistake("%s.%s is not a setting.", path, name)
		}
		if err := decode(member, path+"."+name, object[name]); err != nil {
			return err
		}
	}
	return nil
}

// strictly reads JSON, and refuses members that the Go value does not have.
func strictly(value json.RawMessage, into any) error {
	if err := json.Unmarshal(value, into); err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(value))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}

// expected says what kind of value a setting has.
func expected(v reflect.Value) string {
	switch {
	case isID(v):
		return "an id: a decimal number"
	case v.Kind() == reflect.Bool:
		return "true or false"
	case v.CanInt():
		return "a whole number"
	case v.Kind() == reflect.Slice:
		return "a list of texts, as a,b or [\"a\", \"b\"]"
	case v.Type() == reflect.TypeFor[map[string]TokenTemplate]():
		return `a JSON object of templates, as {"api": {"lifetime": 300, "claims": {"mail": "{{user.email}}"}}}`
	case v.Kind() == reflect.Map:
		return "a JSON object of texts"
	default:
		return "a text"
	}
}

// shown is a value in a sentence.
func shown(value json.RawMessage) string {
	if len(value) == 0 {
		return "empty"
	}
	if runes := []rune(string(value)); len(runes) > 60 {
		return string(runes[:60]) + "…"
	}
	return string(value)
}

// unknown refuses a path, and names the setting that may have been meant.
func unknown(settings reflect.Value, path string) error {
	nearest, best := "", len(path)/3+1
	for _, l := range leaves(settings, "") {
		if strings.HasSuffix(l.path, "."+path) {
			nearest = l.path
			break
		}
		if d := distance(path, l.path); d < best {
			nearest, best = l.path, d
		}
	}
	if nearest == "" {
		return mistake("%q is not a setting; guildhall deployment get lists them all.", path)
	}
	return mistake("%q is not a setting; did you mean %s?", path, nearest)
}

// distance is how many letters have to be added, left out or replaced to turn
// a into b (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}

func mistake(format string, args ...any) error {
	return SettingsError{fmt.Sprintf(format, args...)}
}
