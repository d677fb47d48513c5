package organization

import (
	"crypto/hmac"
	"encoding/base64"
	"encoding/binary"
	"strings"

	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/secret"
)

// invitationSecrets derives the two secrets of an invitation, so that neither
// is stored: the listed one, which managers see and may pass on, and the mailed
// one, which leaves the server in the invitation's mail only and therefore
// proves the mailbox.
type invitationSecrets struct{ listed, mailed secret.Key }

func newInvitationSecrets(server secret.Key) invitationSecrets {
	return invitationSecrets{listed: server.For("invitation token"), mailed: server.For("invitation mail")}
}

// The forms of a secret: a prefix, then base64url of the invitation's id, its
// generation and the first 128 bits of an HMAC-SHA-256 over the two.
const (
	listedPrefix = "inv_"
	mailedPrefix = "inm_"

	messageSize = 8 + 4
	macSize     = 16
)

// sending is what a genuine secret says: which sending of which invitation,
// and whether it came by mail.
type sending struct {
	Invitation id.Invitation
	Generation int64
	ByMail     bool
}

func (p sending) bytes() (b [messageSize]byte) {
	binary.BigEndian.PutUint64(b[:], uint64(p.Invitation))
	binary.BigEndian.PutUint32(b[8:], uint32(p.Generation))
	return b
}

// print is the secret text of a sending.
func (s invitationSecrets) print(p sending) string {
	prefix, key := listedPrefix, s.listed
	if p.ByMail {
		prefix, key = mailedPrefix, s.mailed
	}
	message := p.bytes()
	var raw [messageSize + macSize]byte
	copy(raw[:], message[:])
	copy(raw[messageSize:], key.Sign(message[:]))
	text := make([]byte, 0, len(listedPrefix)+base64.RawURLEncoding.EncodedLen(len(raw)))
	return string(base64.RawURLEncoding.AppendEncode(append(text, prefix...), raw[:]))
}

// parse accepts what print made with the same keys, and nothing else. The
// comparison takes the same time however much of a forgery is right.
func (s invitationSecrets) parse(text string) (sending, bool) {
	key := s.listed
	encoded, byMail := strings.CutPrefix(text, mailedPrefix)
	if byMail {
		key = s.mailed
	} else {
		var ok bool
		if encoded, ok = strings.CutPrefix(text, listedPrefix); !ok {
			return sending{}, false
		}
	}
	if len(encoded) != base64.RawURLEncoding.EncodedLen(messageSize+macSize) {
		return sending{}, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil || !hmac.Equal(key.Sign(raw[:messageSize])[:macSize], raw[messageSize:]) {
		return sending{}, false
	}
	return sending{
		Invitation: id.Invitation(binary.BigEndian.Uint64(raw)),
		Generation: int64(binary.BigEndian.Uint32(raw[8:])),
		ByMail:     byMail,
	}, true
}

// listedToken is the secret that managers see, empty once the invitation is no
// longer pending.
func (s invitationSecrets) listedToken(inv *Invitation) string {
	if inv.Status != pending {
		return ""
	}
	return s.print(sending{Invitation: inv.ID, Generation: inv.Generation})
}

// mailedToken is the secret for the invitation's mail.
func (s invitationSecrets) mailedToken(inv *Invitation) string {
	return s.print(sending{Invitation: inv.ID, Generation: inv.Generation, ByMail: true})
}
