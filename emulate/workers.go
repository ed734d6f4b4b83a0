package emulate

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/audit"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/unotify"
)

// workers perform calls that may block. There are at most max at once, started when needed; the queue is as long as there are
// targets, since each waits for its one call.
type workers struct {
	s      *Server
	max    int
	mu     sync.Mutex
	queue  []*job
	active int
	idle   sync.WaitGroup
}

// A job is a call to be performed. It owns the decoder whose scratch the call lives in.
type job struct {
	n       unotify.Notification
	call    *arch.Call
	ev      audit.Event
	perform Performer
	work    Work // instead of perform
	family  int  // of work
	turn    turn
	first   *outcome        // what came of the same call before
	wait    <-chan struct{} // what is to come of it is known when this is closed; nil: nothing is
	ended   atomic.Bool     // somebody has answered, or is about to
	ctx     context.Context
	cancel  context.CancelFunc
	mu      sync.Mutex  // guards done, and interruptions
	done    bool        // a work's Perform has come back
	timer   *time.Timer // nil for a work: it waits for what the target wants to wait for
}

func newWorkers(s *Server, max int) *workers { return &workers{s: s, max: max} }

// perform hands the leader's call to a worker; false: it could not, and has denied the call.
func (s *Server) perform(l *leader, d policy.Decision) bool {
	p := s.o.Table.performer(l.call.ID)
	if p == nil {
		s.finish(&l.ev, l.n.ID, policy.Decision{Verdict: policy.Deny, Errno: unix.ENOSYS, Rule: d.Rule, At: d.At, Version: d.Version,
			Reason: "this call cannot be performed by the supervisor"})
		return false
	}
	j := &job{n: l.n, call: l.call, ev: l.ev, perform: p}
	j.ev.Decision = d
	l.refresh()
	s.work.add(j)
	return true
}

// hand gives the leader's call to a worker, because it may block, or because the same call, made before, has not ended.
func (s *Server) hand(l *leader, w Work, wait <-chan struct{}) {
	l.hands.give(l.family)
	j := &job{n: l.n, call: l.call, ev: l.ev, work: w, family: l.family, turn: l.turn, wait: wait}
	if wait == nil {
		j.first, j.wait = j.turn.claim()
	}
	l.turn = turn{}
	l.refresh()
	s.work.add(j)
}

// add queues a job. Its deadline runs from now, also while it waits for a worker.
func (w *workers) add(j *job) {
	j.ctx, j.cancel = context.WithCancel(context.Background())
	if j.work == nil {
		j.timer = time.AfterFunc(w.s.o.Deadline, func() { w.s.timeout(j) })
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.active >= w.limit(j) {
		w.queue = append(w.queue, j)
		return
	}
	w.active++
	w.idle.Add(1)
	go w.run(j)
}

// maxWaiting bounds the calls that wait at once. Each takes a thread, of which a Go program may have 10,000.
const maxWaiting = 8192

// limit: a call that waits for what the target wants to wait for, such as the other end of a FIFO, must not keep out the one that ends
// its waiting.
func (w *workers) limit(j *job) int {
	if j.work != nil {
		return maxWaiting
	}
	return w.max
}

// run performs a job and then whatever is queued.
func (w *workers) run(j *job) {
	defer w.idle.Done()
	h := newHands(w.s.o.Table)
	defer h.close()
	for ; j != nil; j = w.next() {
		w.s.runJob(j, &h)
	}
}

func (w *workers) next() *job {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.queue) == 0 {
		w.active--
		return nil
	}
	j := w.queue[0]
	w.queue = w.queue[1:]
	return j
}

// close waits for the jobs under way and queued: their targets get their answers.
func (w *workers) close() { w.idle.Wait() }

func (s *Server) runJob(j *job, h *hands) {
	defer j.cancel()
	if j.timer != nil {
		defer j.timer.Stop()
	}
	defer func() {
		if p := recover(); p != nil && j.ended.CompareAndSwap(false, true) {
			s.panicked(&j.ev, j.n.ID, p)
			s.record(&j.ev)
		}
	}()
	if j.ended.Load() {
		return
	}
	if j.work != nil {
		defer j.work.End()
		defer j.turn.leave()
		if !s.precede(j) {
			return
		}
	}
	r := s.carryOut(j, h)
	if !j.ended.CompareAndSwap(false, true) {
		r.release()
		return
	}
	s.deliver(&j.ev, j.n.ID, r, s, &j.turn)
	s.record(&j.ev)
}

