package breach

import (
	"bytes"
	"crypto/sha1"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// listing is the text of passwords, as Have I Been Pwned orders it.
func listing(end string, passwords ...string) string {
	lines := make([]string, len(passwords))
	for i, password := range passwords {
		lines[i] = fmt.Sprintf("%X:%d%s", sha1.Sum([]byte(password)), 1+i*i, end)
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

func file(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "list")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func built(t *testing.T, text string) string {
	t.Helper()
	path := file(t, "")
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if _, err := Build(strings.NewReader(text), out); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t *testing.T, path string) *List {
	t.Helper()
	l, err := Open(path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// S17: both forms say of every password what a map says.
func TestListIsAsAMap(t *testing.T) {
	const seed = 4711
	random := rand.New(rand.NewPCG(seed, seed))
	for _, n := range []int{1, 2, 3, 29, 30, 31, 60, 61, 90, 1000, 20_000} {
		known := map[string]bool{}
		var passwords []string
		for i := range n {
			password := fmt.Sprintf("%d-%d", i, random.Uint64())
			passwords = append(passwords, password)
			known[password] = true
		}
		for name, text := range map[string]string{
			"lines": listing("\n", passwords...), "lines of another system": listing("\r\n", passwords...),
			"no last line end": strings.TrimSuffix(listing("\n", passwords...), "\n"),
			"lower case":       strings.ToLower(listing("\n", passwords...)),
		} {
			lists := map[string]*List{"text": open(t, file(t, text)), "compact": open(t, built(t, text))}
			for form, list := range lists {
				for i := 0; i < n; i += 1 + n/500 {
					password := passwords[i]
					for _, tried := range []string{password, password + "x", fmt.Sprint(i)} {
						if list.Has(tried) != known[tried] {
							t.Fatalf("%s, %s of %d: %q is %v", form, name, n, tried, !known[tried])
						}
					}
				}
			}
		}
	}
}

func TestBuildSaysWhatItMade(t *testing.T) {
	same := listing("\n", "one", "two", "three")
	out, err := os.Create(file(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	b, err := Build(strings.NewReader(same+strings.SplitAfter(same, "\n")[2]), out)
	info, _ := out.Stat()
	if err != nil || b.Passwords != 4 || b.Entries != 3 || b.Bytes != info.Size() || b.OneIn() != 1<<48/3 {
		t.Errorf("got %+v, %v of %d bytes", b, err, info.Size())
	}
	if billion := (Built{Entries: 1e9}); billion.OneIn() != 281_474 {
		t.Errorf("of a billion, one in %d", billion.OneIn())
	}
}

func TestBuildRefuses(t *testing.T) {
	good := listing("\n", "one", "two", "three")
	lines := strings.SplitAfter(good, "\n")
	for text, words := range map[string]string{
		"":                             "empty",
		"password\n":                   "line 1 is not",
		good + "\n":                    "line 4 is not",
		lines[0] + lines[0][:20]:       "line 2 is not",
		lines[1] + lines[0]:            "line 2 comes before",
		strings.Repeat("A", 70_000):    "line 1",
		lines[0][:40] + ":many\n":      "line 1 is not",
		strings.Repeat("G", 40) + ":1": "line 1 is not",
	} {
		out, err := os.Create(file(t, ""))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Build(strings.NewReader(text), out); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%.60q: got %v, want: %s", text, err, words)
		}
		out.Close()
	}
}

// R13: what is missing or damaged is not served from.
func TestOpenRefuses(t *testing.T) {
	var passwords []string
	for i := range 2000 {
		passwords = append(passwords, fmt.Sprint(i))
	}
	text := listing("\n", passwords...)
	compact, err := os.ReadFile(built(t, text))
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(compact)
	flipped[indexAt+4000*8+7] ^= 1
	half := len(text) / 2
	for name, test := range map[string]struct{ content, words string }{
		"nothing":                {"", "is empty"},
		"another file":           {"#!/bin/sh\necho hello\n", "is no list"},
		"a list of passwords":    {"password\n123456\n", "is no list"},
		"a cut text":             {text[:strings.LastIndex(text[:half], "\n")+20], "is no list"},
		"a text of two":          {text[half:] + text[:half], "is no"},
		"another order":          {strings.Join(reversed(text), ""), "is not ordered"},
		"the index cut":          {string(compact[:1000]), "is damaged"},
		"the entries cut":        {string(compact[:len(compact)-1]), "is damaged"},
		"more than was written":  {string(compact) + "1234", "is damaged"},
		"a bit of the index":     {string(flipped), "is damaged"},
		"the magic and no more":  {magic, "is damaged"},
		"a half of the magic":    {magic[:10], "is no list"},
		"a page without an end":  {strings.Repeat("A", 9000), "is no list"},
		"a page of line ends":    {strings.Repeat("\n", 9000), "is no list"},
		"a line of other length": {strings.Replace(text, ":", "", 1)[:20] + "\n" + text, "is no list"},
	} {
		if _, err := Open(file(t, test.content), slog.Default()); err == nil || !strings.Contains(err.Error(), test.words) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, want: %s", name, err, test.words)
		}
	}
	if _, err := Open(filepath.Join(t.TempDir(), "missing"), slog.Default()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	if _, err := Open(t.TempDir(), slog.Default()); err == nil || !strings.Contains(err.Error(), "is a folder") {
		t.Errorf("a folder: %v", err)
	}
}

func reversed(text string) []string {
	lines := strings.SplitAfter(strings.TrimSuffix(text, "\n"), "\n")
	slices.Reverse(lines)
	lines[0] += "\n"
	return lines
}

// R14: a list that cannot be read any more keeps nobody from a password.
func TestUnreadableListHasNothing(t *testing.T) {
	for name, path := range map[string]string{"text": file(t, listing("\n", "one")), "compact": built(t, listing("\n", "one"))} {
		var log bytes.Buffer
		l, err := Open(path, slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		if !l.Has("one") || log.Len() > 0 {
			t.Errorf("%s: %s", name, &log)
		}
		l.Close()
		if l.Has("one") || !strings.Contains(log.String(), "breached") {
			t.Errorf("%s: after the end: %s", name, &log)
		}
	}
}

func FuzzOpen(f *testing.F) {
	f.Add([]byte(listing("\n", "one", "two")))
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, content []byte) {
		if l, err := Open(file(t, string(content)), slog.New(slog.DiscardHandler)); err == nil {
			l.Has("one")
			l.Close()
		}
	})
}
