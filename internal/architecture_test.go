// Package internal_test holds the rules about the code itself.
package internal_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/guildhall-id/guildhall/"

// order is the packages of the program. A package imports only packages above
// it; to tell one that is further down, it emits an event.
var order = []string{
	"migrations",
	"internal/platform/fault",
	"internal/platform/clock",
	"internal/platform/secret",
	"internal/platform/limit",
	"internal/platform/place",
	"internal/platform/place/placetest",
	"internal/id",
	"internal/platform/database",
	"internal/platform/database/databasetest",
	"internal/platform/throttle",
	"internal/platform/job",
	"internal/platform/mail",
	"internal/access",
	"internal/api",
	"internal/event",
	"internal/deployment",
	"internal/onetime",
	"internal/picture",
	"internal/challenge",
	"internal/breach",
	"internal/user",
	"internal/session",
	"internal/factor",
	"internal/organization",
	"internal/waitlist",
	"internal/account",
	"internal/signin",
	"internal/pages",
	"internal/mailbox",
	"internal/config",
	"internal/server",
	"internal/demo",
	"cmd/guildhall",
}

// features are the packages that know what the product is about; their time is
// that of the transaction or of the database.
var features = []string{
	"internal/access", "internal/api", "internal/event", "internal/deployment", "internal/onetime", "internal/picture",
	"internal/challenge", "internal/breach", "internal/user", "internal/session", "internal/factor", "internal/organization", "internal/waitlist",
	"internal/account",
	"internal/signin", "internal/pages", "internal/mailbox",
}

// systemTime are the files that may read the system's clock, and why.
var systemTime = map[string]string{
	"internal/deployment/deployment.go": "the age of a cached value is measured by the monotonic clock",
	"internal/deployment/keys.go":       "the age of a cached value is measured by the monotonic clock",
}

// vagueNames say nothing about what a package promises.
var vagueNames = []string{"utils", "util", "common", "helpers", "helper", "models", "model", "types", "dto", "misc", "shared"}

const maxLines = 400

// source is a file of the program, tests left out.
type source struct {
	path      string // relative to the module
	folder    string
	file      *ast.File
	lines     int
	generated bool
}

func sources(t *testing.T) (all []source, positions *token.FileSet) {
	t.Helper()
	positions = token.NewFileSet()
	for _, root := range []string{"../internal", "../cmd", "../migrations"} {
		err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(positions, name, nil, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			relative := strings.TrimPrefix(filepath.ToSlash(name), "../")
			all = append(all, source{
				path: relative, folder: path.Dir(relative), file: file,
				lines: positions.File(file.Pos()).LineCount(), generated: ast.IsGenerated(file),
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all, positions
}

func TestImportsGoOneWay(t *testing.T) {
	all, _ := sources(t)
	for _, s := range all {
		at := slices.Index(order, s.folder)
		if at < 0 {
			t.Errorf("%s: the package %s has no place in the order of packages", s.path, s.folder)
			continue
		}
		for _, spec := range s.file.Imports {
			imported, ours := strings.CutPrefix(unquote(t, spec.Path.Value), module)
			if ours && slices.Index(order[:at], imported) < 0 {
				t.Errorf("%s imports %s, which is not above %s in the order of packages", s.path, imported, s.folder)
			}
		}
	}
}

func TestFilesAreShort(t *testing.T) {
	all, _ := sources(t)
	for _, s := range all {
		if !s.generated && s.lines > maxLines {
			t.Errorf("%s has %d lines; past %d, a split has a good name", s.path, s.lines, maxLines)
		}
	}
}

func TestPackagesSayWhatTheyPromise(t *testing.T) {
	all, _ := sources(t)
	documented := map[string]bool{}
	for _, s := range all {
		if name := s.file.Name.Name; slices.Contains(vagueNames, name) || slices.Contains(vagueNames, path.Base(s.folder)) {
			t.Errorf("%s: the package name %s says nothing", s.path, name)
		}
		documented[s.folder] = documented[s.folder] || s.file.Doc != nil && !s.generated
	}
	for folder, ok := range documented {
		if !ok {
			t.Errorf("the package %s has no comment that says what it promises", folder)
		}
	}
}

func TestFeaturesTakeTheTimeTheyAreGiven(t *testing.T) {
	all, positions := sources(t)
	reads := map[string]bool{}
	for _, s := range all {
		if !slices.Contains(features, s.folder) {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			selected, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			from, ok := selected.X.(*ast.Ident)
			if ok && from.Name == "time" && slices.Contains([]string{"Now", "Since", "Until"}, selected.Sel.Name) {
				reads[s.path] = true
				if systemTime[s.path] == "" {
					t.Errorf("%s: time.%s: use tx.Now, db.Now or an injected clock", positions.Position(n.Pos()), selected.Sel.Name)
				}
			}
			return true
		})
	}
	for file := range systemTime {
		if !reads[file] {
			t.Errorf("%s does not read the system's clock: take it off the list", file)
		}
	}
}

func TestThereIsNoHiddenRegistration(t *testing.T) {
	all, positions := sources(t)
	for _, s := range all {
		for _, decl := range s.file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s: an init function", positions.Position(f.Pos()))
			}
		}
	}
}

// wellKnown are the methods whose promise is that of an interface everybody
// knows.
var wellKnown = []string{"Error", "String", "GoString", "Is", "Unwrap", "LogValue", "MarshalText"}

func TestEveryExportedNameIsExplained(t *testing.T) {
	all, positions := sources(t)
	for _, s := range all {
		if s.generated || s.file.Name.Name == "main" {
			continue
		}
		for _, decl := range s.file.Decls {
			for _, name := range unexplained(decl) {
				t.Errorf("%s: %s is exported and has no comment", positions.Position(name.Pos()), name.Name)
			}
		}
	}
}

// unexplained are the exported names of a declaration without a comment of
// their own or of their group.
func unexplained(decl ast.Decl) (names []*ast.Ident) {
	if f, ok := decl.(*ast.FuncDecl); ok {
		method := f.Recv != nil
		if f.Doc == nil && f.Name.IsExported() && !(method && (!exportedReceiver(f) || slices.Contains(wellKnown, f.Name.Name))) {
			names = append(names, f.Name)
		}
		return names
	}
	group, ok := decl.(*ast.GenDecl)
	if !ok || group.Doc != nil {
		return nil
	}
	for _, spec := range group.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			if spec.Name.IsExported() && spec.Doc == nil && spec.Comment == nil {
				names = append(names, spec.Name)
			}
		case *ast.ValueSpec:
			for _, name := range spec.Names {
				if name.IsExported() && spec.Doc == nil && spec.Comment == nil {
					names = append(names, name)
				}
			}
		}
	}
	return names
}

func exportedReceiver(f *ast.FuncDecl) bool {
	var text bytes.Buffer
	receiver := f.Recv.List[0].Type
	if pointer, ok := receiver.(*ast.StarExpr); ok {
		receiver = pointer.X
	}
	if generic, ok := receiver.(*ast.IndexExpr); ok {
		receiver = generic.X
	}
	fmt.Fprint(&text, receiver)
	return ast.IsExported(text.String())
}

func unquote(t *testing.T, literal string) string {
	t.Helper()
	text, err := strconv.Unquote(literal)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
