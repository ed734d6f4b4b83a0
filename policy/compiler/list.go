package compiler

import (
	"fmt"
	"slices"
	"strings"
	"syscall"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/policy/cond"
)

// badABI is what calls of an ABI that the policy does not admit fail with: the kernel's own answer for a call it lacks.
const badABI = syscall.Errno(0x26) // ENOSYS of include/uapi/asm-generic/errno.h

// An entry is one step of a call's list: if expr holds, decision. The last entry of a list always holds.
type entry struct {
	rule     *policy.Rule // nil: a short form, a guard or the default
	origin   string
	pos      policy.Pos
	order    int
	index    int // of the rule in the document
	expr     *cond.Expr
	guard    *guard // instead of expr
	decision policy.Decision
	accepted bool     // race: accepted
	area     judge    // where expr holds, it decides
	looks    []string // the parameters that area looks at
	checked  bool     // left to the kernel after a look at its path
	engine   Engine   // of its outcome, set by judge
}

// always says whether the entry holds for every call.
func (e *entry) always() bool { return e.guard == nil && (e.expr == nil || e.expr.Op == cond.True) }

// pointers are what the entry's condition looks at that can change while the call is pending: parameters in memory, and the working
// directory, which threads may share (clone(2), CLONE_FS).
func (e *entry) pointers() (names []string) {
	names = slices.Clone(e.looks)
	if e.expr == nil {
		return names
	}
	names = append(names, e.expr.Pointers()...)
	e.expr.Leaves(func(l cond.Leaf) {
		for _, r := range l.Refs() {
			if strings.HasPrefix(r.Text, cwdName) && !slices.Contains(names, cwdName) {
				names = append(names, cwdName)
			}
		}
	})
	return names
}

const cwdName = "caller.cwd"

// list makes the entries of one call, up to the first that always holds.
func (c *compilation) list(abi arch.ABI, id arch.ID) (list []entry) {
	for i := range c.doc.Rules {
		r := &c.doc.Rules[i]
		expr := c.bound[i][id]
		if expr == nil || expr.Op == cond.False {
			continue
		}
		c.reached[i] = true
		list = append(list, entry{rule: r, origin: r.Name, pos: r.Pos, order: i, index: i, expr: expr,
			decision: c.decisions[i], accepted: r.Race})
		c.keepInside(abi, id, &list[len(list)-1])
		if list[len(list)-1].always() {
			return list
		}
	}
	return append(list, c.tail(abi, id)...)
}

// tail is what comes after the rules: a short form that closes the call's area, or the default.
func (c *compilation) tail(abi arch.ABI, id arch.ID) (list []entry) {
	order := len(c.doc.Rules)
	if c.around.Has(id) {
		return append(list, entry{origin: "always", pos: c.doc.Pos, order: order, decision: c.always})
	}
	if e, ok := c.listingEntry(id); ok {
		e.order = order
		return append(list, e)
	}
	for i := range c.areas {
		a := &c.areas[i]
		for _, g := range a.guards(abi, id) {
			list = append(list, entry{origin: a.name, pos: a.pos, order: order + i, guard: g,
				decision: policy.Decision{Verdict: policy.Deny, Errno: g.errno, Rule: a.name, At: a.at, Reason: g.reason, Version: c.prog.Version}})
		}
		if e, ok := c.judgedEntry(abi, id, a); ok {
			e.order = order + i
			return append(list, e)
		}
		if a.calls.Has(id) {
			return append(list, entry{origin: a.name, pos: a.pos, order: order + i, engine: c.bounder(),
				decision: policy.Decision{Verdict: policy.Allow, Rule: a.name, At: a.at, Version: c.prog.Version}})
		}
	}
	return append(list, entry{origin: "default", pos: c.doc.Default.Pos, order: order + len(c.areas),
		decision: c.fallback})
}

// A judge decides the calls of a short form in the supervisor: Perform for what is allowed.
type judge interface {
	decide(ctx *cond.Context) (policy.Decision, error)
}

