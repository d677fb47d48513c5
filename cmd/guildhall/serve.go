package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/guildhall-id/guildhall/internal/config"
	"github.com/guildhall-id/guildhall/internal/server"
)

type serveCommand struct {
	config.Config `embed:""`
}

// Run serves until SIGINT or SIGTERM, and stops gracefully.
func (c *serveCommand) Run(line *kong.Context) error {
	if err := errors.Join(config.CheckEnvironment(line.Model, os.Environ()), c.Settle()); err != nil {
		return settingsError{err}
	}
	tuneRuntime()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	s, err := server.Start(ctx, server.Options{Config: c.Config, Logger: newLogger(c.LogFormat), Version: version()})
	if err != nil {
		return err
	}
	fmt.Printf("Guildhall is ready at %s (%s)\n", s.URL, c.Mode)
	fmt.Printf("  publishable key  %s\n", s.Deployment.PublishableKey())
	fmt.Printf("  mail             %s\n", mailPlace(c.Config, s.URL))
	fmt.Printf("  text messages    %s\n", textPlace(c.Config, s.URL))
	fmt.Printf("  data             %s\n", dataPlace(c.Config))
	fmt.Printf("  health, metrics  %s\n", s.OpsURL)
	err = s.Wait(ctx)
	stop() // a second signal ends at once
	if stopErr := s.Stop(context.Background()); err == nil {
		err = stopErr
	}
	return err
}

// mailPlace says where mail goes, without the password of the mail server.
func mailPlace(c config.Config, url string) string {
	switch {
	case c.Mail == config.NoMail:
		return "is not sent (--mail=none)"
	case c.SMTPURL != "":
		return "goes to the mail server"
	default:
		return url + "/dev/mailbox"
	}
}

// textPlace says where text messages go, without the address of the gateway,
// which may hold a password.
func textPlace(c config.Config, url string) string {
	switch {
	case c.SMSWebhookURL != "":
		return "go to the gateway"
	case c.Mode == config.Staging:
		return url + "/dev/mailbox"
	default:
		return "are refused (no --sms-webhook-url)"
	}
}

// dataPlace says where data is, without the password of the database.
func dataPlace(c config.Config) string {
	if len(c.DatabaseURL) > 7 && c.DatabaseURL[:7] == "sqlite:" {
		return c.DatabaseURL[7:]
	}
	return "PostgreSQL"
}