// precede is false if the call has its end by what came of the same call before.
func (s *Server) precede(j *job) bool {
	first, waits := j.first, true
	if j.wait != nil {
		first, waits = s.await(j)
	}
	switch {
	case !waits:
		s.stats.gone.Add(1)
		j.ev.Outcome = audit.Gone
	case first != nil:
		s.again(&j.ev, j.n.ID, first, s, &j.turn)
	default:
		return true
	}
	j.ended.Store(true)
	s.record(&j.ev)
	return false
}

// again answers a call with what came of it when it was made before.
func (s *Server) again(ev *audit.Event, id uint64, first *outcome, by injector, t *turn) {
	ev.Decision = first.decision
	r := first.result
	if r.note == "" {
		r.note = "made again after a signal"
	}
	s.deliver(ev, id, r, by, t)
}

func (s *Server) carryOut(j *job, h *hands) Result {
	if j.work == nil {
		return j.perform(j.ctx, &Env{ID: j.n.ID, TID: int(j.n.TID), source: s.src}, j.call)
	}
	t, err := h.thread(j.family)
	if err != nil {
		j.ev.Decision = policy.Denial(0, "no thread to perform on: "+err.Error())
		return Result{}
	}
	j.work.On(t)
	v := s.o.Targets.Vigil(int(j.n.TID))
	defer j.left(v)
	s.work.idle.Add(1) // whoever closes the source must not do so while it is asked
	go func() {
		defer s.work.idle.Done()
		defer v.Close()
		s.attend(j, v)
	}()
	return s.interrupted(j, j.work.Perform(j.ev.Decision.Hide, true))
}

// attention is how often a blocked call's target is looked after, at first; in the end, slackest: the kernel tells nobody of a signal for
// another process. A signal handler runs that much later at most. A target that has no handler, and that nothing else wakes, is looked after so
// seldom that it costs nothing. The end of the target is noticed at once.
const (
	attention = 5 * time.Millisecond
	slackest  = 100 * time.Millisecond
	seldom    = 5 * time.Second
)

// attend ends the waiting of a call whose target has died or got a signal, as the kernel would.
func (s *Server) attend(j *job, v Vigil) {
	for pause := attention; ; pause = min(pause+pause/8, slackest) {
		signal, possible := s.o.Targets.Signals(int(j.n.TID))
		over := signal || s.src.Valid(j.n.ID) != nil
		if !j.waiting(over) {
			return
		}
		switch {
		case over:
			time.Sleep(attention / 10)
		case possible || !s.o.Killable:
			v.Await(pause, j.over)
		default:
			v.Await(seldom, j.over)
		}
	}
}

// left says that nothing of the job blocks any more: an interruption would meet the thread's next call.
func (j *job) left(v Vigil) {
	j.mu.Lock()
	j.done = true
	j.mu.Unlock()
	v.Wake()
}

func (j *job) over() bool { return !j.waiting(false) }

// waiting says whether the job may still block, and interrupts it then if that is over.
func (j *job) waiting(over bool) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if over && !j.done {
		j.work.Interrupt()
	}
	return !j.done
}

// restart is ERESTARTSYS of include/linux/errno.h: on its way back to the program the kernel runs the handler and then, as the
// handler was installed, repeats the call or makes it EINTR. Without a signal the program would see the number itself.
const restart = syscall.Errno(512)

func (s *Server) interrupted(j *job, r Result) Result {
	if r.kind != resultErrno || r.errno != unix.EINTR || r.final {
		return r
	}
	if waiting, _ := s.o.Targets.Signals(int(j.n.TID)); waiting {
		r.errno = restart
	}
	return r
}

// deliver gives the target its result, and ends the call's turn.
func (s *Server) deliver(ev *audit.Event, id uint64, r Result, by injector, t *turn) {
	s.give(ev, id, &r, by)
	t.end(ev, &r)
	r.release()
}

