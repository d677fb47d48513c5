package organization

import (
	"testing"
)

// A person who has deleted their account cannot become a member any more, not
// even by an acceptance that was under way.
func TestNobodyJoinsAfterTheirEnd(t *testing.T) {
	eachHall(t, func(t *testing.T, h *hall) {
		ana, ben := h.person("Ana"), h.person("Ben")
		acme := h.organization(ana, "Acme").Organization.ID
		h.exec(`UPDATE users SET ended_at = 1 WHERE id = $1`, ben.User)
		if _, err := h.tryJoin(ben, acme, 0); err == nil {
			t.Error("a person who is gone has joined")
		}
		if n := h.count(`SELECT member_count FROM organizations WHERE id = $1`, acme); n != 1 {
			t.Errorf("%d seats are taken", n)
		}
	})
}
