package account

import (
	"context"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/session"
)

func (s *Service) listSignIns(ctx context.Context, _ struct{}) ([]session.SignInView, error) {
	return s.sessions.SignInsOf(ctx, access.CallerOf(ctx))
}

type signInInput struct {
	ID id.SignIn `path:"id"`
}

func (s *Service) signOut(ctx context.Context, in signInInput) (Message, error) {
	caller, d, err := s.settings(ctx)
	if err != nil {
		return Message{}, err
	}
	err = s.change(ctx, caller, func(tx *database.Tx, _ *Queries, me User) error {
		if err := s.sessions.End(ctx, tx, caller, d, in.ID); err != nil {
			return err
		}
		return record(ctx, tx, me.ID, "user.signed_out", map[string]any{"signin_id": in.ID})
	})
	if err != nil {
		return Message{}, err
	}
	return done("This browser is signed out."), nil
}
