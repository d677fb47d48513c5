package signin

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/api"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/session"
	"github.com/guildhall-id/guildhall/internal/user"
)

// resident is somebody with an account, and what they hold in their hands.
type resident struct {
	id                     id.User
	email, username, phone string
	secret                 string   // of the authenticator
	spare                  []string // backup codes
}

// everything offers every way to sign in that there is.
func (o *door) everything() {
	o.change(func(s *deployment.Settings) {
		a := &s.Auth
		a.Username.Enabled, a.PhoneNumber.Enabled, a.BackupCode.Enabled, a.MagicLink.Enabled = true, true, true, true
		f := &a.FactorsEnabled
		f.UsernamePassword, f.EmailMagicLink, f.PhoneOTP, f.BackupCode, f.Authenticator = true, true, true, true, true
	})
}

// settle makes somebody with a username, a password and a proven address.
func (o *door) settle(name string) *resident {
	o.t.Helper()
	hash, err := o.passwords.Hash(o.t.Context(), password)
	must(o.t, err)
	r := &resident{email: name + "@example.com", username: name}
	ctx := o.as(&access.Caller{Deployment: o.d.ID})
	must(o.t, o.db.InTx(ctx, func(tx *database.Tx) (err error) {
		r.id, err = user.Create(ctx, tx, user.NewUser{
			Deployment: o.d.ID, FirstName: name, Username: name, UsernameKey: name, PasswordHash: hash,
			Email: user.Email(r.email), TypedEmail: r.email, Strategy: strategyCode,
		})
		return err
	}))
	return r
}

// withPhone gives a person a proven number.
func (o *door) withPhone(r *resident, number string) {
	o.t.Helper()
	phone, err := user.ParsePhone(number, "")
	must(o.t, err)
	ctx := context.Background()
	must(o.t, o.db.InTx(ctx, func(tx *database.Tx) error {
		claim, err := user.ClaimPhone(ctx, tx, o.d.ID, r.id, phone)
		if err != nil {
			return err
		}
		return user.ProvePhone(ctx, tx, user.PhoneClaim{Deployment: o.d.ID, User: r.id, ID: claim, Phone: phone})
	}))
	r.phone = string(phone)
}

// signedIn is a browser in which a person is signed in with the password alone,
// whatever the policy says.
func (o *door) signedIn(r *resident) *access.Caller {
	o.t.Helper()
	c := o.browser()
	must(o.t, o.db.InTx(o.as(c), func(tx *database.Tx) error {
		browser, err := o.sessions.Begin(o.as(c), tx, c, o.d)
		if err != nil {
			return err
		}
		_, err = o.sessions.SignIn(o.as(c), tx, c, o.d, browser, r.id, strategyPassword)
		return err
	}))
	return c
}

// always is an authenticator of requests that knows the caller.
type always struct{ c *access.Caller }

func (a always) Authenticate(*http.Request, access.Tenant, bool) (*access.Caller, error) {
	return a.c, nil
}

func (a always) Deliver(http.ResponseWriter, *http.Request, *access.Caller) {}

// ask sends a form to an operation of second factors and reads the answer.
func (o *door) ask(c *access.Caller, path string, form url.Values, data any) int {
	o.t.Helper()
	server, err := api.New(api.Options{Operations: o.factors.Operations(), Authenticator: always{c}})
	must(o.t, err)
	r := httptest.NewRequest("POST", path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	server.ServeHTTP(w, r)
	if w.Code == http.StatusOK && data != nil {
		must(o.t, json.Unmarshal(w.Body.Bytes(), &struct{ Data any }{data}))
	}
	return w.Code
}

// withAuthenticator has a person set an authenticator up, in a browser where
// they are signed in.
func (o *door) withAuthenticator(c *access.Caller, r *resident) {
	o.t.Helper()
	var made struct {
		ID     string `json:"id"`
		Secret string `json:"totp_secret"`
	}
	if status := o.ask(c, "/me/authenticator", nil, &made); status != http.StatusOK {
		o.t.Fatalf("a new authenticator: %d", status)
	}
	r.secret = made.Secret
	before := o.totp(r)
	o.clock.Add(30_000)
	if status := o.ask(c, "/me/authenticator/attempt-verification", url.Values{"authenticator_id": {made.ID}, "codes": {before, o.totp(r)}}, nil); status != http.StatusOK {
		o.t.Fatalf("its verification: %d", status)
	}
}

// withBackupCodes has a person make backup codes.
func (o *door) withBackupCodes(c *access.Caller, r *resident) {
	o.t.Helper()
	if status := o.ask(c, "/me/backup-codes", nil, &r.spare); status != http.StatusOK {
		o.t.Fatalf("backup codes: %d", status)
	}
}

// totp is what the person's authenticator shows.
func (o *door) totp(r *resident) string {
	o.t.Helper()
	code, err := totp.GenerateCode(r.secret, time.UnixMilli(o.clock.Load()))
	must(o.t, err)
	return code
}

func last(view session.View) session.SignInAttemptView {
	return view.SignInAttempts[len(view.SignInAttempts)-1]
}

// prepare has the code of an attempt sent.
func (o *door) prepare(c *access.Caller, strategy, lastDigits string) (Prepared, error) {
	return o.prepareVerification(o.as(c), prepareVerificationInput{Strategy: strategy, LastDigits: lastDigits})
}

// begin proves the first factor of a sign-in in whichever way.
func (o *door) begin(c *access.Caller, r *resident, method string) session.View {
	o.t.Helper()
	var in signInInput
	in.Body.Strategy = method
	switch method {
	case strategyPassword:
		in.Body.Email, in.Body.Password = r.email, password
	case strategyUsername:
		in.Body.Username, in.Body.Password = r.username, password
	case strategyPhone:
		in.Body.Phone = strings.TrimPrefix(r.phone, "+41")
	default:
		in.Body.Email = r.email
	}
	view, err := o.Service.signIn(o.as(c), in)
	must(o.t, err)
	switch method {
	case strategyCode, strategyPhone:
		_, err = o.prepare(c, method, "")
		must(o.t, err)
		to := r.email
		if method == strategyPhone {
			to = r.phone
		}
		view, err = o.enterCode(c, 0, o.mailed(to).Code)
		must(o.t, err)
	case strategyLink:
		_, err = o.prepare(c, method, "")
		must(o.t, err)
		link, err := url.Parse(o.mailed(r.email).Action.URL)
		must(o.t, err)
		view, err = o.open(c, link.Query())
		must(o.t, err)
	}
	return view
}

// noted is what a sign-in is on record for.
func (o *door) noted(c *access.Caller) (second, restricted string) {
	o.t.Helper()
	must(o.t, o.db.QueryRow(o.t.Context(), "SELECT second_factor, restricted_to FROM signins WHERE id = $1", int64(c.SignIn)).Scan(&second, &restricted))
	return second, restricted
}
