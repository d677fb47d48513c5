// Package pages is what people see of the server itself, as plain HTML that
// works without script: the pages that mailed invitations and sign-in links
// lead to. A page loads nothing from anywhere, and reading one changes nothing.
package pages

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"html/template"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/api"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/organization"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
	"github.com/guildhall-id/guildhall/internal/signin"
)

//go:embed page.html
var pageText string

//go:embed style.css
var style string

// Pages serves the pages.
type Pages struct {
	sessions      api.Authenticator
	organizations *organization.Service
	signins       *signin.Service
	deployments   *deployment.Service
	log           *slog.Logger
	template      *template.Template
	policy        string
	mux           *http.ServeMux
}

// New serves pages for the people whom sessions knows.
func New(sessions api.Authenticator, organizations *organization.Service, signins *signin.Service, deployments *deployment.Service, log *slog.Logger) *Pages {
	sum := sha256.Sum256([]byte(style))
	p := &Pages{
		sessions: sessions, organizations: organizations, signins: signins, deployments: deployments, log: log,
		template: template.Must(template.New("page").Parse(pageText)),
		policy: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
			"'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
		mux: http.NewServeMux(),
	}
	p.mux.HandleFunc("GET "+organization.AcceptPath, p.serve(p.showInvitation))
	p.mux.HandleFunc("POST "+organization.AcceptPath, p.serve(p.acceptInvitation))
	p.mux.HandleFunc("GET "+signin.MagicLinkPath, p.serve(p.showLink))
	p.mux.HandleFunc("POST "+signin.MagicLinkPath, p.serve(p.openLink))
	p.mux.HandleFunc("GET /", p.serve(p.showElsewhere))
	return p
}

// ServeHTTP answers with a page, or 405.
func (p *Pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", p.policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", noReferrer)
	h.Set("Cache-Control", "no-store")
	p.mux.ServeHTTP(w, r)
}

// visit is a request by a browser whose people are known.
type visit struct {
	*http.Request
	deployment *deployment.Deployment
	caller     *access.Caller
}

// The address of a page holds a secret, so it is told to nobody.
const noReferrer = "no-referrer"

// referrerPolicy is noReferrer wherever browsers send Sec-Fetch-Site. Over plain
// HTTP from another machine they do not, and without referrer they hide the
// origin of a form too, which then could not be told from a foreign one: there
// the address is told to the server itself, and to nobody else.
func referrerPolicy(publicURL string) string {
	u, err := url.Parse(publicURL)
	if err != nil || u.Scheme != "http" || u.Hostname() == "localhost" || net.ParseIP(u.Hostname()).IsLoopback() {
		return noReferrer
	}
	return "same-origin"
}

// maxForm is how much is read of a form, in bytes.
const maxForm = 64 << 10

// serve finds out who asks and answers with the page that act makes.
func (p *Pages) serve(act func(context.Context, visit) (view, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		page, caller, err := p.answer(r, w.Header().Get("X-Request-Id"), act)
		if err != nil {
			page = p.failure(r, page.AppName, err)
		}
		page.Style = template.CSS(style)
		var b bytes.Buffer
		if err := p.template.Execute(&b, page); err != nil {
			p.log.ErrorContext(r.Context(), "a page could not be made", "error", err)
			http.Error(w, "Something went wrong on our side. Please try again later.", http.StatusInternalServerError)
			return
		}
		if err == nil {
			p.sessions.Deliver(w, r, caller)
		}
		h := w.Header()
		if page.referrers != "" {
			h.Set("Referrer-Policy", page.referrers)
		}
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Length", strconv.Itoa(b.Len()))
		if page.status == http.StatusServiceUnavailable {
			h.Set("Retry-After", "2")
		}
		w.WriteHeader(page.status)
		w.Write(b.Bytes())
	}
}

func (p *Pages) answer(r *http.Request, requestID string, act func(context.Context, visit) (view, error)) (view, *access.Caller, error) {
	d, err := p.deployments.Current(r.Context())
	if err != nil {
		return view{}, nil, err
	}
	caller, err := p.sessions.Authenticate(r, access.Tenant{}, false)
	if err != nil {
		return view{}, nil, err
	}
	caller.Client.RequestID = requestID
	page, err := act(access.WithCaller(r.Context(), caller), visit{r, d, caller})
	page.AppName, page.referrers = d.Settings.UI.AppName, referrerPolicy(d.PublicURL)
	return page, caller, err
}

// failure is the page for an error: what a refusal says, or an apology.
func (p *Pages) failure(r *http.Request, app string, err error) view {
	page := view{AppName: app, Tone: "bad", Mark: "!", Title: "That did not work", status: http.StatusOK}
	if refusal, ok := errors.AsType[*fault.Error](err); ok {
		page.Lead = refusal.Message
		if refusal.Kind == fault.Unavailable {
			page.status = http.StatusServiceUnavailable
		}
		return page
	}
	page.Lead = "Something went wrong on our side. Please try again in a moment."
	page.status = http.StatusServiceUnavailable
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return page
	}
	if !database.IsAway(err) {
		page.status = http.StatusInternalServerError
	}
	p.log.ErrorContext(r.Context(), "a page failed", "path", r.URL.Path, "error", err)
	return page
}
