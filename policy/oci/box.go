package oci

import (
	"math/bits"
	"slices"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy/filter"
)

// A box is the calls whose registers have given bits: of register i those of val under mask. It is what one rule of masked
// comparisons says, the only kind of which libseccomp takes several of one call without changing what they mean: rules without
// order must not overlap, and 2.5.4 confuses ordered comparisons of different rules.
type box [6]part

type part struct{ mask, val uint64 }

// A region is boxes that decide alike.
type region struct {
	boxes []box
	then  filter.Action
}

// upper says whether a box wants a bit of an upper half set.
func (r region) upper() bool {
	for i := range r.boxes {
		for _, p := range r.boxes[i] {
			if p.val>>32 != 0 {
				return true
			}
		}
	}
	return false
}

// maxBoxes bounds the rules of one call. What needs more is for the supervisor.
const maxBoxes = 256

// regions splits an ordered list into boxes that do not overlap, without what the default decides. ok is false if there are too
// many.
func regions(abi arch.ABI, list []filter.Clause, fallback filter.Action) (out []region, ok bool) {
	var taken []box
	for i, c := range list {
		if !slices.ContainsFunc(list[i:], func(c filter.Clause) bool { return c.Then != fallback }) {
			return out, true // what is left is the default's
		}
		held, ok := clauseBoxes(abi, c)
		if !ok {
			return nil, false
		}
		free, ok := subtract(held, taken)
		if !ok || len(taken) > maxBoxes {
			return nil, false
		}
		taken = append(taken, free...)
		if c.Then != fallback && len(free) > 0 {
			out = append(out, region{free, c.Then})
		}
	}
	return out, len(taken) <= maxBoxes
}

// clauseBoxes are disjoint boxes of a conjunction.
func clauseBoxes(abi arch.ABI, c filter.Clause) ([]box, bool) {
	held := make([]box, 1)
	for _, w := range c.When {
		var next []box
		for _, p := range parts(w, wide(abi) && !w.Narrow) {
			for _, h := range held {
				if both, ok := h[w.Arg].meet(p); ok {
					h[w.Arg] = both
					next = append(next, h)
				}
			}
			if len(next) > maxBoxes {
				return nil, false
			}
		}
		held = next
	}
	return held, true
}

// wide says whether the ABI's registers have 64 bits.
func wide(a arch.ABI) bool {
	return a.Word() == 8 || a == arch.X32 || a == arch.MIPS64N32 || a == arch.MIPSEL64N32
}

// parts are disjoint sets of registers that are together those for which a comparison holds.
func parts(c filter.Compare, all64 bool) []part {
	top := uint64(1<<32 - 1)
	if all64 {
		top = 1<<64 - 1
	}
	v, mask := c.Value, top
	if c.Narrow {
		v &= top
	}
	if c.Op == filter.MaskedEQ || c.Op == filter.MaskedNE {
		mask &= c.Mask
	}
	switch c.Op {
	case filter.EQ, filter.MaskedEQ:
		return equal(mask, v)
	case filter.NE, filter.MaskedNE:
		return differ(mask, v)
	case filter.LT:
		return from(v, top, below)
	case filter.LE:
		return append(from(v, top, below), equal(top, min(v, top))...)
	case filter.GT:
		return from(v, top, above)
	case filter.GE:
		return append(from(v, top, above), equal(top, v)...)
	}
	return nil
}

func equal(mask, v uint64) []part {
	if v&^mask != 0 {
		return nil
	}
	return []part{{mask, v}}
}

// differ splits by the topmost bit that is not v's.
func differ(mask, v uint64) (out []part) {
	if v&^mask != 0 {
		return []part{{}}
	}
	for rest := mask; rest != 0; {
		bit := topBit(rest)
		rest &^= bit
		out = append(out, part{mask &^ rest, (v ^ bit) & (mask &^ rest)})
	}
	return out
}

const (
	below = 0
	above = 1
)

// from splits the numbers below or above v by the topmost bit in which they differ from it. What is larger than top is above all.
func from(v, top uint64, side int) (out []part) {
	if v > top {
		return [][]part{{{}}, nil}[side]
	}
	for rest := top; rest != 0; {
		bit := topBit(rest)
		rest &^= bit
		if (v&bit == 0) == (side == above) {
			out = append(out, part{top &^ rest, (v ^ bit) & (top &^ rest)})
		}
	}
	return out
}

func topBit(v uint64) uint64 { return 1 << (63 - bits.LeadingZeros64(v)) }

func (p part) meet(q part) (part, bool) {
	if (p.val^q.val)&p.mask&q.mask != 0 {
		return part{}, false
	}
	return part{p.mask | q.mask, p.val | q.val}, true
}

func (b *box) apart(c *box) bool {
	for i := range b {
		if _, ok := b[i].meet(c[i]); !ok {
			return true
		}
	}
	return false
}

// subtract takes boxes out of others.
func subtract(from, taken []box) ([]box, bool) {
	for i := range taken {
		var next []box
		for j := range from {
			next = from[j].without(&taken[i], next)
		}
		if from = next; len(from) > maxBoxes {
			return nil, false
		}
	}
	return from, true
}

// without appends the disjoint pieces of b outside c: for each bit that c wants and b leaves open, the piece where it is the
// other one.
func (b *box) without(c *box, out []box) []box {
	if b.apart(c) {
		return append(out, *b)
	}
	rest := *b
	for i := range rest {
		for open := c[i].mask &^ b[i].mask; open != 0; {
			bit := topBit(open)
			open &^= bit
			piece := rest
			piece[i].mask |= bit
			piece[i].val |= bit &^ c[i].val
			out = append(out, piece)
			rest[i].mask |= bit
			rest[i].val |= bit & c[i].val
		}
	}
	return out
}
