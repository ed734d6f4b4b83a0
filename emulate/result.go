package emulate

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// A Result is what a performed call gives the target. It is made only by [Return], [Errno], [Install] and [Later]; its zero value
// fails the call with EPERM. It cannot say "let the kernel do it": only a policy can.
type Result struct {
	kind        resultKind
	value       int64
	errno       syscall.Errno
	fd          int
	closeOnExec bool
	exact       bool // close fd before the target goes on
	final       bool
	reason      string // the supervisor refuses it
	note        string // for the record
	out         [2]Out
	more        []Out
}

// An Out is a piece of the target's memory that a call fills.
type Out struct {
	Addr uint64
	P    []byte // until the work's End
}

type resultKind uint8

const (
	resultDenied resultKind = iota
	resultValue
	resultErrno
	resultFile
	resultLater
)

// Return makes the call succeed with a value.
func Return(value int64) Result { return Result{kind: resultValue, value: value} }

// Errno makes the call fail. The errno is the one that the kernel gave when the call was performed; 0 is success with value 0.
func Errno(errno syscall.Errno) Result {
	if errno == 0 {
		return Return(0)
	}
	return Result{kind: resultErrno, errno: errno}
}

// Install makes the call succeed with a new descriptor for the supervisor's descriptor fd, the lowest free one of the target. fd
// is closed afterwards.
func Install(fd int, closeOnExec bool) Result {
	return Result{kind: resultFile, fd: fd, closeOnExec: closeOnExec}
}

// Exact has Install close the supervisor's descriptor before the target goes on: who closes what it wrote to is the last one then, as
// others may wait for (inotify(7), IN_CLOSE_WRITE; execve(2), ETXTBSY).
func (r Result) Exact() Result {
	r.exact = true
	return r
}

// Later says that a call may block and was not begun.
func Later() Result { return Result{kind: resultLater} }

// Write adds a piece of memory to be filled before the call succeeds. Memory that the target could not write itself fails the call
// with EFAULT. There can be two.
func (r Result) Write(addr uint64, p []byte) Result {
	i := 0
	if r.out[0].P != nil {
		i = 1
	}
	r.out[i] = Out{Addr: addr, P: p}
	return r
}

// Scatter adds pieces of memory in any number, as Write does.
func (r Result) Scatter(list []Out) Result {
	r.more = list
	return r
}

// Final makes EINTR what the target gets, whether the handler that interrupted the call was installed to repeat calls or not.
func (r Result) Final() Result {
	r.final = true
	return r
}

// Refused makes a failure a refusal of the supervisor's own, with its reason for the record.
func (r Result) Refused(reason string) Result {
	r.reason = reason
	return r
}

// Because says in the call's record why the result is what it is, where an errno does not.
func (r Result) Because(why string) Result {
	r.note = why
	return r
}

// release closes what an unused result holds. Descriptor 0 is never one of a result's.
func (r *Result) release() {
	if r.kind == resultFile && r.fd > 0 {
		unix.Close(r.fd)
		r.fd = -1
	}
}

// Deferred says whether the result is Later.
func (r *Result) Deferred() bool { return r.kind == resultLater }

// Failed gives the errno of a result that fails the call.
func (r *Result) Failed() (syscall.Errno, bool) { return r.errno, r.kind == resultErrno }
