package server_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/guildhall-id/guildhall/internal/deployment"
)

// flowWaitlist: who comes to the waiting list's page, joins, and signs up with
// the link that is mailed once the operator approves.
func flowWaitlist(t *testing.T, v *visitor) {
	v.w.during(t, func(to *deployment.Settings) { to.Restrictions.SignUpMode = deployment.SignUpWaitlist })
	wanda := newVisitor(t, v.w, v.office)
	if mode := wanda.call(http.MethodGet, "/deployment").text("restrictions.sign_up_mode"); mode != "waitlist" {
		t.Fatalf("the page shows the form of the mode %s", mode)
	}
	form := []string{"first_name", "Wanda", "last_name", "Waiting", "email", wanda.email}
	for range 2 {
		joined := wanda.post("/waitlist/join", form...)
		if joined.text("message") == "" || joined.text("entry.email_address") != wanda.email {
			t.Error("the page does not say that she waits")
		}
	}
	wanda.refused("/auth/signup", append(form, "password", password)...)
	v.w.approve(t, wanda.email)
	token := linkOf(t, v.office.find(t, wanda.email, 0, aLink)).Get("invite_token")
	if check := wanda.call(http.MethodGet, "/deployment/invitations/validate?token="+token); !check.flag("valid") || check.text("email") != wanda.email {
		t.Error("the form is not filled in")
	}
	done := wanda.enters("/auth/signup", append(form, "password", password, "invite_token", token)...).last("signup_attempts")
	if !done.flag("completed") || !wanda.signedIn() {
		t.Error("the link does not sign up")
	}
}

// flowRestricted: only invited people sign up, and with the token that managers
// see, which proves no mailbox, they enter a code.
func flowRestricted(t *testing.T, v *visitor) {
	v.w.during(t, func(to *deployment.Settings) { to.Restrictions.SignUpMode = deployment.SignUpRestricted })
	in := "/organizations/" + v.post("/organizations", "name", "Closed").text("organization.id") + "/invitations"
	ian := newVisitor(t, v.w, v.office)
	ian.refused("/auth/signup", "first_name", "Ian", "last_name", "Invited", "email", ian.email, "password", password, "invite_token", "")
	listed := v.post(in, "email", ian.email).text("token")
	if check := ian.call(http.MethodGet, "/deployment/invitations/validate?token="+listed); !check.flag("valid") || check.text("email") != ian.email {
		t.Error("the form is not filled in")
	}
	attempt := ian.enters("/auth/signup", "first_name", "Ian", "last_name", "Invited", "email", ian.email, "password", password, "invite_token", listed).last("signup_attempts")
	if attempt.flag("completed") || attempt.text("current_step") != "verify_email" {
		t.Fatal("a token that managers see proves the address")
	}
	ian.passStep(attempt)
	if name := ian.post("/organizations/invitations/accept", "token", listed).text("organization.name"); name != "Closed" {
		t.Errorf("joined %q", name)
	}
}

// flowChallenge: the button works once the widget has solved what it gets, even
// where nothing is asked for; where it is, one token serves all the screens.
func flowChallenge(t *testing.T, v *visitor) {
	other := v.elsewhere(t)
	other.solves()
	v.w.during(t, func(to *deployment.Settings) { to.Auth.ChallengeRequired = true })
	signIn := []string{"strategy", "email_otp", "email", v.email}
	other.refused("/auth/signin", append(signIn, "challenge_token", "")...)
	token := []string{"challenge_token", other.solves()}
	other.post("/auth/identify", append(token, "identifier", v.email)...)
	attempt := other.enters("/auth/signin", append(signIn, token...)...).last("signin_attempts")
	in, before := inAttempt(attempt, "signin"), v.office.number(v.email)
	other.refused("/auth/prepare-verification" + in + "&strategy=email_otp")
	other.post("/auth/prepare-verification"+in+"&strategy=email_otp", token...)
	if done := other.passes(in, v.office.find(t, v.email, before, aCode), "signin_attempts"); !done.flag("completed") || !other.signedIn() {
		t.Error("not signed in with a solved challenge")
	}
	other.post("/auth/forgot-password", "email", v.email) // never sends one
}

// solves is the widget of the form: without credentials, in answers without
// envelope. It gives the token that the form sends.
func (v *visitor) solves() string {
	v.t.Helper()
	widget := func(path string, sent any) seen {
		v.t.Helper()
		var body bytes.Buffer
		if sent != nil {
			json.NewEncoder(&body).Encode(sent)
		}
		answer, err := wire.Post(v.w.URL+path, encodedJSON, &body)
		if err != nil {
			v.t.Fatal(err)
		}
		defer answer.Body.Close()
		got := seen{v.t, path, map[string]any(nil)}
		if err := json.NewDecoder(answer.Body).Decode(&got.v); err != nil {
			v.t.Fatal(err)
		}
		return got
	}
	got := widget("/captcha/challenge", nil)
	kind[float64](got.at("expires"))
	number := func(name string) int { return int(kind[float64](got.at("challenge." + name))) }
	solutions := make([]int, number("c"))
	for i := range solutions {
		seed := got.text("token") + strconv.Itoa(i+1)
		solutions[i] = solvePart(capDigits(seed, number("s")), capDigits(seed+"d", number("d")))
	}
	redeemed := widget("/captcha/redeem", map[string]any{"token": got.text("token"), "solutions": solutions})
	if !redeemed.flag("success") {
		v.t.Fatal("the solution is not taken")
	}
	kind[float64](redeemed.at("expires"))
	return redeemed.text("token")
}

// capDigits is prng of the contract's section 5.6, as the widget computes it.
func capDigits(seed string, length int) string {
	state := uint32(2166136261)
	for _, c := range []byte(seed) {
		state ^= uint32(c)
		state += state<<1 + state<<4 + state<<7 + state<<8 + state<<24
	}
	var digits strings.Builder
	for digits.Len() < length {
		state ^= state << 13
		state ^= state >> 17
		state ^= state << 5
		fmt.Fprintf(&digits, "%08x", state)
	}
	return digits.String()[:length]
}

// solvePart counts until the hexadecimal digits of a hash begin with target.
func solvePart(salt, target string) int {
	text := []byte(salt)
	for n := 0; ; n++ {
		sum, same := sha256.Sum256(strconv.AppendInt(text, int64(n), 10)), 0
		for same < len(target) && target[same] == "0123456789abcdef"[sum[same/2]>>(4-4*(same%2))&15] {
			same++
		}
		if same == len(target) {
			return n
		}
	}
}
