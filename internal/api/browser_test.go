package api_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/guildhall-id/guildhall/internal/api"
)

const (
	own  = "https://id.example.com"
	app  = "https://app.example.com"
	evil = "https://evil.example"
)

func guard(list ...string) http.Handler {
	return api.Browser{
		PublicURL:      "https://ID.example.com:443/",
		AllowedOrigins: func(*http.Request) []string { return list },
		Exempt:         []string{"/auth/sso/callback", "/scim/"},
	}.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))
}

// S22: who may change something. A row is a set of senders' headers; each is
// tried in every encoding.
func TestS22CrossSiteWrites(t *testing.T) {
	type headers = map[string]string
	const cookie = "session_id=x"
	tests := map[string]struct {
		method, path string
		headers      headers
		list         []string
		want         int
	}{
		"curl with a cookie":                              {"POST", "/x", headers{"Cookie": cookie}, nil, 200},
		"a server without a cookie":                       {"POST", "/x", headers{}, nil, 200},
		"our own page":                                    {"POST", "/x", headers{"Cookie": cookie, "Origin": own}, nil, 200},
		"our own page, address unknown to us":             {"POST", "/x", headers{"Cookie": cookie, "Origin": "https://host.test", "Sec-Fetch-Site": "same-origin"}, nil, 200},
		"the application":                                 {"POST", "/x", headers{"Cookie": cookie, "Origin": app, "Sec-Fetch-Site": "same-site"}, []string{app}, 200},
		"the application by its referrer":                 {"POST", "/x", headers{"Cookie": cookie, "Referer": app + "/page?x"}, []string{app}, 200},
		"same-origin without origin":                      {"POST", "/x", headers{"Cookie": cookie, "Sec-Fetch-Site": "same-origin"}, nil, 200},
		"typed by a person":                               {"POST", "/x", headers{"Cookie": cookie, "Sec-Fetch-Site": "none"}, nil, 200},
		"our own page that hides its origin":              {"POST", "/x", headers{"Cookie": cookie, "Origin": "null", "Sec-Fetch-Site": "same-origin"}, nil, 200},
		"another site":                                    {"POST", "/x", headers{"Cookie": cookie, "Origin": evil}, []string{app}, 403},
		"another site that lies about the rest":           {"POST", "/x", headers{"Cookie": cookie, "Origin": evil, "Sec-Fetch-Site": "same-origin", "Referer": own}, []string{app}, 403},
		"another site without a cookie":                   {"POST", "/x", headers{"Origin": evil}, []string{app}, 403},
		"another site without origin":                     {"POST", "/x", headers{"Cookie": cookie, "Sec-Fetch-Site": "cross-site"}, nil, 403},
		"a sibling site without origin":                   {"POST", "/x", headers{"Cookie": cookie, "Sec-Fetch-Site": "same-site"}, nil, 403},
		"a site that hides its origin":                    {"POST", "/x", headers{"Cookie": cookie, "Origin": "null"}, nil, 403},
		"a site that hides its origin, with its referrer": {"POST", "/x", headers{"Cookie": cookie, "Origin": "null", "Referer": own}, nil, 403},
		"null on the list is not null":                    {"POST", "/x", headers{"Cookie": cookie, "Origin": "null"}, []string{"null", "*"}, 403},
		"another site's referrer":                         {"POST", "/x", headers{"Cookie": cookie, "Referer": evil + "/" + own}, nil, 403},
		"a referrer that is no address":                   {"POST", "/x", headers{"Cookie": cookie, "Referer": "x"}, []string{""}, 403},
		"a referrer that says nothing":                    {"POST", "/x", headers{"Cookie": cookie, "Referer": ""}, nil, 403},
		"a prefix of ours":                                {"POST", "/x", headers{"Cookie": cookie, "Origin": own + ".evil.example"}, nil, 403},
		"ours without encryption":                         {"POST", "/x", headers{"Cookie": cookie, "Origin": "http://id.example.com"}, nil, 403},
		"ours on another port":                            {"POST", "/x", headers{"Cookie": cookie, "Origin": own + ":8443"}, nil, 403},
		"every origin, without a cookie":                  {"POST", "/x", headers{"Origin": evil}, []string{"*"}, 200},
		"every origin is not every cookie":                {"POST", "/x", headers{"Cookie": cookie, "Origin": evil}, []string{"*"}, 403},
		"every origin is not every cookie, by referrer":   {"POST", "/x", headers{"Cookie": cookie, "Referer": evil + "/"}, []string{"*"}, 403},
		"PUT":                        {"PUT", "/x", headers{"Cookie": cookie, "Origin": evil}, nil, 403},
		"PATCH":                      {"PATCH", "/x", headers{"Cookie": cookie, "Origin": evil}, nil, 403},
		"DELETE":                     {"DELETE", "/x", headers{"Cookie": cookie, "Origin": evil}, nil, 403},
		"reading is free":            {"GET", "/x", headers{"Cookie": cookie, "Origin": evil}, nil, 200},
		"opening a WebSocket is not": {"GET", "/x", headers{"Cookie": cookie, "Origin": evil, "Upgrade": "WebSocket"}, nil, 403},
		"our own WebSocket":          {"GET", "/x", headers{"Cookie": cookie, "Origin": own, "Upgrade": "websocket"}, nil, 200},
		"the identity provider posts across sites":                 {"POST", "/auth/sso/callback", headers{"Cookie": cookie, "Origin": evil}, nil, 200},
		"a directory too":                                          {"POST", "/scim/v2/1/Users", headers{"Cookie": cookie, "Origin": evil}, nil, 200},
		"what only begins like an exempt path is not exempt":       {"POST", "/auth/sso/callback2", headers{"Cookie": cookie, "Origin": evil}, nil, 403},
		"a host that looks like the origin, without fetch headers": {"POST", "/x", headers{"Cookie": cookie, "Origin": "https://host.test"}, nil, 403},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			for _, contentType := range []string{"", formType, jsonType, "multipart/form-data; boundary=x", "text/plain"} {
				r := httptest.NewRequest(test.method, "https://host.test"+test.path, strings.NewReader("a=1"))
				r.Header.Set("Content-Type", contentType)
				for key, value := range test.headers {
					r.Header.Set(key, value)
				}
				w := httptest.NewRecorder()
				guard(test.list...).ServeHTTP(w, r)
				if w.Code != test.want {
					t.Errorf("%q: %d, want %d", contentType, w.Code, test.want)
				}
				if w.Code == http.StatusForbidden && !strings.Contains(w.Body.String(), `"errors":[{"code":"CROSS_SITE_REQUEST"`) {
					t.Errorf("%s", w.Body)
				}
			}
		})
	}
	t.Run("two origins", func(t *testing.T) {
		r := httptest.NewRequest("POST", "/x", nil)
		r.Header["Origin"] = []string{own, evil}
		w := httptest.NewRecorder()
		guard().ServeHTTP(w, r)
		if w.Code != http.StatusForbidden || w.Header().Get("Access-Control-Allow-Origin") != "" {
			t.Error(w.Code, w.Header())
		}
	})
}

