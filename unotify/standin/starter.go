package standin

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/stead-project/stead/internal/procfs"
)

// errClosed is given for a Starter or a Task after Close.
var errClosed = errors.New("closed: use another one")

// ErrKilled says that a Starter starts no more tasks, because [MaxKilled] of them have been killed in calls, and not by Close.
//
// Tasks and the supervisor have one table of descriptors, so what a task had just opened stays in it, and only the task knew the
// number. Who may kill the tasks that act for it could fill the table in that way.
var ErrKilled = errors.New("too many tasks that acted for it were killed: it is not served any more")

// MaxKilled is how many of a Starter's tasks may be killed in a call.
const MaxKilled = 16

// Options are a Starter's; the zero value is right.
type Options struct {
	Proc  string // where a proc file system of the supervisor's own pid namespace is mounted; "" is /proc
	Futex bool   // hand calls over by a futex, also where a seccomp notification could do it without changing the CPU
}

// A Starter starts stand-in tasks. It owns the thread that clones them, because the kernel sends a task its death signal when
// the thread that cloned it ends, not the process (PR_SET_PDEATHSIG(2const)). The zero value is ready; its methods may be called from
// any goroutine.
type Starter struct {
	Options

	mu     sync.Mutex
	closed bool
	work   chan func() // to the cloning thread
	proc   *procfs.FS
	tasks  map[*Task]struct{}

	killed atomic.Int64 // tasks, in a call, by somebody else
}

// Start clones a task, which has the supervisor's root, working directory, namespaces and rights until [Task.Become]. [ErrKilled] may
// come from it.
func (s *Starter) Start() (*Task, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.open(); err != nil {
		return nil, fmt.Errorf("start a stand-in task: %w", err)
	}
	t, err := s.clone()
	if err != nil {
		return nil, err
	}
	s.tasks[t] = struct{}{}
	return t, nil
}

// open gets what all tasks need, once.
func (s *Starter) open() error {
	if s.closed {
		return errClosed
	}
	if s.killed.Load() >= MaxKilled {
		return ErrKilled
	}
	if s.proc != nil {
		return nil
	}
	proc, err := procfs.Open(s.Proc)
	if err != nil {
		return err
	}
	s.proc, s.work, s.tasks = proc, make(chan func()), map[*Task]struct{}{}
	go serve(s.work)
	return nil
}

// serve keeps a thread as long as there is a Starter. Ending the goroutine while it is locked ends the thread.
func serve(work <-chan func()) {
	runtime.LockOSThread()
	for f := range work {
		f()
	}
}

func (s *Starter) clone() (*Task, error) {
	box, err := newMailbox(s.Options)
	if err != nil {
		return nil, err
	}
	t := &Task{box: box, starter: s}
	done := make(chan struct{})
	s.work <- func() {
		t.pid, err = box.start()
		close(done)
	}
	<-done
	if err != nil {
		box.free()
		return nil, err
	}
	if t.wait(); box.gone() {
		t.reap() //nolint:errcheck // the error below says it
		return nil, fmt.Errorf("start a stand-in task: it ended at once (was it killed?)")
	}
	box.startNotifying()
	return t, nil
}

// Close ends the Starter's tasks, as [Task.Close] does, and its thread.
func (s *Starter) Close() error {
	s.mu.Lock()
	tasks := s.tasks
	s.tasks, s.closed = nil, true
	s.mu.Unlock()
	var errs []error
	for t := range tasks {
		errs = append(errs, t.Close())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.work != nil {
		close(s.work)
		errs = append(errs, s.proc.Close())
		s.work = nil
	}
	return errors.Join(errs...)
}

func (s *Starter) forget(t *Task) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tasks, t)
}
