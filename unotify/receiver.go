package unotify

import (
	"errors"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A Receiver is one thread's right to wait on a listener. It belongs to the goroutine that made it, which stays on its
// thread until Close. The design has one per listener: see the package documentation on threads.
//
// RECV can be ended from outside only by a signal (and, since Linux 6.11, by the end of the last target), so a second thread
// watches for the hang-up and for Interrupt, and signals this one. Nothing of that costs a system call per notification.
type Receiver struct {
	l       *Listener
	tid     int
	big     []byte
	cancel  int // eventfd that ends the watcher's wait
	hangup  atomic.Bool
	stop    atomic.Bool
	left    atomic.Bool // Receive saw stop or hangup: no more signals needed
	watcher sync.WaitGroup
	once    sync.Once
}

// interruptSignal wakes a thread out of RECV. A real-time signal that neither the Go runtime nor the C library uses.
const interruptSignal = syscall.Signal(42)

// NewReceiver locks the calling goroutine to its thread and makes it the listener's receiver.
func (l *Listener) NewReceiver() (*Receiver, error) {
	cancel, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		return nil, &OpError{Op: "create eventfd", Err: err}
	}
	runtime.LockOSThread()
	r := &Receiver{l: l, tid: unix.Gettid(), cancel: cancel}
	if l.big > 0 {
		r.big = make([]byte, l.big)
	}
	r.watcher.Add(1)
	go r.watch()
	return r, nil
}

// Close ends the watcher and gives the thread back. The listener stays open. Only the receiving goroutine may call it.
func (r *Receiver) Close() {
	r.once.Do(func() {
		r.left.Store(true)
		r.wakeWatcher()
		r.watcher.Wait()
		unix.Close(r.cancel)
		runtime.UnlockOSThread()
	})
}

// Receive waits for a notification and fills n.
//
// Errors: ErrHangup when no target is left, ErrInterrupted after Interrupt, else an OpError with the kernel's errno. A
// notification that went away between wake-up and reception is not an error; Receive goes on waiting.
func (r *Receiver) Receive(n *Notification) error {
	for {
		errno := receive(r.l.fd, n, r.big)
		if errno == 0 {
			return nil
		}
		if err := r.receiveError(errno); err != nil {
			return err
		}
	}
}

// receiveError sorts the errnos of RECV; nil means try again.
func (r *Receiver) receiveError(errno syscall.Errno) error {
	if r.stop.Load() {
		r.left.Store(true)
		return ErrInterrupted
	}
	if r.hangup.Load() || (errno == unix.ENOENT && r.l.Hangup()) {
		r.left.Store(true)
		return ErrHangup
	}
	if errno == unix.EINTR || errno == unix.ENOENT {
		return nil
	}
	return opError("receive", 0, errno)
}

// Interrupt makes Receive return ErrInterrupted, now or when it is called next. Any goroutine may call it, any number of times.
func (r *Receiver) Interrupt() {
	r.stop.Store(true)
	r.wakeWatcher()
}

func (r *Receiver) wakeWatcher() {
	one := [8]byte{1}
	unix.Write(r.cancel, one[:]) //nolint:errcheck // can only fail when the counter is full, and then it is readable
}

// watch waits for the hang-up or for Interrupt, then signals the receiving thread until it has noticed.
func (r *Receiver) watch() {
	defer r.watcher.Done()
	if r.waitForEnd() {
		r.hangup.Store(true)
	}
	if r.left.Load() {
		return
	}
	if err := armInterruptSignal(); err != nil {
		return
	}
	for pause := time.Millisecond; !r.left.Load(); pause = min(2*pause, 100*time.Millisecond) {
		unix.Tgkill(os.Getpid(), r.tid, interruptSignal) //nolint:errcheck // the thread is locked, so it exists
		time.Sleep(pause)
	}
}

// waitForEnd says whether it was a hang-up. Events 0 asks for POLLHUP only, so a notification does not wake this thread.
func (r *Receiver) waitForEnd() bool {
	fds := []unix.PollFd{{Fd: int32(r.l.fd)}, {Fd: int32(r.cancel), Events: unix.POLLIN}}
	for {
		_, err := unix.Poll(fds, -1)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		return err == nil && fds[0].Revents != 0
	}
}

// armInterruptSignal gives interruptSignal a handler that does not restart system calls. The Go runtime's handler ignores a
// signal that nobody asked for, but is installed with SA_RESTART, which would send the thread straight back into RECV.
func armInterruptSignal() error {
	signal.Notify(make(chan os.Signal, 1), interruptSignal) // makes sure that there is a handler, also in a C program
	var act sigaction
	if errno := rtSigaction(int(interruptSignal), nil, &act); errno != 0 {
		return errno
	}
	if act.flags&saRestart == 0 {
		return nil
	}
	act.flags &^= saRestart
	if errno := rtSigaction(int(interruptSignal), &act, nil); errno != 0 {
		return errno
	}
	return nil
}

// saRestart is SA_RESTART of asm-generic/signal-defs.h; every architecture that Go runs Linux programs on has this value.
const saRestart = 0x10000000
