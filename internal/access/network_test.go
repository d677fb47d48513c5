package access

import (
	"net/netip"
	"testing"
)

// S16: one subscriber is one client, in whatever spelling.
func TestNetwork(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64",
	} {
		if got := (Client{IP: netip.MustParseAddr(address)}).Network(); got != want {
			t.Errorf("%s is counted as %s, not %s", address, got, want)
		}
	}
	if got := (Client{}).Network(); got != "unknown" {
		t.Errorf("no address is counted as %s", got)
	}
}
