package server_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
)

// newPhone is a number that nobody has yet.
func (w *world) newPhone() string {
	w.people++
	return fmt.Sprintf("+4179%07d", w.people)
}

func addPhone(t *testing.T, s *stage, c caller) try {
	return try{args: form("phone_number", s.newPhone(), "country_code", "+41"), from: s.newcomer(t, c).browser}
}

// claimPhone has somebody claim a number and come to a step with it.
func (s *stage) claimPhone(t *testing.T, who *person, step int) url.Values {
	t.Helper()
	number := s.newPhone()
	args := form("id", who.post(t, "/me/phone-numbers", "phone_number", number).must(t, http.StatusOK).text(t, "data.id"))
	path := "/me/phone-numbers/" + args.Get("id")
	if step >= coded {
		who.post(t, path+"/prepare-verification").must(t, http.StatusOK)
		args.Set("code", s.mailTo(t, number, "verification_code").Code)
	}
	if step >= verified {
		who.post(t, path+"/attempt-verification", "code", args.Get("code")).must(t, http.StatusOK)
		args.Del("code")
	}
	return args
}

// ofPhone is about a number of a newcomer, which has come to a step.
func ofPhone(step int) func(*testing.T, *stage, caller) try {
	return func(t *testing.T, s *stage, c caller) try {
		who := s.newcomer(t, c)
		if who.id == "" {
			return try{args: form("id", "1"), from: who.browser}
		}
		return try{args: s.claimPhone(t, who, step), from: who.browser}
	}
}

// ofSecondPhone is about a verified number that is not the primary one.
func ofSecondPhone(t *testing.T, s *stage, c caller) try {
	who := s.newcomer(t, c)
	if who.id == "" {
		return try{args: form("id", "1"), from: who.browser}
	}
	s.claimPhone(t, who, verified)
	return try{args: s.claimPhone(t, who, verified), from: who.browser}
}
