package main

import (
	"database/sql/driver"
	"net/http"
	"strconv"
	"time"
)

// session is GET /session of a browser with one sign-in.
func (b *bare) session(r *http.Request, to []byte) ([]byte, error) {
	err := b.reading(func(h *handle) error {
		c, err := b.caller(h, r, 0)
		if err != nil {
			return err
		}
		to = strconv.AppendInt(append(begin(to), `{"id":"`...), c.session, 10)
		to = instant(append(to, `","created_at":`...), c.sessionFrom)
		to = instant(append(to, `,"updated_at":`...), c.sessionTo)
		to = strconv.AppendInt(append(to, `,"active_signin_id":"`...), c.signIn, 10)
		signIn, err := b.signIn(h, c)
		to = append(append(to, `","active_signin":`...), signIn...)
		to = append(append(to, `,"signins":[`...), signIn...)
		to = append(to, `],"signin_attempts":[],"signup_attempts":[]}`...)
		to = end(to, c)
		return err
	})
	return to, err
}

// checkPassword is what nobody who signs people in by passwords can leave out.
func (b *bare) checkPassword(r *http.Request, to []byte) ([]byte, error) {
	ok, err := b.passwords.Matches(r.Context(), b.password, r.PostFormValue("password"))
	if err == nil && !ok {
		err = errNobody
	}
	return append(to, `{"status":200}`...), err
}

// signIn is the one sign-in of a session.
func (b *bare) signIn(h *handle, c caller) ([]byte, error) {
	var (
		to, person, addresses, roles []byte
		membership, organization     int64
		row                          []driver.Value
		now                          = time.Now().UnixMilli()
	)
	err := h.each(liveSignIns, func(r []driver.Value) { row = append(row, r...) }, c.session, now, now-idleLife)
	if err != nil || len(row) == 0 {
		return nil, err
	}
	membership, organization = row[6].(int64), row[22].(int64)
	people := numbers([]int64{c.user})
	var primary int64
	err = h.each(usersByID, func(row []driver.Value) {
		primary = row[11].(int64)
		person = currentBegin(row)
	}, people)
	if err != nil {
		return nil, err
	}
	err = h.each(addressesOf, func(row []driver.Value) {
		addresses = address(addresses, row[0].(int64), []driver.Value{row[3], row[5], row[6], row[7], row[8]})
	}, people)
	if err != nil || primary == 0 {
		return nil, err
	}
	err = h.each(rolesOfMemberships, func(row []driver.Value) {
		roles = strconv.AppendInt(append(roles, `{"id":"`...), row[1].(int64), 10)
		roles = text(append(roles, `","name":`...), row[2].(string))
		roles = append(permissions(append(roles, `,"permissions":`...), row[3].(string)), '}')
	}, numbers([]int64{membership}))
	if err != nil {
		return nil, err
	}
	to = strconv.AppendInt(append(to, `{"id":"`...), c.signIn, 10)
	to = instant(append(to, `","created_at":`...), row[19].(int64))
	to = instant(append(to, `,"updated_at":`...), row[20].(int64))
	to = strconv.AppendInt(append(to, `,"session_id":"`...), c.session, 10)
	to = strconv.AppendInt(append(to, `","user_id":"`...), c.user, 10)
	to = strconv.AppendInt(append(to, `","active_organization_membership_id":"`...), membership, 10)
	to = strconv.AppendInt(append(to, `","active_workspace_membership_id":null,"active_organization_membership":{"id":"`...), membership, 10)
	to = strconv.AppendInt(append(to, `","organization_id":"`...), organization, 10)
	to = append(append(to, `","roles":[`...), roles...)
	to = append(append(to, `]},"active_workspace_membership":null,"user":`...), person...)
	to = append(append(to, addresses...), `],"user_phone_numbers":[],"social_connections":[],"user_authenticator":null,"backup_codes_generated":false,"has_password":true,"has_passkeys":false,"disabled":false,"active_organization_membership_id":"`...)
	to = strconv.AppendInt(to, membership, 10)
	to = append(to, `","active_workspace_membership_id":null,"public_metadata":{},"segments":[]}`...)
	to = instant(append(to, `,"expires_at":`...), row[17].(int64))
	to = instant(append(to, `,"last_active_at":`...), row[18].(int64))
	for i, name := range [...]string{"ip_address", "user_agent", "browser", "device", "city", "region", "region_code", "country", "country_code"} {
		to = append(append(append(to, `,"`...), name...), `":`...)
		to = text(to, row[8+i].(string))
	}
	return append(to, '}'), nil
}

// currentBegin is a person as they see themselves, up to their addresses.
func currentBegin(row []driver.Value) []byte {
	to := instant(append(public([]byte{'{'}, row), `,"created_at":`...), row[15].(int64))
	to = instant(append(to, `,"updated_at":`...), row[16].(int64))
	to = strconv.AppendInt(append(to, `,"primary_email_address_id":"`...), row[11].(int64), 10)
	to = text(append(to, `","primary_phone_number_id":null,"second_factor_policy":`...), row[9].(string))
	return append(to, `,"user_email_addresses":[`...)
}
