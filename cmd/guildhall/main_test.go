package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The test binary runs as the program when this variable is set.
const asProgram = "GUILDHALL_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Unsetenv(asProgram)
		main()
		return
	}
	os.Exit(m.Run())
}

func program(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(withoutSettings(os.Environ()), asProgram+"=1")
	cmd.Dir = t.TempDir()
	return cmd
}

// withoutSettings is an environment in which no setting is given.
func withoutSettings(environment []string) []string {
	return slices.DeleteFunc(environment, func(variable string) bool { return strings.HasPrefix(variable, "GUILDHALL_") })
}

// R13: wrong settings end the program with code 2 and a line for each mistake.
func TestWrongSettings(t *testing.T) {
	for _, args := range [][]string{
		{"serve", "--lisen=127.0.0.1:0"},
		{"serve", "--mode=production"},
		{"serve", "--listen=nowhere"},
		{"serve", "--listen=127.0.0.1:99999"},
		{"serve", "--database-url=postgres://db:port/x"},
		{"migrate", "--database-url=mysql://x"},
		{"dance"},
	} {
		out, err := program(t, args...).CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != exitSettings {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
}

// A setting that is misspelt in the environment is no setting, and said with
// everything else that is wrong.
func TestUnknownVariable(t *testing.T) {
	cmd := program(t, "serve", "--mode=test")
	cmd.Env = append(cmd.Env, "GUILDHALL_TRUSTED_PROXY=hunter2")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != exitSettings || strings.Count(string(out), "\n") != 2 ||
		!strings.Contains(string(out), "GUILDHALL_TRUSTED_PROXY") || !strings.Contains(string(out), "--mode") || strings.Contains(string(out), "hunter2") {
		t.Errorf("%v: %s", err, out)
	}
}

func TestVersion(t *testing.T) {
	out, err := program(t, "version").Output()
	if err != nil || !strings.HasPrefix(string(out), "guildhall ") {
		t.Errorf("got %q, %v", out, err)
	}
}

// The demo prints one line of JSON, with which the founding page answers, and
// ends well when it is told to.
func TestDemo(t *testing.T) {
	cmd := program(t, "demo", "--json", "--listen=127.0.0.1:0")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stuck := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
	defer stuck.Stop()
	lines := bufio.NewReader(stdout)
	line, err := lines.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var demo struct {
		URL            string `json:"url"`
		MailboxURL     string `json:"mailbox_url"`
		PublishableKey string `json:"publishable_key"`
		OrganizationID string `json:"organization_id"`
		Sessions       map[string]string
	}
	if err := json.Unmarshal([]byte(line), &demo); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	for who, want := range map[string]int{"owner": 200, "admin": 200, "member": 403, "outsider": 404, "": 401} {
		r, _ := http.NewRequest(http.MethodGet, demo.URL+"/organizations/"+demo.OrganizationID+"/invitations", nil)
		if who != "" {
			r.AddCookie(&http.Cookie{Name: "session_id", Value: demo.Sessions[who]})
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		var body struct{ Data []json.RawMessage }
		err = json.NewDecoder(answer.Body).Decode(&body)
		answer.Body.Close()
		if answer.StatusCode != want || err != nil || want == 200 && len(body.Data) != 12 {
			t.Errorf("%q: status %d, %d invitations, %v", who, answer.StatusCode, len(body.Data), err)
		}
	}
	if answer, err := http.Get(demo.MailboxURL); err != nil || answer.StatusCode != 200 {
		t.Errorf("the mailbox: %v, %v", answer, err)
	}
	cmd.Process.Signal(syscall.SIGTERM)
	if rest, _ := io.ReadAll(lines); len(rest) != 0 {
		t.Errorf("more than one line: %s", rest)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
}
