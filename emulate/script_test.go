package emulate

import (
	"errors"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/audit"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/unotify"
)

// A script is a Source without a kernel: notifications go in through call, answers come out of it.
type script struct {
	mu      sync.Mutex
	next    uint64
	queue   chan unotify.Notification
	end     chan struct{}
	pending map[uint64]chan unotify.Response
	addFD   func() (int, error)
	respond func(id uint64) error // nil: works
}

func newScript() *script {
	return &script{queue: make(chan unotify.Notification), end: make(chan struct{}), pending: map[uint64]chan unotify.Response{}}
}

type scriptReceiver struct {
	s    *script
	stop chan struct{}
	once sync.Once
}

func (s *script) NewReceiver() (Receiver, error) {
	return &scriptReceiver{s: s, stop: make(chan struct{})}, nil
}

func (r *scriptReceiver) Receive(n *unotify.Notification) error {
	select {
	case <-r.stop:
		return unotify.ErrInterrupted
	default:
	}
	select {
	case *n = <-r.s.queue:
		return nil
	case <-r.stop:
		return unotify.ErrInterrupted
	case <-r.s.end:
		return unotify.ErrHangup
	}
}

func (r *scriptReceiver) Interrupt() { r.once.Do(func() { close(r.stop) }) }
func (r *scriptReceiver) Close()     {}

var errGone = &unotify.OpError{Op: "test", ID: 1, Err: unix.ENOENT}

func (s *script) Respond(id uint64, r unotify.Response) error {
	if s.respond != nil {
		if err := s.respond(id); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.pending[id]
	if c == nil {
		return errGone
	}
	delete(s.pending, id)
	c <- r
	return nil
}

func (s *script) AddFD(id uint64, _ int, _ unotify.AddFDOptions) (int, error) {
	n, err := s.addFD()
	if err == nil {
		err = s.Respond(id, unotify.Response{Value: int64(n)})
	}
	return n, err
}

func (s *script) Valid(id uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pending[id] == nil {
		return errGone
	}
	return nil
}

func (s *script) SetFlags(uint64) error { return unix.EINVAL }

// call makes a call and returns where its answer comes out.
func (s *script) call(name string, args ...uint64) <-chan unotify.Response {
	nr, _ := arch.X86_64.Number(name)
	n := unotify.Notification{TID: 100, Data: unotify.Data{NR: nr, Arch: arch.X86_64.Audit()}}
	copy(n.Data.Args[:], args)
	return s.send(n)
}

func (s *script) send(n unotify.Notification) <-chan unotify.Response {
	c := make(chan unotify.Response, 1)
	s.mu.Lock()
	s.next++
	n.ID = s.next
	s.pending[n.ID] = c
	s.mu.Unlock()
	s.queue <- n
	return c
}

// forget makes a notification go away, as when its target dies.
func (s *script) forget(id uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.pending, id)
}

// records is a sink that keeps what it is given.
type records struct {
	mu   sync.Mutex
	list []audit.Event
}

func (r *records) Record(e *audit.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := *e
	c.Call = e.Call.Clone()
	r.list = append(r.list, c)
}

func (r *records) Needs() audit.Needs { return audit.Needs{Args: true, PID: false} }
func (r *records) Dropped() uint64    { return 0 }
func (r *records) Close() error       { return nil }

func (r *records) last(t *testing.T) audit.Event {
	t.Helper()
	for range 1000 {
		r.mu.Lock()
		if n := len(r.list); n > 0 {
			e := r.list[n-1]
			r.list = r.list[:n-1]
			r.mu.Unlock()
			return e
		}
		r.mu.Unlock()
		time.Sleep(time.Millisecond)
	}
	t.Fatal("nothing was recorded")
	return audit.Event{}
}

// decide is a Decider made of a function.
type decide func(r *policy.Request) policy.Decision

func (f decide) Decide(r *policy.Request) policy.Decision { return f(r) }

func always(v policy.Verdict) policy.Decider {
	return decide(func(*policy.Request) policy.Decision { return policy.Decision{Verdict: v} })
}

// serve starts a server on the script and stops it when the test ends.
func serve(t *testing.T, s *script, o Options) (*Server, *records) {
	t.Helper()
	rec := &records{}
	if o.Sink == nil {
		o.Sink = rec
	}
	server := New(s, o)
	done := make(chan error, 1)
	go func() { done <- server.Serve(t.Context()) }()
	t.Cleanup(func() {
		close(s.end)
		select {
		case err := <-done:
			if err != nil && !errors.Is(err, t.Context().Err()) {
				t.Errorf("Serve: %v", err)
			}
		case <-time.After(10 * time.Second):
			t.Error("Serve does not end")
		}
	})
	return server, rec
}

func answer(t *testing.T, c <-chan unotify.Response) unotify.Response {
	t.Helper()
	select {
	case r := <-c:
		return r
	case <-time.After(10 * time.Second):
		t.Fatal("the call hangs")
		return unotify.Response{}
	}
}
