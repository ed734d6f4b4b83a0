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
	size int          // of the kernel's notification
	book *ledger      // nil: nobody receives from it here
	open atomic.Int64 // receivers
	mu   sync.RWMutex
	l    *unotify.Listener // nil: closed
}

// fromListener takes the listener over, and begins a ledger.
func fromListener(l *unotify.Listener) (*listenerSource, error) { return fromLedger(l, newLedger()) }

// fromLedger takes both over. Without a ledger nobody can receive from the source that another agent would have to answer.
func fromLedger(l *unotify.Listener, book *ledger) (*listenerSource, error) {
	sizes, err := unotify.NotifSizes()
	if err != nil {
		l.Close()
		book.close()
		return nil, err
	}
	return &listenerSource{l: l, book: book, size: max(notifSize, int(sizes.Notification))}, nil
}

// close closes the listener: whoever still waits for an answer gets ENOSYS, unless somebody else has it too.
func (s *listenerSource) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.l == nil {
		return
	}
	s.l.Close()
	s.l = nil
	s.book.close()
}

// duplicate implements source.
func (s *listenerSource) duplicate() (fd int, err error) {
	err = s.with(0, func(l *unotify.Listener) error {
		fd, err = unix.FcntlInt(uintptr(l.FD()), unix.F_DUPFD_CLOEXEC, 3)
		return err
	})
	return fd, err
}

// receiving implements source.
func (s *listenerSource) receiving() bool { return s.open.Load() > 0 }

// pending implements source.
func (s *listenerSource) pending() []uint64 {
	if s.book == nil {
		return nil
	}
	s.sweep()
	return s.book.pending()
}

// sweep looks for calls that have gone.
func (s *listenerSource) sweep() {
	for _, id := range s.book.pending() {
		s.Valid(id) //nolint:errcheck // it notes that the call has gone
	}
}

// over notes that a call has ended, if it has.
func (s *listenerSource) over(id uint64, answered bool, err error) error {
	if s.book != nil && (answered && err == nil || errors.Is(err, unotify.ErrGone)) {
		s.book.end(id)
	}
	return err
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
	return s.over(id, false, s.with(id, func(l *unotify.Listener) error { return l.Valid(id) }))
}

// Respond implements emulate.Source.
func (s *listenerSource) Respond(id uint64, r unotify.Response) error {
	return s.over(id, true, s.with(id, func(l *unotify.Listener) error { return l.Respond(id, r) }))
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
	return n, s.over(id, o.Send, err)
}

// NewReceiver implements emulate.Source.
func (s *listenerSource) NewReceiver() (emulate.Receiver, error) {
	var r emulate.Receiver
	err := s.with(0, func(l *unotify.Listener) (err error) {
		r, err = newReceiver(s, l.FD())
		return err
	})
	return r, err
}

func newReceiver(s *listenerSource, fd int) (*receiver, error) {
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
	s.open.Add(1)
	return &receiver{s: s, fd: fd, ep: ep, ready: os.NewFile(uintptr(ep), "seccomp listener"), slot: -1}, nil
}

// A receiver waits in poll(2) as long as notifications come, since changing places with a target there costs least (the kernel's
// SYNC_WAKE_UP), and in Go's poller, which needs no thread for it, when none has come for a while.
//
// Once the listener is readable, receiving does not wait: the kernel counts a notification that has gone meanwhile, and then there is
// ENOENT (seccomp_notify_recv in kernel/seccomp.c).
type receiver struct {
	s     *listenerSource
	fd    int
	ep    int      // epoll instance with the listener, which Go's poller can wait for
	ready *os.File // the same
	slot  int      // of the ledger, to receive into; -1: none
	own   []byte   // instead of one
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
		buf := r.room()
		switch errno := receiveInto(r.fd, buf); errno {
		case 0:
			*n = parseNotification(buf)
			r.took(n.ID)
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

// room is where the next notification goes: into the ledger, or, where that has no place for it, elsewhere.
func (r *receiver) room() []byte {
	book := r.s.book
	if r.slot < 0 && book != nil && r.s.size <= slotSize {
		if book.crowded() {
			r.s.sweep()
		}
		r.slot = book.claim()
	}
	if r.slot >= 0 {
		return book.room(r.slot)[:r.s.size]
	}
	if r.own == nil {
		r.own = make([]byte, r.s.size)
	}
	return r.own
}

// took leaves the slot to the notification.
func (r *receiver) took(id uint64) {
	if r.slot >= 0 {
		r.s.book.took(r.slot, id)
		r.slot = -1
	}
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
func (r *receiver) Close() {
	if r.slot >= 0 {
		r.s.book.unclaim(r.slot)
		r.slot = -1
	}
	r.ready.Close()
	r.s.open.Add(-1)
}
