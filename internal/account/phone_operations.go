package account

import (
	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/api"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/onetime"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
	"github.com/guildhall-id/guildhall/internal/platform/mail"
	"github.com/guildhall-id/guildhall/internal/user"
)

// phoneOperations are about one's phone numbers. A verified one can be the
// second factor that a sign-in is held back for, so setting one up is open then.
func (s *Service) phoneOperations() []api.Operation {
	return []api.Operation{
		{
			ID:      "GetUserPhoneNumbers",
			Route:   "GET /me/phone-numbers",
			Summary: "List one's phone numbers.",
			Access:  access.Enrolling(),
			Handle:  api.Handle(s.listPhones),
		},
		{
			ID:      "AddPhoneNumber",
			Route:   "POST /me/phone-numbers",
			Summary: "Claim a phone number. It counts once it is verified.",
			Access:  access.Enrolling(),
			Errors: []*fault.Error{
				user.ErrPhoneInvalid, user.ErrPhoneExists, user.ErrVoIPBlocked, user.ErrCountryRestricted,
				ErrTooManyPhones, ErrTooManyTries, deployment.ErrFeatureDisabled, access.ErrStaleSignIn,
			},
			Handle: api.Handle(s.addPhone),
		},
		{
			ID:      "GetPhoneNumber",
			Route:   "GET /me/phone-numbers/{id}",
			Summary: "Read one of one's phone numbers.",
			Access:  access.Enrolling(),
			Errors:  []*fault.Error{ErrPhoneNotFound},
			Handle:  api.Handle(s.getPhone),
		},
		{
			ID:      "PreparePhoneVerification",
			Route:   "POST /me/phone-numbers/{id}/prepare-verification",
			Summary: "Send a code to a claimed number.",
			Access:  access.Enrolling(),
			Errors: []*fault.Error{
				ErrPhoneNotFound, ErrPhoneVerified, user.ErrVoIPBlocked, user.ErrCountryRestricted,
				deployment.ErrFeatureDisabled, mail.ErrNoTexts, mail.ErrTooMany, ErrTooManyTries,
			},
			Handle: api.Handle(s.preparePhone),
		},
		{
			ID:      "AttemptPhoneVerification",
			Route:   "POST /me/phone-numbers/{id}/attempt-verification",
			Summary: "Enter the code that was sent to a claimed number. The number is verified then.",
			Access:  access.Enrolling(),
			Errors: []*fault.Error{
				ErrPhoneNotFound, ErrPhoneVerified, user.ErrPhoneExists, onetime.ErrMissing, onetime.ErrInvalid, onetime.ErrExpired, ErrTooManyTries,
				access.ErrStaleSignIn,
			},
			Handle: api.Handle(s.verifyPhone),
		},
		{
			ID:      "MakePhonePrimary",
			Route:   "POST /me/phone-numbers/{id}/make-primary",
			Summary: "Make a verified number the primary one.",
			Access:  access.SignedIn(),
			Errors:  []*fault.Error{ErrPhoneNotFound, ErrPhoneUnverified, access.ErrStaleSignIn},
			Handle:  api.Handle(s.makePhonePrimary),
		},
		{
			ID:      "DeletePhoneNumber",
			Route:   "POST /me/phone-numbers/{id}/delete",
			Summary: "Give up a number, but not the primary one of several, nor the only one of an account that needs it.",
			Access:  access.SignedIn(),
			Errors:  []*fault.Error{ErrPhoneNotFound, ErrPhonePrimary, ErrPhoneNeeded, access.ErrStaleSignIn},
			Handle:  api.Handle(s.deletePhone),
		},
	}
}