// S23: who may read answers.
func TestS23CORS(t *testing.T) {
	tests := map[string]struct {
		origin      string
		list        []string
		want        string
		credentials string
	}{
		"no origin":           {"", []string{app}, "", ""},
		"the application":     {app, []string{app}, app, "true"},
		"our own":             {own, nil, own, "true"},
		"another":             {evil, []string{app}, "", ""},
		"another port":        {app + ":444", []string{app}, "", ""},
		"another case":        {"https://APP.example.com", []string{app}, "", ""},
		"null":                {"null", []string{"null", "*"}, "", ""},
		"every origin":        {evil, []string{"*"}, "*", ""},
		"named besides every": {app, []string{"*", app}, app, "true"},
	}
	for name, test := range tests {
		for _, method := range []string{"GET", "POST", "OPTIONS"} {
			t.Run(name+" "+method, func(t *testing.T) {
				r := httptest.NewRequest(method, "/x", nil)
				if test.origin != "" {
					r.Header.Set("Origin", test.origin)
				}
				if method == "OPTIONS" {
					r.Header.Set("Access-Control-Request-Method", "PATCH")
				}
				w := httptest.NewRecorder()
				guard(test.list...).ServeHTTP(w, r)
				h := w.Header()
				if h.Get("Access-Control-Allow-Origin") != test.want || h.Get("Access-Control-Allow-Credentials") != test.credentials {
					t.Errorf("headers %v", h)
				}
				if h.Get("Vary") != "Origin" || h.Get("X-Request-Id") == "" || h.Get("Cache-Control") != "no-store" ||
					h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") == "" {
					t.Errorf("headers %v", h)
				}
				if test.want != "" && !strings.Contains(h.Get("Access-Control-Expose-Headers"), "X-Development-Session") {
					t.Errorf("headers %v", h)
				}
				if method == "OPTIONS" && test.origin != "" {
					allowed := h.Get("Access-Control-Allow-Methods") != "" && strings.Contains(h.Get("Access-Control-Allow-Headers"), "Content-Type")
					if w.Code != http.StatusNoContent || w.Body.Len() > 0 || allowed != (test.want != "") {
						t.Errorf("preflight %d %v", w.Code, h)
					}
				}
			})
		}
	}
}

