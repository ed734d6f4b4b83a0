package emulate

import (
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/audit"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/unotify"
)

// A leader is the one thread that waits for notifications and handles whatever cannot block. Reading a target's memory can
// (userfaultfd, FUSE), so a leader that does not come back is replaced: it finishes its call and ends.
type leader struct {
	s       *Server
	recv    Receiver
	done    chan struct{}
	demoted atomic.Bool
	busy    atomic.Uint64 // odd while a notification is handled
	id      atomic.Uint64 // that notification
	tid     atomic.Int64  // whose it is

	// Scratch, used again for every notification.
	n    unotify.Notification
	raw  arch.Data
	mem  Memory
	dec  *arch.Decoder
	call *arch.Call
	req  policy.Request
	ev   audit.Event

	hands  hands // for the families' calls
	family int   // that performs the call at hand
	turn   turn  // of it
}

// lead starts a leader and makes it the current one.
func (s *Server) lead() error {
	l := &leader{s: s, done: make(chan struct{}), hands: newHands(s.o.Table)}
	if s.o.Targets != nil {
		l.mem = s.o.Targets.Memory()
	}
	l.refresh()
	ready := make(chan error)
	go l.run(ready)
	if err := <-ready; err != nil {
		return err
	}
	return nil
}

// refresh gives the leader new scratch, when the old one has been handed to a worker.
func (l *leader) refresh() {
	bounds := l.s.o.Decoder
	l.dec = &bounds
	l.call = new(arch.Call)
}

func (l *leader) run(ready chan<- error) {
	defer close(l.done)
	recv, err := l.s.src.NewReceiver()
	if err != nil {
		ready <- err
		return
	}
	defer recv.Close()
	defer l.hands.close()
	l.recv = recv
	l.s.mu.Lock()
	l.s.leader = l
	l.s.mu.Unlock()
	ready <- nil
	for !l.demoted.Load() {
		if err := recv.Receive(&l.n); err != nil {
			l.leave(err)
			return
		}
		l.id.Store(l.n.ID)
		l.tid.Store(int64(l.n.TID))
		l.busy.Add(1)
		l.s.rouse()
		l.s.stats.received.Add(1)
		ended := l.s.handle(l)
		l.busy.Add(1)
		if ended {
			l.s.record(&l.ev) // not busy any more: a slow sink holds the targets back, and another leader would not help
		}
	}
}

// leave ends the server, unless somebody else leads now or the server is being closed.
func (l *leader) leave(err error) {
	if l.demoted.Load() || errors.Is(err, unotify.ErrInterrupted) {
		return
	}
	l.s.end(err)
}

// monitor replaces a leader that has been on one notification for a whole interval, and denies that call when its deadline
// has passed. It looks seldom while little happens, and dozes while nothing does.
func (s *Server) monitor(stop <-chan struct{}) {
	const slowest = time.Second
	pause := s.o.Stall
	var last *leader
	var seen uint64
	for {
		select {
		case <-stop:
			return
		case <-time.After(pause):
		}
		l := s.current()
		busy := l.busy.Load()
		stuck := l == last && busy == seen && busy%2 == 1
		idle := l == last && busy == seen && !stuck
		last, seen = l, busy
		switch {
		case stuck:
			pause = s.o.Stall
			s.replace(l, busy)
		case !idle:
			pause = s.o.Stall
		case pause < slowest:
			pause = min(2*pause, slowest)
		default:
			pause = s.o.Stall
			if !s.doze(l, busy, stop) {
				return
			}
		}
	}
}

// doze waits for the leader's next notification; false: for the server's end.
func (s *Server) doze(l *leader, busy uint64, stop <-chan struct{}) bool {
	s.dozing.Store(true)
	defer s.dozing.Store(false)
	if l.busy.Load() != busy {
		return true // it came before the leader could see that somebody dozes
	}
	select {
	case <-stop:
		return false
	case <-s.wake:
		return true
	}
}

// rouse wakes the monitor, if it dozes.
func (s *Server) rouse() {
	if !s.dozing.Load() {
		return
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *Server) current() *leader {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.leader
}

// replace makes another thread the leader and watches the call that the old one is stuck in.
func (s *Server) replace(l *leader, busy uint64) {
	if s.stalled.Load() >= int64(s.o.Leaders) || l.busy.Load() != busy {
		return
	}
	s.stats.stalls.Add(1)
	s.mu.Lock()
	s.stuck = append(s.stuck, l)
	s.mu.Unlock()
	s.stalled.Add(1)
	l.demoted.Store(true)
	l.recv.Interrupt()
	id := l.id.Load()
	timer := time.AfterFunc(s.o.Deadline, func() { s.expire(id) })
	go func() {
		<-l.done
		s.unstick(l)
		timer.Stop()
	}()
	s.log.Debug("the leading thread is held up; another one takes over", "notification", id)
	if err := s.lead(); err != nil {
		s.end(err)
	}
}

// unstick forgets a leader that has come back.
func (s *Server) unstick(l *leader) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stuck = slices.DeleteFunc(s.stuck, func(stuck *leader) bool { return stuck == l })
	s.stalled.Add(-1)
}

// expire denies a call that the supervisor could not even read in time.
func (s *Server) expire(id uint64) {
	s.stats.timeouts.Add(1)
	s.log.Warn("a call was denied: its target's memory, or a file system that it names, did not answer in time", "notification", id, "deadline", s.o.Deadline)
	if err := s.src.Respond(id, unotify.Response{Errno: defaultErrno}); err == nil {
		s.stats.denied.Add(1)
	}
}
