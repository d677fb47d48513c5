package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/clock"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
	"github.com/guildhall-id/guildhall/internal/user"
	"github.com/guildhall-id/guildhall/internal/waitlist"
)

type waitlistCommand struct {
	List    waitlistListCommand    `cmd:"" help:"Print who waits, was approved, and signed up, in the order of joining."`
	Approve waitlistApproveCommand `cmd:"" help:"Have people mailed a link to sign up with, by the running server."`
}

type waitlistListCommand struct {
	databaseFlags `embed:""`
	State         string `env:"-" enum:"all,waiting,approved,expired,joined" default:"all" help:"all, waiting, approved, expired (the link was not used in time) or joined."`
	JSON          bool   `env:"-" name:"json" help:"Print JSON, a line for each."`
}

// waitlistLine is a place on the list as a program reads it.
type waitlistLine struct {
	ID         id.WaitlistEntry `json:"id"`
	Email      string           `json:"email"`
	FirstName  string           `json:"first_name"`
	LastName   string           `json:"last_name"`
	State      waitlist.State   `json:"state"`
	CreatedAt  clock.Time       `json:"created_at"`
	ApprovedAt *clock.Time      `json:"approved_at"`
	ExpiresAt  *clock.Time      `json:"expires_at"`
}

const waitlistColumns = "%-24s  %-10s  %-40s  %s\n"

// Run prints as it reads.
func (c *waitlistListCommand) Run(out io.Writer) (err error) {
	ctx := context.Background()
	db, _, current, err := c.deployments(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	w := bufio.NewWriter(out)
	if !c.JSON {
		fmt.Fprintf(w, waitlistColumns, "JOINED", "STATE", "E-MAIL", "NAME")
	}
	now := db.Now()
	for place, err := range waitlist.Places(ctx, db, current.ID) {
		if err != nil {
			return errors.Join(err, w.Flush())
		}
		state := place.StateAt(now)
		if c.State != "all" && c.State != string(state) {
			continue
		}
		if !c.JSON {
			fmt.Fprintf(w, waitlistColumns, place.CreatedAt.Time().Format("2006-01-02T15:04:05.000Z"), state, place.Email,
				printable(strings.TrimSpace(place.FirstName+" "+place.LastName)))
			continue
		}
		err = json.NewEncoder(w).Encode(waitlistLine{
			ID: place.ID, Email: place.Email, FirstName: place.FirstName, LastName: place.LastName, State: state,
			CreatedAt: place.CreatedAt, ApprovedAt: place.ApprovedAt.Optional(), ExpiresAt: place.ExpiresAt.Optional(),
		})
		if err != nil {
			return err
		}
	}
	return w.Flush()
}

type waitlistApproveCommand struct {
	databaseFlags `embed:""`
	Anybody       bool     `env:"-" help:"Approve addresses that do not wait, too."`
	Emails        []string `arg:"" name:"email" help:"An address on the list. Approving again replaces the link of the mail before."`
}

// Run approves all of the addresses, or none.
func (c *waitlistApproveCommand) Run(out io.Writer) (err error) {
	emails, err := c.parse()
	if err != nil {
		return settingsError{err}
	}
	ctx := context.Background()
	db, _, current, err := c.deployments(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.Start(ctx); err != nil {
		return err
	}
	ctx = access.WithCaller(ctx, &access.Caller{
		Deployment: current.ID, Client: access.Client{UserAgent: "guildhall waitlist approve" + operator()},
	})
	err = db.InTx(ctx, func(tx *database.Tx) error { return c.approve(ctx, tx, current, emails) })
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "Approved: %d. The running server mails the links, which work for 10 days.\n", len(emails))
	return err
}

func (c *waitlistApproveCommand) parse() (emails []user.Email, err error) {
	for _, text := range c.Emails {
		email, wrong := user.ParseEmail(text)
		if wrong != nil {
			err = errors.Join(err, fmt.Errorf("%q is not an e-mail address", text))
		}
		emails = append(emails, email)
	}
	return emails, err
}

// approve says every address that cannot be approved, a sentence each.
func (c *waitlistApproveCommand) approve(ctx context.Context, tx *database.Tx, d *deployment.Deployment, emails []user.Email) error {
	var wrong []error
	for _, email := range emails {
		err := waitlist.Approve(ctx, tx, d, email, c.Anybody)
		refusal, refused := errors.AsType[*fault.Error](err)
		switch {
		case refused:
			wrong = append(wrong, fmt.Errorf("%s could not sign up: %s", email, refusal.Message))
		case errors.Is(err, waitlist.ErrNotWaiting):
			wrong = append(wrong, fmt.Errorf("%s does not wait: give --anybody to approve it anyway", email))
		case errors.Is(err, waitlist.ErrHasAccount):
			wrong = append(wrong, fmt.Errorf("%s %w", email, err))
		case err != nil:
			return err
		}
	}
	if len(wrong) > 0 {
		return settingsError{errors.Join(wrong...)}
	}
	return nil
}
