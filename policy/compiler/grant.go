package compiler

import (
	"fmt"
	"slices"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/policy/cond"
)

// makeGrants compiles what rules say about how their calls are performed.
func (c *compilation) makeGrants() {
	c.grants = make([]*policy.Grant, len(c.doc.Rules))
	c.prog.as = make(map[arch.ID]performer)
	for i := range c.doc.Rules {
		r := &c.doc.Rules[i]
		g := r.Grant
		if len(r.From) > 0 {
			m := c.matcher(r.From)
			g.Sources = &m
		}
		c.grants[i] = &g
	}
}

// A performer is who performs a call, and the rule that says so.
type performer struct {
	as   policy.As
	rule *policy.Rule
}

// As says who performs a call: the rules that speak of it agree.
func (p *Program) As(id arch.ID) policy.As { return p.as[id].as }

// performAs lets a rule have a call performed by somebody else than the target. The families' own arguments are copied before a decision
// is made, so that it is one of them for each call.
func (c *compilation) performAs(e *entry, id arch.ID) {
	c.prog.Performs = true
	as := e.decision.Grant.As
	if rest := e.rule.Calls.Minus(c.o.As[as]); rest.Len() > 0 {
		c.fail(fmt.Errorf("%s: rule %s: %s cannot be performed as %s: name such calls in a rule of their own (stead syscalls lists them)",
			e.pos, e.origin, rest.IDs()[0].Name(), as))
		return
	}
	if p, ok := c.prog.as[id]; ok && p.as != as {
		c.fail(fmt.Errorf("%s: rule %s performs %s as %s, and rule %s as %s: it can be one of them in a policy", e.pos, e.origin, id.Name(), as, p.rule.Name, p.as))
		return
	}
	c.prog.as[id] = performer{as, e.rule}
}

// grantsAs is who a rule's outcome is performed by, besides the target.
func grantsAs(e *entry) policy.As {
	if e.rule == nil || e.decision.Verdict != policy.Perform || e.decision.Grant == nil {
		return policy.AsTarget
	}
	return e.decision.Grant.As
}

// pretending says whether a rule has calls performed as fake-root, which refuses nothing.
func pretending(r *policy.Rule) bool {
	return r.Then.Verdict == policy.Perform && r.Grant.As == policy.AsFakeRoot
}

// ofMount says whether a test is about what is mounted somewhere.
func ofMount(l cond.Leaf) bool {
	_, initial := l.(*cond.Initial)
	return initial || slices.ContainsFunc(l.Refs(), (*cond.Ref).OfMount)
}

// mountsKnown refuses a condition on what is mounted where the call does not know it.
func (c *compilation) mountsKnown(i int, id arch.ID, l cond.Leaf) {
	if !ofMount(l) || c.o.Granted.Has(id) || c.o.Checked.Has(id) || c.o.Granted.Len() == 0 {
		return
	}
	r := &c.doc.Rules[i]
	c.fail(fmt.Errorf("%s: rule %s: %s is known for calls that mount and unmount, and %s is none of them", r.Pos, r.Name, l.Refs()[0].Text, id.Name()))
}
