package oci

import (
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/emulate"
	"github.com/stead-project/stead/unotify"
)

// A listenerSource is a source whose receivers give their thread up while nothing happens: an agent has hundreds of containers, and
// most of them are idle. It takes a system call more for each notification than emulate.FromListener does.
//
// It outlives its listener: a call of a target that died may still be looked after when the last server has ended, and must not meet
// whatever has the descriptor's number then.
type listenerSource struct {
	size int // of the kernel's notification
	mu   sync.RWMutex
	l    *unotify.Listener // nil: closed
}

// fromListener takes the listener over.
func fromListener(l *unotify.Listener) (*listenerSource, error) {
	sizes, err := unotify.NotifSizes()
	if err != nil {
		l.Close()
		return nil, err
	}
	return &listenerSource{l: l, size: max(notifSize, int(sizes.Notification))}, nil
}

// close closes the listener: whoever still waits for an answer gets ENOSYS.
func (s *listenerSource) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.l != nil {
		s.l.Close()
		s.l = nil
	}
}

// with lends the listener.
func (s *listenerSource) with(id uint64, use func(*unotify.Listener) error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.l == nil {
		return &unotify.OpError{Op: "use a closed listener", ID: id, Err: unix.ENOENT}
	}
	return use(s.l)
}

// Valid implements emulate.Source.
func (s *listenerSource) Valid(id uint64) error {
	return s.with(id, func(l *unotify.Listener) error { return l.Valid(id) })
}

// Respond implements emulate.Source.
func (s *listenerSource) Respond(id uint64, r unotify.Response) error {
	return s.with(id, func(l *unotify.Listener) error { return l.Respond(id, r) })
}

// SetFlags implements emulate.Source.
func (s *listenerSource) SetFlags(flags uint64) error {
	return s.with(0, func(l *unotify.Listener) error { return l.SetFlags(flags) })
}

// AddFD implements emulate.Source.
func (s *listenerSource) AddFD(id uint64, fd int, o unotify.AddFDOptions) (n int, err error) {
	n = -1
	err = s.with(id, func(l *unotify.Listener) error {
		n, err = l.AddFD(id, fd, o)
		return err
	})
	return n, err
}

// NewReceiver implements emulate.Source.
func (s *listenerSource) NewReceiver() (emulate.Receiver, error) {
	var r emulate.Receiver
	err := s.with(0, func(l *unotify.Listener) (err error) {
		r, err = newReceiver(l.FD(), s.size)
		return err
	})
	return r, err
}

func newReceiver(fd, size int) (*receiver, error) {
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
	return &receiver{fd: fd, ep: ep, ready: os.NewFile(uintptr(ep), "seccomp listener"), buf: make([]byte, size)}, nil
}

// A receiver waits in poll(2) as long as notifications come, since changing places with a target there costs least (the kernel's
// SYNC_WAKE_UP), and in Go's poller, which needs no thread for it, when none has come for a while.
//
// Once the listener is readable, receiving does not wait: the kernel counts a notification that has gone meanwhile, and then there is
// ENOENT (seccomp_notify_recv in kernel/seccomp.c).
type receiver struct {
	fd    int
	ep    int      // epoll instance with the listener, which Go's poller can wait for
	ready *os.File // the same
	buf   []byte
	poll  [1]unix.PollFd
	stop  atomic.Bool
}

// warm is how long a thread waits before it is given up, in milliseconds.
const warm = 50

// Receive implements emulate.Receiver.
func (r *receiver) Receive(n *unotify.Notification) error {
	for !r.stop.Load() {
		events, err := r.wait()
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return err
		case events&unix.POLLIN == 0 && events != 0: // POLLHUP: Linux 5.8
			return unotify.ErrHangup
		case events == 0:
			if err := r.rest(); err != nil && !r.stop.Load() {
				return err
			}
			continue
		}
		switch errno := receiveInto(r.fd, r.buf); errno {
		case 0:
			*n = parseNotification(r.buf)
			return nil
		case unix.EINTR:
		case unix.ENOENT:
			if events&unix.POLLHUP != 0 {
				return unotify.ErrHangup
			}
		default:
			return &unotify.OpError{Op: "receive", Err: errno}
		}
	}
	return unotify.ErrInterrupted
}

func (r *receiver) wait() (int16, error) {
	r.poll[0] = unix.PollFd{Fd: int32(r.fd), Events: unix.POLLIN}
	_, err := unix.Poll(r.poll[:], warm)
	return r.poll[0].Revents, err
}

// rest waits without a thread. Only meanwhile does the epoll instance look at the listener, so that a notification does not wake Go's
// poller beside the thread that waits for it.
func (r *receiver) rest() error {
	if err := r.look(unix.EPOLLIN); err != nil {
		return err
	}
	conn, err := r.ready.SyscallConn()
	if err != nil {
		return err
	}
	if err := conn.Read(readable); err != nil {
		return err
	}
	return r.look(0)
}

func (r *receiver) look(events uint32) error {
	return unix.EpollCtl(r.ep, unix.EPOLL_CTL_MOD, r.fd, &unix.EpollEvent{Events: events})
}

func readable(ep uintptr) bool {
	var events [1]unix.EpollEvent
	n, err := unix.EpollWait(int(ep), events[:], 0)
	return n > 0 || err != nil && !errors.Is(err, syscall.EINTR)
}

// Interrupt implements emulate.Receiver.
func (r *receiver) Interrupt() {
	r.stop.Store(true)
	r.ready.SetReadDeadline(time.Unix(1, 0)) //nolint:errcheck // fails only where nobody waits any more
}

// Close implements emulate.Receiver.
func (r *receiver) Close() { r.ready.Close() }
