package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"
)

const notes = "/organizations/7/notes"

// sent is what the use case got, in its JSON form.
func sent(t *testing.T, got answer) string {
	t.Helper()
	if got.Code != http.StatusOK {
		t.Fatalf("%s: %s", got.code(), got.Message)
	}
	var compact bytes.Buffer
	json.Compact(&compact, got.Data)
	return compact.String()
}

// Each row is a form; both form encodings have to agree, and JSON where the
// row has it.
func TestBody(t *testing.T) {
	const min = `{"name":"ab","limit":{"max":0}}`
	tests := map[string]struct {
		form []string
		json string
		want string // what the use case got, or the code and a part of the sentence
	}{
		"the least":                      {[]string{"name", "ab"}, `{"name":"ab"}`, min},
		"unknown fields are ignored":     {[]string{"name", "ab", "verified", "true", "verified", "false", "x[y]", "1", "name[", "q"}, `{"name":"ab","verified":true}`, min},
		"every type":                     {[]string{"name", "ab", "role_id", "12", "count", "3", "strict", "false", "kind", "open"}, `{"name":"ab","role_id":"12","count":3,"strict":false,"kind":"open"}`, `{"name":"ab","role_id":"12","count":3,"strict":false,"kind":"open","limit":{"max":0}}`},
		"text of a form in JSON":         {nil, `{"name":"ab","count":"3","strict":"true"}`, `{"name":"ab","count":3,"strict":true,"limit":{"max":0}}`},
		"empty is absent":                {[]string{"name", "ab", "role_id", "", "count", "", "strict", "", "kind", ""}, `{"name":"ab","role_id":"","count":null,"strict":null,"kind":""}`, min},
		"empty clears":                   {[]string{"name", "ab", "description", "", "home_id", ""}, `{"name":"ab","description":"","home_id":null}`, `{"name":"ab","description":"","home_id":"0","limit":{"max":0}}`},
		"zero clears an id":              {[]string{"name", "ab", "home_id", "0"}, `{"name":"ab","home_id":"0"}`, `{"name":"ab","home_id":"0","limit":{"max":0}}`},
		"an array, repeated":             {[]string{"name", "ab", "tags", "x", "tags", "y"}, `{"name":"ab","tags":["x","y"]}`, `{"name":"ab","tags":["x","y"],"limit":{"max":0}}`},
		"an array of one":                {[]string{"name", "ab", "tags", "x"}, `{"name":"ab","tags":["x"]}`, `{"name":"ab","tags":["x"],"limit":{"max":0}}`},
		"an array with brackets":         {[]string{"tags[]", "x", "name", "ab", "tags[]", "y"}, "", `{"name":"ab","tags":["x","y"],"limit":{"max":0}}`},
		"an array with numbers":          {[]string{"tags[1]", "y", "name", "ab", "tags[0]", "x", "tags[9]", "z"}, "", `{"name":"ab","tags":["x","y","z"],"limit":{"max":0}}`},
		"an array of numbers":            {[]string{"name", "ab", "numbers[0]", "2", "numbers[1]", "1"}, `{"name":"ab","numbers":[2,1]}`, `{"name":"ab","numbers":[2,1],"limit":{"max":0}}`},
		"empty entries go":               {[]string{"name", "ab", "tags", "x", "tags", ""}, `{"name":"ab","tags":["x",null,""]}`, `{"name":"ab","tags":["x"],"limit":{"max":0}}`},
		"a map":                          {[]string{"name", "ab", "headers[X-A]", "1", "headers[x.b]", "2"}, `{"name":"ab","headers":{"X-A":"1","x.b":"2"}}`, `{"name":"ab","headers":{"X-A":"1","x.b":"2"},"limit":{"max":0}}`},
		"an object":                      {[]string{"name", "ab", "limit[max]", "5", "limit[unit]", "s", "limit[z]", "1"}, `{"name":"ab","limit":{"max":5,"unit":"s","z":1}}`, `{"name":"ab","limit":{"max":5,"unit":"s"}}`},
		"spaces stay":                    {[]string{"name", " a "}, `{"name":" a "}`, `{"name":" a ","limit":{"max":0}}`},
		"any letters":                    {[]string{"name", "Zoë 🌱"}, `{"name":"Zoë 🌱"}`, `{"name":"Zoë 🌱","limit":{"max":0}}`},
		"nothing at all":                 {[]string{}, `{}`, "400 REQUIRED_FIELD: The field `name` is required."},
		"required and empty":             {[]string{"name", ""}, `{"name":null}`, "400 REQUIRED_FIELD: The field `name` is required."},
		"too short":                      {[]string{"name", "a"}, `{"name":"a"}`, "400 BAD_REQUEST_BODY: The field `name` must be text of 2 to 10 characters."},
		"too long":                       {[]string{"name", "ééééééééééé"}, `{"name":"12345678901"}`, "400 BAD_REQUEST_BODY: The field `name` must be text of 2 to 10 characters."},
		"no number":                      {[]string{"name", "ab", "count", "3x"}, `{"name":"ab","count":[3]}`, "400 BAD_REQUEST_BODY: The field `count` must be a whole number from 1 to 100."},
		"too large a number":             {[]string{"name", "ab", "count", "101"}, `{"name":"ab","count":101}`, "400 BAD_REQUEST_BODY: The field `count` must be a whole number from 1 to 100."},
		"a fraction":                     {[]string{"name", "ab", "count", "1.5"}, `{"name":"ab","count":1.5}`, "400 BAD_REQUEST_BODY: The field `count` must be a whole number"},
		"a number beyond all":            {[]string{"name", "ab", "numbers", "99999999999999999999"}, `{"name":"ab","numbers":[99999999999999999999]}`, "400 BAD_REQUEST_BODY: The field `numbers` must be a list, each a whole number."},
		"no boolean":                     {[]string{"name", "ab", "strict", "yes"}, `{"name":"ab","strict":1}`, "400 BAD_REQUEST_BODY: The field `strict` must be true or false."},
		"none of the list":               {[]string{"name", "ab", "kind", "ajar"}, `{"name":"ab","kind":"ajar"}`, "400 BAD_REQUEST_BODY: The field `kind` must be one of open, closed."},
		"too many entries":               {[]string{"name", "ab", "tags", "1", "tags", "2", "tags", "3", "tags", "4"}, `{"name":"ab","tags":["1","2","3","4"]}`, "400 BAD_REQUEST_BODY: The field `tags` must be a list of at most 3 entries, each text."},
		"an object without its member":   {[]string{"name", "ab", "limit[unit]", "s"}, `{"name":"ab","limit":{"unit":"s"}}`, "400 BAD_REQUEST_BODY: The field `limit` must be an object."},
		"a value for an object":          {[]string{"name", "ab", "limit", "s"}, `{"name":"ab","limit":[]}`, "400 BAD_REQUEST_BODY"},
		"a text for a list in JSON":      {nil, `{"name":"ab","tags":"x"}`, "400 BAD_REQUEST_BODY: The field `tags` must be a list"},
		"a number for a text in JSON":    {nil, `{"name":12}`, "400 BAD_REQUEST_BODY: The field `name` must be text"},
		"a malformed id":                 {[]string{"name", "ab", "role_id", "12a"}, `{"name":"ab","role_id":"007"}`, "400 INVALID_ID: `role_id` is not a valid id"},
		"an id as number":                {nil, `{"name":"ab","role_id":12}`, "400 INVALID_ID: `role_id` is not a valid id"},
		"an id as object":                {nil, `{"name":"ab","role_id":{}}`, "400 INVALID_ID: `role_id` is not a valid id"},
		"a field twice":                  {[]string{"name", "ab", "name", "ab"}, `{"name":"ab","name":"ab"}`, "400 BAD_REQUEST_BODY: The field `name` is there twice; send it once."},
		"an entry twice":                 {[]string{"name", "ab", "tags[0]", "a", "tags[0]", "b"}, "", "400 BAD_REQUEST_BODY: The field `tags[0]` is there twice"},
		"a member of a map twice":        {[]string{"name", "ab", "headers[A]", "a", "headers[A]", "b"}, `{"name":"ab","headers":{"A":"a","A":"b"}}`, "400 BAD_REQUEST_BODY: The field `A` is there twice"},
		"an entry with an odd number":    {[]string{"name", "ab", "tags[one]", "a"}, "", "400 BAD_REQUEST_BODY"},
		"a text where a file belongs":    {[]string{"name", "ab", "image", "abc"}, "", "400 BAD_REQUEST_BODY: The field `image` must be a file"},
		"no file":                        {[]string{"name", "ab", "image", ""}, `{"name":"ab","image":null}`, min},
		"NUL":                            {[]string{"name", "a\x00b"}, `{"name":"a\u0000b"}`, "400 BAD_REQUEST_BODY: The body has characters"},
		"NUL in a field of a known name": {[]string{"name", "ab", "headers[\x00]", ""}, `{"name":"ab","\u0000":""}`, "400 BAD_REQUEST_BODY: The body "},
		"not UTF-8":                      {[]string{"name", "a\xffb"}, "{\"name\":\"a\xffb\"}", "400 BAD_REQUEST_BODY: The body has characters"},
	}
	check := func(t *testing.T, want string, body io.Reader, contentType string) {
		t.Helper()
		a, _, _ := serve(t)
		got := send(t, a, request("admin", "POST", notes, body, contentType))
		if strings.HasPrefix(want, "{") {
			if text := sent(t, got); text != want {
				t.Errorf("%s: got %s, want %s", contentType, text, want)
			}
		} else if text := got.code() + ": " + got.Message; !strings.HasPrefix(text, want) {
			t.Errorf("%s: %s, want %s", contentType, text, want)
		}
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if test.form != nil {
				body, contentType := multi(test.form...)
				check(t, test.want, body, contentType)
				check(t, test.want, strings.NewReader(values(test.form...)), formType+"; charset=UTF-8")
			}
			if test.json != "" {
				check(t, test.want, strings.NewReader(test.json), jsonType)
			}
		})
	}
}

