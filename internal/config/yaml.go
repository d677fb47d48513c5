package config

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// YAML reads a settings file: the names of the flags, one level deep. An
// unknown name is an error, and so is a value of the wrong kind.
func YAML(r io.Reader) (kong.Resolver, error) {
	values := map[string]any{}
	if err := yaml.NewDecoder(r).Decode(&values); err != nil && err != io.EOF {
		return nil, fmt.Errorf("the settings file is not YAML of names and values: %s", strings.Join(strings.Fields(err.Error()), " "))
	}
	return file(values), nil
}

// file resolves flags from the settings file.
type file map[string]any

// Validate refuses names that no command has a flag for, and values that are
// no text, number or switch, nor a list of these where the flag takes one. The
// values stay out of the error: they may be secret.
func (f file) Validate(app *kong.Application) error {
	lists := map[string]bool{}
	collect(app.Node, lists)
	var unknown, wrong []string
	for name, value := range f {
		list, known := lists[name]
		switch {
		case !known:
			unknown = append(unknown, name)
		case !fits(value, list) && list:
			wrong = append(wrong, name+" has to be a list of texts")
		case !fits(value, list):
			wrong = append(wrong, name+" has to be one value")
		}
	}
	slices.Sort(wrong)
	if len(unknown) > 0 {
		slices.Sort(unknown)
		wrong = append(wrong, "unknown settings: "+strings.Join(unknown, ", "))
	}
	if len(wrong) > 0 {
		return fmt.Errorf("the settings file: %s", strings.Join(wrong, "; "))
	}
	return nil
}

// fits reports whether a value is one, or a list where there may be one.
func fits(value any, list bool) bool {
	switch value := value.(type) {
	case map[string]any, map[any]any:
		return false
	case []any:
		return list && !slices.ContainsFunc(value, func(one any) bool { return !fits(one, false) })
	}
	return true
}

// collect notes the names of all flags, and whether they take lists.
func collect(n *kong.Node, lists map[string]bool) {
	for _, flag := range n.Flags {
		lists[flag.Name] = flag.IsSlice()
	}
	for _, child := range n.Children {
		collect(child, lists)
	}
}

// Resolve gives a flag the value of the file, unless the environment has one.
func (f file) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, name := range flag.Envs {
		if _, ok := os.LookupEnv(name); ok {
			return nil, nil
		}
	}
	value, ok := f[flag.Name]
	if !ok || !fits(value, flag.IsSlice()) { // Validate says so
		return nil, nil
	}
	return value, nil
}
