package session

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/mileusna/useragent"

	"github.com/guildhall-id/guildhall/internal/access"
)

// TrustedProxies are the networks whose X-Forwarded-For is believed.
type TrustedProxies []netip.Prefix

// The headers that tell the hops of a request. The servers of an application
// that ask for their visitors' tokens write the first, proxies the second.
const (
	helperHops = "X-Wacht-Forwarded-For"
	proxyHops  = "X-Forwarded-For"
)

// client is where a request came from: the socket's address, or behind trusted
// proxies the right-most address that is not one of them.
func (trusted TrustedProxies) client(r *http.Request) access.Client {
	c := access.Client{UserAgent: r.UserAgent()}
	if socket, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		c.IP = socket.Addr().Unmap().WithZone("")
	}
	if !trusted.contain(c.IP) {
		return c
	}
	headers := slices.Concat(r.Header.Values(helperHops), r.Header.Values(proxyHops))
	hops := strings.Split(strings.Join(headers, ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		c.IP = hop.Unmap().WithZone("")
		if !trusted.contain(c.IP) {
			break
		}
	}
	return c
}

func (trusted TrustedProxies) contain(ip netip.Addr) bool {
	for _, network := range trusted {
		if network.Contains(ip) {
			return true
		}
	}
	return false
}

// agent is a User-Agent header in words: "Firefox 140" on "Linux".
type agent struct{ text, browser, device string }

// maxUserAgent bounds what is stored of the header.
const maxUserAgent = 512

func parseUserAgent(header string) agent {
	header = strings.ToValidUTF8(header[:min(len(header), maxUserAgent)], "")
	header = strings.Map(func(r rune) rune {
		if r < ' ' {
			return -1
		}
		return r
	}, header)
	ua := useragent.Parse(header)
	a := agent{text: header, browser: strings.TrimSpace(ua.Name + " " + major(ua.Version))}
	switch {
	case ua.Device != "":
		a.device = ua.Device
	case ua.OS != "":
		a.device = ua.OS
	}
	return a
}

func major(version string) string {
	m, _, _ := strings.Cut(version, ".")
	return m
}
