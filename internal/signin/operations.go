package signin

import (
	"slices"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/api"
	"github.com/guildhall-id/guildhall/internal/challenge"
	"github.com/guildhall-id/guildhall/internal/factor"
	"github.com/guildhall-id/guildhall/internal/onetime"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
	"github.com/guildhall-id/guildhall/internal/platform/mail"
	"github.com/guildhall-id/guildhall/internal/session"
	"github.com/guildhall-id/guildhall/internal/user"
)

// Operations is everything people can do to get in.
func (s *Service) Operations() []api.Operation {
	return slices.Concat(s.beginning(), s.steps(), s.forgetting(), s.challenges.Operations())
}

// entering are the refusals of whatever may sign a person in.
var entering = []*fault.Error{ErrBadAttempt, access.ErrDisabled, session.ErrTooManyAccounts, ErrTooManyTries}

// fields are the refusals of what people write about themselves.
var fields = []*fault.Error{
	user.ErrEmailInvalid, user.ErrNameInvalid, user.ErrUsernameInvalid, user.ErrPhoneInvalid, errRequired,
	user.ErrEmailExists, user.ErrUsernameExists, user.ErrPhoneExists,
	user.ErrEmailNotAllowed, user.ErrEmailBlocked, user.ErrEmailDisposable, user.ErrBannedKeyword,
	user.ErrVoIPBlocked, user.ErrCountryRestricted,
}

// beginning are the ways to begin.
func (s *Service) beginning() []api.Operation {
	return []api.Operation{
		{
			ID:      "SignUp",
			Route:   "POST /auth/signup",
			Summary: "Begin to sign up. What the deployment wants verified comes next, unless a mailed invitation has proven it.",
			Access:  access.Browser(),
			Errors: slices.Concat(fields, entering, []*fault.Error{
				user.ErrPasswordPolicy, user.ErrPasswordsBusy, ErrSignUpRestricted, ErrWaitlistOnly, challenge.ErrFailed,
			}),
			Handle: api.Handle(s.signUp),
		},
		{
			ID:      "Identify",
			Route:   "POST /auth/identify",
			Summary: "Ask how an address signs in. Unknown addresses get the same answer as known ones.",
			Access:  access.Browser(),
			Errors:  []*fault.Error{challenge.ErrFailed},
			Handle:  api.Handle(s.identify),
		},
		{
			ID:      "SignIn",
			Route:   "POST /auth/signin",
			Summary: "Begin to sign in, with a password, a code or a link.",
			Access:  access.Browser(),
			Errors: slices.Concat(entering, []*fault.Error{
				ErrInvalidCredentials, user.ErrEmailInvalid, user.ErrPhoneInvalid, challenge.ErrFailed, ErrStrategy, user.ErrPasswordsBusy,
			}),
			Handle: api.Handle(s.signIn),
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

// steps are how an attempt goes on.
func (s *Service) steps() []api.Operation {
	return []api.Operation{
		{
			ID:      "PrepareVerification",
			Route:   "POST /auth/prepare-verification",
			Summary: "Send the code or the link that the current step of an attempt asks for.",
			Access:  access.Browser(),
			Errors:  []*fault.Error{ErrBadAttempt, ErrStrategy, errNumberUnknown, ErrTooManyTries, mail.ErrNoTexts, challenge.ErrFailed},
			Handle:  api.Handle(s.prepareVerification),
		},
		{
			ID:      "AttemptVerification",
			Route:   "POST /auth/attempt-verification",
			Summary: "Enter the code of the current step. The last step of an attempt signs the person in.",
			Access:  access.Browser(),
			Errors: slices.Concat(entering, []*fault.Error{
				onetime.ErrMissing, onetime.ErrInvalid, onetime.ErrExpired, factor.ErrWrongCode, ErrTooManyGuesses,
				user.ErrEmailExists, user.ErrUsernameExists, user.ErrPhoneExists, user.ErrUsernameInvalid, mail.ErrNoTexts,
			}),
			Handle: api.Handle(s.attemptVerification),
		},
		{
			ID:      "CompleteProfile",
			Route:   "POST /auth/complete-profile",
			Summary: "Fill in what the account lacks and the deployment requires. It ends the sign-in that waits for it.",
			Access:  access.Browser(),
			Errors:  slices.Concat(fields, entering),
			Handle:  api.Handle(s.completeProfile),
		},
		{
			ID:      "VerifyMagicLink",
			Route:   "GET /auth/verify-magic-link",
			Summary: "Open a mailed link. It signs in the browser that opens it, once.",
			Access:  access.Browser(),
			Errors:  slices.Concat(entering, []*fault.Error{ErrLinkInvalid, ErrLinkElsewhere, ErrStrategy}),
			Handle:  api.Handle(s.verifyMagicLink),
			Changes: true,
		},
	}
}

// forgetting are the ways to a new password.
func (s *Service) forgetting() []api.Operation {
	return []api.Operation{
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
			Summary: "Set a new password. The person is signed out everywhere, and signed in here, after a second factor where one is asked for.",
			Access:  access.Browser(),
			Errors:  slices.Concat(entering, []*fault.Error{ErrResetInvalid, user.ErrPasswordPolicy, user.ErrPasswordsBusy, ErrStrategy}),
			Handle:  api.Handle(s.resetPassword),
		},
	}
}