// judgedEntry is the end of a call's list where the supervisor judges it.
func (c *compilation) judgedEntry(abi arch.ABI, id arch.ID, a *area) (entry, bool) {
	if c.net != nil && a.name == "network" && selectCalls(addressCalls).Has(id) {
		d := c.net.allowed
		d.Verdict = policy.Allow // judge makes it Perform
		return entry{origin: a.name, pos: a.pos, area: c.net, looks: []string{"the address"}, decision: d}, true
	}
	if c.files == nil || a.name != "files" || !a.calls.Has(id) || !c.o.Performable.Has(id) && !c.o.Checked.Has(id) {
		return entry{}, false
	}
	c.files.use(abi, id)
	d := c.files.allowed
	d.Verdict = policy.Allow // judge makes it Perform
	return entry{origin: a.name, pos: a.pos, area: c.files, looks: c.files.names(abi, id), decision: d}, true
}

// decide makes the decisions that many calls share.
func (c *compilation) decide() {
	c.decisions = make([]policy.Decision, len(c.doc.Rules))
	for i := range c.doc.Rules {
		c.decisions[i] = c.decisionOfRule(&c.doc.Rules[i], c.grants[i])
	}
	c.fallback = c.decisionOf(c.doc.Default, "default", c.doc.Default.Pos)
	c.always = c.decisionOf(policy.Action{Verdict: policy.Deny, Errno: eperm}, "always", c.doc.Pos)
	c.always.Reason = "it would go around the policy; a rule that names it may allow it"
}

func (c *compilation) decisionOfRule(r *policy.Rule, grant *policy.Grant) policy.Decision {
	d := c.decisionOf(r.Then, r.Name, r.Pos)
	if d.Verdict == policy.Perform {
		d.Grant = grant
	}
	return d
}

func (c *compilation) decisionOf(a policy.Action, rule string, pos policy.Pos) policy.Decision {
	return policy.Decision{Verdict: a.Verdict, Errno: a.Errno, Value: a.Value, Quiet: a.Quiet, Rule: rule, At: pos.At(), Version: c.prog.Version}
}

// goAround are calls that reach what a policy refuses by other ways than the calls that it sees: submission queues, handles
// without paths, and the memory, descriptors and registers of processes outside.
const goAround = "io_uring_setup,open_by_handle_at,userfaultfd,ptrace,process_vm_writev,pidfd_getfd"

// treeCalls give objects other paths, so that what is judged by its path could be reached by another.
const treeCalls = "mount,move_mount,open_tree,?open_tree_attr,fsmount,pivot_root"

// judgesPaths says whether some rule, or files:, is about what calls reach by paths.
func (c *compilation) judgesPaths() bool {
	if c.files != nil {
		return true
	}
	for i, calls := range c.bound {
		if c.doc.Rules[i].Race {
			continue
		}
		for _, e := range calls {
			found := false
			e.Leaves(func(l cond.Leaf) {
				p, ok := l.(*cond.Path)
				found = found || ok && p.Ref.Pointer()
			})
			if found {
				return true
			}
		}
	}
	return false
}

// restricts says whether a document refuses anything at all.
func restricts(doc *policy.Document) bool {
	if doc.Files != nil || doc.Network != nil || doc.Exec != nil || !doc.Default.Verdict.Continues() {
		return true
	}
	for i := range doc.Rules {
		if r := &doc.Rules[i]; !r.Then.Verdict.Continues() && !pretending(r) {
			return true
		}
	}
	return false
}

// judge chooses the engine of each outcome, and refuses what could be raced: an outcome that lets the kernel run a call whose
// memory has been looked at on the way to it.
func (c *compilation) judge(abi arch.ABI, id arch.ID, list *[]entry) {
	var looked []string // parameters in memory that the way to this entry has looked at
	var at *entry
	bounded := c.bounds.Has(id) // by Landlock, which refuses whatever a decision on memory has been cheated of
	for i := range *list {
		e := &(*list)[i]
		p := e.pointers()
		e.decision.Raced = e.accepted && len(p) > 0
		if len(p) > 0 && !e.accepted {
			beyond := e.expr != nil && c.beyond(e.expr)
			if looked == nil || bounded {
				looked, at = p, e
			}
			bounded = bounded && beyond
		}
		c.judgeEntry(abi, id, e, looked, at, bounded)
	}
}

