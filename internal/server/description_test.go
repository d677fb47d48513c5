package server_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/guildhall-id/guildhall/internal/api"
)

// descriptions find the operation of a request and know what it may answer, by
// our own document and by the published description of the API.
type descriptions struct {
	mux       *http.ServeMux
	byRoute   map[string]*described
	failure   *jsonschema.Schema // of requests that no operation answers
	published bool
	reported  map[string]bool
}

// described is an operation with its documents.
type described struct {
	api.Operation
	params    []parameter
	own       map[int]*jsonschema.Schema // by status
	published map[int]*jsonschema.Schema
	codes     map[int][]string // of errors, by status
}

// parameter is an input of an operation: a part of the path, of the query or
// of the body.
type parameter struct {
	name, in string
	id       bool
}

// publishedFile is the published API description. It is not part of the
// repository: GUILDHALL_CONTRACT names it, and without it its part is skipped.
func publishedFile(t *testing.T, name string) []byte {
	t.Helper()
	file := os.Getenv("GUILDHALL_CONTRACT")
	if file == "" {
		file = filepath.Join("..", "..", "..", "shared", "contract", "frontend-api.openapi.json")
	}
	text, err := os.ReadFile(filepath.Join(filepath.Dir(file), name))
	if err != nil {
		if !os.IsNotExist(err) {
			t.Fatal(err)
		}
		t.Logf("the published API description is not here (%v): GUILDHALL_CONTRACT names it", err.(*fs.PathError).Err)
		return nil
	}
	return text
}

// document is an OpenAPI document whose schemas can be compiled.
type document struct {
	compiler *jsonschema.Compiler
	root     map[string]any
	paths    map[string]string // by the path with its wildcards' names left out
}

var wildcard = regexp.MustCompile(`\{[^}]*\}`)

func anonymousPath(path string) string { return wildcard.ReplaceAllString(path, "{}") }

func readDocument(t *testing.T, text []byte) *document {
	t.Helper()
	root, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	d := &document{compiler: jsonschema.NewCompiler(), root: root.(map[string]any), paths: map[string]string{}}
	d.compiler.DefaultDraft(jsonschema.Draft2020)
	d.compiler.AssertFormat()
	if err := d.compiler.AddResource("urn:openapi", root); err != nil {
		t.Fatal(err)
	}
	for path := range d.root["paths"].(map[string]any) {
		d.paths[anonymousPath(path)] = path
	}
	return d
}

// pointer is a JSON pointer (RFC 6901) as a fragment.
func pointer(parts ...string) string {
	var b strings.Builder
	for _, part := range parts {
		b.WriteString("/" + url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(part)))
	}
	return b.String()
}

