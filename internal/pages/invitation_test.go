package pages

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/organization"
	"github.com/guildhall-id/guildhall/internal/platform/fault"
)

const hostile = `"><script>alert(1)</script>{{.Style}}'`

func visitOf(settings deployment.UISettings) visit {
	settings.AppName = "Example"
	return visit{
		Request:    httptest.NewRequest(http.MethodGet, organization.AcceptPath, nil),
		deployment: &deployment.Deployment{PublicURL: "https://id.example", Settings: deployment.Settings{UI: settings}},
	}
}

func invited(change func(*organization.InvitationPage)) organization.InvitationPage {
	page := organization.InvitationPage{
		Invited:     organization.Invited{OrganizationName: "Acme", Email: "ana@example.com", ExpiresAt: 1},
		InviterName: "Olive Owner", RoleName: "Member",
	}
	change(&page)
	return page
}

func TestTheStateDecidesWhatIsSaid(t *testing.T) {
	refusal := func(err *fault.Error) func(*organization.InvitationPage) {
		return func(p *organization.InvitationPage) { p.Refusal = err }
	}
	first := func(code string) func(*organization.InvitationPage) {
		return func(p *organization.InvitationPage) {
			p.First = organization.Acceptance{RequiresSignIn: true, ErrorCode: code, Message: "Do this first."}
		}
	}
	tests := map[string]struct {
		page   func(*organization.InvitationPage)
		status int
		title  string
		button string // the label of the button or link
	}{
		"the invited person can join":          {func(*organization.InvitationPage) {}, 200, "Join Acme", "Join Acme"},
		"nobody has this address":              {first(organization.RequiresSignUp), 200, "Join Acme", "Sign up"},
		"the person is signed out":             {first(organization.RequiresSignIn), 200, "Join Acme", "Sign in"},
		"somebody else is signed in":           {first(organization.EmailMismatch), 200, "Join Acme", "Switch account"},
		"a member is told so":                  {func(p *organization.InvitationPage) { p.Member = true }, 200, "You are in", ""},
		"a member is told so with an old link": {func(p *organization.InvitationPage) { p.Member, p.Refusal = true, organization.ErrInvitationUsed }, 200, "You are in", ""},
		"an unknown link":                      {refusal(organization.ErrInvitationNotFound), 404, "This link does not work", ""},
		"an older link":                        {refusal(organization.ErrInvitationReplaced), 200, "There is a newer link", ""},
		"an expired one":                       {refusal(organization.ErrInvitationExpired), 200, "This invitation to Acme has expired", ""},
		"a used one":                           {refusal(organization.ErrInvitationUsed), 200, "This invitation to Acme was used already", ""},
		"a withdrawn one":                      {refusal(organization.ErrInvitationDiscarded), 200, "This invitation to Acme was withdrawn", ""},
		"a declined one":                       {refusal(organization.ErrInvitationDeclined), 200, "This invitation to Acme was declined", ""},
		"any other obstacle has its own words": {refusal(fault.New(fault.Forbidden, "X", "No.")), 200, "This invitation cannot be accepted", ""},
		"a refusal wins over what to do first": {func(p *organization.InvitationPage) {
			first(organization.RequiresSignUp)(p)
			p.Refusal = organization.ErrInvitationExpired
		}, 200, "This invitation to Acme has expired", ""},
		"settings without sign-up page: a text": {first(organization.RequiresSignUp), 200, "Join Acme", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ui := deployment.UISettings{SignUpPageURL: "https://app.example/sign-up?x=1", SignInPageURL: "https://app.example/sign-in"}
			if strings.HasPrefix(name, "settings without") {
				ui.SignUpPageURL = "javascript:alert(1)"
			}
			got := visitOf(ui).invitation(invited(test.page), "inm_secret")
			if got.status != test.status || got.Title != test.title {
				t.Errorf("%d %q, want %d %q", got.status, got.Title, test.status, test.title)
			}
			label := got.Join
			for _, l := range got.Links {
				label += l.Label
			}
			if label != test.button {
				t.Errorf("button %q, want %q", label, test.button)
			}
			if got.Lead == "" {
				t.Error("the page says nothing")
			}
		})
	}
}

func TestTheWayToSignUpLeadsBack(t *testing.T) {
	page := invited(func(p *organization.InvitationPage) {
		p.First = organization.Acceptance{RequiresSignIn: true, ErrorCode: organization.RequiresSignUp}
	})
	got := visitOf(deployment.UISettings{SignUpPageURL: "https://app.example/sign-up?x=1"}).invitation(page, "inm_secret").Links
	const want = "https://app.example/sign-up?invite_token=inm_secret&invited_email=ana%40example.com" +
		"&redirect_uri=https%3A%2F%2Fid.example%2Faccept-invitation%3Finvite_token%3Dinm_secret&x=1"
	if len(got) != 1 || got[0].URL != want {
		t.Errorf("%v, want %s", got, want)
	}
}

func TestOnlyAnApplicationOfItsOwnIsOffered(t *testing.T) {
	tests := map[string]int{"": 0, "https://id.example/": 0, "https://id.example": 0, "/home": 0, "javascript:alert(1)": 0, "https://app.example/home": 1}
	for target, want := range tests {
		page := visitOf(deployment.UISettings{AfterSignInRedirectURL: target}).outcome(organization.Acceptance{AlreadyMember: true})
		if len(page.Links) != want {
			t.Errorf("%q: %v, want %d links", target, page.Links, want)
		}
	}
}

func TestTextIsNeverMarkup(t *testing.T) {
	p := New(nil, nil, nil, nil, slog.Default())
	var b bytes.Buffer
	err := p.template.Execute(&b, view{
		AppName: hostile, Tone: hostile, Mark: hostile, Title: hostile, Lead: hostile, Note: hostile, Join: hostile,
		Action: "javascript:alert(1)", Fields: []field{{hostile, hostile}}, Foot: hostile,
		Facts: []fact{{hostile, hostile, hostile}}, Links: []link{{hostile, "javascript:alert(1)"}, {hostile, hostile}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"<script", "javascript:", `"><`} {
		if strings.Contains(strings.ToLower(b.String()), bad) {
			t.Errorf("the page has %q:\n%s", bad, b.String())
		}
	}
}

func TestReferrersAreTold(t *testing.T) {
	tests := map[string]string{
		"https://id.example": "no-referrer", "http://localhost:8080": "no-referrer", "http://127.0.0.1:8080": "no-referrer", "http://[::1]:8080": "no-referrer",
		"http://id.example": "same-origin", "http://192.0.2.2:8080": "same-origin",
	}
	for origin, want := range tests {
		if got := referrerPolicy(origin); got != want {
			t.Errorf("%s: %s, want %s", origin, got, want)
		}
	}
}
