package secret_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/guildhall-id/guildhall/internal/platform/secret"
)

func key(t *testing.T, fill byte) secret.Key {
	t.Helper()
	k, err := secret.NewKey(bytes.Repeat([]byte{fill}, secret.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// S37: a secret cannot be printed, logged or marshalled by accident.
func TestSecretsDoNotShow(t *testing.T) {
	const text = "hunter2hunter2"
	s, k := secret.New(text), key(t, 'k')
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "secret", s, "key", k)
	b, _ := json.Marshal(map[string]any{"s": s})
	shown := fmt.Sprintf("%v %+v %#v %s %q %v %+v %#v %s", s, s, s, s, s, k, k, k, b) + log.String()
	if strings.Contains(shown, text) || strings.Contains(shown, "kkkk") || strings.Contains(shown, "107") {
		t.Errorf("a secret shows: %s", shown)
	}
}

func TestSealOpensOnlyWithItsKeyAndContext(t *testing.T) {
	k := key(t, 1)
	sealed := k.Seal([]byte("the text"), []byte("row 1"))
	if plain, err := k.Open(sealed, []byte("row 1")); err != nil || string(plain) != "the text" {
		t.Errorf("got %q, %v", plain, err)
	}
	if _, err := k.Open(sealed, []byte("row 2")); err == nil {
		t.Error("opened in another context")
	}
	if _, err := key(t, 2).Open(sealed, []byte("row 1")); err == nil {
		t.Error("opened with another key")
	}
	sealed[len(sealed)-1] ^= 1
	if _, err := k.Open(sealed, []byte("row 1")); err == nil {
		t.Error("opened although damaged")
	}
	if _, err := k.Open(nil, nil); err == nil {
		t.Error("opened nothing")
	}
}

func TestPurposesGiveUnrelatedKeys(t *testing.T) {
	k := key(t, 1)
	signature := k.For("a").Sign([]byte("m"))
	if !k.For("a").Verify([]byte("m"), signature) || k.For("b").Verify([]byte("m"), signature) || k.For("a").Verify([]byte("n"), signature) {
		t.Error("a signature is good for one key and one message")
	}
}

func TestTokensAreLongAndDiffer(t *testing.T) {
	a, b := secret.Token(), secret.Token()
	if len(a.Reveal()) != 43 || a == b {
		t.Errorf("%d characters", len(a.Reveal()))
	}
}
