package cond

import "slices"

// A Compare is a comparison of one 64-bit register of struct seccomp_data: args[Arg]&Mask Op Value, both sides unsigned. A
// parameter of 32 bits has a Mask of 32 bits at most: the kernel does not look at the upper half, which holds anything. On a
// 32-bit ABI every Mask is so.
type Compare struct {
	Arg   int
	Mask  uint64
	Op    Cmp
	Value uint64
}

// Holds compares.
func (c Compare) Holds(args *[6]uint64) bool {
	v := args[c.Arg] & c.Mask
	return c.Op.holds(order(v < c.Value, v > c.Value))
}

// A clause holds if all its comparisons do.
type clause = []Compare

// DNF returns a register condition as alternatives of comparisons that all have to hold; none: it never holds, an empty one: it
// always does. Alternatives that contradict themselves are left out. ok is false if the condition is not one of registers only
// or has more than max alternatives on the way.
func (e *Expr) DNF(max int) (alternatives [][]Compare, ok bool) {
	if !e.Registers() {
		return nil, false
	}
	return e.dnf(max, false)
}

// dnf is DNF; with free, tests that registers don't decide are taken to hold.
func (e *Expr) dnf(max int, free bool) ([]clause, bool) {
	switch e.Op {
	case True:
		return []clause{{}}, true
	case False:
		return nil, true
	case Not:
		if e.Kids[0].Op == Test && e.Kids[0].opaque() {
			return []clause{{}}, free
		}
		return e.Kids[0].Negate().dnf(max, free)
	case Test:
		if e.opaque() {
			return []clause{{}}, free
		}
		return e.Leaf.(*Number).clauses(), true
	}
	return e.dnfKids(max, free)
}

// opaque reports whether a test is not of a register.
func (e *Expr) opaque() bool {
	n, ok := e.Leaf.(*Number)
	return !ok || !n.Ref.Register()
}

func (e *Expr) dnfKids(max int, free bool) ([]clause, bool) {
	var sum []clause
	if e.Op == And {
		sum = []clause{{}}
	}
	for _, k := range e.Kids {
		list, ok := k.dnf(max, free)
		switch {
		case !ok:
			return nil, false
		case e.Op == And:
			sum, ok = product(sum, list, max)
		default:
			sum = addClauses(sum, list)
			ok = len(sum) <= max
		}
		if !ok {
			return nil, false
		}
	}
	return sum, true
}

// maxClause bounds the comparisons of one alternative.
const maxClause = 64

func product(a, b []clause, max int) (out []clause, ok bool) {
	for _, x := range a {
		for _, y := range b {
			both := tidy(slices.Concat(x, y))
			if len(both) > maxClause {
				return nil, false
			}
			if !satisfiable(both) {
				continue
			}
			if out = addClauses(out, []clause{both}); len(out) > max {
				return nil, false
			}
		}
	}
	return out, true
}

// addClauses leaves out alternatives that are there already.
func addClauses(list, more []clause) []clause {
	for _, c := range more {
		if !slices.ContainsFunc(list, func(o clause) bool { return slices.Equal(o, c) }) {
			list = append(list, c)
		}
	}
	return list
}

// tidy puts comparisons in order, each once.
func tidy(c clause) clause {
	slices.SortFunc(c, func(a, b Compare) int {
		return slices.Compare(
			[]uint64{uint64(a.Arg), uint64(a.Op), a.Mask, a.Value}, []uint64{uint64(b.Arg), uint64(b.Op), b.Mask, b.Value})
	})
	return slices.Compact(c)
}

// clauses are the unsigned comparisons of whole registers that a test comes to.
func (n *Number) clauses() []clause {
	if n.Cmp <= NE || !n.Signed {
		return n.unsigned(n.Cmp, n.Value)
	}
	// Seen as unsigned, the negative numbers are the upper half.
	top := uint64(1) << (n.Bits - 1)
	negative := n.Value >= top
	below := n.Cmp == LT || n.Cmp == LE
	half := GE
	if negative == below {
		return intersect(n.unsigned(n.Cmp, n.Value), n.sameHalf(negative, top))
	}
	if !below { // above a negative number are all those that are not
		half = LT
	}
	return append(n.unsigned(n.Cmp, n.Value), n.unsigned(half, top)...)
}

