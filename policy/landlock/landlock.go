// Package landlock finds the part of a policy that Landlock says: the hierarchies of `files:` and `exec:` and the ports of
// `network:`. It is pure: it knows what each Landlock ABI has, and asks no kernel.
//
// What it gives to Landlock never allows more than the policy. So a supervisor that lets the kernel run a call of an area
// that Landlock closes cannot be raced into anything the policy refuses: a swapped argument reaches only what is allowed
// anyway. What the policy allows beyond that (a glob, an address, a hierarchy with something denied inside) is in the
// [Result]'s Rest, and the supervisor has to perform it.
//
// # What the short forms mean
//
//	read    open for reading, list directories
//	write   read; open for writing, truncate, ioctl on devices
//	create  write; make and remove files, directories, symbolic links, FIFOs and sockets, and rename and link them, also
//	        between directories; device nodes can never be made
//	exec    execute; the kernel wants it of the program's interpreter or loader too, and shared libraries want read
//
// A path stands for the file, or for the directory and all below it. Links on the way are followed once, at the start; a path
// that is not there at the start stays closed. A rename or link between directories fails with EXDEV where the file would
// gain rights by it, so programs fall back to copying.
//
// What Landlock has no word for is not closed by `files:`: see [Result.Gaps].
package landlock

import (
	"github.com/stead-project/stead/internal/landlockabi"
	"github.com/stead-project/stead/policy"
)

// The rights of the short forms.
const (
	ReadRights   = landlockabi.ReadFile | landlockabi.ReadDir
	WriteRights  = ReadRights | landlockabi.WriteFile | landlockabi.Truncate | landlockabi.IoctlDev
	CreateRights = WriteRights | landlockabi.MakeReg | landlockabi.MakeDir | landlockabi.MakeSym | landlockabi.MakeFifo |
		landlockabi.MakeSock | landlockabi.RemoveFile | landlockabi.RemoveDir | landlockabi.Refer
	ExecRights = landlockabi.Execute

	// deviceRights are closed by files: and allowed by nothing.
	deviceRights = landlockabi.MakeChar | landlockabi.MakeBlock
)

// An Area is what a short form closes.
type Area uint8

// The areas.
const (
	Files Area = iota
	Exec
	Network
)

// String is the short form's key.
func (a Area) String() string { return [...]string{"files", "exec", "network"}[a] }

// Options say for what the mapping is made.
type Options struct {
	ABI     int  // Landlock's, on the machine that will enforce the policy; 0: none
	Signals bool // also refuse signals to processes outside
}

// A Result is a document's short forms, sorted by who can say them.
type Result struct {
	Ruleset landlockabi.Ruleset
	Rest    []Rest
	Gaps    []Gap
}

// A Rest is an entry, or (Entry "") a part of a whole area, that Landlock cannot say exactly. The ruleset refuses it wherever
// it restricts the action at all.
type Rest struct {
	Pos    policy.Pos
	Area   Area
	Form   string         // "files: read"
	Entry  string         // as written
	Rights landlockabi.FS // what an entry about files allows
	Open   bool           // Landlock lets through what the policy refuses; otherwise it refuses what the policy allows
	Reason string
	Kernel string // the first Linux whose Landlock says it, if one does
}

// A Gap is something in a closed area that Landlock does not restrict, as calls.
type Gap struct {
	Area   Area
	Calls  []string
	Text   string
	Guards []Guard // refusing these closes the gap; none: only a supervisor that decides the calls closes it
	Harm   string  // what refusing them breaks; "": nothing that a program falls back from
}

// A Guard is a call to refuse when all its tests hold (without tests: always). They need registers only, so they hold for the
// ABIs on which the call is a call of its own: socketcall(2) of i386 and others has to be refused or decided elsewhere.
type Guard struct {
	Call  string
	Tests []Test
	Errno string
}

// A Test is about one parameter, under its manual-page name, and constants of the headers (or decimal numbers). They are
// names because the numbers differ by ABI.
type Test struct {
	Param string
	Mask  uint64 // applied to the parameter first; 0: none
	Op    TestOp
	Names []string
}

// TestOp is a comparison of a [Test].
type TestOp uint8

// The comparisons.
const (
	In     TestOp = iota // equals one of the constants
	NotIn                // equals none of them
	AnyBit               // has a bit of one of them
	NoBit                // has none of their bits
)

// Exact reports whether Landlock alone closes an area, but for its gaps: nothing of it needs a supervisor.
func (r *Result) Exact(a Area) bool {
	for i := range r.Rest {
		if r.Rest[i].Area == a {
			return false
		}
	}
	return true
}

// FromDocument maps a document's short forms. It has no errors: what cannot be mapped is in Rest, with the reason.
func FromDocument(doc *policy.Document, o Options) Result {
	b := &builder{doc: doc, abi: o.ABI, facts: landlockabi.FactsOf(o.ABI)}
	b.files()
	b.network()
	if o.Signals {
		b.r.Ruleset.Scopes |= landlockabi.Signal
	}
	b.keepRenames()
	b.gaps()
	return b.r
}

type builder struct {
	doc   *policy.Document
	abi   int
	facts landlockabi.Facts
	r     Result
	ports int // rules so far
}

func (b *builder) rest(r Rest) { b.r.Rest = append(b.r.Rest, r) }

// keepRenames allows what the kernel refuses with any right on files, where the policy does not close files.
func (b *builder) keepRenames() {
	rs := &b.r.Ruleset
	if b.doc.Files != nil || rs.HandledFS == 0 {
		return
	}
	rs.HandledFS |= landlockabi.Refer
	rs.Paths = append(rs.Paths, landlockabi.Path{Path: "/", Allow: landlockabi.Refer})
}
