package account

import (
	"slices"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/api"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/factor"
	"github.com/guildhall-id/guildhall/internal/onetime"
	"github.com/guildhall-id/guildhall/internal/organization"
	"github.com/guildhall-id/guildhall/internal/picture"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
	"github.com/guildhall-id/guildhall/internal/platform/mail"
	"github.com/guildhall-id/guildhall/internal/user"
)

// Operations is everything people can do with their own account. Each of them
// is about the caller, so being signed in is all the right it needs.
func (s *Service) Operations() []api.Operation {
	list := []api.Operation{
		{
			ID:      "GetUser",
			Route:   "GET /me",
			Summary: "Read the signed-in person.",
			Access:  access.Enrolling(),
			Handle:  api.Handle(s.getUser),
		},
		{
			ID:      "UpdateUser",
			Route:   "POST /me",
			Summary: "Change one's names, username, primary address or number, or second factor policy. What is not sent stays.",
			Access:  access.SignedIn(),
			Errors: []*fault.Error{
				user.ErrNameInvalid, user.ErrUsernameInvalid, user.ErrUsernameExists, user.ErrBannedKeyword, deployment.ErrFeatureDisabled,
				ErrRequired, ErrEmailNotFound, ErrEmailUnverified, ErrPhoneNotFound, ErrPhoneUnverified, factor.ErrNoFactor, access.ErrStaleSignIn,
			},
			Handle: api.Handle(s.updateUser),
		},
		{
			ID:      "UploadProfilePicture",
			Route:   "POST /me/profile-picture",
			Summary: "Give oneself a picture. It is cut to a square and kept in two sizes.",
			Access:  access.SignedIn(),
			Errors:  []*fault.Error{picture.ErrNotPicture, picture.ErrTooManyBytes, picture.ErrTooManyPixels, picture.ErrBusy, ErrTooManyTries},
			Handle:  api.Handle(s.uploadPicture),
		},
		{
			ID:      "UpdatePassword",
			Route:   "POST /me/update-password",
			Summary: "Set or change the password. Everybody else who is signed in to the account is signed out.",
			Access:  access.SignedIn(),
			Errors: []*fault.Error{
				ErrWrongPassword, ErrTooManyTries, user.ErrPasswordPolicy, user.ErrPasswordsBusy, deployment.ErrFeatureDisabled,
				access.ErrStaleSignIn,
			},
			Handle: api.Handle(s.updatePassword),
		},
		{
			ID:      "RemovePassword",
			Route:   "POST /me/remove-password",
			Summary: "Give up the password, when there is another way to sign in. Everybody else who is signed in to the account is signed out.",
			Access:  access.SignedIn(),
			Errors:  []*fault.Error{ErrWrongPassword, ErrNoAlternative, ErrNoPassword, ErrTooManyTries, user.ErrPasswordsBusy, access.ErrStaleSignIn},
			Handle:  api.Handle(s.removePassword),
		},
		{
			ID:      "GetUserSignins",
			Route:   "GET /me/signins",
			Summary: "List where one is signed in, the newest first, at most 100.",
			Access:  access.SignedIn(),
			Handle:  api.Handle(s.listSignIns),
		},
		{
			ID:      "SignOutFromSession",
			Route:   "POST /me/signins/{id}/signout",
			Summary: "Sign out in another browser. It works for the next request.",
			Access:  access.SignedIn(),
			Errors:  []*fault.Error{access.ErrNotFound},
			Handle:  api.Handle(s.signOut),
		},
		{
			ID:      "DeleteAccount",
			Route:   "POST /me/account/delete",
			Summary: "End one's account with its memberships and sign-ins. Its addresses are free for others again.",
			Access:  access.SignedIn(),
			Errors:  []*fault.Error{ErrWrongPassword, access.ErrStaleSignIn, organization.ErrLastAdmin, ErrTooManyTries, user.ErrPasswordsBusy},
			Handle:  api.Handle(s.deleteAccount),
		},
	}
	return slices.Concat(list, s.emailOperations(), s.phoneOperations())
}

func (s *Service) emailOperations() []api.Operation {
	return []api.Operation{
		{
			ID:      "GetUserEmailAddresses",
			Route:   "GET /me/email-addresses",
			Summary: "List one's e-mail addresses.",
			Access:  access.SignedIn(),
			Handle:  api.Handle(s.listAddresses),
		},
		{
			ID:      "CreateUserEmailAddress",
			Route:   "POST /me/email-addresses",
			Summary: "Claim an e-mail address. It counts once it is verified.",
			Access:  access.SignedIn(),
			Errors: []*fault.Error{
				user.ErrEmailInvalid, user.ErrEmailExists, user.ErrEmailBlocked, user.ErrEmailNotAllowed, user.ErrEmailDisposable, user.ErrBannedKeyword,
				ErrTooManyAddresses, ErrTooManyTries, deployment.ErrFeatureDisabled, access.ErrStaleSignIn,
			},
			Handle: api.Handle(s.addAddress),
		},
		{
			ID:      "GetUserEmailAddress",
			Route:   "GET /me/email-addresses/{id}",
			Summary: "Read one of one's e-mail addresses.",
			Access:  access.SignedIn(),
			Errors:  []*fault.Error{ErrEmailNotFound},
			Handle:  api.Handle(s.getAddress),
		},
		{
			ID:      "PrepareEmailVerification",
			Route:   "POST /me/email-addresses/{id}/prepare-verification",
			Summary: "Send a code to a claimed address.",
			Access:  access.SignedIn(),
			Errors: []*fault.Error{
				ErrEmailNotFound, ErrEmailVerified, mail.ErrTooMany,
				user.ErrEmailNotAllowed, user.ErrEmailBlocked, user.ErrEmailDisposable, user.ErrBannedKeyword,
			},
			Handle: api.Handle(s.prepareAddress),
		},
		{
			ID:      "AttemptEmailVerification",
			Route:   "POST /me/email-addresses/{id}/attempt-verification",
			Summary: "Enter the code that was sent to a claimed address. The address is verified then.",
			Access:  access.SignedIn(),
			Errors: []*fault.Error{
				ErrEmailNotFound, ErrEmailVerified, user.ErrEmailExists, onetime.ErrMissing, onetime.ErrInvalid, onetime.ErrExpired, ErrTooManyTries,
				access.ErrStaleSignIn,
			},
			Handle: api.Handle(s.verifyAddress),
		},
		{
			ID:      "MakeEmailPrimary",
			Route:   "POST /me/email-addresses/{id}/make-primary",
			Summary: "Make a verified address the primary one.",
			Access:  access.SignedIn(),
			Errors:  []*fault.Error{ErrEmailNotFound, ErrEmailUnverified, access.ErrStaleSignIn},
			Handle:  api.Handle(s.makePrimary),
		},
		{
			ID:      "DeleteUserEmailAddress",
			Route:   "POST /me/email-addresses/{id}/delete",
			Summary: "Give up an address, but not the primary one and not the last verified one.",
			Access:  access.SignedIn(),
			Errors:  []*fault.Error{ErrEmailNotFound, ErrEmailPrimary, ErrEmailLast, access.ErrStaleSignIn},
			Handle:  api.Handle(s.deleteAddress),
		},
	}
}
