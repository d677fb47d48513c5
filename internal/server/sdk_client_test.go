package server_test

import (
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/guildhall-id/guildhall/internal/config"
	"github.com/guildhall-id/guildhall/internal/platform/database"
)

// seen is a part of an answer, as a browser SDK looks at it. To read a member
// that is not there, or is of another kind, ends the test with its path.
type seen struct {
	t    *testing.T
	path string
	v    any
}

func (s seen) member(name string) seen {
	s.t.Helper()
	in, ok := s.v.(map[string]any)
	v, there := in[name]
	if !ok || !there {
		s.t.Fatalf("the SDK reads %s.%s, which is not there", s.path, name)
	}
	return seen{s.t, s.path + "." + name, v}
}

// at follows the names of a path.
func (s seen) at(path string) seen {
	s.t.Helper()
	for name := range strings.SplitSeq(path, ".") {
		s = s.member(name)
	}
	return s
}

func (s seen) null(path string) bool { s.t.Helper(); return s.at(path).v == nil }

func (s seen) list(path string) (items []seen) {
	s.t.Helper()
	list, ok := s.at(path).v.([]any)
	if !ok {
		s.t.Fatalf("the SDK reads a list at %s.%s, which is %v", s.path, path, s.at(path).v)
	}
	for _, v := range list {
		items = append(items, seen{s.t, s.path + "." + path + "[]", v})
	}
	return items
}

// last is last(x) of contract section 8.
func (s seen) last(path string) seen {
	s.t.Helper()
	list := s.list(path)
	if len(list) == 0 {
		s.t.Fatalf("the SDK reads the last of %s.%s, which is empty", s.path, path)
	}
	return list[len(list)-1]
}

// text and flag are a member that is a text or a boolean.
func (s seen) text(path string) string { s.t.Helper(); return kind[string](s.at(path)) }
func (s seen) flag(path string) bool   { s.t.Helper(); return kind[bool](s.at(path)) }

func kind[T any](s seen) T {
	s.t.Helper()
	v, ok := s.v.(T)
	if !ok {
		s.t.Fatalf("the SDK reads %s as a %T, and it is %v", s.path, v, s.v)
	}
	return v
}

// sdk is a browser with a page that uses an SDK: it knows the publishable key,
// carries the session in the transport of the deployment's mode (contract
// section 5), posts multipart forms, and shows the session of the last answer.
type sdk struct {
	t *testing.T
	*browser
	office *sortingOffice

	session                   seen
	organizations, workspaces []seen
}

// newSDK opens the page: the first four calls of contract section 8, Start.
func newSDK(t *testing.T, w *world, office *sortingOffice) *sdk {
	t.Helper()
	c := &sdk{t: t, browser: w.browser(), office: office}
	c.dev = true // until the deployment says otherwise, by the key
	c.header = http.Header{"Origin": {sdkPage}}
	deployment := c.call(http.MethodGet, "/deployment")
	c.dev = deployment.text("mode") == config.Staging
	if c.dev {
		c.token = "" // whatever the first call brought belongs to no page
	}
	if !deployment.flag("b2b_settings.organizations_enabled") || deployment.text("auth_settings.first_factor") != "email_password" {
		t.Fatal("the SDK would show another form")
	}
	deployment.text("ui_settings.app_name")
	c.refresh()
	return c
}

// sdkPage is the origin of the page.
const sdkPage = "https://app.example.com"

// refresh is what the SDK polls every 30 seconds.
func (c *sdk) refresh() {
	c.t.Helper()
	c.session = c.call(http.MethodGet, "/session")
	if !c.signedIn() {
		return
	}
	all := c.call(http.MethodGet, "/me/organization-memberships")
	c.organizations = seen{c.t, "memberships", map[string]any{"list": all.v}}.list("list")
	all = c.call(http.MethodGet, "/me/workspace-memberships")
	c.workspaces = seen{c.t, "workspace memberships", map[string]any{"list": all.v}}.list("list")
	for _, w := range c.workspaces { // contract section 8: they have to be filled in
		w.text("organization_id")
		w.text("workspace.name")
		w.text("organization.name")
	}
}

