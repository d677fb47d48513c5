package mail

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/clock"
)

const (
	// gatewayDeadline bounds one try.
	gatewayDeadline = 10 * time.Second
	// maxAnswer is what is read of an answer, to use its connection again.
	maxAnswer = 1 << 20
)

// gateway hands text messages to a program of the operator, which knows how to
// reach telephones. It has no guard against private addresses: the operator
// says where it is, and beside the server is a good place.
type gateway struct {
	url    string
	signer *webhooks.Webhook
	client *http.Client
}

// ParseGateway takes the http or https address of a gateway for text messages
// and the secret that its requests are signed with ("whsec_" and 24 to 64 bytes
// in base64, as Standard Webhooks has it). Errors do not repeat the settings,
// which may hold passwords.
func ParseGateway(address, secret string) (Transport, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.Fragment != "" {
		return nil, errors.New("the address of the gateway has to begin with https:// or http://")
	}
	encoded, ok := strings.CutPrefix(secret, "whsec_")
	key, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(key) < 24 || len(key) > 64 {
		return nil, errors.New("the secret of the gateway has to be whsec_ and 24 to 64 bytes in base64")
	}
	signer, err := webhooks.NewWebhookRaw(key)
	if err != nil {
		return nil, err
	}
	return &gateway{u.String(), signer, &http.Client{
		Timeout:       gatewayDeadline,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// textRequest is what the gateway gets, the same in every try. sent_at is when
// the message was written.
type textRequest struct {
	ID     id.Mail    `json:"id"`
	To     string     `json:"to"`
	Body   string     `json:"body"`
	Code   string     `json:"code"`
	Kind   string     `json:"kind"`
	SentAt clock.Time `json:"sent_at"`
}

// Send posts a message. Whatever the gateway says besides its status stays
// unread: it may repeat the message.
func (g *gateway) Send(ctx context.Context, m Rendered) error {
	body, err := json.Marshal(textRequest{m.ID, m.To, m.Text, m.Code, m.Kind, clock.At(m.Date)})
	if err != nil {
		return Permanent(err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, g.url, bytes.NewReader(body))
	if err != nil {
		return Permanent(errors.New("the address of the gateway is wrong"))
	}
	signature, err := g.signer.Sign(m.ID.String(), m.Tried, body)
	if err != nil {
		return Permanent(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "Guildhall")
	r.Header.Set(webhooks.HeaderWebhookID, m.ID.String())
	r.Header.Set(webhooks.HeaderWebhookTimestamp, strconv.FormatInt(m.Tried.Unix(), 10))
	r.Header.Set(webhooks.HeaderWebhookSignature, signature)
	answer, err := g.client.Do(r)
	if err != nil {
		var failed *url.Error // has the address, which may hold a password
		if errors.As(err, &failed) {
			err = failed.Err
		}
		return fmt.Errorf("reach the gateway: %w", err)
	}
	defer answer.Body.Close()
	io.Copy(io.Discard, io.LimitReader(answer.Body, maxAnswer))
	return taken(answer.StatusCode)
}

// taken is nil when a status says that the gateway has taken the message. It is
// worth another try when it says "later".
func taken(status int) error {
	err := fmt.Errorf("the gateway answers %d %s", status, http.StatusText(status))
	switch {
	case status >= 200 && status < 300:
		return nil
	case status >= 500, status == http.StatusTooManyRequests, status == http.StatusRequestTimeout:
		return err
	default:
		return Permanent(err)
	}
}
