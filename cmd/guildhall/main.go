// Guildhall is a self-hosted identity server for products that sell to
// companies: one binary, one file per subcommand.
package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/guildhall-id/guildhall/internal/config"
)

// commands are the subcommands; each is a file.
type commands struct {
	File kong.ConfigFlag `name:"config" placeholder:"FILE" env:"GUILDHALL_CONFIG" help:"Settings file in YAML; flags and environment win over it."`

	Serve   serveCommand   `cmd:"" help:"Run the server."`
	Demo    demoCommand    `cmd:"" help:"Run a server on throw-away data, filled with an example organization."`
	Migrate migrateCommand `cmd:"" help:"Bring the database schema up to date, and end."`
	Version versionCommand `cmd:"" help:"Print the version."`

	Deployment deploymentCommand `cmd:"" help:"Read and change what an operator decides: how people sign in, limits, pages."`
	Audit      auditCommand      `cmd:"" help:"Print who did what."`
	Waitlist   waitlistCommand   `cmd:"" help:"See who waits to sign up, and let them in."`

	BreachedPasswords breachedCommand `cmd:"" name:"breached-passwords" help:"Prepare a list of passwords that nobody may choose."`
}

// exitSettings is the exit code for wrong settings.
const exitSettings = 2

func main() {
	var c commands
	parser, err := kong.New(&c,
		kong.Name("guildhall"),
		kong.Description("Identity for products that sell to companies: people, organizations, workspaces, roles, invitations."),
		kong.UsageOnError(),
		kong.DefaultEnvars("GUILDHALL"),
		kong.Configuration(config.YAML),
		kong.BindTo(os.Stdout, (*io.Writer)(nil)),
		kong.Exit(func(code int) {
			if code != 0 {
				code = exitSettings
			}
			os.Exit(code)
		}),
	)
	if err != nil {
		panic(err) // the struct above is wrong
	}
	run, err := parser.Parse(os.Args[1:])
	parser.FatalIfErrorf(err)
	if err := run.Run(); err != nil {
		fail(err)
	}
}

// fail prints what is wrong, a sentence and a line each, and ends the program.
func fail(err error) {
	code := 1
	var settings settingsError
	if errors.As(err, &settings) {
		code = exitSettings
	}
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintln(os.Stderr, "guildhall:", strings.TrimSuffix(strings.TrimSpace(line), ".")+".")
	}
	os.Exit(code)
}

// settingsError marks an error as the settings' fault.
type settingsError struct{ error }

// newLogger writes to standard error: standard output is for results.
func newLogger(format string) *slog.Logger {
	if format == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, nil))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, nil))
}
