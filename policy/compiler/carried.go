package compiler

import (
	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy/cond"
	"github.com/stead-project/stead/policy/filter"
)

// bindCarried binds a condition for the calls that come in a multiplexer only, as i386's send(2) does: they have no number to be
// found by. Where it has no meaning for such a call, a rule that refuses refuses, and another one says nothing.
func (c *compilation) bindCarried(abi arch.ABI, rule int) {
	r := &c.doc.Rules[rule]
	if c.carries == (arch.Selection{}) {
		return
	}
	for _, id := range r.Calls.IDs() {
		if _, ok := abi.NumberOf(id); ok || !c.carries.Has(id) {
			continue
		}
		expr, err := c.sources[rule].Bind(abi, id)
		switch {
		case err == nil:
			c.bound[rule][id] = expr
		case refuses(r.Then.Verdict):
			c.bound[rule][id] = &cond.Expr{Op: cond.True}
		}
	}
}

// carrier makes the list of a multiplexer. Its calls are decided as what they are meant for, so that rules about those hold, and a
// class that has the multiplexer among its members does not open them all. What is left of its own list (nil: nothing) is a
// refusal of everything that comes in it. A rule about the multiplexer and all that it carries has been said already.
func (c *compilation) carrier(id arch.ID, list []entry) []entry {
	carried := filter.CarriedIn(id)
	if carried.Len() == 0 {
		return list
	}
	for i := range list {
		e := &list[i]
		if e.rule == nil || !refuses(e.decision.Verdict) || carried.Minus(e.rule.Calls).Len() == 0 {
			continue
		}
		if !e.always() {
			c.warn(e.pos, "rule %s: %s has its arguments in memory: it is refused whatever the condition says; name the calls that it carries",
				e.origin, id)
		}
		only := *e
		only.expr = nil
		return []entry{only}
	}
	return nil
}

// block makes the list of a call that takes its arguments from a block of memory, as i386's old mmap(2) does: where they decide,
// the call is refused, for the registers say nothing, and the kernel would read the block again.
func (c *compilation) block(abi arch.ABI, id arch.ID, list []entry) []entry {
	if !arch.InBlock(abi, id) || !conditional(list) {
		return list
	}
	for i := range list {
		if e := list[i]; refuses(e.decision.Verdict) {
			c.warn(e.pos, "%s: %s has its arguments in memory: where they decide, it is refused", abi, id)
			e.expr, e.guard = nil, nil
			return []entry{e}
		}
	}
	return list
}