func (s *Server) give(ev *audit.Event, id uint64, given *Result, by injector) {
	r := *given
	if r.note != "" {
		ev.Decision.Note = r.note
	}
	switch r = s.fill(ev, id, r); r.kind {
	case resultValue:
		s.answer(ev, id, r.value, 0)
	case resultErrno:
		if r.reason != "" {
			ev.Decision.Verdict, ev.Decision.Errno, ev.Decision.Reason = policy.Deny, r.errno, r.reason
			s.deny(ev, id)
			return
		}
		s.answer(ev, id, 0, r.errno)
	case resultFile:
		s.inject(ev, id, given, by)
	default:
		if ev.Decision.Reason == "" {
			ev.Decision.Reason = "performing gave no result"
		}
		s.deny(ev, id)
	}
}

// fill writes a call's results into the target's memory. As with the kernel, a call that cannot say what it found fails.
func (s *Server) fill(ev *audit.Event, id uint64, r Result) Result {
	if !s.write(ev, id, r.out[:]) || !s.write(ev, id, r.more) {
		return Errno(unix.EFAULT)
	}
	return r
}

// write is false if the target could not have written itself; it writes nothing where nobody is there to be answered.
func (s *Server) write(ev *audit.Event, id uint64, list []Out) bool {
	for i := range list {
		if list[i].P == nil {
			break
		}
		if s.src.Valid(id) != nil {
			return true
		}
		mem := s.o.Targets.Memory()
		mem.Bind(ev.Caller.TID)
		if n, err := mem.WriteMem(list[i].P, list[i].Addr); err != nil || n < len(list[i].P) {
			return false
		}
	}
	return true
}

// An injector ends a call with a new descriptor: the receiver if it can, for the thread that leads; the server for all others.
type injector interface {
	Inject(id uint64, tid, fd int, closeOnExec bool, early func()) (int, error)
}

func (l *leader) injector() injector {
	if i, ok := l.recv.(injector); ok {
		return i
	}
	return l.s
}

// Inject implements injector.
func (s *Server) Inject(id uint64, _, fd int, closeOnExec bool, _ func()) (int, error) {
	return s.src.AddFD(id, fd, unotify.AddFDOptions{Send: true, CloseOnExec: closeOnExec})
}

// inject ends the call with a new descriptor. The target's own limit (EMFILE) is the target's errno.
func (s *Server) inject(ev *audit.Event, id uint64, r *Result, by injector) {
	var early func()
	if r.exact {
		held := *r // the closure's: every other result stays on the stack
		early = held.release
		defer func() { r.fd = held.fd }()
	}
	fd, err := by.Inject(id, ev.Caller.TID, r.fd, r.closeOnExec, early)
	if err == nil {
		ev.Outcome, ev.Value = audit.Answered, int64(fd)
		return
	}
	if errors.Is(err, unotify.ErrGone) || errors.Is(err, unix.ESRCH) {
		s.stats.gone.Add(1)
		ev.Outcome = audit.Gone
		return
	}
	if errno, ok := targetErrno(err); ok {
		s.answer(ev, id, 0, errno)
		return
	}
	ev.Decision = policy.Denial(defaultErrno, fmt.Sprintf("cannot inject descriptor: %v", err))
	s.deny(ev, id)
}

// targetErrno picks the errnos of an injection that the target would have met itself.
func targetErrno(err error) (syscall.Errno, bool) {
	for _, errno := range []syscall.Errno{unix.EMFILE, unix.ENFILE} {
		if errors.Is(err, errno) {
			return errno, true
		}
	}
	return 0, false
}

// timeout denies a call whose deadline has passed and tells its performer to stop.
func (s *Server) timeout(j *job) {
	if !j.ended.CompareAndSwap(false, true) {
		return
	}
	s.stats.timeouts.Add(1)
	j.cancel()
	ev := j.ev
	ev.Decision = policy.Denial(defaultErrno, fmt.Sprintf("not performed within %v", s.o.Deadline))
	s.deny(&ev, j.n.ID)
	s.record(&ev)
}
