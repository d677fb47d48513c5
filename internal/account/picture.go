package account

import (
	"context"

	"github.com/guildhall-id/guildhall/internal/api"
	"github.com/guildhall-id/guildhall/internal/picture"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/user"
)

type uploadPictureInput struct {
	Body struct {
		File *api.File `json:"file" doc:"PNG, JPEG, GIF or WebP, at most 2 MB and 25 million pixels."`
	}
}

// uploadPicture develops the upload outside of the transaction: it takes a
// core for up to a second.
func (s *Service) uploadPicture(ctx context.Context, in uploadPictureInput) (out user.Current, err error) {
	caller, d, err := s.settings(ctx)
	if err != nil {
		return out, err
	}
	if err := s.allow(ctx, caller.User, "picture"); err != nil {
		return out, err
	}
	developed, err := s.studio.Develop(ctx, in.Body.File.Content)
	if err != nil {
		return out, err
	}
	err = s.change(ctx, caller, func(tx *database.Tx, _ *Queries, me User) error {
		kept, err := picture.Replace(ctx, tx, d.ID, me.ID, developed)
		if err != nil {
			return err
		}
		after := me
		after.ProfilePictureURL = d.PublicURL + picture.Path + kept.String()
		if err := save(ctx, tx, me, after); err != nil {
			return err
		}
		out, err = s.current(ctx, tx, caller)
		return err
	})
	return out, err
}
