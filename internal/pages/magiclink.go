package pages

import (
	"context"
	"errors"
	"net/http"

	"github.com/guildhall-id/guildhall/internal/platform/fault"
	"github.com/guildhall-id/guildhall/internal/signin"
)

// showLink asks for one click: mail scanners follow links, and one who did
// would use this one up.
func (p *Pages) showLink(_ context.Context, v visit) (view, error) {
	app := v.deployment.Settings.UI.AppName
	page := view{
		status: http.StatusOK, Mark: initial(app), Title: "Sign in to " + app, Lead: "You asked for a link to sign in.",
		Join: "Sign in", Action: v.action(signin.MagicLinkPath),
		Foot: "If you did not ask for it, close this page: nothing happens.",
	}
	for _, name := range []string{"token", "attempt", "redirect_uri"} {
		page.Fields = append(page.Fields, field{name, v.FormValue(name)})
	}
	return page, nil
}

// openLink is what the button does.
func (p *Pages) openLink(ctx context.Context, v visit) (view, error) {
	target, err := p.signins.OpenLink(ctx, v.PostFormValue("token"), v.PostFormValue("attempt"), v.PostFormValue("redirect_uri"))
	if refusal, ok := errors.AsType[*fault.Error](err); ok && refusal.Kind != fault.Unavailable {
		return view{status: http.StatusOK, Tone: "bad", Mark: "!", Title: "You are not signed in", Lead: refusal.Message}, nil
	}
	if err != nil {
		return view{}, err
	}
	return view{
		status: http.StatusOK, Tone: "good", Mark: "✓", Title: "You are signed in",
		Lead: "You can go on here, and close the page where you asked for the link.", Links: v.onwardTo(target),
	}, nil
}
