package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"
)

// bench is one run.
type bench struct {
	plan
	options
	dir    string
	world  *world
	cores  cores
	report report
}

// How many clients ask at once.
const (
	readers = 8
	writers = 16
)

func (b *bench) measure() error {
	for _, part := range []struct {
		name string
		run  func() error
	}{{"start", b.starting}, {"memory", b.memory}, {"reads", b.reads}, {"sign-ins", b.signIns}, {"crowd", b.crowd}, {"writes", b.writes}} {
		if b.only != "" && b.only != part.name {
			continue
		}
		if err := part.run(); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return nil
}

// server starts the real one, bare its counterpart, each on its own copy of
// the data.
func (b *bench) server(name string, args ...string) (*process, error) {
	return b.serverOf(b.world, name, args...)
}

func (b *bench) serverOf(w *world, name string, args ...string) (*process, error) {
	dir := filepath.Join(b.dir, name)
	if err := w.copyTo(dir); err != nil {
		return nil, err
	}
	return b.cores.start(b.binary, append([]string{"serve", "--data-dir=" + dir}, args...)...)
}

func (b *bench) bare(name string, args ...string) (*process, error) {
	dir := filepath.Join(b.dir, name)
	if err := b.world.copyTo(dir); err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return b.cores.start(self, append([]string{bareCommand, "--data-dir=" + dir}, args...)...)
}

// starting measures the size of the binary, the time until it is ready, with
// and without data, and what it takes when nobody asks.
func (b *bench) starting() error {
	info, err := os.Stat(b.binary)
	if err != nil {
		return err
	}
	b.report.check("size of the binary", "MB", float64(info.Size())/1e6, below, 40)
	for _, data := range []string{"new data", "existing data"} {
		var times []float64
		for n := range b.starts {
			dir := filepath.Join(b.dir, fmt.Sprintf("start-%d", n))
			if data == "existing data" {
				if dir = filepath.Join(b.dir, "started"); n == 0 {
					if err := b.world.copyTo(dir); err != nil {
						return err
					}
				}
			}
			p, err := b.cores.start(b.binary, "serve", "--data-dir="+dir)
			if err != nil {
				return err
			}
			times = append(times, float64(p.ready.Microseconds())/1000)
			if data == "existing data" && n == b.starts-1 {
				time.Sleep(b.idle)
				b.report.check("resident memory when idle", "MB", p.memory("VmRSS"), below, 45)
			}
			if err := p.stop(); err != nil {
				return err
			}
		}
		b.report.check("ready, with "+data, "ms", median(times), below, 150)
	}
	return nil
}

// memory measures what a list of any length takes, as the growth of the most
// memory that the server has ever had.
func (b *bench) memory() (err error) {
	p, err := b.server("memory")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	if _, err := p.load(1, b.reading/5, always(get(listPath(b.world.organizations[0]), b.world.organizations[0].admin()))); err != nil {
		return err
	}
	p.forgetPeak()
	before := p.memory("VmRSS")
	c, err := dial(p.address)
	if err != nil {
		return err
	}
	defer c.Close()
	var times []float64
	for range 5 {
		body, err := c.do(first, get(listPath(b.world.large), b.world.large.admin()))
		if err != nil {
			return err
		}
		if n := bytes.Count(body, []byte(`"initial_organization_role":`)); n != b.large {
			return fmt.Errorf("the list has %d invitations of %d", n, b.large)
		}
		times = append(times, float64(c.latencies[first][len(times)].Microseconds())/1000)
		b.report.Listed = float64(len(body)) / 1e6
	}
	b.report.check(fmt.Sprintf("memory grows for a list of %d", b.large), "MB", p.memory("VmHWM")-before, below, 20)
	b.report.check(fmt.Sprintf("time of a list of %d", b.large), "ms", median(times), none, 0)
	return nil
}

func listPath(o organization) string { return "/organizations/" + o.id.String() + "/invitations" }

// always asks the same, or by turns the same few things.
func always(requests ...[]byte) turn {
	return func(c *client, worker, n int) error {
		_, err := c.do(first, requests[(worker*len(requests)/readers+n)%len(requests)])
		return err
	}
}

func (b *bench) reads() (err error) {
	server, err := b.server("reads")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	bare, err := b.bare("reads-bare")
	if err != nil {
		return err
	}
	defer bare.kill()
	var lists, sessions, several [][]byte
	for _, o := range b.world.organizations {
		lists = append(lists, get(listPath(o), o.admin()))
		sessions = append(sessions, get("/session", o.members[1].token))
		several = append(several, get("/session", o.shared))
	}
	page := get(listPath(b.world.large)+"?limit=50", b.world.large.admin())
	for _, request := range [][]byte{lists[0], sessions[0], page} {
		if err := sameAnswer(server, bare, request); err != nil {
			return err
		}
	}
	const (
		list, limited, session, signIns = "list of 50", "50 of many", "session", "session, three sign-ins"
	)
	if err := b.compare(readers, b.reading, []target{
		{list, "server", server, always(lists...)},
		{list, "bare", bare, always(lists...)},
		{limited, "server", server, always(page)},
		{limited, "bare", bare, always(page)},
	}); err != nil {
		return err
	}
	if err := b.compare(readers, b.reading, []target{
		{session, "server", server, always(sessions...)},
		{session, "bare", bare, always(sessions...)},
		{signIns, "server", server, always(several...)},
	}); err != nil {
		return err
	}
	r := &b.report
	r.check(list, "req/s", r.row(list, "server").Rate, above, 2600)
	r.check(list+", of bare", "", r.row(list, "server").OfBare, above, 0.6)
	r.check(limited+", of "+list, "", r.row(limited, "server").Rate/r.row(list, "server").Rate, above, 0.85)
	r.check(session, "req/s", r.row(session, "server").Rate, above, 12_000)
	r.check(session+", of bare", "", r.row(session, "server").OfBare, above, 0.45)
	r.check(signIns+", of one", "", r.row(signIns, "server").Rate/r.row(session, "server").Rate, above, 0.5)
	return nil
}

// sameAnswer compares the bodies, so that both do the same work.
func sameAnswer(server, bare *process, request []byte) error {
	var bodies [2][]byte
	for i, p := range []*process{server, bare} {
		c, err := dial(p.address)
		if err != nil {
			return err
		}
		body, err := c.do(first, request)
		if err := errors.Join(err, c.Close()); err != nil {
			return err
		}
		bodies[i] = body
	}
	if !bytes.Equal(bodies[0], bodies[1]) {
		at := 0
		for at < min(len(bodies[0]), len(bodies[1])) && bodies[0][at] == bodies[1][at] {
			at++
		}
		from := max(0, at-60)
		return fmt.Errorf("the bare handler answers something else:\n  %.200s\n  %.200s", bodies[0][from:], bodies[1][from:])
	}
	return nil
}

func (b *bench) writes() (err error) {
	const what = "invite and accept"
	var targets []target
	for _, one := range []struct{ who, flag string }{{"server", "--mail=auto"}, {"server, no mail", "--mail=none"}} {
		p, err := b.server("writes"+one.flag, one.flag)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, p.stop()) }()
		targets = append(targets, target{what, one.who, p, b.inviting()})
	}
	for _, one := range []struct{ who, flag string }{{"bare", "--group-commit=true"}, {"bare, a commit each", "--group-commit=false"}} {
		// Two, as the server takes them: one waits for the disk.
		p, err := b.bare("writes-bare"+one.flag, one.flag, "--processors=2")
		if err != nil {
			return err
		}
		defer p.kill()
		targets = append(targets, target{what, one.who, p, b.inviting()})
	}
	if err := b.compare(writers, b.writing, targets); err != nil {
		return err
	}
	b.report.check(what, "req/s", b.report.row(what, "server").Rate, above, 2000)
	return nil
}

// inviting creates an invitation of a person into an organization where they
// are no member, and accepts it as that person: each pair once.
func (b *bench) inviting() turn {
	var next atomic.Int64
	organizations := b.world.organizations
	return func(c *client, _, _ int) error {
		n := int(next.Add(1))
		from := n % len(organizations)
		n /= len(organizations)
		person := organizations[from].members[n%b.members]
		n /= b.members
		to := organizations[(from+1+n%(len(organizations)-1))%len(organizations)]
		body, err := c.do(first, post(listPath(to), to.admin(), "email="+url.QueryEscape(person.email)))
		if err != nil {
			return err
		}
		_, rest, found := bytes.Cut(body, []byte(`"token":"`))
		token, _, _ := bytes.Cut(rest, []byte(`"`))
		if !found {
			return fmt.Errorf("an invitation without token: %.300s", body)
		}
		body, err = c.do(second, post("/organizations/invitations/accept", person.token, "token="+url.QueryEscape(string(token))))
		if err == nil && !bytes.Contains(body, []byte(`"organization":{`)) {
			err = fmt.Errorf("an invitation was not accepted: %.300s", body)
		}
		return err
	}
}
