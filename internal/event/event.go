// Package event records who did what. An event is a row written in the
// transaction of the change it tells of: it is there if and only if the change
// is, and nobody edits it afterwards.
package event

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
)

// Event is something that happened, in the past tense.
type Event struct {
	Name         string        // "organization.invitation.created"
	Deployment   id.Deployment // zero: the caller's; background work has to say it
	Organization id.Organization
	Workspace    id.Workspace
	Subject      int64 // the id of what it happened to
	Data         any   // what else to know, such as before and after; never a secret
}

// maxUserAgent bounds the one text of an event that its sender chooses.
const maxUserAgent = 512

// Emit writes e into tx, with the time of the transaction. Actor, session,
// address and device are those of the caller of ctx, and nobody's outside a
// request.
func Emit(ctx context.Context, tx *database.Tx, e Event) error {
	data := []byte("{}")
	if e.Data != nil {
		var err error
		if data, err = json.Marshal(e.Data); err != nil {
			return fmt.Errorf("event %s: %w", e.Name, err)
		}
	}
	caller := access.CallerOf(ctx)
	if e.Deployment == 0 {
		e.Deployment = caller.Deployment
	}
	return New(tx).InsertEvent(ctx, InsertEventParams{
		ID:             database.NewID[id.Event](tx),
		DeploymentID:   e.Deployment,
		OrganizationID: e.Organization,
		WorkspaceID:    e.Workspace,
		ActorID:        caller.User,
		SessionID:      caller.Session.ID,
		Name:           e.Name,
		SubjectID:      id.Subject(e.Subject),
		Data:           string(data),
		IPAddress:      caller.Client.Address(),
		UserAgent:      device(caller.Client.UserAgent),
		CreatedAt:      tx.Now,
	})
}

// device is a User-Agent as the database takes it: text, not any bytes.
func device(userAgent string) string {
	if len(userAgent) > maxUserAgent {
		userAgent = userAgent[:maxUserAgent]
	}
	return strings.ToValidUTF8(strings.ReplaceAll(userAgent, "\x00", ""), "")
}