// S36: bounds, media types and framing.
func TestS36Bodies(t *testing.T) {
	fields := func(n int) string { return "name=ab" + strings.Repeat("&u=1", n-1) }
	nested := func(n int) string {
		return `{"name":"ab","x":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}`
	}
	parts := make([]string, 0, 2002)
	for range 1001 {
		parts = append(parts, "u", "1")
	}
	manyParts, manyType := multi(parts...)
	tests := map[string]struct {
		contentType string
		body        io.Reader
		want        string
	}{
		"no body, no type":        {"", nil, "400 REQUIRED_FIELD"},
		"empty body with type":    {formType, strings.NewReader(""), "400 REQUIRED_FIELD"},
		"blank JSON":              {jsonType, strings.NewReader(" \n"), "400 REQUIRED_FIELD"},
		"no type":                 {"", strings.NewReader("name=ab"), "415 UNSUPPORTED_MEDIA_TYPE"},
		"another type":            {"text/plain", strings.NewReader("name=ab"), "415 UNSUPPORTED_MEDIA_TYPE"},
		"malformed type":          {"a/b/c;;", strings.NewReader("name=ab"), "415 UNSUPPORTED_MEDIA_TYPE"},
		"another charset":         {formType + "; charset=utf-16", strings.NewReader("name=ab"), "415 UNSUPPORTED_MEDIA_TYPE"},
		"1000 fields":             {formType, strings.NewReader(fields(1000)), "200"},
		"1001 fields":             {formType, strings.NewReader(fields(1001)), "400 BAD_REQUEST_BODY"},
		"1001 parts":              {manyType, manyParts, "400 BAD_REQUEST_BODY"},
		"1001 members":            {jsonType, strings.NewReader(`{"name":"ab","x":[` + strings.Repeat("1,", 999) + `1]}`), "400 BAD_REQUEST_BODY"},
		"64 levels":               {jsonType, strings.NewReader(nested(63)), "200"},
		"65 levels":               {jsonType, strings.NewReader(nested(64)), "400 BAD_REQUEST_BODY"},
		"100000 levels":           {jsonType, strings.NewReader(nested(100000)), "400 BAD_REQUEST_BODY"},
		"levels in a key":         {formType, strings.NewReader("name=ab&limit" + strings.Repeat("[a]", 65) + "=1"), "400 BAD_REQUEST_BODY"},
		"malformed escape":        {formType, strings.NewReader("name=a%zz"), "400 BAD_REQUEST_BODY"},
		"truncated JSON":          {jsonType, strings.NewReader(`{"name":"ab"`), "400 BAD_REQUEST_BODY"},
		"two JSON values":         {jsonType, strings.NewReader(`{"name":"ab"}{}`), "400 BAD_REQUEST_BODY"},
		"a JSON array":            {jsonType, strings.NewReader(`[]`), "400 BAD_REQUEST_BODY"},
		"a trailing comma":        {jsonType, strings.NewReader(`{"name":"ab",}`), "400 BAD_REQUEST_BODY"},
		"no boundary":             {"multipart/form-data", strings.NewReader("--x"), "400 BAD_REQUEST_BODY"},
		"truncated multipart":     {"multipart/form-data; boundary=x", strings.NewReader("--x\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nab"), "400 BAD_REQUEST_BODY"},
		"multipart without parts": {"multipart/form-data; boundary=x", strings.NewReader("--x--\r\n"), "400 REQUIRED_FIELD"},
		"4 MiB fit":               {formType, strings.NewReader("name=ab&u=" + strings.Repeat("x", 4<<20-10)), "200"},
		"more does not":           {formType, strings.NewReader("name=ab&u=" + strings.Repeat("x", 4<<20-9)), "413 BODY_TOO_LARGE"},
		"more without length":     {formType, io.MultiReader(strings.NewReader("name=ab&u="), strings.NewReader(strings.Repeat("x", 4<<20))), "413 BODY_TOO_LARGE"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			a, _, _ := serve(t)
			if got := send(t, a, request("admin", "POST", notes, test.body, test.contentType)); got.code() != test.want {
				t.Errorf("%s, want %s: %s", got.code(), test.want, got.Message)
			}
		})
	}
	t.Run("1 MiB without a file", func(t *testing.T) {
		a, _, _ := serve(t)
		body := strings.NewReader("organization_id=7&name=" + strings.Repeat("x", 1<<20))
		if got := send(t, a, request("member", "POST", "/workspaces", body, formType)); got.code() != "413 BODY_TOO_LARGE" {
			t.Error(got.code())
		}
	})
	t.Run("compressed", func(t *testing.T) {
		a, _, _ := serve(t)
		r := request("admin", "POST", notes, strings.NewReader("name=ab"), formType)
		r.Header.Set("Content-Encoding", "gzip")
		if got := send(t, a, r); got.code() != "415 UNSUPPORTED_MEDIA_TYPE" {
			t.Error(got.code())
		}
	})
}

