package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/secret"
	"github.com/guildhall-id/guildhall/internal/user"
)

func TestWaitlist(t *testing.T) {
	eachPrepared(t, func(t *testing.T, url string, db *database.DB) {
		deployments := deployment.NewService(db, deployment.Staging, "http://127.0.0.1:8080", secret.Key{})
		d, err := deployments.Current(t.Context())
		check(t, err)
		check(t, db.InTx(t.Context(), func(tx *database.Tx) error {
			_, err := user.Create(access.WithCaller(t.Context(), &access.Caller{Deployment: d.ID}), tx, user.NewUser{
				Deployment: d.ID, Email: "member@acme.test", TypedEmail: "member@acme.test", Strategy: "email_otp",
			})
			return err
		}))
		if out, err := run(t, url, "waitlist", "list"); err != nil || strings.Count(out, "\n") != 1 {
			t.Errorf("an empty list: %q, %v", out, err)
		}
		_, err = run(t, url, "waitlist", "approve", "ana@acme.test", "member@acme.test")
		refused(t, err, "ana@acme.test does not wait: give --anybody")
		refused(t, err, "member@acme.test belongs to an account already")
		_, err = run(t, url, "waitlist", "approve", "ana", "bo@")
		refused(t, err, `"bo@" is not an e-mail address`)
		_, err = run(t, url, "deployment", "set", "restrictions.block_subaddresses=true")
		check(t, err)
		_, err = run(t, url, "waitlist", "approve", "--anybody", "ana@acme.test", "ana+x@acme.test")
		refused(t, err, "ana+x@acme.test could not sign up")
		if lines := events(t, url, "--name=waitlist.*"); len(lines) != 0 {
			t.Errorf("what was refused is in the audit: %+v", lines)
		}

		out, err := run(t, url, "waitlist", "approve", "--anybody", "Ana@ACME.test", "bo@acme.test")
		if err != nil || !strings.HasPrefix(out, "Approved: 2.") {
			t.Errorf("got %q, %v", out, err)
		}
		lines := events(t, url, "--name=waitlist.approved")
		if len(lines) != 2 || !strings.HasPrefix(lines[0].UserAgent, "guildhall waitlist approve") || !strings.Contains(string(lines[0].Data), `"ana@acme.test"`) {
			t.Errorf("the audit has %+v", lines)
		}
		out, err = run(t, url, "waitlist", "list", "--json", "--state=approved")
		var line waitlistLine
		check(t, json.Unmarshal([]byte(strings.SplitAfter(out, "\n")[0]), &line))
		if err != nil || strings.Count(out, "\n") != 2 || line.Email != "ana@acme.test" || line.State != "approved" || line.ApprovedAt == nil || line.ExpiresAt == nil {
			t.Errorf("got %q, %v", out, err)
		}
		if out, err = run(t, url, "waitlist", "list", "--state=waiting"); err != nil || strings.Count(out, "\n") != 1 {
			t.Errorf("got %q, %v", out, err)
		}
	})
}
