package challenge

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// Puzzle is how many parts a challenge has, and how many hexadecimal digits
// the salt and the target of each.
type Puzzle struct {
	Count  int `json:"c"`
	Salt   int `json:"s"`
	Target int `json:"d"`
}

// weight is how much work a puzzle is. It is signed into tokens, so that light
// work does not count once a deployment asks for heavy work.
type weight byte

const (
	light weight = iota // milliseconds: the forms want a token even where nobody asks for it
	heavy               // a second or two of a telephone, Cap's own measure
)

func (w weight) puzzle() Puzzle {
	if w == heavy {
		return Puzzle{Count: 50, Salt: 32, Target: 4}
	}
	return Puzzle{Count: 1, Salt: 32, Target: 2}
}

// solved reports whether the SHA-256 of each part's salt and solution, in
// hexadecimal digits, begins with the part's target.
func (p Puzzle) solved(token string, solutions []int64) bool {
	if len(solutions) != p.Count {
		return false
	}
	for i, solution := range solutions {
		salt, target := p.part(token, i+1)
		if !hashes(salt, solution, target) {
			return false
		}
	}
	return true
}

// part is the salt and the target of a part, counted from 1.
func (p Puzzle) part(token string, i int) (salt, target string) {
	seed := token + strconv.Itoa(i)
	return stream(seed, p.Salt), stream(seed+"d", p.Target)
}

func hashes(salt string, solution int64, target string) bool {
	sum := sha256.Sum256(strconv.AppendInt([]byte(salt), solution, 10))
	return strings.HasPrefix(hex.EncodeToString(sum[:]), target)
}

// stream is the digits that client and server draw from a seed: xorshift32,
// begun with the FNV-1a hash of the seed, eight digits a step.
func stream(seed string, digits int) string {
	state := uint32(2166136261)
	for i := range len(seed) {
		state = (state ^ uint32(seed[i])) * 16777619
	}
	var b strings.Builder
	for b.Len() < digits {
		state ^= state << 13
		state ^= state >> 17
		state ^= state << 5
		fmt.Fprintf(&b, "%08x", state)
	}
	return b.String()[:digits]
}
