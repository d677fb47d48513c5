package api

import (
	"net/http"
	"path"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/clock"
)

const schemaPrefix = "#/components/schemas/"

// schemaName names a type in the document by its package and name, so that two
// packages may have a View each: session.View is SessionView.
func schemaName(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	noun := path.Base(t.PkgPath())
	if t.Name() == "" || noun == "." || strings.HasPrefix(strings.ToLower(name), noun) {
		return name
	}
	return strings.ToUpper(noun[:1]) + noun[1:] + name
}

// dataSchema is the schema of what a use case returns.
func (a *API) dataSchema(op *Operation) *huma.Schema {
	out := op.Handle.out
	var s *huma.Schema
	if list, ok := reflect.Zero(out).Interface().(streamed); ok {
		s = &huma.Schema{Type: huma.TypeArray, Items: a.registry.Schema(list.item(), true, op.ID+"Item")}
	} else {
		s = a.registry.Schema(out, true, op.ID+"Data")
	}
	settle(s)
	return s
}

// settleSchemas says in the schemas what holds for every answer and every
// body: arrays are never null, pointers are null for none, and members that
// are not known are no error.
func (a *API) settleSchemas() {
	for name, s := range a.registry.Map() {
		settle(s)
		if t := a.registry.TypeFromRef(schemaPrefix + name); t != nil {
			settlePointers(s, t)
		}
	}
	a.registry.Map()["MinimalSession"] = huma.SchemaFromType(a.registry, reflect.TypeFor[minimalSession]())
	settle(a.registry.Map()["MinimalSession"])
	a.registry.Map()["Failure"] = envelopeSchema(nil)
}

func settle(s *huma.Schema) {
	if s == nil {
		return
	}
	if s.Type == huma.TypeArray {
		s.Nullable = false
		settle(s.Items)
	}
	if known, ok := s.AdditionalProperties.(bool); ok && !known {
		s.AdditionalProperties = nil
	} else if more, ok := s.AdditionalProperties.(*huma.Schema); ok {
		settle(more)
	}
	for _, member := range s.Properties {
		settle(member)
	}
}

// settlePointers makes the members that are pointers, and always there,
// nullable; Huma does so for plain types only.
func settlePointers(s *huma.Schema, t reflect.Type) {
	for _, f := range reflect.VisibleFields(t) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		member := s.Properties[name]
		if member == nil || f.Type.Kind() != reflect.Pointer || strings.Contains(options, "omit") {
			continue
		}
		if member.Ref == "" {
			member.Nullable = member.Type != "" && member.Type != huma.TypeArray
			continue
		}
		s.Properties[name] = orNull(member)
	}
}

func orNull(s *huma.Schema) *huma.Schema {
	return &huma.Schema{AnyOf: []*huma.Schema{s, {Type: "null"}}, Description: s.Description}
}

// minimalSession is what every envelope says of the session.
type minimalSession struct {
	ID        id.Session `json:"id"`
	CreatedAt clock.Time `json:"created_at"`
	UpdatedAt clock.Time `json:"updated_at"`
}

// envelopeSchema is the schema of an answer with this data; nil for a failure.
func envelopeSchema(data *huma.Schema) *huma.Schema {
	one := 1
	members := map[string]*huma.Schema{
		"status":  {Type: huma.TypeInteger, Enum: []any{http.StatusOK}},
		"message": {Type: huma.TypeString},
		"data":    data,
		"session": orNull(&huma.Schema{Ref: schemaPrefix + "MinimalSession"}),
		"errors":  {Type: "null"},
	}
	if data == nil {
		text := &huma.Schema{Type: huma.TypeString}
		members["status"] = &huma.Schema{Type: huma.TypeInteger, Description: "The HTTP status."}
		members["data"] = &huma.Schema{Type: "null"}
		members["errors"] = &huma.Schema{Type: huma.TypeArray, MinItems: &one, Items: &huma.Schema{
			Type: huma.TypeObject, Required: []string{"code", "message"},
			Properties: map[string]*huma.Schema{"code": text, "message": text},
		}}
	}
	return &huma.Schema{
		Type: huma.TypeObject, Properties: members,
		Required: []string{"status", "message", "data", "session", "errors"},
	}
}
