package api

import (
	"iter"
	"reflect"
	"unicode/utf8"
)

// List is an array of any length, which is written while it is read. An error
// before the first chunk is answered as such, a later one ends the connection,
// so that no client takes a part for the whole.
type List[T any] struct {
	Items iter.Seq2[T, error]
	Next  string // the cursor of the next page, empty when there is none
}

// streamed is what a List does, whatever its items are.
type streamed interface {
	next() string
	item() reflect.Type
	// appendItems appends the array, and hands over what it has to flush, which
	// gives the buffer back, each time that exceeds a chunk.
	appendItems(b []byte, flush func([]byte) []byte) ([]byte, error)
}

func (l List[T]) next() string     { return l.Next }
func (List[T]) item() reflect.Type { return reflect.TypeFor[T]() }

func (l List[T]) appendItems(b []byte, flush func([]byte) []byte) ([]byte, error) {
	b = append(b, '[')
	if l.Items == nil {
		return append(b, ']'), nil
	}
	var held T // one place for all items, so that none is copied to the heap
	separator := false
	for item, err := range l.Items {
		if err != nil {
			return b, err
		}
		if separator {
			b = append(b, ',')
		}
		separator = true
		held = item
		if b, err = appendValue(b, &held); err != nil {
			return b, err
		}
		if len(b) >= chunk {
			b = flush(b)
		}
	}
	return append(b, ']'), nil
}

// AppendString appends s as a JSON string (RFC 8259, section 7), the same
// bytes that encoding/json writes without escapes for HTML. What is not UTF-8
// becomes U+FFFD.
func AppendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\' {
			i++
			continue
		}
		size := 1
		var r rune
		if c >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(s[i:])
			if r != '\u2028' && r != '\u2029' && (r != utf8.RuneError || size > 1) {
				i += size
				continue
			}
		}
		b = append(b, s[start:i]...)
		switch {
		case r == utf8.RuneError:
			b = append(b, `\ufffd`...)
		case r != 0: // the line separators, which old scripts cannot have in a string
			b = append(b, `\u202`...)
			b = append(b, hex[r&0xF])
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, `\n`...)
		case c == '\r':
			b = append(b, `\r`...)
		case c == '\t':
			b = append(b, `\t`...)
		case c == '\b':
			b = append(b, `\b`...)
		case c == '\f':
			b = append(b, `\f`...)
		default:
			b = append(b, `\u00`...)
			b = append(b, hex[c>>4], hex[c&0xF])
		}
		i += size
		start = i
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}
