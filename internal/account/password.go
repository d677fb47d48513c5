package account

import (
	"context"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
	"github.com/guildhall-id/guildhall/internal/user"
)

// The refusals of passwords.
var (
	ErrWrongPassword = fault.New(fault.Unauthenticated, "INVALID_CREDENTIALS", "This is not your current password.")
	ErrNoPassword    = fault.New(fault.Invalid, "INVALID_STATE", "Your account has no password.")
	ErrNoAlternative = fault.New(fault.Invalid, "NO_ALTERNATIVE_AUTH_METHOD", "Without the password you could not sign in any more. Set up another way to sign in first.")
)

type updatePasswordInput struct {
	Body struct {
		CurrentPassword string `json:"current_password,omitempty" maxLength:"1000" doc:"Needed when there is a password."`
		NewPassword     string `json:"new_password" maxLength:"1000"`
	}
}

// updatePassword checks and hashes outside of the transaction: both take a
// core for milliseconds.
func (s *Service) updatePassword(ctx context.Context, in updatePasswordInput) (Message, error) {
	caller, d, err := s.settings(ctx)
	if err != nil {
		return Message{}, err
	}
	if !d.Settings.Auth.Password.Enabled {
		return Message{}, deployment.ErrFeatureDisabled
	}
	me, err := s.checkPassword(ctx, caller, in.Body.CurrentPassword)
	if err != nil {
		return Message{}, err
	}
	if err := s.passwords.Check(d.Settings.Auth.PasswordPolicy, in.Body.NewPassword); err != nil {
		return Message{}, err
	}
	hash, err := s.passwords.Hash(ctx, in.Body.NewPassword)
	if err != nil {
		return Message{}, err
	}
	if err := s.replacePassword(ctx, caller, d, me, hash); err != nil {
		return Message{}, err
	}
	return done("Your password is changed."), nil
}

type removePasswordInput struct {
	Body struct {
		CurrentPassword string `json:"current_password" maxLength:"1000"`
	}
}

func (s *Service) removePassword(ctx context.Context, in removePasswordInput) (Message, error) {
	caller, d, err := s.settings(ctx)
	if err != nil {
		return Message{}, err
	}
	me, err := s.checkPassword(ctx, caller, in.Body.CurrentPassword)
	if err != nil {
		return Message{}, err
	}
	if me.PasswordHash == "" {
		return Message{}, ErrNoPassword
	}
	if err := s.replacePassword(ctx, caller, d, me, ""); err != nil {
		return Message{}, err
	}
	return done("Your password is removed."), nil
}

// checkPassword is the person as they are, or ErrWrongPassword when they have
// a password and this is not it.
func (s *Service) checkPassword(ctx context.Context, caller *access.Caller, password string) (User, error) {
	me, err := s.person(ctx, caller)
	if err != nil || me.PasswordHash == "" {
		return me, err
	}
	if err := s.allow(ctx, caller.User, "password"); err != nil {
		return me, err
	}
	ok, err := s.passwords.Matches(ctx, me.PasswordHash, password)
	if err == nil && !ok {
		err = ErrWrongPassword
	}
	return me, err
}

// replacePassword puts a digest, or none, in the place of the one that was
// checked. Everybody else who is signed in to the account is signed out, and
// the browser gets a new token.
func (s *Service) replacePassword(ctx context.Context, caller *access.Caller, d *deployment.Deployment, checked User, hash string) error {
	return s.secure(ctx, caller, d, func(tx *database.Tx, _ *Queries, me User) error {
		if me.PasswordHash != checked.PasswordHash {
			return ErrWrongPassword // changed meanwhile
		}
		to, err := user.VerifiedEmails(ctx, tx, me.ID)
		if err != nil {
			return err
		}
		if hash == "" && !canSignInByMail(d, to) && !me.canSignInByPhone(d) {
			return ErrNoAlternative
		}
		if err := user.ReplacePassword(ctx, tx, me.ID, hash); err != nil {
			return err
		}
		if err := s.sessions.EndOthers(ctx, tx, caller, d); err != nil {
			return err
		}
		if err := s.sessions.Renew(ctx, tx, caller, d); err != nil {
			return err
		}
		name, heading := "user.password_changed", "Your password was changed"
		if hash == "" {
			name, heading = "user.password_removed", "Your password was removed"
		}
		if err := record(ctx, tx, me.ID, name, map[string]any{"had_password": me.PasswordHash != ""}); err != nil {
			return err
		}
		return s.announce(ctx, tx, d, me.ID, to, heading, heading+". Other browsers that were signed in to your account are signed out.")
	})
}

// canSignInByMail reports whether a code or link that is mailed to a verified
// address signs in.
func canSignInByMail(d *deployment.Deployment, verified []user.Email) bool {
	auth := d.Settings.Auth
	return len(verified) > 0 && (auth.FactorsEnabled.EmailOTP || auth.FactorsEnabled.EmailMagicLink && auth.MagicLink.Enabled)
}
