package signin

import (
	"context"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/session"
	"github.com/guildhall-id/guildhall/internal/user"
)

type signInInput struct {
	Body struct {
		Strategy       string `json:"strategy" enum:"plain_email,plain_username,email_otp,phone_otp,magic_link"`
		Email          string `json:"email,omitempty" maxLength:"254"`
		Username       string `json:"username,omitempty" maxLength:"100"`
		Phone          string `json:"phone,omitempty" maxLength:"50" doc:"The number, or without its country the national one."`
		PhoneCountry   string `json:"phone_country_code,omitempty" maxLength:"5" doc:"As +41, or empty when phone is all there is."`
		Password       string `json:"password,omitempty" maxLength:"1000"`
		ChallengeToken string `json:"challenge_token,omitempty" maxLength:"200"`
	}
}

func (s *Service) signIn(ctx context.Context, in signInInput) (session.View, error) {
	caller := access.CallerOf(ctx)
	d, err := s.deployments.Get(ctx, caller.Deployment)
	if err != nil {
		return session.View{}, err
	}
	if err := s.challenges.Check(d, in.Body.ChallengeToken); err != nil {
		return session.View{}, err
	}
	auth, typed := d.Settings.Auth, in.Body
	switch {
	case typed.Strategy == strategyPassword && auth.FactorsEnabled.EmailPassword:
		email, err := user.ParseEmail(typed.Email)
		if err != nil {
			return session.View{}, ErrInvalidCredentials
		}
		return s.signInWithPassword(ctx, caller, d, claim{strategyPassword, string(email), typed.Password})
	case typed.Strategy == strategyUsername && auth.FactorsEnabled.UsernamePassword && auth.Username.Enabled:
		// However long: people keep their usernames when the rules change.
		_, key, err := user.ParseUsername(typed.Username, 1, len(typed.Username))
		if err != nil {
			return session.View{}, ErrInvalidCredentials
		}
		return s.signInWithPassword(ctx, caller, d, claim{strategyUsername, key, typed.Password})
	case typed.Strategy == strategyCode && auth.FactorsEnabled.EmailOTP:
		return s.signInByMail(ctx, caller, d, typed.Email, strategyCode, stepEmailCode)
	case typed.Strategy == strategyLink && offersLinks(d):
		return s.signInByMail(ctx, caller, d, typed.Email, strategyLink, stepEmailLink)
	case typed.Strategy == strategyPhone && offersPhones(d):
		return s.signInByPhone(ctx, caller, d, typed.Phone, typed.PhoneCountry)
	}
	return session.View{}, ErrStrategy
}

// signInByMail begins an attempt that a mailed code or link completes. For an
// unknown address it looks the same and never completes.
func (s *Service) signInByMail(ctx context.Context, caller *access.Caller, d *deployment.Deployment, typed, method, step string) (session.View, error) {
	email, err := user.ParseEmail(typed)
	if err != nil {
		return session.View{}, err
	}
	if err := s.mayBegin(caller); err != nil {
		return session.View{}, err
	}
	owner, err := user.FindByVerifiedEmail(ctx, s.db, d.ID, email)
	if err != nil && !isNotFound(err) {
		return session.View{}, err
	}
	return s.enter(ctx, caller, d, func(tx *database.Tx, browser id.Session) (session.Including, error) {
		a, err := beginSignIn(ctx, tx, d, SigninAttempt{SessionID: browser, UserID: owner, Identifier: string(email), Method: method, Steps: step})
		return session.Including{SignIn: a.ID}, err
	})
}

// signInByPhone begins an attempt that a code in a text message completes. For
// an unknown number it looks the same and never completes.
func (s *Service) signInByPhone(ctx context.Context, caller *access.Caller, d *deployment.Deployment, typed, country string) (session.View, error) {
	number, err := typedPhone(typed, country)
	if err != nil {
		return session.View{}, err
	}
	if err := s.mayBegin(caller); err != nil {
		return session.View{}, err
	}
	_, owner, err := user.FindByPhoneDigits(ctx, s.db, d.ID, number)
	if err != nil && !isNotFound(err) {
		return session.View{}, err
	}
	return s.enter(ctx, caller, d, func(tx *database.Tx, browser id.Session) (session.Including, error) {
		a, err := beginSignIn(ctx, tx, d, SigninAttempt{SessionID: browser, UserID: owner, Identifier: number, Method: strategyPhone, Steps: stepPhoneCode})
		return session.Including{SignIn: a.ID}, err
	})
}

// beginSignIn stores an attempt of a browser: who it is about, nobody included,
// how it was begun and the steps of the first factor, none when that is proven.
func beginSignIn(ctx context.Context, tx *database.Tx, d *deployment.Deployment, a SigninAttempt) (SigninAttempt, error) {
	a.ID, a.ExpiresAt = database.NewID[id.SignInAttempt](tx), tx.Now.Add(attemptLife)
	err := New(tx).InsertSignInAttempt(ctx, InsertSignInAttemptParams{
		ID: a.ID, DeploymentID: d.ID, SessionID: a.SessionID, UserID: a.UserID, Identifier: a.Identifier,
		Method: a.Method, Steps: a.Steps, Now: tx.Now, ExpiresAt: a.ExpiresAt,
	})
	if err != nil {
		return a, err
	}
	return a, extend(ctx, tx, a.SessionID, a.ExpiresAt)
}
