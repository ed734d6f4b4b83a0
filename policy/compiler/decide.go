package compiler

import (
	"fmt"
	"slices"
	"sync"
	"syscall"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/policy/cond"
)

// A table is one ABI's lists.
type table struct {
	index    [arch.NumIDs]uint16 // of lists, plus 1
	lists    [][]entry
	asks     []bool // of lists: some condition looks at more than registers, so the caller may be asked for
	fallback policy.Decision
}

func (t *table) set(id arch.ID, list []entry) {
	t.lists = append(t.lists, list)
	t.asks = append(t.asks, slices.ContainsFunc(list, func(e entry) bool { return e.area != nil || e.expr != nil && !e.expr.Registers() }))
	t.index[id] = uint16(len(t.lists))
}

func (t *table) list(id arch.ID) []entry {
	if id >= arch.NumIDs || t.index[id] == 0 {
		return nil
	}
	return t.lists[t.index[id]-1]
}

// A Decider decides calls by a Program.
type Decider struct {
	prog     *Program
	caller   func(policy.Caller) cond.CallerInfo
	contexts sync.Pool // of *cond.Context
}

// Decider makes a decider. caller gives what a condition may ask of a caller; nil: such conditions deny.
func (p *Program) Decider(caller func(policy.Caller) cond.CallerInfo) *Decider {
	return &Decider{prog: p, caller: caller, contexts: sync.Pool{New: func() any { return new(cond.Context) }}}
}

// Decide implements policy.Decider.
func (d *Decider) Decide(r *policy.Request) policy.Decision {
	c := r.Call
	if !c.ABI.Valid() || d.prog.tables[c.ABI] == nil {
		return policy.Denial(badABI, "the policy does not admit calls of the ABI "+c.ABI.String())
	}
	t := d.prog.tables[c.ABI]
	list := t.list(c.ID)
	if refusal := t.list(c.Mux); refusal != nil {
		return refusal[0].decision // carrier leaves nothing else
	}
	if list == nil {
		return t.fallback
	}
	ctx := d.contexts.Get().(*cond.Context)
	defer d.contexts.Put(ctx)
	ctx.Reset(c, nil)
	ctx.Paths = r.Paths
	if d.caller != nil && t.asks[t.index[c.ID]-1] {
		ctx.Caller = d.caller(r.Caller)
	}
	decision := decide(list, ctx)
	if c.Mux != 0 && decision.Verdict.Continues() && conditional(list) {
		return carriedDenial(decision, list)
	}
	if decision.Verdict != policy.Perform {
		return decision
	}
	if errno := d.prog.movesProtected(ctx); errno != 0 {
		return policy.Decision{Verdict: policy.Deny, Errno: errno, Rule: decision.Rule, At: decision.At, Version: decision.Version,
			Reason: "it would move something that a rule refuses by its path"}
	}
	if onlyHandle(r) {
		decision.Verdict, decision.Note = policy.Allow, "O_PATH: judged, and left to the kernel"
	}
	return decision
}

// onlyHandle says whether an opening gives no access to what it opens. Such a descriptor cannot be injected, and need not be: what is
// done with it is judged by what it refers to then. The flags are a register's; those of openat2(2) are memory, and could change.
// What leads nowhere, or to the supervisor's own, is for performing to say.
func onlyHandle(r *policy.Request) bool {
	c := r.Call
	const oPath = 0o10000000 // O_PATH of include/uapi/asm-generic/fcntl.h and of all ABIs but sparc64's
	flags := 0
	switch c.Name {
	case "open":
		flags = 1
	case "openat":
		flags = 2
	default:
		return false
	}
	handle := flags < len(c.Args) && c.ABI != arch.SPARC64 && c.Args[flags].Raw&oPath != 0
	return handle && (r.Paths == nil || r.Paths.Held(flags-1))
}

// conditional says whether what a call is like decides if it is refused.
func conditional(list []entry) bool {
	if len(list) < 2 {
		return false
	}
	for i := range list {
		if refuses(list[i].decision.Verdict) {
			return true
		}
	}
	return false
}

// carriedDenial refuses a call that came in a multiplexer (socketcall, ipc): what are registers elsewhere is memory there, and
// the kernel would read it again. It fails as the list has other calls fail, if it knows but one way; see filter.Decisions.
func carriedDenial(d policy.Decision, list []entry) policy.Decision {
	return policy.Decision{Verdict: policy.Deny, Errno: refusalOf(list), Rule: d.Rule, At: d.At, Version: d.Version,
		Reason: "the call came in a multiplexer, with its arguments in memory, which can change after the decision"}
}

// refusalOf is the one errno that a list refuses with; 0, which is EPERM, if there are several.
func refusalOf(list []entry) (errno syscall.Errno) {
	for i := range list {
		d := list[i].decision
		if d.Verdict.Continues() {
			continue
		}
		if d.Verdict != policy.Deny || errno != 0 && errno != denyErrno(d) {
			return 0
		}
		errno = denyErrno(d)
	}
	return errno
}

func decide(list []entry, ctx *cond.Context) policy.Decision {
	for i := range list {
		e := &list[i]
		holds, err := e.holds(ctx)
		if err != nil {
			return undecided(e, ctx.Call, err)
		}
		if holds && e.area != nil {
			return e.judge(ctx)
		}
		if holds {
			return e.decision
		}
	}
	return policy.Denial(0, "no entry of the list decides") // the last entry always holds
}

// judge asks an area. What it allows becomes of the call what the compiler has chosen: it is performed, or left to the kernel.
func (e *entry) judge(ctx *cond.Context) policy.Decision {
	d, err := e.area.decide(ctx)
	if err != nil {
		return undecided(e, ctx.Call, err)
	}
	if d.Verdict == policy.Perform {
		return e.decision
	}
	return d
}

func (e *entry) holds(ctx *cond.Context) (bool, error) {
	switch {
	case e.guard != nil:
		args, ok := registers(ctx.Call)
		if !ok {
			return true, nil // a guard that cannot look refuses
		}
		return e.guard.holds(&args), nil
	case e.expr == nil:
		return true, nil
	}
	return e.expr.Eval(ctx)
}

// registers are a call's arguments as the filter sees them. Those of a multiplexed call are values, not registers.
func registers(c *arch.Call) ([6]uint64, bool) {
	if c.Mux == 0 {
		return c.Raw.Args, true
	}
	var args [6]uint64
	for i := range min(len(c.Args), len(args)) {
		if s := c.Args[i].State; s == arch.Unreadable {
			return args, false
		}
		args[i] = c.Args[i].Raw
	}
	return args, true
}

// efault is EFAULT of include/uapi/asm-generic/errno-base.h: what the kernel says of memory that it cannot read.
const efault = 14

// undecided denies a call that a condition could not be decided for.
func undecided(e *entry, c *arch.Call, err error) policy.Decision {
	d := policy.Denial(0, fmt.Sprintf("cannot decide the condition of %s: %v", e.origin, err))
	for i := range c.Args {
		if s := c.Args[i].State; s == arch.Unreadable || s == arch.Unterminated {
			d.Errno = efault
		}
	}
	d.Rule, d.At, d.Version = e.origin, e.decision.At, e.decision.Version
	return d
}
