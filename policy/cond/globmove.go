package cond

// Keeps says whether all that the pattern matches below from, it matches as well when from has become to. In doubt it does not.
func (g *Glob) Keeps(from, to []byte) bool {
	if g.name || len(from) == 0 || from[0] != '/' || len(to) == 0 || to[0] != '/' {
		return g.name
	}
	before, after := g.reach(from[1:]), g.reach(to[1:])
	for i, here := range before {
		if here && !after[i] {
			return false
		}
	}
	return true
}

// reach says which parts can be the next to match when the components of a path have been taken.
func (g *Glob) reach(rest []byte) []bool {
	now := make([]bool, len(g.parts))
	g.enter(now, 0)
	for len(rest) > 0 {
		var name []byte
		name, rest = cutComponent(rest)
		next := make([]bool, len(g.parts))
		for i, here := range now {
			switch p := &g.parts[i]; {
			case here && p.any:
				g.enter(next, i)
			case here && matchAtoms(p.atoms, name):
				g.enter(next, i+1)
			}
		}
		now = next
	}
	return now
}

// enter marks a part, and what follows it if that may match nothing.
func (g *Glob) enter(parts []bool, i int) {
	for ; i < len(parts); i++ {
		if parts[i] = true; !g.parts[i].any {
			return
		}
	}
}
