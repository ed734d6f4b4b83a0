package arch

import (
	"iter"
	"sort"
	"strings"
)

// An ID stands for a call's name, the same on every ABI. IDs are in the names' alphabetical order and begin at 1; 0 is no
// call. They change from one version of the tables to the next: keep names, not IDs.
type ID uint16

// A callTable holds the calls of one or more ABIs. Numbers are less the ABI's base.
type callTable struct {
	ids  []ID           // by number
	nrs  [NumIDs]uint16 // by ID: number plus 1, 0 where there is none
	tail []tailCall     // numbers far above the others, in order
}

type tailCall struct {
	nr int32
	id ID
}

var noCalls callTable

// Name returns the call's name; "" for 0 and for what is no ID.
func (id ID) Name() string {
	if id == 0 || id >= NumIDs {
		return ""
	}
	return allNames[nameEnds[id-1]:nameEnds[id]]
}

// String is Name, or "unknown".
func (id ID) String() string {
	if n := id.Name(); n != "" {
		return n
	}
	return "unknown"
}

// LookupID finds the ID of a name that any ABI has.
func LookupID(name string) (ID, bool) {
	i, ok := sort.Find(NumIDs-1, func(i int) int { return strings.Compare(name, ID(i+1).Name()) })
	if !ok {
		return 0, false
	}
	return ID(i + 1), true
}

// ID returns the call that has a number on the ABI, 0 where none has.
func (a ABI) ID(nr int32) ID {
	f := a.facts()
	n := uint32(nr - f.base) // what is below the base becomes too large
	if n < uint32(len(f.calls.ids)) {
		return f.calls.ids[n]
	}
	for _, t := range f.calls.tail {
		if uint32(t.nr) == n {
			return t.id
		}
	}
	return 0
}

// Name returns the name of a number, "" where the ABI has no such call.
func (a ABI) Name(nr int32) string { return a.ID(nr).Name() }

// Number returns the number of a call as a notification carries it; false where the ABI has no such call.
func (a ABI) Number(name string) (int32, bool) {
	id, ok := LookupID(name)
	if !ok {
		return 0, false
	}
	return a.NumberOf(id)
}

// NumberOf is Number by ID.
func (a ABI) NumberOf(id ID) (int32, bool) {
	f := a.facts()
	if id == 0 || id >= NumIDs {
		return 0, false
	}
	if n := f.calls.nrs[id]; n != 0 {
		return int32(n) - 1 + f.base, true
	}
	for _, t := range f.calls.tail {
		if t.id == id {
			return t.nr + f.base, true
		}
	}
	return 0, false
}

// Calls ranges over the ABI's numbers and names, in the order of the numbers.
func (a ABI) Calls() iter.Seq2[int32, string] {
	return func(yield func(int32, string) bool) {
		f := a.facts()
		for n, id := range f.calls.ids {
			if id != 0 && !yield(int32(n)+f.base, id.Name()) {
				return
			}
		}
		for _, t := range f.calls.tail {
			if !yield(t.nr+f.base, t.id.Name()) {
				return
			}
		}
	}
}