func (c *compilation) judgeEntry(abi arch.ABI, id arch.ID, e *entry, looked []string, at *entry, bounded bool) {
	if grantsAs(e) != policy.AsTarget {
		c.performAs(e, id)
		return
	}
	if c.o.Checked.Has(id) {
		c.check(e, looked != nil)
		return
	}
	if e.decision.Verdict == policy.Perform && !c.o.Performable.Has(id) && c.o.Granted.Has(id) {
		c.grant(e, id)
		return
	}
	if e.decision.Verdict == policy.Perform && !c.o.Performable.Has(id) {
		c.fail(fmt.Errorf("%s: rule %s: the supervisor cannot perform %s: leave the call out, or deny or allow it", e.pos, e.origin, id))
		return
	}
	c.prog.Performs = c.prog.Performs || e.decision.Verdict == policy.Perform
	if looked == nil || e.accepted || !e.decision.Verdict.Continues() {
		return
	}
	if e.engine == Landlock && bounded {
		return // only the record can be lied to
	}
	if c.o.Performable.Has(id) {
		e.decision.Verdict, e.engine = policy.Perform, Kernel
		c.prog.Performs = true
		c.keepInside(abi, id, e)
		return
	}
	if c.o.Performable.Len() > 0 && selectCalls(refusable).Has(id) {
		c.refused(at, id)
		e.decision = policy.Decision{Verdict: policy.Deny, Errno: eperm, Rule: at.origin, At: at.pos.At(), Version: c.prog.Version,
			Reason: "a rule looks at its path, and the supervisor cannot perform it"}
		return
	}
	c.fail(raceError(e, at, id, looked))
}

// refused notes a call that is refused because it cannot be performed, for one warning about all of them.
func (c *compilation) refused(at *entry, id arch.ID) {
	for i := range c.unperformed {
		if u := &c.unperformed[i]; u.origin == at.origin {
			u.calls.Add(id)
			return
		}
	}
	u := unperformed{pos: at.pos, origin: at.origin}
	u.calls.Add(id)
	c.unperformed = append(c.unperformed, u)
}

// unperformed are calls that a rule's condition would need performed.
type unperformed struct {
	pos    policy.Pos
	origin string
	calls  arch.Selection
}

// refusable are the calls of strace's %file that are not performed and that ordinary programs do without.
const refusable = "%file,!execve,!execveat,!?execv,!?exec_with_loader,!getcwd"

// grant lets a rule have a call performed that gives the program more than it may itself. A class among other calls does not.
func (c *compilation) grant(e *entry, id arch.ID) {
	c.prog.Performs = true
	if e.rule == nil || e.rule.Calls.Minus(c.o.Granted).Len() > 0 {
		c.fail(fmt.Errorf("%s: rule %s: to perform %s gives the program what it may not do itself: name such calls in a rule of their own", e.pos, e.origin, id))
	}
}

// check leaves a call to the kernel that was looked at.
func (c *compilation) check(e *entry, looked bool) {
	if e.decision.Verdict == policy.Perform {
		e.decision.Verdict = policy.Allow
	}
	c.prog.Performs = c.prog.Performs || looked && !e.accepted
	e.checked = looked && e.decision.Verdict.Continues()
}

// raceError names the rule, the argument and the ways out.
func raceError(e, at *entry, id arch.ID, looked []string) error {
	way := "allow hierarchies and ports with files:, exec: or network: (Landlock)"
	if id.Name() == "execve" || id.Name() == "execveat" {
		way = "use exec: or files: exec: (Landlock)"
	}
	what := fmt.Sprintf("lets the kernel run %s after", id)
	if e != at {
		what = fmt.Sprintf("makes %s, which %s allows,", id, e.origin)
	}
	return fmt.Errorf("%s: rule %s %s a decision on %s, which the program can change afterwards: %s, or write race: accepted if that does not matter",
		at.pos, at.origin, what, strings.Join(looked, ", "), way)
}
