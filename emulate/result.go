package emulate

import (
	"os"
	"syscall"
)

// A Result is what a performed call gives the target. It is made only by [Return], [Errno] and [Install]; its zero value fails
// the call with EPERM. It cannot say "let the kernel do it": only a policy can.
type Result struct {
	kind        resultKind
	value       int64
	errno       syscall.Errno
	file        *os.File
	closeOnExec bool
}

type resultKind uint8

const (
	resultDenied resultKind = iota
	resultValue
	resultErrno
	resultFile
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

// Install makes the call succeed with a new descriptor for f, the lowest free one of the target. f is closed afterwards.
func Install(f *os.File, closeOnExec bool) Result {
	return Result{kind: resultFile, file: f, closeOnExec: closeOnExec}
}

// release closes what an unused result holds.
func (r Result) release() {
	if r.file != nil {
		r.file.Close()
	}
}
