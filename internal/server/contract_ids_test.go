package server_test

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// notIDs are texts that are not ids (promise S12).
var notIDs = []string{
	"", "0", "abc", "01", "-1", "+1", "1.0", "1e3", "0x1", " 1", "1 ", "1\t", "１", "\x00", "1\x00", "null",
	"18446744073709551616", strings.Repeat("9", 1000),
}

// testMalformedIDs changes one argument of a good call by the administrator at a time.
// The mistake is said before anything is looked up, so what the call uses is
// made once.
func (s *stage) testMalformedIDs(t *testing.T) {
	for _, op := range s.API.Operations() {
		one := s.documents.byRoute[op.Route]
		var args url.Values
		for _, p := range one.params {
			if !p.id {
				continue
			}
			t.Run(op.ID+"/"+p.name, func(t *testing.T) {
				admin := s.as("administrator")
				if args == nil {
					args = recipes[op.ID](t, s, admin).args
				}
				for _, text := range notIDs {
					if (text == "" || text == "0") && p.in != "path" {
						continue // there it is absent
					}
					a := admin.browser.copy().send(t, one.build(replaced(args, p.name, text)))
					if text == "" { // not the same address
						a.must(t, http.StatusNotFound)
					} else if strings.Contains(text, "\x00") && p.in == "body" {
						a.must(t, http.StatusBadRequest) // the whole body is refused
					} else if a.Status != http.StatusBadRequest || a.code() != "INVALID_ID" {
						t.Errorf("%.40q: answered %d %s", text, a.Status, a.Raw)
					}
				}
			})
		}
	}
}

func replaced(args url.Values, name, value string) url.Values {
	changed := url.Values{}
	for other, values := range args {
		changed[other] = values
	}
	changed.Set(name, value)
	return changed
}

// foreign is the neighbour's id of what a parameter names.
func (s *stage) foreign(t *testing.T, route, name string) string {
	t.Helper()
	next, inWorkspace := s.next, strings.Contains(route, " /workspaces")
	switch name {
	case "id":
		switch {
		case strings.Contains(route, " /me/invitations/"):
			return next.pending
		case strings.Contains(route, " /me/email-addresses/"):
			return next.owner.get(t, "/me/email-addresses").text(t, "data.0.id")
		case strings.Contains(route, " /me/phone-numbers/"):
			return next.phone
		case strings.Contains(route, " /me/authenticator/"):
			return next.authenticator
		case strings.Contains(route, " /me/signins/"):
			return next.owner.get(t, "/session").text(t, "data.active_signin.id")
		case inWorkspace:
			return next.workspace
		}
		return next.organization
	case "organization_id", "org_id":
		return next.organization
	case "workspace_id", "auto_assigned_workspace_id":
		return next.workspace
	case "invitationId":
		return next.pending
	case "memberId", "membershipId":
		if inWorkspace {
			return next.workspaceMember[next.owner.id]
		}
		return next.member[next.owner.id]
	case "roleId":
		if inWorkspace {
			return next.workspaceRole[leadRole]
		}
		return next.organizationRole[managerRole]
	case "role_id":
		return next.organizationRole[managerRole]
	case "workspace_role_id":
		return next.workspaceRole[leadRole]
	case "sign_in_id":
		return next.owner.get(t, "/session").text(t, "data.active_signin.id")
	case "authenticator_id":
		return next.authenticator
	case "primary_phone_number_id":
		return next.phone
	case "primary_email_address_id":
		return next.owner.get(t, "/me/email-addresses").text(t, "data.0.id")
	case "attempt_identifier", "attempt", "attempt_id":
		return next.attempt
	}
	t.Fatalf("say which id of the neighbour %s is", name)
	return ""
}

// elsewhere are parameters for which a foreign id is not answered with 404.
var elsewhere = map[string]int{
	"GetUserWorkspaceMemberships org_id":     http.StatusOK, // a filter
	"PrepareVerification attempt_identifier": http.StatusBadRequest,
	"AttemptVerification attempt_identifier": http.StatusBadRequest,
	"VerifyMagicLink attempt":                http.StatusBadRequest,
	"CompleteProfile attempt_id":             http.StatusBadRequest,
}

// testForeignIDs sends the neighbour's ids in every place an id can be: the
// answer is that of an id that nothing has (promise S27).
func (s *stage) testForeignIDs(t *testing.T) {
	for _, op := range s.API.Operations() {
		one := s.documents.byRoute[op.Route]
		for _, p := range one.params {
			if !p.id {
				continue
			}
			t.Run(op.ID+"/"+p.name, func(t *testing.T) {
				admin := s.as("administrator")
				try := recipes[op.ID](t, s, admin)
				from := admin.browser
				if try.from != nil {
					from = try.from
				}
				if p.name == "workspace_role_id" {
					try.args.Set("workspace_id", s.workspace)
				}
				want := http.StatusNotFound
				if status, ok := elsewhere[op.ID+" "+p.name]; ok {
					want = status
				}
				foreign := from.send(t, one.build(replaced(try.args, p.name, s.foreign(t, op.Route, p.name))))
				foreign.must(t, want)
				missing := from.send(t, one.build(replaced(try.args, p.name, "77")))
				if !bytes.Equal(foreign.Raw, missing.Raw) {
					t.Errorf("a foreign id is answered with\n%s\nand a missing one with\n%s", foreign.Raw, missing.Raw)
				}
			})
		}
	}
}

// testUnknownMembers adds to every body what it does not have: nothing of it
// counts, and nothing is refused for it (promise S30).
func (s *stage) testUnknownMembers(t *testing.T) {
	const smuggled = "smuggled-value"
	for _, op := range s.API.Operations() {
		one := s.documents.byRoute[op.Route]
		known := map[string]bool{}
		for _, p := range one.params {
			known[p.name] = true
		}
		if !strings.HasPrefix(op.Route, http.MethodPost+" ") {
			continue
		}
		t.Run(op.ID, func(t *testing.T) {
			admin := s.as("administrator")
			try := recipes[op.ID](t, s, admin)
			from := admin.browser
			if try.from != nil {
				from = try.from
			}
			request := one.build(try.args)
			request.File = try.file
			if request.Body == nil {
				request.Body = url.Values{}
			}
			for _, name := range []string{
				"verified", "roles", "role", "user_id", "private_metadata", "public_metadata", "deployment_id", "created_at",
				"status", "token", "inviter_id", "is_system_role", "password_hash", "disabled", "user[id]", "roles[0]",
			} {
				if base, _, _ := strings.Cut(name, "["); !known[base] {
					request.Body.Set(name, smuggled)
				}
			}
			a := from.send(t, request).must(t, http.StatusOK)
			if strings.Contains(string(a.Raw), smuggled) {
				t.Errorf("an unknown member came back: %s", a.Raw)
			}
		})
	}
}
