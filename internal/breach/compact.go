package breach

import (
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"sort"
)

// compact is the file that Build makes, a tenth of the text's size. It keeps
// the first 48 bits of every hash: of n passwords that were never stolen, one
// in 2^48/n is taken for one that was (of a billion entries, one in 280 000).
//
// The file is the magic, the CRC-32C of the index, the index, and the entries,
// numbers big-endian. The index has for each value of a hash's first two bytes
// the number of entries before it, and at its end the number of all; an entry
// is the next four bytes. A password is found with a few reads of one place.
type compact struct {
	file io.ReaderAt
}

const (
	magic      = "guildhall breached passwords 1\n\x00"
	prefixSize = 2
	entrySize  = 4
	prefixes   = 1 << (8 * prefixSize)
	indexAt    = int64(len(magic) + crc32.Size)
	indexSize  = (prefixes + 1) * 8
	entriesAt  = indexAt + indexSize
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	errDamaged = errors.New("is damaged: make it again with guildhall breached-passwords build")
)

// openCompact wants the index to be as it was written, and as many entries as
// it says.
func openCompact(file io.ReaderAt, size int64) (compact, error) {
	b := make([]byte, crc32.Size+indexSize)
	if _, err := file.ReadAt(b, int64(len(magic))); errors.Is(err, io.EOF) {
		return compact{}, errDamaged
	} else if err != nil {
		return compact{}, err
	}
	sum, index := binary.BigEndian.Uint32(b), b[crc32.Size:]
	entries := binary.BigEndian.Uint64(index[prefixes*8:])
	if sum != crc32.Checksum(index, castagnoli) || size != entriesAt+int64(entries)*entrySize {
		return compact{}, errDamaged
	}
	return compact{file}, nil
}

func (c compact) has(hash [sha1.Size]byte) (bool, error) {
	var bounds [16]byte
	prefix := binary.BigEndian.Uint16(hash[:])
	if _, err := c.file.ReadAt(bounds[:], indexAt+int64(prefix)*8); err != nil {
		return false, err
	}
	first, after := int64(binary.BigEndian.Uint64(bounds[:])), int64(binary.BigEndian.Uint64(bounds[8:]))
	wanted := hash[prefixSize : prefixSize+entrySize]
	var failed error
	at, found := sort.Find(int(after-first), func(i int) int {
		var entry [entrySize]byte
		if _, err := c.file.ReadAt(entry[:], entriesAt+(first+int64(i))*entrySize); err != nil {
			failed = err
		}
		return bytes.Compare(wanted, entry[:])
	})
	return found && at < int(after-first) && failed == nil, failed
}
