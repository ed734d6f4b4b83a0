package unotify

import (
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// ErrGone says that the notification is no longer pending: its target died, or a signal ended the call. It matches every
// OpError on a notification whose errno is ENOENT.
var ErrGone = errors.New("notification is gone")

// ErrHangup says that no task uses the listener's filter any more: no notification will ever come.
var ErrHangup = errors.New("all targets have ended")

// ErrInterrupted says that Receive returned because of Interrupt.
var ErrInterrupted = errors.New("receiver was interrupted")

// ErrNotListener says that a descriptor is not a seccomp listener.
var ErrNotListener = errors.New("descriptor is not a seccomp listener")

// An OpError is a failed kernel operation. It unwraps to the kernel's errno.
type OpError struct {
	Op  string // what was tried: "receive", "respond", "inject descriptor", …
	ID  uint64 // the notification, 0 if there was none
	Err error  // a syscall.Errno as a rule
}

// Error says what failed.
func (e *OpError) Error() string {
	if e.ID == 0 {
		return fmt.Sprintf("%s: %v", e.Op, e.Err)
	}
	return fmt.Sprintf("%s (notification %#x): %v", e.Op, e.ID, e.Err)
}

// Unwrap gives the errno.
func (e *OpError) Unwrap() error { return e.Err }

// Is makes errors.Is(err, ErrGone) true for ENOENT on a notification.
func (e *OpError) Is(target error) bool {
	return target == ErrGone && e.ID != 0 && e.Err == syscall.Errno(unix.ENOENT)
}

// opError is nil for errno 0.
func opError(op string, id uint64, errno syscall.Errno) error {
	if errno == 0 {
		return nil
	}
	return &OpError{Op: op, ID: id, Err: errno}
}