// S22: a GET that signs somebody in may come from no foreign page either.
func TestGuardedGET(t *testing.T) {
	passed := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	h := api.Browser{PublicURL: own, AllowedOrigins: func(*http.Request) []string { return []string{app} }, Guarded: []string{"/link"}}.Wrap(passed)
	for name, test := range map[string]struct {
		path, header, value string
		want                int
	}{
		"by the application":           {"/link", "Origin", app, http.StatusTeapot},
		"by our own page":              {"/link", "Sec-Fetch-Site", "same-origin", http.StatusTeapot},
		"by no page":                   {"/link", "", "", http.StatusTeapot},
		"by a foreign page":            {"/link", "Origin", evil, http.StatusForbidden},
		"by following a foreign link":  {"/link", "Sec-Fetch-Site", "cross-site", http.StatusForbidden},
		"another GET by a foreign one": {"/other", "Sec-Fetch-Site", "cross-site", http.StatusTeapot},
	} {
		r := httptest.NewRequest("GET", test.path, nil)
		if test.header != "" {
			r.Header.Set(test.header, test.value)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != test.want {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
}

func TestBrowserWithAPI(t *testing.T) {
	a, _, _ := serve(t)
	h := api.Browser{PublicURL: own}.Wrap(a)
	r := request("admin", "POST", notes, strings.NewReader("name=ab"), formType)
	if got := send(t, h, r); got.code() != "200" {
		t.Error(got.code())
	}
	r = request("admin", "POST", notes, strings.NewReader("name=ab"), formType)
	r.Header.Set("Origin", evil)
	if got := send(t, h, r); got.code() != "403 CROSS_SITE_REQUEST" || string(got.Session) != "null" {
		t.Error(got.code())
	}
	mux := http.NewServeMux()
	mux.Handle("/", a)
	for _, path := range []string{"/organizations/../me", "//me", "/organizations//notes", "/./me"} {
		if got := send(t, api.Browser{}.Wrap(mux), request("admin", "POST", path, nil, "")); got.code() != "404 NOT_FOUND" {
			t.Error(path, got.code())
		}
	}
	// The log and the answer agree on the request's id, whoever made it.
	if ids := send(t, h, request("", "GET", "/fail/x", nil, "")).Header()["X-Request-Id"]; len(ids) != 1 {
		t.Error(ids)
	}
}
