package breach

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"io"
)

// text is the file of Have I Been Pwned: lines of a SHA-1 in hexadecimal, ":"
// and how often the password was seen, ordered by hash.
type text struct {
	file io.ReaderAt
	size int64
}

// pageSize is how much is read at once, many times the length of a line.
const pageSize = 4096

// samples is how many places Open looks at to see whether a text is ordered.
const samples = 64

var (
	errNotList    = errors.New("is no list of breached passwords: neither lines of SHA-1 and count, nor made by guildhall breached-passwords build")
	errNotOrdered = errors.New("is not ordered by hash: fetch the list in the order of its hashes")
)

// openText wants well-formed lines in order wherever it looks, the first and
// the last among them.
func openText(file io.ReaderAt, size int64) (text, error) {
	t := text{file, size}
	if size == 0 {
		return t, errors.New("is empty")
	}
	var first [sha1.Size]byte // of the page before
	for i := range int64(samples) {
		page, err := t.page(size * i / samples)
		if err != nil {
			return t, err
		}
		if first, err = inOrder(page, first); err != nil {
			return t, err
		}
	}
	return t, t.lastLine()
}

// inOrder is the first hash of a page whose lines are in order and not before
// a hash.
func inOrder(page []byte, before [sha1.Size]byte) (first [sha1.Size]byte, err error) {
	first = before
	for i, line := range bytes.SplitAfter(page, []byte("\n")) {
		if len(line) == 0 {
			break // behind the last line end
		}
		hash, ok := parseLine(line)
		if !ok {
			return first, errNotList
		}
		if bytes.Compare(hash[:], before[:]) < 0 {
			return first, errNotOrdered
		}
		if before = hash; i == 0 {
			first = hash
		}
	}
	return first, nil
}

// lastLine finds out whether the end of the text is missing.
func (t text) lastLine() error {
	page, err := t.page(max(0, t.size-pageSize/2))
	if err != nil {
		return err
	}
	page = bytes.TrimRight(page, "\r\n")
	if _, ok := parseLine(page[bytes.LastIndexByte(page, '\n')+1:]); !ok {
		return errNotList
	}
	return nil
}

// page is the whole lines of a page that begins at an offset, from the first
// that begins there or later. The last line of the file may lack its end.
func (t text) page(offset int64) ([]byte, error) {
	from := max(0, offset-1) // a line that begins at the offset is seen by the end of the one before
	b := make([]byte, min(pageSize, t.size-from))
	if _, err := t.file.ReadAt(b, from); err != nil && err != io.EOF {
		return nil, err
	}
	atEnd := from+int64(len(b)) == t.size
	if offset > 0 {
		_, b, _ = bytes.Cut(b, []byte("\n"))
	}
	if !atEnd {
		b = b[:bytes.LastIndexByte(b, '\n')+1]
	}
	return b, nil
}

// parseLine reads HASH:COUNT, or a HASH alone.
func parseLine(line []byte) (hash [sha1.Size]byte, ok bool) {
	line = bytes.TrimRight(line, "\r\n")
	digits, count, counted := bytes.Cut(line, []byte(":"))
	if len(digits) != hex.EncodedLen(sha1.Size) || counted && !isNumber(count) {
		return hash, false
	}
	_, err := hex.Decode(hash[:], digits)
	return hash, err == nil
}

func isNumber(b []byte) bool {
	return len(b) > 0 && len(b) < 20 && len(bytes.Trim(b, "0123456789")) == 0
}

// has halves the part of the file in which a line with the hash can begin,
// until a page has all of it.
func (t text) has(hash [sha1.Size]byte) (bool, error) {
	low, high := int64(0), t.size
	for high-low > pageSize/2 {
		middle := low + (high-low)/2
		page, err := t.page(middle)
		if err != nil {
			return false, err
		}
		first, ok := parseLine(firstLine(page))
		switch {
		case len(page) > 0 && !ok:
			return false, errNotList
		case len(page) > 0 && bytes.Compare(first[:], hash[:]) <= 0:
			low = middle
		default:
			high = middle
		}
	}
	page, err := t.page(low)
	for line := range bytes.Lines(page) {
		if found, ok := parseLine(line); ok && found == hash {
			return true, nil
		}
	}
	return false, err
}

func firstLine(page []byte) []byte {
	line, _, _ := bytes.Cut(page, []byte("\n"))
	return line
}
