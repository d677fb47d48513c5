package main

import (
	"bytes"
	"crypto/sha1"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/guildhall-id/guildhall/internal/breach"
)

// builds is the command line that makes a compact list.
func builds(t *testing.T, in, out string) (string, error) {
	t.Helper()
	var b bytes.Buffer
	var c commands
	parser, err := kong.New(&c, kong.BindTo(&b, (*io.Writer)(nil)))
	check(t, err)
	parsed, err := parser.Parse([]string{"breached-passwords", "build", in, out})
	check(t, err)
	err = parsed.Run()
	return b.String(), err
}

func TestBreachedPasswordsBuild(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "list.txt"), filepath.Join(dir, "list")
	check(t, os.WriteFile(in, fmt.Appendf(nil, "%X:9\n", sha1.Sum([]byte("stolen"))), 0o600))
	said, err := builds(t, in, out)
	if err != nil || !strings.Contains(said, "1 breached passwords") || !strings.Contains(said, "one in 281474976710656") {
		t.Errorf("got %q, %v", said, err)
	}
	list, err := breach.Open(out, slog.New(slog.DiscardHandler))
	check(t, err)
	defer list.Close()
	if !list.Has("stolen") || list.Has("own") {
		t.Error("the list has other passwords")
	}

	check(t, os.WriteFile(in, []byte("password\n"), 0o600))
	_, err = builds(t, in, out)
	refused(t, err, "line 1 is not a SHA-1")
	_, err = builds(t, filepath.Join(dir, "missing"), out)
	refused(t, err, "missing")
	_, err = builds(t, in, filepath.Join(dir, "missing", "list"))
	refused(t, err, "missing")
	if files, err := os.ReadDir(dir); err != nil || len(files) != 2 || !list.Has("stolen") {
		t.Errorf("something was left behind, or spoilt: %v, %v", files, err)
	}
	if _, err := os.Stat(out + ".unfinished"); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
