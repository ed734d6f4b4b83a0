package emulate

import (
	"context"

	"github.com/stead-project/stead/arch"
)

// A Performer carries out one call in the target's stead. It gets copies of the arguments and an Env, and no way to read the
// target's memory. It runs on a worker, may block, and should return when ctx is done (the call has been denied by then).
type Performer func(ctx context.Context, env *Env, call *arch.Call) Result

// An Env is what a Performer may use of the supervisor.
type Env struct {
	ID     uint64 // of the notification
	TID    int    // of the target
	source Source
}

// Valid says whether the call is still pending. A handle on the target counts only if this is nil after it was opened.
func (e *Env) Valid() error { return e.source.Valid(e.ID) }

// A Table says which calls can be performed and how. It is built explicitly and not changed afterwards.
type Table struct {
	performers [arch.NumIDs]Performer
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

// UnknownCallError says that no ABI has a call of that name.
type UnknownCallError struct{ Call string }

// Error names the call.
func (e *UnknownCallError) Error() string { return "no ABI has a call " + e.Call }

// performer is nil for a call that cannot be performed.
func (t *Table) performer(id arch.ID) Performer { return t.performers[id] }
