package server_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
)

// try is a good call of an operation.
type try struct {
	args url.Values        // its parameters, wherever they are
	file map[string][]byte // its uploads
	from *browser          // nil: the caller's own
	want int               // the status; 0 is 200
}

// recipes say how to call each operation well: those whom the rule lets
// through get what they ask for. What a call uses up is made anew for it.
var recipes = map[string]func(*testing.T, *stage, caller) try{
	"GetDeployment":                  plain,
	"GetJWKS":                        plain,
	"GetJWK":                         plain,
	"GetMetadata":                    plain,
	"GetCurrentSession":              plain,
	"GetToken":                       plain,
	"GetUser":                        plain,
	"GetUserOrganizationMemberships": plain,
	"GetUserWorkspaceMemberships":    plain,
	"GetMyInvitations":               plain,
	"SwitchOrganization":             plain,
	"SwitchWorkspace":                plain,
	"SwitchActiveSignIn":             switchSignIn,
	"SignOut":                        inOtherBrowser(),
	"SignUp":                         signUp,
	"Identify":                       inOtherBrowser("identifier", "somebody@people.example"),
	"SignIn":                         signIn,
	"PrepareVerification":            prepareVerification,
	"AttemptVerification":            attemptVerification,
	"VerifyMagicLink":                verifyMagicLink,
	"ForgotPassword":                 inOtherBrowser("email", "somebody@people.example"),
	"ResetPassword":                  resetPassword,
	"CheckIdentifierAvailability":    with("identifier", "somebody@people.example"),
	"CreateChallenge":                plain,
	"RedeemChallenge":                with("token", "not one of ours", "solutions", "1"),

	"UpdateUser":               updateUser,
	"UploadProfilePicture":     uploadPicture,
	"UpdatePassword":           ofNewcomer("current_password", password, "new_password", password+", changed"),
	"RemovePassword":           ofNewcomer("current_password", password),
	"GetUserSignins":           plain,
	"SignOutFromSession":       signOutElsewhere,
	"DeleteAccount":            ofNewcomer("password", password),
	"GetUserEmailAddresses":    plain,
	"CreateUserEmailAddress":   addAddress,
	"GetUserEmailAddress":      ofAddress(unverified),
	"PrepareEmailVerification": ofAddress(unverified),
	"AttemptEmailVerification": ofAddress(coded),
	"MakeEmailPrimary":         ofAddress(verified),
	"DeleteUserEmailAddress":   ofAddress(verified),

	"CreateOrganization":      with("name", "Another"),
	"UpdateOrganization":      inTenant("description", "Changed"),
	"DeleteOrganization":      inOwnTenant,
	"LeaveOrganization":       inOwnTenant,
	"GetOrganizationRoles":    inTenant(),
	"CreateOrganizationRole":  newRole("organization:member"),
	"RemoveOrganizationRoles": removeRole,
	"GetOrganizationMembers":  inTenant(),
	"RemoveMember":            removeMember,
	"AddMemberRole":           memberRoleOf,
	"RemoveMemberRole":        memberRoleOf,

	"CreateWorkspace":           createWorkspace,
	"UpdateWorkspace":           inWorkspace("description", "Changed"),
	"DeleteWorkspace":           inOwnWorkspace,
	"LeaveWorkspace":            leaveWorkspace,
	"GetWorkspaceRoles":         inWorkspace(),
	"CreateWorkspaceRole":       newWorkspaceRole("workspace:member"),
	"DeleteWorkspaceRole":       deleteWorkspaceRole,
	"GetWorkspaceMembers":       inWorkspace(),
	"WorkspaceRemoveMember":     removeWorkspaceMember,
	"AddWorkspaceMemberRole":    workspaceMemberRoleOf,
	"RemoveWorkspaceMemberRole": workspaceMemberRoleOf,

	"GetOrganizationInvitations": listInvitations,
	"InviteMember":               inviteMember("email"),
	"PreviewInvitations":         inviteMember("emails"),
	"InviteMembers":              inviteMember("emails"),
	"GetOrganizationInvitation":  existingInvitation,
	"DiscardInvitation":          existingInvitation,
	"ResendInvitation":           existingInvitation,
	"AcceptInvitation":           invitationToken,
	"ValidateInvitation":         invitationToken,
	"AcceptMyInvitation":         myInvitation,
	"DeclineMyInvitation":        myInvitation,
}

