package challenge

import (
	"bytes"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/database/databasetest"
	"github.com/guildhall-id/guildhall/internal/platform/secret"
)

// The digits that Cap's own server and widget draw.
func TestStream(t *testing.T) {
	for _, c := range []struct {
		seed string
		want string
	}{
		{"a", "441aaeb8"},
		{"hello1", "7c8905e1da94749bd4e0ed98e322af11"},
		{"Y2FwLXRva2Vu1d", "60e1"},
		{"Y2FwLXRva2Vu50", "2770aedb67d1264e20003f82d9fde33a"},
	} {
		if got := stream(c.seed, len(c.want)); got != c.want {
			t.Errorf("%q: %s, want %s", c.seed, got, c.want)
		}
	}
	// A part that Cap's code has solved.
	salt, target := heavy.puzzle().part("Y2FwLXRva2Vu", 1)
	if salt != "e9e374db6872bb87df4ac4c67d9aa2cf" || target != "60e1" || !hashes(salt, 42230, target) || hashes(salt, 42231, target) {
		t.Errorf("the part is %s, %s", salt, target)
	}
}

// solve is what the widget does.
func solve(c Challenge) []int64 {
	solutions := make([]int64, c.Challenge.Count)
	for i := range solutions {
		salt, target := c.Challenge.part(c.Token, i+1)
		for !hashes(salt, solutions[i], target) {
			solutions[i]++
		}
	}
	return solutions
}

func TestChallenge(t *testing.T) {
	var clock atomic.Int64
	clock.Store(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixMilli())
	now := func() time.Time { return time.UnixMilli(clock.Load()) }
	databasetest.EachWithClock(t, now, func(t *testing.T, db *database.DB) {
		key, err := secret.NewKey(bytes.Repeat([]byte{7}, secret.KeySize))
		must(t, err)
		deployments := deployment.NewService(db, deployment.Staging, "http://localhost:8080", key)
		_, err = deployments.Ensure(t.Context(), "Test")
		must(t, err)
		s := NewService(db, deployments, key)
		current := func() *deployment.Deployment {
			d, err := deployments.Current(t.Context())
			must(t, err)
			return d
		}
		redeem := func(c Challenge, solutions []int64) Redeemed {
			var in redeemInput
			in.Body.Token, in.Body.Solutions = c.Token, solutions
			r, err := s.redeem(t.Context(), in)
			must(t, err)
			return r
		}

		easy, err := s.create(t.Context(), struct{}{})
		must(t, err)
		lightPass := redeem(easy, solve(easy))
		if !lightPass.Success || s.Check(current(), "") != nil {
			t.Error("without enforcement a token can be had, and none is asked for")
		}

		must(t, deployments.Change(t.Context(), func(s *deployment.Settings) { s.Auth.ChallengeRequired = true }))
		hard, err := s.create(t.Context(), struct{}{})
		must(t, err)
		if (hard.Challenge != Puzzle{50, 32, 4}) || hard.Expires != clock.Load()+solveTime.Milliseconds() {
			t.Fatalf("the challenge is %+v", hard)
		}
		solutions := solve(hard)
		pass := redeem(hard, solutions)
		if !pass.Success || pass.Expires != clock.Load()+passLife.Milliseconds() {
			t.Fatalf("a right solution: %+v", pass)
		}
		wrong := append([]int64{}, solutions...)
		wrong[49]++
		for name, r := range map[string]Redeemed{
			"a wrong part":        redeem(hard, wrong),
			"a part missing":      redeem(hard, solutions[:49]),
			"a part too many":     redeem(hard, append(solutions[:50:50], 1)),
			"nothing":             redeem(hard, nil),
			"of another":          redeem(easy, solutions),
			"a token not ours":    redeem(Challenge{Token: "x"}, solutions),
			"a pass for a puzzle": redeem(Challenge{Token: pass.Token}, solutions),
		} {
			if r.Success || r.Token != "" || r.Message == "" {
				t.Errorf("%s: %+v", name, r)
			}
		}
		for range 3 { // one pass is good for many requests
			must(t, s.Check(current(), pass.Token))
		}
		foreign := *current()
		foreign.ID++
		altered := []byte(pass.Token)
		altered[5] ^= 1
		for name, err := range map[string]error{
			"none":                  s.Check(current(), ""),
			"the puzzle":            s.Check(current(), hard.Token),
			"light work":            s.Check(current(), lightPass.Token),
			"altered":               s.Check(current(), string(altered)),
			"of another deployment": s.Check(&foreign, pass.Token),
		} {
			if !errors.Is(err, ErrFailed) {
				t.Errorf("%s: %v", name, err)
			}
		}
		clock.Add(solveTime.Milliseconds())
		if redeem(hard, solutions).Success {
			t.Error("a solution that came too late")
		}
		must(t, s.Check(current(), pass.Token))
		clock.Add((passLife - solveTime).Milliseconds())
		if err := s.Check(current(), pass.Token); !errors.Is(err, ErrFailed) {
			t.Errorf("a pass that has expired: %v", err)
		}
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
