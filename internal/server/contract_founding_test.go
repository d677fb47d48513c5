package server_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// foundingShape is the founding page member by member: GET
// /organizations/{id}/invitations. The members of the published example come
// first, in its order; ours follow.
const foundingShape = `{status number, message text, data [{id id, organization_id id, email text, token text, status text, ` +
	`expires_at time, created_at time, updated_at time, ` +
	`initial_organization_role {` + roleShape + `}, initial_workspace_role {id id, name text, permissions [text]}, ` +
	`workspace {id id, name text}, ` +
	`inviter {id id, first_name text, last_name text, email text, membership_id id, user {id id, first_name text, last_name text, ` +
	`username text, email text, availability text, has_profile_picture boolean, profile_picture_url text, ` +
	`primary_email_address {id id, email text, is_primary boolean, primary boolean, verified boolean, verified_at time, ` +
	`verification_strategy text, created_at time, updated_at time}, primary_phone_number null}, roles [{` + roleShape + `}]}, ` +
	`inviter_roles [{` + roleShape + `}], expired boolean, needs_approval boolean}], ` +
	`session {id id, created_at time, updated_at time}, errors null}`

const roleShape = `id id, organization_id id, name text, permissions [text], is_system_role boolean, created_at time, updated_at time, is_deployment_level boolean`

// testFoundingPage asks for the page as the first page of the project does:
// with the cookie session_id and nothing else.
func (s *stage) testFoundingPage(t *testing.T) {
	tn := s.world.tenant(t, s.world.founder, "Founding")
	tn.invite(t, "new.user@example.com", tn.workspace,
		"role_id", tn.organizationRole[managerRole], "workspace_role_id", tn.workspaceRole[leadRole])
	b := s.browser()
	b.cookies = map[string]string{"session_id": s.world.founder.cookies["session_id"]}
	a := b.get(t, "/organizations/"+tn.organization+"/invitations").must(t, http.StatusOK)
	if got := a.Header.Get("Content-Type"); got != "application/json; charset=utf-8" {
		t.Errorf("Content-Type is %q", got)
	}
	if got := shapeOf(t, a.Raw).String(); got != foundingShape {
		t.Errorf("the founding page is\n%s\nand should be\n%s", got, foundingShape)
	}
	for path, want := range map[string]any{
		"status": 200.0, "message": "", "data.0.organization_id": tn.organization, "data.0.email": "new.user@example.com",
		"data.0.status": "pending", "data.0.initial_organization_role.id": tn.organizationRole[managerRole],
		"data.0.initial_organization_role.is_system_role": false, "data.0.initial_organization_role.organization_id": tn.organization,
		"data.0.initial_workspace_role.id": tn.workspaceRole[leadRole], "data.0.workspace.id": tn.workspace,
		"data.0.inviter.id": s.world.founder.id, "data.0.inviter_roles.0.name": adminRole, "data.0.expired": false,
	} {
		if got := a.at(path); got != want {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
	if example := publishedFile(t, "founding-page.example.json"); example != nil {
		within(t, "the page", shapeOf(t, example), shapeOf(t, a.Raw))
	}

	tn.invite(t, "second@example.com", "")
	a = b.get(t, "/organizations/"+tn.organization+"/invitations").must(t, http.StatusOK)
	if a.at("data.0.email") != "second@example.com" || a.at("data.0.workspace") != nil || a.at("data.0.initial_workspace_role") != nil {
		t.Errorf("the newest comes first, and without workspace that is null: %s", a.Raw)
	}
	a = b.get(t, "/organizations/"+tn.organization+"/invitations?workspace_id="+tn.workspace).must(t, http.StatusOK)
	if list := a.list(t, "data"); len(list) != 1 || a.at("data.0.email") != "new.user@example.com" {
		t.Errorf("those into the workspace are: %s", a.Raw)
	}
}

// shape is what a JSON value is like: its members in their order, and the kind
// of each text.
type shape struct {
	kind    string // object, array, text, id, time, number, boolean, null
	members []member
}

type member struct {
	name  string
	value shape
}

func (s shape) String() string {
	switch s.kind {
	case "object":
		parts := make([]string, len(s.members))
		for i, m := range s.members {
			parts[i] = m.name + " " + m.value.String()
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case "array":
		if len(s.members) == 0 {
			return "[]"
		}
		return "[" + s.members[0].value.String() + "]"
	}
	return s.kind
}

func (s shape) member(name string) (shape, int) {
	for i, m := range s.members {
		if m.name == name {
			return m.value, i
		}
	}
	return shape{}, -1
}

func shapeOf(t *testing.T, text []byte) shape {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	s, err := readShape(d)
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return s
}

var (
	looksLikeID   = regexp.MustCompile(`^[0-9]{1,20}$`)
	looksLikeTime = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z$`)
)

func readShape(d *json.Decoder) (shape, error) {
	token, err := d.Token()
	if err != nil {
		return shape{}, err
	}
	switch v := token.(type) {
	case json.Delim:
		s := shape{kind: map[json.Delim]string{'{': "object", '[': "array"}[v]}
		for d.More() {
			var m member
			if v == '{' {
				name, err := d.Token()
				if err != nil {
					return s, err
				}
				m.name = name.(string)
			}
			if m.value, err = readShape(d); err != nil {
				return s, err
			}
			if _, at := s.member(m.name); v == '{' && at >= 0 {
				return s, fmt.Errorf("the member %s is there twice", m.name)
			}
			s.members = append(s.members, m)
		}
		_, err := d.Token()
		return s, err
	case string:
		switch {
		case looksLikeID.MatchString(v):
			return shape{kind: "id"}, nil
		case looksLikeTime.MatchString(v):
			return shape{kind: "time"}, nil
		}
		return shape{kind: "text"}, nil
	case float64:
		return shape{kind: "number"}, nil
	case bool:
		return shape{kind: "boolean"}, nil
	default:
		return shape{kind: "null"}, nil
	}
}

// within checks that every member of the example is in our answer, in the same
// order before anything of ours, and of the same kind.
func within(t *testing.T, place string, example, ours shape) {
	t.Helper()
	switch example.kind {
	case "object":
		for i, m := range example.members {
			value, at := ours.member(m.name)
			if at != i {
				t.Errorf("%s: the member %s is at position %d, in the example at %d", place, m.name, at, i)
			} else if m.name != "errors" { // null in a success
				within(t, place+"."+m.name, m.value, value)
			}
		}
	case "array":
		if ours.kind != "array" || len(ours.members) == 0 {
			t.Errorf("%s: not an array with elements", place)
		} else if len(example.members) > 0 {
			within(t, place+"[]", example.members[0].value, ours.members[0].value)
		}
	case "text": // a placeholder may stand for an id
		if ours.kind != "text" && ours.kind != "id" {
			t.Errorf("%s is of the kind %s, in the example a text", place, ours.kind)
		}
	default:
		if ours.kind != example.kind {
			t.Errorf("%s is of the kind %s, in the example %s", place, ours.kind, example.kind)
		}
	}
}
