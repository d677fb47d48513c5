package server_test

import (
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/session"
)

// secrets is everything secret that the run has seen, and where the invitation
// tokens may still be.
type secrets struct {
	mu      sync.Mutex
	known   map[string]string // what it is, by value
	current map[string]string // the token of an invitation, by its id
	dead    map[string]bool   // tokens that were used, discarded or replaced
}

func (s *secrets) learn(what, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil {
		s.known, s.current, s.dead = map[string]string{}, map[string]string{}, map[string]bool{}
	}
	if value != "" {
		s.known[value] = what
	}
}

func (s *secrets) learnLetter(l letter) {
	s.learn("code", l.Code)
	for _, link := range l.Links {
		s.learn("mailed token", mailedToken.FindString(link))
		s.learn("deployment token", deploymentToken.FindString(link))
		if u, err := url.Parse(link); err == nil {
			s.learn("link token", u.Query().Get("token"))
		}
	}
}

var (
	listedToken = regexp.MustCompile(`inv_[A-Za-z0-9_-]{38}`)
	mailedToken = regexp.MustCompile(`inm_[A-Za-z0-9_-]{38}`)
	// deploymentToken is that of an approval: mailed too, and shown to nobody.
	deploymentToken = regexp.MustCompile(`ind_[A-Za-z0-9_-]{38}`)
)

// follow learns which token is the current one of an invitation, and that
// those before it are dead.
func (s *secrets) follow(t *testing.T, view any) {
	t.Helper()
	id, _ := at(view, "id").(string)
	token, isInvitation := at(view, "token").(string)
	status, _ := at(view, "status").(string)
	if !isInvitation || id == "" || status == "" {
		return
	}
	s.learn("listed token", token)
	s.mu.Lock()
	defer s.mu.Unlock()
	if (token != "") != (status == "pending") {
		t.Errorf("an invitation that is %s has the token %q", status, token)
	}
	if before := s.current[id]; before != "" && before != token {
		s.dead[before] = true
	}
	s.current[id] = token
}

// watch looks at every exchange of the run: it is answered as documented,
// never with 500, with the headers that are right for every answer, and no
// secret is where it may not be.
func (w *world) watch(t *testing.T, x exchange) {
	t.Helper()
	name := x.Method + " " + x.URL.Path
	if x.Answer.Status >= http.StatusInternalServerError {
		t.Errorf("%s answered %d: %s\n%s", name, x.Answer.Status, x.Answer.Raw, w.log)
	}
	w.watchHeaders(t, name, x)
	if x.Answer.Body == nil {
		return
	}
	w.documents.check(t, x)
	w.watchSecrets(t, name, x)
	w.learnShownOnce(x)
}

// learnShownOnce learns what an answer shows and no later one may.
func (w *world) learnShownOnce(x exchange) {
	op := w.documents.of(x.Request)
	if op == nil || x.Answer.Status != http.StatusOK {
		return
	}
	switch op.ID {
	case "GenerateAuthenticator":
		value, _ := x.Answer.at("data.totp_secret").(string)
		w.secrets.learn("totp secret", value)
	case "GenerateBackupCodes", "RegenerateBackupCodes":
		list, _ := x.Answer.at("data").([]any)
		for _, one := range list {
			value, _ := one.(string)
			w.secrets.learn("backup code", value)
		}
	}
}

func (w *world) watchHeaders(t *testing.T, name string, x exchange) {
	t.Helper()
	h := x.Answer.Header
	if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("X-Request-Id") == "" || !slices.Contains(h.Values("Vary"), "Origin") {
		t.Errorf("%s: headers are missing: %v", name, h)
	}
	op := w.documents.of(x.Request)
	cacheable := op != nil && op.Cache != "" && x.Answer.Status == http.StatusOK
	if !cacheable && h.Get("Cache-Control") != "no-store" && !strings.HasPrefix(x.URL.Path, "/openapi") {
		t.Errorf("%s: Cache-Control is %q", name, h.Get("Cache-Control"))
	}
	for _, cookie := range (&http.Response{Header: h}).Cookies() {
		w.secrets.learn("session", cookie.Value)
		if !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/" || cookie.Domain != "" {
			t.Errorf("%s: the cookie %s has other attributes: %s", name, cookie.Name, h.Values("Set-Cookie"))
		}
	}
	w.secrets.learn("session", h.Get(session.DevHeader))
}

