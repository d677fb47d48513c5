package waitlist

import (
	"context"
	"crypto/hmac"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/organization"
	"github.com/guildhall-id/guildhall/internal/platform/clock"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
	"github.com/guildhall-id/guildhall/internal/platform/secret"
	"github.com/guildhall-id/guildhall/internal/user"
)

// Invitations knows the tokens of approvals. They are derived, not stored, and
// leave the server in the mail to the approved address only, so that whoever
// holds one has proven the mailbox.
type Invitations struct{ key secret.Key }

// NewInvitations derives the tokens from the server's key.
func NewInvitations(server secret.Key) Invitations {
	return Invitations{server.For("deployment invitation")}
}

// A token is a prefix, then base64url of the entry's id, its generation and
// the first 128 bits of an HMAC-SHA-256 over the two.
const (
	prefix      = "ind_"
	messageSize = 8 + 4
	macSize     = 16
)

func (i Invitations) print(entry id.WaitlistEntry, generation int64) string {
	message := binary.BigEndian.AppendUint64(nil, uint64(entry))
	message = binary.BigEndian.AppendUint32(message, uint32(generation))
	return prefix + base64.RawURLEncoding.EncodeToString(append(message, i.key.Sign(message)[:macSize]...))
}

// parse accepts what print made with the same key, and nothing else.
func (i Invitations) parse(token string) (entry id.WaitlistEntry, generation int64, ok bool) {
	encoded, ok := strings.CutPrefix(token, prefix)
	if !ok || len(encoded) != base64.RawURLEncoding.EncodedLen(messageSize+macSize) {
		return 0, 0, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil || !hmac.Equal(i.key.Sign(raw[:messageSize])[:macSize], raw[messageSize:]) {
		return 0, 0, false
	}
	return id.WaitlistEntry(binary.BigEndian.Uint64(raw)), int64(binary.BigEndian.Uint32(raw[8:])), true
}

// Invited is who a token lets sign up.
type Invited struct {
	Email               user.Email
	FirstName, LastName string
}

// Lookup is who a token lets sign up at now, else
// organization.ErrInvitationNotFound, ErrInvitationReplaced, ErrInvitationUsed
// or ErrInvitationExpired.
func (i Invitations) Lookup(ctx context.Context, db database.DBTX, d id.Deployment, token string, now clock.Time) (Invited, error) {
	entry, generation, ok := i.parse(token)
	if !ok {
		return Invited{}, organization.ErrInvitationNotFound
	}
	row, err := New(db).ApprovedEntry(ctx, ApprovedEntryParams{ID: entry, DeploymentID: d})
	row, err = database.OrNotFound(row, err, organization.ErrInvitationNotFound)
	switch {
	case err != nil:
		return Invited{}, err
	case row.Used:
		return Invited{}, organization.ErrInvitationUsed.With("You have signed up with this link already. Sign in instead.")
	case row.Entry.Generation != generation:
		return Invited{}, organization.ErrInvitationReplaced
	case row.Entry.ExpiresAt <= now:
		return Invited{}, organization.ErrInvitationExpired.With("This link has expired. Ask for a new one.")
	}
	return Invited{user.Email(row.Entry.Email), row.Entry.FirstName, row.Entry.LastName}, nil
}

type validateInput struct {
	Token string `query:"token"`
}

// InvitationCheck tells a sign-up form what to fill in.
type InvitationCheck struct {
	Valid     bool   `json:"valid"`
	FirstName string `json:"first_name"`
	LastName  string `json:"last_name"`
	Email     string `json:"email"`
	Message   string `json:"message"`
	ErrorCode string `json:"error_code"`
}

// validateInvitation answers for the tokens of organizations too: a sign-up
// page cannot tell them apart (contract section 8).
func (s *Service) validateInvitation(ctx context.Context, in validateInput) (InvitationCheck, error) {
	d := access.CallerOf(ctx).Deployment
	who, err := s.invitations.Lookup(ctx, s.db, d, in.Token, s.db.Now())
	if !strings.HasPrefix(in.Token, prefix) {
		var invited organization.Invited
		invited, err = s.organizations.Lookup(ctx, s.db, d, in.Token, s.db.Now())
		who.Email = invited.Email
	}
	var refusal *fault.Error
	if errors.As(err, &refusal) {
		return InvitationCheck{Message: refusal.Message, ErrorCode: refusal.Code}, nil
	}
	return InvitationCheck{Valid: err == nil, Email: string(who.Email), FirstName: who.FirstName, LastName: who.LastName}, err
}
