package emulate

import (
	"context"

	"github.com/stead-project/stead/arch"
)

// A Performer carries out one call in the target's stead. It gets copies of the arguments and an Env, and no way to read the
// target's memory. It runs on a worker, may block, and should return when ctx is done (the call has been denied by then).
type Performer func(ctx context.Context, env *Env, call *arch.Call) Result

// A Table says which calls can be performed and how. It is built explicitly and not changed afterwards.
type Table struct {
	performers [arch.NumIDs]Performer
	families   []Family
	family     [arch.NumIDs]uint8 // position in families, plus 1
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

// Families builds a table of families. A call that two of them perform is the first one's.
func Families(list ...Family) (*Table, error) {
	t := &Table{families: list}
	for i, f := range list {
		for _, s := range f.Calls() {
			id, ok := arch.LookupID(s.Call)
			if !ok {
				return nil, &UnknownCallError{Call: s.Call}
			}
			if t.family[id] == 0 {
				t.family[id] = uint8(i + 1)
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
func (t *Table) performs(id arch.ID) bool {
	_, ok := t.familyOf(id)
	return ok
}

// familyOf is the position of the family that performs a call.
func (t *Table) familyOf(id arch.ID) (int, bool) { return int(t.family[id]) - 1, t.family[id] != 0 }

// watch are the calls that some family wants to be told of.
func (t *Table) watch() (s arch.Selection) {
	for _, f := range t.families {
		s = s.Union(f.Watch())
	}
	return s
}
