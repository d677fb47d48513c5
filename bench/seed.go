package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/go-crypt/crypt/algorithm/argon2"

	"github.com/guildhall-id/guildhall/internal/config"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/clock"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/secret"
	"github.com/guildhall-id/guildhall/internal/user"
)

// world is the data that is asked for.
type world struct {
	dir           string // a data directory of the server
	organizations []organization
	large         organization // with many invitations
}

type organization struct {
	id      id.Organization
	members []member // the first is the administrator
	shared  string   // the token of a browser in which three of them are signed in
}

type member struct {
	user       id.User
	membership id.OrganizationMembership
	email      string
	token      string // of their session
}

// admin is the session of the organization's administrator.
func (o organization) admin() string { return o.members[0].token }

// everybodys is the password of every person.
const everybodys = "correct horse battery staple"

// seeding writes a world into a new database.
type seeding struct {
	db            *database.DB
	deployment    *deployment.Deployment
	admin, member id.OrganizationRole
	now           clock.Time // the present
	digests       [2]string  // of everybody's password: as the server makes them, and one of nearly no cost
	users         int
}

// seed makes a data directory in dir. Everything in it was made yesterday, but
// for its sessions, which were used just now.
func seed(ctx context.Context, dir string, p plan) (_ *world, err error) {
	s, err := newSeeding(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.db.Close()) }()
	w := &world{dir: dir}
	for n := range p.organizations + 1 {
		pending := p.pending
		if n == p.organizations {
			pending = p.large
		}
		var o organization
		err := s.db.InTx(ctx, func(tx *database.Tx) (err error) {
			o, err = s.organization(&script{ctx: ctx, tx: tx}, n, p.members, pending)
			return err
		})
		if err != nil {
			return nil, err
		}
		w.organizations = append(w.organizations, o)
	}
	w.large, w.organizations = w.organizations[p.organizations], w.organizations[:p.organizations]
	return w, nil
}

