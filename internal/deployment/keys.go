package deployment

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	_ "crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"sync"
	"time"

	// the thumbprint of RFC 7638

	"github.com/go-jose/go-jose/v4"

	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/secret"
)

// A signing key signs for keyLife. Its successor is published from the moment
// it starts, and it stays published for keyOverlap after it stopped.
const (
	keyLife    = 90 * 24 * time.Hour
	keyOverlap = 24 * time.Hour
)

// signingKey is a published key; the private half is opened when it is used.
type signingKey struct {
	row    SigningKeysRow
	public jose.JSONWebKey
	signer jose.Signer
}

// keys are the signing keys of the deployment, read at most once a minute.
type keys struct {
	db   *database.DB
	seal secret.Key

	mu     sync.Mutex
	cached []signingKey
	readAt time.Time
}

func newKeys(db *database.DB, seal secret.Key) *keys { return &keys{db: db, seal: seal} }

// ensure makes the first key and the next one, and retires old ones. Running
// it again changes nothing until a key is due.
func (k *keys) ensure(ctx context.Context, tx *database.Tx, deployment id.Deployment) error {
	q := New(tx)
	rows, err := q.SigningKeys(ctx, deployment)
	if err != nil {
		return err
	}
	tx.AfterCommit(k.forget)
	if len(rows) == 0 {
		if err := k.create(ctx, tx, deployment, 0); err != nil {
			return err
		}
	}
	if len(rows) == 0 || rows[0].ActiveFrom <= tx.Now {
		if err := k.create(ctx, tx, deployment, keyLife); err != nil {
			return err
		}
	}
	for i := 1; i < len(rows); i++ {
		if rows[i-1].ActiveFrom.Add(keyOverlap) <= tx.Now {
			if err := q.RetireSigningKey(ctx, RetireSigningKeyParams{ID: rows[i].ID, DeploymentID: deployment, Now: tx.Now}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (k *keys) create(ctx context.Context, tx *database.Tx, deployment id.Deployment, wait time.Duration) error {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return err
	}
	public := jose.JSONWebKey{Key: private.Public(), Algorithm: string(jose.ES256), Use: "sig"}
	thumb, err := public.Thumbprint(crypto.SHA256)
	if err != nil {
		return err
	}
	public.KeyID = base64.RawURLEncoding.EncodeToString(thumb)
	text, err := json.Marshal(public)
	if err != nil {
		return err
	}
	return New(tx).InsertSigningKey(ctx, InsertSigningKeyParams{
		ID: database.NewID[id.SigningKey](tx), DeploymentID: deployment, Kid: public.KeyID,
		PublicKey: string(text), PrivateKey: k.seal.Seal(der, []byte(public.KeyID)),
		Now: tx.Now, ActiveFrom: tx.Now.Add(wait),
	})
}

// published are the keys of the JWKS, newest first.
func (k *keys) published(ctx context.Context, deployment id.Deployment) ([]signingKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.cached != nil && time.Since(k.readAt) < time.Minute {
		return k.cached, nil
	}
	rows, err := New(k.db).SigningKeys(ctx, deployment)
	if err != nil {
		return nil, fmt.Errorf("read the signing keys: %w", err)
	}
	list := make([]signingKey, len(rows))
	for i, row := range rows {
		if list[i], err = k.open(row); err != nil {
			return nil, err
		}
	}
	k.cached, k.readAt = list, time.Now()
	return list, nil
}

func (k *keys) open(row SigningKeysRow) (signingKey, error) {
	key := signingKey{row: row}
	if err := json.Unmarshal([]byte(row.PublicKey), &key.public); err != nil {
		return key, fmt.Errorf("read signing key %s: %w", row.Kid, err)
	}
	der, err := k.seal.Open(row.PrivateKey, []byte(row.Kid))
	if err != nil {
		return key, fmt.Errorf("open signing key %s (is this the key file the data was made with?): %w", row.Kid, err)
	}
	private, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return key, fmt.Errorf("parse signing key %s: %w", row.Kid, err)
	}
	key.signer, err = jose.NewSigner(
		jose.SigningKey{Algorithm: jose.ES256, Key: private},
		(&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", row.Kid),
	)
	return key, err
}

// signing is the key that signs now: the newest that has started.
func (k *keys) signing(ctx context.Context, deployment id.Deployment) (signingKey, error) {
	list, err := k.published(ctx, deployment)
	if err != nil {
		return signingKey{}, err
	}
	now := k.db.Now()
	for _, key := range list {
		if key.row.ActiveFrom <= now {
			return key, nil
		}
	}
	return signingKey{}, fmt.Errorf("deployment %s has no signing key", deployment)
}

func (k *keys) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.cached = nil
}

// SignToken signs claims as a JWT (RFC 7519) with the deployment's current key.
func (s *Service) SignToken(ctx context.Context, deployment id.Deployment, claims any) (string, error) {
	key, err := s.keys.signing(ctx, deployment)
	if err != nil {
		return "", err
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	signed, err := key.signer.Sign(payload)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

// RotateKeys publishes the next signing key and retires the old one when due.
// It is called daily by a background job.
func (s *Service) RotateKeys(ctx context.Context) error {
	d, err := s.Current(ctx)
	if err != nil {
		return err
	}
	return s.db.InTx(ctx, func(tx *database.Tx) error {
		if err := s.takeTurn(ctx, tx); err != nil {
			return err
		}
		return s.keys.ensure(ctx, tx, d.ID)
	})
}

// publicPEM is the key as SubjectPublicKeyInfo (RFC 5280, section 4.1) in PEM.
func (k signingKey) publicPEM() (string, error) {
	der, err := x509.MarshalPKIXPublicKey(k.public.Key)
	if err != nil {
		return "", err
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), nil
}
