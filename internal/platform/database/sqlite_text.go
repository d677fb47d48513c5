package database

import (
	"regexp"
	"strings"
)

// shared finds what SQLite says differently. Literals, quoted names and
// comments come first, so that nothing inside them is taken for more.
var shared = regexp.MustCompile(`(?is)` +
	`(?P<literal>'(?:[^']|'')*'|"(?:[^"]|"")*")` +
	`|(?P<comment>--[^\n]*|/\*.*?\*/)` +
	`|(?P<any>(?:=\s*ANY|<>\s*ALL)\s*\(\s*\$(?P<list>\d+)\s*(?:::\s*\w+\s*(?:\[\s*\])?)?\s*\))` +
	`|(?P<cast>::\s*(?:double\s+precision|\w+)(?:\s*\[\s*\])?)` +
	`|(?P<lock>\bFOR\s+(?:NO\s+KEY\s+UPDATE|UPDATE|SHARE|KEY\s+SHARE)\b(?:\s+OF\s+\w+(?:\s*,\s*\w+)*)?(?:\s+NOWAIT|\s+SKIP\s+LOCKED)?)` +
	`|\$(?P<argument>\d+)`)

// sqliteText turns PostgreSQL's text into SQLite's: $N is ?N, a list is a JSON
// array, or its only item when single, a cast is not needed, and a row needs no
// lock because there is one writer.
func sqliteText(sql string, single bool) string {
	var (
		b    strings.Builder
		rest int
		is   = func(m []int, name string) bool { return m[2*shared.SubexpIndex(name)] >= 0 }
		text = func(m []int, name string) string {
			i := 2 * shared.SubexpIndex(name)
			return sql[m[i]:m[i+1]]
		}
	)
	for _, m := range shared.FindAllStringSubmatchIndex(sql, -1) {
		b.WriteString(sql[rest:m[0]])
		rest = m[1]
		switch {
		case is(m, "literal"):
			b.WriteString(sql[m[0]:m[1]])
		case is(m, "comment"):
			b.WriteByte(' ')
		case is(m, "any"):
			if sql[m[0]] == '<' {
				b.WriteString(" NOT")
			}
			if single {
				b.WriteString(" IN (?" + text(m, "list") + ")")
			} else {
				b.WriteString(" IN (SELECT value FROM json_each(?" + text(m, "list") + "))")
			}
		case is(m, "argument"):
			b.WriteString("?" + text(m, "argument"))
		}
	}
	return b.String() + sql[rest:]
}
