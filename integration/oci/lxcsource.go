package oci

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/emulate"
	"github.com/stead-project/stead/unotify"
)

// An lxcSource receives notifications from a monitor of LXC.
type lxcSource struct {
	conn   *net.UnixConn
	log    hclog.Logger
	first  atomic.Pointer[lxcRequest] // received, and for the server
	stop   atomic.Bool
	handed atomic.Bool // to another agent
	busy   atomic.Bool // somebody is in Receive
	buf    [maxLXC]byte
	oob    [4096]byte

	mu    sync.Mutex
	calls map[uint64]*lxcRequest // at most one, unless the monitor is another than LXC's
}

func newLXCSource(conn *net.UnixConn, log hclog.Logger) *lxcSource {
	return &lxcSource{conn: conn, log: log, calls: map[uint64]*lxcRequest{}}
}

// close gives the connection up: the monitor answers with ENOSYS what is pending, and what comes.
func (s *lxcSource) close() {
	if s.handed.Load() {
		s.abandon()
	}
	s.conn.Close()
	if r := s.first.Swap(nil); r != nil {
		r.listener.close()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, r := range s.calls {
		r.listener.close()
		delete(s.calls, id)
	}
}

// NewReceiver implements emulate.Source.
func (s *lxcSource) NewReceiver() (emulate.Receiver, error) { return &lxcReceiver{s: s}, nil }

// An lxcReceiver ends alone: another leader goes on with the same source where one is held up.
type lxcReceiver struct {
	s    *lxcSource
	stop atomic.Bool
}

// SetFlags implements emulate.Source. The flags are of who receives, which is the monitor.
func (s *lxcSource) SetFlags(uint64) error { return nil }

// Interrupt ends the receiving from the monitor, whoever receives.
func (s *lxcSource) Interrupt() {
	s.stop.Store(true)
	s.conn.SetReadDeadline(time.Unix(1, 0)) //nolint:errcheck // fails only where nobody reads any more
}

// Interrupt implements emulate.Receiver. Who else reads from the monitor begins again.
func (r *lxcReceiver) Interrupt() {
	r.stop.Store(true)
	r.s.conn.SetReadDeadline(time.Unix(1, 0)) //nolint:errcheck // the same
}

// Close implements emulate.Receiver: the source outlives its receivers.
func (r *lxcReceiver) Close() {}

// receiving implements source.
func (s *lxcSource) receiving() bool { return s.busy.Load() }

// Receive implements emulate.Receiver.
func (r *lxcReceiver) Receive(n *unotify.Notification) error { return r.s.receive(n, &r.stop) }

func (s *lxcSource) receive(n *unotify.Notification, stop *atomic.Bool) error {
	s.busy.Store(true)
	defer s.busy.Store(false)
	r := s.first.Swap(nil)
	if r == nil {
		var err error
		if r, err = s.next(stop); err != nil {
			return err
		}
	}
	s.keep(r)
	*n = r.n
	return nil
}

func (s *lxcSource) keep(r *lxcRequest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.calls[r.n.ID]; old != nil {
		old.listener.close() // the monitor has given it up
	}
	s.calls[r.n.ID] = r
}

// lookAfter is how often calls are looked for whose targets have died: nobody answers those, and the monitor would wait.
const lookAfter = 100 * time.Millisecond

// next waits for a message.
func (s *lxcSource) next(stop *atomic.Bool) (*lxcRequest, error) {
	for {
		s.conn.SetReadDeadline(s.until()) //nolint:errcheck // fails only where reading does
		if s.stop.Load() || stop.Load() {
			return nil, unotify.ErrInterrupted
		}
		n, oobn, flags, _, err := s.conn.ReadMsgUnix(s.buf[:], s.oob[:])
		var timeout net.Error
		switch {
		case errors.As(err, &timeout) && timeout.Timeout():
			s.sweep()
			continue
		case errors.Is(err, net.ErrClosed), errors.Is(err, unix.ECONNRESET), errors.Is(err, io.EOF), err == nil && n == 0:
			return nil, unotify.ErrHangup
		case err != nil:
			return nil, fmt.Errorf("receive from LXC's monitor: %w", err)
		}
		l, err := adopt(s.oob[:oobn])
		if err != nil {
			return nil, err
		}
		r, err := parseLXC(s.buf[:n])
		if flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0 {
			err = errors.New("a message of LXC's monitor was cut off")
		}
		if err != nil {
			l.close()
			return nil, err
		}
		r.listener = l
		return r, nil
	}
}

// until is when to look after pending calls.
func (s *lxcSource) until() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.calls) == 0 {
		return time.Time{}
	}
	return time.Now().Add(lookAfter)
}

