package server_test

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/guildhall-id/guildhall/internal/session"
)

// browser is a client with one session, in one of the two transports: cookies,
// or the parameter of staging.
type browser struct {
	origin string // of the server
	watch  func(*testing.T, exchange)
	header http.Header // sent with every request

	cookies map[string]string
	dev     bool
	token   string // of the parameter
}

// request is what a browser sends. Body is encoded as Encoding says, by
// default as a form.
type request struct {
	Method, Path string
	Query        url.Values
	Body         url.Values
	File         map[string][]byte // uploads; with them the encoding is multipart
	Encoding     string
	Header       http.Header
}

// exchange is a request with its answer.
type exchange struct {
	*http.Request
	Answer answer
}

// answer is what came back.
type answer struct {
	Status int
	Header http.Header
	Raw    []byte
	Body   any // of JSON
}

// The encodings of a body.
const (
	encodedForm      = "application/x-www-form-urlencoded"
	encodedMultipart = "multipart/form-data"
	encodedJSON      = "application/json"
)

// encode is the body and its Content-Type.
func (r request) encode(t *testing.T) (io.Reader, string) {
	t.Helper()
	var b bytes.Buffer
	switch {
	case r.Body == nil && r.File == nil:
		return http.NoBody, r.Encoding
	case r.Encoding == encodedMultipart || r.File != nil:
		w := multipart.NewWriter(&b)
		for name, values := range r.Body {
			for _, value := range values {
				if err := w.WriteField(name, value); err != nil {
					t.Fatal(err)
				}
			}
		}
		for name, content := range r.File {
			part, err := w.CreateFormFile(name, name)
			if err != nil {
				t.Fatal(err)
			}
			part.Write(content)
		}
		w.Close()
		return &b, w.FormDataContentType()
	case r.Encoding == encodedJSON:
		members := map[string]any{}
		for name, values := range r.Body {
			members[name] = values[0]
			if len(values) > 1 {
				members[name] = values
			}
		}
		text, err := json.Marshal(members)
		if err != nil {
			t.Fatal(err)
		}
		return bytes.NewReader(text), r.Encoding
	case r.Encoding == "":
		return strings.NewReader(r.Body.Encode()), encodedForm
	default:
		return strings.NewReader(r.Body.Encode()), r.Encoding
	}
}

// wire sends every request as it is.
var wire = &http.Client{
	Transport:     &http.Transport{MaxIdleConnsPerHost: 16, DisableCompression: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// send makes the request and keeps the session that the answer hands out.
func (b *browser) send(t *testing.T, r request) answer {
	t.Helper()
	query := maps.Clone(r.Query)
	if b.dev {
		if query == nil {
			query = url.Values{}
		}
		query.Set(session.DevParam, b.token)
	}
	target := b.origin + r.Path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	body, contentType := r.encode(t)
	sent, err := http.NewRequest(r.Method, target, body)
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		sent.Header.Set("Content-Type", contentType)
	}
	for name, value := range b.cookies {
		sent.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	maps.Copy(sent.Header, b.header)
	for name, values := range r.Header {
		sent.Header[http.CanonicalHeaderKey(name)] = values
	}
	received, err := wire.Do(sent)
	if err != nil {
		t.Fatal(err)
	}
	defer received.Body.Close()
	a := answer{Status: received.StatusCode, Header: received.Header}
	if a.Raw, err = io.ReadAll(received.Body); err != nil {
		t.Fatalf("%s %s: %v", r.Method, r.Path, err)
	}
	if strings.HasPrefix(a.Header.Get("Content-Type"), "application/json") && len(a.Raw) > 0 {
		if err := json.Unmarshal(a.Raw, &a.Body); err != nil {
			t.Fatalf("%s %s: %v\n%s", r.Method, r.Path, err, a.Raw)
		}
	}
	b.keep(a)
	if b.watch != nil {
		b.watch(t, exchange{sent, a})
	}
	return a
}

// keep stores the session that an answer hands out.
func (b *browser) keep(a answer) {
	if token := a.Header.Get(session.DevHeader); b.dev && token != "" {
		b.token = token
	}
	if b.dev {
		return
	}
	for _, cookie := range (&http.Response{Header: a.Header}).Cookies() {
		if b.cookies == nil {
			b.cookies = map[string]string{}
		}
		b.cookies[cookie.Name] = cookie.Value
	}
}

// get reads a path, which may have a query.
func (b *browser) get(t *testing.T, path string) answer {
	t.Helper()
	return b.send(t, split(http.MethodGet, path, nil))
}

// post sends a form; the members are names and values in turn.
func (b *browser) post(t *testing.T, path string, members ...string) answer {
	t.Helper()
	return b.send(t, split(http.MethodPost, path, form(members...)))
}

func split(method, path string, body url.Values) request {
	path, query, _ := strings.Cut(path, "?")
	values, _ := url.ParseQuery(query)
	return request{Method: method, Path: path, Query: values, Body: body}
}

// form is names and values in turn; nil when there are none.
func form(members ...string) url.Values {
	if len(members) == 0 {
		return nil
	}
	values := url.Values{}
	for i := 0; i < len(members); i += 2 {
		values.Add(members[i], members[i+1])
	}
	return values
}

// copy is another browser with the same session.
func (b *browser) copy() *browser {
	c := *b
	c.cookies = maps.Clone(b.cookies)
	return &c
}

// must ends the test unless the status is the expected one.
func (a answer) must(t *testing.T, status int) answer {
	t.Helper()
	if a.Status != status {
		t.Fatalf("status %d, want %d: %s", a.Status, status, a.Raw)
	}
	return a
}

// at is the value at a path of the JSON, as "data.0.workspace.id"; nil where
// there is none. The index -1 is the last element.
func (a answer) at(path string) any { return at(a.Body, path) }

func at(v any, path string) any {
	for name := range strings.SplitSeq(path, ".") {
		switch in := v.(type) {
		case map[string]any:
			v = in[name]
		case []any:
			i, err := strconv.Atoi(name)
			if i < 0 {
				i += len(in)
			}
			if err != nil || i < 0 || i >= len(in) {
				return nil
			}
			v = in[i]
		default:
			return nil
		}
	}
	return v
}

// text is the text at a path, which has to be there.
func (a answer) text(t *testing.T, path string) string {
	t.Helper()
	s, ok := a.at(path).(string)
	if !ok {
		t.Fatalf("there is no text at %s: %s", path, a.Raw)
	}
	return s
}

// list is the array at a path, which has to be there.
func (a answer) list(t *testing.T, path string) []any {
	t.Helper()
	l, ok := a.at(path).([]any)
	if !ok {
		t.Fatalf("there is no array at %s: %s", path, a.Raw)
	}
	return l
}

// code is that of the first error, empty for a success.
func (a answer) code() string {
	code, _ := a.at("errors.0.code").(string)
	return code
}
