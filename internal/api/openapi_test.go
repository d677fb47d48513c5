package api_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// The document is one that other people's tools understand.
func TestOpenAPI(t *testing.T) {
	a, _, _ := serve(t)
	text, err := a.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if doc.OpenAPI != "3.1.0" || doc.Info.Version != "1.2.3" {
		t.Errorf("%s %s", doc.OpenAPI, doc.Info.Version)
	}
	create := doc.Paths.Find("/organizations/{id}/notes").Post
	for _, status := range []string{"200", "400", "401", "403", "404", "409", "413", "415", "429", "500", "503"} {
		if create.Responses.Value(status) == nil {
			t.Errorf("no answer %s", status)
		}
	}
	for _, mediaType := range []string{"multipart/form-data", formType, jsonType} {
		if create.RequestBody.Value.Content[mediaType] == nil {
			t.Errorf("no body %s", mediaType)
		}
	}
	if create.Extensions["x-permission"] != "member of the organization with `organization:manage_members`" {
		t.Errorf("%v", create.Extensions)
	}
	if example := create.Responses.Value("409").Value.Content[jsonType].Examples["CONFLICT"]; example == nil {
		t.Error("no example of the operation's own error")
	}
	if n := len(*create.Security); n != 3 {
		t.Errorf("%d ways to carry the session", n)
	}
	if doc.Paths.Find("/stream").Get.Extensions["x-addition"] != true {
		t.Error("the addition is not marked")
	}
	again, _, _ := serve(t)
	if same, _ := again.OpenAPI(); !bytes.Equal(text, same) {
		t.Error("two documents of the same operations differ")
	}
}

func TestOpenAPISchemas(t *testing.T) {
	a, _, _ := serve(t)
	text, _ := a.OpenAPI()
	var doc struct {
		Components struct {
			Schemas map[string]struct {
				Properties map[string]json.RawMessage
				Required   []string
			}
		}
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	schemas := doc.Components.Schemas
	tests := []struct{ schema, member, want string }{
		{"Api_testNote", "tags", `"type":"array"`},
		{"Api_testNote", "next", `{"anyOf":[{"$ref":"#/components/schemas/Api_testNote"},{"type":"null"}]}`},
		{"CreateNoteBody", "image", `"format":"binary"`},
		{"CreateNoteBody", "kind", `"enum":["open","closed"]`},
	}
	for _, test := range tests {
		var got bytes.Buffer
		json.Compact(&got, schemas[test.schema].Properties[test.member])
		if !strings.Contains(got.String(), test.want) {
			t.Errorf("%s.%s is %s, want %s", test.schema, test.member, got.String(), test.want)
		}
	}
	if got := strings.Join(schemas["CreateNoteBody"].Required, " "); got != "name" {
		t.Errorf("required: %s", got)
	}
	if bytes.Contains(text, []byte(`"additionalProperties": false`)) {
		t.Error("unknown members are ignored, the document says otherwise")
	}
}

// What the server answers is what the document says.
func TestAnswersFollowTheDocument(t *testing.T) {
	a, _, _ := serve(t)
	text, _ := a.OpenAPI()
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		t.Fatal(err)
	}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	body := "name=ab&tags=x&count=2"
	for _, target := range []string{"GET /organizations/7/notes/5", "GET /organizations/8/notes/5", "GET /stream?count=3", "GET /visit", "GET /fail/x", "POST /organizations/7/notes", "POST /organizations/x/notes", "GET /.well-known/keys"} {
		method, path, _ := strings.Cut(target, " ")
		r := request("admin", method, path, strings.NewReader(body), formType)
		route, params, err := router.FindRoute(r)
		if err != nil {
			t.Fatal(target, err)
		}
		w := httptest.NewRecorder()
		a.ServeHTTP(w, r)
		err = openapi3filter.ValidateResponse(t.Context(), &openapi3filter.ResponseValidationInput{
			RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r, Route: route, PathParams: params},
			Status:                 w.Code, Header: w.Header(), Body: io.NopCloser(w.Body),
		})
		if err != nil {
			t.Errorf("%s: %v", target, err)
		}
	}
}

func TestDocumentIsServed(t *testing.T) {
	a, _, _ := serve(t)
	w := httptest.NewRecorder()
	a.ServeHTTP(w, httptest.NewRequest("GET", "/openapi.json", nil))
	text, _ := a.OpenAPI()
	if w.Code != 200 || !bytes.Equal(w.Body.Bytes(), text) || w.Header().Get("Cache-Control") != "public, max-age=300" {
		t.Error(w.Code, w.Header())
	}
}
