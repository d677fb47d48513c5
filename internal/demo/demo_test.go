package demo

import (
	"context"
	"log/slog"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/guildhall-id/guildhall/internal/config"
	"github.com/guildhall-id/guildhall/internal/platform/database/databasetest"
	"github.com/guildhall-id/guildhall/internal/server"
)

func TestFill(t *testing.T) {
	for _, dialect := range databasetest.Dialects() {
		t.Run(string(dialect), func(t *testing.T) {
			c := config.Config{
				Listen: "127.0.0.1:0", OpsListen: "127.0.0.1:0", DataDir: t.TempDir(), DatabaseURL: databasetest.EmptyURL(t, dialect),
				Mode: config.Staging, Mail: config.Auto, MailFrom: "Guildhall <no-reply@example.com>", LogFormat: "text", Limits: config.Auto,
			}
			c.SecretKeyFile = filepath.Join(c.DataDir, "secret.key")
			if err := c.Settle(); err != nil {
				t.Fatal(err)
			}
			s, err := server.Start(t.Context(), server.Options{Config: c, Logger: slog.New(slog.DiscardHandler), Version: "test"})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := s.Stop(context.Background()); err != nil {
					t.Error(err)
				}
			})
			r, err := Fill(t.Context(), s.URL, s.Deployment.PublishableKey())
			if err != nil {
				t.Fatal(err)
			}
			check(t, r)
		})
	}
}

func check(t *testing.T, r Result) {
	organization := "/organizations/" + r.OrganizationID
	as := func(session, path string, data any) error {
		b, err := newBrowser(r.URL)
		if err != nil {
			t.Fatal(err)
		}
		b.http.Transport = withCookie(session)
		return b.get(t.Context(), path, data)
	}
	for name, session := range map[string]string{"owner": r.Sessions.Owner, "admin": r.Sessions.Admin} {
		var invitations []struct{ Workspace *named }
		if err := as(session, organization+"/invitations", &invitations); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		into := 0
		for _, inv := range invitations {
			if inv.Workspace != nil {
				into++
			}
		}
		if len(invitations) != 12 || into != 2 {
			t.Errorf("%s sees %d invitations, %d of them into workspaces, want 12 and 2", name, len(invitations), into)
		}
	}
	var members struct {
		Meta struct{ Total int }
	}
	if err := as(r.Sessions.Member, organization+"/members", &members); err != nil || members.Meta.Total != 20 {
		t.Errorf("%d members, want 20: %v", members.Meta.Total, err)
	}
	if err := as(r.Sessions.Member, organization+"/invitations", nil); err == nil {
		t.Error("a member sees the invitations")
	}
	if err := as(r.Sessions.Outsider, organization+"/members", nil); err == nil {
		t.Error("the outsider sees the members")
	}
	var me struct{ ID string }
	if err := as(r.Sessions.Outsider, "/me", &me); err != nil || me.ID == "" {
		t.Errorf("the outsider has no account: %v", err)
	}
	var workspaces []named
	if err := as(r.Sessions.Owner, "/me/workspace-memberships", &workspaces); err != nil || len(workspaces) != 3 {
		t.Errorf("the owner is in %d workspaces, want 3: %v", len(workspaces), err)
	}
}

// withCookie sends one session cookie.
type withCookie string

func (c withCookie) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.AddCookie(&http.Cookie{Name: "session_id", Value: string(c)})
	return http.DefaultTransport.RoundTrip(r)
}
