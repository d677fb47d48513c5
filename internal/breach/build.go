package breach

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
)

// Built says what a compact file has.
type Built struct {
	Passwords int64 // lines that were read
	Entries   int64 // that were written: hashes with the same first 48 bits are one
	Bytes     int64
}

// OneIn is how many passwords that were never stolen there are for one that is
// taken for a stolen one.
func (b Built) OneIn() int64 { return 1 << (8 * (prefixSize + entrySize)) / max(1, b.Entries) }

// Build writes the compact form of a text in the form of Have I Been Pwned,
// ordered by hash. An error of the text names its line. Both are read and
// written once from front to back, but for the index, which is written last.
func Build(in io.Reader, out io.WriteSeeker) (Built, error) {
	var (
		b      Built
		index  [prefixes + 1]uint64
		before [sha1.Size]byte
	)
	if _, err := out.Seek(entriesAt, io.SeekStart); err != nil {
		return b, err
	}
	lines, entries := bufio.NewScanner(in), bufio.NewWriterSize(out, 1<<20)
	for lines.Scan() {
		b.Passwords++
		hash, ok := parseLine(lines.Bytes())
		switch {
		case !ok:
			return b, fmt.Errorf("line %d is not a SHA-1 in hexadecimal with a count", b.Passwords)
		case bytes.Compare(hash[:], before[:]) < 0:
			return b, fmt.Errorf("line %d comes before the line above it: the list has to be ordered by hash", b.Passwords)
		}
		known := bytes.Equal(hash[:prefixSize+entrySize], before[:prefixSize+entrySize])
		before = hash
		if known && b.Passwords > 1 {
			continue
		}
		b.Entries++
		index[int(binary.BigEndian.Uint16(hash[:]))+1]++
		if _, err := entries.Write(hash[prefixSize : prefixSize+entrySize]); err != nil {
			return b, err
		}
	}
	if err := lines.Err(); err != nil {
		return b, fmt.Errorf("line %d: %w", b.Passwords+1, err)
	}
	if b.Entries == 0 {
		return b, fmt.Errorf("the list is empty")
	}
	if err := entries.Flush(); err != nil {
		return b, err
	}
	b.Bytes = entriesAt + b.Entries*entrySize
	return b, writeIndex(out, index[:])
}

// writeIndex takes how many entries each prefix has, one place further on.
func writeIndex(out io.WriteSeeker, counts []uint64) error {
	index := make([]byte, 0, indexSize)
	var sum uint64
	for _, n := range counts {
		sum += n
		index = binary.BigEndian.AppendUint64(index, sum)
	}
	start := binary.BigEndian.AppendUint32([]byte(magic), crc32.Checksum(index, castagnoli))
	if _, err := out.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, err := out.Write(append(start, index...))
	return err
}
