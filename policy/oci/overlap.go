package oci

import (
	"math"

	"github.com/stead-project/stead/policy/foreign"
)

// overlap says whether some registers may fulfil both. It is sure only of no.
func overlap(a, b foreign.DNF) bool {
	for _, x := range a {
		for _, y := range b {
			if !disjoint(x, y) {
				return true
			}
		}
	}
	return false
}

// disjoint says that no registers fulfil all comparisons of both lists.
func disjoint(a, b []foreign.Cmp) bool {
	for _, x := range a {
		for _, y := range b {
			if x.Arg == y.Arg && exclude(x, y) {
				return true
			}
		}
	}
	return false
}

// exclude says that no value fulfils both comparisons.
func exclude(x, y foreign.Cmp) bool {
	switch {
	case x.Op == foreign.EQ:
		return !holds(y, x.Value)
	case y.Op == foreign.EQ:
		return !holds(x, y.Value)
	case x.Op == foreign.Masked && y.Op == foreign.Masked:
		both := x.Mask & y.Mask
		return x.Value&both != y.Value&both
	case x.Op == foreign.Masked || y.Op == foreign.Masked || x.Op == foreign.NE || y.Op == foreign.NE:
		return false
	}
	lo1, hi1, ok1 := interval(x)
	lo2, hi2, ok2 := interval(y)
	return !ok1 || !ok2 || max(lo1, lo2) > min(hi1, hi2)
}

// holds compares a register's value.
func holds(c foreign.Cmp, v uint64) bool {
	switch c.Op {
	case foreign.EQ:
		return v == c.Value
	case foreign.NE:
		return v != c.Value
	case foreign.LT:
		return v < c.Value
	case foreign.LE:
		return v <= c.Value
	case foreign.GT:
		return v > c.Value
	case foreign.GE:
		return v >= c.Value
	}
	return v&c.Mask == c.Value&c.Mask
}

// interval is the values of an ordered comparison; ok is false if there are none.
func interval(c foreign.Cmp) (lo, hi uint64, ok bool) {
	switch c.Op {
	case foreign.LT:
		return 0, c.Value - 1, c.Value > 0
	case foreign.LE:
		return 0, c.Value, true
	case foreign.GT:
		return c.Value + 1, math.MaxUint64, c.Value < math.MaxUint64
	}
	return c.Value, math.MaxUint64, true
}
