package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/guildhall-id/guildhall/internal/event"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/clock"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/user"
)

type auditCommand struct {
	databaseFlags `embed:""`
	Organization  string `env:"-" placeholder:"ID" help:"What happened in this organization."`
	Person        string `env:"-" placeholder:"ID|E-MAIL" help:"What this person did, and what was done to them; people who left are found by their former address too."`
	Since         string `env:"-" placeholder:"TIME" help:"From this time on: 2026-11-24T08:00:00Z, or how long ago, as 24h or 7d."`
	Until         string `env:"-" placeholder:"TIME" help:"Before this time, written like --since."`
	Name          string `env:"-" placeholder:"EVENT" help:"Only this event, as organization.created; organization.* for all that begin so."`
	JSON          bool   `env:"-" name:"json" help:"Print JSON, a line for each event."`
}

// Run prints the events that the flags choose, oldest first.
func (c *auditCommand) Run(out io.Writer) (err error) {
	filter, err := c.filter(time.Now())
	if err != nil {
		return settingsError{err}
	}
	ctx := context.Background()
	db, _, current, err := c.deployments(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	filter.Deployment = current.ID
	if filter.People, err = c.people(ctx, db, current.ID); err != nil {
		return err
	}
	w := bufio.NewWriter(out)
	write := writeRow
	if c.JSON {
		write = writeLine
	} else {
		writeHeader(w)
	}
	for page, err := range event.Pages(ctx, db, filter) {
		if err != nil {
			return errors.Join(err, w.Flush())
		}
		names, err := actors(ctx, db, page)
		if err != nil {
			return err
		}
		for _, record := range page {
			write(w, record, names[record.ActorID])
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	return w.Flush()
}

// filter reads the flags that need no database.
func (c *auditCommand) filter(now time.Time) (f event.Filter, err error) {
	var wrong []error
	if c.Organization != "" {
		if f.Organization, err = id.Parse[id.Organization](c.Organization); err != nil || f.Organization == 0 {
			wrong = append(wrong, fmt.Errorf("--organization is %q, but has to be an id: a decimal number", c.Organization))
		}
	}
	if f.Since, err = moment(c.Since, now); err != nil {
		wrong = append(wrong, fmt.Errorf("--since %w", err))
	}
	if f.Until, err = moment(c.Until, now); err != nil {
		wrong = append(wrong, fmt.Errorf("--until %w", err))
	}
	if strings.Contains(strings.TrimSuffix(c.Name, "*"), "*") {
		wrong = append(wrong, fmt.Errorf("--name is %q, but * may only be at its end", c.Name))
	}
	f.Name = c.Name
	return f, errors.Join(wrong...)
}

// moment is a time, or how long ago it was; none is zero.
func moment(text string, now time.Time) (clock.Time, error) {
	if text == "" {
		return 0, nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return clock.At(t), nil
	}
	ago, err := time.ParseDuration(text)
	if days, ok := strings.CutSuffix(text, "d"); ok && err != nil {
		var n uint64
		n, err = strconv.ParseUint(days, 10, 16)
		ago = time.Duration(n) * 24 * time.Hour
	}
	if err != nil || ago < 0 {
		return 0, fmt.Errorf("is %q, but has to be a time like 2026-11-24T08:00:00Z, or how long ago, as 24h or 7d", text)
	}
	return clock.At(now.Add(-ago)), nil
}

// people are who is meant by --person: an id, or everybody who ever proved the
// address.
func (c *auditCommand) people(ctx context.Context, db database.DBTX, deployment id.Deployment) ([]id.User, error) {
	if c.Person == "" {
		return nil, nil
	}
	if person, err := id.Parse[id.User](c.Person); err == nil && person != 0 {
		return []id.User{person}, nil
	}
	email, err := user.ParseEmail(c.Person)
	if err != nil {
		return nil, settingsError{fmt.Errorf("--person is %q, but has to be an id or an e-mail address", c.Person)}
	}
	people, err := user.EverVerifiedBy(ctx, db, deployment, email)
	if err == nil && len(people) == 0 {
		err = fmt.Errorf("nobody has, or ever had, the verified address %s", email)
	}
	return people, err
}

// actors are the addresses of those who did what is on a page.
func actors(ctx context.Context, db database.DBTX, page []event.Record) (map[id.User]string, error) {
	seen, ids := map[id.User]string{}, []id.User{}
	for _, record := range page {
		if _, ok := seen[record.ActorID]; !ok && record.ActorID != 0 {
			seen[record.ActorID] = ""
			ids = append(ids, record.ActorID)
		}
	}
	if len(ids) == 0 {
		return seen, nil
	}
	people, err := user.PublicByID(ctx, db, ids)
	for person, public := range people {
		seen[person] = public.PrimaryEmail()
	}
	return seen, err
}

// auditLine is an event as a program reads it.
type auditLine struct {
	ID           id.Event         `json:"id"`
	CreatedAt    clock.Time       `json:"created_at"`
	Name         string           `json:"name"`
	Organization *id.Organization `json:"organization_id"`
	Workspace    *id.Workspace    `json:"workspace_id"`
	Actor        *id.User         `json:"actor_id"`
	ActorEmail   string           `json:"actor_email"`
	Session      *id.Session      `json:"session_id"`
	Subject      *id.Subject      `json:"subject_id"`
	IPAddress    string           `json:"ip_address"`
	UserAgent    string           `json:"user_agent"`
	Data         json.RawMessage  `json:"data"`
}

// writeLine cannot fail but for the writer, which remembers its error.
func writeLine(w *bufio.Writer, r event.Record, email string) {
	_ = json.NewEncoder(w).Encode(auditLine{
		ID: r.ID, CreatedAt: r.CreatedAt, Name: r.Name,
		Organization: id.Optional(r.OrganizationID), Workspace: id.Optional(r.WorkspaceID),
		Actor: id.Optional(r.ActorID), ActorEmail: email, Session: id.Optional(r.SessionID), Subject: id.Optional(r.SubjectID),
		IPAddress: r.IPAddress, UserAgent: r.UserAgent, Data: json.RawMessage(r.Data),
	})
}

const auditColumns = "%-24s  %-34s  %-28s  %-19s  %-19s  %-15s  %s\n"

func writeHeader(w *bufio.Writer) {
	fmt.Fprintf(w, auditColumns, "TIME", "EVENT", "WHO", "ORGANIZATION", "SUBJECT", "FROM", "DETAILS")
}

func writeRow(w *bufio.Writer, r event.Record, email string) {
	who, from := email, r.IPAddress
	if who == "" {
		who = dash(r.ActorID)
	}
	if from == "" {
		from = r.UserAgent // of a command, or of the server itself
	}
	if from == "" {
		from = "-"
	}
	fmt.Fprintf(w, auditColumns, r.CreatedAt.Time().Format("2006-01-02T15:04:05.000Z"), r.Name, who,
		dash(r.OrganizationID), dash(r.SubjectID), printable(from), printable(r.Data))
}

func dash[N any](of id.Of[N]) string {
	if of == 0 {
		return "-"
	}
	return of.String()
}

// printable keeps what people typed from steering the terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '�'
	}, text)
}