// signedIn is how the SDK decides it.
func (c *sdk) signedIn() bool {
	c.t.Helper()
	return len(c.session.list("signins")) > 0 && !c.session.null("active_signin")
}

// active are the names of the active organization and workspace, which the SDK
// finds among the memberships.
func (c *sdk) active() (organization, workspace string) {
	c.t.Helper()
	c.refresh()
	in := c.session.at("active_signin")
	for _, m := range c.organizations {
		if m.at("id").v == in.at("active_organization_membership_id").v {
			organization = m.text("organization.name")
		}
	}
	for _, m := range c.workspaces {
		if m.at("id").v == in.at("active_workspace_membership_id").v {
			workspace = m.text("workspace.name")
		}
	}
	return organization, workspace
}

// ask sends a call with a multipart form, as the SDK does for nearly all.
func (c *sdk) ask(method, path string, members ...string) answer {
	c.t.Helper()
	r := split(method, path, form(members...))
	if len(members) > 0 {
		r.Encoding = encodedMultipart
	}
	return c.send(c.t, r)
}

// call is a call that succeeds; all that is read of the answer is data.
func (c *sdk) call(method, path string, members ...string) seen {
	c.t.Helper()
	a := c.ask(method, path, members...)
	if a.Status < 200 || a.Status > 299 {
		c.t.Fatalf("%s %s: the page shows %q", method, path, a.text(c.t, "errors.0.message"))
	}
	return seen{c.t, path, a.Body}.member("data")
}

// post is a call with a form, whose answer may be the session.
func (c *sdk) post(path string, members ...string) seen {
	c.t.Helper()
	return c.call(http.MethodPost, path, members...)
}

// enters is post for calls that answer with the session.
func (c *sdk) enters(path string, members ...string) seen {
	c.t.Helper()
	c.session = c.post(path, members...)
	c.session.list("signins")
	c.session.at("active_signin")
	return c.session
}

// refused is the message that the page shows for a call that fails.
func (c *sdk) refused(path string, members ...string) string {
	c.t.Helper()
	a := c.ask(http.MethodPost, path, members...)
	if a.Status < 400 {
		c.t.Fatalf("%s succeeded: %s", path, a.Raw)
	}
	return a.text(c.t, "errors.0.message")
}

// query is the query of the verification calls.
func query(members ...string) string { return "?" + form(members...).Encode() }

// sdkWorld is a server of a mode, with its post.
func sdkWorld(t *testing.T, dialect database.Dialect, mode string) (*world, *sortingOffice) {
	t.Helper()
	office, w := newSortingOffice(t), &world{secrets: &secrets{}}
	w.Server, w.log = newServerAt(t, dialect, w.now, func(c *config.Config) {
		c.SMTPURL = "smtp://" + office.mail + "?tls=none"
		c.SMSWebhookURL, c.SMSWebhookSecret = office.texts, "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
		c.AllowedOrigins = []string{sdkPage}
		offerAll(t)(c)
		if c.Mode = mode; mode == config.Production {
			c.Listen, c.Limits = freeAddress(t), config.Staging
			c.PublicURL = "http://" + c.Listen
		}
	})
	w.documents = readDescriptions(t, w.API)
	return w, office
}

// now is the clock of the world's server, which its tests move.
func (w *world) now() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }

// freeAddress is one that nobody listened on a moment ago.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// linkOf is the query of a mailed link, whatever page it leads to.
func linkOf(t *testing.T, link string) url.Values {
	t.Helper()
	u, err := url.Parse(strings.Trim(link, "<>"))
	if err != nil {
		t.Fatal(err)
	}
	return u.Query()
}
