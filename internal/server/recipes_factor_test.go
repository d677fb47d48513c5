package server_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
)

// authenticator is one of a person, as its app has it.
type authenticator struct{ id, secret string }

// begins makes a new authenticator of a person.
func (w *world) begins(t *testing.T, who *person) authenticator {
	t.Helper()
	a := who.post(t, "/me/authenticator").must(t, http.StatusOK)
	return authenticator{a.text(t, "data.id"), a.text(t, "data.totp_secret")}
}

// twoCodes are those to verify an authenticator with.
func (a authenticator) twoCodes(t *testing.T) url.Values {
	t.Helper()
	args := form("authenticator_id", a.id)
	for _, ago := range []time.Duration{30 * time.Second, 0} {
		code, err := totp.GenerateCode(a.secret, time.Now().Add(-ago))
		if err != nil {
			t.Fatal(err)
		}
		args.Add("codes", code)
	}
	return args
}

// enrols gives a person a verified authenticator.
func (w *world) enrols(t *testing.T, who *person) authenticator {
	t.Helper()
	made := w.begins(t, who)
	who.send(t, split(http.MethodPost, "/me/authenticator/attempt-verification", made.twoCodes(t))).must(t, http.StatusOK)
	return made
}

func verifyAuthenticator(t *testing.T, s *stage, c caller) try {
	who := s.newcomer(t, c)
	if who.id == "" {
		return try{args: form("authenticator_id", "1", "codes", "000000", "codes", "000001"), from: who.browser}
	}
	return try{args: s.begins(t, who).twoCodes(t), from: who.browser}
}

func deleteAuthenticator(t *testing.T, s *stage, c caller) try {
	who := s.newcomer(t, c)
	if who.id == "" {
		return try{args: form("id", "1"), from: who.browser}
	}
	return try{args: form("id", s.enrols(t, who).id), from: who.browser}
}

// ofEnrolled is about a newcomer with an authenticator.
func ofEnrolled(t *testing.T, s *stage, c caller) try {
	who := s.newcomer(t, c)
	if who.id != "" {
		s.enrols(t, who)
	}
	return try{from: who.browser}
}
