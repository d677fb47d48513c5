package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// cores says which core the children have, and which the load generator has.
type cores struct {
	children, own string // empty where they cannot be chosen
}

// pin moves this process away from the children's core, where there is
// taskset and more than one core.
func pin() cores {
	n := runtime.NumCPU()
	if _, err := exec.LookPath("taskset"); err != nil || n < 2 {
		return cores{}
	}
	c := cores{children: strconv.Itoa(n - 1), own: "0-" + strconv.Itoa(n-2)}
	if exec.Command("taskset", "-a", "-c", "-p", c.own, strconv.Itoa(os.Getpid())).Run() != nil {
		return cores{}
	}
	runtime.GOMAXPROCS(n - 1)
	return c
}

func (c cores) String() string {
	where := "not pinned"
	if c.children != "" {
		where = "servers on core " + c.children + ", load from " + c.own
	}
	return fmt.Sprintf("%s/%s, %d cores, %s, %s", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), where, runtime.Version())
}

// process is a child that serves.
type process struct {
	cmd     *exec.Cmd
	address string // where it answers
	ops     string // its health and metrics
	ready   time.Duration
	log     bytes.Buffer
}

// start runs a program on the children's core until it is ready. It gets the
// flags --listen and --ops-listen besides args.
func (c cores) start(program string, args ...string) (*process, error) {
	p := &process{}
	var err error
	if p.address, err = freeAddress(); err != nil {
		return nil, err
	}
	if p.ops, err = freeAddress(); err != nil {
		return nil, err
	}
	args = append(args, "--listen="+p.address, "--ops-listen="+p.ops)
	if c.children != "" {
		args = append([]string{"-c", c.children, program}, args...)
		program = "taskset"
	}
	p.cmd = exec.Command(program, args...)
	if c.children != "" {
		p.cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	}
	p.cmd.Stdout, p.cmd.Stderr = io.Discard, &p.log
	began := time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	for {
		if isReady(p.ops) {
			p.ready = time.Since(began)
			return p, nil
		}
		if time.Since(began) > 20*time.Second {
			return nil, errors.Join(errors.New("a child does not get ready"), p.stop())
		}
		time.Sleep(500 * time.Microsecond)
	}
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func isReady(ops string) bool {
	answer, err := http.Get("http://" + ops + "/readyz")
	if err != nil {
		return false
	}
	answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

// stop ends the child. Its last words are the error when it does not end well.
func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	late := time.AfterFunc(30*time.Second, func() { p.cmd.Process.Kill() })
	defer late.Stop()
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("%s: %w\n%s", p.cmd.Path, err, p.log.String())
	}
	return nil
}

// kill ends a child that has nothing to lose.
func (p *process) kill() {
	p.cmd.Process.Kill()
	p.cmd.Wait()
}

// tick is the unit of CPU time in /proc: USER_HZ, a hundred on every platform
// that Go runs on.
const tick = 10 * time.Millisecond

// cpu is the CPU time a process has used; 0 where there is no /proc.
func cpu(pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// The name is in parentheses and may have spaces.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * tick
}

// memory is a line of /proc/PID/status in megabytes, such as VmRSS, or VmHWM
// for the most since forgetPeak; 0 where there is no /proc.
func (p *process) memory(line string) float64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	for l := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(l, line+":"); ok {
			kilobytes, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kilobytes / 1024
		}
	}
	return 0
}

func (p *process) forgetPeak() {
	os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p.cmd.Process.Pid), []byte("5"), 0)
}

// allocations are how many objects and bytes the child has allocated so far.
func (p *process) allocations() (objects, size float64, err error) {
	answer, err := http.Get("http://" + p.ops + "/metrics")
	if err != nil {
		return 0, 0, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	for l := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(l), " ")
		switch name {
		case "go_memstats_mallocs_total":
			objects, _ = strconv.ParseFloat(value, 64)
		case "go_memstats_alloc_bytes_total":
			size, _ = strconv.ParseFloat(value, 64)
		}
	}
	return objects, size, err
}

// profile writes a CPU profile of the next seconds into a file; the result
// waits for it.
func (p *process) profile(path string, d time.Duration) (wait func() error) {
	done := make(chan error, 1)
	go func() {
		done <- func() error {
			answer, err := http.Get(fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", p.ops, max(1, int(d.Seconds()))))
			if err != nil {
				return err
			}
			defer answer.Body.Close()
			file, err := os.Create(path)
			if err != nil {
				return err
			}
			_, err = io.Copy(file, answer.Body)
			return errors.Join(err, file.Close())
		}()
	}()
	return func() error { return <-done }
}
