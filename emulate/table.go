package emulate

import (
	"context"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
)

// A Performer carries out one call in the target's stead. It gets copies of the arguments and an Env, and no way to read the
// target's memory. It runs on a worker, may block, and should return when ctx is done (the call has been denied by then).
type Performer func(ctx context.Context, env *Env, call *arch.Call) Result

// A Table says which calls can be performed and how. It is built explicitly and not changed afterwards.
type Table struct {
	performers [arch.NumIDs]Performer
	families   []Family
	family     [policy.NumAs][arch.NumIDs]uint8 // position in families, plus 1
}

// An Entry is a row of a Table.
type Entry struct {
	Call    string
	Perform Performer
}

// NewTable builds a table. An unknown call is an error.
func NewTable(entries ...Entry) (*Table, error) {
	t := &Table{}
	for _, e := range entries {
		id, ok := arch.LookupID(e.Call)
		if !ok {
			return nil, &UnknownCallError{Call: e.Call}
		}
		t.performers[id] = e.Perform
	}
	return t, nil
}

// Families builds a table of families. A call that two of them perform for one As is the first one's.
func Families(list ...Family) (*Table, error) {
	t := &Table{families: list}
	for i, f := range list {
		for _, s := range f.Calls() {
			id, ok := arch.LookupID(s.Call)
			if !ok {
				return nil, &UnknownCallError{Call: s.Call}
			}
			if at := &t.family[s.As][id]; *at == 0 {
				*at = uint8(i + 1)
			}
		}
	}
	return t, nil
}

// UnknownCallError says that no ABI has a call of that name.
type UnknownCallError struct{ Call string }

// Error names the call.
func (e *UnknownCallError) Error() string { return "no ABI has a call " + e.Call }

// performer is nil for a call that cannot be performed by a function.
func (t *Table) performer(id arch.ID) Performer { return t.performers[id] }

// performs says whether a family performs a call.
func (t *Table) performs(id arch.ID, family int) bool {
	for as := range t.family {
		if int(t.family[as][id])-1 == family {
			return true
		}
	}
	return false
}

// familyOf is the position of the family that performs a call: the one for an As, or who else does.
func (t *Table) familyOf(id arch.ID, as policy.As) (int, bool) {
	if f := t.family[as][id]; f != 0 {
		return int(f) - 1, true
	}
	for _, other := range [...]policy.As{policy.AsTarget, policy.AsSupervisor} {
		if f := t.family[other][id]; f != 0 {
			return int(f) - 1, true
		}
	}
	return 0, false
}

// watch are the calls that some family wants to be told of.
func (t *Table) watch() (s arch.Selection) {
	for _, f := range t.families {
		s = s.Union(f.Watch())
	}
	return s
}
