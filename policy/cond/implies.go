package cond

import (
	"net/netip"
	"slices"
)

// maxImplied bounds the alternatives that a proof by registers may go through.
const maxImplied = 256

// Implies says whether b holds wherever e does, both about one call of one ABI. It may say no where it could know better: it is for
// telling a writer what a rule is worth.
func (e *Expr) Implies(b *Expr) bool {
	switch {
	case e.Op == False || b.Op == True:
		return true
	case e.Op == Or:
		return every(e.Kids, func(k *Expr) bool { return k.Implies(b) })
	case b.Op == And:
		return every(b.Kids, e.Implies)
	case e.Op == Not && b.Op == Not && b.Kids[0].Implies(e.Kids[0]):
		return true
	case e.Op == Test && b.Op == Test && narrower(e.Leaf, b.Leaf):
		return true
	case e.Op == And && slices.ContainsFunc(e.Kids, func(k *Expr) bool { return k.Implies(b) }):
		return true
	case b.Op == Or && slices.ContainsFunc(b.Kids, e.Implies):
		return true
	}
	rest, ok := (&Expr{Op: And, Kids: []*Expr{e, {Op: Not, Kids: []*Expr{b}}}}).DNF(maxImplied)
	return ok && len(rest) == 0
}

func every(list []*Expr, f func(*Expr) bool) bool {
	return !slices.ContainsFunc(list, func(e *Expr) bool { return !f(e) })
}

// narrower says whether a test holds only where another one does.
func narrower(a, b Leaf) bool {
	if a.String() == b.String() {
		return true
	}
	switch a := a.(type) {
	case *Path:
		b, ok := b.(*Path)
		return ok && a.Ref.Text == b.Ref.Text && a.within(b)
	case *Text:
		b, ok := b.(*Text)
		return ok && a.Ref.Text == b.Ref.Text && a.within(b)
	case *Addr:
		b, ok := b.(*Addr)
		return ok && a.Ref.Text == b.Ref.Text && a.within(b)
	}
	return false
}

// within says whether every path of p is one of q's.
func (p *Path) within(q *Path) bool {
	if p.Under != nil {
		for _, dir := range p.Under.Paths() {
			if q.Under == nil || !q.Under.Under([]byte(dir)) {
				return false
			}
		}
	}
	for _, file := range p.Equal {
		if !q.Holds([]byte(file)) {
			return false
		}
	}
	return globsWithin(p.Globs, q.Globs)
}

// within says whether every string of t is one of u's. It knows only about those that t names.
func (t *Text) within(u *Text) bool {
	if len(t.Prefix)+len(t.Suffix)+len(t.Substring)+len(t.Regexps) > 0 {
		return false
	}
	for _, s := range t.Equal {
		if !u.Holds([]byte(s)) {
			return false
		}
	}
	return globsWithin(t.Globs, u.Globs)
}

func globsWithin(list, others []*Glob) bool {
	for _, g := range list {
		if !slices.ContainsFunc(others, func(h *Glob) bool { return h.text == g.text }) {
			return false
		}
	}
	return true
}

// within says whether every address of a is one of b's.
func (a *Addr) within(b *Addr) bool {
	for _, p := range a.Prefixes {
		covers := func(q netip.Prefix) bool { return q.Bits() <= p.Bits() && q.Contains(p.Addr()) }
		if !slices.ContainsFunc(b.Prefixes, covers) {
			return false
		}
	}
	return true
}
