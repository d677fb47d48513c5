package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/guildhall-id/guildhall/internal/config"
)

// parse reads settings as the program does.
func parse(t *testing.T, file string, args ...string) (config.Config, error) {
	t.Helper()
	var c struct {
		File kong.ConfigFlag `name:"config"`
		config.Config
	}
	options := []kong.Option{kong.DefaultEnvars("GUILDHALL"), kong.Configuration(config.YAML), kong.Exit(func(int) { t.Fatal("exited") })}
	if file != "" {
		path := filepath.Join(t.TempDir(), "guildhall.yaml")
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--config", path)
	}
	parser, err := kong.New(&c, options...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(args); err != nil {
		return c.Config, err
	}
	return c.Config, c.Settle()
}

func keyFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret.key")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const goodKey = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"

// R13: every mistake is said, one sentence each, naming the setting and
// repeating no secret.
func TestMistakesAreSaid(t *testing.T) {
	tests := map[string]struct {
		file  string
		args  []string
		wants []string
	}{
		"an unknown flag":             {"", []string{"--lisen=:1"}, []string{"--lisen"}},
		"an unknown setting":          {"lisen: :1\n", nil, []string{"lisen"}},
		"a secret in a list":          {"sms-webhook-secret: [whsec_hunter2]\n", nil, []string{"sms-webhook-secret"}},
		"a secret in a group":         {"smtp-url: {password: hunter2}\nlisen: x\n", nil, []string{"smtp-url"}},
		"a list of groups":            {"allowed-origins: [{hunter2: x}]\n", nil, []string{"allowed-origins"}},
		"a line without a colon":      {"smtp-url hunter2\n", nil, []string{"YAML"}},
		"a setting twice":             {"smtp-url: smtp://x:hunter2@y\nsmtp-url: z\n", nil, []string{"YAML"}},
		"a file that is not YAML":     {"listen: [", nil, []string{"YAML"}},
		"an unknown mode":             {"", []string{"--mode=test"}, []string{"--mode"}},
		"an address without port":     {"", []string{"--listen=localhost"}, []string{"--listen"}},
		"a public URL with a path":    {"", []string{"--public-url=https://id.example.com/x"}, []string{"--public-url"}},
		"an origin without scheme":    {"", []string{"--allowed-origins=app.example.com"}, []string{"--allowed-origins"}},
		"cookies of another domain":   {"", []string{"--public-url=https://id.example.com", "--cookie-domain=ample.com"}, []string{"--cookie-domain"}},
		"cookies for everybody":       {"", []string{"--public-url=https://id.example.com", "--cookie-domain=com"}, []string{"--cookie-domain"}},
		"cookies of an address":       {"", []string{"--public-url=http://127.0.0.1:8080", "--cookie-domain=0.0.1"}, []string{"--cookie-domain"}},
		"cookies without a host":      {"", []string{"--cookie-domain=example.com"}, []string{"--cookie-domain"}},
		"a proxy without prefix":      {"", []string{"--trusted-proxies=10.0.0.1"}, []string{"--trusted-proxies"}},
		"another database":            {"", []string{"--database-url=mysql://root:hunter2@db/x"}, []string{"--database-url"}},
		"a port that is none":         {"", []string{"--listen=127.0.0.1:99999", "--ops-listen=127.0.0.1:eighty"}, []string{"--listen", "--ops-listen"}},
		"PostgreSQL without a port":   {"", []string{"--database-url=postgres://root:hunter2@db:x/x"}, []string{"--database-url"}},
		"a database without a file":   {"", []string{"--database-url=sqlite:"}, []string{"--database-url"}},
		"a key that is none":          {"", []string{"--secret-key-file=" + keyFile(t, "hunter2!"), "--mode=staging"}, []string{"--secret-key-file"}},
		"a file without places":       {"", []string{"--geoip-file=" + keyFile(t, "not places")}, []string{"--geoip-file"}},
		"no file of places":           {"", []string{"--geoip-file=/nowhere/places.mmdb"}, []string{"--geoip-file"}},
		"three mistakes":              {"", []string{"--mode=test", "--listen=x", "--mail=never"}, []string{"--mode", "--listen", "--mail"}},
		"production with nothing":     {"", []string{"--mode=production"}, []string{"--public-url", "--smtp-url", "--secret-key-file"}},
		"a key file that is absent":   {"", []string{"--mode=production", "--public-url=https://x.example", "--mail=none", "--secret-key-file=/nowhere/key"}, []string{"--secret-key-file"}},
		"a list that is absent":       {"", []string{"--breached-passwords-file=/nowhere/list"}, []string{"--breached-passwords-file"}},
		"a list that is none":         {"", []string{"--breached-passwords-file=" + keyFile(t, "hunter2\n")}, []string{"--breached-passwords-file"}},
		"a sender without address":    {"", []string{"--mail-from=Guildhall"}, []string{"--mail-from"}},
		"a mail server that is none":  {"", []string{"--smtp-url=ana:hunter2@mail.example"}, []string{"--smtp-url"}},
		"a gateway without secret":    {"", []string{"--sms-webhook-url=https://sms.example/send"}, []string{"--sms-webhook-secret"}},
		"a secret without gateway":    {"", []string{"--sms-webhook-secret=whsec_hunter2"}, []string{"--sms-webhook-url"}},
		"a secret that is too short":  {"", []string{"--sms-webhook-url=https://sms.example/?key=hunter2", "--sms-webhook-secret=whsec_aHVudGVyMg=="}, []string{"--sms-webhook-url"}},
		"a gateway of another scheme": {"", []string{"--sms-webhook-url=ftp://x:hunter2@sms.example", "--sms-webhook-secret=whsec_" + strings.TrimSpace(goodKey)}, []string{"--sms-webhook-url"}},
		"a key that is too short":     {"", []string{"--mode=production", "--public-url=https://x.example", "--mail=none", "--secret-key-file=" + keyFile(t, "AAEC\n")}, []string{"--secret-key-file"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := parse(t, tt.file, tt.args...)
			if err == nil {
				t.Fatal("nothing was said")
			}
			for _, want := range tt.wants {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not name %s", err, want)
				}
			}
			if lines := strings.Count(err.Error(), "\n") + 1; lines != len(tt.wants) {
				t.Errorf("%d lines for %d mistakes: %q", lines, len(tt.wants), err)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%q repeats a secret", err)
			}
		})
	}
}

