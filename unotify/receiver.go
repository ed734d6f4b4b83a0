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
// RECV can be ended from outside only by a signal (and, since Linux 6.11, by the end of the last target), so a goroutine
// watches for the hang-up and for Interrupt, and signals the thread. Nothing of that costs a system call per notification, and
// the watching no thread.
type Receiver struct {
	l *Listener
	*Injector
	tid     int
	big     []byte
	end     *os.File // epoll descriptor that becomes readable with the hang-up; Interrupt lets waiting for it time out
	hangup  atomic.Bool
	stop    atomic.Bool
	left    chan struct{} // closed by the receiving goroutine when it needs no more signals
	watcher sync.WaitGroup
	once    sync.Once
}

// interruptSignal wakes a thread out of RECV. A real-time signal that neither the Go runtime nor the C library uses.
const interruptSignal = syscall.Signal(InterruptSignal)

// InterruptSignal is its number, for other threads of a supervisor that may block in a system call. Linux signal numbers.
const InterruptSignal = 42

// ArmInterrupt makes InterruptSignal end system calls with EINTR, without any other effect.
func ArmInterrupt() error { return armInterruptSignal() }

// NewReceiver locks the calling goroutine to its thread and makes it the listener's receiver.
func (l *Listener) NewReceiver() (*Receiver, error) {
	end, err := hangupFile(l.FD())
	if err != nil {
		return nil, &OpError{Op: "watch listener", Err: err}
	}
	runtime.LockOSThread()
	r := &Receiver{l: l, tid: unix.Gettid(), end: end, left: make(chan struct{})}
	r.Injector = l.NewInjector(l.killable)
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
		r.leave()
		r.wakeWatcher()
		r.watcher.Wait()
		r.end.Close()
		runtime.UnlockOSThread()
	})
}

// Receive waits for a notification and fills n.
//
// Errors: ErrHangup when no target is left, ErrInterrupted after Interrupt, else an OpError with the kernel's errno. A
// notification that went away between wake-up and reception is not an error; Receive goes on waiting.
func (r *Receiver) Receive(n *Notification) error {
	for {
		errno := receive(r.l.FD(), n, r.big)
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
		r.leave()
		return ErrInterrupted
	}
	if r.hangup.Load() || (errno == unix.ENOENT && r.l.Hangup()) {
		r.leave()
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
	r.end.SetReadDeadline(time.Unix(1, 0)) //nolint:errcheck // fails only where nobody waits any more
}

// hangupFile makes an epoll instance that reports the hang-up and nothing else: no event is asked for, and EPOLLHUP comes
// unasked, so that a notification wakes nobody here. Go's own poller waits for it, being able to nest.
func hangupFile(fd int) (*os.File, error) {
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	if err = unix.EpollCtl(ep, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{}); err == nil {
		err = unix.SetNonblock(ep, true) // what os.NewFile goes by
	}
	if err != nil {
		unix.Close(ep)
		return nil, err
	}
	return os.NewFile(uintptr(ep), "seccomp hang-up"), nil
}

// leave says that Receive will not wait again. Only the receiving goroutine calls it.
func (r *Receiver) leave() {
	if !r.hasLeft(0) {
		close(r.left)
	}
}

// hasLeft waits a while for leave.
func (r *Receiver) hasLeft(wait time.Duration) bool {
	select {
	case <-r.left:
		return true
	default:
	}
	if wait == 0 {
		return false
	}
	select {
	case <-r.left:
		return true
	case <-time.After(wait):
		return false
	}
}

// ownEnd is how long a kernel that ends RECV at the hang-up by itself gets to do so.
const ownEnd = 2 * time.Millisecond

// watch waits for the hang-up or for Interrupt, then signals the receiving thread until it has noticed.
func (r *Receiver) watch() {
	defer r.watcher.Done()
	if r.waitForEnd() {
		r.hangup.Store(true)
		if r.hasLeft(ownEnd) {
			return
		}
	}
	if r.hasLeft(0) || armInterruptSignal() != nil {
		return
	}
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		unix.Tgkill(os.Getpid(), r.tid, interruptSignal) //nolint:errcheck // the thread is locked, so it exists
		if r.hasLeft(pause) {
			return
		}
	}
}

// waitForEnd says whether it was a hang-up.
func (r *Receiver) waitForEnd() bool {
	conn, err := r.end.SyscallConn()
	if err != nil {
		return false
	}
	return conn.Read(hungUp) == nil
}

func hungUp(ep uintptr) bool {
	var events [1]unix.EpollEvent
	n, err := unix.EpollWait(int(ep), events[:], 0)
	return n > 0 || (err != nil && !errors.Is(err, unix.EINTR))
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
