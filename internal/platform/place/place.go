// Package place says where an internet address is, from a file in the MaxMind
// DB format that the operator supplies. Without a file, or for an address that
// is not in it, a place is empty. Nobody is asked over the network.
package place

import (
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oschwald/maxminddb-golang/v2"
)

// Place is a town or country, named in English, as far as it is known.
type Place struct {
	City        string
	Region      string
	RegionCode  string // the second part of ISO 3166-2, as ZH
	Country     string
	CountryCode string // ISO 3166-1 alpha-2, as CH
}

// File is a file of places. It may be replaced on disk while it is in use:
// within a minute the new one is used. One that cannot be read is reported, and
// the last good one stays. A nil File knows no places.
type File struct {
	path string
	now  func() time.Time
	log  *slog.Logger

	reader atomic.Pointer[maxminddb.Reader]

	mu     sync.Mutex
	looked time.Time   // when the file on disk was last looked at
	stamp  os.FileInfo // the file on disk that reader has open
}

// lookEvery bounds how often the file on disk is looked at.
const lookEvery = time.Minute

// Open opens a file that has cities or countries (GeoLite2, GeoIP2, DB-IP and
// others of that form).
func Open(path string, now func() time.Time, log *slog.Logger) (*File, error) {
	f := &File{path: path, now: now, log: log, looked: now()}
	if err := f.load(); err != nil {
		return nil, err
	}
	return f, nil
}

// Check reports why Open would fail.
func Check(path string) error {
	reader, err := open(path)
	if err != nil {
		return err
	}
	return reader.Close()
}

func open(path string) (*maxminddb.Reader, error) {
	reader, err := maxminddb.Open(path)
	if err != nil {
		return nil, err
	}
	if kind := reader.Metadata.DatabaseType; !hasPlaces(kind) {
		return nil, fmt.Errorf("%s has neither cities nor countries: it is of the type %q", path, kind)
	}
	return reader, nil
}

func hasPlaces(kind string) bool {
	for _, name := range []string{"City", "Country", "Enterprise", "Insights"} {
		if strings.Contains(kind, name) {
			return true
		}
	}
	return false
}

func (f *File) load() error {
	info, err := os.Stat(f.path)
	if err != nil {
		return err
	}
	reader, err := open(f.path)
	if err != nil {
		return err
	}
	// The one before is unmapped once nobody uses it.
	f.reader.Store(reader)
	f.stamp = info
	return nil
}

// refresh opens the file again if another one is in its place.
func (f *File) refresh() {
	if !f.mu.TryLock() {
		return
	}
	defer f.mu.Unlock()
	now := f.now()
	if now.Sub(f.looked) < lookEvery {
		return
	}
	f.looked = now
	info, err := os.Stat(f.path)
	if err == nil {
		if os.SameFile(info, f.stamp) && info.ModTime().Equal(f.stamp.ModTime()) && info.Size() == f.stamp.Size() {
			return
		}
		err = f.load()
	}
	if err != nil {
		f.log.Warn("the file of places cannot be read; the last one stays in use", "path", f.path, "error", err)
	}
}

// record is what is read of an entry.
type record struct {
	City struct {
		Names names `maxminddb:"names"`
	} `maxminddb:"city"`
	Country country `maxminddb:"country"`
	Regions []struct {
		Names names  `maxminddb:"names"`
		Code  string `maxminddb:"iso_code"`
	} `maxminddb:"subdivisions"`
	Registered country `maxminddb:"registered_country"`
}

type country struct {
	Names names  `maxminddb:"names"`
	Code  string `maxminddb:"iso_code"`
}

type names struct {
	English string `maxminddb:"en"`
}

// Find is where an address is: empty when that is not known.
func (f *File) Find(ip netip.Addr) (p Place) {
	if f == nil || !ip.IsValid() {
		return Place{}
	}
	f.refresh()
	// The file is mapped into memory. Whoever overwrites it in place, instead of
	// putting another one there, takes pages away: reading those is a fault,
	// which must not end the program.
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if fault := recover(); fault != nil {
			f.log.Warn("the file of places was overwritten while in use; replace it by renaming", "path", f.path)
			p = Place{}
		}
	}()
	var r record
	if err := f.reader.Load().Lookup(ip.Unmap()).Decode(&r); err != nil {
		f.log.Warn("an entry of the file of places cannot be read", "path", f.path, "error", err)
		return Place{}
	}
	in := r.Country
	if in.Code == "" {
		in = r.Registered
	}
	p = Place{City: r.City.Names.English, Country: in.Names.English, CountryCode: in.Code}
	if len(r.Regions) > 0 {
		p.Region, p.RegionCode = r.Regions[0].Names.English, r.Regions[0].Code
	}
	return p
}
