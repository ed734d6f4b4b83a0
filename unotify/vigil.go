package unotify

import (
	"errors"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A Vigil waits for the end of one thread. Waiting takes no thread of the supervisor and no processor time.
type Vigil struct {
	file *os.File // a pidfd; nil: threads have none, or none could be had
	conn syscall.RawConn
	wake chan struct{} // without a file
}

// Vigil begins to watch thread tid: Linux 5.10, and 6.9 for a thread that is not its process's first. Before, its end is not noticed. Close
// frees the descriptor.
func (t *Targets) Vigil(tid int) *Vigil {
	v := &Vigil{wake: make(chan struct{}, 1)}
	const nonblock = unix.O_NONBLOCK // PIDFD_NONBLOCK
	fd, err := unix.PidfdOpen(tid, pidfdThread|nonblock)
	if errors.Is(err, unix.EINVAL) {
		fd, err = unix.PidfdOpen(tid, nonblock)
	}
	if err != nil {
		return v
	}
	v.file = os.NewFile(uintptr(fd), "pidfd")
	if v.conn, err = v.file.SyscallConn(); err != nil || v.file.SetReadDeadline(time.Time{}) != nil {
		v.file.Close()
		v.file = nil
	}
	return v
}

// Await waits until the thread ends, until Wake, and not longer than d. If over is true to begin with, Wake may have come before; then it
// does not wait.
func (v *Vigil) Await(d time.Duration, over func() bool) {
	if v.file == nil {
		v.sleep(d, over)
		return
	}
	if v.file.SetReadDeadline(time.Now().Add(d)) != nil || over() {
		return
	}
	v.conn.Read(func(fd uintptr) bool { //nolint:errcheck // the deadline
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		return n > 0 || err != nil && !errors.Is(err, unix.EINTR)
	})
}

func (v *Vigil) sleep(d time.Duration, over func() bool) {
	if over() {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-v.wake:
	}
}

// Wake ends an Await, also one that is about to begin and has not asked whether it is over.
func (v *Vigil) Wake() {
	if v.file != nil {
		v.file.SetReadDeadline(time.Unix(1, 0)) //nolint:errcheck // it is closed, and nobody waits
		return
	}
	select {
	case v.wake <- struct{}{}:
	default:
	}
}

// Close ends the vigil.
func (v *Vigil) Close() {
	if v.file != nil {
		v.file.Close()
	}
}

// Signals says whether a signal that thread tid has a handler for waits to be delivered to it: what it is blocked in would end with EINTR, or
// begin again, if the kernel had it. Without a handler for any signal, none can come to wait as long as a thread that is its process's
// only one is blocked: possible is false then.
func (t *Targets) Signals(tid int) (waiting, possible bool) {
	s, err := t.proc.Status(tid)
	if err != nil {
		return false, true
	}
	caught := s.SigCaught &^ s.SigBlocked
	return (s.SigPending|s.ShdPending)&caught != 0, caught != 0 || s.Threads != 1
}
