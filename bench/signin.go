package main

import (
	"errors"
	"fmt"
	"net/url"
	"sync/atomic"
)

// signIns measures signing in by password against the computation of the
// password's hash alone (argon2id, 19 MiB, two passes, one lane), which is to
// be nearly all there is to do. What else there is, is measured with a hash of
// nearly no cost: it would be lost in the noise of the other.
func (b *bench) signIns() (err error) {
	server, err := b.server("sign-ins")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	bare, err := b.bare("sign-ins-bare", "--processors=2")
	if err != nil {
		return err
	}
	defer bare.kill()
	const what, cheap = "sign in by password", "sign in, cheap hash"
	if err := b.compare(readers, b.hashing, []target{
		{what, "server", server, b.signingIn(0)},
		{what, "bare", bare, b.signingIn(0)},
	}); err != nil {
		return err
	}
	if err := b.compare(readers, b.reading, []target{{cheap, "server", server, b.signingIn(1)}}); err != nil {
		return err
	}
	hash := b.report.row(what, "bare").CPU
	b.report.check("hash of a password", "ms", hash/1000, none, 0)
	b.report.check(what+", besides the hash", "% of it", 100*b.report.row(cheap, "server").CPU/hash, below, 3)
	return nil
}

// signingIn signs everybody in by turns whose password has that digest, each
// time in a new browser.
func (b *bench) signingIn(digest int) turn {
	var next atomic.Int64
	return func(c *client, _, _ int) error {
		n := int(next.Add(1))
		o := b.world.organizations[n%len(b.world.organizations)]
		m := o.members[(n/len(b.world.organizations)*2+digest)%b.members]
		form := fmt.Sprintf("strategy=plain_email&email=%s&password=%s", url.QueryEscape(m.email), url.QueryEscape(everybodys))
		_, err := c.do(first, post("/auth/signin", "", form))
		return err
	}
}
