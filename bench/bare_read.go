package main

import (
	"database/sql/driver"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// list is GET /organizations/{id}/invitations, up to one piece of the server's.
func (b *bare) list(r *http.Request, to []byte) ([]byte, error) {
	organization, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return nil, err
	}
	limit := int64(500)
	if text := r.FormValue("limit"); text != "" {
		if limit, err = strconv.ParseInt(text, 10, 64); err != nil {
			return nil, err
		}
	}
	err = b.reading(func(h *handle) error {
		c, err := b.caller(h, r, organization)
		if err != nil {
			return err
		}
		if !c.admin {
			return errors.New("forbidden")
		}
		var list []invitation
		err = h.each(pendingInvitations, func(row []driver.Value) {
			list = append(list, readInvitation(row))
		}, organization, int64(1<<63-1), nil, limit+1)
		if err != nil {
			return err
		}
		if to, err = b.invitations(h, begin(to), organization, list[:min(int64(len(list)), limit)]); err == nil {
			to = end(to, c)
		}
		return err
	})
	return to, err
}

func begin(to []byte) []byte { return append(to, `{"status":200,"message":"","data":`...) }

func end(to []byte, c caller) []byte {
	to = strconv.AppendInt(append(to, `,"session":{"id":"`...), c.session, 10)
	to = instant(append(to, `","created_at":`...), c.sessionFrom)
	to = instant(append(to, `,"updated_at":`...), c.sessionTo)
	return append(to, `},"errors":null}`...)
}

// invitation is what a view shows of the row.
type invitation struct {
	id, organization, role, inviter, generation int64
	expires, created, updated                   int64
	email                                       string
}

func readInvitation(row []driver.Value) invitation {
	return invitation{
		id: row[0].(int64), organization: row[2].(int64), email: row[3].(string), role: row[5].(int64), inviter: row[8].(int64),
		generation: row[10].(int64), expires: row[12].(int64), created: row[13].(int64), updated: row[14].(int64),
	}
}

// invitations appends a list, after three queries for what its items share.
func (b *bare) invitations(h *handle, to []byte, organization int64, list []invitation) ([]byte, error) {
	var people, roles []int64
	for _, inv := range list {
		people, roles = add(people, inv.inviter), add(roles, inv.role)
	}
	held := map[int64][]int64{}
	memberships := map[int64]int64{}
	err := h.each(invitersOf, func(row []driver.Value) {
		user, role := row[0].(int64), row[2].(int64)
		memberships[user] = row[1].(int64)
		held[user] = append(held[user], role)
		roles = add(roles, role)
	}, organization, numbers(people))
	if err != nil {
		return nil, err
	}
	roleTexts := map[int64][]byte{}
	if err := h.each(rolesByID, func(row []driver.Value) { roleTexts[row[0].(int64)] = role(row) }, numbers(roles)); err != nil {
		return nil, err
	}
	inviters := map[int64][2][]byte{}
	err = h.each(usersByID, func(row []driver.Value) {
		user := row[0].(int64)
		list := []byte{'['}
		for i, one := range held[user] {
			if i > 0 {
				list = append(list, ',')
			}
			list = append(list, roleTexts[one]...)
		}
		list = append(list, ']')
		inviters[user] = [2][]byte{inviter(row, memberships[user], list), list}
	}, numbers(people))
	to = append(to, '[')
	for i, inv := range list {
		if i > 0 {
			to = append(to, ',')
		}
		to = h.invitation(to, inv, roleTexts[inv.role], inviters[inv.inviter])
	}
	return append(to, ']'), err
}

func (h *handle) invitation(to []byte, inv invitation, role []byte, inviter [2][]byte) []byte {
	to = strconv.AppendInt(append(to, `{"id":"`...), inv.id, 10)
	to = strconv.AppendInt(append(to, `","organization_id":"`...), inv.organization, 10)
	to = text(append(to, `","email":`...), inv.email)
	to = h.token(append(to, `,"token":"`...), inv.id, inv.generation)
	to = instant(append(to, `","status":"pending","expires_at":`...), inv.expires)
	to = instant(append(to, `,"created_at":`...), inv.created)
	to = instant(append(to, `,"updated_at":`...), inv.updated)
	to = append(append(to, `,"initial_organization_role":`...), role...)
	to = append(append(to, `,"initial_workspace_role":null,"workspace":null,"inviter":`...), inviter[0]...)
	to = append(append(to, `,"inviter_roles":`...), inviter[1]...)
	return append(to, `,"expired":false,"needs_approval":false}`...)
}

