package demo

import "fmt"

// person is somebody invented, with a name that says so.
type person struct{ first, last, email string }

// group is invited together.
type group struct {
	people        []person
	role          string // empty for the default one
	workspace     string // empty for the organization alone
	workspaceRole string
}

func (g group) emails() []string {
	list := make([]string, len(g.people))
	for i, p := range g.people {
		list[i] = p.email
	}
	return list
}

// custom is a role of Acme's own.
type custom struct {
	name        string
	permissions []string
}

const (
	organizationName = "Acme"
	mainWorkspace    = "Main Workspace"
	marketing        = "Marketing"
	engineering      = "Engineering"
	editor           = "Editor"
	billing          = "Billing"
)

var (
	workspaces     = []string{mainWorkspace, marketing, engineering}
	roles          = []custom{{billing, []string{"organization:read", "organization:manage_members"}}, {"Auditor", []string{"organization:read"}}}
	workspaceRoles = []custom{{editor, []string{"workspace:read", "workspace:write"}}}
)

// The people whose sessions the demo prints.
var (
	founder       = person{"Owner", "Example", "owner@acme.example"}
	administrator = person{"Admin", "Example", "admin@acme.example"}
	colleague     = person{"Member", "Example", "member@acme.example"}
	stranger      = person{"Outsider", "Example", "outsider@example.com"}
)

// members are 19; with the founder they are 20.
var members = []group{
	{people: []person{administrator}, role: "Admin"},
	{people: []person{colleague}, workspace: mainWorkspace},
	{people: numbered(4, 4), role: billing},
	{people: numbered(5, 5), role: "Auditor"},
	{people: numbered(6, 10), workspace: mainWorkspace},
	{people: numbered(11, 14), workspace: marketing, workspaceRole: editor},
	{people: numbered(15, 17), workspace: engineering},
	{people: numbered(18, 20)},
}

// pendings are 12 invitations that nobody has accepted.
var pendings = []group{
	{people: guests("newcomer", 9)},
	{people: guests("editor", 2), workspace: marketing, workspaceRole: editor},
	{people: []person{{email: "newuser@example.com"}}, role: "Admin"},
}

// words are numbers as last names, which have no digits.
var words = []string{
	"Zero", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten",
	"Eleven", "Twelve", "Thirteen", "Fourteen", "Fifteen", "Sixteen", "Seventeen", "Eighteen", "Nineteen", "Twenty",
}

func numbered(from, to int) []person {
	var list []person
	for n := from; n <= to; n++ {
		list = append(list, person{"Member", words[n], fmt.Sprintf("member%d@acme.example", n)})
	}
	return list
}

func guests(name string, count int) []person {
	var list []person
	for n := 1; n <= count; n++ {
		list = append(list, person{email: fmt.Sprintf("%s%d@example.com", name, n)})
	}
	return list
}
