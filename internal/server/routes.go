package server

import (
	"context"
	"net"
	"net/http"
	"net/http/pprof"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/guildhall-id/guildhall/internal/api"
	"github.com/guildhall-id/guildhall/internal/config"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/mailbox"
	"github.com/guildhall-id/guildhall/internal/organization"
	"github.com/guildhall-id/guildhall/internal/pages"
	"github.com/guildhall-id/guildhall/internal/picture"
	"github.com/guildhall-id/guildhall/internal/signin"
)

// mount is everything public: the API, the pages and, in staging, the mailbox.
// It is no ServeMux, which would redirect odd addresses without an envelope.
func (s *Server) mount(c config.Config, deployments *deployment.Service, p *pages.Pages, box *mailbox.Mailbox) http.Handler {
	var inbox http.Handler
	if box != nil && c.Mode == config.Staging {
		inbox = box.Handler(s.log, func(*http.Request) (id.Deployment, error) { return s.Deployment.ID, nil })
	}
	pictures := picture.Handler(s.db, deployments, s.log, s.API)
	routes := func(w http.ResponseWriter, r *http.Request) {
		path := r.URL.Path
		switch {
		case path == organization.AcceptPath || path == signin.MagicLinkPath || pages.Elsewhere(r):
			p.ServeHTTP(w, r)
		case strings.HasPrefix(path, picture.Path):
			pictures.ServeHTTP(w, r)
		case inbox != nil && (path == "/dev/mailbox" || strings.HasPrefix(path, "/dev/mailbox/")):
			inbox.ServeHTTP(w, r)
		default:
			s.API.ServeHTTP(w, r)
		}
	}
	return api.Browser{PublicURL: s.URL, AllowedOrigins: allowed(c), Guarded: guarded(s.API.Operations())}.Wrap(http.HandlerFunc(routes))
}

// guarded are the paths of the GETs that change something.
func guarded(operations []api.Operation) (paths []string) {
	for _, op := range operations {
		if path, isGET := strings.CutPrefix(op.Route, http.MethodGet+" "); isGET && op.Changes {
			paths = append(paths, path)
		}
	}
	return paths
}

// allowed are the origins that may call with a browser's session: the
// configured ones and, in staging, every origin on this machine.
func allowed(c config.Config) func(*http.Request) []string {
	return func(r *http.Request) []string {
		if origin := r.Header.Get("Origin"); c.Mode == config.Staging && isLoopback(origin) {
			return append(slices.Clip(c.AllowedOrigins), origin)
		}
		return c.AllowedOrigins
	}
}

func isLoopback(origin string) bool {
	u, err := url.Parse(origin)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return false
	}
	host := u.Hostname()
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// operations is the private listener: health, metrics and profiles.
func (s *Server) operations() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { say(w, true) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), time.Second)
		defer cancel()
		_, err := s.db.Exec(ctx, "SELECT 1")
		say(w, s.ready.Load() && err == nil)
	})
	mux.Handle("GET /metrics", promhttp.Handler())
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

func say(w http.ResponseWriter, good bool) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if !good {
		w.WriteHeader(http.StatusServiceUnavailable)
		w.Write([]byte("not ready\n"))
		return
	}
	w.Write([]byte("ok\n"))
}
