// Package audit turns what a supervisor did into records: lines for people, JSON lines for machines, counts.
package audit

import (
	"syscall"
	"time"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
)

// An Event is one notification from its reception to its end.
type Event struct {
	Time     time.Time // of reception; zero if the sink wants none
	Caller   policy.Caller
	Call     *arch.Call
	Decision policy.Decision
	Outcome  Outcome
	Value    int64         // what the target got, when the supervisor answered
	Errno    syscall.Errno // the same, on failure
	Duration time.Duration // from reception to answer; 0 if the sink wants none
	FDPaths  []FDPath      // what the call's descriptors referred to; nil if the sink wants none
}

// An FDPath is a descriptor of the target and what it referred to while the call was pending.
type FDPath struct {
	FD   int
	Path string
}

// fdPath looks a descriptor up, for a line of text.
func (e *Event) fdPath(fd int64) string {
	for _, f := range e.FDPaths {
		if int64(f.FD) == fd {
			return plainPath(f.Path)
		}
	}
	return ""
}

// An Outcome says how a notification ended.
type Outcome uint8

// Outcomes.
const (
	Continued Outcome = iota // left to the kernel: its result is not known here
	Answered                 // ended by the supervisor: Value and Errno are what the target got
	Gone                     // the target died, or a signal ended the call, before it was answered
	Failed                   // the supervisor could not answer; Decision.Reason says why
	Killed                   // the target's process was killed, and got no answer
)

var outcomeNames = [...]string{"continued", "answered", "gone", "failed", "killed"}

// String is the word used in records.
func (o Outcome) String() string { return outcomeNames[o] }

// Needs say which parts of an event cost something extra and are wanted.
type Needs struct {
	Time     bool
	Duration bool
	PID      bool // the process beside the thread
	Args     bool // decoded arguments
	FDPaths  bool // what descriptors refer to
}

// A Sink takes events. Record is called by one goroutine at a time per supervisor thread and by several threads at once; it must
// not block on the targets, must not keep the event or anything it points to, and reports loss through Dropped.
type Sink interface {
	Record(e *Event)
	Needs() Needs
	// Dropped counts events that could not be written.
	Dropped() uint64
	// Close writes out what is buffered and gives the first error of the sink's life.
	Close() error
}

// Discard is a Sink that needs and keeps nothing.
type Discard struct{}

// Record does nothing.
func (Discard) Record(*Event) {}

// Needs is the zero value.
func (Discard) Needs() Needs { return Needs{} }

// Dropped is 0.
func (Discard) Dropped() uint64 { return 0 }

// Close does nothing.
func (Discard) Close() error { return nil }
