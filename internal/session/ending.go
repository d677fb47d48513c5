package session

import (
	"context"
	"slices"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
)

// mostSignIns bounds how many sign-ins a person is shown.
const mostSignIns = 100

// SignInsOf are the newest live sign-ins of the caller, in all browsers.
func (s *Service) SignInsOf(ctx context.Context, c *access.Caller) ([]SignInView, error) {
	d, err := s.deployments.Get(ctx, c.Deployment)
	if err != nil {
		return nil, err
	}
	now := s.db.Now()
	found, err := s.queries.LiveSignInsOfUser(ctx, LiveSignInsOfUserParams{
		UserID: c.User, Now: now, ActiveSince: now.Add(-d.Settings.Auth.IdleLife()), Most: mostSignIns,
	})
	if err != nil {
		return nil, err
	}
	rows := make([]LiveSignInsRow, len(found))
	for i, row := range found {
		rows[i] = LiveSignInsRow(row)
	}
	return signInViews(ctx, s.db, rows)
}

// End ends one sign-in of a person, in whichever browser it is, or returns
// access.ErrNotFound. It works for the next request.
func (s *Service) End(ctx context.Context, tx *database.Tx, c *access.Caller, d *deployment.Deployment, signIn id.SignIn) error {
	ended, err := s.end(ctx, tx, c, d, EndSignInsOfUserParams{UserID: c.User, SigninID: signIn, Now: tx.Now})
	if err == nil && ended == 0 {
		return access.ErrNotFound
	}
	return err
}

// EndOthers ends the sign-ins of the caller in all other browsers.
func (s *Service) EndOthers(ctx context.Context, tx *database.Tx, c *access.Caller, d *deployment.Deployment) error {
	_, err := s.end(ctx, tx, c, d, EndSignInsOfUserParams{UserID: c.User, Every: true, Spared: int64(c.SignIn), Now: tx.Now})
	return err
}

// EndAll ends the sign-ins of the caller in all browsers, this one too.
func (s *Service) EndAll(ctx context.Context, tx *database.Tx, c *access.Caller, d *deployment.Deployment) error {
	_, err := s.end(ctx, tx, c, d, EndSignInsOfUserParams{UserID: c.User, Every: true, Now: tx.Now})
	return err
}

// end ends sign-ins, and with every one of a person what they have begun, and
// with them the tokens of browsers that nobody is signed in to any more. The
// caller's browser gets a new token when it is signed out by this.
func (s *Service) end(ctx context.Context, tx *database.Tx, c *access.Caller, d *deployment.Deployment, which EndSignInsOfUserParams) (int, error) {
	if err := s.hold(ctx, tx, c); err != nil {
		return 0, err
	}
	q := New(tx)
	if which.Every {
		if err := q.EndAttemptsOfUser(ctx, EndAttemptsOfUserParams{UserID: which.UserID, Now: which.Now}); err != nil {
			return 0, err
		}
		if err := q.EndResetsOfUser(ctx, EndResetsOfUserParams{UserID: which.UserID, Now: which.Now}); err != nil {
			return 0, err
		}
	}
	ended, err := q.EndSignInsOfUser(ctx, which)
	if err != nil || len(ended) == 0 {
		return 0, err
	}
	var signIns []id.SignIn
	var sessions []id.Session
	for _, row := range ended {
		signIns, sessions = append(signIns, row.ID), append(sessions, row.SessionID)
	}
	if err := forget(ctx, tx, sessions, signIns); err != nil {
		return 0, err
	}
	if !slices.Contains(signIns, c.SignIn) {
		return len(ended), nil
	}
	tx.AfterCommit(func() { c.SignIn, c.User = 0, 0 })
	return len(ended), s.Renew(ctx, tx, c, d)
}

// Renew gives the caller's browser a new token. The old ones are dead at once.
// It comes after what holds the caller's token: Begin, or the end of sign-ins.
func (s *Service) Renew(ctx context.Context, tx *database.Tx, c *access.Caller, d *deployment.Deployment) error {
	if err := New(tx).ExpireTokens(ctx, ExpireTokensParams{SessionID: c.Session.ID, Now: tx.Now}); err != nil {
		return err
	}
	return s.rotate(ctx, tx, c, c.Session.ID, d, 0)
}
