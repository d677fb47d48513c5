package signin

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/onetime"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/mail"
	"github.com/guildhall-id/guildhall/internal/user"
)

// offersPhones reports whether people may sign in by a code in a text message.
func offersPhones(d *deployment.Deployment) bool {
	return d.Settings.Auth.FactorsEnabled.PhoneOTP && d.Settings.Auth.PhoneNumber.Verifiable()
}

// typedPhone is a number in the form in which an attempt keeps it: E.164, or
// only the digits when the form has dropped the country (contract section 8).
func typedPhone(typed, country string) (string, error) {
	typed = strings.TrimSpace(typed)
	if country != "" || strings.HasPrefix(typed, "+") {
		p, err := user.ParsePhone(typed, country)
		return string(p), err
	}
	var digits strings.Builder
	for _, r := range typed {
		switch {
		case '0' <= r && r <= '9':
			digits.WriteRune(r)
		case !strings.ContainsRune(" -().\u00a0/", r):
			return "", user.ErrPhoneInvalid
		}
	}
	if n := len(strings.TrimLeft(digits.String(), "0")); n < 4 || n > 15 {
		return "", user.ErrPhoneInvalid
	}
	return digits.String(), nil
}

// maskedPhone shows the last four digits of a number as it was typed.
func maskedPhone(typed string) string {
	if strings.HasPrefix(typed, "+") {
		return user.Phone(typed).Masked()
	}
	return "*****" + typed[max(0, len(typed)-4):]
}

// numberKey is what the codes to a number are counted by: its digits as they
// were typed, since whose they are must not tell, without the zeros that may be
// dialled before them.
func numberKey(typed string) string { return strings.TrimLeft(typed, "+0") }

// sendMail mails a new code for the current step of an attempt, in place of an
// older one, which stays if the mail is held back. Only at the beginning of a
// sign-in is there something to hide: whether anybody is known who is to get
// it.
func (s *Service) sendMail(ctx context.Context, tx *database.Tx, d *deployment.Deployment, a open, to user.Email) (Prepared, error) {
	familiar, err := s.mayMail(ctx, tx, string(to), a.signIn)
	if err != nil {
		return Prepared{}, err
	}
	code, err := onetime.NewCode()
	if err != nil {
		return Prepared{}, err
	}
	sent, m := true, codeMail(d, a, to, code)
	m.Familiar = familiar
	if a.purpose() != forSignIn {
		err = s.outbox.Queue(ctx, tx, m)
	} else {
		sent, err = s.send(ctx, tx, a.signIn.UserID != 0, m)
	}
	if err == nil && sent {
		err = s.codes.Put(ctx, tx, d.ID, a.purpose(), a.subject(), string(to), code)
	}
	return Prepared{MaskedEmail: to.Masked()}, err
}

func codeMail(d *deployment.Deployment, a open, to user.Email, code string) mail.Message {
	app := d.Settings.UI.AppName
	heading, reason := "Your sign-in code", "Enter this code to sign in to "+app+"."
	if a.signUp.ID != 0 {
		heading, reason = "Verify your address", "Enter this code to finish signing up to "+app+"."
	}
	return mail.Message{
		Deployment: d.ID, Subject: int64(a.subject()), To: string(to), Kind: "verification_code",
		Content: mail.Content{
			AppName: app, Subject: fmt.Sprintf("%s is your %s code", code, app), Heading: heading,
			Paragraphs: []string{reason, "The code works for 10 minutes, once, in the browser where you asked for it."},
			Code:       code,
			Footer:     "If you did not ask for this code, you can ignore this mail. Nobody can sign in without it.",
		},
	}
}

// sendText queues a text message with a new code for the current step, which
// takes the place of an older one if the message is let out.
func (s *Service) sendText(ctx context.Context, tx *database.Tx, d *deployment.Deployment, a open, to user.Phone, familiar bool, queue func(context.Context, *database.Tx, mail.Text) error) error {
	code, err := onetime.NewCode()
	if err != nil {
		return err
	}
	err = queue(ctx, tx, mail.Text{
		Deployment: d.ID, Subject: int64(a.subject()), To: string(to), Kind: "verification_code", Familiar: familiar, Code: code,
		Body: fmt.Sprintf("%s is your %s code. It works for 10 minutes. Tell it to nobody.", code, d.Settings.UI.AppName),
	})
	if err != nil {
		return err
	}
	return s.codes.Put(ctx, tx, d.ID, a.purpose(), a.subject(), string(to), code)
}

// sendSignUpText sends the code that proves the number of a sign-up.
func (s *Service) sendSignUpText(ctx context.Context, tx *database.Tx, d *deployment.Deployment, a open) (Prepared, error) {
	to := user.Phone(a.signUp.PhoneNumber)
	familiar, err := s.mayMail(ctx, tx, numberKey(string(to)), a.signIn)
	if err != nil {
		return Prepared{}, err
	}
	return Prepared{MaskedPhone: to.Masked()}, s.sendText(ctx, tx, d, a, to, familiar, s.outbox.QueueText)
}

// sendSignInText sends the code that begins a sign-in. For a number that nobody
// has proven it does the same work, and nothing leaves. That the limit of a
// number is reached must not tell that it is known, so it is no error.
func (s *Service) sendSignInText(ctx context.Context, tx *database.Tx, d *deployment.Deployment, a open) (Prepared, error) {
	typed := a.signIn.Identifier
	familiar, err := s.mayMail(ctx, tx, numberKey(typed), a.signIn)
	if err != nil {
		return Prepared{}, err
	}
	to, owner, err := user.FindByPhoneDigits(ctx, tx, d.ID, typed)
	if err != nil && !isNotFound(err) {
		return Prepared{}, err
	}
	queue := s.outbox.QueueText
	if err != nil || owner != a.signIn.UserID {
		to, queue = user.Phone("+"+numberKey(typed)), s.outbox.PretendText
	}
	if err := s.sendText(ctx, tx, d, a, to, familiar, queue); err != nil && !errors.Is(err, mail.ErrTooMany) {
		return Prepared{}, err
	}
	return Prepared{MaskedPhone: maskedPhone(typed)}, nil
}
