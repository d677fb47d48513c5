package config

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// prefix begins the name of every setting in the environment.
const prefix = "GUILDHALL_"

// foreign are names in the environment that container platforms make of a
// service called guildhall, and those of the tests.
var foreign = regexp.MustCompile(`^GUILDHALL_(TEST_.*|(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?))$`)

// CheckEnvironment refuses variables that are named like settings and are none
// of any command: one that is misspelt would pass for one that was not given.
func CheckEnvironment(app *kong.Application, environment []string) error {
	known := map[string]bool{}
	collectVariables(app.Node, known)
	var wrong []error
	slices.Sort(environment)
	for _, variable := range environment {
		name, _, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, prefix) && !known[name] && !foreign.MatchString(name) {
			wrong = append(wrong, fmt.Errorf("%s in the environment is not a setting: docs/configuration.md lists them all", name))
		}
	}
	return errors.Join(wrong...)
}

func collectVariables(n *kong.Node, known map[string]bool) {
	for _, flag := range n.Flags {
		for _, name := range flag.Envs {
			known[name] = true
		}
	}
	for _, child := range n.Children {
		collectVariables(child, known)
	}
}
