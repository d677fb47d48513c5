package pages

import (
	"cmp"
	"context"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/organization"
	"github.com/guildhall-id/guildhall/internal/platform/clock"
	"github.com/guildhall-id/guildhall/internal/session"
)

// view is a page: a card with a heading, some facts, and what to do next.
type view struct {
	AppName string
	Style   template.CSS
	Tone    string // "good", "bad" or neither
	Mark    string // one character, for decoration
	Title   string
	Lead    string
	Facts   []fact
	Note    string
	Join    string // the label of the button, empty for none
	Action  string // where the button posts to
	Fields  []field
	Links   []link
	Foot    string

	status    int
	referrers string // the policy; empty for noReferrer
}

type fact struct {
	Label, Text string
	At          string // for a time, its machine-readable form
}

type link struct{ Label, URL string }

// field is what a form carries along unseen.
type field struct{ Name, Value string }

// tokenOf is the secret of the link, or of the form that the page made.
func tokenOf(r *http.Request) string {
	return cmp.Or(r.FormValue("invite_token"), r.FormValue("token"))
}

// showInvitation changes nothing: mail scanners follow links.
func (p *Pages) showInvitation(ctx context.Context, v visit) (view, error) {
	token := tokenOf(v.Request)
	if token == "" {
		return view{
			status: http.StatusNotFound, Tone: "bad", Mark: "?", Title: "The link is not complete",
			Lead: "Open this page with the link from your invitation mail. If the mail program cut it, copy all of it into the address bar.",
		}, nil
	}
	found, err := p.organizations.Page(ctx, token)
	if err != nil {
		return view{}, err
	}
	return v.invitation(found, token), nil
}

// acceptInvitation is what the button does. Doing it again is calm.
func (p *Pages) acceptInvitation(ctx context.Context, v visit) (view, error) {
	token := tokenOf(v.Request)
	outcome, err := p.organizations.Accept(ctx, token)
	if err != nil {
		return view{}, err
	}
	if outcome.ErrorCode != "" { // where the page says the same, it says more
		found, err := p.organizations.Page(ctx, token)
		if err != nil || found.Refusal != nil || found.First.RequiresSignIn {
			return v.invitation(found, token), err
		}
	}
	return v.outcome(outcome), nil
}

// invitation is the page of an invitation that nobody has acted on yet, or of
// one that came to an end.
func (v visit) invitation(found organization.InvitationPage, token string) view {
	place := found.OrganizationName
	page := view{status: http.StatusOK, Mark: initial(place), Title: "Join " + place}
	switch {
	case found.Member:
		return v.memberAlready("You are a member of " + place + " already. There is nothing left to accept.")
	case found.Refusal != nil:
		return refused(found)
	}
	page.Lead = found.InviterName + " invited you to join " + place + "."
	page.Foot = "If you do not know what this is about, close this page: nothing happens unless you accept."
	page.Facts = []fact{{Label: "Invited", Text: string(found.Email)}}
	if found.WorkspaceName != "" {
		page.Facts = append(page.Facts, fact{Label: "Workspace", Text: found.WorkspaceName})
	}
	if found.RoleName != "" {
		page.Facts = append(page.Facts, fact{Label: "Role", Text: found.RoleName})
	}
	page.Facts = append(page.Facts, moment("Valid until", found.ExpiresAt))
	if !found.First.RequiresSignIn {
		page.Join, page.Action, page.Fields = "Join "+place, v.action(organization.AcceptPath), []field{{"invite_token", token}}
		return page
	}
	page.Note = found.First.Message
	ui := v.deployment.Settings.UI
	switch found.First.ErrorCode {
	case organization.RequiresSignUp:
		page.Links = v.towards("Sign up", ui.SignUpPageURL, found, token)
	case organization.EmailMismatch:
		page.Links = v.towards("Switch account", ui.SignInPageURL, found, token)
	default:
		page.Links = v.towards("Sign in", ui.SignInPageURL, found, token)
	}
	return page
}

