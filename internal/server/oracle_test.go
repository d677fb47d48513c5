package server_test

import (
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/guildhall-id/guildhall/internal/platform/database/databasetest"
)

// question is asked once about somebody who has an account and once about
// nobody.
type question struct {
	name string
	ask  func(t *testing.T, b *browser, email string) answer
}

var questions = []question{
	{"identify", func(t *testing.T, b *browser, email string) answer {
		return b.post(t, "/auth/identify", "identifier", email)
	}},
	{"password", func(t *testing.T, b *browser, email string) answer {
		return b.post(t, "/auth/signin", "strategy", "plain_email", "email", email, "password", "not the right one")
	}},
	{"code", func(t *testing.T, b *browser, email string) answer {
		return b.post(t, "/auth/signin", "strategy", "email_otp", "email", email)
	}},
	{"code sent", func(t *testing.T, b *browser, email string) answer {
		b.post(t, "/auth/signin", "strategy", "email_otp", "email", email).must(t, http.StatusOK)
		return b.post(t, "/auth/prepare-verification?identifier_type=signin&strategy=email_otp")
	}},
	{"wrong code", func(t *testing.T, b *browser, email string) answer {
		b.post(t, "/auth/signin", "strategy", "email_otp", "email", email).must(t, http.StatusOK)
		b.post(t, "/auth/prepare-verification?identifier_type=signin&strategy=email_otp").must(t, http.StatusOK)
		return b.post(t, "/auth/attempt-verification?identifier_type=signin", "verification_code", "not it")
	}},
	{"link", func(t *testing.T, b *browser, email string) answer {
		b.post(t, "/auth/signin", "strategy", "magic_link", "email", email).must(t, http.StatusOK)
		return b.post(t, "/auth/prepare-verification?identifier_type=signin&strategy=magic_link")
	}},
	{"forgotten password", func(t *testing.T, b *browser, email string) answer {
		return b.post(t, "/auth/forgot-password", "email", email)
	}},
	{"wrong reset code", func(t *testing.T, b *browser, email string) answer {
		b.post(t, "/auth/forgot-password", "email", email).must(t, http.StatusOK)
		return b.post(t, "/auth/forgot-password", "email", email, "otp", "000000x")
	}},
}

// varying is what differs between any two answers: ids, times, and the address
// that was asked about.
var varying = regexp.MustCompile(`"[0-9]{12,}"|"[0-9T:.-]+Z"|[a-z.0-9*]+@people\.example`)

// S14: nothing in an answer tells whether an account exists, and neither does
// the time it takes: the medians of many questions in random order are alike. What
// is promised is a tenth; the test lets a machine be three times as noisy, and
// asks again before it complains.
func TestAnswersTellNoAccounts(t *testing.T) {
	for _, dialect := range databasetest.Dialects() {
		t.Run(string(dialect), func(t *testing.T) {
			w := &world{secrets: &secrets{}}
			w.Server, w.log = newServer(t, dialect, offerAll(t))
			w.documents = readDescriptions(t, w.API)
			known := make([]string, 10) // several, so that none is written to all the time
			for i := range known {
				known[i] = w.person(t, "Ana Example").email
			}
			for _, q := range questions {
				t.Run(q.name, func(t *testing.T) {
					unknown := w.newEmail("ana.example")
					a, b := q.ask(t, w.browser(), known[0]), q.ask(t, w.browser(), unknown)
					if alike := varying.ReplaceAllString(string(a.Raw), "…"); a.Status != b.Status || alike != varying.ReplaceAllString(string(b.Raw), "…") {
						t.Errorf("known:   %d %s\nunknown: %d %s", a.Status, a.Raw, b.Status, b.Raw)
					}
					for name := range a.Header {
						if len(a.Header[name]) != len(b.Header[name]) {
							t.Errorf("only one answer has %s", name)
						}
					}
					if !testing.Short() {
						w.timesAlike(t, q, known)
					}
				})
			}
		})
	}
}

func (w *world) timesAlike(t *testing.T, q question, known []string) {
	const samples, margin, rounds = 40, 1.33, 4
	var ratio float64
	for range rounds {
		var times [2][]time.Duration
		for i := range samples {
			asked := [2]string{known[i%len(known)], w.newEmail("ana.example")}
			first := rand.IntN(2) // else the garbage of one could be the time of the other
			for _, which := range []int{first, 1 - first} {
				b := &browser{origin: w.URL}
				began := time.Now()
				q.ask(t, b, asked[which])
				times[which] = append(times[which], time.Since(began))
			}
		}
		slices.Sort(times[0])
		slices.Sort(times[1])
		ratio = float64(times[0][samples/2]) / float64(times[1][samples/2])
		t.Logf("known %v, unknown %v: %.2f", times[0][samples/2], times[1][samples/2], ratio)
		if ratio < margin && ratio > 1/margin {
			return
		}
	}
	t.Errorf("known addresses take %.2f times as long as unknown ones", ratio)
}
