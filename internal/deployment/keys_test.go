package deployment

import (
	"bytes"
	"encoding/json"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/database/databasetest"
	"github.com/guildhall-id/guildhall/internal/platform/secret"
)

// each runs body on both engines with a deployment and a clock to move.
func each(t *testing.T, body func(t *testing.T, s *Service, d *Deployment, clock *atomic.Int64)) {
	t.Helper()
	var clock atomic.Int64
	clock.Store(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixMilli())
	databasetest.EachWithClock(t, func() time.Time { return time.UnixMilli(clock.Load()) }, func(t *testing.T, db *database.DB) {
		key, err := secret.NewKey(bytes.Repeat([]byte{7}, secret.KeySize))
		if err != nil {
			t.Fatal(err)
		}
		s := NewService(db, Staging, "http://localhost:8080", key)
		d, err := s.Ensure(t.Context(), "Test")
		if err != nil {
			t.Fatal(err)
		}
		body(t, s, d, &clock)
	})
}

// S24: two keys overlap during rotation, and none of them has a private member.
func TestKeysRotate(t *testing.T) {
	each(t, func(t *testing.T, s *Service, d *Deployment, clock *atomic.Int64) {
		kids := func() (list []string) {
			set, err := s.getJWKS(t.Context(), nothing{})
			if err != nil {
				t.Fatal(err)
			}
			for _, k := range set.Keys {
				list = append(list, k.KeyID)
			}
			return list
		}
		signer := func() string {
			token, err := s.SignToken(t.Context(), d.ID, map[string]any{"sub": "1"})
			if err != nil {
				t.Fatal(err)
			}
			signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES256})
			if err != nil {
				t.Fatal(err)
			}
			set, err := s.getJWKS(t.Context(), nothing{})
			if err != nil {
				t.Fatal(err)
			}
			for _, k := range set.Keys {
				text, _ := json.Marshal(k)
				var key jose.JSONWebKey
				if err := key.UnmarshalJSON(text); err != nil || !key.IsPublic() || bytes.Contains(text, []byte(`"d"`)) {
					t.Fatalf("%s: %v", text, err)
				}
				if _, err := signed.Verify(key); err == nil && key.KeyID == signed.Signatures[0].Header.KeyID {
					return key.KeyID
				}
			}
			t.Fatal("no published key verifies the token")
			return ""
		}

		first, published := signer(), kids()
		if len(published) != 2 {
			t.Fatalf("%d keys are published at first, want the active and the next", len(published))
		}
		for range 3 { // running it early changes nothing
			if err := s.RotateKeys(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if got := kids(); len(got) != 2 || signer() != first {
			t.Errorf("%d keys after early rotations", len(got))
		}

		clock.Add((keyLife + time.Minute).Milliseconds())
		if err := s.RotateKeys(t.Context()); err != nil {
			t.Fatal(err)
		}
		second := signer()
		if second == first || len(kids()) != 3 {
			t.Errorf("after its life the key is %s, %d are published", second, len(kids()))
		}
		clock.Add((keyOverlap + time.Minute).Milliseconds())
		if err := s.RotateKeys(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, kid := range kids() {
			if kid == first {
				t.Error("the old key is still published after the overlap")
			}
		}
	})
}

func TestAnotherKeyFileIsSaid(t *testing.T) {
	each(t, func(t *testing.T, s *Service, d *Deployment, _ *atomic.Int64) {
		other, err := secret.NewKey(bytes.Repeat([]byte{8}, secret.KeySize))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := NewService(s.db, Staging, "http://localhost:8080", other).SignToken(t.Context(), d.ID, 1); err == nil {
			t.Error("signing keys were opened with another server key")
		}
	})
}

func TestSettingsChange(t *testing.T) {
	each(t, func(t *testing.T, s *Service, d *Deployment, _ *atomic.Int64) {
		if d.Settings.B2B.DefaultOrgCreatorRoleID == 0 || d.Settings.B2B.DefaultWorkspaceMemberRoleID == 0 {
			t.Errorf("there are no default roles: %+v", d.Settings.B2B)
		}
		if err := s.Change(t.Context(), func(set *Settings) { set.B2B.AllowUsersToCreateOrgs = false }); err != nil {
			t.Fatal(err)
		}
		changed, err := s.Current(t.Context())
		if err != nil || changed.Settings.B2B.AllowUsersToCreateOrgs || changed.Version != d.Version+1 {
			t.Errorf("got %+v, %v", changed.Settings.B2B, err)
		}
		again, err := s.Ensure(t.Context(), "Test")
		if err != nil || again.ID != d.ID || again.Settings.B2B.AllowUsersToCreateOrgs {
			t.Errorf("the second start made %v, %v", again.ID, err)
		}
	})
}

// Contract section 5.3.
func TestPublishableKey(t *testing.T) {
	d := Deployment{Mode: Staging, PublicURL: "http://localhost:8080"}
	if got := d.PublishableKey(); got != "pk_test_aHR0cDovL2xvY2FsaG9zdDo4MDgw" {
		t.Errorf("got %s", got)
	}
	d.Mode = Production
	if got := d.PublishableKey(); got != "pk_live_aHR0cDovL2xvY2FsaG9zdDo4MDgw" {
		t.Errorf("got %s", got)
	}
}

// The lists of the restrictions are for the operator alone, and what another
// deployment has is not there.
func TestWhatBrowsersSee(t *testing.T) {
	each(t, func(t *testing.T, s *Service, d *Deployment, _ *atomic.Int64) {
		err := s.Change(t.Context(), func(settings *Settings) {
			r := &settings.Restrictions
			r.AllowlistedResources, r.BlocklistedResources = []string{"allowed.example"}, []string{"blocked.example"}
			r.BannedKeywords, r.CountryRestrictions.CountryCodes = []string{"banned"}, []string{"CH"}
		})
		if err != nil {
			t.Fatal(err)
		}
		seen, err := s.getDeployment(access.WithCaller(t.Context(), &access.Caller{Deployment: d.ID}), nothing{})
		if err != nil {
			t.Fatal(err)
		}
		r := seen.Restrictions
		if n := len(r.AllowlistedResources) + len(r.BlocklistedResources) + len(r.BannedKeywords) + len(r.CountryRestrictions.CountryCodes); n > 0 {
			t.Errorf("browsers see %d entries of lists: %+v", n, r)
		}
		if _, err := s.Get(t.Context(), d.ID+1); !errors.Is(err, access.ErrNotFound) {
			t.Errorf("another deployment: %v", err)
		}
	})
}
