// Package breach knows passwords that are in public collections of stolen
// ones, from a file that the operator has fetched: nobody is asked over the
// network, and nothing is held in memory. The file is the text of Have I Been
// Pwned, ordered by hash, or the compact form that Build makes of it.
package breach

import (
	"bytes"
	"crypto/sha1"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
)

// List is an open file of breached passwords. It is safe for concurrent use.
type List struct {
	file *os.File
	log  *slog.Logger
	form interface {
		has(hash [sha1.Size]byte) (bool, error)
	}
}

// Open takes a file in either form and looks whether it is whole, as far as
// that can be seen without reading all of it. Trouble with reading later on
// goes to log.
func Open(path string, log *slog.Logger) (*List, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	l := &List{file: file, log: log}
	if err := l.recognize(); err != nil {
		return nil, errors.Join(fmt.Errorf("%s %w", path, err), file.Close())
	}
	return l, nil
}

func (l *List) recognize() error {
	info, err := l.file.Stat()
	if err != nil {
		return err
	}
	if info.IsDir() {
		return errors.New("is a folder")
	}
	start := make([]byte, len(magic))
	if _, err := l.file.ReadAt(start, 0); err != nil && err != io.EOF {
		return err
	}
	if bytes.Equal(start, []byte(magic)) {
		l.form, err = openCompact(l.file, info.Size())
	} else {
		l.form, err = openText(l.file, info.Size())
	}
	return err
}

// Has reports whether a password is in the list. A list that cannot be read
// any more has none: that is logged, and people can still choose passwords.
func (l *List) Has(password string) bool {
	found, err := l.form.has(sha1.Sum([]byte(password)))
	if err != nil {
		l.log.Error("the list of breached passwords cannot be read", "error", err)
	}
	return found && err == nil
}

// Close closes the file.
func (l *List) Close() error { return l.file.Close() }
