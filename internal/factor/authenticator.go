package factor

import (
	"bytes"
	"context"
	"encoding/base64"
	"image/png"
	"strings"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/clock"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
	"github.com/guildhall-id/guildhall/internal/user"
)

// mostGuesses is how often one may enter the codes of a new authenticator.
const mostGuesses = 5

// NewAuthenticator is one that waits to be verified, with its secret, which is
// shown this once.
type NewAuthenticator struct {
	ID         id.Authenticator `json:"id"`
	CreatedAt  clock.Time       `json:"created_at"`
	OTPURL     string           `json:"otp_url" format:"uri" doc:"What a QR code for an authenticator app says."`
	QRCode     string           `json:"qr_code" format:"uri" doc:"Beyond the public API: the picture of that QR code, a PNG as data URL."`
	TOTPSecret string           `json:"totp_secret" doc:"The secret in base32, to type it in. It is shown this once."`
	Verified   bool             `json:"verified"`
}

// addAuthenticator makes a new secret, in place of one that was not verified.
func (s *Service) addAuthenticator(ctx context.Context, _ struct{}) (out NewAuthenticator, err error) {
	if err := s.allow(access.CallerOf(ctx).User, "new"); err != nil {
		return out, err
	}
	err = s.change(ctx, func(tx *database.Tx, d *deployment.Deployment, me LockPersonRow) error {
		if !d.Settings.Auth.FactorsEnabled.Authenticator {
			return deployment.ErrFeatureDisabled
		}
		made, err := totp.Generate(totp.GenerateOpts{Issuer: issuer(d), AccountName: me.Account})
		if err != nil {
			return err
		}
		q := New(tx)
		if err := q.DropNewAuthenticator(ctx, me.ID); err != nil {
			return err
		}
		out = NewAuthenticator{ID: database.NewID[id.Authenticator](tx), CreatedAt: tx.Now, OTPURL: made.URL(), TOTPSecret: made.Secret()}
		if out.QRCode, err = qrCode(made); err != nil {
			return err
		}
		return q.InsertAuthenticator(ctx, InsertAuthenticatorParams{
			ID: out.ID, DeploymentID: d.ID, UserID: me.ID, Now: tx.Now,
			Secret: s.sealing.Seal([]byte(out.TOTPSecret), sealedFor(out.ID)),
		})
	})
	return out, err
}

// qrCode is the QR code of a new authenticator, 256 pixels square, as an
// address that a page can show (RFC 2397).
func qrCode(made *otp.Key) (string, error) {
	code, err := made.Image(256, 256)
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	err = png.Encode(&b, code)
	return "data:image/png;base64," + base64.StdEncoding.EncodeToString(b.Bytes()), err
}

// issuer is the application's name as apps show it; a colon would end it.
func issuer(d *deployment.Deployment) string {
	if name := strings.TrimSpace(strings.ReplaceAll(d.Settings.UI.AppName, ":", " ")); name != "" {
		return name
	}
	return "Guildhall"
}

// sealedFor binds a secret to its row.
func sealedFor(a id.Authenticator) []byte { return []byte(a.String()) }

func (s *Service) open(a id.Authenticator, sealed []byte) (key, error) {
	plain, err := s.sealing.Open(sealed, sealedFor(a))
	return key(plain), err
}

type verifyAuthenticatorInput struct {
	Body struct {
		AuthenticatorID id.Authenticator `json:"authenticator_id"`
		Codes           []string         `json:"codes" maxItems:"2" doc:"The code that the app shows, and the next one."`
	}
}

// verifyAuthenticator makes a new authenticator count, in place of an earlier
// one, once two codes in a row have shown that the app has its secret and a
// clock that is right. Both codes are used up.
func (s *Service) verifyAuthenticator(ctx context.Context, in verifyAuthenticatorInput) (out user.Authenticator, err error) {
	if len(in.Body.Codes) != 2 {
		return out, ErrWrongCodes
	}
	if err := s.allow(access.CallerOf(ctx).User, "enrolment"); err != nil {
		return out, err
	}
	var wrong *fault.Error
	err = s.change(ctx, func(tx *database.Tx, d *deployment.Deployment, me LockPersonRow) error {
		if !d.Settings.Auth.FactorsEnabled.Authenticator {
			return deployment.ErrFeatureDisabled
		}
		row, err := New(tx).TryAuthenticator(ctx, TryAuthenticatorParams{ID: in.Body.AuthenticatorID, UserID: me.ID})
		if row, err = database.OrNotFound(row, err, ErrAuthenticatorNotFound); err != nil {
			return err
		}
		switch {
		case row.VerifiedAt != 0:
			return ErrVerified
		case row.Tries > mostGuesses:
			return ErrTooManyGuesses
		}
		secret, err := s.open(row.ID, row.Secret)
		if err != nil {
			return err
		}
		step, err := secret.consecutive(typedDigits(in.Body.Codes[0]), typedDigits(in.Body.Codes[1]), tx.Now)
		if err != nil {
			return err
		}
		if step == 0 {
			wrong = ErrWrongCodes
			return nil // the guess is committed
		}
		wrong = nil
		out = user.Authenticator{ID: row.ID, CreatedAt: row.CreatedAt, Verified: true}
		return s.put(ctx, tx, d, me, row, step)
	})
	if err == nil && wrong != nil {
		err = wrong
	}
	return out, err
}

