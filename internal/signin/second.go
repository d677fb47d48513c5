package signin

import (
	"context"
	"slices"
	"strings"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/event"
	"github.com/guildhall-id/guildhall/internal/onetime"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
	"github.com/guildhall-id/guildhall/internal/user"
)

// secondTries are the guesses of a second factor in one attempt, of whatever
// method.
const secondTries = 5

// errNumberUnknown refuses digits that end none of the person's numbers. The
// first factor is proven, so there is nothing to hide.
var errNumberUnknown = fault.New(fault.Invalid, "BAD_REQUEST_BODY", "None of your phone numbers ends with these digits.")

// sendSecond sends a code as the second factor: to one of the person's numbers
// or, when they began with it, to their mailbox.
func (s *Service) sendSecond(ctx context.Context, tx *database.Tx, d *deployment.Deployment, a open, lastDigits string) (Prepared, error) {
	if a.strategy() == strategyCode {
		emails, err := user.VerifiedEmails(ctx, tx, a.signIn.UserID)
		if err != nil {
			return Prepared{}, err
		}
		if len(emails) == 0 {
			return Prepared{}, ErrStrategy
		}
		if err := noteAddress(ctx, tx, a.signIn, string(emails[0])); err != nil {
			return Prepared{}, err
		}
		return s.sendMail(ctx, tx, d, a, emails[0])
	}
	phones, err := user.VerifiedPhones(ctx, tx, a.signIn.UserID)
	if err != nil {
		return Prepared{}, err
	}
	i := slices.IndexFunc(phones, func(p user.Phone) bool { return lastDigits == "" || p.LastDigits() == lastDigits })
	if i < 0 {
		return Prepared{}, errNumberUnknown
	}
	if err := noteAddress(ctx, tx, a.signIn, string(phones[i])); err != nil {
		return Prepared{}, err
	}
	familiar, err := s.mayMail(ctx, tx, numberKey(string(phones[i])), a.signIn)
	if err != nil {
		return Prepared{}, err
	}
	return Prepared{MaskedPhone: phones[i].Masked()}, s.sendText(ctx, tx, d, a, phones[i], familiar, s.outbox.QueueText)
}

// noteAddress keeps where the code went: the address has to be the person's
// still when the code comes back.
func noteAddress(ctx context.Context, tx *database.Tx, a SigninAttempt, address string) error {
	return New(tx).NoteSecondAddress(ctx, NoteSecondAddressParams{ID: a.ID, SessionID: a.SessionID, SecondAddress: address, Now: tx.Now})
}

// trySecond counts a guess of the second factor, and goes on when it is right.
// The transaction has to commit either way.
func (s *Service) trySecond(ctx context.Context, tx *database.Tx, caller *access.Caller, d *deployment.Deployment, a SigninAttempt, code string) (wrong *fault.Error, err error) {
	if step := currentStep(a.Steps); step != stepSecond && step != stepEmailCode {
		return nil, ErrBadAttempt
	}
	account, _, err := accountKey(ctx, tx, caller, "second factor of "+a.UserID.String(), a.UserID)
	if err != nil {
		return nil, err
	}
	if err := allowIn(ctx, tx, s.accounts, account); err != nil {
		return nil, err
	}
	tried, err := New(tx).TrySecondFactor(ctx, TrySecondFactorParams{ID: a.ID, SessionID: a.SessionID, Steps: a.Steps, Most: secondTries, Now: tx.Now})
	if _, err = database.OrNotFound(tried, err, ErrTooManyGuesses); err != nil {
		return nil, err
	}
	method, wrong, err := s.checkSecond(access.As(ctx, a.UserID), tx, d, a, code)
	if err != nil {
		return nil, err
	}
	if wrong != nil {
		return wrong, open{signIn: a}.failed(ctx, tx)
	}
	if err := s.accounts.Refund(ctx, tx, account); err != nil {
		return nil, err
	}
	a.SecondFactor, a.SecondFactorAt = method, tx.Now
	err = event.Emit(access.As(ctx, a.UserID), tx, event.Event{
		Name: "user.second_factor_verified", Subject: int64(a.UserID), Data: map[string]any{"method": method},
	})
	if err != nil {
		return nil, err
	}
	return nil, s.advance(ctx, tx, caller, d, a)
}

// checkSecond says by which method a code is right: the one that was sent, or
// one of the person's authenticator or backup codes. What the settings or the
// person have taken away meanwhile is wrong.
func (s *Service) checkSecond(ctx context.Context, tx *database.Tx, d *deployment.Deployment, a SigninAttempt, code string) (method string, wrong *fault.Error, err error) {
	methods, err := s.secondFactors(ctx, tx, d, a.UserID, a.Method)
	if err != nil {
		return "", nil, err
	}
	wrong = onetime.ErrInvalid
	sent, err := sentTo(ctx, tx, a)
	if err != nil {
		return "", nil, err
	}
	if slices.Contains(methods, sent) {
		if wrong, err = s.codes.Check(ctx, tx, forSecondFactor, open{signIn: a}.subject(), code); err != nil || wrong == nil {
			return sent, nil, err
		}
	}
	if !slices.Contains(methods, byAuthenticator) && !slices.Contains(methods, byBackupCode) {
		return "", wrong, nil
	}
	method, wrong, err = s.factors.Check(ctx, tx, d, a.UserID, code)
	if err == nil && wrong == nil && !slices.Contains(methods, method) {
		wrong = onetime.ErrInvalid
	}
	return method, wrong, err
}

// sentTo is the method of the code that was sent, empty when none was, or the
// address is not the person's any more.
func sentTo(ctx context.Context, tx *database.Tx, a SigninAttempt) (string, error) {
	if a.SecondAddress == "" {
		return "", nil
	}
	if strings.Contains(a.SecondAddress, "@") {
		emails, err := user.VerifiedEmails(ctx, tx, a.UserID)
		if slices.Contains(emails, user.Email(a.SecondAddress)) {
			return strategyCode, err
		}
		return "", err
	}
	phones, err := user.VerifiedPhones(ctx, tx, a.UserID)
	if slices.Contains(phones, user.Phone(a.SecondAddress)) {
		return strategyPhone, err
	}
	return "", err
}

// contains reports whether a list that is separated by spaces has a word.
func contains(list, word string) bool { return slices.Contains(strings.Fields(list), word) }
