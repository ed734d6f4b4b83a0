package filter

import (
	"math/bits"

	"github.com/stead-project/stead/arch"
)

// A list is a decision list with its comparisons reduced to three kinds, and without what can never decide.
type list struct {
	clauses []clause
	rest    Action // where no clause holds
}

type clause struct {
	when []test
	then Action
}

// A test is of a register's 64 bits, or if it is not wide, of the lower 32 alone.
type test struct {
	arg       int
	wide      bool
	op        testOp
	mask, val uint64 // of same and differ: register & mask against val; of below: val
}

type testOp uint8

const (
	same testOp = iota
	differ
	below
	notBelow
)

// outcome is what is known of a test without the register.
type outcome uint8

const (
	depends outcome = iota
	always
	never
)

func newList(a arch.ABI, clauses []Clause, rest Action) *list {
	l := &list{rest: rest}
	for _, c := range clauses {
		reduced, o := reduce(a, c)
		if o == never {
			continue
		}
		if o == always {
			l.rest = c.Then
			break
		}
		l.clauses = append(l.clauses, reduced)
	}
	for n := len(l.clauses); n > 0 && l.clauses[n-1].then == l.rest; n-- {
		l.clauses = l.clauses[:n-1]
	}
	return l
}

func reduce(a arch.ABI, c Clause) (clause, outcome) {
	out := clause{then: c.Then, when: make([]test, 0, len(c.When))}
	for _, w := range c.When {
		t, o := newTest(a, w)
		if o == never {
			return out, never
		}
		if o == depends {
			out.when = append(out.when, t)
		}
	}
	if len(out.when) == 0 {
		return out, always
	}
	return out, depends
}

// limit is the largest value of what the test looks at.
func (t *test) limit() uint64 {
	if t.wide {
		return 1<<64 - 1
	}
	return 1<<32 - 1
}

// newTest reduces a comparison. An ABI with small registers compares zero-extended, so a constant beyond them decides at once.
func newTest(a arch.ABI, c Compare) (test, outcome) {
	t := test{arg: c.Arg, wide: wideRegisters(a) && !c.Narrow, op: same, val: c.Value}
	t.mask = t.limit()
	mask := c.Mask
	if c.Narrow {
		t.val, mask = uint64(uint32(t.val)), uint64(uint32(mask))
	}
	switch c.Op {
	case EQ:
		return t.equal()
	case NE:
		t, o := t.equal()
		return t.negated(), negatedOutcome(o)
	case LT:
		return t.less()
	case LE:
		return t.atMost()
	case GT:
		t, o := t.atMost()
		return t.negated(), negatedOutcome(o)
	case GE:
		t, o := t.less()
		return t.negated(), negatedOutcome(o)
	}
	t.mask &= mask
	t, o := t.equal()
	if c.Op == MaskedNE {
		return t.negated(), negatedOutcome(o)
	}
	return t, o
}

func (t test) negated() test {
	t.op ^= 1
	return t
}

func negatedOutcome(o outcome) outcome {
	switch o {
	case always:
		return never
	case never:
		return always
	}
	return depends
}

func (t test) equal() (test, outcome) {
	if t.val&^t.mask != 0 {
		return t, never
	}
	if t.mask == 0 {
		return t, always
	}
	return t, depends
}

func (t test) less() (test, outcome) {
	t.op = below
	if t.val == 0 {
		return t, never
	}
	if t.val > t.limit() {
		return t, always
	}
	return t, depends
}

func (t test) atMost() (test, outcome) {
	if t.val >= t.limit() {
		t.op = below
		return t, always
	}
	t.val++
	return t.less()
}

// A ternary is the set of registers with given bits under a mask.
type ternary struct{ mask, val uint64 }

// ternaries are disjoint sets that are together what the test holds for.
func (t *test) ternaries() []ternary {
	switch t.op {
	case same:
		return []ternary{{t.mask, t.val}}
	case differ:
		return differing(t.mask, t.val)
	case below:
		return t.prefixes(t.val, 0)
	}
	return append(t.prefixes(^t.val&t.limit(), t.limit()), ternary{t.limit(), t.val})
}

// differing takes the bits of mask from the top: the ones before the first difference are equal.
func differing(mask, val uint64) (list []ternary) {
	var above uint64
	for rest := mask; rest != 0; {
		bit := uint64(1) << (63 - bits.LeadingZeros64(rest))
		rest &^= bit
		above |= bit
		list = append(list, ternary{above, (val ^ bit) & above})
	}
	return list
}

// prefixes are the numbers below v, those with equal leading bits together. Turned over by flip, they are those above.
func (t *test) prefixes(v, flip uint64) (list []ternary) {
	for rest := v; rest != 0; rest &= rest - 1 {
		bit := rest & -rest
		mask := t.limit() &^ (bit - 1)
		list = append(list, ternary{mask, (v&^bit ^ flip) & mask})
	}
	return list
}