func TestFile(t *testing.T) {
	upload := func(files ...string) (io.Reader, string) {
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		w.WriteField("name", "ab")
		for _, name := range files {
			part, _ := w.CreateFormFile("image", name)
			if name != "" {
				part.Write([]byte("\x89PNG\x00"))
			}
		}
		part, _ := w.CreateFormFile("unasked", "x.bin")
		part.Write([]byte("\x00"))
		w.Close()
		return &b, w.FormDataContentType()
	}
	tests := map[string]struct {
		files []string
		want  string
	}{
		"a file":                         {[]string{"a b.png"}, `{"name":"ab","limit":{"max":0},"image":{"Name":"a b.png","Content":"iVBORwA="}}`},
		"a path is no name":              {[]string{"../../etc/passwd"}, `{"name":"ab","limit":{"max":0},"image":{"Name":"passwd","Content":"iVBORwA="}}`},
		"no file chosen":                 {[]string{""}, `{"name":"ab","limit":{"max":0}}`},
		"two files":                      {[]string{"a.png", "b.png"}, "400 BAD_REQUEST_BODY"},
		"a file with a name not in text": {[]string{"a\xff.png"}, "400 BAD_REQUEST_BODY"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			a, _, _ := serve(t)
			body, contentType := upload(test.files...)
			got := send(t, a, request("admin", "POST", notes, body, contentType))
			text := got.code()
			if got.Code == http.StatusOK {
				text = sent(t, got)
			}
			if text != test.want {
				t.Errorf("got %s, want %s", text, test.want)
			}
		})
	}
	t.Run("is not read for those who may not send it", func(t *testing.T) {
		a, _, _ := serve(t)
		_, contentType := upload()
		got := send(t, a, request("member", "POST", notes, unread{t}, contentType))
		if got.code() != "403 FORBIDDEN" {
			t.Error(got.code())
		}
	})
}

