package signin

import (
	"context"
	"strings"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/user"
)

type availabilityInput struct {
	Identifier string `query:"identifier" required:"true" maxLength:"254"`
	Type       string `query:"type" enum:"email,username" doc:"Absent: an e-mail address if it has an @."`
}

// Availability says whether somebody has an identifier.
type Availability struct {
	Exists bool `json:"exists"`
}

// checkAvailability tells by design whether an account exists, so it is asked
// seldom.
func (s *Service) checkAvailability(ctx context.Context, in availabilityInput) (Availability, error) {
	caller := access.CallerOf(ctx)
	d, err := s.deployments.Get(ctx, caller.Deployment)
	if err != nil {
		return Availability{}, err
	}
	if err := allow(s.lookups, clientKey(caller)); err != nil {
		return Availability{}, err
	}
	if in.Type == "username" || in.Type == "" && !strings.Contains(in.Identifier, "@") {
		length := d.Settings.Auth.Username
		_, key, err := user.ParseUsername(in.Identifier, length.MinLength, length.MaxLength)
		if err != nil {
			return Availability{}, err
		}
		_, err = user.FindOwnerOfUsername(ctx, s.db, d.ID, key)
		return exists(err)
	}
	email, err := user.ParseEmail(in.Identifier)
	if err != nil {
		return Availability{}, err
	}
	_, err = user.FindByVerifiedEmail(ctx, s.db, d.ID, email)
	return exists(err)
}

// exists reads the result of looking for somebody.
func exists(err error) (Availability, error) {
	if isNotFound(err) {
		return Availability{}, nil
	}
	return Availability{Exists: err == nil}, err
}