func TestNothingIsNeededInStaging(t *testing.T) {
	c, err := parse(t, "")
	if err != nil || c.DatabaseURL != "sqlite:guildhall-data/guildhall.db" || c.Limits != config.Staging {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestFlagsWinOverEnvironmentOverFile(t *testing.T) {
	t.Setenv("GUILDHALL_LISTEN", "127.0.0.1:2")
	t.Setenv("GUILDHALL_MAIL_FROM", "env@example.com")
	c, err := parse(t, "listen: 127.0.0.1:1\nmail-from: file@example.com\nlog-format: json\nallowed-origins: [https://A.example.com/]\n", "--listen=127.0.0.1:3")
	if err != nil || c.Listen != "127.0.0.1:3" || c.MailFrom != "env@example.com" || c.LogFormat != "json" || len(c.AllowedOrigins) != 1 || c.AllowedOrigins[0] != "https://a.example.com" {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestCookieDomain(t *testing.T) {
	for _, domain := range []string{"example.com", ".Example.com", "id.example.com"} {
		c, err := parse(t, "cookie-domain: "+domain+"\n", "--public-url=https://id.example.com")
		if want := strings.ToLower(strings.TrimPrefix(domain, ".")); err != nil || c.CookieDomain != want {
			t.Errorf("%s: got %q, %v", domain, c.CookieDomain, err)
		}
	}
}

func TestGatewayOfTextMessages(t *testing.T) {
	t.Setenv("GUILDHALL_SMS_WEBHOOK_SECRET", "whsec_"+strings.TrimSpace(goodKey))
	c, err := parse(t, "sms-webhook-url: http://10.0.0.7:9000/send\n")
	if err != nil || c.SMSWebhookURL != "http://10.0.0.7:9000/send" || c.SMSWebhookSecret == "" {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestKeyFile(t *testing.T) {
	dir := t.TempDir()
	c, err := parse(t, "", "--data-dir="+dir)
	if err != nil {
		t.Fatal(err)
	}
	first, err := c.Key()
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(dir, "secret.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key file is %v, %v", info, err)
	}
	if again, err := c.Key(); err != nil || again != first {
		t.Errorf("the second start has another key: %v", err)
	}
	c, err = parse(t, "", "--mode=production", "--public-url=https://x.example", "--mail=none", "--secret-key-file="+keyFile(t, goodKey))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Key(); err != nil {
		t.Error(err)
	}
}
