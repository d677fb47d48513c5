package session

import (
	"net/http/httptest"
	"net/netip"
	"testing"
)

// S16: a client is the socket's address or, behind trusted proxies, the
// right-most hop that is not one of them. What clients write themselves decides
// nothing.
func TestClientOfARequest(t *testing.T) {
	trusted := TrustedProxies{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for name, tt := range map[string]struct {
		socket    string
		forwarded []string
		want      string
		helper    string // X-Wacht-Forwarded-For
	}{
		"without a proxy":                       {"192.0.2.1:1234", nil, "192.0.2.1", ""},
		"a header from somebody untrusted":      {"192.0.2.1:1234", []string{"203.0.113.9"}, "192.0.2.1", ""},
		"behind a proxy":                        {"10.0.0.1:1234", []string{"203.0.113.9"}, "203.0.113.9", ""},
		"behind two proxies":                    {"10.0.0.1:1234", []string{"203.0.113.9, 10.0.0.2"}, "203.0.113.9", ""},
		"a hop that the client made up":         {"10.0.0.1:1234", []string{"198.51.100.1, 203.0.113.9"}, "203.0.113.9", ""},
		"a trusted hop that the client made up": {"10.0.0.1:1234", []string{"198.51.100.1, 10.9.9.9, 203.0.113.9"}, "203.0.113.9", ""},
		"a header of its own that it made up":   {"10.0.0.1:1234", []string{"198.51.100.1", "203.0.113.9"}, "203.0.113.9", ""},
		"something that is no address":          {"10.0.0.1:1234", []string{"203.0.113.9, unknown"}, "10.0.0.1", ""},
		"something before the client's hop":     {"10.0.0.1:1234", []string{"<script>, 203.0.113.9"}, "203.0.113.9", ""},
		"an empty header":                       {"10.0.0.1:1234", []string{""}, "10.0.0.1", ""},
		"IPv4 within IPv6":                      {"[::ffff:192.0.2.1]:1234", nil, "192.0.2.1", ""},
		"a proxy by IPv4 within IPv6":           {"[::ffff:10.0.0.1]:1234", []string{"::ffff:203.0.113.9"}, "203.0.113.9", ""},
		"a proxy by IPv6":                       {"[fd00::1]:1234", []string{"2001:db8::7"}, "2001:db8::7", ""},
		"a zone that would make many of one":    {"10.0.0.1:1234", []string{"fe80::1%1"}, "fe80::1", ""},
		"only proxies":                          {"10.0.0.1:1234", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3", ""},
		"a server of the application":           {"10.0.0.1:1234", nil, "203.0.113.9", "203.0.113.9"},
		"that server behind a proxy":            {"10.0.0.1:1234", []string{"10.0.0.2"}, "203.0.113.9", "203.0.113.9"},
		"what a client made that server tell":   {"10.0.0.1:1234", nil, "203.0.113.9", "198.51.100.1, 203.0.113.9"},
		"a client that plays that server":       {"192.0.2.1:1234", nil, "192.0.2.1", "203.0.113.9"},
		"one that does it behind a proxy":       {"10.0.0.1:1234", []string{"192.0.2.1"}, "192.0.2.1", "203.0.113.9"},
		"one that makes up the proxy's hop too": {"10.0.0.1:1234", []string{"10.0.0.2, 192.0.2.1"}, "192.0.2.1", "203.0.113.9"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = tt.socket
		for _, value := range tt.forwarded {
			r.Header.Add("X-Forwarded-For", value)
		}
		for _, name := range []string{"X-Real-IP", "Forwarded", "X-Client-IP", "True-Client-IP"} {
			r.Header.Set(name, "198.51.100.250")
		}
		if tt.helper != "" {
			r.Header.Set(helperHops, tt.helper)
		}
		got := trusted.client(r)
		if got.IP.String() != tt.want {
			t.Errorf("%s: %v, want %s", name, got.IP, tt.want)
		}
	}
}
