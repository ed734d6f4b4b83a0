package filter

import "math/bits"

// A word is what a path knows of one 32-bit word of struct seccomp_data: bits, bounds, and values that it is not. Nothing is
// lost: the set is exact, and solve finds a member or shows that there is none.
type word struct {
	known, val uint32 // the bits under known are those of val; val has no others
	lo, hi     uint32
	not        *exclusion
}

// An exclusion says that word & mask is not val. They form a list that states share.
type exclusion struct {
	mask, val uint32
	next      *exclusion
}

const full = 1<<32 - 1

// A fact is one comparison of a word: with above, word > val (mask is full), otherwise word & mask == val.
type fact struct {
	above     bool
	mask, val uint32
}

func anyWord() word { return word{hi: full} }

func constant(v uint32) word { return word{known: full, val: v, lo: v, hi: v} }

// decide says whether a fact holds of all members, or of none. It may say depends where it could know better.
func (w *word) decide(f fact) outcome {
	if f.above {
		return w.decideAbove(f.val)
	}
	if f.val&^f.mask != 0 || (w.val^f.val)&w.known&f.mask != 0 {
		return never
	}
	if f.mask&^w.known == 0 {
		return always
	}
	if f.mask == full && (f.val < w.lo || f.val > w.hi) {
		return never
	}
	known, val := w.known|f.mask, w.val|f.val
	for e := w.not; e != nil; e = e.next {
		if e.mask&^known == 0 && val&e.mask == e.val {
			return never
		}
	}
	return depends
}

func (w *word) decideAbove(v uint32) outcome {
	if max(w.lo, w.val) > v {
		return always
	}
	if min(w.hi, w.val|^w.known) <= v {
		return never
	}
	return depends
}

// assume keeps the members of which the fact holds, or with holds false those of which it doesn't.
func (w *word) assume(f fact, holds bool) {
	switch {
	case f.above && holds:
		w.lo = max(w.lo, f.val+1) // decide has excluded the largest value
	case f.above:
		w.hi = min(w.hi, f.val)
	case holds:
		w.known |= f.mask
		w.val |= f.val
		if f.mask != full { // decide has compared a whole word with the exclusions
			w.propagate()
		}
	default:
		w.exclude(f.mask, f.val)
	}
}

// exclude takes out word & mask == val.
func (w *word) exclude(mask, val uint32) {
	if (w.val^val)&w.known&mask != 0 {
		return
	}
	w.not = &exclusion{mask, val, w.not}
	if bits.OnesCount32(mask&^w.known) <= 1 {
		w.propagate()
	}
}

// propagate finds the bits that follow from exclusions of which only one bit is open, until there are no more. An exclusion of
// which none is open leaves no member.
func (w *word) propagate() {
	for again := true; again; {
		again = false
		for e := w.not; e != nil; e = e.next {
			open := e.mask &^ w.known
			if open&(open-1) != 0 || (w.val^e.val)&w.known&e.mask != 0 {
				continue
			}
			if open == 0 {
				w.lo, w.hi = full, 0
				return
			}
			w.known |= open
			w.val |= open &^ e.val
			again = true
		}
	}
}

// first is the smallest number within the bounds that has the known bits.
func (w *word) first() (uint32, bool) {
	v := w.lo
	if conflict := (v ^ w.val) & w.known; conflict != 0 {
		top := uint32(1) << (31 - bits.LeadingZeros32(conflict))
		if w.val&top == 0 { // too high there: the next open zero above has to be set
			open := ^v &^ w.known &^ (top<<1 - 1)
			if open == 0 {
				return 0, false
			}
			top = open & -open
			v |= top
		}
		v = v&^(top-1)&^w.known | w.val
	}
	return v, v <= w.hi && v >= w.lo
}

// solve finds a member. It splits on a bit of a violated exclusion, which is different or equal there; budget bounds the splits, and where it
// is used up the answer is depends.
func (w word) solve(budget *int) (uint32, outcome) {
	if !w.tighten() {
		return 0, never
	}
	e := w.violated(w.lo)
	if e == nil {
		return w.lo, always
	}
	open := e.mask &^ w.known
	if *budget--; *budget < 0 || open == 0 { // none is open only of what propagate has not seen
		return 0, depends
	}
	bit := open & -open
	branch := w
	branch.fix(bit, ^e.val)
	if v, o := branch.solve(budget); o != never {
		return v, o
	}
	w.fix(bit, e.val)
	return w.solve(budget)
}

// tighten moves the bounds to numbers with the known bits, and makes known the bits that all numbers between them share.
func (w *word) tighten() bool {
	for {
		lo, ok := w.first()
		if !ok {
			return false
		}
		w.lo, w.hi = lo, w.last()
		shared := ^uint32(0) << bits.Len32(w.lo^w.hi)
		if shared&^w.known == 0 {
			return true
		}
		w.known |= shared
		w.val |= shared & w.lo
		w.propagate()
	}
}

// last is the largest number that first could give.
func (w *word) last() uint32 {
	turned := word{known: w.known, val: ^w.val & w.known, lo: ^w.hi, hi: ^w.lo}
	v, _ := turned.first()
	return ^v
}

// fix makes a bit that of val.
func (w *word) fix(bit, val uint32) {
	w.known |= bit
	w.val |= bit & val
	w.propagate()
}

// violated is, of the exclusions that v is in, the one with the fewest open bits.
func (w *word) violated(v uint32) (worst *exclusion) {
	least := 33
	for e := w.not; e != nil; e = e.next {
		if n := bits.OnesCount32(e.mask &^ w.known); v&e.mask == e.val && n < least {
			worst, least = e, n
		}
	}
	return worst
}

func (w *word) excludes(v uint32) bool {
	for e := w.not; e != nil; e = e.next {
		if v&e.mask == e.val {
			return true
		}
	}
	return false
}
