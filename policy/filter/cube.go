package filter

import "math/bits"

// A cube is a set of calls: of every register, those bits that have to be so.
type cube [6]ternary

// meet gives the common part of two sets of registers.
func (t ternary) meet(u ternary) (ternary, bool) {
	if (t.val^u.val)&t.mask&u.mask != 0 {
		return ternary{}, false
	}
	return ternary{t.mask | u.mask, t.val | u.val}, true
}

func (c *cube) disjoint(d *cube) bool {
	for i := range c {
		if (c[i].val^d[i].val)&c[i].mask&d[i].mask != 0 {
			return true
		}
	}
	return false
}

// minus appends to out disjoint cubes that are together c without d.
func (c *cube) minus(d *cube, out []cube) []cube {
	if c.disjoint(d) {
		return append(out, *c)
	}
	rest := *c
	for i := range c {
		for free := d[i].mask &^ c[i].mask; free != 0; {
			bit := uint64(1) << (63 - bits.LeadingZeros64(free))
			free &^= bit
			piece := rest
			piece[i].mask |= bit
			piece[i].val |= bit &^ d[i].val
			out = append(out, piece)
			rest[i].mask |= bit
			rest[i].val |= bit & d[i].val
		}
	}
	return out
}

// A cubist turns an ordered list into cubes of which no two overlap, so that their order no longer matters. It gives up when they
// become too many.
type cubist struct {
	limit int
	taken []cube // what earlier clauses decide
	out   []ruleCube
}

type ruleCube struct {
	cube cube
	then Action
}

// cubes gives the list without what the default decides anyway.
func (l *list) cubes(fallback Action, limit int) ([]ruleCube, bool) {
	b := cubist{limit: limit}
	for i := range l.clauses {
		held, ok := l.clauses[i].cubes(limit)
		if !ok || !b.add(held, l.clauses[i].then, fallback) {
			return nil, false
		}
	}
	if l.rest == fallback {
		return b.out, true
	}
	return b.out, b.add(make([]cube, 1), l.rest, fallback)
}

// cubes are disjoint cubes of the calls that the clause holds for.
func (c *clause) cubes(limit int) ([]cube, bool) {
	held := make([]cube, 1)
	for i := range c.when {
		var next []cube
		for _, t := range c.when[i].ternaries() {
			for _, h := range held {
				if u, ok := h[c.when[i].arg].meet(t); ok {
					h[c.when[i].arg] = u
					next = append(next, h)
				}
			}
		}
		if len(next) > limit {
			return nil, false
		}
		held = next
	}
	return held, true
}

func (b *cubist) add(held []cube, then, fallback Action) bool {
	pieces, ok := held, true
	if pieces, ok = b.untaken(held); !ok {
		return false
	}
	b.taken = append(b.taken, held...)
	if then == fallback {
		return len(b.taken) <= b.limit
	}
	for _, p := range pieces {
		b.out = append(b.out, ruleCube{p, then})
	}
	return len(b.out) <= b.limit
}

func (b *cubist) untaken(held []cube) ([]cube, bool) {
	pieces := held
	for i := range b.taken {
		if allDisjoint(pieces, &b.taken[i]) {
			continue
		}
		var next []cube
		for j := range pieces {
			next = pieces[j].minus(&b.taken[i], next)
		}
		if pieces = next; len(pieces) > b.limit {
			return nil, false
		}
	}
	return pieces, true
}

func allDisjoint(list []cube, d *cube) bool {
	for i := range list {
		if !list[i].disjoint(d) {
			return false
		}
	}
	return true
}
