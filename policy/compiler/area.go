package compiler

import (
	"fmt"
	"math/bits"
	"syscall"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/policy/filter"
	"github.com/stead-project/stead/policy/landlock"
)

// An area is what a short form closes: its calls are allowed, because Landlock bounds what they reach, but for the guards.
type area struct {
	name    string
	pos     policy.Pos
	at      string         // pos, in records
	calls   arch.Selection // that are allowed
	guarded arch.Selection // that a guard is about, whether they are of the area or not
	gaps    []landlock.Guard
}

// A guard refuses a call by its registers, where Landlock has no word for what it could do.
type guard struct {
	errno        syscall.Errno
	reason       string
	alternatives [][]filter.Compare
}

// holds evaluates a guard in the supervisor as the filter does.
func (g *guard) holds(args *[6]uint64) bool {
	for _, a := range g.alternatives {
		all := true
		for _, c := range a {
			all = all && c.Holds(args[c.Arg])
		}
		if all {
			return true
		}
	}
	return false
}

// Calls of the areas. What changes the tree itself (mounts, roots, swap) is not file access and stays with rules and default.
const (
	fileCalls = "%file,!@mount,!@swap,!execve,!execveat,!chroot,!acct,!quotactl,!uselib,!execv,!exec_with_loader,!open_tree," +
		"!oldumount,!osf_mount,!osf_swapon"
	execCalls    = "execve,execveat"
	networkCalls = "%network"
)

// shortForms sets up the areas and says what Landlock cannot enforce.
func (c *compilation) shortForms() {
	doc := c.doc
	if doc.Files != nil {
		c.area("files", doc.Files.Pos, fileCalls, landlock.Files)
		c.area("files", doc.Files.Pos, execCalls, landlock.Exec)
	} else if doc.Exec != nil {
		c.area("exec", doc.Exec.Pos, execCalls, landlock.Exec)
	}
	if doc.Network != nil {
		c.area("network", doc.Network.Pos, networkCalls, landlock.Network)
	}
	if c.judged() {
		c.files = c.newFileArea()
		c.prog.Landlock.Ruleset = c.execRuleset()
	}
	if c.judgedNet() {
		c.net = c.newNetArea()
	}
	if c.o.Handed {
		c.withoutLandlock()
	}
	for i := range c.prog.Landlock.Rest {
		r := &c.prog.Landlock.Rest[i]
		if judged := r.Area == landlock.Files && c.files != nil || r.Area == landlock.Network && c.net != nil ||
			r.Area == landlock.Exec && c.files != nil && c.splits(c.execPattern(r.Pos)); !judged && !c.handled(r) {
			c.rest(r)
		}
	}
	c.unsupported()
	c.creations()
}

func (c *compilation) area(name string, pos policy.Pos, calls string, of landlock.Area) {
	a := area{name: name, pos: pos, at: pos.At(), calls: selectCalls(calls)}
	for _, g := range c.prog.Landlock.Gaps {
		if g.Area != of {
			continue
		}
		a.gaps = append(a.gaps, g.Guards...)
		for _, guard := range g.Guards {
			if id, ok := arch.LookupID(guard.Call); ok {
				a.guarded.Add(id)
			}
		}
	}
	c.areas = append(c.areas, a)
}

// rest is a part of a short form that Landlock cannot say. The supervisor would have to perform the calls.
func (c *compilation) rest(r *landlock.Rest) {
	text := fmt.Sprintf("%s: %s", r.Form, r.Reason)
	if r.Entry != "" {
		text = fmt.Sprintf("%s %s: %s", r.Form, r.Entry, r.Reason)
	}
	if r.Kernel != "" {
		text += " (" + r.Kernel + " has it)"
	}
	if g := substitute(r); g != nil {
		c.areas[len(c.areas)-1].gaps = append(c.areas[len(c.areas)-1].gaps, g...)
		c.warn(r.Pos, "%s: such sockets are refused altogether", text)
		return
	}
	if c.o.BestEffort {
		c.warn(r.Pos, "%s: %s", text, map[bool]string{true: "it stays open", false: "it is refused"}[r.Open])
		return
	}
	c.fail(fmt.Errorf("%s: %s, and the supervisor cannot perform the calls instead: leave it out, or use --best-effort", r.Pos, text))
}

