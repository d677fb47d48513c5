// Package migrations holds the schema, one text for SQLite and PostgreSQL.
package migrations

import "embed"

// Files are the migrations in the order of their numbers.
//
//go:embed *.sql
var Files embed.FS