// put makes a checked authenticator the person's only one.
func (s *Service) put(ctx context.Context, tx *database.Tx, d *deployment.Deployment, me LockPersonRow, row UserAuthenticator, step int64) error {
	q := New(tx)
	heading, sentence := "An authenticator was added", "An authenticator app was added to your account, as a second factor."
	if me.AuthenticatorID != 0 {
		heading, sentence = "Your authenticator was replaced", "A new authenticator app has taken the place of the one of your account."
		_, err := q.EndAuthenticator(ctx, EndAuthenticatorParams{ID: me.AuthenticatorID, UserID: me.ID, Now: tx.Now})
		if err != nil {
			return err
		}
		if err := emit(ctx, tx, me.ID, "user.authenticator.removed", map[string]any{"authenticator_id": me.AuthenticatorID}); err != nil {
			return err
		}
	}
	_, err := q.VerifyAuthenticator(ctx, VerifyAuthenticatorParams{ID: row.ID, UserID: me.ID, Step: step, Now: tx.Now})
	if _, err = database.OrNotFound(row.ID, err, ErrAuthenticatorNotFound); err != nil {
		return err
	}
	err = q.ShowAuthenticator(ctx, ShowAuthenticatorParams{ID: me.ID, AuthenticatorID: row.ID, AuthenticatorCreatedAt: row.CreatedAt, Now: tx.Now})
	if err != nil {
		return err
	}
	if err := emit(ctx, tx, me.ID, "user.authenticator.added", map[string]any{"authenticator_id": row.ID}); err != nil {
		return err
	}
	if err := s.sessions.Enrolled(ctx, tx, access.CallerOf(ctx), d, ByAuthenticator); err != nil {
		return err
	}
	return s.announce(ctx, tx, d, me.ID, heading, sentence)
}

// useStep reports whether a code is right, and uses up its step.
func (s *Service) useStep(ctx context.Context, tx *database.Tx, person id.User, typed string) (bool, error) {
	code := typedDigits(typed)
	if code == "" {
		return false, nil
	}
	q := New(tx)
	row, err := q.VerifiedAuthenticator(ctx, person)
	if err != nil {
		if database.IsNoRows(err) {
			err = nil // removed meanwhile
		}
		return false, err
	}
	secret, err := s.open(row.ID, row.Secret)
	if err != nil {
		return false, err
	}
	step, err := secret.step(code, tx.Now)
	if err != nil || step == 0 {
		return false, err
	}
	_, err = q.UseStep(ctx, UseStepParams{ID: row.ID, UserID: person, Step: step})
	if database.IsNoRows(err) {
		return false, nil
	}
	return err == nil, err
}

type authenticatorInput struct {
	ID id.Authenticator `path:"id"`
}

// Message is the answer of a change that has nothing to show.
type Message struct {
	Message string `json:"message"`
	Success bool   `json:"success"`
}

func (s *Service) removeAuthenticator(ctx context.Context, in authenticatorInput) (Message, error) {
	err := s.change(ctx, func(tx *database.Tx, d *deployment.Deployment, me LockPersonRow) error {
		q := New(tx)
		verified, err := q.EndAuthenticator(ctx, EndAuthenticatorParams{ID: in.ID, UserID: me.ID, Now: tx.Now})
		if verified, err = database.OrNotFound(verified, err, ErrAuthenticatorNotFound); err != nil || verified == 0 {
			return err // one that never counted is nobody's news
		}
		if err := q.ShowAuthenticator(ctx, ShowAuthenticatorParams{ID: me.ID, Now: tx.Now}); err != nil {
			return err
		}
		if err := emit(ctx, tx, me.ID, "user.authenticator.removed", map[string]any{"authenticator_id": in.ID}); err != nil {
			return err
		}
		if err := Settle(ctx, tx, d, me.ID); err != nil {
			return err
		}
		return s.announce(ctx, tx, d, me.ID, "Your authenticator was removed", "The authenticator app of your account was removed. Its codes do not work any more.")
	})
	if err != nil {
		return Message{}, err
	}
	return Message{"The authenticator is removed.", true}, nil
}
