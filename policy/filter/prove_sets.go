package filter

import (
	"slices"

	"github.com/stead-project/stead/arch"
)

// A table is one ABI's lists.
type table struct {
	abi   arch.ABI
	rest  Action
	lists []*list   // by arch.ID; nil where rest decides
	calls []arch.ID // that have one
}

func newTables(l Lists) []*table {
	out := make([]*table, len(l.ABIs))
	for i := range l.ABIs {
		out[i] = newTable(&l.ABIs[i])
	}
	return out
}

func newTable(d *Decisions) *table {
	t := &table{abi: d.ABI, rest: d.Default, lists: make([]*list, arch.NumIDs)}
	for nr := range d.ABI.Calls() {
		id := d.ABI.ID(nr)
		if clauses, ok := d.clauses(id); ok {
			t.lists[id] = newList(d.ABI, clauses, d.Default)
			t.calls = append(t.calls, id)
		}
	}
	return t
}

// The numbers of x32 are those with its bit, but -1, which is no call: a tracer has cancelled it.
const (
	x32Bit    = 0x40000000
	cancelled = full
)

// region is a set of numbers under one audit token that belong to an ABI, or to none of the lists.
type region struct {
	token    uint32
	lo, hi   uint32
	abi      arch.ABI // for messages and for the order of halves
	table    *table   // nil: BadABI
	anyToken bool     // every token that is not in tokens
}

// regions cover all calls.
func regions(tables []*table) []region {
	var list []region
	for _, t := range tables {
		r := region{token: t.abi.Audit(), hi: full, abi: t.abi, table: t}
		switch t.abi {
		case arch.X86_64:
			list = append(list, region{token: r.token, lo: cancelled, hi: cancelled, abi: t.abi, table: t})
			r.hi = x32Bit - 1
		case arch.X32:
			r.lo, r.hi = x32Bit, cancelled-1
		}
		list = append(list, r)
	}
	list = append(list, otherHalf(tables, arch.X86_64, arch.X32, x32Bit, cancelled-1)...)
	list = append(list, otherHalf(tables, arch.X32, arch.X86_64, 0, x32Bit-1)...)
	return append(list, region{anyToken: true, hi: full})
}

// otherHalf is the part of x86_64's token that has no list if only one of the two ABIs has.
func otherHalf(tables []*table, have, miss arch.ABI, lo, hi uint32) []region {
	is := func(a arch.ABI) bool { return slices.ContainsFunc(tables, func(t *table) bool { return t.abi == a }) }
	if !is(have) || is(miss) {
		return nil
	}
	return []region{{token: have.Audit(), lo: lo, hi: hi, abi: miss}}
}

type callKey struct {
	abi arch.ABI
	id  arch.ID
}

// prove proves a whole program. What it finds out about the calls with lists is returned by call.
func prove(prog Program, tables []*table, bad Action) (map[callKey]proof, []Fault) {
	proofs := make(map[callKey]proof)
	var faults []Fault
	for _, r := range regions(tables) {
		if r.table == nil {
			_, f := proveRest(prog, tables, r, bad, nil)
			faults = append(faults, f...)
			continue
		}
		listed := func(id arch.ID) bool { return r.table.lists[id] != nil }
		faults = append(faults, proveCalls(prog, r, proofs, listed)...)
		p, f := proveRest(prog, tables, r, r.table.rest, listed)
		if f != nil { // it tells of one call of the set: the others may be wrong too
			p, f = proveRest(prog, tables, r, r.table.rest, func(arch.ID) bool { return true })
			f = append(f, proveCalls(prog, r, nil, func(id arch.ID) bool { return !listed(id) })...)
		}
		proofs[callKey{r.abi, 0}] = p
		faults = append(faults, f...)
	}
	return proofs, faults
}

// proveCalls proves calls that have names, one by one, and notes what it finds out about them.
func proveCalls(prog Program, r region, proofs map[callKey]proof, which func(arch.ID) bool) (faults []Fault) {
	for nr := range r.abi.Calls() {
		id := r.abi.ID(nr)
		if uint32(nr) < r.lo || uint32(nr) > r.hi || !which(id) {
			continue
		}
		ref := leaf(r.table.rest)
		if l := r.table.lists[id]; l != nil {
			ref = newReference(l)
		}
		p, f := proveCall(prog, r.abi, nr, ref)
		if proofs != nil {
			proofs[callKey{r.abi, id}] = p
		}
		if f != nil {
			faults = append(faults, *f)
		}
	}
	return faults
}

func proveCall(prog Program, abi arch.ABI, nr int32, ref *reference) (proof, *Fault) {
	p := prover{prog: prog, splits: maxSplits, big: abi.BigEndian(), ref: ref}
	s := newState()
	s[wordNr], s[wordArch] = constant(uint32(nr)), constant(abi.Audit())
	p.run(s, 0, register{noWord, full}, 0)
	if p.fault != nil {
		p.fault.Call.ABI, p.fault.Call.Nr = abi, nr
	}
	return p.proof, p.fault
}

// proveRest proves all numbers of a region at once, but for those of calls that are proved elsewhere.
func proveRest(prog Program, tables []*table, r region, want Action, elsewhere func(arch.ID) bool) (proof, []Fault) {
	p := prover{prog: prog, splits: maxSplits, big: r.abi.BigEndian(), ref: leaf(want)}
	s := newState()
	s[wordNr].lo, s[wordNr].hi = r.lo, r.hi
	if r.anyToken {
		for _, t := range tables {
			s[wordArch].exclude(full, t.abi.Audit())
		}
	} else {
		s[wordArch] = constant(r.token)
	}
	if r.table != nil {
		for nr := range r.abi.Calls() {
			if elsewhere(r.abi.ID(nr)) {
				p.outside = append(p.outside, uint32(nr))
			}
		}
		slices.Sort(p.outside)
	}
	p.run(s, 0, register{noWord, full}, 0)
	if p.fault == nil {
		return p.proof, nil
	}
	p.fault.Call.ABI = r.abi
	return p.proof, []Fault{*p.fault}
}

// member finds a call in a state.
func (p *prover) member(s *state) (d arch.Data, o outcome) {
	var v state32
	for i := range s {
		w := s[i]
		if i == wordNr {
			v[i], o = p.number(w)
		} else {
			v[i], o = w.solve(&p.splits)
		}
		if o != always {
			return d, o
		}
	}
	d.Nr = int32(v[wordNr])
	for i := range d.Args {
		d.Args[i] = uint64(v[wordArgs+2*i]) | uint64(v[wordArgs+2*i+1])<<32
	}
	return d, always
}

type state32 [numWords]uint32

// number finds a number that is not outside. Its exclusions are of whole words as a rule, so it goes from one to the next.
func (p *prover) number(w word) (uint32, outcome) {
	for range maxSplits {
		v, ok := w.first()
		if !ok {
			return 0, never
		}
		if _, out := slices.BinarySearch(p.outside, v); !out && !w.excludes(v) {
			return v, always
		}
		if v == full {
			return 0, never
		}
		w.lo = v + 1
	}
	return 0, depends
}
