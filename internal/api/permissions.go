package api

import (
	"cmp"
	"slices"
	"strings"
)

// PermissionTable is docs/permissions.md: who may call each operation, in the
// words of the rule that decides.
func PermissionTable(operations []Operation) string {
	var b strings.Builder
	b.WriteString("# Who may call what\n\nGenerated from the operations' own declarations. Strangers get 404 for everything inside a tenant.\n\n")
	b.WriteString("| operation | route | who |\n|---|---|---|\n")
	for _, op := range inOrder(operations) {
		who := op.Access.String()
		if op.Addition {
			who += " (addition)"
		}
		b.WriteString("| " + op.ID + " | `" + op.Route + "` | " + strings.ReplaceAll(who, "|", `\|`) + " |\n")
	}
	return b.String()
}

// inOrder is the operations sorted by path, then method.
func inOrder(operations []Operation) []Operation {
	sorted := slices.Clone(operations)
	slices.SortFunc(sorted, func(a, b Operation) int {
		methodA, pathA, _ := strings.Cut(a.Route, " ")
		methodB, pathB, _ := strings.Cut(b.Route, " ")
		return cmp.Or(strings.Compare(pathA, pathB), strings.Compare(methodA, methodB))
	})
	return sorted
}
