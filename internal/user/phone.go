package user

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/nyaruka/phonenumbers"

	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
)

// Phone is a number in the one form we compare, store and send to: "+", the
// country's dial code and the national number, at most 15 digits (ITU-T E.164).
// Make one with ParsePhone.
type Phone string

// The refusals of phone numbers.
var (
	ErrPhoneInvalid      = fault.New(fault.Invalid, "BAD_REQUEST_BODY", "This is not a valid phone number. Choose its country and write all of its digits.")
	ErrPhoneExists       = fault.New(fault.Invalid, "PHONE_NUMBER_EXISTS", "An account with this phone number exists already. Sign in instead.")
	ErrVoIPBlocked       = fault.New(fault.Forbidden, "VOIP_NUMBER_BLOCKED", "Numbers of internet telephony cannot be used here. Use the number of a telephone.")
	ErrCountryRestricted = fault.New(fault.Forbidden, "COUNTRY_RESTRICTED", "Phone numbers of this country cannot be used here. Use another one.")
)

// maxTyped is the length of a number with all its blanks and brackets.
const maxTyped = 50

// ParsePhone accepts a number as people write it, with blanks, brackets, dots,
// slashes and dashes. A number that begins with "+" is international; for any
// other, country says where it is dialled: a dial code ("+41", "41") or a
// country (ISO 3166-1, "CH"). It returns ErrPhoneInvalid for what the numbering
// plan of the country does not have, for premium-rate numbers and for
// extensions. Parsing a Phone again gives the same Phone.
func ParsePhone(number, country string) (Phone, error) {
	number, country = strings.TrimSpace(number), strings.TrimSpace(country)
	if len(number) > maxTyped || strings.ContainsFunc(number, isNotDialled) {
		return "", ErrPhoneInvalid
	}
	phone, err := parsePhone(number, country)
	if err != nil || len(phone) > len("+")+15 {
		return "", ErrPhoneInvalid
	}
	if again, err := parsePhone(string(phone), ""); err != nil || again != phone {
		return "", ErrPhoneInvalid
	}
	return phone, nil
}

func parsePhone(number, country string) (Phone, error) {
	region := strings.ToUpper(country)
	if code, err := strconv.Atoi(strings.TrimPrefix(country, "+")); err == nil {
		region = phonenumbers.GetRegionCodeForCountryCode(code)
		if region == worldwide && !isInternational(number) {
			number = "+" + strconv.Itoa(code) + number
		}
	}
	parsed, err := phonenumbers.Parse(number, region)
	if err != nil {
		return "", err
	}
	if !phonenumbers.IsValidNumber(parsed) || phonenumbers.GetNumberType(parsed) == phonenumbers.PREMIUM_RATE {
		return "", ErrPhoneInvalid
	}
	return Phone(phonenumbers.Format(parsed, phonenumbers.E164)), nil
}

// worldwide is the region of dial codes that belong to no country (+800, +883).
const worldwide = "001"

func isInternational(number string) bool {
	return strings.HasPrefix(number, "+") || strings.HasPrefix(number, "＋")
}

// isNotDialled reports what is neither a digit, in whatever script, nor written
// between digits.
func isNotDialled(r rune) bool {
	return !unicode.Is(unicode.Nd, r) && !strings.ContainsRune("+＋ \u00a0-–()./", r)
}

// parts are the dial code with its "+", and the national number.
func (p Phone) parts() (country, national string) {
	parsed, err := phonenumbers.Parse(string(p), "")
	if err != nil {
		return "", strings.TrimPrefix(string(p), "+")
	}
	country = "+" + strconv.Itoa(int(parsed.GetCountryCode()))
	return country, strings.TrimPrefix(string(p), country)
}

// CountryCode is the dial code, as "+41".
func (p Phone) CountryCode() string {
	country, _ := p.parts()
	return country
}

// LastDigits are the last four.
func (p Phone) LastDigits() string { return string(p[max(0, len(p)-4):]) }

// Masked shows enough of a number to recognize one's own. It ends with the last
// four digits, and has as many stars for every number.
func (p Phone) Masked() string { return p.CountryCode() + "*****" + p.LastDigits() }

// CheckPhone is nil when the restrictions let people use a number, else
// ErrVoIPBlocked or ErrCountryRestricted. The list of countries has those whose
// numbers may be used. What is internet telephony, the numbering plans say; they
// do not know all of it.
func CheckPhone(r deployment.RestrictionsSettings, p Phone) error {
	if !r.BlockVoIPNumbers && !r.CountryRestrictions.Enabled {
		return nil
	}
	parsed, err := phonenumbers.Parse(string(p), "")
	if err != nil {
		return ErrPhoneInvalid
	}
	switch {
	case r.BlockVoIPNumbers && phonenumbers.GetNumberType(parsed) == phonenumbers.VOIP:
		return ErrVoIPBlocked
	case r.CountryRestrictions.Enabled && !slices.Contains(r.CountryRestrictions.CountryCodes, phonenumbers.GetRegionCodeForNumber(parsed)):
		return ErrCountryRestricted
	}
	return nil
}

// notDigits are what people put between digits.
var notDigits = regexp.MustCompile(`[^0-9]+`)

// digitForms are the national numbers that typed digits may mean: as they are,
// and without the zero that is dialled before a national number.
func digitForms(typed string) (digits string, national []string) {
	digits = notDigits.ReplaceAllString(phonenumbers.NormalizeDigitsOnly(typed), "")
	national = []string{digits}
	if short := strings.TrimLeft(digits, "0"); short != digits {
		national = append(national, short)
	}
	return digits, national
}
