package server_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/guildhall-id/guildhall/internal/config"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/user"
)

// mostNameless is how many people there are whose profile can be completed.
const mostNameless = 60

// leaveNameless has last names required in a world in which some people, of
// before, have none. They have no password either.
func leaveNameless(t *testing.T) func(*config.Config) {
	return func(c *config.Config) {
		beside := operator{*c}
		beside.set(t, func(s *deployment.Settings) { s.Auth.LastName.Required = true })
		beside.work(t, func(ctx context.Context, db *database.DB, _ *deployment.Service, d *deployment.Deployment) error {
			return db.InTx(ctx, func(tx *database.Tx) error {
				for i := range mostNameless {
					email := user.Email(nameless(i))
					_, err := user.Create(ctx, tx, user.NewUser{Deployment: d.ID, FirstName: "Norma", Email: email, TypedEmail: string(email), Strategy: "email_otp"})
					if err != nil {
						return err
					}
				}
				return nil
			})
		})
	}
}

func nameless(i int) string { return fmt.Sprintf("nameless.%d@people.example", i) }

// completeProfile is about the sign-in of somebody without a last name, in the
// caller's browser.
func completeProfile(t *testing.T, s *stage, c caller) try {
	from, email := s.again(t, c), nameless(s.completed)
	s.completed++
	from.post(t, "/auth/signin", "strategy", "email_otp", "email", email).must(t, http.StatusOK)
	from.post(t, "/auth/prepare-verification?strategy=email_otp").must(t, http.StatusOK)
	a := from.post(t, "/auth/attempt-verification", "verification_code", s.mailTo(t, email, "verification_code").Code).must(t, http.StatusOK)
	return try{args: form("attempt_id", a.text(t, "data.signin_attempts.-1.id"), "last_name", "Person"), from: from}
}