func plain(*testing.T, *stage, caller) try { return try{} }

func with(members ...string) func(*testing.T, *stage, caller) try {
	return func(*testing.T, *stage, caller) try { return try{args: form(members...)} }
}

// inOtherBrowser leaves the caller's own session as it is.
func inOtherBrowser(members ...string) func(*testing.T, *stage, caller) try {
	return func(t *testing.T, s *stage, c caller) try { return try{args: form(members...), from: s.again(t, c)} }
}

// again is the caller in another browser.
func (s *stage) again(t *testing.T, c caller) *browser {
	t.Helper()
	if c.person == nil {
		return c.browser.copy()
	}
	return s.signIn(t, c.person).browser
}

func switchSignIn(t *testing.T, s *stage, c caller) try {
	if c.person == nil {
		return try{args: form("sign_in_id", "1"), want: http.StatusNotFound}
	}
	from := s.again(t, c)
	return try{args: form("sign_in_id", from.get(t, "/session").text(t, "data.active_signin.id")), from: from}
}

func signUp(t *testing.T, s *stage, c caller) try {
	return try{args: form("email", s.newEmail("new"), "password", password, "first_name", "New", "last_name", "Person"), from: s.again(t, c)}
}

func signIn(t *testing.T, s *stage, c caller) try {
	return try{args: form("strategy", "plain_email", "email", s.spare.email, "password", password), from: s.again(t, c)}
}

// begun is a browser with an attempt that waits for a code to an address.
func (s *stage) begun(t *testing.T, c caller, email string) (*browser, string) {
	t.Helper()
	from := s.again(t, c)
	a := from.post(t, "/auth/signin", "strategy", "email_otp", "email", email).must(t, http.StatusOK)
	return from, a.text(t, "data.signin_attempts.-1.id")
}

func prepareVerification(t *testing.T, s *stage, c caller) try {
	from, attempt := s.begun(t, c, s.spare.email)
	return try{args: form("attempt_identifier", attempt, "strategy", "email_otp", "identifier_type", "signin"), from: from}
}

// attemptVerification has somebody of its own: mails to others may still be on
// their way from an earlier call.
func attemptVerification(t *testing.T, s *stage, c caller) try {
	email := s.world.person(t, "Cody Coder").email
	from, attempt := s.begun(t, c, email)
	before := s.mails(t, email, "verification_code")
	from.post(t, "/auth/prepare-verification?strategy=email_otp&attempt_identifier="+attempt).must(t, http.StatusOK)
	code := s.mailAfter(t, email, "verification_code", before).Code
	return try{args: form("attempt_identifier", attempt, "identifier_type", "signin", "verification_code", code), from: from}
}

func inTenant(members ...string) func(*testing.T, *stage, caller) try {
	return func(_ *testing.T, s *stage, _ caller) try {
		return try{args: form(append(members, "id", s.organization)...)}
	}
}

func inWorkspace(members ...string) func(*testing.T, *stage, caller) try {
	return func(_ *testing.T, s *stage, _ caller) try {
		return try{args: form(append(members, "id", s.workspace)...)}
	}
}

// own is a tenant for one call, in which the caller is what they are in the
// shared one; those who may not call need none.
func (s *stage) own(t *testing.T, c caller) *tenant {
	t.Helper()
	if !c.allowed || c.post.organization == "" {
		return s.tenant
	}
	tn := s.world.tenant(t, s.world.founder, "Short lived")
	tn.join(t, c.person, c.post)
	return tn
}

func inOwnTenant(t *testing.T, s *stage, c caller) try {
	return try{args: form("id", s.own(t, c).organization)}
}

func inOwnWorkspace(t *testing.T, s *stage, c caller) try {
	return try{args: form("id", s.own(t, c).workspace)}
}

func leaveWorkspace(t *testing.T, s *stage, c caller) try {
	left := try{args: form("id", s.own(t, c).workspace)}
	if c.post.workspace == "" {
		left.want = http.StatusNotFound // an administrator of the organization, who is not a member here
	}
	return left
}

