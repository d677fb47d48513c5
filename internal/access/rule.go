// Package access decides who may do what. A rule is a typed value that each
// operation declares; the zero rule allows nobody.
package access

import (
	"fmt"
	"strings"
	"time"

	"github.com/guildhall-id/guildhall/internal/platform/fault"
)

// The refusals. Strangers get ErrNotFound for everything inside a tenant.
var (
	ErrUnauthenticated = fault.New(fault.Unauthenticated, "UNAUTHENTICATED", "Please sign in first.")
	ErrDisabled        = fault.New(fault.Forbidden, "USER_DISABLED", "This account is disabled. Ask an administrator to enable it.")
	ErrEnrolment       = fault.New(fault.Forbidden, "ELIGIBILITY_RESTRICTED", "Set up a second factor first, in your account. Until then nothing else is open to you here.")
	ErrForbidden       = fault.New(fault.Forbidden, "FORBIDDEN", "You may not do this here. Ask an administrator for the right.")
	ErrNotFound        = fault.New(fault.NotFound, "NOT_FOUND", "There is nothing here with this id, or you may not see it.")
)

// ErrMaintenance refuses changes while the deployment is being maintained.
var ErrMaintenance = fault.New(fault.Unavailable, "MAINTENANCE", "Nothing can be changed during maintenance. Try again in a few minutes.").After(time.Minute)

type scope uint8

const (
	nobody scope = iota // the zero rule
	anyone
	browser
	signedIn
	inOrganization
	inWorkspace
	invitations
)

// Rule says who may call an operation.
type Rule struct {
	scope      scope
	anyOf      []Permission // one of them is enough; none: membership is enough
	member     string       // the body member that names the tenant, else path {id}
	enrol      bool         // also allows those who have yet to set up a second factor
	ineligible bool         // also those who do not meet what the tenant demands
	overruling bool         // what a workspace demands does not bind administrators of its organization
}

// Anyone allows every caller and needs no session.
func Anyone() Rule { return Rule{scope: anyone} }

// Browser allows every browser; one without a session gets an anonymous one.
func Browser() Rule { return Rule{scope: browser} }

// SignedIn allows people with an active sign-in who are not disabled.
func SignedIn() Rule { return Rule{scope: signedIn} }

// Enrolling is SignedIn, and allows also people whose sign-in is held back until
// they have set up a second factor: it is for what they need to do so.
func Enrolling() Rule { return Rule{scope: signedIn, enrol: true} }

// InOrganization allows members of the organization in the path's {id} who
// hold one of anyOf; every member, when anyOf is empty.
func InOrganization(anyOf ...Permission) Rule { return Rule{scope: inOrganization, anyOf: anyOf} }

// InWorkspace allows members of the workspace in the path's {id}, and
// administrators of its organization, who hold one of anyOf.
func InWorkspace(anyOf ...Permission) Rule { return Rule{scope: inWorkspace, anyOf: anyOf} }

// Invitations allows members of the organization in the path's {id} who may
// manage its members, and lets other members through to the use case, which
// asks whether they manage the workspace that the invitation is for.
func Invitations() Rule { return Rule{scope: invitations} }

// NamedBy is the rule with the tenant's id read from a member of the body.
func (r Rule) NamedBy(member string) Rule {
	r.member = member
	return r
}

// EvenIneligible is the rule without what the tenant demands of those who act
// in it: nobody needs to be at the office to leave.
func (r Rule) EvenIneligible() Rule {
	r.ineligible = true
	return r
}

// Overruling is a workspace's rule without what the workspace, and not its
// organization, demands of the organization's administrators: nobody makes a
// stronghold of a workspace that they can neither open nor delete.
func (r Rule) Overruling() Rule {
	r.overruling = true
	return r
}

// Demanding reports whether the rule asks for what a tenant demands.
func (r Rule) Demanding() bool { return (r.OfOrganization() || r.OfWorkspace()) && !r.ineligible }

// Member is the body member that names the tenant; empty for the path.
func (r Rule) Member() string { return r.member }

// Declared reports whether the rule is not the zero rule.
func (r Rule) Declared() bool { return r.scope != nobody }

// NeedsBrowser reports whether a caller without session gets an anonymous one.
func (r Rule) NeedsBrowser() bool { return r.scope == browser }

// Session reports whether the rule looks at the session at all.
func (r Rule) Session() bool { return r.scope != anyone }

// OfOrganization and OfWorkspace report which tenant the rule is about.
func (r Rule) OfOrganization() bool { return r.scope == inOrganization || r.scope == invitations }

// OfWorkspace reports whether the rule is about a workspace.
func (r Rule) OfWorkspace() bool { return r.scope == inWorkspace }

// Decide is nil when c may call, else the reason why not.
func (r Rule) Decide(c *Caller) error {
	switch r.scope {
	case anyone, browser:
		return nil
	case nobody:
		return ErrUnauthenticated
	}
	if c.User == 0 {
		return ErrUnauthenticated
	}
	if c.Disabled {
		return ErrDisabled
	}
	if c.Enrolling && !r.enrol {
		return ErrEnrolment
	}
	switch r.scope {
	case inOrganization, invitations:
		if c.Organization.Membership == 0 {
			return ErrNotFound
		}
		if err := r.eligible(c, c.Organization.Demands); err != nil {
			return err
		}
		if !c.Organization.Permissions.HoldAny(r.anyOf...) {
			return ErrForbidden
		}
	case inWorkspace:
		if c.Workspace.Membership == 0 && !c.Workspace.Permissions.Hold(WorkspaceAdmin) {
			return ErrNotFound
		}
		demands := []Demands{c.Organization.Demands, c.Workspace.Demands}
		if r.overruling && c.Organization.Permissions.Hold(OrganizationAdmin) {
			demands = demands[:1]
		}
		if err := r.eligible(c, demands...); err != nil {
			return err
		}
		if !c.Workspace.Permissions.HoldAny(r.anyOf...) {
			return ErrForbidden
		}
	}
	return nil
}

// eligible is nil when the caller meets the demands, or need not.
func (r Rule) eligible(c *Caller, demands ...Demands) error {
	if r.ineligible {
		return nil
	}
	return c.Eligible(demands...).Err()
}

// String is the rule in words, for docs/permissions.md.
func (r Rule) String() string {
	switch r.scope {
	case anyone:
		return "anyone, without a session"
	case browser:
		return "any browser"
	case signedIn:
		if r.enrol {
			return "signed in, even without the second factor that is asked for"
		}
		return "signed in"
	case inOrganization:
		return r.words("organization")
	case inWorkspace:
		return r.words("workspace")
	case invitations:
		return fmt.Sprintf("member of the organization with `%s`, or with `%s` in the invitation's workspace", OrganizationManageMembers, WorkspaceManage)
	default:
		return "nobody"
	}
}

func (r Rule) words(tenant string) string {
	s := "member of the " + tenant
	if r.member != "" {
		s += " in `" + r.member + "`"
	}
	for i, p := range r.anyOf {
		s += []string{" with ", " or "}[min(i, 1)] + "`" + string(p) + "`"
	}
	if r.ineligible {
		s += ", from anywhere"
	}
	if r.overruling {
		s += "; what it demands does not bind administrators of its organization"
	}
	return strings.TrimSpace(s)
}
