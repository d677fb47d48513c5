// Package demo fills a fresh server with an example organization, through the
// server's own API: what it makes, any client could make.
package demo

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
)

// Password is everybody's in the demo.
const Password = "correct horse demo"

// Result says how to use the filled server.
type Result struct {
	URL            string   `json:"url"`
	MailboxURL     string   `json:"mailbox_url"`
	PublishableKey string   `json:"publishable_key"`
	OrganizationID string   `json:"organization_id"`
	Sessions       Sessions `json:"sessions"`
}

// Sessions are the values of the cookie session_id of four browsers.
type Sessions struct {
	Owner    string `json:"owner"`
	Admin    string `json:"admin"`
	Member   string `json:"member"`
	Outsider string `json:"outsider"`
}

// workers is how many people sign up at a time: a password hash takes a core.
const workers = 2

// Fill makes the organization "Acme" on the server at origin: 20 members,
// three workspaces, custom roles and 12 pending invitations; and an outsider,
// who has an account and belongs nowhere. The server must be in staging and
// have the built-in mailbox.
func Fill(ctx context.Context, origin, publishableKey string) (Result, error) {
	result := Result{URL: origin, MailboxURL: origin + "/dev/mailbox", PublishableKey: publishableKey}
	var owner, outsider *browser
	both, of := errgroup.WithContext(ctx)
	both.Go(func() (err error) { owner, err = signUp(of, origin, founder); return err })
	both.Go(func() (err error) { outsider, err = signUp(of, origin, stranger); return err })
	if err := both.Wait(); err != nil {
		return result, fmt.Errorf("demo: sign up: %w", err)
	}
	acme, err := found(ctx, owner)
	if err != nil {
		return result, fmt.Errorf("demo: %w", err)
	}
	joined, err := acme.bringIn(ctx)
	if err != nil {
		return result, fmt.Errorf("demo: %w", err)
	}
	if err := acme.invite(ctx, pendings); err != nil {
		return result, fmt.Errorf("demo: %w", err)
	}
	result.OrganizationID = acme.id
	result.Sessions = Sessions{
		Owner: owner.session(), Admin: joined[administrator.email].session(),
		Member: joined[colleague.email].session(), Outsider: outsider.session(),
	}
	return result, nil
}

// organization is Acme, as its owner works on it.
type organization struct {
	owner          *browser
	id             string
	roles          map[string]string // ids by name
	workspaces     map[string]string
	workspaceRoles map[string]string // by the name of the workspace and their own
}

// named is what has an id and a name.
type named struct{ ID, Name string }

// found creates the organization with its roles and workspaces.
func found(ctx context.Context, owner *browser) (*organization, error) {
	var created struct{ Organization named }
	form := url.Values{"name": {organizationName}, "description": {"An example, made by guildhall demo."}}
	if err := owner.post(ctx, "/organizations", form, &created); err != nil {
		return nil, err
	}
	o := &organization{owner: owner, id: created.Organization.ID, roles: map[string]string{}, workspaces: map[string]string{}, workspaceRoles: map[string]string{}}
	for _, r := range roles {
		form := url.Values{"name": {r.name}, "permissions": r.permissions}
		if err := owner.post(ctx, "/organizations/"+o.id+"/roles", form, nil); err != nil {
			return nil, err
		}
	}
	var list []named
	if err := owner.get(ctx, "/organizations/"+o.id+"/roles", &list); err != nil {
		return nil, err
	}
	for _, r := range list {
		o.roles[r.Name] = r.ID
	}
	for _, name := range workspaces {
		if err := o.addWorkspace(ctx, name); err != nil {
			return nil, err
		}
	}
	return o, nil
}

func (o *organization) addWorkspace(ctx context.Context, name string) error {
	var created struct{ Workspace named }
	form := url.Values{"name": {name}, "organization_id": {o.id}}
	if err := o.owner.post(ctx, "/workspaces", form, &created); err != nil {
		return err
	}
	o.workspaces[name] = created.Workspace.ID
	for _, r := range workspaceRoles {
		var role named
		form := url.Values{"name": {r.name}, "permissions": r.permissions}
		if err := o.owner.post(ctx, "/workspaces/"+created.Workspace.ID+"/roles", form, &role); err != nil {
			return err
		}
		o.workspaceRoles[name+"/"+r.name] = role.ID
	}
	return nil
}

// invite sends the invitations of some groups.
func (o *organization) invite(ctx context.Context, groups []group) error {
	for _, g := range groups {
		form := url.Values{"emails": g.emails()}
		if g.role != "" {
			form.Set("role_id", o.roles[g.role])
		}
		if g.workspace != "" {
			form.Set("workspace_id", o.workspaces[g.workspace])
		}
		if g.workspaceRole != "" {
			form.Set("workspace_role_id", o.workspaceRoles[g.workspace+"/"+g.workspaceRole])
		}
		var verdicts []struct{ Email, Verdict, Message string }
		if err := o.owner.post(ctx, "/organizations/"+o.id+"/invitations/bulk", form, &verdicts); err != nil {
			return err
		}
		for _, v := range verdicts {
			if v.Verdict != "ok" {
				return fmt.Errorf("invite %s: %s", v.Email, v.Message)
			}
		}
	}
	return nil
}

// bringIn invites the members, and signs each up with the link from the mail.
// It returns their browsers by address.
func (o *organization) bringIn(ctx context.Context) (map[string]*browser, error) {
	if err := o.invite(ctx, members); err != nil {
		return nil, err
	}
	var people []person
	for _, g := range members {
		people = append(people, g.people...)
	}
	tokens, err := invitationTokens(ctx, o.owner, len(people))
	if err != nil {
		return nil, err
	}
	browsers := make([]*browser, len(people))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(workers)
	for i, p := range people {
		g.Go(func() (err error) {
			if browsers[i], err = join(ctx, o.owner.origin, p, tokens[p.email]); err != nil {
				err = fmt.Errorf("%s joins: %w", p.email, err)
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	joined := make(map[string]*browser, len(people))
	for i, p := range people {
		joined[p.email] = browsers[i]
	}
	return joined, nil
}

// invitationTokens are the secrets in the mailed invitations, by address, once
// n of them have arrived.
func invitationTokens(ctx context.Context, b *browser, n int) (map[string]string, error) {
	tokens := make(map[string]string, n)
	err := waitForMail(ctx, b, "", func(list []message) bool {
		for _, m := range list {
			i := slices.IndexFunc(m.Links, func(link string) bool { return strings.Contains(link, "invite_token=") })
			if m.Kind != "invitation" || i < 0 {
				continue
			}
			if link, err := url.Parse(m.Links[i]); err == nil {
				tokens[m.To] = link.Query().Get("invite_token")
			}
		}
		return len(tokens) >= n
	})
	return tokens, err
}
