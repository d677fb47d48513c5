package session

import (
	"context"
	"slices"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/api"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/event"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
)

// Operations is everything browsers can do with their session.
func (s *Service) Operations() []api.Operation {
	return []api.Operation{
		{
			ID:      "GetCurrentSession",
			Route:   "GET /session",
			Summary: "Read the browser's session: who is signed in, and where they are active.",
			Access:  access.Browser(),
			Handle:  api.Handle(s.getSession),
		},
		{
			ID:      "GetToken",
			Route:   "GET /session/token",
			Summary: "Get a short-lived token (JWT) that the customer's back end can verify offline.",
			Access:  access.SignedIn(),
			Errors:  []*fault.Error{ErrTemplateUnknown, ErrTokenTooLarge},
			Handle:  api.Handle(s.getToken),
		},
		{
			ID:      "SwitchOrganization",
			Route:   "POST /session/switch-organization",
			Summary: "Make an organization the active one, or none.",
			Access:  access.SignedIn(),
			Errors:  []*fault.Error{access.ErrNotFound, access.ErrIneligible, deployment.ErrFeatureDisabled},
			Handle:  api.Handle(s.switchOrganization),
		},
		{
			ID:      "SwitchWorkspace",
			Route:   "POST /session/switch-workspace",
			Summary: "Make a workspace, and with it its organization, the active one, or no workspace.",
			Access:  access.SignedIn(),
			Errors:  []*fault.Error{access.ErrNotFound, access.ErrIneligible, deployment.ErrFeatureDisabled},
			Handle:  api.Handle(s.switchWorkspace),
		},
		{
			ID:      "SwitchActiveSignIn",
			Route:   "POST /session/switch-sign-in",
			Summary: "Make another account of this browser the active one.",
			Access:  access.Browser(),
			Errors:  []*fault.Error{access.ErrNotFound},
			Handle:  api.Handle(s.switchSignIn),
		},
		{
			ID:      "SignOut",
			Route:   "POST /session/sign-out",
			Summary: "Sign out one account of this browser, or all.",
			Access:  access.Browser(),
			Errors:  []*fault.Error{access.ErrNotFound},
			Handle:  api.Handle(s.signOut),
		},
	}
}

func (s *Service) getSession(ctx context.Context, _ struct{}) (View, error) {
	return s.View(ctx, access.CallerOf(ctx), Including{})
}

type switchSignInInput struct {
	SignInID id.SignIn `query:"sign_in_id" required:"true"`
}

func (s *Service) switchSignIn(ctx context.Context, in switchSignInInput) (View, error) {
	caller, d, err := s.storedSession(ctx)
	if err != nil {
		return View{}, err
	}
	newest := caller.Session.RotatedAt == 0
	err = s.db.InTx(ctx, func(tx *database.Tx) error {
		// In a browser where somebody else has signed in meanwhile, an older
		// token decides nothing.
		if err := s.hold(ctx, tx, caller); err != nil {
			return err
		}
		if caller.Session.RotatedAt != 0 && (newest || caller.SignIn == 0) {
			return access.ErrNotFound
		}
		live, err := s.SignIns(ctx, tx, caller)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(live, func(a Active) bool { return a.SignIn == in.SignInID })
		if i < 0 {
			return access.ErrNotFound
		}
		to := live[i]
		if err := New(tx).SetActiveSignIn(ctx, SetActiveSignInParams{ID: caller.Session.ID, ActiveSigninID: to.SignIn, Now: tx.Now}); err != nil {
			return err
		}
		if err := event.Emit(ctx, tx, event.Event{
			Name: "user.switched_to", Subject: int64(to.User), Data: map[string]any{"signin_id": to.SignIn},
		}); err != nil {
			return err
		}
		tx.AfterCommit(func() { caller.SignIn, caller.User, caller.Enrolling = to.SignIn, to.User, to.Enrolling })
		return s.rotate(ctx, tx, caller, caller.Session.ID, d, grace)
	})
	if err != nil {
		return View{}, err
	}
	return s.View(ctx, caller, Including{})
}

// storedSession is the caller with a session that has a row; an anonymous one
// has no sign-ins, so what is looked for in it is not found.
func (s *Service) storedSession(ctx context.Context) (*access.Caller, *deployment.Deployment, error) {
	caller := access.CallerOf(ctx)
	if caller.Session.Anonymous {
		return nil, nil, access.ErrNotFound
	}
	d, err := s.deployments.Get(ctx, caller.Deployment)
	return caller, d, err
}

type signOutInput struct {
	SignInID id.SignIn `query:"sign_in_id" doc:"Absent for all accounts of the browser."`
}

func (s *Service) signOut(ctx context.Context, in signOutInput) (View, error) {
	caller := access.CallerOf(ctx)
	if caller.Session.Anonymous {
		return s.View(ctx, caller, Including{}) // nobody is signed in: done
	}
	d, err := s.deployments.Get(ctx, caller.Deployment)
	if err != nil {
		return View{}, err
	}
	err = s.db.InTx(ctx, func(tx *database.Tx) error {
		if err := s.hold(ctx, tx, caller); err != nil {
			return err
		}
		q := New(tx)
		ended, err := q.EndSignIns(ctx, EndSignInsParams{
			SessionID: caller.Session.ID, SigninID: in.SignInID, Every: in.SignInID == 0, Before: seenUntil(caller), Now: tx.Now,
		})
		if err != nil {
			return err
		}
		if len(ended) == 0 && in.SignInID != 0 {
			return access.ErrNotFound
		}
		for _, one := range ended {
			if err := event.Emit(ctx, tx, event.Event{Name: "user.signed_out", Subject: int64(one.UserID), Data: map[string]any{"signin_id": one.ID}}); err != nil {
				return err
			}
			if one.ID == caller.SignIn {
				tx.AfterCommit(func() { caller.SignIn, caller.User = 0, 0 })
			}
		}
		if err := q.ClearActiveSignIn(ctx, ClearActiveSignInParams{ID: caller.Session.ID, Now: tx.Now}); err != nil {
			return err
		}
		return s.rotate(ctx, tx, caller, caller.Session.ID, d, grace)
	})
	if err != nil {
		return View{}, err
	}
	return s.View(ctx, caller, Including{})
}
