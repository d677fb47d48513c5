package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/guildhall-id/guildhall/internal/config"
	"github.com/guildhall-id/guildhall/internal/demo"
	"github.com/guildhall-id/guildhall/internal/server"
)

type demoCommand struct {
	Listen      string `default:"127.0.0.1:8080" help:"Address of the public listener; port 0 takes any free one."`
	DatabaseURL string `help:"An empty database to fill, as postgres://USER@HOST/NAME. Default: SQLite, thrown away at the end."`
	JSON        bool   `name:"json" help:"Print one line of JSON when ready: addresses, ids and session cookies."`
	LogFormat   string `default:"text" enum:"text,json" help:"text or json."`
}

// Run serves an example organization until SIGINT or SIGTERM, and leaves
// nothing behind but what it wrote to a database that was named.
func (c *demoCommand) Run() (err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir, err := os.MkdirTemp("", "guildhall-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	settings := c.settings(dir)
	if err := settings.Settle(); err != nil {
		return settingsError{err}
	}
	s, err := server.Start(ctx, server.Options{Config: settings, Logger: newLogger(c.LogFormat), Version: version()})
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("--listen: %s is in use by another program; choose another address, or port 0 for any free one", c.Listen)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Stop(context.Background())) }()

	result, err := demo.Fill(ctx, s.URL, s.Deployment.PublishableKey())
	if ctx.Err() != nil {
		return nil // ended before it was full
	}
	if err != nil {
		return err
	}
	if err := c.print(result); err != nil {
		return err
	}
	err = s.Wait(ctx)
	stop() // a second signal ends at once
	return err
}

func (c *demoCommand) settings(dir string) config.Config {
	return config.Config{
		Listen: c.Listen, OpsListen: "127.0.0.1:0", DataDir: filepath.Join(dir, "data"), DatabaseURL: c.DatabaseURL,
		Mode: config.Staging, Mail: config.Auto, MailFrom: "Guildhall <no-reply@localhost.localdomain>",
		LogFormat: c.LogFormat, Limits: config.Auto,
	}
}

func (c *demoCommand) print(r demo.Result) error {
	if c.JSON {
		return json.NewEncoder(os.Stdout).Encode(r)
	}
	_, err := fmt.Printf(`Guildhall is ready at %[1]s, with the organization "Acme": 20 members, 3 workspaces, 12 pending invitations.

The pending invitations, as the owner sees them:

  curl -b session_id=%[2]s %[1]s/organizations/%[3]s/invitations

  mail             %[4]s
  publishable key  %[5]s
  accounts         owner@, admin@, member@acme.example, outsider@example.com; password: %[6]s

%[7]s
`, r.URL, r.Sessions.Owner, r.OrganizationID, r.MailboxURL, r.PublishableKey, demo.Password, c.afterwards())
	return err
}

// afterwards says what remains.
func (c *demoCommand) afterwards() string {
	if c.DatabaseURL != "" {
		return "Ctrl-C stops it. The database stays as it is then."
	}
	return "Ctrl-C stops it and throws everything away."
}
