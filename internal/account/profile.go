package account

import (
	"context"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/factor"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/picture"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
	"github.com/guildhall-id/guildhall/internal/user"
)

// The refusals of profiles.
var (
	ErrRequired = fault.New(fault.Invalid, "REQUIRED_FIELD", "Fill in the missing field.")
)

// enforced is the policy that asks for a second factor at every sign-in.
const enforced = deployment.SecondFactorEnforced

func (s *Service) getUser(ctx context.Context, _ struct{}) (user.Current, error) {
	return s.current(ctx, s.db, access.CallerOf(ctx))
}

// current is the caller as they see themselves.
func (s *Service) current(ctx context.Context, db database.DBTX, caller *access.Caller) (user.Current, error) {
	people, err := user.CurrentByID(ctx, db, []id.User{caller.User})
	if err != nil {
		return user.Current{}, err
	}
	me, ok := people[caller.User]
	if !ok {
		return user.Current{}, access.ErrUnauthenticated
	}
	return me, nil
}

type updateUserInput struct {
	Body struct {
		FirstName             *string          `json:"first_name,omitempty" maxLength:"400" clear:"true"`
		LastName              *string          `json:"last_name,omitempty" maxLength:"400" clear:"true"`
		Username              *string          `json:"username,omitempty" maxLength:"100" clear:"true"`
		PrimaryEmailAddressID *id.EmailAddress `json:"primary_email_address_id,omitempty"`
		PrimaryPhoneNumberID  *id.PhoneNumber  `json:"primary_phone_number_id,omitempty"`
		SecondFactorPolicy    string           `json:"second_factor_policy,omitempty" enum:"none,optional,enforced"`
		RemoveProfilePicture  bool             `json:"remove_profile_picture,omitempty"`
	}
}

// updateUser changes what is sent.
func (s *Service) updateUser(ctx context.Context, in updateUserInput) (out user.Current, err error) {
	caller, d, err := s.settings(ctx)
	if err != nil {
		return out, err
	}
	err = s.change(ctx, caller, func(tx *database.Tx, q *Queries, me User) error {
		after := me
		if err := after.rename(d.Settings, in); err != nil {
			return err
		}
		if policy := in.Body.SecondFactorPolicy; policy != "" {
			if err := permitsPolicy(ctx, tx, caller, d, me, policy); err != nil {
				return err
			}
			after.SecondFactorPolicy = policy
		}
		if in.Body.RemoveProfilePicture {
			after.ProfilePictureURL = ""
			if err := picture.Drop(ctx, tx, me.ID); err != nil {
				return err
			}
		}
		if err := after.choosePrimaries(ctx, q, d.StepUp(caller, tx.Now), in); err != nil {
			return err
		}
		if err := save(ctx, tx, me, after); err != nil {
			return err
		}
		if err := s.announcePolicy(ctx, tx, d, me, after); err != nil {
			return err
		}
		out, err = s.current(ctx, tx, caller)
		return err
	})
	return out, err
}

// announcePolicy tells a person who is not asked for a second factor any more:
// it is as good as removed.
func (s *Service) announcePolicy(ctx context.Context, tx *database.Tx, d *deployment.Deployment, me, after User) error {
	if after.SecondFactorPolicy == me.SecondFactorPolicy || after.SecondFactorPolicy != "none" {
		return nil
	}
	to, err := user.VerifiedEmails(ctx, tx, me.ID)
	if err != nil {
		return err
	}
	return s.announce(ctx, tx, d, me.ID, to, "Your second factor was switched off", "Your account does not ask for a second factor by itself any more.")
}

// choosePrimaries gives the person the primary address and number that are sent,
// which have to be verified. stale is why they may not change now, or nil.
func (u *User) choosePrimaries(ctx context.Context, q *Queries, stale error, in updateUserInput) error {
	if email := in.Body.PrimaryEmailAddressID; email != nil && *email != 0 && *email != u.PrimaryEmailAddressID {
		if stale != nil {
			return stale
		}
		if _, err := verified(ctx, q, u.ID, *email); err != nil {
			return err
		}
		u.PrimaryEmailAddressID = *email
	}
	if phone := in.Body.PrimaryPhoneNumberID; phone != nil && *phone != 0 && *phone != u.PrimaryPhoneNumberID {
		if stale != nil {
			return stale
		}
		if err := verifiedPhone(ctx, q, u.ID, *phone); err != nil {
			return err
		}
		u.PrimaryPhoneNumberID = *phone
	}
	return nil
}

