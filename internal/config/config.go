// Package config is the settings of the program: one struct that is flags,
// environment, file, help and docs/configuration.md. Everything that is wrong
// with it is said at once, one sentence each.
package config

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/guildhall-id/guildhall/internal/breach"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/mail"
	"github.com/guildhall-id/guildhall/internal/platform/place"
	"github.com/guildhall-id/guildhall/internal/platform/secret"
)

// Config are the settings of a server.
type Config struct {
	Listen                string   `default:"127.0.0.1:8080" help:"Address of the public listener."`
	OpsListen             string   `default:"127.0.0.1:8090" help:"Address of the operations listener: health, metrics, pprof. Keep it private."`
	PublicURL             string   `help:"Origin that browsers use, as https://id.example.com. Default: the public listener."`
	DataDir               string   `default:"./guildhall-data" help:"Folder for the SQLite database and the key file."`
	DatabaseURL           string   `help:"Database, as sqlite:PATH or postgres://USER@HOST/NAME. Default: SQLite in the data folder."`
	Mode                  string   `default:"staging" help:"staging or production: how browsers carry sessions, how strict the limits are, and whether mail is really sent."`
	AllowedOrigins        []string `help:"Origins of your applications that may call the API, as https://app.example.com. In staging, loopback origins are allowed too."`
	CookieDomain          string   `help:"Domain of the session cookies, as example.com: the servers of your application below it get them too, and can ask in a visitor's name. Name it before people sign in. Default: none, cookies are sent to the server's own host only."`
	TrustedProxies        []string `help:"Networks of proxies whose X-Forwarded-For is believed, as 10.0.0.0/8."`
	SMTPURL               string   `name:"smtp-url" help:"Mail server, as smtp://USER:PASSWORD@HOST:587 or smtps://HOST:465. In staging, mail goes to the built-in mailbox without one."`
	Mail                  string   `default:"auto" help:"auto sends to the mail server or the mailbox; none sends no mail at all."`
	MailFrom              string   `default:"Guildhall <no-reply@localhost.localdomain>" help:"Sender of mail."`
	SMSWebhookURL         string   `name:"sms-webhook-url" help:"Your gateway for text messages, as https://sms.example.com/send: each message is posted to it, signed (docs/text-messages.md). Private addresses are fine. In staging, text messages go to the built-in mailbox without one; in production they are refused."`
	SMSWebhookSecret      string   `name:"sms-webhook-secret" help:"Secret that the requests to the gateway are signed with: whsec_ and 24 to 64 bytes in base64."`
	SecretKeyFile         string   `help:"File with the server key, 32 bytes in base64. Default: secret.key in the data folder, made when missing in staging."`
	BreachedPasswordsFile string   `help:"File with breached passwords that nobody may choose: that of Have I Been Pwned (SHA-1, ordered by hash), or what guildhall breached-passwords build makes of it. Default: the most common passwords only."`
	GeoIPFile             string   `name:"geoip-file" help:"File with the places of internet addresses, in the MaxMind DB format (GeoLite2, DB-IP and the like), shown with sign-ins. Replaced by renaming, a new one is used within a minute. Without it, places stay empty."`
	LogFormat             string   `default:"text" help:"text or json."`
	Limits                string   `default:"auto" help:"Rate limits: production (strict), staging (wide), auto (those of the mode)."`
}

// The values of Mode, Mail and Limits.
const (
	Staging    = "staging"
	Production = "production"
	Auto       = "auto"
	NoMail     = "none"
)

// Settle fills in what follows from other settings and returns every mistake.
func (c *Config) Settle() error {
	var wrong []error
	say := func(setting, format string, args ...any) {
		wrong = append(wrong, fmt.Errorf("--%s "+format, append([]any{setting}, args...)...))
	}
	oneOf := func(setting, value string, values ...string) {
		if !slices.Contains(values, value) {
			say(setting, "is %q, but has to be one of: %s.", value, strings.Join(values, ", "))
		}
	}
	oneOf("mode", c.Mode, Staging, Production)
	oneOf("mail", c.Mail, Auto, NoMail)
	oneOf("limits", c.Limits, Auto, Staging, Production)
	oneOf("log-format", c.LogFormat, "text", "json")
	for _, l := range []struct{ setting, address string }{{"listen", c.Listen}, {"ops-listen", c.OpsListen}} {
		if _, port, err := net.SplitHostPort(l.address); err != nil || !isPort(port) {
			say(l.setting, "is %q, but has to be HOST:PORT.", l.address)
		}
	}
	c.settleOrigins(say)
	for _, network := range c.TrustedProxies {
		if _, err := netip.ParsePrefix(network); err != nil {
			say("trusted-proxies", "has %q, which is not a network like 10.0.0.0/8.", network)
		}
	}
	if c.GeoIPFile != "" {
		if err := place.Check(c.GeoIPFile); err != nil {
			say("geoip-file", "cannot be used: %v.", err)
		}
	}
	if address, err := DatabaseAddress(c.DataDir, c.DatabaseURL); err != nil {
		say("database-url", "%v.", err)
	} else {
		c.DatabaseURL = address
	}
	c.settleMail(say)
	c.settleTexts(say)
	if c.Mode == Production {
		c.settleProduction(say)
	}
	if c.SecretKeyFile == "" {
		c.SecretKeyFile = filepath.Join(c.DataDir, "secret.key")
	}
	if c.Mode == Staging { // where a missing one is made
		if _, err := readKey(c.SecretKeyFile); err != nil && !errors.Is(err, os.ErrNotExist) {
			say("secret-key-file", "cannot be used: %v.", err)
		}
	}
	if c.BreachedPasswordsFile != "" {
		if list, err := breach.Open(c.BreachedPasswordsFile, slog.New(slog.DiscardHandler)); err != nil {
			say("breached-passwords-file", "cannot be used: %v.", err)
		} else if err := list.Close(); err != nil {
			say("breached-passwords-file", "cannot be used: %v.", err)
		}
	}
	if c.Limits == Auto {
		c.Limits = c.Mode
	}
	return errors.Join(wrong...)
}