func newRole(permission string) func(*testing.T, *stage, caller) try {
	return func(_ *testing.T, s *stage, _ caller) try {
		s.parties++
		return try{args: form("id", s.organization, "name", fmt.Sprint("Role ", s.parties), "permissions", permission)}
	}
}

func newWorkspaceRole(permission string) func(*testing.T, *stage, caller) try {
	return func(t *testing.T, s *stage, c caller) try {
		made := newRole(permission)(t, s, c)
		made.args.Set("id", s.workspace)
		return made
	}
}

func removeRole(t *testing.T, s *stage, c caller) try {
	args := newRole("organization:member")(t, s, c).args
	a := s.founder.post(t, "/organizations/"+s.organization+"/roles", "name", args.Get("name"), "permissions", args.Get("permissions"))
	return try{args: form("id", s.organization, "roleId", a.must(t, http.StatusOK).text(t, "data.id"))}
}

func deleteWorkspaceRole(t *testing.T, s *stage, c caller) try {
	args := newRole("workspace:member")(t, s, c).args
	a := s.founder.post(t, "/workspaces/"+s.workspace+"/roles", "name", args.Get("name"), "permissions", args.Get("permissions"))
	return try{args: form("id", s.workspace, "roleId", a.must(t, http.StatusOK).text(t, "data.id"))}
}

// withSpare is a tenant for one call, with a member to be removed.
func (s *stage) withSpare(t *testing.T, c caller) *tenant {
	t.Helper()
	tn := s.own(t, c)
	tn.join(t, s.spare, post{memberRole, memberRole})
	return tn
}

func removeMember(t *testing.T, s *stage, c caller) try {
	tn := s.withSpare(t, c)
	return try{args: form("id", tn.organization, "memberId", tn.member[s.spare.id])}
}

func memberRoleOf(t *testing.T, s *stage, c caller) try {
	tn := s.withSpare(t, c)
	return try{args: form("id", tn.organization, "memberId", tn.member[s.spare.id], "roleId", tn.organizationRole[memberRole])}
}

func removeWorkspaceMember(t *testing.T, s *stage, c caller) try {
	tn := s.withSpare(t, c)
	return try{args: form("id", tn.workspace, "memberId", tn.workspaceMember[s.spare.id])}
}

func workspaceMemberRoleOf(t *testing.T, s *stage, c caller) try {
	tn := s.withSpare(t, c)
	return try{args: form("id", tn.workspace, "membershipId", tn.workspaceMember[s.spare.id], "roleId", tn.workspaceRole[memberRole])}
}

func createWorkspace(_ *testing.T, s *stage, _ caller) try {
	s.parties++
	return try{args: form("organization_id", s.organization, "name", fmt.Sprint("Workspace ", s.parties))}
}

// target is the workspace to which managers of a workspace are bound; others
// invite into the organization alone.
func (s *stage) target(c caller) string {
	if c.post.workspace == leadRole {
		return s.workspace
	}
	return ""
}

func listInvitations(_ *testing.T, s *stage, c caller) try {
	return try{args: form("id", s.organization, "workspace_id", s.target(c))}
}

func inviteMember(member string) func(*testing.T, *stage, caller) try {
	return func(_ *testing.T, s *stage, c caller) try {
		return try{args: form("id", s.organization, member, s.newEmail("invited"), "workspace_id", s.target(c))}
	}
}

func existingInvitation(t *testing.T, s *stage, c caller) try {
	made := s.invite(t, s.newEmail("invited"), s.target(c))
	return try{args: form("id", s.organization, "invitationId", made.text(t, "data.id"))}
}

// party is a new organization's invitation to the caller, or to somebody else
// when nobody calls.
func (s *stage) party(t *testing.T, c caller) answer {
	t.Helper()
	email := s.newEmail("guest")
	if c.person != nil {
		email = c.person.email
	}
	a := s.founder.post(t, "/organizations", "name", "Party").must(t, http.StatusOK)
	return s.founder.post(t, "/organizations/"+a.text(t, "data.organization.id")+"/invitations", "email", email).must(t, http.StatusOK)
}

func invitationToken(t *testing.T, s *stage, c caller) try {
	return try{args: form("token", s.party(t, c).text(t, "data.token"))}
}

func myInvitation(t *testing.T, s *stage, c caller) try {
	return try{args: form("id", s.party(t, c).text(t, "data.id"))}
}
