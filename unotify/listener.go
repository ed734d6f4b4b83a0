package unotify

import (
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// A Listener is the descriptor that a filter's notifications come from. Its methods may be called from any thread, at the same
// time; only receiving belongs to one thread (see [Receiver]). It allocates nothing per call.
type Listener struct {
	fd       atomic.Int64
	big      int // bytes of the kernel's notification where it is longer than ours, else 0
	killable bool
}

// FromFD takes over a listener that somebody else created (a container runtime, say). It fails with ErrNotListener, and
// leaves the descriptor alone, when fd is something else.
func FromFD(fd int) (*Listener, error) {
	var id uint64
	if errno := ioctlIDValid(fd, &id); errno != 0 && errno != unix.ENOENT {
		return nil, &OpError{Op: "adopt listener", Err: errors.Join(ErrNotListener, errno)}
	}
	return newListener(fd)
}

func newListener(fd int) (*Listener, error) {
	sizes, err := NotifSizes()
	if err != nil {
		return nil, err
	}
	if err := checkSizes(sizes); err != nil {
		return nil, err
	}
	l := &Listener{}
	l.fd.Store(int64(fd))
	if sizes.Notification > notificationSize {
		l.big = int(sizes.Notification)
	}
	return l, nil
}

// SetKillable says that the filter was installed with FlagWaitKillableRecv, which cannot be asked of a listener. It comes before
// NewReceiver.
func (l *Listener) SetKillable(is bool) { l.killable = is }

// FD is the descriptor's number. It stays the listener's.
func (l *Listener) FD() int { return int(l.fd.Load()) }

// Close closes the descriptor. Pending calls and all later ones fail with ENOSYS in the targets.
func (l *Listener) Close() error {
	fd := int(l.fd.Swap(-1))
	if fd < 0 {
		return nil
	}
	return unix.Close(fd)
}

// SetFlags sets the listener's flags (SyncWakeUp). Linux 6.6; EINVAL or ENOTTY before.
func (l *Listener) SetFlags(flags uint64) error {
	return opError("set listener flags", 0, ioctlSetFlags(l.FD(), flags))
}

// Valid says whether the notification is still pending: nil, or an error that is ErrGone. A handle on the target opened
// before a nil answer belongs to the target (seccomp_unotify(2)).
func (l *Listener) Valid(id uint64) error {
	return opError("check notification", id, ioctlIDValid(l.FD(), &id))
}

// A Response ends a call. Zero is success with value 0.
type Response struct {
	Value    int64         // what the call returns
	Errno    syscall.Errno // if not 0: the call fails with it
	Continue bool          // the kernel performs the call, reading its arguments again; Value and Errno must be 0. Linux 5.5
}

// Respond ends the call of notification id. ErrGone: the call was over already.
func (l *Listener) Respond(id uint64, r Response) error {
	raw := response{id: id, val: r.Value}
	if r.Continue {
		raw.flags = unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE
	}
	if r.Errno != 0 {
		if r.Errno > maxErrno {
			return fmt.Errorf("respond: %d is not an errno", r.Errno)
		}
		raw.errno = -int32(r.Errno)
	}
	return opError("respond", id, ioctlSend(l.FD(), &raw))
}

// maxErrno is the kernel's MAX_ERRNO (include/linux/err.h).
const maxErrno = 4095

// AddFDOptions say how a descriptor is injected. The zero value takes the target's lowest free number, without close-on-exec,
// and leaves the call pending.
type AddFDOptions struct {
	Number      int  // with Exact: the target's descriptor to replace (as dup2)
	Exact       bool // SECCOMP_ADDFD_FLAG_SETFD
	Send        bool // also end the call, with the number as its value, atomically. Linux 5.14
	CloseOnExec bool
}

// AddFD puts a duplicate of descriptor fd into the target and returns its number there. Linux 5.9. It waits until the target
// has taken it. Errors: ErrGone; EBADF for a descriptor that is not open or O_PATH; EMFILE when the target's limit is
// reached; EINVAL for Send on an older kernel.
func (l *Listener) AddFD(id uint64, fd int, o AddFDOptions) (int, error) {
	raw := addfd{id: id, srcfd: uint32(fd)}
	if o.Exact {
		raw.flags |= unix.SECCOMP_ADDFD_FLAG_SETFD
		raw.newfd = uint32(o.Number)
	}
	if o.Send {
		raw.flags |= unix.SECCOMP_ADDFD_FLAG_SEND
	}
	if o.CloseOnExec {
		raw.newflags = unix.O_CLOEXEC
	}
	n, errno := addFDUninterrupted(l.FD(), &raw)
	return n, opError("inject descriptor", id, errno)
}

// addFDUninterrupted injects with all signals blocked: an injection with SEND counts as the reply from the moment it is queued,
// and a signal that ends the wait for it makes the kernel take that back (seccomp_notify_addfd in kernel/seccomp.c, Linux 7.3) while
// the target may be waking up. The Go runtime sends itself SIGURG at any time; without it there is nothing to take back.
func addFDUninterrupted(fd int, raw *addfd) (int, syscall.Errno) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	old, errno := sigprocmask(unix.SIG_SETMASK, allSignals)
	if errno != 0 {
		return -1, errno
	}
	n, errno := ioctlAddFD(fd, raw)
	sigprocmask(unix.SIG_SETMASK, old)
	return n, errno
}

const allSignals = ^uint64(0)

// Hangup says whether the listener has hung up: every task with its filter is gone. Linux 5.8.
func (l *Listener) Hangup() bool {
	p := []unix.PollFd{{Fd: int32(l.FD())}}
	n, err := unix.Poll(p, 0)
	return err == nil && n == 1 && p[0].Revents&(unix.POLLHUP|unix.POLLNVAL) != 0
}
