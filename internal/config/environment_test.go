package config_test

import (
	"testing"

	"github.com/alecthomas/kong"

	"github.com/guildhall-id/guildhall/internal/config"
)

// R13: unknown names are errors, in the environment too; what a container
// platform adds by itself is nobody's mistake.
func TestUnknownVariables(t *testing.T) {
	var commands struct {
		Config string `env:"GUILDHALL_CONFIG"`
		Serve  struct {
			config.Config `embed:""`
		} `cmd:""`
	}
	parser, err := kong.New(&commands, kong.DefaultEnvars("GUILDHALL"))
	if err != nil {
		t.Fatal(err)
	}
	for variable, refused := range map[string]bool{
		"GUILDHALL_LISTEN=127.0.0.1:1":                    false,
		"GUILDHALL_SMS_WEBHOOK_SECRET=whsec_x":            false,
		"GUILDHALL_CONFIG=x.yaml":                         false,
		"GUILDHALL_LISTN=127.0.0.1:1":                     true,
		"GUILDHALL_TRUSTED_PROXY=10.0.0.0/8":              true,
		"GUILDHALL_=x":                                    true,
		"GUILDHALL=x":                                     false,
		"MY_GUILDHALL_LISTN=x":                            false,
		"GUILDHALL_TEST_DATABASES=sqlite":                 false,
		"GUILDHALL_SERVICE_HOST=10.0.0.1":                 false,
		"GUILDHALL_SERVICE_PORT_HTTP=8080":                false,
		"GUILDHALL_PORT=tcp://10.0.0.1:8080":              false,
		"GUILDHALL_PORT_8080_TCP_ADDR=10.0.0.1":           false,
		"GUILDHALL_OPS_PORT_8090_TCP=tcp://10.0.0.1:8090": false,
		"GUILDHALL_OPS_SERVICE_HOST=10.0.0.1":             false,
	} {
		if err := config.CheckEnvironment(parser.Model, []string{"PATH=/bin", variable}); (err != nil) != refused {
			t.Errorf("%s: %v", variable, err)
		}
	}
}
