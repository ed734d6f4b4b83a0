package emulate

import (
	"errors"
	"fmt"
	"runtime/debug"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/audit"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/unotify"
)

// defaultErrno is what a denied call fails with when nobody chose an errno.
const defaultErrno = unix.EPERM

// handle takes one notification to its end (true: l.ev is to be recorded), or hands it to a worker.
func (s *Server) handle(l *leader) (ended bool) {
	defer s.recovered(l, &ended)
	n := &l.n
	l.ev = audit.Event{Caller: policy.Caller{ID: n.ID, TID: int(n.TID)}, Call: l.call}
	if s.needs.Time || s.needs.Duration {
		l.ev.Time = time.Now()
	}
	raw, ok := identify(n)
	if !ok {
		*l.call = arch.Call{Nr: n.Data.NR, Raw: raw}
		s.finish(&l.ev, n.ID, policy.Denial(unix.ENOSYS, fmt.Sprintf("unknown ABI %#x", n.Data.Arch)))
		return true
	}
	id := raw.ABI.ID(raw.Nr)
	s.tell(raw, id, int(n.TID))
	if s.byReg != nil {
		if d, ok := s.byReg.DecideRegisters(raw); ok && d.Verdict != policy.Perform {
			*l.call = arch.Call{ABI: raw.ABI, Nr: raw.Nr, ID: id, Raw: raw}
			s.finish(&l.ev, n.ID, d)
			return true
		}
	}
	l.raw = raw
	return s.handleDecoded(l, s.begin(l, id))
}

// begin finds room for a call that a family performs; nil for every other call.
func (s *Server) begin(l *leader, id arch.ID) Work {
	f, ok := s.o.Table.familyOf(id, s.as(id))
	if !ok || l.mem == nil {
		return nil
	}
	l.family = f
	return l.hands.work(f)
}

// tell tells the families who makes a call, and of a call that changes its caller.
func (s *Server) tell(raw arch.Data, id arch.ID, tid int) {
	for _, f := range s.o.Table.families {
		f.Calling(tid)
		if s.watch.Has(id) {
			f.Changing(tid, id)
		}
	}
}

// identify finds the ABI: it belongs to the notification, not to the process (int 0x80 in a 64-bit program).
func identify(n *unotify.Notification) (arch.Data, bool) {
	abi, ok := arch.Identify(n.Data.Arch, n.Data.NR)
	return arch.Data{ABI: abi, Nr: n.Data.NR, IP: n.Data.IP, Args: n.Data.Args}, ok
}

func (s *Server) handleDecoded(l *leader, w Work) (ended bool) {
	n := &l.n
	if err := s.decode(l, w); errors.Is(err, unotify.ErrGone) {
		s.stats.gone.Add(1)
		l.ev.Outcome = audit.Gone
		return true
	} else if err != nil {
		s.finish(&l.ev, n.ID, policy.Denial(0, "cannot tell whether the call is pending: "+err.Error()))
		return true
	}
	l.req = policy.Request{Call: l.call, Caller: l.ev.Caller}
	if w != nil && !s.o.Table.performs(l.call.ID, l.family) {
		w.End() // a multiplexer that carries another call
		w = nil
	}
	if w != nil {
		return s.judge(l, w)
	}
	d := s.o.Decider.Decide(&l.req)
	if d.Verdict == policy.Perform {
		return !s.perform(l, d)
	}
	s.finish(&l.ev, n.ID, d)
	return true
}

// judge has a call decided that a family may perform, with the paths that it means.
func (s *Server) judge(l *leader, w Work) (done bool) {
	ended := true
	defer func() {
		if ended {
			w.End()
		}
	}()
	t, err := l.hands.thread(l.family)
	if err != nil {
		s.finish(&l.ev, l.n.ID, policy.Denial(0, "no thread to perform on: "+err.Error()))
		return true
	}
	w.Start(t, Env{ID: l.n.ID, TID: int(l.n.TID), source: s.src}, l.call)
	l.turn = s.turn(l.call, w)
	defer func() {
		if ended {
			l.turn.leave()
		}
	}()
	first, wait := s.meet(&l.turn, int(l.n.TID))
	if first != nil {
		s.again(&l.ev, l.n.ID, first, l.injector(), &l.turn)
		return true
	}
	l.req.Paths = w
	d := s.o.Decider.Decide(&l.req)
	if d.Verdict != policy.Perform {
		w.End() // before the target goes on: what is held keeps mounts busy
		l.turn.leave()
		ended = false
		s.finish(&l.ev, l.n.ID, d)
		return true
	}
	l.ev.Decision = d
	if g, ok := w.(Grantee); ok {
		g.Grant(d.Grant)
	}
	r := Later()
	if wait == nil {
		r = w.Perform(d.Hide, false)
	}
	if r.kind == resultLater {
		s.hand(l, w, wait)
		ended = false
		return false
	}
	s.deliver(&l.ev, l.n.ID, r, l.injector(), &l.turn)
	return true
}

