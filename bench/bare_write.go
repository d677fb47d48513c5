package main

import (
	"database/sql/driver"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/guildhall-id/guildhall/internal/id"
)

// writer is the one connection that writes.
type writer struct {
	handle *handle
	queue  chan *writing
	group  bool
}

// writing is what a request has to write, and how it learns that it is durable.
type writing struct {
	statements func(h *handle) error
	done       chan error
}

func newWriter(h *handle, group bool) *writer {
	w := &writer{handle: h, queue: make(chan *writing, 128), group: group}
	go func() {
		for one := range w.queue {
			w.commit(one)
		}
	}()
	return w
}

// commit writes for one request and, with group commit, for all that wait.
func (w *writer) commit(one *writing) {
	all := []*writing{one}
	err := errors.Join(control(w.handle, "BEGIN IMMEDIATE"), one.statements(w.handle))
	for w.group && len(all) < cap(w.queue) {
		select {
		case next := <-w.queue:
			all = append(all, next)
			err = errors.Join(err, next.statements(w.handle))
			continue
		default:
		}
		break
	}
	err = errors.Join(err, control(w.handle, "COMMIT"))
	for _, one := range all {
		one.done <- err
	}
}

// control is for statements that change no row.
func control(h *handle, text string) error {
	return h.each(text, func([]driver.Value) {})
}

func (w *writer) write(statements func(*handle) error) error {
	one := &writing{statements, make(chan error, 1)}
	w.queue <- one
	return <-one.done
}

// event writes down who did what.
func (b *bare) event(h *handle, c caller, organization int64, name string, subject int64, data string, now int64) error {
	return h.exec(insertEvent, b.id(), b.deployment, organization, c.user, c.session, name, subject, data, userAgent, now)
}

func (b *bare) id() int64 { return id.Next[int64](b.ids) }

// create is POST /organizations/{id}/invitations with an address.
func (b *bare) create(r *http.Request, to []byte) ([]byte, error) {
	organization, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return nil, err
	}
	var c caller
	if err := b.reading(func(h *handle) (err error) { c, err = b.caller(h, r, organization); return err }); err != nil {
		return nil, err
	}
	email := strings.ToLower(strings.TrimSpace(r.FormValue("email")))
	if !c.admin || !strings.Contains(email, "@") {
		return nil, errors.New("forbidden or invalid")
	}
	invited, now := b.id(), time.Now().UnixMilli()
	err = b.writer.write(func(h *handle) error {
		content := make([]byte, 600) // as long as what the server seals
		return errors.Join(
			h.exec(insertInvitation, invited, b.deployment, organization, email, c.user, now+10*24*3600*1000, now),
			h.exec(insertMail, b.id(), b.deployment, email, invited, content, now),
			b.event(h, c, organization, "organization.invitation.created", invited, `{"email":"`+email+`"}`, now),
		)
	})
	if err != nil {
		return nil, err
	}
	err = b.reading(func(h *handle) error {
		var list []invitation
		err := h.each(pendingInvitations, func(row []driver.Value) { list = append(list, readInvitation(row)) }, organization, invited+1, nil, int64(1))
		if err != nil || len(list) == 0 {
			return errors.Join(err, errors.New("the invitation is not there"))
		}
		to, err = b.invitations(h, begin(to), organization, list)
		return err
	})
	return end(to, c), err
}

// accept is POST /organizations/invitations/accept with a token.
func (b *bare) accept(r *http.Request, to []byte) ([]byte, error) {
	var c caller
	var organization, generation, role int64
	var name string
	now := time.Now().UnixMilli()
	token := r.FormValue("token")
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(token, "inv_"))
	if err != nil || len(raw) != 28 {
		return nil, errors.New("not a token")
	}
	invited := int64(binary.BigEndian.Uint64(raw))
	err = b.reading(func(h *handle) (err error) {
		if string(h.token(nil, invited, int64(binary.BigEndian.Uint32(raw[8:])))) != token {
			return errors.New("not a genuine token")
		}
		if c, err = b.caller(h, r, 0); err != nil {
			return err
		}
		return h.each(invitationTo, func(row []driver.Value) {
			organization, generation, role, name = row[0].(int64), row[1].(int64), row[2].(int64), row[3].(string)
		}, invited, b.deployment, c.user, now)
	})
	if err != nil || organization == 0 {
		return nil, errors.Join(err, errors.New("no such invitation"))
	}
	err = b.writer.write(func(h *handle) error {
		membership := b.id()
		return errors.Join(
			h.exec(acceptInvitation, now, c.user, invited, generation),
			h.exec(insertMembership, membership, b.deployment, organization, c.user, invited, now),
			h.exec(insertMembershipRole, membership, role, organization, now),
			h.exec(takeSeat, organization),
			b.event(h, c, organization, "organization.invitation.accepted", invited, "{}", now),
			b.event(h, c, organization, "organization.member.added", membership, "{}", now),
			h.exec(activate, membership, now, c.signIn),
		)
	})
	to = strconv.AppendInt(append(begin(to), `{"organization":{"id":"`...), organization, 10)
	to = text(append(to, `","name":`...), name)
	to = strconv.AppendInt(append(to, `},"signin_id":"`...), c.signIn, 10)
	return end(append(to, `"}`...), c), err
}
