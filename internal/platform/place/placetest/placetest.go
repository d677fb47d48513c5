// Package placetest writes small files of places for tests, in the MaxMind DB
// format (version 2.0 of its specification), without a library.
package placetest

import (
	"encoding/binary"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/guildhall-id/guildhall/internal/platform/place"
)

// Write writes a file of networks and their places into a folder of the test.
func Write(t *testing.T, entries map[string]place.Place) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "places.mmdb")
	if err := os.WriteFile(path, File("GeoLite2-City", entries), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// File is a file of one type of database with networks and their places. No
// network may be within another.
func File(kind string, entries map[string]place.Place) []byte {
	var data []byte
	tree := &node{}
	for _, network := range slices.Sorted(maps.Keys(entries)) {
		tree.add(netip.MustParsePrefix(network), len(data))
		data = append(data, describe(entries[network])...)
	}
	search, count := tree.bytes()
	file := slices.Concat(search, make([]byte, 16), data, []byte("\xab\xcd\xefMaxMind.com"))
	return append(file, object(
		"binary_format_major_version", number(2), "binary_format_minor_version", number(0), "build_epoch", number(1_700_000_000),
		"database_type", text(kind), "ip_version", number(6), "node_count", number(count), "record_size", number(32),
	)...)
}

// node is one of the binary search tree; at is where a network's place is in
// the data, plus 1.
type node struct {
	below [2]*node
	at    int
}

func (n *node) add(network netip.Prefix, at int) {
	bits, length := network.Addr().As16(), network.Bits()
	if network.Addr().Is4() { // IPv4 is the network ::/96 of the tree
		bits, length = [16]byte{}, length+96
		v4 := network.Addr().As4()
		copy(bits[12:], v4[:])
	}
	for i := range length {
		bit := bits[i/8] >> (7 - i%8) & 1
		if n.below[bit] == nil {
			n.below[bit] = &node{}
		}
		n = n.below[bit]
	}
	n.at = at + 1
}

// bytes is the tree in records of 32 bits, and how many nodes it has.
func (n *node) bytes() (search []byte, count int) {
	var order []*node
	number := map[*node]int{}
	for queue := []*node{n}; len(queue) > 0; queue = queue[1:] {
		number[queue[0]] = len(order)
		order = append(order, queue[0])
		for _, below := range queue[0].below {
			if below != nil && below.at == 0 {
				queue = append(queue, below)
			}
		}
	}
	count = len(order)
	for _, one := range order {
		for _, below := range one.below {
			record := count // nothing is known
			switch {
			case below == nil:
			case below.at > 0:
				record = count + 16 + below.at - 1
			default:
				record = number[below]
			}
			search = binary.BigEndian.AppendUint32(search, uint32(record))
		}
	}
	return search, count
}

func describe(p place.Place) []byte {
	name := func(english string) []byte { return object("en", text(english)) }
	var members []any
	if p.City != "" {
		members = append(members, "city", object("names", name(p.City)))
	}
	if p.Country != "" {
		members = append(members, "country", object("iso_code", text(p.CountryCode), "names", name(p.Country)))
	}
	if p.Region != "" {
		members = append(members, "subdivisions", list(object("iso_code", text(p.RegionCode), "names", name(p.Region))))
	}
	return object(members...)
}

// The types of values of the format, and how they are written.
const (
	kindText   = 2
	kindObject = 7
	kindNumber = 6  // of 32 bits
	kindList   = 11 // an extended type: 7 less, in a second byte
)

func text(s string) []byte { return append(control(kindText, len(s)), s...) }

func number(n int) []byte {
	return binary.BigEndian.AppendUint32(control(kindNumber, 4), uint32(n))
}

func list(items ...[]byte) []byte {
	return append([]byte{byte(len(items)), kindList - 7}, slices.Concat(items...)...)
}

// object is names and values in turn.
func object(members ...any) []byte {
	b := control(kindObject, len(members)/2)
	for i := 0; i < len(members); i += 2 {
		b = append(b, text(members[i].(string))...)
		b = append(b, members[i+1].([]byte)...)
	}
	return b
}

// control is the type and size of a value, of at most 284.
func control(kind, size int) []byte {
	if size < 29 {
		return []byte{byte(kind<<5 | size)}
	}
	return []byte{byte(kind<<5 | 29), byte(size - 29)}
}
