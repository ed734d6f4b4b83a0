package compiler

import (
	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/policy/cond"
)

// keepInside has a short form judge what is performed. Landlock bounds a call that the kernel runs, whatever a rule says of it; who performs
// is not under Landlock, so that the lists bound the call instead. Where the supervisor judges the short form anyway, a rule comes before it if
// it looks at what the short form is about, but for one that only says how a call is answered (fake-root). What a rule lends the supervisor's
// rights for, it describes itself.
func (c *compilation) keepInside(abi arch.ABI, id arch.ID, e *entry) {
	if e.area != nil || c.keepRuleInside(abi, id, e) || e.decision.Verdict != policy.Perform {
		return
	}
	switch as := grantsAs(e); {
	case as == policy.AsSupervisor, as == policy.AsTarget && e.rule != nil && c.files != nil:
	case c.insideFiles() != nil:
		c.inside.use(abi, id)
		if names := c.inside.names(abi, id); len(names) > 0 {
			e.area, e.looks = c.inside, names
			return
		}
	}
	if c.doc.Network != nil && c.net == nil && selectCalls(addressCalls).Has(id) {
		if c.insideNet == nil {
			c.insideNet = c.newNetArea()
		}
		e.area, e.looks = c.insideNet, []string{"the address"}
	}
}

// insideFiles is what files: says; nil: there is none.
func (c *compilation) insideFiles() *fileArea {
	if c.inside == nil && c.files != nil {
		c.inside = c.files
	}
	if c.inside == nil && c.doc.Files != nil {
		c.inside = c.newFileArea()
	}
	return c.inside
}

// keepRuleInside bounds a rule that says nothing of paths or addresses where the supervisor judges the short form, as Landlock bounds it
// elsewhere: a profile that allows openat does not undo files:, and another entry in a list does not let the rule allow more.
func (c *compilation) keepRuleInside(abi arch.ABI, id arch.ID, e *entry) bool {
	v := e.decision.Verdict
	if e.rule == nil || e.accepted || !v.Continues() && v != policy.Perform || grantsAs(e) != policy.AsTarget || len(e.pointers()) > 0 {
		return false
	}
	if c.net != nil && selectCalls(addressCalls).Has(id) {
		e.area, e.looks = c.net, []string{"the address"}
		return true
	}
	if c.files == nil || !selectCalls(fileCalls).Has(id) || !c.o.Performable.Has(id) && !c.o.Checked.Has(id) {
		return false
	}
	c.files.use(abi, id)
	if e.looks = c.files.names(abi, id); len(e.looks) == 0 {
		return false
	}
	if e.area = c.files; !selectCalls(boundCalls).Has(id) {
		e.area = refusals{c.files}
	}
	return true
}

// refusals are what files: hides and denies. For calls that Landlock has no word for a rule may allow all else.
type refusals struct{ *fileArea }

// decide judges a call.
func (r refusals) decide(ctx *cond.Context) (policy.Decision, error) {
	for _, u := range r.uses[ctx.Call.ID] {
		at, err := ctx.PathOf(u.param)
		if err != nil {
			return policy.Decision{}, err
		}
		if d := r.judge(at, look); d != nil {
			return *d, nil
		}
	}
	return r.allowed, nil
}
