package config_test

import (
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/guildhall-id/guildhall/internal/config"
)

// TestSourcesOfSettings: a flag wins over the environment, and that over the
// file; what none of them has is the default.
func TestSourcesOfSettings(t *testing.T) {
	t.Setenv("GUILDHALL_LISTEN", "environment:1")
	t.Setenv("GUILDHALL_OPS_LISTEN", "environment:2")
	var settings struct {
		config.Config `embed:""`
	}
	file, err := config.YAML(strings.NewReader("ops-listen: file:2\nlisten: file:1\nmode: production\n"))
	if err != nil {
		t.Fatal(err)
	}
	parser, err := kong.New(&settings, kong.DefaultEnvars("GUILDHALL"), kong.Resolvers(file))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse([]string{"--listen=flag:1"}); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ setting, got, want string }{
		{"listen", settings.Listen, "flag:1"},
		{"ops-listen", settings.OpsListen, "environment:2"},
		{"mode", settings.Mode, "production"},
		{"mail", settings.Mail, "auto"},
	} {
		if test.got != test.want {
			t.Errorf("%s is %s, want %s", test.setting, test.got, test.want)
		}
	}
}
