package compiler

import (
	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
)

// keepInside has a short form judge what is performed. Landlock bounds a call that the kernel runs, whatever a rule says of it; who performs
// is not under Landlock, so that the lists bound the call instead. Where the supervisor judges the short form anyway, a rule comes before it,
// but for one that only says how a call is answered (fake-root). What a rule lends the supervisor's rights for, it describes itself.
func (c *compilation) keepInside(abi arch.ABI, id arch.ID, e *entry) {
	if e.decision.Verdict != policy.Perform || e.area != nil {
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
