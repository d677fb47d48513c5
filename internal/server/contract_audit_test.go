package server_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/guildhall-id/guildhall/internal/api"
)

// unaudited are the operations that may succeed without an event, and why.
var unaudited = map[string]string{
	"CreateChallenge":          "nothing is stored",
	"RedeemChallenge":          "nothing is stored",
	"Identify":                 "nothing changes",
	"PreviewInvitations":       "nothing changes",
	"SwitchOrganization":       "what a screen shows; what is done there has events of its own",
	"SwitchWorkspace":          "what a screen shows; what is done there has events of its own",
	"SignUp":                   "an attempt; it ends with user.created",
	"PrepareVerification":      "a mail, which is a row itself; entering its code is an event",
	"PrepareEmailVerification": "a mail, which is a row itself; entering its code is an event",
	"PreparePhoneVerification": "a text message, which is a row itself; entering its code is an event",
	"GenerateAuthenticator":    "it does not count until its codes are entered, which is an event",
	"ForgotPassword":           "a mail, which is a row itself; the new password is an event",

	"SignOut by nobody":          "nobody was signed in",
	"AcceptInvitation by nobody": "they are told to sign in",
}

// compared are the operations that change what was there: their events have it
// before and after.
var compared = []string{
	"UpdateUser", "MakeEmailPrimary", "MakePhonePrimary", "UpdateOrganization", "UpdateWorkspace",
	"AddMemberRole", "RemoveMemberRole", "AddWorkspaceMemberRole", "RemoveWorkspaceMemberRole",
}

// entering are the operations that sign somebody in: who has come in did it,
// whoever was signed in to the browser before.
var entering = []string{"SignIn", "AttemptVerification", "VerifyMagicLink", "ResetPassword", "CompleteProfile"}

// trail is what the audit has before a call.
type trail struct {
	*stage
	operation api.Operation
	from      *browser
	actor     string // the person who is about to act; empty for nobody
	last      int64  // event
}

// trace begins a trail.
func (s *stage) trace(t *testing.T, op api.Operation, from *browser) trail {
	t.Helper()
	tr := trail{stage: s, operation: op, from: from}
	if strings.HasPrefix(op.Route, http.MethodGet+" ") && !op.Changes {
		return tr
	}
	tr.actor = active(t, from)
	err := s.Database().QueryRow(t.Context(), "SELECT COALESCE(max(id), 0) FROM events").Scan(&tr.last)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// active is who is signed in to a browser; empty for nobody.
func active(t *testing.T, b *browser) string {
	t.Helper()
	person, _ := b.copy().get(t, "/session").at("data.active_signin.user_id").(string)
	return person
}

// ends wants an event of what was just done: by whom, from where and with what.
func (tr trail) ends(t *testing.T, a answer) {
	t.Helper()
	if tr.last == 0 || a.Status != http.StatusOK {
		return
	}
	if slices.Contains(entering, tr.operation.ID) {
		if tr.actor = active(t, tr.from); tr.actor == "" {
			t.Errorf("%s is done, and nobody is signed in", tr.operation.ID)
		}
	}
	var events int
	err := tr.Database().QueryRow(t.Context(), `SELECT count(*) FROM events
		WHERE id > $1 AND ($2 = '' OR CAST(actor_id AS TEXT) = $2) AND ip_address <> '' AND user_agent <> ''`, tr.last, tr.actor).Scan(&events)
	if err != nil {
		t.Fatal(err)
	}
	name := tr.operation.ID
	if tr.actor == "" && unaudited[name] == "" {
		name += " by nobody"
	}
	if events > 0 && slices.Contains(compared, name) {
		tr.compares(t)
	}
	reason, excepted := unaudited[name]
	switch {
	case events == 0 && !excepted:
		t.Errorf("%s is done, and there is no event of it", name)
	case events > 0 && excepted:
		t.Errorf("%s has events, though %q", name, reason)
	}
}

// compares wants what there was before and what there is after.
func (tr trail) compares(t *testing.T) {
	t.Helper()
	var text string
	err := tr.Database().QueryRow(t.Context(), "SELECT data FROM events WHERE id > $1 ORDER BY id DESC LIMIT 1", tr.last).Scan(&text)
	if err != nil {
		t.Fatal(err)
	}
	var data struct{ Before, After json.RawMessage }
	if err := json.Unmarshal([]byte(text), &data); err != nil || len(data.Before) == 0 || len(data.After) == 0 {
		t.Errorf("the event of %s does not compare: %s", tr.operation.ID, text)
	}
}
