package user

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/guildhall-id/guildhall/internal/id"
	"github.com/guildhall-id/guildhall/internal/platform/clock"
	"github.com/guildhall-id/guildhall/internal/platform/database"
)

// EmailAddressView is an address as its owner and fellow members see it.
type EmailAddressView struct {
	ID                   id.EmailAddress `json:"id"`
	Email                string          `json:"email" format:"email"`
	IsPrimary            bool            `json:"is_primary"`
	Primary              bool            `json:"primary"`
	Verified             bool            `json:"verified"`
	VerifiedAt           *clock.Time     `json:"verified_at"`
	VerificationStrategy string          `json:"verification_strategy"`
	CreatedAt            clock.Time      `json:"created_at"`
	UpdatedAt            clock.Time      `json:"updated_at"`
}

// PhoneNumberView is a phone number as its owner sees it.
type PhoneNumberView struct {
	ID          id.PhoneNumber `json:"id"`
	PhoneNumber string         `json:"phone_number"`
	CountryCode string         `json:"country_code"`
	IsPrimary   bool           `json:"is_primary"`
	Primary     bool           `json:"primary"`
	Verified    bool           `json:"verified"`
	VerifiedAt  *clock.Time    `json:"verified_at"`
	CreatedAt   clock.Time     `json:"created_at"`
	UpdatedAt   clock.Time     `json:"updated_at"`
}

// SocialConnection is an account at a provider that a person signs in with.
type SocialConnection struct {
	ID           id.Subject `json:"id"`
	Provider     string     `json:"provider"`
	EmailAddress string     `json:"email_address"`
	FirstName    string     `json:"first_name"`
	LastName     string     `json:"last_name"`
	CreatedAt    clock.Time `json:"created_at"`
	UpdatedAt    clock.Time `json:"updated_at"`
}

// Authenticator is an enrolled TOTP generator.
type Authenticator struct {
	ID        id.Authenticator `json:"id"`
	CreatedAt clock.Time       `json:"created_at"`
	Verified  bool             `json:"verified"`
}

// Segment is a named group of people.
type Segment struct {
	ID           id.Subject    `json:"id"`
	CreatedAt    clock.Time    `json:"created_at"`
	UpdatedAt    clock.Time    `json:"updated_at"`
	DeploymentID id.Deployment `json:"deployment_id"`
	Name         string        `json:"name"`
	Type         string        `json:"type" enum:"user,organization,workspace"`
}

// provenByMail is what the API calls the strategy of an address that was proven
// by a code or link in a mail, as all are today. Which of them it was, is on
// record.
const provenByMail = "otp"

// Public is a person as fellow members see them. Phone numbers are for their
// owner alone: others see none.
type Public struct {
	ID                  id.User           `json:"id"`
	FirstName           string            `json:"first_name"`
	LastName            string            `json:"last_name"`
	Username            string            `json:"username"`
	Email               *string           `json:"email"`
	Availability        string            `json:"availability" enum:"available,busy,away"`
	HasProfilePicture   bool              `json:"has_profile_picture"`
	ProfilePictureURL   string            `json:"profile_picture_url"`
	PrimaryEmailAddress *EmailAddressView `json:"primary_email_address"`
	PrimaryPhoneNumber  *PhoneNumberView  `json:"primary_phone_number"`
}

// PrimaryEmail is the primary address, empty when there is none.
func (p Public) PrimaryEmail() string {
	if p.Email == nil {
		return ""
	}
	return *p.Email
}

// Current is a person as they see themselves. The active memberships are set
// by the sign-in it is shown in.
type Current struct {
	Public
	CreatedAt                      clock.Time                 `json:"created_at"`
	UpdatedAt                      clock.Time                 `json:"updated_at"`
	PrimaryEmailAddressID          *id.EmailAddress           `json:"primary_email_address_id"`
	PrimaryPhoneNumberID           *id.PhoneNumber            `json:"primary_phone_number_id"`
	SecondFactorPolicy             string                     `json:"second_factor_policy" enum:"none,optional,enforced"`
	EmailAddresses                 []EmailAddressView         `json:"user_email_addresses"`
	PhoneNumbers                   []PhoneNumberView          `json:"user_phone_numbers"`
	SocialConnections              []SocialConnection         `json:"social_connections"`
	Authenticator                  *Authenticator             `json:"user_authenticator"`
	BackupCodesGenerated           bool                       `json:"backup_codes_generated"`
	HasPassword                    bool                       `json:"has_password"`
	HasPasskeys                    bool                       `json:"has_passkeys"`
	Disabled                       bool                       `json:"disabled"`
	ActiveOrganizationMembershipID *id.OrganizationMembership `json:"active_organization_membership_id"`
	ActiveWorkspaceMembershipID    *id.WorkspaceMembership    `json:"active_workspace_membership_id"`
	PublicMetadata                 json.RawMessage            `json:"public_metadata"`
	Segments                       []Segment                  `json:"segments"`
}

