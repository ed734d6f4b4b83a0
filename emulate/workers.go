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
	ended   atomic.Bool // somebody has answered, or is about to
	ctx     context.Context
	cancel  context.CancelFunc
	timer   *time.Timer
}

func newWorkers(s *Server, max int) *workers { return &workers{s: s, max: max} }

// perform hands the leader's call to a worker; false: it could not, and has denied the call.
func (s *Server) perform(l *leader, d policy.Decision) bool {
	p := s.o.Table.performer(l.call.ID)
	if p == nil {
		s.finish(&l.ev, l.n.ID, policy.Decision{Verdict: policy.Deny, Errno: unix.ENOSYS, Rule: d.Rule, Version: d.Version,
			Reason: "this call cannot be performed by the supervisor"})
		return false
	}
	j := &job{n: l.n, call: l.call, ev: l.ev, perform: p}
	j.ev.Decision = d
	l.refresh()
	s.work.add(j)
	return true
}

// add queues a job. Its deadline runs from now, also while it waits for a worker.
func (w *workers) add(j *job) {
	j.ctx, j.cancel = context.WithCancel(context.Background())
	j.timer = time.AfterFunc(w.s.o.Deadline, func() { w.s.timeout(j) })
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.active == w.max {
		w.queue = append(w.queue, j)
		return
	}
	w.active++
	w.idle.Add(1)
	go w.run(j)
}

// run performs a job and then whatever is queued.
func (w *workers) run(j *job) {
	defer w.idle.Done()
	for ; j != nil; j = w.next() {
		w.s.runJob(j)
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

func (s *Server) runJob(j *job) {
	defer j.cancel()
	defer j.timer.Stop()
	defer func() {
		if p := recover(); p != nil && j.ended.CompareAndSwap(false, true) {
			s.panicked(&j.ev, j.n.ID, p)
			s.record(&j.ev)
		}
	}()
	if j.ended.Load() {
		return
	}
	r := j.perform(j.ctx, &Env{ID: j.n.ID, TID: int(j.n.TID), source: s.src}, j.call)
	defer r.release()
	if !j.ended.CompareAndSwap(false, true) {
		return
	}
	s.deliver(j, r)
	s.record(&j.ev)
}

// deliver gives the target its result.
func (s *Server) deliver(j *job, r Result) {
	switch r.kind {
	case resultValue:
		s.answer(&j.ev, j.n.ID, r.value, 0)
	case resultErrno:
		s.answer(&j.ev, j.n.ID, 0, r.errno)
	case resultFile:
		s.inject(j, r)
	default:
		j.ev.Decision.Reason = "performing gave no result"
		s.deny(&j.ev, j.n.ID)
	}
}

// inject ends the call with a new descriptor. The target's own limit (EMFILE) is the target's errno.
func (s *Server) inject(j *job, r Result) {
	fd, err := s.src.AddFD(j.n.ID, int(r.file.Fd()), unotify.AddFDOptions{Send: true, CloseOnExec: r.closeOnExec})
	if err == nil {
		j.ev.Outcome, j.ev.Value = audit.Answered, int64(fd)
		return
	}
	if errno, ok := targetErrno(err); ok {
		s.answer(&j.ev, j.n.ID, 0, errno)
		return
	}
	j.ev.Decision = policy.Denial(defaultErrno, fmt.Sprintf("cannot inject descriptor: %v", err))
	s.deny(&j.ev, j.n.ID)
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
