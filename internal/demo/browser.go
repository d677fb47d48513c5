package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"
)

// browser is a client with cookies of its own.
type browser struct {
	origin string
	http   http.Client
}

func newBrowser(origin string) (*browser, error) {
	jar, err := cookiejar.New(nil)
	return &browser{origin: origin, http: http.Client{Jar: jar, Timeout: 10 * time.Second}}, err
}

// session is the value of the browser's session cookie.
func (b *browser) session() string {
	u, err := url.Parse(b.origin)
	if err != nil {
		return ""
	}
	for _, cookie := range b.http.Jar.Cookies(u) {
		if cookie.Name == "session_id" {
			return cookie.Value
		}
	}
	return ""
}

// get and post decode the data of the answer's envelope into data.
func (b *browser) get(ctx context.Context, path string, data any) error {
	return b.call(ctx, http.MethodGet, path, nil, data)
}

func (b *browser) post(ctx context.Context, path string, form url.Values, data any) error {
	return b.call(ctx, http.MethodPost, path, form, data)
}

func (b *browser) call(ctx context.Context, method, path string, form url.Values, data any) error {
	envelope := struct {
		Data   json.RawMessage
		Errors []struct{ Code, Message string }
	}{}
	if err := b.fetch(ctx, method, path, form, &envelope); err != nil {
		return err
	}
	if len(envelope.Errors) > 0 {
		return fmt.Errorf("%s %s: %s (%s)", method, path, envelope.Errors[0].Message, envelope.Errors[0].Code)
	}
	if data == nil {
		return nil
	}
	return json.Unmarshal(envelope.Data, data)
}

// fetch decodes the whole answer.
func (b *browser) fetch(ctx context.Context, method, path string, form url.Values, answer any) error {
	request, err := http.NewRequestWithContext(ctx, method, b.origin+path, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := b.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(answer); err != nil {
		return fmt.Errorf("%s %s: status %d: %w", method, path, response.StatusCode, err)
	}
	return nil
}

// message is a mail in the mailbox.
type message struct {
	To    string
	Kind  string
	Code  string
	Links []string
}

// How long and how often to look for mail.
const (
	mailPatience = 10 * time.Second
	mailInterval = 10 * time.Millisecond
)

var errNoMail = errors.New("the mail did not arrive in the mailbox")

// waitForMail reads the mailbox, of one address or all, until enough says so.
func waitForMail(ctx context.Context, b *browser, to string, enough func([]message) bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, mailPatience, errNoMail)
	defer cancel()
	for {
		var list []message
		if err := b.fetch(ctx, http.MethodGet, "/dev/mailbox/messages?to="+url.QueryEscape(to), nil, &list); err != nil {
			return err
		}
		if enough(list) {
			return nil
		}
		select {
		case <-time.After(mailInterval):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// registration is the sign-up form, filled in.
func (p person) registration() url.Values {
	return url.Values{"first_name": {p.first}, "last_name": {p.last}, "email": {p.email}, "password": {Password}}
}

// signUp makes an account with the code from the mail.
func signUp(ctx context.Context, origin string, p person) (*browser, error) {
	b, err := newBrowser(origin)
	if err != nil {
		return nil, err
	}
	if err := b.post(ctx, "/auth/signup", p.registration(), nil); err != nil {
		return nil, err
	}
	if err := b.post(ctx, "/auth/prepare-verification?identifier_type=signup&strategy=email_otp", nil, nil); err != nil {
		return nil, err
	}
	var code string
	err = waitForMail(ctx, b, p.email, func(list []message) bool {
		if len(list) > 0 {
			code = list[0].Code
		}
		return code != ""
	})
	if err != nil {
		return nil, err
	}
	return b, b.post(ctx, "/auth/attempt-verification?identifier_type=signup", url.Values{"verification_code": {code}}, nil)
}

// join makes an account with the link from the mail, which proves the address,
// and accepts the invitation.
func join(ctx context.Context, origin string, p person, token string) (*browser, error) {
	b, err := newBrowser(origin)
	if err != nil {
		return nil, err
	}
	form := p.registration()
	form.Set("invite_token", token)
	if err := b.post(ctx, "/auth/signup", form, nil); err != nil {
		return nil, err
	}
	var outcome struct {
		Organization *named
		Message      string
	}
	if err := b.post(ctx, "/organizations/invitations/accept", url.Values{"token": {token}}, &outcome); err != nil {
		return nil, err
	}
	if outcome.Organization == nil {
		return nil, errors.New(outcome.Message)
	}
	return b, nil
}