// substitute closes by the kernel's filter, more than the policy says, what Landlock leaves open: UDP and UNIX sockets.
func substitute(r *landlock.Rest) []landlock.Guard {
	if r.Area != landlock.Network || !r.Open {
		return nil
	}
	inet := landlock.Test{Param: "domain", Op: landlock.In, Names: []string{"AF_INET", "AF_INET6"}}
	datagram := landlock.Test{Param: "type", Mask: socketType, Op: landlock.In, Names: []string{"SOCK_DGRAM"}}
	local := landlock.Test{Param: "domain", Op: landlock.In, Names: []string{"AF_UNIX"}}
	return []landlock.Guard{
		{Call: "socket", Errno: "EACCES", Tests: []landlock.Test{inet, datagram}},
		{Call: "socket", Errno: "EACCES", Tests: []landlock.Test{local}},
	}
}

// socketType leaves SOCK_NONBLOCK and SOCK_CLOEXEC out of socket(2)'s type.
const socketType = 0xf

// guards are an area's guards for one call.
func (a *area) guards(abi arch.ABI, id arch.ID) (list []*guard) {
	for i := range a.gaps {
		g := &a.gaps[i]
		if g.Call != id.Name() {
			continue
		}
		errno, _ := abi.Errno(g.Errno)
		list = append(list, &guard{errno: syscall.Errno(errno), reason: "Landlock has no word for it", alternatives: guardAlternatives(abi, id, g)})
	}
	return list
}

// guardAlternatives is the conjunction of a guard's tests as alternatives of comparisons. A test about something that the ABI
// does not have is left out: the guard then refuses more.
func guardAlternatives(abi arch.ABI, id arch.ID, g *landlock.Guard) [][]filter.Compare {
	sum := [][]filter.Compare{nil}
	sig := abi.Signature(id)
	for _, t := range g.Tests {
		arg := -1
		if sig != nil {
			arg = sig.Index(t.Param)
		}
		if arg < 0 {
			continue
		}
		sum = product(sum, testAlternatives(abi, arg, t))
	}
	return sum
}

func product(a, b [][]filter.Compare) (sum [][]filter.Compare) {
	for _, x := range a {
		for _, y := range b {
			sum = append(sum, append(append([]filter.Compare(nil), x...), y...))
		}
	}
	return sum
}

func testAlternatives(abi arch.ABI, arg int, t landlock.Test) (list [][]filter.Compare) {
	mask := t.Mask
	if mask == 0 {
		mask = 1<<32 - 1
	}
	values := testValues(abi, t)
	switch t.Op {
	case landlock.In:
		for _, v := range values {
			list = append(list, []filter.Compare{masked(arg, mask, v)})
		}
	case landlock.NotIn:
		list = [][]filter.Compare{nil}
		for _, v := range values {
			list = product(list, differs(arg, mask, v))
		}
	case landlock.AnyBit:
		for _, v := range values {
			list = append(list, []filter.Compare{masked(arg, v, v)})
		}
	case landlock.NoBit:
		list = [][]filter.Compare{nil}
		for _, v := range values {
			list[0] = append(list[0], masked(arg, v, 0))
		}
	}
	return list
}

func testValues(abi arch.ABI, t landlock.Test) (values []uint64) {
	for _, name := range t.Names {
		if v, ok := arch.LookupConst(name, abi); ok {
			values = append(values, v)
		} else if name == "0" {
			values = append(values, 0)
		}
	}
	return values
}

func masked(arg int, mask, value uint64) filter.Compare {
	if mask == 1<<32-1 {
		return filter.Compare{Arg: arg, Op: filter.EQ, Narrow: true, Value: value}
	}
	return filter.Compare{Arg: arg, Op: filter.MaskedEQ, Narrow: true, Mask: mask, Value: value & mask}
}

// differs is (register & mask) != value: some bit of the mask is not value's.
func differs(arg int, mask, value uint64) (list [][]filter.Compare) {
	if mask == 1<<32-1 {
		return [][]filter.Compare{{{Arg: arg, Op: filter.NE, Narrow: true, Value: value}}}
	}
	for m := mask; m != 0; m &= m - 1 {
		bit := uint64(1) << bits.TrailingZeros64(m)
		list = append(list, []filter.Compare{masked(arg, bit, bit&^value)})
	}
	return list
}
