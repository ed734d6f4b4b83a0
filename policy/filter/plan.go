package filter

import (
	"slices"

	seccomp "github.com/seccomp/libseccomp-golang"

	"github.com/stead-project/stead/arch"
)

// A rule is one that libseccomp takes: at most one condition on each argument.
type rule struct {
	when []condition
	then Action
}

type condition struct {
	arg  uint
	op   seccomp.ScmpCompareOp
	a, b uint64
}

// maxRules bounds what one call may cost: libseccomp takes some microseconds for a rule, and a call that matches none is compared
// with each. A list with more clauses may have as many rules again.
const maxRules = 128

// An entry is how one call of one ABI gets its action.
type entry struct {
	abi   arch.ABI
	id    arch.ID
	nr    int32
	list  *list
	rules []rule // for libseccomp; none where its default action is right
	front bool   // decided before libseccomp's program, by its number alone, or by code
	then  Action // of front without code
	code  Program
	tried bool   // libseccomp's program may have rules for it
	why   string // what stands against deciding in the kernel
}

// askFor leaves the whole call to the supervisor.
func (e *entry) askFor(why string) {
	e.rules, e.code, e.front, e.then, e.why = nil, nil, true, Notify, why
}

// writeFor decides the call before libseccomp's program, which for some reason cannot. What would take too much is left to the supervisor.
func (e *entry) writeFor(why string) {
	code := e.list.write(e.abi)
	if len(code) > maxWritten {
		e.askFor(why)
		return
	}
	e.rules, e.code, e.front, e.why = nil, code, true, why
}

// size is what the call takes of a filter, roughly.
func (e *entry) size() int { return len(e.rules) + len(e.code) }

// A planner finds the rules of one ABI.
type planner struct {
	table    *table
	fallback Action // libseccomp's default
	carried  arch.Selection
	scmp     seccomp.ScmpArch
}

func (p *planner) entries() []*entry {
	out := make([]*entry, 0, len(p.table.calls))
	for nr := range p.table.abi.Calls() {
		id := p.table.abi.ID(nr)
		l := p.table.lists[id]
		if l == nil {
			if p.fallback == p.table.rest {
				continue
			}
			l = &list{rest: p.table.rest}
		}
		e := &entry{abi: p.table.abi, id: id, nr: nr, list: l}
		p.plan(e)
		out = append(out, e)
	}
	return out
}

func (p *planner) plan(e *entry) {
	if len(e.list.clauses) == 0 && e.list.rest == p.fallback {
		return
	}
	switch known := p.known(e); {
	case len(e.list.clauses) == 0 && known:
		e.rules = []rule{{then: e.list.rest}}
	case len(e.list.clauses) == 0:
		e.front, e.then = true, e.list.rest
	case p.carried.Has(e.id):
		e.writeFor("libseccomp would write its conditions into the carrier of the call too")
	case !known:
		e.writeFor("libseccomp does not know the call")
	case e.abi.Word() == 4 && e.list.wide():
		e.writeFor("libseccomp compares only the lower halves of the ABI's registers")
	default:
		p.planList(e)
	}
}

// known says whether libseccomp has the call, by the same number, and adds nothing of its own to its rules.
func (p *planner) known(e *entry) bool {
	if p.carried.Has(e.id) {
		return false
	}
	nr, err := seccomp.GetSyscallFromNameByArch(e.id.Name(), p.scmp)
	return err == nil && int32(nr) == e.nr
}

// planList prefers cubes, whose meaning does not depend on their order. Where they are many it tries the list's own comparisons,
// which libseccomp 2.5 gets wrong where inequalities of one argument meet, so that they have to be proved by themselves.
func (p *planner) planList(e *entry) {
	limit := max(maxRules, 2*len(e.list.clauses))
	cubes, ok := e.list.cubes(p.fallback, limit)
	plain := cubeRules(cubes)
	ok = ok && tame(plain)
	if ok && len(plain) <= len(e.list.clauses)+4 {
		e.rules = plain
		return
	}
	for _, rules := range [][]rule{e.list.rules(p.fallback), e.list.tree(p.fallback)} {
		if len(rules) > 0 && tame(rules) && p.proves(e, rules) {
			e.rules = rules
			return
		}
	}
	if !ok {
		e.writeFor("libseccomp would need too many rules for the conditions, or such as it cannot be trusted with")
		return
	}
	e.rules = plain
}

func cubeRules(cubes []ruleCube) []rule {
	rules := make([]rule, len(cubes))
	for i, c := range cubes {
		rules[i].then = c.then
		for arg, t := range c.cube {
			if t.mask != 0 {
				rules[i].when = append(rules[i].when, condition{uint(arg), seccomp.CompareMaskedEqual, t.mask, t.val})
			}
		}
	}
	return rules
}

// rules translates the list clause by clause; it has none if libseccomp has no words for a clause.
func (l *list) rules(fallback Action) (rules []rule) {
	if l.rest != fallback {
		return nil
	}
	for i := range l.clauses {
		if l.clauses[i].then == fallback {
			continue
		}
		r, ok := l.clauses[i].rule()
		if !ok {
			return nil
		}
		rules = append(rules, r)
	}
	return rules
}

func (c *clause) rule() (rule, bool) {
	r := rule{then: c.then}
	for i := range c.when {
		cond, ok := c.when[i].condition()
		taken := slices.ContainsFunc(r.when, func(o condition) bool { return o.arg == cond.arg })
		if !ok || taken {
			return r, false
		}
		r.when = append(r.when, cond)
	}
	return r, true
}

// condition is a test in libseccomp's words. Its inequalities look at the whole register.
func (t *test) condition() (condition, bool) {
	arg := uint(t.arg)
	switch t.op {
	case same:
		return condition{arg, seccomp.CompareMaskedEqual, t.mask, t.val}, true
	case differ:
		return condition{arg, seccomp.CompareNotEqual, t.val, 0}, t.mask == t.limit()
	case below:
		return condition{arg, seccomp.CompareLess, t.val, 0}, true
	}
	return condition{arg, seccomp.CompareGreaterEqual, t.val, 0}, true
}

// proves builds a filter for the one call and proves it.
func (p *planner) proves(e *entry, rules []rule) bool {
	probe := *e
	probe.rules = rules
	b := generator{fallback: p.fallback, bad: p.fallback, abis: []arch.ABI{e.abi}, entries: []*entry{&probe}}
	prog, err := b.compile()
	if err != nil {
		return false
	}
	_, fault := proveCall(prog, e.abi, e.nr, newReference(e.list))
	return fault == nil
}

// wide says whether any test is of a whole register.
func (l *list) wide() bool {
	for i := range l.clauses {
		for j := range l.clauses[i].when {
			if l.clauses[i].when[j].wide {
				return true
			}
		}
	}
	return false
}
