package server_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/guildhall-id/guildhall/internal/api"
	"github.com/guildhall-id/guildhall/internal/config"
)

var update = flag.Bool("update", false, "write the generated documents of docs/ anew")

// TestGoldenDocuments compares the generated documents with what the code says
// now.
func TestGoldenDocuments(t *testing.T) {
	s, _ := newServer(t, "sqlite", nil)
	description, err := s.API.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"openapi.json":     string(description),
		"permissions.md":   api.PermissionTable(s.API.Operations()),
		"configuration.md": configurationPage(t),
	} {
		file := filepath.Join("..", "..", "docs", name)
		if *update {
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		written, err := os.ReadFile(file)
		if err != nil {
			t.Error(err)
		} else if string(written) != text {
			t.Errorf("docs/%s is not what the code says: run go test ./internal/server -run TestGoldenDocuments -update", name)
		}
	}
}

// configurationPage is docs/configuration.md, from the struct that is also the
// flags and the help.
func configurationPage(t *testing.T) string {
	t.Helper()
	var settings struct {
		config.Config `embed:""`
	}
	parser, err := kong.New(&settings, kong.Name("guildhall"), kong.DefaultEnvars("GUILDHALL"))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("# Settings\n\n" +
		"Every setting is a flag, an environment variable and a member of the settings file (`--config FILE`, YAML). A flag wins over\n" +
		"the environment, and that over the file. Lists are separated by commas. Generated from `internal/config`.\n\n" +
		"| flag | environment | default | meaning |\n|---|---|---|---|\n")
	for _, flag := range parser.Model.Flags {
		if flag.Name == "help" {
			continue
		}
		value := ""
		if flag.Default != "" {
			value = "`" + flag.Default + "`"
		}
		b.WriteString("| `--" + flag.Name + "` | `" + strings.Join(flag.Envs, "`, `") + "` | " + value + " | " + strings.ReplaceAll(flag.Help, "|", `\|`) + " |\n")
	}
	return b.String()
}