// refused is the page of an invitation that cannot be accepted, kindly. To
// whom a dead link was sent is not said.
func refused(found organization.InvitationPage) view {
	page := view{status: http.StatusOK, Tone: "bad", Mark: "!", Title: "This invitation cannot be accepted", Lead: found.Refusal.Message}
	place := found.OrganizationName
	switch found.Refusal {
	case organization.ErrInvitationNotFound:
		page.Mark, page.Title, page.status = "?", "This link does not work", http.StatusNotFound
	case organization.ErrInvitationReplaced:
		page.Title = "There is a newer link"
	case organization.ErrInvitationExpired:
		page.Title = "This invitation to " + place + " has expired"
		page.Facts = []fact{moment("Was valid until", found.ExpiresAt)}
	case organization.ErrInvitationUsed:
		page.Title = "This invitation to " + place + " was used already"
	case organization.ErrInvitationDiscarded:
		page.Title = "This invitation to " + place + " was withdrawn"
	case organization.ErrInvitationDeclined:
		page.Title = "This invitation to " + place + " was declined"
	}
	return page
}

// outcome is the page after the button.
func (v visit) outcome(a organization.Acceptance) view {
	switch {
	case a.Organization != nil:
		page := view{
			status: http.StatusOK, Tone: "good", Mark: "✓", Title: "Welcome to " + a.Organization.Name,
			Lead: "You are a member of " + a.Organization.Name + " now.", Links: v.onward(),
		}
		if a.Workspace != nil {
			page.Lead = "You are a member of " + a.Organization.Name + " and its workspace " + a.Workspace.Name + " now."
		}
		return page
	case a.AlreadyMember:
		return v.memberAlready(a.Message)
	}
	return view{status: http.StatusOK, Tone: "bad", Mark: "!", Title: "This invitation cannot be accepted", Lead: a.Message}
}

func (v visit) memberAlready(lead string) view {
	return view{status: http.StatusOK, Tone: "good", Mark: "✓", Title: "You are in", Lead: lead, Links: v.onward()}
}

// onward leads to the application, when the settings name one.
func (v visit) onward() []link { return v.onwardTo(v.deployment.Settings.UI.AfterSignInRedirectURL) }

// onwardTo leads to a page that has been checked: the server's own root is none.
func (v visit) onwardTo(target string) []link {
	u, err := parsePage(target)
	if err != nil || strings.TrimSuffix(target, "/") == v.deployment.PublicURL {
		return nil
	}
	return []link{{"Continue to " + v.deployment.Settings.UI.AppName, u.String()}}
}

// towards leads to a sign-in or sign-up page, and from there back here; nowhere
// when the settings name no such page.
func (v visit) towards(label, page string, found organization.InvitationPage, token string) []link {
	u, err := parsePage(page)
	if err != nil {
		return nil
	}
	back := v.deployment.PublicURL + organization.AcceptPath + "?" + url.Values{"invite_token": {token}}.Encode()
	query := u.Query()
	query.Set("invite_token", token)
	query.Set("invited_email", string(found.Email))
	query.Set("redirect_uri", back)
	u.RawQuery = query.Encode()
	return []link{{label, u.String()}}
}

var errNoPage = errors.New("not the address of a page")

// parsePage accepts absolute http and https addresses.
func parsePage(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err == nil && (u.Host == "" || u.Scheme != "https" && u.Scheme != "http") {
		err = errNoPage
	}
	return u, err
}

// action is where the form posts to. In staging the session may be in the
// address rather than in a cookie.
func (v visit) action(path string) string {
	if token := v.URL.Query().Get(session.DevParam); token != "" && v.deployment.Mode == deployment.Staging {
		return path + "?" + url.Values{session.DevParam: {token}}.Encode()
	}
	return path
}

func moment(label string, t clock.Time) fact {
	at := t.Time().UTC()
	return fact{Label: label, Text: at.Format("2 January 2006, 15:04 MST"), At: at.Format("2006-01-02T15:04:05Z")}
}

// initial is the first character of a name, as decoration.
func initial(name string) string {
	r, size := utf8.DecodeRuneInString(name)
	if size == 0 || r == utf8.RuneError {
		return ""
	}
	return string(unicode.ToUpper(r))
}
