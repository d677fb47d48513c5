// Bench measures the server against bare handlers: a net/http server that runs
// the same queries and writes the same bytes by hand. Both run as children of
// this program on one core, and are asked by turns from the other cores, so
// that the ratio says what the layers of the server cost on any machine.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// plan is how much is measured.
type plan struct {
	organizations, members, pending, large int // the data; large is the one organization with many invitations
	crowded                                int // members of the one organization with many

	rounds  int
	reading time.Duration // for each round and target
	writing time.Duration
	hashing time.Duration
	starts  int
	idle    time.Duration
}

var (
	full = plan{
		organizations: 200, members: 20, pending: 50, large: 20_000, crowded: 50_000,
		rounds: 11, reading: 500 * time.Millisecond, writing: 700 * time.Millisecond, hashing: time.Second, starts: 5, idle: 5 * time.Second,
	}
	quick = plan{
		organizations: 20, members: 20, pending: 50, large: 2_000, crowded: 2_000,
		rounds: 1, reading: 200 * time.Millisecond, writing: 200 * time.Millisecond, hashing: 200 * time.Millisecond, starts: 1, idle: 0,
	}
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == bareCommand {
		exit(runBare(os.Args[2:]))
		return
	}
	short := flag.Bool("quick", false, "a smoke run: fails when a request fails, never because of a figure")
	asJSON := flag.Bool("json", false, "print JSON instead of a table")
	binary := flag.String("binary", "", "a built guildhall; without it, it is built first")
	only := flag.String("only", "", "measure one thing: reads, sign-ins, crowd, writes, memory or start")
	profile := flag.String("profile", "", "folder for CPU profiles of the server, one for each thing that is measured")
	flag.Parse()
	p := full
	if *short {
		p = quick
	}
	exit(run(p, options{*asJSON, *binary, *only, *profile}))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type options struct {
	asJSON                bool
	binary, only, profile string
}

func run(p plan, o options) error {
	dir, err := os.MkdirTemp("", "guildhall-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if o.binary == "" {
		o.binary = filepath.Join(dir, "guildhall")
		if err := build(o.binary); err != nil {
			return err
		}
	}
	if o.profile != "" {
		if err := os.MkdirAll(o.profile, 0o755); err != nil {
			return err
		}
	}
	began := time.Now()
	w, err := seed(context.Background(), filepath.Join(dir, "seed"), p)
	if err != nil {
		return fmt.Errorf("seed: %w", err)
	}
	b := &bench{plan: p, options: o, dir: dir, world: w, cores: pin()}
	b.report.Machine = b.cores.String()
	b.report.Seeded = time.Since(began).Seconds()
	if err := b.measure(); err != nil {
		return err
	}
	if o.asJSON {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		return e.Encode(b.report)
	}
	b.report.print(os.Stdout)
	return nil
}

// build makes the binary as it is released.
func build(path string) error {
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, "github.com/guildhall-id/guildhall/cmd/guildhall")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("build the server: %w", err)
	}
	return nil
}
