package account

import (
	"context"

	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/user"
)

// announce tells a person of a change, as user.Announce does.
func (s *Service) announce(ctx context.Context, tx *database.Tx, d *deployment.Deployment, person id.User, to []user.Email, heading, sentence string) error {
	return user.Announce(ctx, tx, s.outbox, d, person, to, heading, sentence)
}