// decode reads the arguments, then makes sure that it was the target's memory: the thread id is the target's as long as its
// notification is pending.
func (s *Server) decode(l *leader, w Work) error {
	if l.mem == nil {
		l.dec.Decode(l.call, l.raw, nil)
		return nil
	}
	l.mem.Bind(int(l.n.TID))
	mem := arch.Memory(l.mem)
	if w != nil {
		mem = w.Copy(int(l.n.TID), &l.raw, l.mem)
	}
	l.dec.Decode(l.call, l.raw, mem)
	if s.needs.PID {
		l.ev.Caller.PID = s.o.Targets.PID(int(l.n.TID))
	}
	if s.needs.FDPaths {
		l.ev.FDPaths = s.fdPaths(l.call, int(l.n.TID))
	}
	return s.src.Valid(l.n.ID)
}

// fdPaths looks up what the descriptors among the arguments refer to.
func (s *Server) fdPaths(c *arch.Call, tid int) (list []audit.FDPath) {
	for i := range c.Args {
		v := &c.Args[i]
		if v.Param == nil || (v.Param.Kind != arch.KindFD && v.Param.Kind != arch.KindDirFD) {
			continue
		}
		if path, ok := s.o.Targets.FDPath(tid, int(v.Int())); ok {
			list = append(list, audit.FDPath{FD: int(v.Int()), Path: path})
		}
	}
	return list
}

// finish acts on a decision that blocks on nothing.
func (s *Server) finish(ev *audit.Event, id uint64, d policy.Decision) {
	ev.Decision = d
	switch d.Verdict {
	case policy.Allow, policy.Log:
		ev.Outcome = audit.Continued
		s.reply(ev, id, unotify.Response{Continue: true})
	case policy.Return:
		s.answer(ev, id, d.Value, 0)
	case policy.Kill:
		s.kill(ev, id)
	case policy.Ask:
		ev.Decision.Reason = "the policy says ask, and there is nobody to be asked"
		s.deny(ev, id)
	default: // Deny; Perform without a performer
		s.deny(ev, id)
	}
}

func (s *Server) deny(ev *audit.Event, id uint64) {
	s.stats.denied.Add(1)
	errno := ev.Decision.Errno
	if errno == 0 {
		errno = defaultErrno
	}
	s.answer(ev, id, 0, errno)
}

// kill ends the target's process; where that is impossible the call is denied.
func (s *Server) kill(ev *audit.Event, id uint64) {
	err := errors.New("nothing is known of the targets")
	if s.o.Targets != nil {
		err = s.o.Targets.Kill(s.src, id, ev.Caller.TID)
	}
	switch {
	case err == nil:
		s.stats.denied.Add(1)
		ev.Outcome = audit.Killed
	case errors.Is(err, unotify.ErrGone):
		s.stats.gone.Add(1)
		ev.Outcome = audit.Gone
	default:
		ev.Decision.Reason = "cannot kill: " + err.Error()
		s.deny(ev, id)
	}
}

func (s *Server) answer(ev *audit.Event, id uint64, value int64, errno syscall.Errno) {
	ev.Outcome, ev.Value, ev.Errno = audit.Answered, value, errno
	s.reply(ev, id, unotify.Response{Value: value, Errno: errno})
}

// reply ends the call. A notification that has gone is normal; anything else is a failure, which leaves the target without an
// answer: it is denied once more in the plainest way.
func (s *Server) reply(ev *audit.Event, id uint64, r unotify.Response) {
	err := s.src.Respond(id, r)
	switch {
	case err == nil:
	case errors.Is(err, unotify.ErrGone):
		s.stats.gone.Add(1)
		ev.Outcome = audit.Gone
	default:
		s.fail(ev, id, err)
	}
}

func (s *Server) fail(ev *audit.Event, id uint64, err error) {
	ev.Outcome, ev.Decision.Reason = audit.Failed, err.Error()
	s.stats.failed.Add(1)
	s.log.Error("cannot answer a call", "notification", id, "tid", ev.Caller.TID, "error", err)
	s.src.Respond(id, unotify.Response{Errno: defaultErrno}) //nolint:errcheck // the last resort
}

func (s *Server) record(ev *audit.Event) {
	if ev.Decision.Quiet {
		return
	}
	if s.needs.Duration {
		ev.Duration = time.Since(ev.Time)
	}
	s.o.Sink.Record(ev)
}

// recovered turns a panic of the pipeline into a denial.
func (s *Server) recovered(l *leader, ended *bool) {
	p := recover()
	if p == nil {
		return
	}
	s.panicked(&l.ev, l.n.ID, p)
	*ended = true
}

func (s *Server) panicked(ev *audit.Event, id uint64, p any) {
	s.stats.panics.Add(1)
	s.log.Error("panic while handling a call", "notification", id, "tid", ev.Caller.TID, "panic", p, "stack", string(debug.Stack()))
	ev.Decision = policy.Denial(unix.EPERM, fmt.Sprintf("panic: %v", p))
	s.deny(ev, id)
}