func (w *world) watchSecrets(t *testing.T, name string, x exchange) {
	t.Helper()
	body := string(x.Answer.Raw)
	for _, forbidden := range []string{password, "$argon2", "anon_"} {
		if strings.Contains(body, forbidden) {
			t.Errorf("%s: the answer has %q: %s", name, forbidden, body)
		}
	}
	for _, name := range []string{session.Cookie, session.CookieAlias} {
		if cookie, err := x.Cookie(name); err == nil && len(cookie.Value) > 20 && strings.Contains(body, cookie.Value) {
			t.Errorf("%s: the answer has the session's value", name)
		}
	}
	if mailedToken.MatchString(body) || deploymentToken.MatchString(body) {
		t.Errorf("%s: the answer has a mailed token: %s", name, body)
	}
	op := w.documents.of(x.Request)
	manages := op != nil && reflect.DeepEqual(op.Access, access.Invitations()) && x.Answer.Status == http.StatusOK
	if !manages && listedToken.MatchString(body) {
		t.Errorf("%s: the answer has the token of an invitation: %s", name, body)
	}
	if manages {
		w.secrets.follow(t, x.Answer.at("data"))
		list, _ := x.Answer.at("data").([]any)
		for _, one := range list {
			w.secrets.follow(t, one)
		}
	}
	w.secrets.mu.Lock()
	defer w.secrets.mu.Unlock()
	for value, what := range w.secrets.known {
		if (what == "totp secret" || what == "backup code") && strings.Contains(body, value) {
			t.Errorf("%s: the answer has a %s again: %s", name, what, body)
		}
		if what == "link token" && strings.Contains(body, value) {
			t.Errorf("%s: the answer has a mailed link's token: %s", name, body)
		}
	}
	for _, token := range listedToken.FindAllString(body, -1) {
		if w.secrets.dead[token] {
			t.Errorf("%s: the answer has a token that is over: %s", name, body)
		}
	}
}

// testLog is the proof of S37: it searches everything that was logged for
// everything secret that the run has seen.
func (w *world) testLog(t *testing.T) {
	log := w.log.String()
	kinds := map[string]int{}
	for value, what := range w.secrets.known {
		kinds[what]++
		found := strings.Contains(log, value)
		if what == "code" { // six digits may be part of a time or an id
			found = regexp.MustCompile(`[^0-9.]` + value + `[^0-9.]`).MatchString(log)
		}
		if found {
			t.Errorf("the log has a %s: %s", what, value)
		}
	}
	if strings.Contains(log, password) {
		t.Error("the log has a password")
	}
	for _, what := range []string{"session", "code", "listed token", "mailed token", "link token", "reset token", "totp secret", "backup code"} {
		if kinds[what] == 0 {
			t.Errorf("the run has seen no %s: this test looked for nothing", what)
		}
	}
	for line := range strings.Lines(log) {
		if strings.Contains(line, `"level":"ERROR"`) {
			t.Errorf("an error was logged: %s", line)
		}
	}
}

// secretNames are members that no answer has, and those that are called so and
// are not secret.
var (
	secretNames = regexp.MustCompile(`(?i)password|hash|secret|private|seed|signing_key|backup_codes$`)
	notSecret   = []string{"has_password", "password", "password_policy", "email_password", "username_password"}
)

// testMembers looks at the types of all answers.
func (w *world) testMembers(t *testing.T) {
	text, err := w.API.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	d := readDocument(t, text)
	for _, op := range w.API.Operations() {
		_, operation := d.operation(op.Route)
		seen := map[string]bool{}
		d.eachMember(at(operation["responses"], "200"), seen, func(name string, schema any) {
			if !secretNames.MatchString(name) {
				return
			}
			harmless := slices.Contains(notSecret, name) && (name != "password" || at(schema, "type") != "string")
			shownOnce := op.ID == "GenerateAuthenticator" && name == "totp_secret"
			if !harmless && !shownOnce {
				t.Errorf("%s: an answer has the member %s", op.ID, name)
			}
		})
	}
}

// eachMember visits the members of a schema and of everything it refers to.
func (d *document) eachMember(v any, seen map[string]bool, visit func(name string, schema any)) {
	switch v := v.(type) {
	case map[string]any:
		if ref, ok := v["$ref"].(string); ok && !seen[ref] {
			seen[ref] = true
			d.eachMember(d.resolve(v), seen, visit)
		}
		members, _ := v["properties"].(map[string]any)
		for name, schema := range members {
			visit(name, schema)
		}
		for _, inner := range v {
			d.eachMember(inner, seen, visit)
		}
	case []any:
		for _, inner := range v {
			d.eachMember(inner, seen, visit)
		}
	}
}