// PublicByID loads people as others see them, one query for all.
func PublicByID(ctx context.Context, db database.DBTX, ids []id.User) (map[id.User]Public, error) {
	rows, err := New(db).Users(ctx, database.Int64s(ids))
	if err != nil {
		return nil, err
	}
	people := make(map[id.User]Public, len(rows))
	for _, row := range rows {
		people[row.User.ID] = publicView(row)
	}
	return people, nil
}

// CurrentByID loads people as they see themselves: two queries for all, and one
// more where somebody has a phone.
func CurrentByID(ctx context.Context, db database.DBTX, ids []id.User) (map[id.User]Current, error) {
	q := New(db)
	rows, err := q.Users(ctx, database.Int64s(ids))
	if err != nil {
		return nil, err
	}
	addresses, err := q.EmailAddresses(ctx, database.Int64s(ids))
	if err != nil {
		return nil, err
	}
	var phones []UserPhoneNumber
	if slices.ContainsFunc(rows, func(row UsersRow) bool { return row.HasPhones }) {
		if phones, err = q.PhoneNumbers(ctx, database.Int64s(ids)); err != nil {
			return nil, err
		}
	}
	people := make(map[id.User]Current, len(rows))
	for _, row := range rows {
		u := row.User
		if u.EndedAt != 0 {
			continue
		}
		person := Current{
			Public: publicView(row), CreatedAt: u.CreatedAt, UpdatedAt: u.UpdatedAt,
			PrimaryEmailAddressID: id.Optional(u.PrimaryEmailAddressID),
			PrimaryPhoneNumberID:  id.Optional(u.PrimaryPhoneNumberID),
			SecondFactorPolicy:    u.SecondFactorPolicy,
			EmailAddresses:        []EmailAddressView{}, PhoneNumbers: []PhoneNumberView{},
			SocialConnections: []SocialConnection{}, Segments: []Segment{},
			Authenticator: u.authenticator(), BackupCodesGenerated: u.HasBackupCodes,
			HasPassword: u.PasswordHash != "", Disabled: u.DisabledAt != 0,
			PublicMetadata: json.RawMessage(u.PublicMetadata),
		}
		for _, a := range addresses {
			if a.UserID == u.ID {
				person.EmailAddresses = append(person.EmailAddresses, addressView(a, u.PrimaryEmailAddressID))
			}
		}
		for _, p := range phones {
			if p.UserID == u.ID {
				person.addPhone(phoneView(p, u.PrimaryPhoneNumberID))
			}
		}
		people[u.ID] = person
	}
	return people, nil
}

func (c *Current) addPhone(p PhoneNumberView) {
	c.PhoneNumbers = append(c.PhoneNumbers, p)
	if p.IsPrimary {
		c.PrimaryPhoneNumber = &p
	}
}

// authenticator is the verified one, nil without.
func (u User) authenticator() *Authenticator {
	if u.AuthenticatorID == 0 {
		return nil
	}
	return &Authenticator{ID: u.AuthenticatorID, CreatedAt: u.AuthenticatorCreatedAt, Verified: true}
}

func publicView(row UsersRow) Public {
	u := row.User
	p := Public{
		ID: u.ID, FirstName: u.FirstName, LastName: u.LastName, Username: u.Username,
		Availability: u.Availability, HasProfilePicture: u.ProfilePictureURL != "", ProfilePictureURL: u.ProfilePictureURL,
	}
	if row.PrimaryEmail != nil {
		p.Email = row.PrimaryEmail
		address := addressView(UserEmailAddress{
			ID: u.PrimaryEmailAddressID, Email: *row.PrimaryEmail, VerifiedAt: row.PrimaryVerifiedAt,
			VerificationStrategy: *row.PrimaryStrategy, CreatedAt: row.PrimaryCreatedAt, UpdatedAt: row.PrimaryUpdatedAt,
		}, u.PrimaryEmailAddressID)
		p.PrimaryEmailAddress = &address
	}
	return p
}

func addressView(a UserEmailAddress, primary id.EmailAddress) EmailAddressView {
	return EmailAddressView{
		ID: a.ID, Email: a.Email, IsPrimary: a.ID == primary, Primary: a.ID == primary,
		Verified: a.VerifiedAt != 0, VerifiedAt: a.VerifiedAt.Optional(), VerificationStrategy: provenByMail,
		CreatedAt: a.CreatedAt, UpdatedAt: a.UpdatedAt,
	}
}

func phoneView(p UserPhoneNumber, primary id.PhoneNumber) PhoneNumberView {
	return PhoneNumberView{
		ID: p.ID, PhoneNumber: p.PhoneNumber, CountryCode: p.CountryCode, IsPrimary: p.ID == primary, Primary: p.ID == primary,
		Verified: p.VerifiedAt != 0, VerifiedAt: p.VerifiedAt.Optional(), CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt,
	}
}