// DatabaseAddress is the address of a database, which is by default the SQLite
// file in the data folder.
func DatabaseAddress(dataDir, address string) (string, error) {
	if address == "" {
		return "sqlite:" + filepath.Join(dataDir, "guildhall.db"), nil
	}
	return address, database.CheckAddress(address)
}

// isPort reports whether a text is a port to listen at, by number or by name.
func isPort(text string) bool {
	_, err := net.LookupPort("tcp", text)
	return err == nil
}

func (c *Config) settleOrigins(say func(setting, format string, args ...any)) {
	if c.PublicURL != "" {
		if origin, err := parseOrigin(c.PublicURL); err != nil {
			say("public-url", "is %q, but has to be an origin like https://id.example.com, without path.", c.PublicURL)
		} else {
			c.PublicURL = origin
		}
	}
	for i, text := range c.AllowedOrigins {
		if origin, err := parseOrigin(text); err != nil {
			say("allowed-origins", "has %q, which is not an origin like https://app.example.com.", text)
		} else {
			c.AllowedOrigins[i] = origin
		}
	}
	if c.CookieDomain != "" {
		c.CookieDomain = strings.ToLower(strings.TrimPrefix(c.CookieDomain, "."))
		if u, err := url.Parse(c.PublicURL); err != nil || !covers(c.CookieDomain, u.Hostname()) {
			say("cookie-domain", "is %q, but has to be the host of --public-url or a domain above it, as example.com.", c.CookieDomain)
		}
	}
}

// covers reports whether browsers take cookies of a domain from a host (RFC
// 6265, section 5.1.3). One label is nobody's own domain.
func covers(domain, host string) bool {
	return strings.Contains(domain, ".") && net.ParseIP(host) == nil && (host == domain || strings.HasSuffix(host, "."+domain))
}

func (c *Config) settleMail(say func(setting, format string, args ...any)) {
	if err := mail.ParseSender(c.MailFrom); err != nil {
		say("mail-from", "is %q: %v.", c.MailFrom, err)
	}
	if c.SMTPURL != "" {
		if _, err := mail.ParseTransport(c.SMTPURL); err != nil {
			say("smtp-url", "cannot be used: %v.", err)
		}
	}
}

// settleTexts checks the gateway of text messages, which has a secret or is not
// there.
func (c *Config) settleTexts(say func(setting, format string, args ...any)) {
	switch {
	case c.SMSWebhookURL == "" && c.SMSWebhookSecret == "":
	case c.SMSWebhookURL == "":
		say("sms-webhook-url", "is missing: there is an --sms-webhook-secret without it.")
	case c.SMSWebhookSecret == "":
		say("sms-webhook-secret", "is missing: requests to the gateway of text messages are signed. Make one with: echo whsec_$(head -c 32 /dev/urandom | base64)")
	default:
		if _, err := mail.ParseGateway(c.SMSWebhookURL, c.SMSWebhookSecret); err != nil {
			say("sms-webhook-url", "cannot be used: %v.", err)
		}
	}
}

// settleProduction refuses what may be left out in staging only.
func (c *Config) settleProduction(say func(setting, format string, args ...any)) {
	if c.PublicURL == "" {
		say("public-url", "is missing: production needs the origin that browsers use.")
	}
	if c.SMTPURL == "" && c.Mail != NoMail {
		say("smtp-url", "is missing: production needs a mail server, or an explicit --mail=none.")
	}
	if c.SecretKeyFile == "" {
		say("secret-key-file", "is missing: production needs a key file, made with: head -c 32 /dev/urandom | base64 > secret.key")
	} else if _, err := readKey(c.SecretKeyFile); err != nil {
		say("secret-key-file", "cannot be used: %v.", err)
	}
}

// parseOrigin is scheme, host and port in their plain form.
func parseOrigin(text string) (string, error) {
	u, err := url.Parse(strings.TrimSuffix(text, "/"))
	if err != nil {
		return "", err
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return "", errors.New("not an origin")
	}
	return u.Scheme + "://" + strings.ToLower(u.Host), nil
}

// Key reads the server key. In staging a missing one is made, readable by its
// owner only.
func (c *Config) Key() (secret.Key, error) {
	key, err := readKey(c.SecretKeyFile)
	if err == nil || c.Mode == Production || !errors.Is(err, os.ErrNotExist) {
		return key, err
	}
	b := make([]byte, secret.KeySize)
	rand.Read(b)
	if err := os.MkdirAll(filepath.Dir(c.SecretKeyFile), 0o700); err != nil {
		return key, err
	}
	if err := os.WriteFile(c.SecretKeyFile, []byte(base64.StdEncoding.EncodeToString(b)+"\n"), 0o600); err != nil {
		return key, err
	}
	return secret.NewKey(b)
}

func readKey(path string) (secret.Key, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return secret.Key{}, err
	}
	b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		return secret.Key{}, fmt.Errorf("%s is not base64", path)
	}
	return secret.NewKey(b)
}
