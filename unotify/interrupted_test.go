//go:build !race

// The race detector stops all threads at times; the one of this test that waits for its own process cannot be stopped.

package unotify_test

import (
	"errors"
	"runtime"
	"runtime/debug"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/unotify"
)

// The kernel waits for the listener's lock interruptibly, so that each operation on it can fail with EINTR before it has done
// anything (kernel/seccomp.c). A second listener, on the thread that operates, makes each fail so once.
func TestInterruptedOperationsAreRepeated(t *testing.T) {
	// The operating thread is in a system call that the Go runtime does not know to wait: nothing may want to stop it.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	defer debug.SetGCPercent(debug.SetGCPercent(-1))

	l, n, result := ask(t)
	operations := []func() error{
		func() error { return l.SetFlags(0) },
		func() error { return l.Valid(n.ID) },
		func() error { return l.Respond(n.ID, unotify.Response{Value: 7}) },
	}
	outcomes := make([]error, len(operations))
	done := make(chan struct{})
	interrupting := filteredOn(t, unix.SYS_IOCTL, 0, func() {
		defer close(done)
		for i, operate := range operations {
			outcomes[i] = operate()
		}
	})
	asked := interrupt(t, interrupting)
	<-done
	for i, err := range outcomes {
		if err != nil && !(i == 0 && errors.Is(err, unix.EINVAL)) { // no flags before Linux 6.6
			t.Errorf("operation %d: %v", i, err)
		}
	}
	if want := 2 * len(operations); asked != want {
		t.Errorf("%d system calls were made, want %d", asked, want)
	}
	if t.Failed() {
		return // the call may still be pending
	}
	if got := <-result; got != (answer{7, 0}) {
		t.Errorf("the call gave %+v, want 7", got)
	}
}

// interrupt answers every other call with EINTR, and lets the others run, until the thread has ended. It counts them.
func interrupt(t *testing.T, l *unotify.Listener) (asked int) {
	r := receiver(t, l)
	var n unotify.Notification
	for ; r.Receive(&n) == nil; asked++ {
		response := unotify.Response{Errno: unix.EINTR}
		if asked%2 == 1 {
			response = unotify.Response{Continue: true}
		}
		if err := l.Respond(n.ID, response); err != nil {
			t.Error(err)
		}
	}
	return asked
}
