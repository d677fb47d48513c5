package server_test

import (
	"bytes"
	"image"
	"image/png"
	"net/http"
	"net/url"
	"testing"
)

// newcomer is a person of their own for one call that changes an account, or
// the browser of a caller who is nobody.
func (s *stage) newcomer(t *testing.T, c caller) *person {
	t.Helper()
	if c.person == nil {
		return &person{browser: c.browser.copy()}
	}
	return s.world.person(t, "Nico Newcomer")
}

func ofNewcomer(members ...string) func(*testing.T, *stage, caller) try {
	return func(t *testing.T, s *stage, c caller) try {
		return try{args: form(members...), from: s.newcomer(t, c).browser}
	}
}

func updateUser(t *testing.T, s *stage, c caller) try {
	who, args := s.newcomer(t, c), form("first_name", "Nicola", "second_factor_policy", "none")
	if who.id != "" {
		args.Set("primary_email_address_id", who.get(t, "/me/email-addresses").must(t, http.StatusOK).text(t, "data.0.id"))
	}
	return try{args: args, from: who.browser}
}

func uploadPicture(t *testing.T, s *stage, c caller) try {
	return try{file: map[string][]byte{"file": onePicture(t)}, from: s.newcomer(t, c).browser}
}

// onePicture is a small one.
func onePicture(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 8, 8))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// signOutElsewhere ends the caller's sign-in of another browser.
func signOutElsewhere(t *testing.T, s *stage, c caller) try {
	if c.person == nil {
		return try{args: form("id", "1")}
	}
	return try{args: form("id", s.again(t, c).get(t, "/session").text(t, "data.active_signin.id"))}
}

func addAddress(t *testing.T, s *stage, c caller) try {
	return try{args: form("email", s.newEmail("second")), from: s.newcomer(t, c).browser}
}

// The steps of an address.
const (
	unverified = iota
	coded
	verified
)

// ofAddress is about the second address of a newcomer, which has come to a
// step.
func ofAddress(step int) func(*testing.T, *stage, caller) try {
	return func(t *testing.T, s *stage, c caller) try {
		who := s.newcomer(t, c)
		if who.id == "" {
			return try{args: form("id", "1"), from: who.browser}
		}
		email := s.newEmail("second")
		args := form("id", who.post(t, "/me/email-addresses", "email", email).must(t, http.StatusOK).text(t, "data.id"))
		path := "/me/email-addresses/" + args.Get("id")
		if step >= coded {
			who.post(t, path+"/prepare-verification").must(t, http.StatusOK)
			args.Set("code", s.mailTo(t, email, "verification_code").Code)
		}
		if step >= verified {
			who.post(t, path+"/attempt-verification", "code", args.Get("code")).must(t, http.StatusOK)
			args.Del("code")
		}
		return try{args: args, from: who.browser}
	}
}

// verifyMagicLink opens a mailed link in the browser that asked for it.
func verifyMagicLink(t *testing.T, s *stage, c caller) try {
	from, before := s.again(t, c), s.mails(t, s.spare.email, "magic_link")
	a := from.post(t, "/auth/signin", "strategy", "magic_link", "email", s.spare.email).must(t, http.StatusOK)
	attempt := a.text(t, "data.signin_attempts.-1.id")
	from.post(t, "/auth/prepare-verification?strategy=magic_link&attempt_identifier="+attempt).must(t, http.StatusOK)
	letter := s.mailAfter(t, s.spare.email, "magic_link", before)
	for _, link := range letter.Links {
		if u, err := url.Parse(link); err == nil && u.Query().Get("attempt") == attempt {
			return try{args: form("token", u.Query().Get("token"), "attempt", attempt), from: from}
		}
	}
	t.Fatalf("the mail has no link to sign in: %q", letter.Links)
	return try{}
}

// resetPassword is about a newcomer's password: a reset signs out everywhere.
func resetPassword(t *testing.T, s *stage, c caller) try {
	from, email := s.again(t, c), s.world.person(t, "Flo Forgetful").email
	from.post(t, "/auth/forgot-password", "email", email).must(t, http.StatusOK)
	code := s.mailTo(t, email, "password_reset").Code
	token := from.post(t, "/auth/forgot-password", "email", email, "otp", code).must(t, http.StatusOK).text(t, "data.token")
	s.secrets.learn("reset token", token)
	return try{args: form("token", token, "password", password+", forgotten"), from: from}
}