// sameHalf keeps a comparison to the numbers of the sign of its value: those below a negative one are negative too.
func (n *Number) sameHalf(negative bool, top uint64) []clause {
	if negative {
		return n.unsigned(GE, top)
	}
	return n.unsigned(LT, top)
}

func intersect(a, b []clause) []clause {
	out, _ := product(a, b, 1<<10)
	return out
}

// unsigned splits a comparison of a pair of registers into those of its halves.
func (n *Number) unsigned(cmp Cmp, value uint64) []clause {
	s := n.Ref.slot
	lo, mask := int(s.lo), n.Mask&fullMask(n.Bits)
	if s.hi < 0 {
		return []clause{{{lo, mask, cmp, value}}}
	}
	const low = 1<<32 - 1
	hi := int(s.hi)
	lower := func(op Cmp) Compare { return Compare{lo, mask & low, op, value & low} }
	upper := func(op Cmp) Compare { return Compare{hi, mask >> 32, op, value >> 32} }
	strict := LT
	switch cmp {
	case EQ:
		return []clause{tidy(clause{lower(EQ), upper(EQ)})}
	case NE:
		return []clause{{lower(NE)}, {upper(NE)}}
	case GT, GE:
		strict = GT
	}
	return []clause{{upper(strict)}, tidy(clause{upper(EQ), lower(cmp)})}
}

// A span is what a clause says of one register: the bits that are known, and bounds of those under one mask.
type span struct {
	known, value uint64
	mask, lo, hi uint64
}

// satisfiable reports whether some registers may fulfil a clause. It is never false for one that can be.
func satisfiable(c clause) bool {
	for i := 0; i < len(c); {
		n := i + 1
		for n < len(c) && c[n].Arg == c[i].Arg {
			n++
		}
		if !satisfiableArg(c[i:n]) {
			return false
		}
		i = n
	}
	return true
}

func satisfiableArg(c clause) bool {
	s := span{hi: 1<<64 - 1}
	for _, x := range c {
		if x.Value&^x.Mask != 0 && x.Op == EQ || !s.add(x) {
			return false
		}
	}
	for _, x := range c {
		if s.known&x.Mask == x.Mask && !x.Op.holds(order(s.value&x.Mask < x.Value, s.value&x.Mask > x.Value)) {
			return false
		}
		if x.Op == NE && s.mask == x.Mask && s.lo == s.hi && s.lo == x.Value {
			return false
		}
	}
	return s.lo <= s.hi
}

// add takes a comparison in; false if it contradicts what is known.
func (s *span) add(x Compare) bool {
	if x.Op == EQ {
		if (s.value^x.Value)&s.known&x.Mask != 0 {
			return false
		}
		s.known, s.value = s.known|x.Mask, s.value|x.Value
	}
	if x.Op <= NE && x.Op != EQ || s.mask != 0 && s.mask != x.Mask || x.Mask&(x.Mask+1) != 0 {
		return true
	}
	if s.mask == 0 {
		s.mask, s.hi = x.Mask, x.Mask
	}
	switch {
	case x.Op == LT && x.Value == 0, x.Op == GT && x.Value >= x.Mask:
		return false
	case x.Op == EQ:
		s.lo, s.hi = max(s.lo, x.Value), min(s.hi, x.Value)
	case x.Op == LT || x.Op == LE:
		s.hi = min(s.hi, x.Value-uint64(LE-x.Op))
	default:
		s.lo = max(s.lo, x.Value+uint64(GE-x.Op))
	}
	return true
}

// maxProof bounds the search for contradictions.
const maxProof = 256

// settle replaces a condition whose registers contradict each other, or cover everything, by a constant.
func settle(e *Expr) *Expr {
	if list, ok := e.dnf(maxProof, true); ok && len(list) == 0 {
		return constant(false)
	}
	if list, ok := e.Negate().dnf(maxProof, true); ok && len(list) == 0 {
		return constant(true)
	}
	return e
}