func (d *document) compile(t *testing.T, parts ...string) *jsonschema.Schema {
	t.Helper()
	s, err := d.compiler.Compile("urn:openapi#" + pointer(parts...))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// operation is where the document has a route, and what is there; nil when it
// does not have it.
func (d *document) operation(route string) ([]string, map[string]any) {
	method, path, _ := strings.Cut(route, " ")
	named := d.paths[anonymousPath(path)]
	where := []string{"paths", named, strings.ToLower(method)}
	found, _ := d.look(where).(map[string]any)
	return where, found
}

func (d *document) look(parts []string) any {
	var v any = d.root
	for _, part := range parts {
		in, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = in[part]
	}
	return v
}

// resolve is what a reference refers to, else the value itself.
func (d *document) resolve(v any) any {
	if ref, ok := at(v, "$ref").(string); ok {
		return d.look(strings.Split(strings.TrimPrefix(ref, "#/"), "/"))
	}
	return v
}

// schemas are those of the answers of a route, by status. The status "default"
// is 0.
func (d *document) schemas(t *testing.T, route string) map[int]*jsonschema.Schema {
	t.Helper()
	where, operation := d.operation(route)
	if operation == nil {
		return nil
	}
	byStatus := map[int]*jsonschema.Schema{}
	for status := range operation["responses"].(map[string]any) {
		at := append(slices.Clone(where), "responses", status)
		if ref, ok := d.look(append(slices.Clone(at), "$ref")).(string); ok {
			at = strings.Split(strings.TrimPrefix(ref, "#/"), "/")
		}
		at = append(at, "content", "application/json", "schema")
		if d.look(at) != nil {
			number, _ := strconv.Atoi(status)
			byStatus[number] = d.compile(t, at...)
		}
	}
	return byStatus
}

// readDescriptions compiles the documents for all operations.
func readDescriptions(t *testing.T, a *api.API) *descriptions {
	t.Helper()
	text, err := a.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	own := readDocument(t, text)
	closeObjects(own.root)
	d := &descriptions{mux: http.NewServeMux(), byRoute: map[string]*described{}, reported: map[string]bool{}, failure: own.compile(t, "components", "schemas", "Failure")}
	var published *document
	if text := publishedFile(t, "frontend-api.openapi.json"); text != nil {
		published, d.published = readDocument(t, text), true
	}
	for _, op := range a.Operations() {
		one := &described{Operation: op, own: own.schemas(t, op.Route), codes: map[int][]string{}}
		_, operation := own.operation(op.Route)
		one.params = own.parameters(op.Route)
		for status, response := range operation["responses"].(map[string]any) {
			number, _ := strconv.Atoi(status)
			response = own.resolve(response)
			examples, _ := at(response, "content").(map[string]any)
			for _, media := range examples {
				if named, ok := at(media, "examples").(map[string]any); ok {
					one.codes[number] = slices.Collect(maps.Keys(named))
				}
			}
		}
		if published != nil {
			if one.published = published.schemas(t, op.Route); one.published == nil && !op.Addition {
				t.Errorf("%s: the published description has no %s, and it is not marked as an addition", op.ID, op.Route)
			}
		}
		d.byRoute[op.Route] = one
		d.mux.HandleFunc(op.Route, func(http.ResponseWriter, *http.Request) {})
	}
	return d
}

// closeObjects has the schemas of a document allow no members but those they
// name: an answer has nothing that is not documented.
func closeObjects(v any) {
	switch v := v.(type) {
	case map[string]any:
		if _, open := v["additionalProperties"]; v["type"] == "object" && v["properties"] != nil && !open {
			v["additionalProperties"] = false
		}
		for _, member := range v {
			closeObjects(member)
		}
	case []any:
		for _, item := range v {
			closeObjects(item)
		}
	}
}

// parameters are the inputs of a route.
func (d *document) parameters(route string) (all []parameter) {
	_, operation := d.operation(route)
	declared, _ := operation["parameters"].([]any)
	for _, p := range declared {
		all = append(all, parameter{at(p, "name").(string), at(p, "in").(string), at(p, "schema.format") == "uint64"})
	}
	var schema any
	if body, ok := operation["requestBody"].(map[string]any); ok {
		schema = body["content"].(map[string]any)[encodedForm].(map[string]any)["schema"]
	}
	schema = d.resolve(schema)
	members, _ := at(schema, "properties").(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(members)) {
		all = append(all, parameter{name, "body", at(members[name], "format") == "uint64"})
	}
	return all
}

// of is the operation that answers a request, nil when there is none.
func (d *descriptions) of(r *http.Request) *described {
	if path.Clean(r.URL.Path) != r.URL.Path {
		return nil // ServeMux would take it for another
	}
	_, pattern := d.mux.Handler(r)
	return d.byRoute[pattern]
}

// check reports what an answer has that the documents do not allow.
func (d *descriptions) check(t *testing.T, x exchange) {
	t.Helper()
	op, name := d.of(x.Request), x.Method+" "+x.URL.Path
	if op == nil {
		if err := d.failure.Validate(numbered(x.Answer.Raw)); err != nil {
			d.report(t, x, "%s: not the envelope of a failure: %v", name, err)
		}
		return
	}
	schema := op.own[x.Answer.Status]
	if schema == nil {
		d.report(t, x, "%s: the status %d is not documented", op.ID, x.Answer.Status)
		return
	}
	if err := schema.Validate(numbered(x.Answer.Raw)); err != nil {
		d.report(t, x, "%s: the answer is not what the document says: %v", op.ID, err)
	}
	if code := x.Answer.code(); code != "" && !slices.Contains(op.codes[x.Answer.Status], code) {
		d.report(t, x, "%s: the error %d %s is not documented", op.ID, x.Answer.Status, code)
	}
	if schema := op.published[x.Answer.Status]; schema != nil {
		if err := schema.Validate(numbered(x.Answer.Raw)); err != nil {
			d.report(t, x, "%s: the answer is not what the published description says: %v", op.ID, err)
		}
	}
}

// report says once what may be wrong with many answers.
func (d *descriptions) report(t *testing.T, x exchange, format string, args ...any) {
	t.Helper()
	problem := fmt.Sprintf(format, args...)
	if !d.reported[problem] {
		d.reported[problem] = true
		t.Errorf("%s\n%s", problem, x.Answer.Raw)
	}
}

// numbered is JSON as the validator takes it.
func numbered(text []byte) any {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return string(text)
	}
	return v
}

// TestDocumentIsValid has another library read our document.
func TestDocumentIsValid(t *testing.T) {
	s, _ := newServer(t, "sqlite", nil)
	text, err := s.API.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Error(err)
	}
	var again map[string]any
	if err := json.Unmarshal(text, &again); err != nil {
		t.Error(err)
	}
}
