package server_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// testTokens verifies session tokens with two verifiers that share no code
// with each other (promise S24).
func (s *stage) testTokens(t *testing.T) {
	admin := s.as("administrator").person
	admin.post(t, "/session/switch-workspace?workspace_id="+s.workspace).must(t, http.StatusOK)
	a := admin.get(t, "/session/token?template=default").must(t, http.StatusOK)
	token, expires := a.text(t, "data.token"), a.at("data.expires").(float64)
	set := s.browser().get(t, "/.well-known/jwks.json").must(t, http.StatusOK)

	for name, verify := range map[string]func(*testing.T, string, []byte) map[string]any{
		"library": verifyWithLibrary, "by hand": verifyByHand,
	} {
		t.Run(name, func(t *testing.T) {
			claims := verify(t, token, set.Raw)
			for claim, want := range map[string]any{
				"iss": s.URL, "sub": admin.id, "sid": a.at("session.id"), "sess": a.at("session.id"),
				"organization": s.organization, "workspace": s.workspace,
			} {
				if claims[claim] != want {
					t.Errorf("%s is %v, want %v", claim, claims[claim], want)
				}
			}
			issued, ends := claims["iat"].(float64), claims["exp"].(float64)
			if ends-issued > 60 || ends*1000 != expires || claims["nbf"] != claims["iat"] || issued > float64(time.Now().Unix()) {
				t.Errorf("the times are %v", claims)
			}
			if p, ok := claims["organization_permissions"].([]any); !ok || len(p) != 1 || p[0] != "organization:admin" {
				t.Errorf("the permissions are %v", claims["organization_permissions"])
			}
		})
	}
	t.Run("keys", func(t *testing.T) { publishedKeys(t, set) })
	a = admin.get(t, "/session/token?template=unknown").must(t, http.StatusNotFound)
	if a.code() != "NOT_FOUND" {
		t.Errorf("an unknown template is answered: %s", a.Raw)
	}
	a = s.person(t, "Nora Nowhere").get(t, "/session/token").must(t, http.StatusOK)
	claims := verifyByHand(t, a.text(t, "data.token"), set.Raw)
	if _, ok := claims["organization"]; ok {
		t.Errorf("who is nowhere is somewhere: %v", claims)
	}
}

// publishedKeys are two, so that they overlap in a rotation, and public.
func publishedKeys(t *testing.T, set answer) {
	keys := set.list(t, "keys")
	if len(keys) < 2 {
		t.Errorf("there is no next key: %s", set.Raw)
	}
	for _, key := range keys {
		members := key.(map[string]any)
		for name := range members {
			if !strings.Contains(" kty kid use alg crv x y ", " "+name+" ") {
				t.Errorf("a published key has the member %s", name)
			}
		}
		if members["kty"] != "EC" || members["alg"] != "ES256" || members["crv"] != "P-256" || members["use"] != "sig" {
			t.Errorf("the key is %v", members)
		}
	}
}

func verifyWithLibrary(t *testing.T, token string, set []byte) map[string]any {
	t.Helper()
	var keys jose.JSONWebKeySet
	if err := json.Unmarshal(set, &keys); err != nil {
		t.Fatal(err)
	}
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	claims := map[string]any{}
	if err := parsed.Claims(keys, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

// verifyByHand follows RFC 7515 and RFC 7518, section 3.4, with the standard
// library alone.
func verifyByHand(t *testing.T, token string, set []byte) map[string]any {
	t.Helper()
	decode := func(text string) []byte {
		b, err := base64.RawURLEncoding.Strict().DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("the token has %d parts", len(parts))
	}
	var header struct{ Alg, Typ, Kid string }
	var keys struct {
		Keys []struct{ Kid, X, Y string }
	}
	claims := map[string]any{}
	for text, into := range map[string]any{string(decode(parts[0])): &header, string(set): &keys, string(decode(parts[1])): &claims} {
		if err := json.Unmarshal([]byte(text), into); err != nil {
			t.Fatal(err)
		}
	}
	if header.Alg != "ES256" || header.Typ != "JWT" {
		t.Errorf("the header is %+v", header)
	}
	digest, signature := sha256.Sum256([]byte(parts[0]+"."+parts[1])), decode(parts[2])
	for _, key := range keys.Keys {
		if key.Kid != header.Kid {
			continue
		}
		public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), slices.Concat([]byte{4}, decode(key.X), decode(key.Y)))
		if err != nil || len(signature) != 64 {
			t.Fatalf("%v, and a signature of %d bytes", err, len(signature))
		}
		if !ecdsa.Verify(public, digest[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])) {
			t.Error("the signature is wrong")
		}
		return claims
	}
	t.Fatalf("the key %s is not published", header.Kid)
	return nil
}
