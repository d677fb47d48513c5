package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/config"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/event"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/database/databasetest"
	"github.com/guildhall-id/guildhall/internal/platform/secret"
	"github.com/guildhall-id/guildhall/internal/server"
	"github.com/guildhall-id/guildhall/internal/user"
)

// eachPrepared runs body with the address of a database that has a deployment,
// for each engine.
func eachPrepared(t *testing.T, body func(t *testing.T, url string, db *database.DB)) {
	t.Helper()
	for _, dialect := range databasetest.Dialects() {
		t.Run(string(dialect), func(t *testing.T) {
			url := databasetest.EmptyURL(t, dialect)
			db, err := database.Open(t.Context(), url, database.Options{})
			check(t, err)
			t.Cleanup(func() { db.Close() })
			check(t, db.Migrate(t.Context()))
			check(t, db.Start(t.Context()))
			_, err = deployment.NewService(db, deployment.Staging, "http://127.0.0.1:8080", secret.Key{}).Ensure(t.Context(), "Acme")
			check(t, err)
			body(t, url, db)
		})
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// run is a command line, as typed, on a database.
func run(t *testing.T, url string, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	var c commands
	parser, err := kong.New(&c, kong.Configuration(config.YAML), kong.BindTo(&out, (*io.Writer)(nil)))
	check(t, err)
	parsed, err := parser.Parse(append(args, "--database-url="+url))
	check(t, err)
	err = parsed.Run()
	return out.String(), err
}

// refused fails the test unless a command was refused as wrong settings are,
// with some words.
func refused(t *testing.T, err error, words string) {
	t.Helper()
	var settings settingsError
	if !errors.As(err, &settings) || !strings.Contains(err.Error(), words) {
		t.Errorf("got %v, want code 2 and: %s", err, words)
	}
}

func TestDeploymentGetAndSet(t *testing.T) {
	eachPrepared(t, func(t *testing.T, url string, _ *database.DB) {
		all, err := run(t, url, "deployment", "get")
		var settings deployment.Settings
		if err != nil || json.Unmarshal([]byte(all), &settings) != nil || settings.Auth.FirstFactor != "email_password" {
			t.Fatalf("got %s, %v", all, err)
		}
		change := []string{"auth_settings.first_factor=email_otp", `auth_settings.alternate_first_factors=["email_password"]`, "b2b_settings.max_allowed_org_members=50"}
		const diff = "auth_settings.first_factor: \"email_password\" → \"email_otp\"\n" +
			"auth_settings.alternate_first_factors: [\"email_otp\"] → [\"email_password\"]\n" +
			"b2b_settings.max_allowed_org_members: 0 → 50\n"
		out, err := run(t, url, append([]string{"deployment", "set", "--dry-run"}, change...)...)
		if err != nil || out != diff+"Nothing was written (--dry-run).\n" {
			t.Errorf("dry run: %s, %v", out, err)
		}
		for _, want := range []string{"email_password\n", "email_otp\n"} {
			if out, err = run(t, url, "deployment", "get", "auth_settings.first_factor"); err != nil || out != want {
				t.Errorf("got %q, %v, want %q", out, err, want)
			}
			out, err = run(t, url, append([]string{"deployment", "set"}, change...)...)
			check(t, err)
		}
		if !strings.HasPrefix(out, "Nothing changes") {
			t.Errorf("the same again: %s", out)
		}
		if out, err = run(t, url, "deployment", "get", "auth_settings.alternate_first_factors"); err != nil || out != "[\n  \"email_password\"\n]\n" {
			t.Errorf("got %q, %v", out, err)
		}
		_, err = run(t, url, "deployment", "set", "ui_settings.support_page_url=https://acme.test/help?a=1&b=2")
		check(t, err)
		if out, err = run(t, url, "deployment", "get", "ui_settings.support_page_url"); err != nil || out != "https://acme.test/help?a=1&b=2\n" {
			t.Errorf("got %q, %v", out, err)
		}
		out, err = run(t, url, "deployment", "set", "--dry-run", "auth_settings.phone_number.enabled=true")
		if err != nil || !strings.Contains(out, "--sms-webhook-url") {
			t.Errorf("switching phone numbers on says %q, %v", out, err)
		}
		lines := events(t, url, "--name=deployment.*")
		if len(lines) != 2 || lines[0].Actor != nil || !strings.HasPrefix(lines[0].UserAgent, "guildhall deployment set") || lines[0].Subject == nil ||
			!strings.Contains(string(lines[0].Data), `"before":{"auth_settings.alternate_first_factors":["email_otp"]`) {
			t.Errorf("the audit has %+v", lines)
		}
	})
}

func TestDeploymentSetRefuses(t *testing.T) {
	eachPrepared(t, func(t *testing.T, url string, _ *database.DB) {
		for text, words := range map[string]string{
			"auth_settings.first_facto=email_otp":              "did you mean auth_settings.first_factor?",
			"auth_settings.first_factor":                       "has to be PATH=VALUE",
			"auth_settings.first_factor=magic":                 "has to be one of: email_password, username_password, email_otp, email_magic_link, phone_otp.",
			"auth_settings.first_factor=username_password":     "needs auth_settings.auth_factors_enabled.username_password",
			"maintenance_mode=perhaps":                         "has to be true or false.",
			"b2b_settings.max_allowed_org_members=-1":          "may not be negative.",
			"b2b_settings.default_org_member_role_id=12345678": "is not a role of the deployment.",
			"ui_settings.sign_in_page_url=/sign-in":            "has to be an absolute address",
		} {
			_, err := run(t, url, "deployment", "set", text)
			refused(t, err, words)
			if err != nil && strings.Contains(err.Error(), "\n") && text != "auth_settings.first_factor=username_password" {
				t.Errorf("%s is refused with more than a sentence: %v", text, err)
			}
		}
		_, err := run(t, url, "deployment", "set", "maintenance_mode=true", "maintenance_mode=false")
		refused(t, err, "given twice")
		_, err = run(t, url, "deployment", "get", "auth_settings.nothing")
		refused(t, err, "is not a setting")
		if lines := events(t, url); len(lines) != 0 {
			t.Errorf("what was refused is in the audit: %+v", lines)
		}
	})
}

// A server that runs on the same database follows within a second.
func TestDeploymentSetWhileServing(t *testing.T) {
	for _, dialect := range databasetest.Dialects() {
		t.Run(string(dialect), func(t *testing.T) {
			url := databasetest.EmptyURL(t, dialect)
			c := config.Config{
				Listen: "127.0.0.1:0", OpsListen: "127.0.0.1:0", DataDir: filepath.Join(t.TempDir(), "data"), DatabaseURL: url,
				Mode: config.Staging, Mail: config.Auto, MailFrom: "Guildhall <no-reply@localhost.localdomain>", LogFormat: "text", Limits: config.Auto,
			}
			check(t, c.Settle())
			s, err := server.Start(t.Context(), server.Options{Config: c, Logger: slog.New(slog.DiscardHandler), Version: "test"})
			check(t, err)
			t.Cleanup(func() { s.Stop(t.Context()) })
			appName := func() string {
				res, err := http.Get(s.URL + "/.well-known/meta")
				check(t, err)
				defer res.Body.Close()
				var meta struct {
					AppName string `json:"app_name"`
				}
				check(t, json.NewDecoder(res.Body).Decode(&meta))
				return meta.AppName
			}
			before := appName()
			_, err = run(t, url, "deployment", "set", "ui_settings.app_name=Acme")
			check(t, err)
			time.Sleep(time.Second)
			if after := appName(); before == "Acme" || after != "Acme" {
				t.Errorf("the name was %q and is %q", before, after)
			}
		})
	}
}

func TestAudit(t *testing.T) {
	eachPrepared(t, func(t *testing.T, url string, db *database.DB) {
		var ana, bo id.User
		write := func(f func(tx *database.Tx) error) { t.Helper(); check(t, db.InTx(t.Context(), f)) }
		deployments := deployment.NewService(db, deployment.Staging, "http://127.0.0.1:8080", secret.Key{})
		d, err := deployments.Current(t.Context())
		check(t, err)
		as := func(person id.User, agent string) *access.Caller {
			return &access.Caller{Deployment: d.ID, User: person, Client: access.Client{UserAgent: agent}}
		}
		person := func(email user.Email) (person id.User) {
			write(func(tx *database.Tx) (err error) {
				person, err = user.Create(access.WithCaller(t.Context(), as(0, "")), tx, user.NewUser{
					Deployment: d.ID, FirstName: "Ana", Email: email, TypedEmail: string(email), Strategy: "email_otp",
				})
				return err
			})
			return person
		}
		ana, bo = person("ana@acme.test"), person("bo@acme.test")
		write(func(tx *database.Tx) error {
			ctx := access.WithCaller(t.Context(), as(ana, "curl"))
			return errors.Join(
				event.Emit(ctx, tx, event.Event{Name: "organization.created", Organization: 5, Subject: 5}),
				event.Emit(ctx, tx, event.Event{Name: "organization.renamed", Organization: 5, Subject: 5, Data: map[string]string{"after": "\x1b[2J\u202eA<b>"}}),
			)
		})
		write(func(tx *database.Tx) error {
			_, err := tx.Exec(t.Context(), "UPDATE user_email_addresses SET ended_at = 1 WHERE user_id = $1", bo)
			return err
		})

		for args, want := range map[string]int{
			"": 4, "--organization=5": 2, "--organization=6": 0, "--person=" + ana.String(): 3, "--person=Ana@ACME.test": 3,
			"--person=bo@acme.test": 1, "--name=organization.created": 1, "--name=user.*": 2, "--since=1h": 4, "--until=1h": 0,
			"--since=2000-01-01T00:00:00Z --until=2d": 0, "--since=7d --person=ana@acme.test --organization=5": 2,
		} {
			if lines := events(t, url, strings.Fields(args)...); len(lines) != want {
				t.Errorf("%s: %d events", args, len(lines))
			}
		}
		last := events(t, url, "--name=organization.renamed")[0]
		if last.ActorEmail != "ana@acme.test" || *last.Actor != ana || *last.Organization != 5 || last.Workspace != nil || last.UserAgent != "curl" ||
			time.Since(last.CreatedAt.Time()).Abs() > time.Minute {
			t.Errorf("got %+v", last)
		}
		table, err := run(t, url, "audit")
		rows := strings.Split(strings.TrimSpace(table), "\n")
		if err != nil || len(rows) != 5 || !strings.HasPrefix(rows[0], "TIME") || !strings.Contains(rows[3], "organization.created  ") ||
			!strings.Contains(rows[3], "ana@acme.test") || strings.ContainsAny(table, "\x1b\u202e") {
			t.Errorf("the table is\n%s%v", table, err)
		}

		for args, words := range map[string]string{
			"--organization=acme": "--organization", "--organization=0": "--organization", "--since=yesterday": "--since", "--until=-1h": "--until",
			"--person=ana": "--person", "--name=*.created": "--name",
		} {
			_, err := run(t, url, "audit", args)
			refused(t, err, words)
		}
		if _, err := run(t, url, "audit", "--person=nobody@acme.test"); err == nil || errors.As(err, new(settingsError)) {
			t.Errorf("nobody: %v", err)
		}
	})
}

// events are what the audit prints for programs.
func events(t *testing.T, url string, args ...string) (lines []auditLine) {
	t.Helper()
	out, err := run(t, url, append([]string{"audit", "--json"}, args...)...)
	check(t, err)
	for line := range strings.Lines(out) {
		var parsed auditLine
		check(t, json.Unmarshal([]byte(line), &parsed))
		lines = append(lines, parsed)
	}
	return lines
}

// Beside no database there is nothing to read: none is made.
func TestCommandsNeedADatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "guildhall.db")
	for _, args := range [][]string{{"deployment", "get"}, {"deployment", "set", "maintenance_mode=true"}, {"audit"}, {"waitlist", "list"}, {"waitlist", "approve", "ana@acme.test"}} {
		_, err := run(t, "sqlite:"+path, args...)
		refused(t, err, "there is no database at "+path)
		_, err = run(t, "mysql://x", args...)
		refused(t, err, "--database-url")
	}
	for _, dialect := range databasetest.Dialects() {
		empty := databasetest.EmptyURL(t, dialect)
		db, err := database.Open(t.Context(), empty, database.Options{})
		check(t, err)
		check(t, db.Close())
		if _, err := run(t, empty, "deployment", "get"); err == nil || !strings.Contains(err.Error(), "not been prepared") {
			t.Errorf("%s: %v", dialect, err)
		}
	}
}