func role(row []driver.Value) []byte {
	to := strconv.AppendInt([]byte(`{"id":"`), row[0].(int64), 10)
	to = text(append(to, `","organization_id":"0","name":`...), row[3].(string))
	to = permissions(append(to, `,"permissions":`...), row[5].(string))
	to = instant(append(to, `,"is_system_role":true,"created_at":`...), row[6].(int64))
	to = instant(append(to, `,"updated_at":`...), row[7].(int64))
	return append(to, `,"is_deployment_level":true}`...)
}

func inviter(row []driver.Value, membership int64, roles []byte) []byte {
	to := strconv.AppendInt([]byte(`{"id":"`), row[0].(int64), 10)
	to = text(append(to, `","first_name":`...), row[2].(string))
	to = text(append(to, `,"last_name":`...), row[3].(string))
	to = text(append(to, `,"email":`...), row[19].(string))
	to = strconv.AppendInt(append(to, `,"membership_id":"`...), membership, 10)
	to = append(public(append(to, `","user":{`...), row), `},"roles":`...)
	return append(append(to, roles...), '}')
}

// public are the members of a person as others see them, without braces.
func public(to []byte, row []driver.Value) []byte {
	to = strconv.AppendInt(append(to, `"id":"`...), row[0].(int64), 10)
	to = text(append(to, `","first_name":`...), row[2].(string))
	to = text(append(to, `,"last_name":`...), row[3].(string))
	to = text(append(to, `,"username":`...), row[4].(string))
	to = text(append(to, `,"email":`...), row[19].(string))
	to = text(append(to, `,"availability":`...), row[7].(string))
	to = append(to, `,"has_profile_picture":false,"profile_picture_url":"","primary_email_address":`...)
	to = address(to, row[11].(int64), row[19:24])
	return append(to, `,"primary_phone_number":null`...)
}

// address appends a verified primary address; row has its text, the time of
// its verification, strategy, and the times of its making and change.
func address(to []byte, id int64, row []driver.Value) []byte {
	to = strconv.AppendInt(append(to, `{"id":"`...), id, 10)
	to = text(append(to, `","email":`...), row[0].(string))
	to = instant(append(to, `,"is_primary":true,"primary":true,"verified":true,"verified_at":`...), row[1].(int64))
	to = text(append(to, `,"verification_strategy":`...), strings.TrimPrefix(row[2].(string), "email_"))
	to = instant(append(to, `,"created_at":`...), row[3].(int64))
	to = instant(append(to, `,"updated_at":`...), row[4].(int64))
	return append(to, '}')
}

func text(to []byte, s string) []byte {
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == '"' || r == '\\' || r > '~' }) {
		quoted, _ := json.Marshal(s)
		return append(to, quoted...)
	}
	return append(append(append(to, '"'), s...), '"')
}

func instant(to []byte, at int64) []byte {
	return append(time.UnixMilli(at).UTC().AppendFormat(append(to, '"'), time.RFC3339Nano), '"')
}

func permissions(to []byte, list string) []byte {
	to = append(to, '[')
	for i, p := range strings.Fields(list) {
		if i > 0 {
			to = append(to, ',')
		}
		to = text(to, p)
	}
	return append(to, ']')
}

func add(list []int64, n int64) []int64 {
	for _, have := range list {
		if have == n {
			return list
		}
	}
	return append(list, n)
}

// numbers is a list as the queries take it.
func numbers(list []int64) string {
	to := []byte{'['}
	for i, n := range list {
		if i > 0 {
			to = append(to, ',')
		}
		to = strconv.AppendInt(to, n, 10)
	}
	return string(append(to, ']'))
}
