package session_test

import (
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/platform/place"
	"github.com/guildhall-id/guildhall/internal/platform/place/placetest"
)

// A sign-in shows the place it was made from; without a file, none.
func TestPlaces(t *testing.T) {
	zurich := place.Place{City: "Zürich", Region: "Zurich", RegionCode: "ZH", Country: "Switzerland", CountryCode: "CH"}
	file, err := place.Open(placetest.Write(t, map[string]place.Place{"192.0.2.0/24": zurich}), time.Now, slog.Default())
	must(t, err)
	for _, places := range []*place.File{file, nil} {
		each(t, deployment.Production, func(b *bench) {
			n := b.node()
			n.sessions.Locate(places)
			for ip, want := range map[string]place.Place{"192.0.2.7": zurich, "203.0.113.7": {}} {
				if places == nil {
					want = place.Place{}
				}
				c := b.call()
				c.Client.IP = netip.MustParseAddr(ip)
				_, err := n.tryEnter(c, b.person)
				must(b.t, err)
				i := n.view(c.Session.Renewed.Reveal()).ActiveSignIn
				if got := (place.Place{City: i.City, Region: i.Region, RegionCode: i.RegionCode, Country: i.Country, CountryCode: i.CountryCode}); got != want || i.IPAddress != ip {
					b.t.Errorf("%s: from %s in %+v, want %+v", ip, i.IPAddress, got, want)
				}
			}
		})
	}
}