// permitsPolicy is nil when the person may have a policy. One that asks for a
// second factor at every sign-in needs one: without it nobody would get in.
func permitsPolicy(ctx context.Context, tx *database.Tx, caller *access.Caller, d *deployment.Deployment, me User, policy string) error {
	if policy == me.SecondFactorPolicy {
		return nil
	}
	if err := d.StepUp(caller, tx.Now); err != nil {
		return err
	}
	if policy != enforced {
		return nil
	}
	has, err := factor.Has(ctx, tx, d, me.ID)
	if err == nil && !has {
		err = factor.ErrNoFactor
	}
	return err
}

// rename gives the person the names that are sent. Those that the deployment
// does not ask for stay as they are, a required one cannot be given up, and new
// ones have no banned word.
func (u *User) rename(settings deployment.Settings, in updateUserInput) (err error) {
	auth := settings.Auth
	for _, one := range []struct {
		sent  *string
		field deployment.Field
		name  *string
		label string
	}{
		{in.Body.FirstName, auth.FirstName, &u.FirstName, "first name"},
		{in.Body.LastName, auth.LastName, &u.LastName, "last name"},
	} {
		if one.sent == nil || *one.sent == *one.name {
			continue
		}
		if *one.name, err = user.ParseName(*one.sent); err != nil {
			return err
		}
		if err := permits(one.field, *one.name, one.label); err != nil {
			return err
		}
		if err := user.CheckWords(settings.Restrictions, *one.name); err != nil {
			return err
		}
	}
	if sent := in.Body.Username; sent != nil && *sent != u.Username {
		if err := u.setUsername(auth.Username, *sent); err != nil {
			return err
		}
		return user.CheckWords(settings.Restrictions, u.Username)
	}
	return nil
}

func (u *User) setUsername(rules deployment.UsernameField, typed string) (err error) {
	if err := permits(rules.Field, typed, "username"); err != nil {
		return err
	}
	if typed == "" {
		u.Username, u.UsernameKey = "", nil
		return nil
	}
	var key string
	u.Username, key, err = user.ParseUsername(typed, rules.MinLength, rules.MaxLength)
	u.UsernameKey = &key
	return err
}

// permits is nil when a field of the profile may have a new value.
func permits(field deployment.Field, value, label string) error {
	switch {
	case !field.Enabled:
		return deployment.ErrFeatureDisabled
	case field.Required && value == "":
		return ErrRequired.With("Please fill in the " + label + ".")
	}
	return nil
}

// profile is what an event tells of a person.
type profile struct {
	FirstName          string          `json:"first_name"`
	LastName           string          `json:"last_name"`
	Username           string          `json:"username"`
	SecondFactorPolicy string          `json:"second_factor_policy"`
	ProfilePictureURL  string          `json:"profile_picture_url"`
	PrimaryEmail       id.EmailAddress `json:"primary_email_address_id"`
	PrimaryPhone       id.PhoneNumber  `json:"primary_phone_number_id"`
}

func (u User) profile() profile {
	return profile{u.FirstName, u.LastName, u.Username, u.SecondFactorPolicy, u.ProfilePictureURL, u.PrimaryEmailAddressID, u.PrimaryPhoneNumberID}
}

// save writes a changed profile and what people are found by.
func save(ctx context.Context, tx *database.Tx, before, after User) error {
	if before.profile() == after.profile() {
		return nil
	}
	q := New(tx)
	var primary user.Email
	if after.PrimaryEmailAddressID != 0 {
		address, err := q.Address(ctx, AddressParams{ID: after.PrimaryEmailAddressID, UserID: after.ID})
		if err != nil {
			return err
		}
		primary = user.Email(address.Email)
	}
	err := q.SaveProfile(ctx, SaveProfileParams{
		ID: after.ID, FirstName: after.FirstName, LastName: after.LastName, Username: after.Username, UsernameKey: after.UsernameKey,
		Search:             user.SearchText(after.FirstName, after.LastName, after.Username, primary),
		SecondFactorPolicy: after.SecondFactorPolicy, ProfilePictureURL: after.ProfilePictureURL,
		PrimaryEmailAddressID: after.PrimaryEmailAddressID, PrimaryPhoneNumberID: after.PrimaryPhoneNumberID, Now: tx.Now,
	})
	if database.IsUnique(err, "users_username") {
		return user.ErrUsernameExists
	}
	if err != nil {
		return err
	}
	return record(ctx, tx, after.ID, "user.updated", map[string]any{"before": before.profile(), "after": after.profile()})
}
