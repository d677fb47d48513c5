package api

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/guildhall-id/guildhall/internal/platform/fault"
)

// Browser holds the rules for requests that browsers send on behalf of a page:
// which origins may read answers (CORS), and which may change something.
type Browser struct {
	// PublicURL is the server's own address, whose origin is always allowed.
	PublicURL string
	// AllowedOrigins are the exact origins ("https://app.example.com") that are
	// allowed besides; "*" stands for every origin, for requests without a
	// cookie only.
	AllowedOrigins func(*http.Request) []string
	// Exempt are the paths that answer cross-site requests by design. One that
	// ends in a slash stands for all paths below it.
	Exempt []string
	// Guarded are the paths whose GET changes something too.
	Guarded []string
}

var errCrossSite = fault.New(fault.Forbidden, "CROSS_SITE_REQUEST", "This request came from a page that may not make it.")

// Wrap returns next behind the rules. It also gives every answer its request
// id and the headers that are right unless next knows better, and answers 404
// for paths with empty or dot segments, which a ServeMux would redirect.
func (b Browser) Wrap(next http.Handler) http.Handler {
	own := Origin(b.PublicURL)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := exchange{w: w, r: r, id: requestID(w)}
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		h.Add("Vary", "Origin")

		asked := request{r: r, own: own, browser: &b}
		switch {
		case asked.share(h) && isPreflight(r):
			h.Set("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE")
			h.Set("Access-Control-Allow-Headers", "Content-Type, Idempotency-Key")
			h.Set("Access-Control-Max-Age", "600")
			fallthrough
		case isPreflight(r):
			x.respond(http.StatusNoContent, nil, true)
		case (changes(r) || slices.Contains(b.Guarded, r.URL.Path)) && !b.exempt(r.URL.Path) && !asked.trusted():
			x.refuse(http.StatusForbidden, errCrossSite)
		case !isClean(r):
			x.fail(errUnknownRoute)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// Origin is the origin of an address as browsers write it (RFC 6454, section
// 6.1), empty when it has none.
func Origin(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme == "" || u.Host == "" {
		return ""
	}
	host := strings.ToLower(u.Host)
	switch port := u.Port(); {
	case u.Scheme == "http" && port == "80", u.Scheme == "https" && port == "443":
		host = strings.TrimSuffix(host, ":"+port)
	}
	return strings.ToLower(u.Scheme) + "://" + host
}

func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Origin") != "" && r.Header.Get("Access-Control-Request-Method") != ""
}

// changes reports whether a request may change something. Opening a WebSocket
// counts: it uses the page's cookies and no CORS rule applies to it.
func changes(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
	default:
		return true
	}
}

func (b *Browser) exempt(path string) bool {
	return slices.ContainsFunc(b.Exempt, func(e string) bool {
		return path == e || strings.HasSuffix(e, "/") && strings.HasPrefix(path, e)
	})
}

// request is a request with the origins that it may come from.
type request struct {
	r       *http.Request
	own     string
	browser *Browser
}

// allows reports whether pages of an origin may call, and whether that is so
// because of the rule for every origin.
func (q request) allows(origin string) (allowed, anyOrigin bool) {
	if origin == "" || origin == "null" {
		return false, false
	}
	if origin == q.own {
		return true, false
	}
	if q.browser.AllowedOrigins == nil {
		return false, false
	}
	list := q.browser.AllowedOrigins(q.r)
	if slices.Contains(list, origin) {
		return true, false
	}
	anyOrigin = slices.Contains(list, "*")
	return anyOrigin, anyOrigin
}

// share lets the page that asks read the answer, if its origin is allowed.
// With credentials only an origin that is named may read.
func (q request) share(h http.Header) bool {
	from := q.r.Header["Origin"]
	if len(from) != 1 {
		return false
	}
	allowed, anyOrigin := q.allows(from[0])
	if !allowed {
		return false
	}
	if anyOrigin {
		h.Set("Access-Control-Allow-Origin", "*")
	} else {
		h.Set("Access-Control-Allow-Origin", from[0])
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	h.Set("Access-Control-Expose-Headers", "X-Development-Session, X-Next-Cursor, Link, X-Request-Id, Retry-After")
	return true
}

// trusted reports whether a request that changes something comes from a page
// that may do so, or from no page at all. Its signs are asked in this order:
//
//   - Origin, which scripts cannot forge. Also without a cookie a foreign one is
//     refused, so that no page signs its visitors in to somebody else's account;
//     "*" lets it pass then.
//   - Sec-Fetch-Site, where a page's referrer policy made the origin "null" or
//     nothing.
//   - Referer, for browsers that send neither.
//
// A request without any of them is not from a browser.
func (q request) trusted() bool {
	h := q.r.Header
	site := h.Get("Sec-Fetch-Site")
	if from := h["Origin"]; len(from) > 1 {
		return false
	} else if len(from) == 1 && from[0] == "null" {
		return site == "same-origin"
	} else if len(from) == 1 {
		return q.mayChange(from[0]) || site == "same-origin" && strings.EqualFold(q.r.Host, hostOf(from[0]))
	}
	if site != "" {
		return site == "same-origin" || site == "none"
	}
	if referer := h.Get("Referer"); referer != "" {
		return q.mayChange(Origin(referer))
	}
	return len(h["Referer"]) == 0
}

func (q request) mayChange(origin string) bool {
	allowed, anyOrigin := q.allows(origin)
	return allowed && !(anyOrigin && len(q.r.Header["Cookie"]) > 0)
}

func hostOf(origin string) string {
	_, host, _ := strings.Cut(origin, "://")
	return host
}
