package account

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/organization"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
	"github.com/guildhall-id/guildhall/internal/user"
)

func (o *desk) deletes(c *access.Caller, password string) error {
	var in deleteAccountInput
	in.Body.Password = password
	_, err := o.deleteAccount(as(c), in)
	return err
}

// company is an organization with these members; the first is administrator.
func (o *desk) company(people ...id.User) (org id.Organization) {
	o.t.Helper()
	ctx := context.Background()
	must(o.t, o.db.InTx(ctx, func(tx *database.Tx) error {
		org = database.NewID[id.Organization](tx)
		_, err := tx.Exec(ctx, `INSERT INTO organizations (id, deployment_id, name, member_count, creator_id, created_at, updated_at) VALUES ($1, $2, 'Acme', $3, $4, $5, $5)`,
			org, o.d.ID, int64(len(people)), people[0], tx.Now)
		for i, person := range people {
			if err != nil {
				return err
			}
			membership, role := database.NewID[id.OrganizationMembership](tx), o.d.Settings.B2B.DefaultOrgMemberRoleID
			if i == 0 {
				role = o.d.Settings.B2B.DefaultOrgCreatorRoleID
			}
			if _, err := tx.Exec(ctx, `INSERT INTO organization_memberships (id, deployment_id, organization_id, user_id, joined_by, created_at, updated_at) VALUES ($1, $2, $3, $4, 'import', $5, $5)`,
				membership, o.d.ID, org, person, tx.Now); err != nil {
				return err
			}
			_, err = tx.Exec(ctx, `INSERT INTO organization_membership_roles (membership_id, role_id, organization_id, created_at) VALUES ($1, $2, $3, $4)`,
				membership, role, org, tx.Now)
		}
		return err
	}))
	return org
}

func (o *desk) members(org id.Organization) int64 {
	o.t.Helper()
	return o.count("SELECT count(*) FROM organization_memberships WHERE organization_id = $1 AND ended_at IS NULL", int64(org))
}

// S21: nothing of a deleted account works for the next request, and its
// addresses are free.
func TestAccountIsDeleted(t *testing.T) {
	each(t, func(o *desk) {
		ben := o.person("ben", o.hash)
		ana := o.person("ana", o.hash)
		here, token := o.signIn(ana)
		_, elsewhere := o.signIn(ana)
		theirs, alone := o.company(ben, ana), o.company(ana)
		second := o.claims(here, "second@example.com")
		for what, wrong := range map[string]string{"no password": "", "a wrong password": "x"} {
			refuses(o.t, what, o.deletes(here, wrong), ErrWrongPassword)
		}
		must(o.t, o.deletes(here, password))
		if o.whoHas(token) != 0 || o.whoHas(elsewhere) != 0 || o.whoHas(here.Session.Renewed.Reveal()) != 0 || here.User != 0 {
			o.t.Error("somebody is still signed in")
		}
		if o.members(theirs) != 1 || o.members(alone) != 0 {
			o.t.Error("memberships are left")
		}
		if n := o.count("SELECT count(*) FROM organizations WHERE id = $1 AND ended_at IS NULL", int64(alone)); n != 0 {
			o.t.Error("an organization without members is left")
		}
		if n := o.count("SELECT member_count FROM organizations WHERE id = $1", int64(theirs)); n != 1 {
			o.t.Errorf("%d seats are taken", n)
		}
		if n := o.count("SELECT count(*) FROM users WHERE id = $1 AND password_hash = '' AND ended_at IS NOT NULL", int64(ana)); n != 1 {
			o.t.Error("the row is gone, or not ended")
		}
		if n := o.count("SELECT count(*) FROM user_email_addresses WHERE id = $1 AND ended_at IS NULL", int64(second)); n != 0 {
			o.t.Error("a claim is left")
		}
		if _, err := user.FindByVerifiedEmail(context.Background(), o.db, o.d.ID, "ana@example.com"); err == nil {
			o.t.Error("the address still leads to the account")
		}
		if o.mails("ana@example.com", "account_changed") != 1 || o.events(ana, "user.deleted") != 1 {
			o.t.Error("the end is not announced or not recorded")
		}
		o.person("ana", o.hash) // the address is free again
	})
}

func TestLastAdministratorStays(t *testing.T) {
	each(t, func(o *desk) {
		ben := o.person("ben", o.hash)
		ana, token := o.signIn(o.person("ana", o.hash))
		org := o.company(ana.User, ben)
		err := o.deletes(ana, password)
		refuses(o.t, "the last administrator", err, organization.ErrLastAdmin)
		if refusal := (*fault.Error)(nil); !errors.As(err, &refusal) || !strings.Contains(refusal.Message, `"Acme"`) {
			o.t.Errorf("%v does not say of which organization", err)
		}
		if o.members(org) != 2 || o.whoHas(token) != ana.User || len(o.me(ana).EmailAddresses) != 1 {
			o.t.Error("a refusal has left something behind")
		}
		member, _ := o.signIn(ben)
		must(o.t, o.deletes(member, password))
		must(o.t, o.deletes(ana, password)) // nobody else is a member now
	})
}

// R2: two administrators who leave at once do not leave the others alone.
func TestAdministratorsDeletedAtOnce(t *testing.T) {
	each(t, func(o *desk) {
		ana, ben := o.somebody("ana"), o.somebody("ben")
		var orgs []id.Organization
		for range 2 {
			orgs = append(orgs, o.company(ana.User, ben.User, o.person("m"+database.NextID[id.User](o.db).String(), "")))
		}
		must(o.t, o.db.InTx(o.t.Context(), func(tx *database.Tx) error { // Ben is administrator too
			_, err := tx.Exec(o.t.Context(), `UPDATE organization_membership_roles SET role_id = $1 WHERE membership_id IN (SELECT id FROM organization_memberships WHERE user_id = $2)`,
				o.d.Settings.B2B.DefaultOrgCreatorRoleID, ben.User)
			return err
		}))
		callers := []*access.Caller{ana, ben}
		errs := race(2, func(i int) error { return o.deletes(callers[i], password) })
		if n := wins(o.t, errs, organization.ErrLastAdmin); n != 1 {
			o.t.Errorf("%d of two administrators left", n)
		}
		for _, org := range orgs {
			if o.members(org) != 2 {
				o.t.Errorf("%d members are left", o.members(org))
			}
		}
	})
}

// Without a password, only a fresh sign-in deletes.
func TestDeletionWithoutPassword(t *testing.T) {
	each(t, func(o *desk) {
		person := o.person("ana", "")
		old, _ := o.signIn(person)
		o.clock.Add((10*time.Minute + time.Second).Milliseconds())
		refuses(o.t, "an old sign-in", o.deletes(old, ""), access.ErrStaleSignIn)
		now, _ := o.signIn(person)
		o.clock.Add((10 * time.Minute).Milliseconds())
		must(o.t, o.deletes(now, ""))
	})
}
