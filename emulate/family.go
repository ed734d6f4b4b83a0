package emulate

import (
	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/unotify"
)

// A Family performs a group of calls that are alike in what they need.
type Family interface {
	// Calls lists what it performs.
	Calls() []Support
	// Thread prepares the calling thread for performing. The caller's goroutine is locked to it and ends with it.
	Thread() (Thread, error)
	// Work makes room for one call at a time.
	Work() Work
	// Watch lists calls that change what the family remembers of a caller. Changing is told of each before the kernel runs it.
	Watch() arch.Selection
	// Calling is told of every call before anything else is done with it.
	Calling(tid int)
	// Changing is told of a watched call that the kernel is about to run.
	Changing(tid int, call arch.ID)
}

// Support says how a call is performed.
type Support struct {
	Call string
	Note string // what is not as the kernel does it; "" if nothing
	// Checked: the call is judged by the paths that it means, and then the kernel runs it. What it reaches if its path is exchanged
	// meanwhile is of no use: every later call is judged by what it really reaches.
	Checked bool
	// As: who performs it. With rights that the target does not have, a policy has to say so for just such calls.
	As policy.As
}

// RangeOf is what families perform together.
func RangeOf(families ...[]Support) (r policy.Range) {
	for _, list := range families {
		for _, s := range list {
			id, ok := arch.LookupID(s.Call)
			switch {
			case !ok:
			case s.Checked:
				r.Checked.Add(id)
			default:
				r.As[s.As].Add(id)
			}
		}
	}
	r.Performable = r.As[policy.AsTarget]
	r.Granted = r.As[policy.AsSupervisor].Minus(r.Performable).Minus(r.Checked)
	return r
}

// A Thread is an operating system's thread that calls are performed on. It belongs to one goroutine.
type Thread interface {
	Close()
}

// A Work is one call being performed. It serves one call after the other: Copy, Start, then Path and Perform, then End. It holds
// copies and handles, never a reader of the target's memory.
type Work interface {
	// Copy reads what performing needs of the target's memory besides what is decoded, and finds out who the target is. The call is
	// decoded from the memory that it returns, so that decision and action see the same bytes. What is read here counts if the call
	// is found pending afterwards.
	Copy(tid int, raw *arch.Data, mem arch.Memory) arch.Memory
	// Start takes the decoded call, of a target that has been found pending after the copying.
	Start(t Thread, env Env, call *arch.Call)
	// On moves the work to another thread.
	On(t Thread)
	// Paths gives the paths that the call's arguments mean, for the decision.
	policy.Paths
	// Perform carries the call out, and leaves what is hidden out of its result (nil: nothing is). Without wait it gives Later instead
	// of doing what may block for long.
	Perform(hide policy.Hider, wait bool) Result
	// Interrupt makes what blocks in Perform fail with EINTR, if anything does. Another goroutine calls it, again and again until
	// Perform has come back.
	Interrupt()
	// End lets go of everything that the call held.
	End()
}

// A Grantee is a Work that a rule may say more to: Grant comes before Perform. What is given is read-only.
type Grantee interface{ Grant(g *policy.Grant) }

// An Env is what performing may use of the supervisor.
type Env struct {
	ID     uint64 // of the notification
	TID    int    // of the target
	source unotify.Validator
}

// Valid says whether the call is still pending. A handle on the target counts only if this is nil after it was opened.
func (e *Env) Valid() error { return e.source.Valid(e.ID) }

// Validator is what Valid asks.
func (e *Env) Validator() unotify.Validator { return e.source }
