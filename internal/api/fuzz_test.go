package api_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"
)

// judge sends a request that may be anything: the answer is 200 or says what
// is wrong with the request, and text stays text.
func judge(t *testing.T, a http.Handler, log *bytes.Buffer, r *http.Request) answer {
	t.Helper()
	log.Reset()
	got := send(t, a, r)
	switch got.Code {
	case 200, 400, 404, 413, 415:
	default:
		t.Errorf("%d: %s", got.Code, got.Body)
	}
	if got.Code == http.StatusOK && (!utf8.Valid(got.Data) || bytes.Contains(got.Data, []byte(`\u0000`))) {
		t.Errorf("%q was let through", got.Data)
	}
	if log.Len() > 0 {
		t.Errorf("log %s", log)
	}
	return got
}

func FuzzForm(f *testing.F) {
	a, _, log := serve(f)
	for _, seed := range []string{"name=ab", "name=ab&tags[0]=a&tags[]=b&tags=c", "headers[a][b]=1&limit[max]=2", "a=%zz", "[]=1&[=2&]=3&=4", "role_id=7&home_id=&name=%00"} {
		f.Add(seed, false)
	}
	f.Add("--x\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nab\r\n--x--\r\n", true)
	f.Add("--x\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a\"\r\n\r\nab\r\n--x--\r\n", true)
	f.Fuzz(func(t *testing.T, body string, multipart bool) {
		contentType := formType
		if multipart {
			contentType = "multipart/form-data; boundary=x"
		}
		judge(t, a, log, request("admin", "POST", notes, strings.NewReader(body), contentType))
	})
}

func FuzzJSONBody(f *testing.F) {
	a, _, log := serve(f)
	for _, seed := range []string{`{"name":"ab"}`, `{"name":"ab","tags":["a",null],"limit":{"max":1e3}}`, `{"name":"ab","headers":{"a":[]}}`, `[[[[`, `{"name":"\ud800","NAME":"x"}`, `{"count":1e400}`, `{"numbers":[-0]}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		got := judge(t, a, log, request("admin", "POST", notes, strings.NewReader(body), jsonType))
		if got.Code == http.StatusOK && !json.Valid([]byte(body)) {
			t.Errorf("%q is not JSON", body)
		}
	})
}

func FuzzQueryIDs(f *testing.F) {
	a, _, log := serve(f)
	for _, seed := range []string{"workspace_id=1", "workspace_id=01", "workspace_id=%31", "workspace_id=0&limit=7", "a;b", "%", "workspace_id=18446744073709551616"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		r := request("admin", "GET", notes, nil, "")
		r.URL.RawQuery = query
		got := judge(t, a, log, r)
		if got.Code != http.StatusOK {
			return
		}
		var in struct{ Workspace string }
		if err := json.Unmarshal(got.Data, &in); err != nil {
			t.Fatal(err)
		}
		if text := r.URL.Query().Get("workspace_id"); in.Workspace != text && (in.Workspace != "0" || text != "") && len(text) < 19 {
			t.Errorf("%q became %q", text, in.Workspace)
		}
	})
}
