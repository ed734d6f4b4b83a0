package policy

import (
	"fmt"
	"syscall"

	"github.com/stead-project/stead/arch"
)

// A Pos is where something stands in a policy. Line and Column count from 1; 0 is unknown.
type Pos struct {
	File         string
	Line, Column int
}

// At is file:line, as records have it; "" if there is no place.
func (p Pos) At() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// String is file:line:column, as compilers print it.
func (p Pos) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// A Document is a policy as it was written, with everything included, every variable replaced and every name looked up. Nothing
// in it says yet how it is enforced: that is the compiler's.
type Document struct {
	Pos     Pos
	Name    string
	Sources []Source
	Default Action
	Rules   []Rule // in order: the first match decides; before the short forms
	Files   *Files
	Network *Network
	Exec    *Exec
}

// A Source is a file, or a preset, that a document was made of.
type Source struct {
	Name   string
	SHA256 string // of its bytes, hexadecimal
}

// An Action is what a rule's `then`, or the default, says.
type Action struct {
	Verdict Verdict
	Errno   syscall.Errno // of Deny; 0 means EPERM
	Value   int64         // of Return
	Quiet   bool
	Pos     Pos
}

// A Rule is one entry of rules.
type Rule struct {
	Pos    Pos
	Name   string         // its `name`, or FILE:LINE
	Calls  arch.Selection //
	When   Condition      // Text "" holds always
	Then   Action         //
	Race   bool           // race: accepted
	Grant  Grant          // of perform, but for its Sources
	From   []Pattern      // sources: where block devices and images may be mounted from
	Source string         // the YAML of the rule, for messages
}

// A Condition is a CEL expression as it was written.
type Condition struct {
	Pos  Pos
	Text string
}

// Files closes file access: what it does not list is EACCES.
type Files struct {
	Pos                                     Pos
	Read, Write, Create, Exec, Hide, Refuse []Pattern // Refuse is `deny`
}

// Network closes the network: what it does not list is EACCES.
type Network struct {
	Pos             Pos
	Connect, Listen []Endpoint
}

// Exec closes execution: what it does not list is EACCES.
type Exec struct {
	Pos   Pos
	Allow []Pattern
}

// A Pattern is an absolute path, the whole hierarchy below it included, or a glob.
type Pattern struct {
	Pos  Pos
	Path string
	Glob bool
}

// An Endpoint is a peer to connect to, or an address to listen on.
type Endpoint struct {
	Pos      Pos
	Host     string // a name, to be looked up when the policy is loaded; or:
	Prefix   string // a CIDR, "" for any address
	From, To uint16 // ports; 0, 0 for any
	Unix     string // a path
	Abstract string // an abstract name, without the @
}
