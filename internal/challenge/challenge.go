// Package challenge is the proof of work that sign-in forms solve before their
// button works, in the protocol of the Cap widget (contract section 5.6).
// Nothing is stored: what the server gives out is signed. A solved challenge
// is good for many requests until it expires.
package challenge

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"time"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/api"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/clock"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
	"github.com/guildhall-id/guildhall/internal/platform/secret"
)

// ErrFailed refuses a request without a solved challenge where the deployment
// asks for one.
var ErrFailed = fault.New(fault.Invalid, "CHALLENGE_FAILED", "We could not check that you are a person. Reload the page and try again.")

// How long a challenge may take to solve, and how long its solution is good.
const (
	solveTime = 10 * time.Minute
	passLife  = 20 * time.Minute
)

// Service gives out challenges and checks their solutions.
type Service struct {
	db          *database.DB
	deployments *deployment.Service
	key         secret.Key
}

// NewService signs with a key derived from the server's.
func NewService(db *database.DB, deployments *deployment.Service, key secret.Key) *Service {
	return &Service{db: db, deployments: deployments, key: key.For("challenge")}
}

// Operations is what the widget of a sign-in form calls.
func (s *Service) Operations() []api.Operation {
	return []api.Operation{
		{
			ID:      "CreateChallenge",
			Route:   "POST /captcha/challenge",
			Summary: "Get a proof of work to solve before signing in or up.",
			Access:  access.Anyone(),
			Bare:    true,
			Handle:  api.Handle(s.create),
		},
		{
			ID:      "RedeemChallenge",
			Route:   "POST /captcha/redeem",
			Summary: "Exchange the solution for a token that is good for 20 minutes.",
			Access:  access.Anyone(),
			Bare:    true,
			Handle:  api.Handle(s.redeem),
		},
	}
}

// Challenge is a puzzle. The client derives its parts from Token.
type Challenge struct {
	Challenge Puzzle `json:"challenge"`
	Token     string `json:"token"`
	Expires   int64  `json:"expires" doc:"Milliseconds of the epoch."`
}

func (s *Service) create(ctx context.Context, _ struct{}) (Challenge, error) {
	d, err := s.deployments.Current(ctx)
	if err != nil {
		return Challenge{}, err
	}
	t := token{kind: puzzleToken, expires: s.db.Now().Add(solveTime)}
	if d.Settings.Auth.ChallengeRequired {
		t.weight = heavy
	}
	return Challenge{Challenge: t.weight.puzzle(), Token: s.print(d.ID, t), Expires: int64(t.expires)}, nil
}

type redeemInput struct {
	Body struct {
		Token     string  `json:"token" maxLength:"200"`
		Solutions []int64 `json:"solutions" maxItems:"100"`
	}
}

// Redeemed is the token for a solution, or why there is none.
type Redeemed struct {
	Success bool   `json:"success"`
	Token   string `json:"token,omitempty"`
	Expires int64  `json:"expires,omitempty" doc:"Milliseconds of the epoch."`
	Message string `json:"message,omitempty"`
}

func (s *Service) redeem(ctx context.Context, in redeemInput) (Redeemed, error) {
	d, err := s.deployments.Current(ctx)
	if err != nil {
		return Redeemed{}, err
	}
	now := s.db.Now()
	t, ok := s.parse(d.ID, in.Body.Token)
	switch {
	case !ok || t.kind != puzzleToken || t.expires <= now:
		return Redeemed{Message: "Challenge invalid or expired"}, nil
	case !t.weight.puzzle().solved(in.Body.Token, in.Body.Solutions):
		return Redeemed{Message: "Invalid solution"}, nil
	}
	pass := token{kind: passToken, weight: t.weight, expires: now.Add(passLife)}
	return Redeemed{Success: true, Token: s.print(d.ID, pass), Expires: int64(pass.expires)}, nil
}

// Check is nil unless the deployment asks for a challenge and pass is not the
// token of a solved one: then it is ErrFailed.
func (s *Service) Check(d *deployment.Deployment, pass string) error {
	if !d.Settings.Auth.ChallengeRequired {
		return nil
	}
	t, ok := s.parse(d.ID, pass)
	if !ok || t.kind != passToken || t.weight != heavy || t.expires <= s.db.Now() {
		return ErrFailed
	}
	return nil
}

// token is what the server signs: a puzzle to solve, or the pass for a solved
// one.
type token struct {
	kind    byte
	weight  weight
	expires clock.Time
}

const (
	puzzleToken = 'c'
	passToken   = 'p'
)

// A token is printed as base64url of its kind, weight, expiry and sixteen
// random bytes, and the first 128 bits of an HMAC-SHA-256 over these and the
// deployment.
const (
	saltSize    = 16
	messageSize = 1 + 1 + 8 + saltSize
	macSize     = 16
)

func (s *Service) print(d id.Deployment, t token) string {
	b := append(make([]byte, 0, messageSize+macSize), t.kind, byte(t.weight))
	b = binary.BigEndian.AppendUint64(b, uint64(t.expires))
	b = b[:messageSize]
	rand.Read(b[messageSize-saltSize:])
	return base64.RawURLEncoding.EncodeToString(append(b, s.mac(d, b)...))
}

// parse accepts what print made, and nothing else.
func (s *Service) parse(d id.Deployment, text string) (t token, ok bool) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) != messageSize+macSize || !hmac.Equal(s.mac(d, b[:messageSize]), b[messageSize:]) {
		return t, false
	}
	return token{kind: b[0], weight: weight(b[1]), expires: clock.Time(binary.BigEndian.Uint64(b[2:]))}, true
}

func (s *Service) mac(d id.Deployment, message []byte) []byte {
	return s.key.Sign(binary.BigEndian.AppendUint64(message[:len(message):len(message)], uint64(d)))[:macSize]
}
