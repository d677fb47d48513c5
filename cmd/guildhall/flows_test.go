package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

const flows = "../../docs/flows"

// block is a piece of a page: commands, and what the page says they print.
type block struct{ language, text string }

var fence = regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```$")

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func blocks(text string) (list []block) {
	for _, found := range fence.FindAllStringSubmatch(text, -1) {
		list = append(list, block{found[1], found[2]})
	}
	return list
}

// Every command of the documented flows works, and prints what is said.
func TestDocumentedFlows(t *testing.T) {
	if testing.Short() {
		t.Skip("the pages wait for mail")
	}
	pages, err := os.ReadDir(flows)
	if err != nil || len(pages) < 2 {
		t.Fatal(err, "there are no pages")
	}
	for _, page := range pages {
		if page.Name() == "README.md" {
			continue
		}
		t.Run(strings.TrimSuffix(page.Name(), ".md"), func(t *testing.T) {
			t.Parallel()
			helpers := blocks(read(t, filepath.Join(flows, "README.md")))
			follow(t, slices.Concat(helpers, blocks(read(t, filepath.Join(flows, page.Name())))))
		})
	}
}

// The first steps of the README work when they are copied, and lead to a member.
func TestReadme(t *testing.T) {
	if testing.Short() {
		t.Skip("the page waits for mail")
	}
	_, text, _ := strings.Cut(read(t, "../../README.md"), "\n## From nothing")
	text, _, _ = strings.Cut(text, "\n## ")
	var steps []block
	for _, b := range blocks(text) {
		if !strings.HasPrefix(b.text, "go run") { // which is what starts the server
			steps = append(steps, b, block{"text", "…"})
		}
	}
	follow(t, append(steps, block{"sh", "curl -s -b bo $G/me/workspace-memberships | first name\n"}, block{"text", "Design\n"}))
}

// follow runs commands, one after the other, against a server of their own.
func follow(t *testing.T, steps []block) {
	serve := program(t, "serve", "--listen=127.0.0.1:0", "--ops-listen=127.0.0.1:0")
	stdout, err := serve.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		serve.Process.Kill()
		serve.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	address := regexp.MustCompile(`http://\S+`).FindString(line)
	if err != nil || address == "" {
		t.Fatalf("the server says %q, %v", line, err)
	}
	var script strings.Builder
	fmt.Fprintf(&script, "set -eu\nguildhall() { %s=1 GUILDHALL_PUBLIC_URL=%s '%s' \"$@\"; }\n", asProgram, address, serve.Path)
	const mark = "=== the next block ==="
	var wanted []string
	for _, b := range steps {
		switch b.language {
		case "sh":
			fmt.Fprintf(&script, "echo '%s'\n%s", mark, strings.Replace(b.text, "http://127.0.0.1:8080", address, 1))
			wanted = append(wanted, "")
		case "text":
			wanted[len(wanted)-1] = b.text
		}
	}
	bash := exec.Command("bash")
	bash.Dir, bash.Stdin = serve.Dir, strings.NewReader(script.String())
	bash.WaitDelay = time.Minute
	out, err := bash.CombinedOutput()
	if err != nil {
		t.Errorf("%v", err)
	}
	printed := strings.Split(string(out), mark+"\n")[1:]
	for i, want := range wanted {
		if i >= len(printed) {
			t.Fatalf("block %d was not reached:\n%s", i+1, out)
		}
		if !like(want).MatchString(printed[i]) {
			t.Errorf("block %d prints\n%swant\n%s", i+1, printed[i], want)
		}
	}
}

// like is a text in which … stands for anything.
func like(text string) *regexp.Regexp {
	return regexp.MustCompile(`(?s)\A` + strings.ReplaceAll(regexp.QuoteMeta(text), "…", ".*") + `\z`)
}
