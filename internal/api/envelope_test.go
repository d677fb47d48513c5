package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/guildhall-id/guildhall/internal/api"
)

func TestEnvelope(t *testing.T) {
	const session = `"session":{"id":"42","created_at":"2023-11-14T22:13:20Z","updated_at":"2023-11-14T22:13:20.5Z"}`
	tests := map[string]struct{ who, target, want string }{
		"success": {
			"member", "/organizations/7/notes/5",
			`{"status":200,"message":"","data":{"name":"5","tags":[],"next":null},` + session + `,"errors":null}`,
		},
		"nobody has no session": {
			"", "/fail/none",
			`{"status":200,"message":"","data":null,"session":null,"errors":null}`,
		},
		"an anonymous session shows; no array is null": {
			"", "/visit",
			`{"status":200,"message":"","data":[],"session":{"id":"99","created_at":"1970-01-01T00:00:00.001Z","updated_at":"1970-01-01T00:00:00.001Z"},"errors":null}`,
		},
		"failure": {
			"stranger", "/organizations/7/notes/5",
			`{"status":404,"message":"There is nothing here with this id, or you may not see it.","data":null,` + session + `,"errors":[{"code":"NOT_FOUND","message":"There is nothing here with this id, or you may not see it."}]}`,
		},
		"an empty list": {
			"", "/stream",
			`{"status":200,"message":"","data":[],"session":null,"errors":null}`,
		},
		"a list": {
			"", "/stream?count=2",
			`{"status":200,"message":"","data":[{"name":"note 0","tags":[],"next":null},{"name":"note 1","tags":[],"next":null}],"session":null,"errors":null}`,
		},
		"a list that fails at once": {
			"", "/stream?count=2&fail=1",
			`{"status":409,"message":"This name is taken.","data":null,"session":null,"errors":[{"code":"CONFLICT","message":"This name is taken."}]}`,
		},
		"an internal error tells nothing": {
			"", "/fail/x",
			`{"status":500,"message":"Something went wrong on our side. Please try again later.","data":null,"session":null,"errors":[{"code":"INTERNAL","message":"Something went wrong on our side. Please try again later."}]}`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			a, _, _ := serve(t)
			got := send(t, a, request(test.who, "GET", test.target, nil, ""))
			if got.Body.String() != test.want {
				t.Errorf("got  %s\nwant %s", got.Body, test.want)
			}
			h := got.Header()
			if h.Get("Content-Type") != "application/json; charset=utf-8" || h.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("headers %v", h)
			}
		})
	}
}

func TestBare(t *testing.T) {
	a, _, _ := serve(t)
	w := httptest.NewRecorder()
	a.ServeHTTP(w, request("", "GET", "/.well-known/keys", nil, ""))
	if w.Body.String() != `{"kid":"<1>"}` || w.Header().Get("Cache-Control") != "public, max-age=60" {
		t.Error(w.Body, w.Header())
	}
}

func TestDelivery(t *testing.T) {
	a, _, _ := serve(t)
	if got := send(t, a, request("", "GET", "/visit", nil, "")); got.Header().Get("Set-Cookie") != "session_id=fresh" {
		t.Error(got.Header())
	}
	// Once somebody is known, a refusal delivers too.
	if got := send(t, a, request("", "POST", "/switch?sign_in_id=1", nil, "")); got.Header().Get("Set-Cookie") == "" {
		t.Error(got.Header())
	}
}

func TestRequestID(t *testing.T) {
	a, _, log := serve(t)
	r := request("", "GET", "/fail/x", nil, "")
	r.Header.Set("X-Request-Id", "forged")
	got := send(t, a, r)
	id := got.Header().Get("X-Request-Id")
	if id == "forged" || !strings.Contains(log.String(), id) || strings.Count(log.String(), "pa$$word") != 1 {
		t.Errorf("id %q, log %s", id, log)
	}
}

func TestTrouble(t *testing.T) {
	tests := map[string]struct{ how, want, retry, log string }{
		"an internal error": {"x", "500 INTERNAL", "", "level=ERROR"},
		"a panic":           {"panic", "500 INTERNAL", "", "panic=boom"},
		"a deadline":        {"late", "503 UNAVAILABLE", "1", "level=WARN"},
		"a limit":           {"limited", "429 RATE_LIMITED", "2", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			a, _, log := serve(t)
			got := send(t, a, request("", "GET", "/fail/"+test.how, nil, ""))
			if got.code() != test.want || got.Header().Get("Retry-After") != test.retry {
				t.Error(got.code(), got.Header())
			}
			if (test.log == "") != (log.Len() == 0) || !strings.Contains(log.String(), test.log) {
				t.Errorf("log %q", log)
			}
		})
	}
	t.Run("a panic of somebody's request", func(t *testing.T) {
		a, _, _ := serve(t)
		got := send(t, a, request("admin", "GET", "/fail/panic", nil, ""))
		if got.code() != "500 INTERNAL" || !strings.Contains(got.Body.String(), `"session":null`) {
			t.Errorf("half a use case is delivered: %s", got.Body)
		}
	})
	t.Run("a client that left", func(t *testing.T) {
		a, _, log := serve(t)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		send(t, a, request("", "GET", "/fail/left", nil, "").WithContext(ctx))
		if log.Len() > 0 {
			t.Errorf("log %q", log)
		}
	})
}

