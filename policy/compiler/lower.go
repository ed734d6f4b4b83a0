package compiler

import (
	"math/bits"
	"syscall"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/policy/cond"
	"github.com/stead-project/stead/policy/filter"
)

// maxAlternatives bounds what one condition may become in a filter; a larger one is the supervisor's.
const maxAlternatives = 64

// lower makes the kernel's part of a list. What the registers do not decide is notified.
func (c *compilation) lower(abi arch.ABI, id arch.ID, list *[]entry) (clauses []filter.Clause) {
	for i := range *list {
		e := &(*list)[i]
		action := c.kernelAction(id, e.decision)
		alternatives, exact := c.alternatives(e)
		if !exact {
			action = filter.Notify
		}
		c.explain(abi, id, e, action, exact)
		for _, a := range alternatives {
			clauses = append(clauses, filter.Clause{When: a, Then: action})
		}
	}
	return clauses
}

// kernelAction is what a filter can do for a decision. Notify: only a supervisor can, or it is to be recorded.
func (c *compilation) kernelAction(id arch.ID, d policy.Decision) filter.Action {
	if c.prog.Performs && d.Verdict.Continues() && c.o.Watch.Has(id) {
		return filter.Notify
	}
	if c.o.Record && !d.Quiet && d.Verdict != policy.Allow {
		return filter.Notify
	}
	switch d.Verdict {
	case policy.Allow:
		return filter.Allow
	case policy.Kill:
		return filter.KillProcess
	case policy.Deny:
		return filter.Errno(denyErrno(d))
	case policy.Return:
		if d.Value == 0 {
			return filter.Errno(0)
		}
	}
	return filter.Notify
}

func denyErrno(d policy.Decision) syscall.Errno {
	if d.Errno == 0 {
		return eperm
	}
	return d.Errno
}

// eperm is EPERM of include/uapi/asm-generic/errno-base.h.
const eperm = syscall.Errno(1)

// alternatives is an entry's condition as a filter says it; exact false: more than the condition, so that the supervisor has to
// look again.
func (c *compilation) alternatives(e *entry) (list [][]filter.Compare, exact bool) {
	if e.guard != nil {
		return e.guard.alternatives, true
	}
	if e.always() {
		return [][]filter.Compare{nil}, e.area == nil
	}
	wide, exact := e.expr.DNF(maxAlternatives)
	if !exact {
		wide = e.expr.Cover(maxAlternatives)
	}
	for _, clause := range wide {
		a, ok := convert(clause)
		list, exact = append(list, a), exact && ok
	}
	return list, exact
}

// convert says comparisons in the filter's words; ok false: one cannot be said and was left out.
func convert(clause []cond.Compare) (list []filter.Compare, ok bool) {
	ok = true
	for _, cmp := range clause {
		f, said := convertOne(cmp)
		if ok = ok && said; said {
			list = append(list, f)
		}
	}
	return list, ok
}

func convertOne(c cond.Compare) (filter.Compare, bool) {
	ops := [...]filter.Op{cond.EQ: filter.EQ, cond.NE: filter.NE, cond.LT: filter.LT, cond.LE: filter.LE, cond.GT: filter.GT, cond.GE: filter.GE}
	f := filter.Compare{Arg: c.Arg, Op: ops[c.Op], Value: c.Value, Narrow: bits.Len64(c.Mask) <= 32}
	switch {
	case c.Mask == 1<<64-1, c.Mask == 1<<32-1:
		return f, true
	case c.Op == cond.EQ:
		f.Op, f.Mask = filter.MaskedEQ, c.Mask
		return f, true
	case c.Op == cond.NE:
		f.Op, f.Mask = filter.MaskedNE, c.Mask
		return f, true
	}
	return f, false
}

// explain reports which engine an entry has come to, and why.
func (c *compilation) explain(abi arch.ABI, id arch.ID, e *entry, action filter.Action, exact bool) {
	switch {
	case e.engine == Landlock:
		c.report(abi, id, e, Landlock, "the kernel bounds what the call can reach")
	case c.prog.Performs && action == filter.Notify && e.decision.Verdict == policy.Allow && c.o.Watch.Has(id) && len(e.pointers()) == 0:
		c.report(abi, id, e, Supervisor, "it changes what the caller is, which performing has to know; nothing is decided")
	case grantsAs(e) != policy.AsTarget:
		c.report(abi, id, e, Performed, "done from the supervisor's own copy of the arguments, as "+grantsAs(e).String())
	case e.decision.Verdict == policy.Perform:
		c.report(abi, id, e, Performed, "done from the supervisor's own copy of the arguments")
	case e.accepted && len(e.pointers()) > 0:
		c.report(abi, id, e, AcceptedRace, "race: accepted: memory is looked at, then the kernel reads it again")
	case e.checked:
		c.report(abi, id, e, Supervisor, "its path is judged; whatever it reaches is judged again when it is used")
	case len(e.pointers()) > 0:
		c.report(abi, id, e, Supervisor, "memory is looked at, and the call is not run: there is nothing to race for")
	case exact && action != filter.Notify:
		c.report(abi, id, e, Kernel, "the call's number and registers decide")
	case e.expr != nil && e.expr.NeedsCaller():
		c.report(abi, id, e, Supervisor, "who makes the call decides; only the supervisor can tell")
	case !exact:
		c.report(abi, id, e, Supervisor, "the registers decide in a way that a filter cannot say")
	default:
		c.report(abi, id, e, Supervisor, "a filter cannot "+verbOf(e.decision)+"; the registers decide, so nothing can be raced")
	}
}

func verbOf(d policy.Decision) string {
	switch d.Verdict {
	case policy.Return:
		return "return a value"
	case policy.Deny, policy.Kill:
		return "record what it refuses"
	}
	return d.Verdict.String()
}
