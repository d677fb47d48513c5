package signin

import (
	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/api"
	"github.com/guildhall-id/guildhall/internal/challenge"
	"github.com/guildhall-id/guildhall/internal/onetime"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
	"github.com/guildhall-id/guildhall/internal/session"
	"github.com/guildhall-id/guildhall/internal/user"
)

// Operations is everything people can do to get in.
func (s *Service) Operations() []api.Operation {
	return append(s.operations(), s.challenges.Operations()...)
}

func (s *Service) operations() []api.Operation {
	return []api.Operation{
		{
			ID:      "SignUp",
			Route:   "POST /auth/signup",
			Summary: "Begin to sign up. The address is verified next, unless a mailed invitation has proven it.",
			Access:  access.Browser(),
			Errors: []*fault.Error{
				user.ErrEmailInvalid, user.ErrNameInvalid, user.ErrUsernameInvalid, user.ErrPasswordPolicy,
				user.ErrEmailExists, user.ErrUsernameExists, ErrSignUpRestricted, ErrWaitlistOnly, ErrTooManyTries, challenge.ErrFailed,
				user.ErrEmailNotAllowed, user.ErrEmailBlocked, user.ErrEmailDisposable, user.ErrBannedKeyword,
			},
			Handle: api.Handle(s.signUp),
		},
		{
			ID:      "Identify",
			Route:   "POST /auth/identify",
			Summary: "Ask how an address signs in. Unknown addresses get the same answer as known ones.",
			Access:  access.Browser(),
			Errors:  []*fault.Error{ErrTooManyTries, challenge.ErrFailed},
			Handle:  api.Handle(s.identify),
		},
		{
			ID:      "SignIn",
			Route:   "POST /auth/signin",
			Summary: "Begin to sign in, with a password, a code or a link.",
			Access:  access.Browser(),
			Errors:  []*fault.Error{ErrInvalidCredentials, user.ErrEmailInvalid, challenge.ErrFailed, ErrStrategy, ErrTooManyTries, access.ErrDisabled, user.ErrPasswordsBusy, session.ErrTooManyAccounts},
			Handle:  api.Handle(s.signIn),
		},
		{
			ID:      "PrepareVerification",
			Route:   "POST /auth/prepare-verification",
			Summary: "Send the code or the link that the current step of an attempt asks for.",
			Access:  access.Browser(),
			Errors:  []*fault.Error{ErrBadAttempt, ErrStrategy, ErrTooManyTries, challenge.ErrFailed},
			Handle:  api.Handle(s.prepareVerification),
		},
		{
			ID:      "AttemptVerification",
			Route:   "POST /auth/attempt-verification",
			Summary: "Enter the code. The last step of an attempt signs the person in.",
			Access:  access.Browser(),
			Errors:  []*fault.Error{ErrBadAttempt, onetime.ErrMissing, onetime.ErrInvalid, onetime.ErrExpired, user.ErrEmailExists, access.ErrDisabled, ErrTooManyTries, session.ErrTooManyAccounts},
			Handle:  api.Handle(s.attemptVerification),
		},
		{
			ID:      "VerifyMagicLink",
			Route:   "GET /auth/verify-magic-link",
			Summary: "Open a mailed link. It signs in the browser that opens it, once.",
			Access:  access.Browser(),
			Errors:  []*fault.Error{ErrLinkInvalid, ErrLinkElsewhere, ErrBadAttempt, ErrStrategy, access.ErrDisabled, ErrTooManyTries, session.ErrTooManyAccounts},
			Handle:  api.Handle(s.verifyMagicLink),
			Changes: true,
		},
		{
			ID:      "ForgotPassword",
			Route:   "POST /auth/forgot-password",
			Summary: "Have a code mailed, or exchange it for the token of a reset. Unknown addresses get the same answer.",
			Access:  access.Browser(),
			Errors:  []*fault.Error{user.ErrEmailInvalid, onetime.ErrInvalid, onetime.ErrExpired, ErrStrategy, ErrTooManyTries},
			Handle:  api.Handle(s.forgotPassword),
		},
		{
			ID:      "ResetPassword",
			Route:   "POST /auth/reset-password",
			Summary: "Set a new password. The person is signed in here and signed out everywhere else.",
			Access:  access.Browser(),
			Errors: []*fault.Error{
				ErrResetInvalid, user.ErrPasswordPolicy, user.ErrPasswordsBusy, ErrStrategy, access.ErrDisabled,
				ErrTooManyTries, session.ErrTooManyAccounts,
			},
			Handle: api.Handle(s.resetPassword),
		},
		{
			ID:      "CheckIdentifierAvailability",
			Route:   "GET /auth/identifier-availability",
			Summary: "Ask whether somebody has an e-mail address or a username.",
			Access:  access.Browser(),
			Errors:  []*fault.Error{user.ErrEmailInvalid, user.ErrUsernameInvalid, ErrTooManyTries},
			Handle:  api.Handle(s.checkAvailability),
		},
	}
}
