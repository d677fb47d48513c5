package api

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/clock"
	"github.com/guildhall-id/guildhall/internal/platform/secret"
)

type (
	base struct {
		ID      id.User    `json:"id"`
		Created clock.Time `json:"created_at"`
		hidden  int
	}
	byPointer struct{}
	byValue   struct{ n int }
	broken    struct{}
	tree      struct {
		base
		Name     string           `json:"name"`
		Children []*tree          `json:"children"`
		Parent   *tree            `json:"parent,omitempty"`
		Any      any              `json:"any"`
		Map      map[string]any   `json:"map"`
		Numbers  []int64          `json:"numbers"`
		Pair     [2]uint8         `json:"pair"`
		Ratio    float64          `json:"ratio"`
		Bytes    []byte           `json:"bytes"`
		Raw      json.RawMessage  `json:"raw"`
		When     time.Time        `json:"when"`
		Maybe    *clock.Time      `json:"maybe"`
		Home     *id.Workspace    `json:"home"`
		Secret   secret.String    `json:"secret"`
		Own      byPointer        `json:"own"`
		Owns     []byValue        `json:"owns"`
		Skip     string           `json:"-"`
		Empty    string           `json:"empty,omitempty"`
		Zero     clock.Time       `json:"zero,omitzero"`
		ZeroTime time.Time        `json:"zero_time,omitzero"`
		Few      []string         `json:"few,omitempty"`
		Flag     bool             `json:"flag,omitempty"`
		Named    map[myKey]string `json:"named"`
		Untagged uint
	}
	myKey    string
	embedded struct {
		*base
		N int `json:"n,string"`
	}
	outer struct {
		inner `json:"inner"`
		base2
	}
	inner struct {
		A int `json:"a"`
	}
	base2 struct {
		B int `json:"b"`
	}
)

func (v *byPointer) AppendJSON(b []byte) []byte   { return append(b, "true"...) }
func (v *byPointer) MarshalJSON() ([]byte, error) { return v.AppendJSON(nil), nil }
func (v byValue) AppendJSON(b []byte) []byte      { return append(b, "false"...) }
func (v byValue) MarshalJSON() ([]byte, error)    { return v.AppendJSON(nil), nil }
func (broken) MarshalJSON() ([]byte, error)       { return nil, errors.New("no form") }

// A value without nil slices and maps has the form encoding/json gives it.
func TestAppendValueAgrees(t *testing.T) {
	now := clock.Time(1700000000123)
	full := &tree{
		base: base{ID: 1<<63 - 1, Created: now, hidden: 1}, Name: "<a href=\"x\">\n\u2028é", Ratio: 1e21, Bytes: []byte("\x00\xff"),
		Children: []*tree{}, Numbers: []int64{-1, 1 << 62}, Pair: [2]uint8{1, 2}, Raw: json.RawMessage(` {"a" : [1]} `),
		Any: map[string]any{"b": 1, "a": []string{"x"}, "c": nil}, Map: map[string]any{"k": byValue{}, "p": &byPointer{}},
		When: time.Date(2024, 1, 2, 3, 4, 5, 6, time.UTC), Maybe: &now, Secret: secret.New("hush"), Owns: []byValue{{}, {1}},
		Skip: "x", Few: []string{"y"}, Flag: true, Named: map[myKey]string{"z": "1", "a": "2"}, ZeroTime: time.Unix(1, 0).UTC(),
	}
	full.Parent = &tree{Children: []*tree{full.clone(), nil}, Map: map[string]any{}, Numbers: []int64{}, Bytes: []byte{}, Owns: []byValue{}, Named: map[myKey]string{}}
	home := id.Workspace(3)
	full.Parent.Home = &home
	for _, v := range []any{
		full, nil, (*tree)(nil), "text", 1, int8(-3), uint64(1 << 63), 1.5, float32(0.1), true,
		[]string{"a"},
		[]any{nil, 1, "x"},
		map[string]int{"b": 1, "a": 2},
		map[int]string{2: "b", 1: "a"},
		map[id.User]int{7: 1},
		struct{}{},
		now, &now, home, &home,
		embedded{&base{ID: 1}, 5},
		embedded{},
		outer{inner{1}, base2{2}},
		[]*int{nil},
		[0]int{},
		json.Number("12"),
		byValue{},
		time.Second, secret.New("x"),
		[]id.User{1, 2},
		[][]string{{}, {"a"}},
	} {
		var want strings.Builder
		enc := json.NewEncoder(&want)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(v); err != nil {
			t.Fatal(err)
		}
		got, err := appendValue([]byte("x"), v)
		if err != nil || string(got) != "x"+strings.TrimSuffix(want.String(), "\n") {
			t.Errorf("%T: %v\ngot  %s\nwant %s", v, err, got, want.String())
		}
	}
}

func (t *tree) clone() *tree {
	c := *t
	c.Children = []*tree{}
	return &c
}

func TestNoArrayIsNull(t *testing.T) {
	tests := map[string]struct {
		value any
		want  string
	}{
		"a slice":           {[]string(nil), `[]`},
		"a map":             {map[string]int(nil), `{}`},
		"in a struct":       {struct{ A []int }{}, `{"A":[]}`},
		"in a slice":        {[][]int{nil}, `[[]]`},
		"in a map":          {map[string][]int{"a": nil}, `{"a":[]}`},
		"behind a pointer":  {&struct{ A *[]int }{new([]int)}, `{"A":[]}`},
		"in any":            {[]any{[]int(nil)}, `[[]]`},
		"a pointer is null": {struct{ A *[]int }{}, `{"A":null}`},
	}
	for name, test := range tests {
		got, err := appendValue(nil, test.value)
		if err != nil || string(got) != test.want {
			t.Errorf("%s: %s, %v, want %s", name, got, err, test.want)
		}
	}
}

func TestAppendValueFails(t *testing.T) {
	for _, v := range []any{make(chan int), func() {}, broken{}, []any{broken{}}, map[string]any{"a": broken{}}, struct{ A any }{broken{}}, json.RawMessage("{")} {
		if got, err := appendValue(nil, v); err == nil {
			t.Errorf("%T became %s", v, got)
		}
	}
}

func BenchmarkAppendValue(b *testing.B) {
	type view struct {
		base
		Name  string        `json:"name"`
		Email string        `json:"email"`
		Home  *id.Workspace `json:"home"`
		Tags  []string      `json:"tags"`
		Count int           `json:"count"`
	}
	v := make([]view, 50)
	for i := range v {
		v[i] = view{base{ID: 12345678901234567, Created: 1700000000123}, "New User", "new.user@example.com", nil, []string{"a", "b"}, i}
	}
	b.Run("ours", func(b *testing.B) {
		b.ReportAllocs()
		buf := []byte{}
		for b.Loop() {
			buf, _ = appendValue(buf[:0], v)
		}
	})
	b.Run("encoding/json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			json.Marshal(v)
		}
	})
}
