package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/guildhall-id/guildhall/internal/breach"
)

type breachedCommand struct {
	Build breachedBuildCommand `cmd:"" help:"Make the compact form of a list of breached passwords."`
}

type breachedBuildCommand struct {
	In  string `arg:"" help:"The list of Have I Been Pwned: lines of SHA-1 and count, ordered by hash; - reads standard input."`
	Out string `arg:"" help:"The file to make, for --breached-passwords-file of serve."`
}

// Run writes beside the file and puts it in its place when it is whole, so
// that a server can be started with it at any time.
func (c *breachedBuildCommand) Run(out io.Writer) (err error) {
	in := os.Stdin
	if c.In != "-" {
		if in, err = os.Open(c.In); err != nil {
			return settingsError{err}
		}
		defer func() { err = errors.Join(err, in.Close()) }()
	}
	unfinished := c.Out + ".unfinished"
	built, err := c.build(in, unfinished)
	if err != nil {
		return errors.Join(err, removed(unfinished))
	}
	if err := os.Rename(unfinished, c.Out); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s has %d breached passwords in %d bytes. Of others, one in %d is taken for one of them.\n",
		c.Out, built.Entries, built.Bytes, built.OneIn())
	return err
}

func (c *breachedBuildCommand) build(in io.Reader, path string) (built breach.Built, err error) {
	file, err := os.Create(path)
	if err != nil {
		return built, settingsError{err}
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if built, err = breach.Build(in, file); err != nil {
		return built, settingsError{fmt.Errorf("%s: %w", c.In, err)}
	}
	return built, file.Sync()
}

// removed removes a file that may not be there.
func removed(path string) error {
	if err := os.Remove(path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
