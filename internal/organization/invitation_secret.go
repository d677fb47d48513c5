package organization

import (
	"crypto/hmac"
	"crypto/sha256"
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
	key := s.listed
	if p.ByMail {
		key = s.mailed
	}
	return p.print(key.Signer())
}

// print is the secret text, signed with the key of its kind.
func (p sending) print(key secret.Signer) string {
	var raw [messageSize + sha256.Size]byte
	message := p.bytes()
	signed := key.Append(append(raw[:0], message[:]...), message[:])[:messageSize+macSize]
	prefix := listedPrefix
	if p.ByMail {
		prefix = mailedPrefix
	}
	text := make([]byte, 0, len(listedPrefix)+base64.RawURLEncoding.EncodedLen(len(signed)))
	return string(base64.RawURLEncoding.AppendEncode(append(text, prefix...), signed))
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
func (inv *Invitation) listedToken(listed secret.Signer) string {
	if inv.Status != pending {
		return ""
	}
	return sending{Invitation: inv.ID, Generation: inv.Generation}.print(listed)
}

// mailedToken is the secret for the invitation's mail.
func (s invitationSecrets) mailedToken(inv *Invitation) string {
	return s.print(sending{Invitation: inv.ID, Generation: inv.Generation, ByMail: true})
}
