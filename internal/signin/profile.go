package signin

import (
	"context"
	"slices"
	"strings"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/event"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/session"
	"github.com/guildhall-id/guildhall/internal/user"
)

type completeProfileInput struct {
	Attempt id.SignInAttempt `query:"attempt_id" required:"true"`
	Body    struct {
		FirstName    string `json:"first_name,omitempty" maxLength:"400"`
		LastName     string `json:"last_name,omitempty" maxLength:"400"`
		Username     string `json:"username,omitempty" maxLength:"100"`
		Email        string `json:"email,omitempty" maxLength:"254"`
		PhoneNumber  string `json:"phone_number,omitempty" maxLength:"50"`
		PhoneCountry string `json:"phone_country_code,omitempty" maxLength:"5" doc:"As +41."`
	}
}

// completeProfile gives an account the required fields that it lacks, and ends
// the sign-in that waits for them. What the account has stays as it is. An
// address or number is only claimed: the form that sends it has no later screen
// to verify it (contract section 9).
func (s *Service) completeProfile(ctx context.Context, in completeProfileInput) (session.View, error) {
	caller := access.CallerOf(ctx)
	d, err := s.deployments.Get(ctx, caller.Deployment)
	if err != nil {
		return session.View{}, err
	}
	// It tells who has an address or number, as a sign-up does.
	if err := allow(s.signUps, clientKey(caller)); err != nil {
		return session.View{}, err
	}
	return s.enter(ctx, caller, d, func(tx *database.Tx, browser id.Session) (session.Including, error) {
		a, err := s.findOpen(ctx, tx, caller, id.Subject(in.Attempt), "signin")
		if err != nil {
			return session.Including{}, err
		}
		if in.Attempt == 0 || a.step() != stepProfile {
			return session.Including{}, ErrBadAttempt
		}
		person, err := personOf(ctx, tx, d, a.signIn.UserID)
		if err != nil {
			return session.Including{}, err
		}
		if err := fill(ctx, tx, d, a.signIn.UserID, person, in); err != nil {
			return session.Including{}, err
		}
		return session.Including{SignIn: a.signIn.ID}, s.advance(ctx, tx, caller, d, a.signIn)
	})
}

// fill stores the missing fields of a person, all of them.
func fill(ctx context.Context, tx *database.Tx, d *deployment.Deployment, who id.User, person LockPersonRow, in completeProfileInput) error {
	lacks := missing(d.Settings.Auth, person)
	form, err := parseMissing(d.Settings.Auth, lacks, in)
	if err != nil {
		return err
	}
	restrictions := d.Settings.Restrictions
	if err := user.CheckWords(restrictions, form.first, form.last, form.username); err != nil {
		return err
	}
	if err := fillNames(ctx, tx, who, person, form); err != nil {
		return err
	}
	if form.email != "" {
		if err := user.CheckEmail(restrictions, form.email); err != nil {
			return err
		}
		if _, err := user.ClaimEmail(ctx, tx, d.ID, who, form.email, form.typed); err != nil {
			return err
		}
	}
	if form.phone != "" {
		if err := user.CheckPhone(restrictions, form.phone); err != nil {
			return err
		}
		if _, err := user.ClaimPhone(ctx, tx, d.ID, who, form.phone); err != nil {
			return err
		}
	}
	return event.Emit(access.As(ctx, who), tx, event.Event{
		Name: "user.profile_completed", Subject: int64(who), Data: map[string]any{"fields": lacks, "after": map[string]any{
			"first_name": form.first, "last_name": form.last, "username": form.username, "email": form.email, "phone_number": form.phone,
		}},
	})
}

// parseMissing reads the fields that are lacking, and only these.
func parseMissing(auth deployment.AuthSettings, lacks []string, in completeProfileInput) (application, error) {
	var form signUpInput
	b := in.Body
	for _, f := range []struct {
		name, label, typed string
		to                 *string
	}{
		{"first_name", "first name", b.FirstName, &form.Body.FirstName},
		{"last_name", "last name", b.LastName, &form.Body.LastName},
		{"username", "username", b.Username, &form.Body.Username},
		{"phone_number", "phone number", b.PhoneNumber, &form.Body.PhoneNumber},
		{"email_address", "e-mail address", b.Email, &form.Body.Email},
	} {
		if !slices.Contains(lacks, f.name) {
			continue
		}
		if strings.TrimSpace(f.typed) == "" {
			return application{}, errRequired.With("Please fill in the " + f.label + ".")
		}
		*f.to = f.typed
	}
	form.Body.PhoneCountry = b.PhoneCountry
	return parseForm(auth, form)
}

// fillNames stores the names of a form; those that it leaves out stay.
func fillNames(ctx context.Context, tx *database.Tx, who id.User, person LockPersonRow, form application) error {
	if form.first == "" && form.last == "" && form.username == "" {
		return nil
	}
	first, last, username := person.FirstName, person.LastName, person.Username
	key := person.UsernameKey
	if form.first != "" {
		first = form.first
	}
	if form.last != "" {
		last = form.last
	}
	if form.username != "" {
		username, key = form.username, &form.usernameKey
	}
	err := New(tx).FillProfile(ctx, FillProfileParams{
		ID: who, FirstName: first, LastName: last, Username: username, UsernameKey: key,
		Search: user.SearchText(first, last, username, user.Email(person.PrimaryEmail)), Now: tx.Now,
	})
	if database.IsUnique(err, "users_username") {
		return user.ErrUsernameExists
	}
	return err
}
