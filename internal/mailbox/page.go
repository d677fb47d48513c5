package mailbox

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"html/template"
	"log/slog"
	"net/http"

	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
)

//go:embed page.html style.css
var files embed.FS

var pages = template.Must(template.ParseFS(files, "page.html"))

// The pages load nothing but their own style and run no script. A message is a
// document of its own in a frame; its policy gives it an origin apart and lets
// it do nothing but open its links elsewhere.
const (
	pagePolicy    = "default-src 'none'; style-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
	messagePolicy = "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)

// handler serves the mailbox of the deployment that a request is for.
type handler struct {
	box        *Mailbox
	log        *slog.Logger
	deployment func(*http.Request) (id.Deployment, error)
}

// Handler serves /dev/mailbox and everything below it, readable by anyone.
func (b *Mailbox) Handler(log *slog.Logger, deployment func(*http.Request) (id.Deployment, error)) http.Handler {
	h := &handler{b, log, deployment}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /dev/mailbox", h.page)
	mux.HandleFunc("GET /dev/mailbox/{id}", h.page)
	mux.HandleFunc("GET /dev/mailbox/{id}/html", h.html)
	mux.HandleFunc("GET /dev/mailbox/messages", h.json)
	mux.HandleFunc("GET /dev/mailbox/style.css", h.style)
	return mux
}

// view is what the page shows: the list, and perhaps one of its messages.
type view struct {
	To       string
	Messages []message
	Open     *message
}

func (h *handler) page(w http.ResponseWriter, r *http.Request) {
	v := view{To: r.FormValue("to")}
	deployment, err := h.deployment(r)
	if err == nil {
		v.Messages, err = h.box.messages(r.Context(), deployment, v.To, listed)
	}
	if err == nil && r.PathValue("id") != "" {
		v.Open, err = h.open(r, deployment)
	}
	var page bytes.Buffer
	if err == nil {
		err = pages.ExecuteTemplate(&page, "page.html", v)
	}
	h.answer(w, r, "text/html; charset=utf-8", pagePolicy, page.Bytes(), err)
}

func (h *handler) html(w http.ResponseWriter, r *http.Request) {
	var content []byte
	deployment, err := h.deployment(r)
	if err == nil {
		var m *message
		if m, err = h.open(r, deployment); err == nil {
			content = []byte(m.HTML)
		}
	}
	h.answer(w, r, "text/html; charset=utf-8", messagePolicy, content, err)
}

func (h *handler) json(w http.ResponseWriter, r *http.Request) {
	var content []byte
	deployment, err := h.deployment(r)
	if err == nil {
		var list []message
		if list, err = h.box.messages(r.Context(), deployment, r.FormValue("to"), kept); err == nil {
			content, err = json.Marshal(list)
		}
	}
	h.answer(w, r, "application/json", pagePolicy, content, err)
}

func (h *handler) style(w http.ResponseWriter, r *http.Request) {
	content, err := files.ReadFile("style.css")
	h.answer(w, r, "text/css; charset=utf-8", pagePolicy, content, err)
}

func (h *handler) open(r *http.Request, deployment id.Deployment) (*message, error) {
	mail, err := id.Parse[id.Mail](r.PathValue("id"))
	if err != nil {
		return nil, ErrNotFound
	}
	m, err := h.box.message(r.Context(), deployment, mail)
	return &m, err
}

// answer writes the content, or says why there is none.
func (h *handler) answer(w http.ResponseWriter, r *http.Request, mediaType, policy string, content []byte, err error) {
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Security-Policy", policy)
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("X-Content-Type-Options", "nosniff")
	var refusal *fault.Error
	switch {
	case err == nil:
		header.Set("Content-Type", mediaType)
		w.Write(content)
	case errors.As(err, &refusal):
		http.Error(w, refusal.Message, http.StatusNotFound)
	default:
		h.log.ErrorContext(r.Context(), "the mailbox failed", "error", err)
		http.Error(w, "The mailbox could not be read.", http.StatusInternalServerError)
	}
}
