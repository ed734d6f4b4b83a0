package compiler

import (
	"fmt"

	"github.com/stead-project/stead/internal/landlockabi"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/policy/landlock"
)

// landlockABI is the ABI that short forms are taken apart for. Where Landlock is not used at all, the newest leaves the fewest entries
// that would need another one.
func (c *compilation) landlockABI() int {
	if c.o.Handed {
		return landlockabi.Newest
	}
	return c.o.Landlock
}

// withoutLandlock leaves files: and network: to the supervisor, which judges all of their calls. What may be executed nobody but Landlock
// can restrict: the list has to say that everything may.
func (c *compilation) withoutLandlock() {
	c.prog.Landlock.Ruleset = landlockabi.Ruleset{}
	if f := c.doc.Files; f != nil && c.files == nil {
		c.fail(fmt.Errorf("%s: files: the supervisor cannot perform the calls, and there is no Landlock where a runtime starts the program", f.Pos))
	}
	if n := c.doc.Network; n != nil && c.net == nil {
		c.fail(fmt.Errorf("%s: network: the supervisor cannot perform the calls, and there is no Landlock where a runtime starts the program", n.Pos))
	}
	var exec []policy.Pattern
	var pos policy.Pos
	switch f, e := c.doc.Files, c.doc.Exec; {
	case e != nil:
		exec, pos = e.Allow, e.Pos
	case f != nil:
		exec, pos = f.Exec, f.Pos
	default:
		return
	}
	for i := range exec {
		if exec[i].Path == "/" && !exec[i].Glob {
			return
		}
	}
	c.fail(fmt.Errorf("%s: what may be executed is Landlock's to restrict, and there is none where a runtime starts the program: write `exec: [/]`, and make "+
		"what shall not be executed unreadable, or mount it noexec", pos))
}

// handled says whether what Landlock has no word for is no loss, since it is not used.
func (c *compilation) handled(r *landlock.Rest) bool {
	return c.o.Handed && (r.Area != landlock.Exec || c.files != nil)
}

// bounder is what bounds the calls of a short form that nobody judges: those that look at no path or address.
func (c *compilation) bounder() Engine {
	if c.o.Handed {
		return Kernel
	}
	return Landlock
}
