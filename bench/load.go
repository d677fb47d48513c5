package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// client is one keep-alive connection. It knows just enough HTTP to cost
// little: requests are prepared, and answers have a length or chunks.
type client struct {
	*socket
	read      *bufio.Reader
	body      []byte // of the last answer
	latencies [][]time.Duration
}

// kinds of requests, whose latencies are kept apart.
const (
	first  = iota // the only kind of most loads; creations
	second        // acceptances
	kinds
)

func dial(address string) (*client, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	file, err := conn.(*net.TCPConn).File()
	if err != nil {
		return nil, err
	}
	s := &socket{file, int(file.Fd())}
	if err := syscall.SetNonblock(s.fd, true); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &client{socket: s, read: bufio.NewReaderSize(s, 64<<10), latencies: make([][]time.Duration, kinds)}, nil
}

// socket is a connection on which nobody sleeps: who has nothing to read lets
// the others run and looks again. To wake a sleeper on another core would cost
// the server up to half of the time of an answer, which says nothing about it.
type socket struct {
	file *os.File
	fd   int
}

func (s *socket) Read(b []byte) (int, error) {
	for {
		n, err := syscall.Read(s.fd, b)
		switch {
		case n > 0:
			return n, nil
		case err == nil:
			return 0, io.EOF
		case err != syscall.EAGAIN && err != syscall.EINTR:
			return 0, err
		}
		runtime.Gosched()
	}
}

func (s *socket) Write(b []byte) (written int, err error) {
	for written < len(b) {
		n, err := syscall.Write(s.fd, b[written:])
		if n > 0 {
			written += n
		} else if err != syscall.EAGAIN && err != syscall.EINTR {
			return written, err
		} else {
			runtime.Gosched()
		}
	}
	return written, nil
}

func (s *socket) Close() error { return s.file.Close() }

// do sends a request and returns the body of its answer, which the next call
// overwrites. Any status but 200 is an error.
func (c *client) do(kind int, request []byte) ([]byte, error) {
	runtime.Gosched() // the others first: the server must not stay with one client
	began := time.Now()
	if _, err := c.Write(request); err != nil {
		return nil, err
	}
	status, length, err := c.head()
	if err != nil {
		return nil, err
	}
	c.body = c.body[:0]
	if length >= 0 {
		err = c.take(length)
	} else {
		err = c.chunks()
	}
	if err != nil {
		return nil, err
	}
	c.latencies[kind] = append(c.latencies[kind], time.Since(began))
	if status != "200" {
		line, _, _ := bytes.Cut(request, []byte("\r\n"))
		return nil, fmt.Errorf("%s: status %s: %.300s", line, status, c.body)
	}
	return c.body, nil
}

// head reads the status and the length, -1 for chunks.
func (c *client) head() (status string, length int, err error) {
	line, err := c.read.ReadSlice('\n')
	if err != nil {
		return "", 0, err
	}
	if len(line) < 12 {
		return "", 0, fmt.Errorf("not an answer: %q", line)
	}
	status = string(line[9:12])
	length = -1
	for {
		if line, err = c.read.ReadSlice('\n'); err != nil {
			return "", 0, err
		}
		if len(line) <= 2 {
			return status, length, nil
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return "", 0, err
			}
		}
	}
}

// take appends n bytes to the body.
func (c *client) take(n int) error {
	have := len(c.body)
	c.body = slices.Grow(c.body, n)[:have+n]
	_, err := io.ReadFull(c.read, c.body[have:])
	return err
}

func (c *client) chunks() error {
	for {
		line, err := c.read.ReadSlice('\n')
		if err != nil {
			return err
		}
		n, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 16, 32)
		if err != nil {
			return err
		}
		if err := c.take(int(n)); err != nil {
			return err
		}
		if _, err := c.read.Discard(2); err != nil {
			return err
		}
		if n == 0 {
			return nil
		}
	}
}

// turn is what a client does over and over; n counts its turns.
type turn func(c *client, worker, n int) error

// sample is what a load found out.
type sample struct {
	requests   int
	elapsed    time.Duration
	cpu        time.Duration // of the process asked
	generator  time.Duration // CPU of this process
	allocs, kb float64       // for each request
	latencies  [kinds][]time.Duration
}

// load has a number of clients take turns, each as soon as its last answer is
// there, and returns the first error of any of them.
func (p *process) load(clients int, d time.Duration, t turn) (s sample, err error) {
	all := make([]*client, clients)
	for i := range all {
		if all[i], err = dial(p.address); err != nil {
			return s, err
		}
		defer all[i].Close()
	}
	objects, size, err := p.allocations()
	if err != nil {
		return s, err
	}
	used, own, began := cpu(p.cmd.Process.Pid), cpu(os.Getpid()), time.Now()
	errs := make([]error, clients)
	var working sync.WaitGroup
	for i, c := range all {
		working.Go(func() {
			for n := 0; errs[i] == nil && time.Since(began) < d; n++ {
				errs[i] = t(c, i, n)
			}
		})
	}
	working.Wait()
	s.elapsed, s.cpu, s.generator = time.Since(began), cpu(p.cmd.Process.Pid)-used, cpu(os.Getpid())-own
	if err := errors.Join(errs...); err != nil {
		return s, err
	}
	objectsAfter, sizeAfter, err := p.allocations()
	for _, c := range all {
		for kind, latencies := range c.latencies {
			s.latencies[kind] = append(s.latencies[kind], latencies...)
			s.requests += len(latencies)
		}
	}
	s.allocs, s.kb = (objectsAfter-objects)/float64(s.requests), (sizeAfter-size)/1024/float64(s.requests)
	return s, err
}

// get is a prepared GET request.
func get(path, token string) []byte {
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: id.example.com\r\nUser-Agent: %s\r\nAccept: application/json\r\nCookie: session_id=%s\r\n\r\n", path, userAgent, token)
}

// post is a request with a form.
func post(path, token, form string) []byte {
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: id.example.com\r\nUser-Agent: %s\r\nAccept: application/json\r\nCookie: session_id=%s\r\n"+
		"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s", path, userAgent, token, len(form), form)
}

const userAgent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
