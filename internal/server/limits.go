package server

import (
	"time"

	"github.com/guildhall-id/guildhall/internal/account"
	"github.com/guildhall-id/guildhall/internal/config"
	"github.com/guildhall-id/guildhall/internal/factor"
	"github.com/guildhall-id/guildhall/internal/organization"
	"github.com/guildhall-id/guildhall/internal/platform/limit"
	"github.com/guildhall-id/guildhall/internal/platform/mail"
	"github.com/guildhall-id/guildhall/internal/signin"
)

// limits are one profile of rate limits.
type limits struct {
	mail        mail.Limits
	invitations organization.Limits
	signIn      signin.Limits
	account     account.Limits
	factors     factor.Limits
	waitlist    limit.Rate
}

// limitsOf is a profile: strict for production, and for staging so wide that a
// test suite on loopback never meets it.
func limitsOf(profile string) limits {
	if profile == config.Production {
		return limits{
			mail: mail.StrictLimits,
			invitations: organization.Limits{
				InvitationsPerHour: 250, ResendsPerHour: 5, Pictures: limit.Rate{Count: 60, Per: time.Hour, Burst: 20},
			},
			signIn: signin.Limits{
				PerClient:  limit.Rate{Count: 10, Per: time.Minute},
				PerStart:   limit.Rate{Count: 60, Per: time.Minute},
				PerAccount: limit.Rate{Count: 40, Per: time.Hour, Burst: 20}, // 60 in the worst hour
				PerAddress: limit.Rate{Count: 5, Per: time.Hour},
				PerLookup:  limit.Rate{Count: 20, Per: time.Minute},
			},
			account:  account.Limits{Tries: limit.Rate{Count: 60, Per: time.Hour, Burst: 20}},
			factors:  factor.Limits{Tries: limit.Rate{Count: 20, Per: time.Hour, Burst: 10}},
			waitlist: limit.Rate{Count: 60, Per: time.Hour, Burst: 20},
		}
	}
	wide := limit.Rate{Count: 1_000_000, Per: time.Minute}
	return limits{
		mail:        mail.WideLimits,
		invitations: organization.Limits{}, // none
		signIn:      signin.Limits{PerClient: wide, PerStart: wide, PerAccount: wide, PerAddress: wide, PerLookup: wide},
		account:     account.Limits{Tries: wide},
		factors:     factor.Limits{Tries: wide},
		waitlist:    wide,
	}
}
