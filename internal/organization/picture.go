package organization

import (
	"context"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/api"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/picture"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
)

// ErrTooManyPictures asks a person to wait.
var ErrTooManyPictures = fault.New(fault.TooMany, "RATE_LIMITED", "You have sent many pictures. Wait a while and try again.")

// refusedPictures are what stands in the way of a picture.
var refusedPictures = []*fault.Error{
	picture.ErrNotPicture, picture.ErrTooManyBytes, picture.ErrTooManyPixels, picture.ErrBusy, ErrTooManyPictures,
}

// Studio is where pictures are developed, one at a time for the whole program.
func (s *Service) Studio() *picture.Studio { return s.studio }

// portrait is what becomes of a picture: another one, none, or, when it is
// zero, nothing.
type portrait struct {
	developed *picture.Picture
	remove    bool
}

// develop makes a portrait of an upload, or of the wish to have none. It takes
// a core for up to a second, so it comes before the transaction.
func (s *Service) develop(ctx context.Context, upload *api.File, remove bool) (portrait, error) {
	if upload == nil {
		return portrait{remove: remove}, nil
	}
	if s.limits.Pictures.Count > 0 {
		wait, err := s.pictures.Allow(ctx, access.CallerOf(ctx).User.String())
		if err != nil {
			return portrait{}, err
		}
		if wait > 0 {
			return portrait{}, ErrTooManyPictures.After(wait)
		}
	}
	developed, err := s.studio.Develop(ctx, upload.Content)
	return portrait{developed: &developed}, err
}

// hang keeps the picture of an organization or workspace and returns its
// address, which was another one before.
func hang[N any](ctx context.Context, tx *database.Tx, d *deployment.Deployment, of id.Of[N], was string, p portrait) (string, error) {
	switch {
	case p.developed != nil:
		kept, err := picture.Replace(ctx, tx, d.ID, of, *p.developed)
		return d.PublicURL + picture.Path + kept.String(), err
	case p.remove:
		return "", picture.Drop(ctx, tx, of)
	}
	return was, nil
}
