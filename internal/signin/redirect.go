package signin

import (
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/guildhall-id/guildhall/internal/api"
	"github.com/guildhall-id/guildhall/internal/deployment"
)

// redirect is the address that a page asked to be led to, when its origin is
// exactly one of those that may call, the server's own or the application's
// (https://FRONTEND_HOST); in staging, also one on this machine. Any other is
// replaced by the deployment's default.
func (s *Service) redirect(d *deployment.Deployment, asked string) string {
	if target, ok := parseTarget(asked); ok && s.leadsHome(d, target) {
		return target.String()
	}
	return d.Settings.UI.AfterSignInRedirectURL
}

func (s *Service) leadsHome(d *deployment.Deployment, target *url.URL) bool {
	origin := api.Origin(target.String())
	if slices.Contains(s.origins, origin) || origin == d.PublicURL {
		return true
	}
	if host := d.Settings.FrontendHost; host != "" && origin == "https://"+strings.ToLower(host) {
		return true
	}
	if d.Mode != deployment.Staging {
		return false
	}
	ip := net.ParseIP(target.Hostname())
	return strings.EqualFold(target.Hostname(), "localhost") || ip != nil && ip.IsLoopback()
}

// parseTarget accepts an absolute http or https address that every browser
// reads as Go does: no user, no backslash, no blank or control character.
func parseTarget(text string) (*url.URL, bool) {
	if text == "" || len(text) > 2000 || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == '\\' || r == 0x7f }) {
		return nil, false
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil || u.Opaque != "" {
		return nil, false
	}
	return u, true
}
