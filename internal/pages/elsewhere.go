package pages

import (
	"context"
	"net/http"
	"strings"
)

// elsewhere are the addresses at which the settings look for the application's
// pages until an operator names others, with the members of ui_settings that
// do. The server has no page there, and says so to people.
var elsewhere = map[string]string{
	"/":                    "after_signin_redirect_url",
	"/sign-in":             "sign_in_page_url",
	"/sign-up":             "sign_up_page_url",
	"/waitlist":            "waitlist_page_url",
	"/account":             "user_profile_url",
	"/organization":        "organization_profile_url",
	"/create-organization": "create_organization_url",
}

// Elsewhere reports whether somebody looks for a page that the application has
// to have. Scripts do not: they get the answer that is not found.
func Elsewhere(r *http.Request) bool {
	return elsewhere[r.URL.Path] != "" && (r.Method == http.MethodGet || r.Method == http.MethodHead) &&
		strings.Contains(r.Header.Get("Accept"), "text/html")
}

func (p *Pages) showElsewhere(_ context.Context, v visit) (view, error) {
	return view{
		status: http.StatusNotFound, Tone: "bad", Mark: "?", Title: "There is no page here",
		Lead: "This is the server that signs people in. The page that you are looking for is part of the application, and nobody has said yet where that is.",
		Note: "Whoever runs this server says so with the setting ui_settings." + elsewhere[v.URL.Path] + ".",
	}, nil
}
