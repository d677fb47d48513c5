package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/user"
	"strings"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
)

type deploymentCommand struct {
	Get deploymentGetCommand `cmd:"" help:"Print the settings, or one of them."`
	Set deploymentSetCommand `cmd:"" help:"Change settings. Running servers follow within a second."`
}

type deploymentGetCommand struct {
	databaseFlags `embed:""`
	Path          string `arg:"" optional:"" help:"A setting or a group, as auth_settings.first_factor. Default: all of them."`
}

// Run prints a text plainly and anything else as JSON.
func (c *deploymentGetCommand) Run(out io.Writer) (err error) {
	ctx := context.Background()
	db, _, current, err := c.deployments(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	value, err := current.Settings.At(c.Path)
	if err != nil {
		return settingsError{err}
	}
	var text string
	if json.Unmarshal(value, &text) != nil {
		var b bytes.Buffer
		if err := json.Indent(&b, value, "", "  "); err != nil {
			return err
		}
		text = b.String()
	}
	_, err = fmt.Fprintln(out, text)
	return err
}

type deploymentSetCommand struct {
	databaseFlags `embed:""`
	DryRun        bool     `env:"-" help:"Check and print the changes, and write nothing."`
	Settings      []string `arg:"" name:"path=value" help:"A setting and its new value, JSON or plain text, as auth_settings.first_factor=email_otp. Several are set together."`
}

// Run prints every change as old → new.
func (c *deploymentSetCommand) Run(out io.Writer) (err error) {
	list, err := assignments(c.Settings)
	if err != nil {
		return settingsError{err}
	}
	ctx := context.Background()
	db, service, current, err := c.deployments(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.Start(ctx); err != nil {
		return err
	}
	ctx = access.WithCaller(ctx, &access.Caller{
		Deployment: current.ID, Client: access.Client{UserAgent: "guildhall deployment set" + operator()},
	})
	set := service.Set
	if c.DryRun {
		set = service.Preview
	}
	changed, err := set(ctx, list)
	var wrong deployment.SettingsError
	if errors.As(err, &wrong) {
		return settingsError{err}
	}
	if err != nil {
		return err
	}
	return c.print(out, changed)
}

func (c *deploymentSetCommand) print(out io.Writer, changed []deployment.Difference) error {
	var b strings.Builder
	texts := false
	for _, d := range changed {
		fmt.Fprintf(&b, "%s: %s → %s\n", d.Path, d.Before, d.After)
		texts = texts || d.Path == "auth_settings.phone_number.enabled" && string(d.After) == "true"
	}
	if texts {
		b.WriteString("In production, codes reach telephones only with --sms-webhook-url: see docs/text-messages.md.\n")
	}
	switch {
	case len(changed) == 0:
		b.WriteString("Nothing changes: the settings have these values already.\n")
	case c.DryRun:
		b.WriteString("Nothing was written (--dry-run).\n")
	default:
		b.WriteString("Running servers use the new settings within a second.\n")
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// assignments reads PATH=VALUE texts.
func assignments(texts []string) (list []deployment.Assignment, err error) {
	seen := map[string]bool{}
	for _, text := range texts {
		path, value, ok := strings.Cut(text, "=")
		switch {
		case !ok || path == "":
			err = errors.Join(err, fmt.Errorf("%q has to be PATH=VALUE, as auth_settings.first_factor=email_otp", text))
		case seen[path]:
			err = errors.Join(err, fmt.Errorf("%s is given twice", path))
		}
		seen[path] = true
		list = append(list, deployment.Assignment{Path: path, Value: value})
	}
	return list, err
}

// operator is who is at the command line, as far as the system knows, for the
// audit.
func operator() string {
	if who, err := user.Current(); err == nil && who.Username != "" {
		return ", by " + who.Username
	}
	return ""
}