// newSeeding makes a data directory with an empty deployment.
func newSeeding(ctx context.Context, dir string) (*seeding, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	c := config.Config{
		DataDir: dir, Mode: config.Staging, Mail: config.Auto, MailFrom: "bench@example.com", Limits: config.Auto,
		Listen: "127.0.0.1:0", OpsListen: "127.0.0.1:0", LogFormat: "text",
	}
	if err := c.Settle(); err != nil {
		return nil, err
	}
	key, err := c.Key()
	if err != nil {
		return nil, err
	}
	yesterday := func() time.Time { return time.Now().Add(-24 * time.Hour) }
	db, err := database.Open(ctx, c.DatabaseURL, database.Options{Now: yesterday})
	if err != nil {
		return nil, err
	}
	s := &seeding{db: db, now: clock.At(time.Now())}
	if err := s.begin(ctx, key); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// begin migrates, makes the deployment, and computes the digests.
func (s *seeding) begin(ctx context.Context, key secret.Key) (err error) {
	if err := errors.Join(s.db.Migrate(ctx), s.db.Start(ctx)); err != nil {
		return err
	}
	if s.deployment, err = deployment.NewService(s.db, deployment.Staging, "http://id.example.com", key).Ensure(ctx, "Bench"); err != nil {
		return err
	}
	s.admin, s.member = s.deployment.Settings.B2B.DefaultOrgCreatorRoleID, s.deployment.Settings.B2B.DefaultOrgMemberRoleID
	passwords, err := user.NewPasswords()
	if err != nil {
		return err
	}
	if s.digests[0], err = passwords.Hash(ctx, everybodys); err != nil {
		return err
	}
	cheap, err := argon2.New(argon2.WithVariantID(), argon2.WithM(argon2.MemoryMin), argon2.WithT(1), argon2.WithP(1))
	if err != nil {
		return err
	}
	digest, err := cheap.Hash(everybodys)
	if err == nil {
		s.digests[1] = digest.Encode()
	}
	return err
}

// script runs statements and stops at the first error, which it keeps.
type script struct {
	ctx context.Context
	tx  *database.Tx
	err error
}

func (e *script) do(text string, args ...any) {
	if e.err == nil {
		_, e.err = e.tx.Exec(e.ctx, text, args...)
	}
}

func (s *seeding) organization(e *script, n, members, pending int) (organization, error) {
	tx := e.tx
	o := organization{id: database.NewID[id.Organization](tx)}
	e.do(`INSERT INTO organizations (id, deployment_id, name, member_count, creator_id, created_at, updated_at)
		VALUES ($1, $2, $3, $4, 1, $5, $5)`, o.id, s.deployment.ID, fmt.Sprintf("Organization %d", n), members, tx.Now)
	for m := range members {
		o.members = append(o.members, s.person(e, o.id, m == 0))
		o.members[m].token = s.browser(e, o.members[m])
	}
	o.shared = s.browser(e, o.members[:min(3, members)]...)
	for i := range pending {
		e.do(`INSERT INTO organization_invitations (id, deployment_id, organization_id, email, typed, role_id, inviter_id, status, expires_at, created_at, updated_at)
			VALUES ($1, $2, $3, $4, $4, $5, $6, 'pending', $7, $8, $8)`,
			database.NewID[id.Invitation](tx), s.deployment.ID, o.id, fmt.Sprintf("guest.%d@organization-%d.example", i, n),
			s.member, o.members[0].user, s.now.Add(9*24*time.Hour), tx.Now)
	}
	return o, e.err
}

// person is a member.
func (s *seeding) person(e *script, organization id.Organization, admin bool) member {
	tx := e.tx
	m := member{
		user: database.NewID[id.User](tx), membership: database.NewID[id.OrganizationMembership](tx),
		email: fmt.Sprintf("person.%d@example.com", s.users),
	}
	address, role := database.NewID[id.EmailAddress](tx), s.member
	if admin {
		role = s.admin
	}
	e.do(`INSERT INTO users (id, deployment_id, first_name, last_name, search, password_hash, primary_email_address_id, created_at, updated_at)
		VALUES ($1, $2, 'Ana', 'Example', $3, $4, $5, $6, $6)`, m.user, s.deployment.ID, "ana example "+m.email, s.digests[s.users%2], address, tx.Now)
	e.do(`INSERT INTO user_email_addresses (id, deployment_id, user_id, email, typed, verified_at, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $4, $5, $5, $5)`, address, s.deployment.ID, m.user, m.email, tx.Now)
	e.do(`INSERT INTO organization_memberships (id, deployment_id, organization_id, user_id, joined_by, created_at, updated_at)
		VALUES ($1, $2, $3, $4, 'import', $5, $5)`, m.membership, s.deployment.ID, organization, m.user, tx.Now)
	e.do(`INSERT INTO organization_membership_roles (membership_id, role_id, organization_id, created_at)
		VALUES ($1, $2, $3, $4)`, m.membership, role, organization, tx.Now)
	s.users++
	return m
}

// browser is a session in which members are signed in, the last one active and
// their organization with them. It returns its token.
func (s *seeding) browser(e *script, members ...member) string {
	tx, token, session := e.tx, secret.Token(), database.NewID[id.Session](e.tx)
	e.do(`INSERT INTO sessions (id, deployment_id, created_at, updated_at) VALUES ($1, $2, $3, $3)`, session, s.deployment.ID, tx.Now)
	e.do(`INSERT INTO session_tokens (hash, session_id, created_at, expires_at)
		VALUES ($1, $2, $3, $4)`, secret.Hash(token), session, tx.Now, s.now.Add(9*24*time.Hour))
	for _, m := range members {
		signIn := database.NewID[id.SignIn](tx)
		e.do(`INSERT INTO signins (id, deployment_id, session_id, user_id, method, active_organization_membership_id,
				ip_address, user_agent, browser, device, expires_at, last_active_at, created_at, updated_at)
			VALUES ($1, $2, $3, $4, 'email_password', $5, '127.0.0.1', $6, 'Firefox 140', 'Linux', $7, $8, $9, $9)`,
			signIn, s.deployment.ID, session, m.user, m.membership, userAgent, s.now.Add(9*24*time.Hour), s.now, tx.Now)
		e.do(`UPDATE sessions SET active_signin_id = $1 WHERE id = $2`, signIn, session)
	}
	return token.Reveal()
}

// copyTo gives a process a data directory of its own.
func (w *world) copyTo(dir string) error {
	return os.CopyFS(dir, os.DirFS(w.dir))
}

func databaseOf(dir string) string { return filepath.Join(dir, "guildhall.db") }
