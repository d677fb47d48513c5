package internal_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/database/databasetest"
)

// readsAll are the queries that may read a whole table, and why.
var readsAll = map[string]string{
	"deployment.firstDeployment": "there is one",
	"session.deadSessions":       "a sweep looks at all of them",
}

var (
	parameter = regexp.MustCompile(`\$(\d+)`)
	scan      = regexp.MustCompile(`^SCAN (\w+)`)
)

// Every query finds its rows by an index, so that it costs the same in a large
// database. The engine that is asked is SQLite, whose plans do not depend on
// what the tables hold; both have the same indexes.
func TestQueriesUseIndexes(t *testing.T) {
	db := databasetest.Open(t, database.SQLite, time.Now)
	queries := generated(t)
	if len(queries) < 150 {
		t.Fatalf("only %d queries were found", len(queries))
	}
	for name, text := range queries {
		for _, step := range plan(t, db, text) {
			found := scan.FindStringSubmatch(step)
			switch {
			case found == nil || readsAll[name] != "":
			case !regexp.MustCompile(`\b` + found[1] + `\b`).MatchString(text):
				// References of other tables, which SQLite looks at only when a
				// constraint is violated.
			case regexp.MustCompile(`\) ` + found[1] + `\b`).MatchString(text):
				// The rows of a subquery, which has a plan of its own.
			default:
				t.Errorf("%s has no index for %s:\n%s", name, step, text)
			}
		}
	}
}

// generated are the texts that sqlc has typed, by package and constant.
func generated(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	shallow, _ := filepath.Glob("*/*.sql.go")
	deep, _ := filepath.Glob("*/*/*.sql.go")
	for _, file := range slices.Concat(shallow, deep) {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for name, object := range parsed.Scope.Objects {
			if object.Kind != ast.Con {
				continue
			}
			literal := object.Decl.(*ast.ValueSpec).Values[0].(*ast.BasicLit)
			text, err := strconv.Unquote(literal.Value)
			if err != nil {
				t.Fatal(err)
			}
			texts[filepath.Base(filepath.Dir(file))+"."+name] = text
		}
	}
	return texts
}

// plan is how SQLite would run a text.
func plan(t *testing.T, db *database.DB, text string) (steps []string) {
	t.Helper()
	parameters := 0
	for _, found := range parameter.FindAllStringSubmatch(text, -1) {
		n, _ := strconv.Atoi(found[1])
		parameters = max(parameters, n)
	}
	rows, err := db.Query(t.Context(), "EXPLAIN QUERY PLAN "+text, make([]any, parameters)...)
	if err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
	defer rows.Close()
	for rows.Next() {
		var number, parent, unused int64
		var step string
		if err := rows.Scan(&number, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, strings.TrimSpace(step))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return steps
}
