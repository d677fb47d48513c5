package place_test

import (
	"bytes"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/guildhall-id/guildhall/internal/platform/place"
	"github.com/guildhall-id/guildhall/internal/platform/place/placetest"
)

var (
	zurich = place.Place{City: "Zürich", Region: "Zurich", RegionCode: "ZH", Country: "Switzerland", CountryCode: "CH"}
	japan  = place.Place{Country: "Japan", CountryCode: "JP"}
	long   = place.Place{City: strings.Repeat("Llanfair", 20), Country: "United Kingdom", CountryCode: "GB"}
)

// world has a clock to move.
type world struct {
	*place.File
	at   time.Time
	log  bytes.Buffer
	path string
}

func open(t *testing.T, entries map[string]place.Place) *world {
	t.Helper()
	w := &world{at: time.Unix(1e9, 0), path: placetest.Write(t, entries)}
	var err error
	w.File, err = place.Open(w.path, func() time.Time { return w.at }, slog.New(slog.NewTextHandler(&w.log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) is(t *testing.T, ip string, want place.Place) {
	t.Helper()
	if got := w.Find(netip.MustParseAddr(ip)); got != want {
		t.Errorf("%s is in %+v, want %+v", ip, got, want)
	}
}

func TestFind(t *testing.T) {
	w := open(t, map[string]place.Place{"192.0.2.0/25": zurich, "192.0.2.128/25": japan, "2001:db8::/32": long, "198.51.100.7/32": {}})
	for ip, want := range map[string]place.Place{
		"192.0.2.1": zurich, "192.0.2.127": zurich, "192.0.2.128": japan, "::ffff:192.0.2.200": japan,
		"2001:db8:1::1": long, "2001:db9::1": {}, "203.0.113.1": {}, "127.0.0.1": {}, "::1": {}, "198.51.100.7": {},
	} {
		w.is(t, ip, want)
	}
	if got := w.Find(netip.Addr{}); got != (place.Place{}) {
		t.Errorf("no address is in %+v", got)
	}
	var none *place.File
	if got := none.Find(netip.MustParseAddr("192.0.2.1")); got != (place.Place{}) {
		t.Errorf("without a file: %+v", got)
	}
	if w.log.Len() > 0 {
		t.Error(w.log.String())
	}
}

// What has no places is refused, with a reason.
func TestWrongFiles(t *testing.T) {
	good := placetest.File("GeoLite2-City", map[string]place.Place{"192.0.2.0/24": zurich})
	for name, test := range map[string]struct {
		content []byte
		want    string
	}{
		"another kind":     {placetest.File("GeoLite2-ASN", nil), `has neither cities nor countries: it is of the type "GeoLite2-ASN"`},
		"something else":   {[]byte("<html>Too many downloads</html>"), "invalid MaxMind DB file"},
		"half of the file": {good[:len(good)/2], "invalid MaxMind DB file"},
		"nothing":          {nil, ""},
		"no file":          {nil, "no such file"},
	} {
		path := filepath.Join(t.TempDir(), "places.mmdb")
		if name != "no file" {
			if err := os.WriteFile(path, test.content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_, err := place.Open(path, time.Now, slog.Default())
		check := place.Check(path)
		if err == nil || check == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(check.Error(), test.want) {
			t.Errorf("%s: %v, %v; want %s", name, err, check, test.want)
		}
	}
	if err := place.Check(placetest.Write(t, nil)); err != nil {
		t.Errorf("a good file: %v", err)
	}
}

// A file that is replaced is used within a minute; a bad one never.
func TestReplacedFiles(t *testing.T) {
	w := open(t, map[string]place.Place{"192.0.2.0/24": zurich})
	replace := func(content []byte) {
		t.Helper()
		next := w.path + ".next"
		if err := os.WriteFile(next, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(next, w.path); err != nil {
			t.Fatal(err)
		}
	}
	replace(placetest.File("DBIP-City-Lite", map[string]place.Place{"192.0.2.0/24": japan}))
	w.is(t, "192.0.2.1", zurich) // not looked at yet
	w.at = w.at.Add(time.Minute)
	w.is(t, "192.0.2.1", japan)

	replace([]byte("not a file of places"))
	w.at = w.at.Add(time.Minute)
	w.is(t, "192.0.2.1", japan)
	if !strings.Contains(w.log.String(), "the last one stays in use") {
		t.Errorf("the log has %q", w.log.String())
	}
	if err := os.Remove(w.path); err != nil {
		t.Fatal(err)
	}
	w.at = w.at.Add(time.Minute)
	w.is(t, "192.0.2.1", japan)

	replace(placetest.File("GeoLite2-Country", map[string]place.Place{"192.0.2.0/24": zurich}))
	w.at = w.at.Add(time.Minute)
	w.is(t, "192.0.2.1", zurich)
}

// Whoever overwrites the file in place does not end the program.
func TestOverwrittenFiles(t *testing.T) {
	w := open(t, map[string]place.Place{"192.0.2.0/24": zurich})
	if err := os.Truncate(w.path, 0); err != nil {
		t.Fatal(err)
	}
	w.is(t, "192.0.2.1", place.Place{})
	if !strings.Contains(w.log.String(), "overwritten while in use") {
		t.Errorf("the log has %q", w.log.String())
	}
}