// sweep answers for calls that have gone.
func (s *lxcSource) sweep() {
	for _, id := range s.ids() {
		if s.Valid(id) != nil {
			s.answer(id, unotify.Response{Errno: unix.ENOSYS}) //nolint:errcheck // the connection ends then
		}
	}
}

func (s *lxcSource) ids() []uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.calls))
}

// adopt keeps a message's listener, and closes the other descriptors. lxc-attach brings another listener to the same monitor, whose
// ids are its own.
func adopt(oob []byte) (*listenerSource, error) {
	fds, err := descriptors(oob)
	defer func() { closeAll(fds) }()
	if err != nil {
		return nil, err
	}
	if len(fds) != maxLXCFDs {
		return nil, fmt.Errorf("%d descriptors came with a notification, %d are wanted", len(fds), maxLXCFDs)
	}
	l, err := unotify.FromFD(fds[lxcListener])
	if err != nil {
		return nil, fmt.Errorf("the last descriptor: %w", err)
	}
	fds[lxcListener] = -1
	return fromLedger(l, nil)
}

// pending implements source.
func (s *lxcSource) pending() []uint64 {
	s.sweep()
	return s.ids()
}

// duplicate implements source: another agent goes on with the connection.
func (s *lxcSource) duplicate() (int, error) {
	s.handed.Store(true)
	return duplicate(s.conn)
}

// abandon answers what nobody will answer any more: on a connection that stays open the monitor would wait for it.
func (s *lxcSource) abandon() {
	if r := s.first.Swap(nil); r != nil {
		s.keep(r)
	}
	for _, id := range s.ids() {
		s.log.Warn("a call fails with ENOSYS, since it did not end before the agent did", "notification", id)
		s.answer(id, unotify.Response{Errno: unix.ENOSYS}) //nolint:errcheck // the connection ends then
	}
}

// use lends the listener of a pending call; one that nobody has any more is gone.
func (s *lxcSource) use(id uint64) *listenerSource {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.calls[id]; r != nil {
		return r.listener
	}
	return &listenerSource{}
}

// Valid implements emulate.Source.
func (s *lxcSource) Valid(id uint64) error { return s.use(id).Valid(id) }

// Respond implements emulate.Source. The monitor carries the response to the kernel, and waits for it also where the call has gone.
func (s *lxcSource) Respond(id uint64, r unotify.Response) error {
	gone := s.Valid(id)
	if err := s.answer(id, r); err != nil {
		return err
	}
	return gone
}

func (s *lxcSource) answer(id uint64, to unotify.Response) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.calls[id]
	if r == nil {
		return &unotify.OpError{Op: "respond through LXC", ID: id, Err: unix.ENOENT}
	}
	delete(s.calls, id)
	defer r.listener.close()
	if _, err := s.conn.Write(r.reply(to)); err != nil {
		return fmt.Errorf("respond through LXC's monitor: %w", err)
	}
	return nil
}

// AddFD implements emulate.Source. The listener takes descriptors from whoever has it; with Send the call has ended, and what the
// monitor is told then finds nothing to answer, which it logs.
func (s *lxcSource) AddFD(id uint64, fd int, o unotify.AddFDOptions) (int, error) {
	n, err := s.use(id).AddFD(id, fd, o)
	if err == nil && o.Send {
		s.answer(id, unotify.Response{Value: int64(n)}) //nolint:errcheck // the connection ends then
	}
	return n, err
}
