package server_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/guildhall-id/guildhall/internal/config"
	"github.com/guildhall-id/guildhall/internal/platform/database/databasetest"
)

// A code reaches the operator's gateway, signed, and nobody finds it in the
// mailbox.
func TestCodesGoToTheGateway(t *testing.T) {
	for _, dialect := range databasetest.Dialects() {
		t.Run(string(dialect), func(t *testing.T) {
			secret := "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("s", 32)))
			signer, err := webhooks.NewWebhook(secret)
			if err != nil {
				t.Fatal(err)
			}
			codes := make(chan string, 1)
			gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				var text struct{ To, Code, Body string }
				raw, _ := io.ReadAll(r.Body)
				if err := signer.Verify(raw, r.Header); err != nil {
					t.Errorf("the signature: %v", err)
				}
				if err := json.Unmarshal(raw, &text); err != nil || text.To != "+41791234567" || !strings.Contains(text.Body, text.Code) {
					t.Errorf("the gateway got %s (%v)", raw, err)
				}
				codes <- text.Code
			}))
			t.Cleanup(gateway.Close)
			w := &world{secrets: &secrets{}}
			w.Server, w.log = newServer(t, dialect, func(c *config.Config) {
				offerAll(t)(c)
				c.SMSWebhookURL, c.SMSWebhookSecret = gateway.URL, secret
			})
			w.documents = readDescriptions(t, w.API)
			ana := w.person(t, "Ana")
			number := ana.post(t, "/me/phone-numbers", "phone_number", "079 123 45 67", "country_code", "41").must(t, http.StatusOK).text(t, "data.id")
			ana.post(t, "/me/phone-numbers/"+number+"/prepare-verification").must(t, http.StatusOK)
			select {
			case code := <-codes:
				ana.post(t, "/me/phone-numbers/"+number+"/attempt-verification", "code", code).must(t, http.StatusOK)
			case <-time.After(10 * time.Second):
				t.Fatal("the gateway got nothing")
			}
			if got := ana.get(t, "/me").text(t, "data.primary_phone_number.phone_number"); got != "+41791234567" {
				t.Errorf("her number is %s", got)
			}
			if found := w.letters(t, "+41791234567"); len(found) != 0 {
				t.Errorf("the mailbox has %+v", found)
			}
		})
	}
}

// In production without a gateway the server says at its start that codes
// cannot reach telephones.
func TestProductionWithoutGatewayIsWarned(t *testing.T) {
	for name, change := range map[string]func(*config.Config){
		"telephones are asked for":     offerAll(t),
		"telephones are not asked for": func(*config.Config) {},
	} {
		_, log := newServer(t, "sqlite", func(c *config.Config) {
			change(c)
			if _, err := c.Key(); err != nil { // staging makes one
				t.Fatal(err)
			}
			c.PublicURL, c.Mail, c.Mode = "https://id.example.com", config.NoMail, config.Production
		})
		warned := strings.Contains(log.String(), "--sms-webhook-url")
		if warned != (name == "telephones are asked for") {
			t.Errorf("%s: warned is %v", name, warned)
		}
	}
}
