// Package clock has the one kind of time that is stored and sent: an instant
// in milliseconds of the Unix epoch. Zero means never, NULL and null.
package clock

import (
	"database/sql/driver"
	"fmt"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/jackc/pgx/v5/pgtype"
)

// Time is an instant. It is BIGINT in the database, RFC 3339 in UTC in JSON.
type Time int64

// At is the instant of t, cut to milliseconds.
func At(t time.Time) Time { return Time(t.UnixMilli()) }

// Time is the instant as the standard library has it, in UTC.
func (t Time) Time() time.Time { return time.UnixMilli(int64(t)).UTC() }

// Add is the instant d later.
func (t Time) Add(d time.Duration) Time { return t + Time(d.Milliseconds()) }

// Sub is the duration from u to t.
func (t Time) Sub(u Time) time.Duration { return time.Duration(t-u) * time.Millisecond }

// Optional is nil for never, for members that are null then.
func (t Time) Optional() *Time {
	if t == 0 {
		return nil
	}
	return &t
}

func (t Time) String() string { return t.Time().Format(time.RFC3339Nano) }

// AppendJSON appends the JSON form (RFC 3339, section 5.6), null for never.
func (t Time) AppendJSON(b []byte) []byte {
	if t == 0 {
		return append(b, "null"...)
	}
	b = append(b, '"')
	b = t.Time().AppendFormat(b, time.RFC3339Nano)
	return append(b, '"')
}

// MarshalJSON is the form of AppendJSON.
func (t Time) MarshalJSON() ([]byte, error) { return t.AppendJSON(nil), nil }

// UnmarshalJSON reads what MarshalJSON wrote.
func (t *Time) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*t = 0
		return nil
	}
	var std time.Time
	if err := std.UnmarshalJSON(b); err != nil {
		return err
	}
	*t = At(std)
	return nil
}

// Schema describes a time in the OpenAPI document.
func (Time) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Format: "date-time"}
}

// Value and Scan are for SQLite, Int64Value and ScanInt64 for PostgreSQL.

// Value is NULL for never.
func (t Time) Value() (driver.Value, error) {
	if t == 0 {
		return nil, nil
	}
	return int64(t), nil
}

// Scan reads NULL as never.
func (t *Time) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*t = 0
	case int64:
		*t = Time(v)
	default:
		return fmt.Errorf("clock: cannot read a %T", src)
	}
	return nil
}

// Int64Value is NULL for never.
func (t Time) Int64Value() (pgtype.Int8, error) {
	return pgtype.Int8{Int64: int64(t), Valid: t != 0}, nil
}

// ScanInt64 reads NULL as never.
func (t *Time) ScanInt64(v pgtype.Int8) error {
	*t = Time(v.Int64)
	return nil
}
