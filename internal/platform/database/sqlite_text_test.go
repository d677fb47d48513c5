package database_test

import (
	"testing"

	"github.com/guildhall-id/guildhall/internal/platform/database"
)

func TestSQLiteText(t *testing.T) {
	for text, want := range map[string]string{
		"SELECT $12, $1":              "SELECT ?12, ?1",
		"x = ANY($1::bigint[])":       "x  IN (SELECT value FROM json_each(?1))",
		"x=any( $1 ) AND y":           "x IN (SELECT value FROM json_each(?1)) AND y",
		"x <> ALL($2::text[])":        "x  NOT IN (SELECT value FROM json_each(?2))",
		"x = $1::text[] || y::int":    "x = ?1 || y",
		"a::double precision + 1":     "a + 1",
		"'$1' || \"a::b\" || 'it''s'": "'$1' || \"a::b\" || 'it''s'",
		"a -- $1\nb /* '$1 */ c":      "a  \nb   c",
		"x FOR UPDATE":                "x ",
		"x for update of a, b nowait": "x ",
		"WAITING FOR UPDATES":         "WAITING FOR UPDATES",
		"'unterminated $1":            "'unterminated ?1",
	} {
		if got := database.SQLiteText(text, false); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if got := database.SQLiteText("x <> ALL($2::text[])", true); got != "x  NOT IN (?2)" {
		t.Errorf("a list of one: %q", got)
	}
}