type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

func TestQuery(t *testing.T) {
	tests := map[string]string{
		"":                                   `{"ID":"7","Workspace":"0","Limit":10,"Search":null,"Status":"","All":false}`,
		"limit=5&search=a%25b&all=true":      `{"ID":"7","Workspace":"0","Limit":5,"Search":"a%b","Status":"","All":true}`,
		"workspace_id=0&limit=&search=&all=": `{"ID":"7","Workspace":"0","Limit":10,"Search":null,"Status":"","All":false}`,
		"workspace_id=9223372036854775807&status=pending&x=1&x=2": `{"ID":"7","Workspace":"9223372036854775807","Limit":10,"Search":null,"Status":"pending","All":false}`,
		"limit=0":                            "400 BAD_REQUEST_BODY: The parameter `limit` must be a whole number from 1 to 100.",
		"limit=101":                          "400 BAD_REQUEST_BODY: The parameter `limit` must be a whole number from 1 to 100.",
		"limit=1e1":                          "400 BAD_REQUEST_BODY: The parameter `limit` must be",
		"limit=1&limit=":                     "400 BAD_REQUEST_BODY: The parameter `limit` is there twice; send it once.",
		"status=x":                           "400 BAD_REQUEST_BODY: The parameter `status` must be one of pending, accepted.",
		"all=1":                              "400 BAD_REQUEST_BODY: The parameter `all` must be true or false.",
		"search=%00":                         "400 BAD_REQUEST_BODY: The parameter `search` has characters",
		"search=%ff":                         "400 BAD_REQUEST_BODY: The parameter `search` has characters",
		"search=%zz":                         "400 BAD_REQUEST_BODY: The query",
		"a;b":                                "400 BAD_REQUEST_BODY: The query",
		"search=" + strings.Repeat("é", 101): "400 BAD_REQUEST_BODY: The parameter `search` must be text of at most 100 characters.",
	}
	for query, want := range tests {
		t.Run(query[:min(len(query), 40)], func(t *testing.T) {
			a, _, _ := serve(t)
			got := send(t, a, request("member", "GET", notes+"?"+query, nil, ""))
			text := fmt.Sprint(got.code(), ": ", got.Message)
			if got.Code == http.StatusOK {
				text = sent(t, got)
			}
			if !strings.HasPrefix(text, want) {
				t.Errorf("got %s, want %s", text, want)
			}
		})
	}
}

