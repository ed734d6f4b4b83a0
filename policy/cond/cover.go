package cond

// Cover returns alternatives of register comparisons of which one holds wherever the condition does: what the registers cannot
// tell is taken to hold. One empty alternative holds always.
func (e *Expr) Cover(max int) [][]Compare {
	list, ok := e.dnf(max, true)
	if !ok {
		return [][]Compare{{}}
	}
	return list
}
