package factor

import (
	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/api"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
)

// Operations is everything people can do with their second factors.
func (s *Service) Operations() []api.Operation {
	return []api.Operation{
		{
			ID:      "GenerateAuthenticator",
			Route:   "POST /me/authenticator",
			Summary: "Begin to set up an authenticator app. Its secret is shown this once, and counts once it is verified.",
			Access:  access.Enrolling(),
			Errors:  []*fault.Error{deployment.ErrFeatureDisabled, access.ErrStaleSignIn, ErrTooManyTries},
			Handle:  api.Handle(s.addAuthenticator),
		},
		{
			ID:      "VerifyAuthenticator",
			Route:   "POST /me/authenticator/attempt-verification",
			Summary: "Enter two codes in a row of a new authenticator. It counts from then on, in place of an earlier one.",
			Access:  access.Enrolling(),
			Errors: []*fault.Error{
				ErrAuthenticatorNotFound, ErrVerified, ErrWrongCodes, ErrTooManyGuesses, ErrTooManyTries,
				deployment.ErrFeatureDisabled, access.ErrStaleSignIn,
			},
			Handle: api.Handle(s.verifyAuthenticator),
		},
		{
			ID:      "DeleteAuthenticator",
			Route:   "POST /me/authenticator/{id}/delete",
			Summary: "Remove an authenticator. Without another second factor, backup codes end and the policy becomes none.",
			Access:  access.SignedIn(),
			Errors:  []*fault.Error{ErrAuthenticatorNotFound, access.ErrStaleSignIn},
			Handle:  api.Handle(s.removeAuthenticator),
		},
		{
			ID:      "GenerateBackupCodes",
			Route:   "POST /me/backup-codes",
			Summary: "Make ten backup codes, when there are none. They are shown this once.",
			Access:  access.Enrolling(),
			Errors:  []*fault.Error{ErrCodesExist, ErrNoFactor, ErrTooManyTries, deployment.ErrFeatureDisabled, access.ErrStaleSignIn},
			Handle:  api.Handle(s.createBackupCodes),
		},
		{
			ID:      "RegenerateBackupCodes",
			Route:   "POST /me/backup-codes/regenerate",
			Summary: "Make ten new backup codes. Earlier ones do not work any more.",
			Access:  access.Enrolling(),
			Errors:  []*fault.Error{ErrNoFactor, ErrTooManyTries, deployment.ErrFeatureDisabled, access.ErrStaleSignIn},
			Handle:  api.Handle(s.replaceBackupCodes),
		},
	}
}
