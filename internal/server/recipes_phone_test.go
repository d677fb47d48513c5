package server_test

import (
	"fmt"
	"net/http"
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

// ofPhone is about a number of a newcomer, which has come to a step.
func ofPhone(step int) func(*testing.T, *stage, caller) try {
	return func(t *testing.T, s *stage, c caller) try {
		who := s.newcomer(t, c)
		if who.id == "" {
			return try{args: form("id", "1"), from: who.browser}
		}
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
		return try{args: args, from: who.browser}
	}
}
