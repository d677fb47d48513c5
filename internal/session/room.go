package session

import (
	"context"
	"math"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/event"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/clock"
	"github.com/guildhall-id/guildhall/internal/platform/database"
)

// Why a sign-in was ended by another one, in the event that tells of it.
const (
	endedByAccount = "another_account" // one account per browser
	endedBySession = "session_limit"   // too many browsers of the person
)

// makeRoom lets a person sign in to a session: it ends
//
//   - their earlier sign-in there;
//   - with one account per browser, everybody else's;
//   - their oldest sign-ins in other browsers, so that the new one is within
//     what the deployment allows a person.
//
// It refuses more accounts in a browser than the deployment allows.
func (s *Service) makeRoom(ctx context.Context, tx *database.Tx, d *deployment.Deployment, session id.Session, person id.User) error {
	q, multi := New(tx), d.Settings.Auth.MultiSession
	if multi.MaxSessionsPerAccount > 0 {
		if err := s.endOldest(ctx, tx, d, session, person); err != nil {
			return err
		}
	}
	if err := q.EndSignInOfUser(ctx, EndSignInOfUserParams{SessionID: session, UserID: person, Now: tx.Now}); err != nil {
		return err
	}
	if !multi.Enabled {
		ended, err := q.EndSignIns(ctx, EndSignInsParams{SessionID: session, Every: true, Before: always, Now: tx.Now})
		if err != nil {
			return err
		}
		for _, one := range ended {
			if err := displaced(ctx, tx, one.UserID, one.ID, endedByAccount); err != nil {
				return err
			}
		}
		return nil
	}
	live, err := q.LiveSignIns(ctx, LiveSignInsParams{
		SessionID: session, Now: tx.Now, ActiveSince: tx.Now.Add(-d.Settings.Auth.IdleLife()), Before: always,
	})
	if err != nil {
		return err
	}
	if multi.MaxAccountsPerSession > 0 && len(live) >= multi.MaxAccountsPerSession {
		return ErrTooManyAccounts
	}
	return nil
}

// endOldest leaves room for one sign-in of a person beside those of other
// browsers. Simultaneous sign-ins of the person take turns.
func (s *Service) endOldest(ctx context.Context, tx *database.Tx, d *deployment.Deployment, session id.Session, person id.User) error {
	q := New(tx)
	if err := q.LockPerson(ctx, person); err != nil {
		return err
	}
	ended, err := q.EndOldestSignIns(ctx, EndOldestSignInsParams{
		UserID: person, SessionID: session, Kept: int64(d.Settings.Auth.MultiSession.MaxSessionsPerAccount) - 1,
		ActiveSince: tx.Now.Add(-d.Settings.Auth.IdleLife()), Now: tx.Now,
	})
	if err != nil || len(ended) == 0 {
		return err
	}
	signIns, sessions := make([]id.SignIn, len(ended)), make([]id.Session, len(ended))
	for i, one := range ended {
		signIns[i], sessions[i] = one.ID, one.SessionID
		if err := displaced(ctx, tx, person, one.ID, endedBySession); err != nil {
			return err
		}
	}
	return forget(ctx, tx, sessions, signIns)
}

// forget leaves nothing behind of sign-ins that have just ended in these
// sessions: neither as the active ones, nor the tokens of browsers in which
// nobody is signed in any more.
func forget(ctx context.Context, tx *database.Tx, sessions []id.Session, signIns []id.SignIn) error {
	q := New(tx)
	err := q.ForgetActiveSignIns(ctx, ForgetActiveSignInsParams{Sessions: database.Int64s(sessions), Signins: database.Int64s(signIns), Now: tx.Now})
	if err != nil {
		return err
	}
	return q.ExpireTokensOf(ctx, ExpireTokensOfParams{Sessions: database.Int64s(sessions), Now: tx.Now})
}

func displaced(ctx context.Context, tx *database.Tx, person id.User, signIn id.SignIn, reason string) error {
	return event.Emit(ctx, tx, event.Event{
		Name: "user.signed_out", Subject: int64(person), Data: map[string]any{"signin_id": signIn, "reason": reason},
	})
}

// always is after every sign-in.
const always = clock.Time(math.MaxInt64)

// seenUntil is the moment from which on the caller's token sees no new sign-in:
// when it was replaced by a newer one, if it was.
func seenUntil(c *access.Caller) clock.Time {
	if c.Session.RotatedAt != 0 {
		return c.Session.RotatedAt
	}
	return always
}

// Knows reports whether a person is, or once was, signed in to the caller's
// browser. It costs the same for nobody.
func Knows(ctx context.Context, db database.DBTX, c *access.Caller, person id.User) (bool, error) {
	if c.Session.ID == 0 || c.Session.Anonymous || c.Session.RotatedAt != 0 {
		return false, nil
	}
	return New(db).HasSignedIn(ctx, HasSignedInParams{SessionID: c.Session.ID, UserID: person})
}
