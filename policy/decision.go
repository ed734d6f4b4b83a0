// Package policy decides calls: a call goes in, a decision comes out. It is pure: no kernel, no I/O.
package policy

import (
	"syscall"

	"github.com/stead-project/stead/arch"
)

// A Verdict says what is to become of a call.
type Verdict uint8

// The verdicts. The zero value denies, so that nothing forgotten can let a call through.
const (
	Deny    Verdict = iota // fail with Errno
	Allow                  // the kernel performs the call (CONTINUE)
	Log                    // Allow, and always record
	Kill                   // kill the target's process
	Perform                // the supervisor performs it in the target's stead
	Return                 // succeed with Value, doing nothing
	Ask                    // ask a person
)

var verdictNames = [...]string{"deny", "allow", "log", "kill", "perform", "return", "ask"}

// String is the policy language's word.
func (v Verdict) String() string {
	if int(v) < len(verdictNames) {
		return verdictNames[v]
	}
	return "deny"
}

// Continues says whether the kernel is to run the call.
func (v Verdict) Continues() bool { return v == Allow || v == Log }

// A Decision is a verdict with its reason.
type Decision struct {
	Verdict Verdict
	Errno   syscall.Errno // of Deny; 0 means EPERM
	Value   int64         // of Return
	Quiet   bool          // keep it out of the record
	Rule    string        // the rule that gave it, "" for a default
	At      string        // where that is: FILE:LINE; "": nowhere
	Raced   bool          // what was judged can change before the kernel reads it, and the policy accepts that
	Reason  string        // why, where the rule does not say it (a failure of the supervisor, say)
	Note    string        // what else is to be known of the call, for the record
	Version uint64        // of the policy
	Hide    Hider         // of Perform: what a listing leaves out; nil: nothing
	Grant   *Grant        // of Perform: what the rule says of how; nil: nothing
}

// Engine says what enforces a decision that the supervisor was asked for, in the words of `stead policy explain`; "" without a policy.
func (d *Decision) Engine() string {
	switch {
	case d.Version == 0:
		return ""
	case d.Verdict == Perform:
		return "performed"
	case d.Raced && d.Verdict.Continues():
		return "accepted race"
	}
	return "supervisor"
}

// A Hider knows paths that nobody is to know of.
type Hider interface {
	// Hidden is asked with clean absolute paths.
	Hidden(path []byte) bool
}

// Denial is a decision to fail a call because of something that went wrong with it.
func Denial(errno syscall.Errno, reason string) Decision {
	return Decision{Verdict: Deny, Errno: errno, Reason: reason}
}

// A Caller is who makes a call.
type Caller struct {
	ID  uint64 // the notification
	TID int    // the thread, in the supervisor's pid namespace
	PID int    // its process (thread group); 0 if unknown
}

// A Request is one decoded call and who makes it. It may not be kept after Decide has returned.
type Request struct {
	Call   *arch.Call
	Caller Caller
	Paths  Paths // nil: nobody has resolved the paths
}

// Paths knows what the path arguments of a call mean to the kernel.
type Paths interface {
	// Path is the absolute path, without symbolic links, that argument arg leads to, or of the name that it would create or
	// remove; false: there is no telling, and the call cannot succeed.
	Path(arg int) (path string, ok bool)
	// Held says whether argument arg leads to something that the supervisor has hold of.
	Held(arg int) bool
	// New says whether nothing is there that argument arg leads to, so that the call would make it.
	New(arg int) bool
}

// Names are Paths that can tell what there is.
type Names interface {
	Paths
	// Mode is the type (S_IFMT) of what argument arg leads to, or of what has the name that the call would create or remove; 0: nothing
	// is there.
	Mode(arg int) uint32
}

// Mounts are Paths of a call that mounts or unmounts.
type Mounts interface {
	Paths
	// Initial says whether argument arg leads to a mount that the container began with; known false: there is no telling.
	Initial(arg int) (initial, known bool)
	// FSType is the type of the file system that argument arg leads to, as mountinfo has it.
	FSType(arg int) (name string, known bool)
}

// A Decider decides calls. It must be safe for use by several goroutines, must not block, and has no error result: what cannot
// be decided is denied, with the reason.
type Decider interface {
	Decide(r *Request) Decision
}

// A RegisterDecider can decide some calls without their decoded arguments. ok false: the call has to be decoded. A supervisor
// that needs no record of a call asks here first and saves reading the target's memory.
type RegisterDecider interface {
	Decider
	DecideRegisters(d arch.Data) (decision Decision, ok bool)
}

// Always decides every call alike, by its registers alone.
type Always Decision

// Decide implements Decider.
func (a Always) Decide(*Request) Decision { return Decision(a) }

// DecideRegisters implements RegisterDecider.
func (a Always) DecideRegisters(arch.Data) (Decision, bool) { return Decision(a), true }