// S12: every id parameter, wherever it is, in every malformed form.
func TestS12MalformedIDs(t *testing.T) {
	bad := []string{
		"x", "-1", "+1", "1.0", "1e3", "01", "0x1", " 1", "1 ", "١", "18446744073709551616", "99999999999999999999999",
		"1,2", "null", "1\x00", "'", "1;", "\xff", "0 ", "00", "--", "NaN", "9_9",
	}
	places := map[string]func(a http.Handler, text string) answer{
		"path": func(a http.Handler, text string) answer {
			return send(t, a, request("", "GET", "/organizations/"+escape(text)+"/notes/1", nil, ""))
		},
		"second in the path": func(a http.Handler, text string) answer {
			return send(t, a, request("", "GET", "/organizations/7/notes/"+escape(text), nil, ""))
		},
		"query": func(a http.Handler, text string) answer {
			return send(t, a, request("", "GET", notes+"?workspace_id="+escape(text), nil, ""))
		},
		"required query": func(a http.Handler, text string) answer {
			return send(t, a, request("", "POST", "/switch?sign_in_id="+escape(text), nil, ""))
		},
		"body": func(a http.Handler, text string) answer {
			return send(t, a, request("", "POST", "/workspaces", strings.NewReader("name=a&organization_id="+escape(text)), formType))
		},
	}
	for place, call := range places {
		for _, text := range bad {
			a, people, _ := serve(t)
			got := call(a, text)
			if strings.Contains(text, "\x00") || !utf8.ValidString(text) {
				if got.Code != http.StatusBadRequest && place != "body" { // what is no text at all is no id either
					t.Errorf("%s %q: %s", place, text, got.code())
				}
				continue
			}
			if got.code() != "400 INVALID_ID" || people.asked != 0 {
				t.Errorf("%s %q: %s after %d questions", place, text, got.code(), people.asked)
			}
		}
	}
	a, _, _ := serve(t)
	if got := places["path"](a, "0"); got.code() != "400 INVALID_ID" {
		t.Errorf("0 in a path: %s", got.code())
	}
	for _, none := range []string{"", "0"} {
		if got := places["required query"](a, none); got.code() != "400 REQUIRED_FIELD" {
			t.Errorf("required %q: %s", none, got.code())
		}
	}
	if got := places["path"](a, "18446744073709551615"); got.code() != "401 UNAUTHENTICATED" {
		t.Errorf("the largest id: %s", got.code())
	}
}

func escape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, "%%%02x", s[i])
	}
	return b.String()
}