func TestNextPage(t *testing.T) {
	a, _, _ := serve(t)
	got := send(t, a, request("", "GET", "/stream?count=1&next=a%2Bb&cursor=old&__dev_session__=hush", nil, ""))
	if h := got.Header(); h.Get("X-Next-Cursor") != "a+b" || h.Get("Link") != `</stream?count=1&cursor=a%2Bb&next=a%2Bb>; rel="next"` {
		t.Error(got.Header())
	}
	if got := send(t, a, request("", "GET", "/stream", nil, "")); got.Header()["Link"] != nil {
		t.Error(got.Header())
	}
}

// A list longer than a chunk is sent while it is read, and one that fails then
// is no whole answer for any client.
func TestLongList(t *testing.T) {
	a, _, log := serve(t)
	server := httptest.NewServer(a)
	defer server.Close()
	read := func(query string) ([]byte, error) {
		res, err := http.Get(server.URL + "/stream?" + query)
		if err != nil {
			return nil, err
		}
		defer res.Body.Close()
		return io.ReadAll(res.Body)
	}
	text, err := read("count=20000")
	var whole struct{ Data []struct{ Name string } }
	if err != nil || json.Unmarshal(text, &whole) != nil || len(whole.Data) != 20000 || whole.Data[19999].Name != "note 19999" {
		t.Errorf("%d notes, %v", len(whole.Data), err)
	}
	if text, err := read("count=20000&fail=19999"); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%d bytes, %v", len(text), err)
	}
	if strings.Contains(log.String(), "panicked") {
		t.Errorf("log %s", log)
	}
}

func TestLongListInBoundedMemory(t *testing.T) {
	a, _, _ := serve(t)
	measure := func(target string) uint64 {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		w := &heapWatch{discard: discard{header: http.Header{}}}
		a.ServeHTTP(w, request("", "GET", target, nil, ""))
		runtime.ReadMemStats(&after)
		if w.largest > 2*(128<<10) {
			t.Errorf("%s was written in pieces of %d bytes", target, w.largest)
		}
		if w.bytes < 40*200_000 {
			t.Errorf("%s has %d bytes only", target, w.bytes)
		}
		return w.heap - min(w.heap, before.HeapAlloc)
	}
	if grown := measure("/stream?count=200000"); grown > 4<<20 {
		t.Errorf("the heap grew by %d KiB", grown>>10)
	}
}

// heapWatch looks at the live heap while an answer is written.
type heapWatch struct {
	discard
	writes, largest int
	heap            uint64
}

func (h *heapWatch) Write(b []byte) (int, error) {
	h.largest = max(h.largest, len(b))
	if h.writes++; h.writes%100 == 0 {
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		h.heap = max(h.heap, stats.HeapAlloc)
	}
	return h.discard.Write(b)
}

func TestHead(t *testing.T) {
	a, _, _ := serve(t)
	server := httptest.NewServer(a)
	defer server.Close()
	res, err := http.Head(server.URL + "/stream?count=2")
	if err != nil || res.StatusCode != http.StatusOK || res.ContentLength < 50 {
		t.Error(res, err)
	}
}

func TestAppendString(t *testing.T) {
	texts := []string{"", "plain", `"\/`, "\n\r\t\b\f\x00\x1f\x7f", "<a href='x'>&", "Zoë 🌱", "\u2028\u2029\u2027", "\xff", "a\xe2\x82", "\ufffd", "\xed\xa0\x80"}
	for _, text := range texts {
		checkString(t, text)
	}
}

func FuzzAppendString(f *testing.F) {
	f.Add("Zoë\n\x00\xff\u2028\"")
	f.Fuzz(func(t *testing.T, s string) { checkString(t, s) })
}

func checkString(t *testing.T, s string) {
	t.Helper()
	var want strings.Builder
	enc := json.NewEncoder(&want)
	enc.SetEscapeHTML(false)
	enc.Encode(s)
	got := api.AppendString([]byte("x"), s)
	if string(got) != "x"+strings.TrimSuffix(want.String(), "\n") || !utf8.Valid(got) {
		t.Errorf("%q: %s, want %s", s, got, want.String())
	}
}

func BenchmarkAppendString(b *testing.B) {
	buf := make([]byte, 0, 256)
	b.ReportAllocs()
	for b.Loop() {
		buf = api.AppendString(buf[:0], "new.user+invited@example.com")
	}
}
