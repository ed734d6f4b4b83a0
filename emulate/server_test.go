package emulate

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/audit"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/unotify"
)

func TestVerdicts(t *testing.T) {
	denied := unotify.Response{Errno: unix.EPERM}
	for name, c := range map[string]struct {
		d    policy.Decision
		want unotify.Response
	}{
		"zero":    {policy.Decision{}, denied},
		"deny":    {policy.Decision{Verdict: policy.Deny, Errno: unix.EXDEV}, unotify.Response{Errno: unix.EXDEV}},
		"allow":   {policy.Decision{Verdict: policy.Allow}, unotify.Response{Continue: true}},
		"log":     {policy.Decision{Verdict: policy.Log}, unotify.Response{Continue: true}},
		"return":  {policy.Decision{Verdict: policy.Return, Value: 7}, unotify.Response{Value: 7}},
		"ask":     {policy.Decision{Verdict: policy.Ask}, denied},
		"kill":    {policy.Decision{Verdict: policy.Kill}, denied}, // nothing is known of the targets
		"perform": {policy.Decision{Verdict: policy.Perform}, unotify.Response{Errno: unix.ENOSYS}},
		"nothing": {policy.Decision{Verdict: 99}, denied},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScript()
			_, rec := serve(t, s, Options{Decider: decide(func(*policy.Request) policy.Decision { return c.d })})
			if got := answer(t, s.call("mkdir")); got != c.want {
				t.Errorf("answer %+v, want %+v", got, c.want)
			}
			e := rec.last(t)
			if e.Call.Name != "mkdir" || e.Caller.TID != 100 || (e.Outcome == audit.Continued) != c.want.Continue {
				t.Errorf("record %+v", e)
			}
		})
	}
}

func TestNoPolicyDenies(t *testing.T) {
	s := newScript()
	_, rec := serve(t, s, Options{})
	if got := answer(t, s.call("mkdir")); got.Errno != unix.EPERM {
		t.Errorf("answer %+v, want EPERM", got)
	}
	if e := rec.last(t); e.Decision.Reason != "no policy" {
		t.Errorf("reason %q", e.Decision.Reason)
	}
}

func TestUnknownABIIsDenied(t *testing.T) {
	s := newScript()
	_, rec := serve(t, s, Options{Decider: always(policy.Allow)})
	got := answer(t, s.send(unotify.Notification{Data: unotify.Data{Arch: 0x12345678}}))
	if got.Errno != unix.ENOSYS || got.Continue {
		t.Errorf("answer %+v, want ENOSYS", got)
	}
	if e := rec.last(t); !strings.Contains(e.Decision.Reason, "0x12345678") {
		t.Errorf("reason %q", e.Decision.Reason)
	}
}

func TestPanicDenies(t *testing.T) {
	s := newScript()
	panics := decide(func(r *policy.Request) policy.Decision {
		if r.Call.Name == "mkdir" {
			panic("oh")
		}
		return policy.Decision{Verdict: policy.Allow}
	})
	server, rec := serve(t, s, Options{Decider: panics})
	if got := answer(t, s.call("mkdir")); got.Errno != unix.EPERM {
		t.Errorf("answer %+v, want EPERM", got)
	}
	if e := rec.last(t); !strings.Contains(e.Decision.Reason, "panic: oh") {
		t.Errorf("reason %q", e.Decision.Reason)
	}
	if got := answer(t, s.call("rmdir")); !got.Continue {
		t.Errorf("after the panic: %+v, want CONTINUE", got)
	}
	if n := server.Statistics().Panics; n != 1 {
		t.Errorf("%d panics counted", n)
	}
}

// memoryFunc is a target memory made of a function.
type memoryFunc func(p []byte, addr uint64) (int, error)

func (f memoryFunc) Bind(int)                                   {}
func (f memoryFunc) ReadMem(p []byte, addr uint64) (int, error) { return f(p, addr) }
func (f memoryFunc) Memory() Memory                             { return f }
func (f memoryFunc) PID(int) int                                { return 1 }
func (f memoryFunc) FDPath(int, int) (string, bool)             { return "", false }
func (f memoryFunc) WriteMem([]byte, uint64) (int, error)       { return 0, errors.New("no") }
func (f memoryFunc) Signals(int) (waiting, possible bool)       { return false, true }
func (f memoryFunc) Vigil(int) Vigil                            { return &unotify.Vigil{} }
func (f memoryFunc) Kill(unotify.Validator, uint64, int) error  { return errors.New("no") }

// What was read of a target that has gone may be another's: it is not decided on.
func TestGoneAfterReading(t *testing.T) {
	s := newScript()
	mem := memoryFunc(func(p []byte, _ uint64) (int, error) {
		s.forget(1)
		return copy(p, "/etc/passwd\x00"), nil
	})
	decided := false
	server, rec := serve(t, s, Options{Targets: mem, Decider: decide(func(*policy.Request) policy.Decision {
		decided = true
		return policy.Decision{}
	})})
	s.call("mkdir", 0x1000)
	if e := rec.last(t); e.Outcome != audit.Gone || decided {
		t.Errorf("outcome %v, decided %v", e.Outcome, decided)
	}
	if st := server.Statistics(); st.Gone != 1 || st.Failed != 0 || st.Denied != 0 {
		t.Errorf("statistics %+v", st)
	}
}

// A target whose memory never comes holds up nobody else, and its call is denied in time.
func TestStalledMemory(t *testing.T) {
	s := newScript()
	release := make(chan struct{})
	mem := memoryFunc(func(p []byte, addr uint64) (int, error) {
		if addr == 0xdead000 {
			<-release
		}
		return copy(p, "x\x00"), nil
	})
	server, _ := serve(t, s, Options{Targets: mem, Decider: always(policy.Allow), Deadline: 200 * time.Millisecond, Stall: 5 * time.Millisecond})
	stalled := s.call("mkdir", 0xdead000)
	for range 20 {
		if got := answer(t, s.call("mkdir", 0x1000)); !got.Continue {
			t.Errorf("answer %+v, want CONTINUE", got)
		}
	}
	if got := answer(t, stalled); got.Errno != unix.EPERM {
		t.Errorf("stalled call: %+v, want EPERM", got)
	}
	close(release)
	if st := server.Statistics(); st.Stalls == 0 || st.Timeouts != 1 {
		t.Errorf("statistics %+v", st)
	}
}

func TestResponseThatFails(t *testing.T) {
	s := newScript()
	var once sync.Once
	s.respond = func(uint64) (err error) {
		once.Do(func() { err = unix.EINVAL })
		return err
	}
	server, rec := serve(t, s, Options{Decider: always(policy.Allow)})
	if got := answer(t, s.call("mkdir")); got.Errno != unix.EPERM {
		t.Errorf("answer %+v, want the last resort EPERM", got)
	}
	if e := rec.last(t); e.Outcome != audit.Failed || e.Decision.Reason == "" {
		t.Errorf("record %+v", e)
	}
	if server.Statistics().Failed != 1 {
		t.Errorf("statistics %+v", server.Statistics())
	}
}

func table(t *testing.T, p Performer) *Table {
	t.Helper()
	tab, err := NewTable(Entry{Call: "mkdir", Perform: p})
	if err != nil {
		t.Fatal(err)
	}
	return tab
}

func TestPerform(t *testing.T) {
	null := func() int {
		fd, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		return fd
	}
	for name, c := range map[string]struct {
		result func() Result
		addFD  error
		want   unotify.Response
	}{
		"value":   {func() Result { return Return(5) }, nil, unotify.Response{Value: 5}},
		"errno":   {func() Result { return Errno(unix.EEXIST) }, nil, unotify.Response{Errno: unix.EEXIST}},
		"errno 0": {func() Result { return Errno(0) }, nil, unotify.Response{}},
		"file":    {func() Result { return Install(null(), true) }, nil, unotify.Response{Value: 9}},
		"EMFILE":  {func() Result { return Install(null(), true) }, unix.EMFILE, unotify.Response{Errno: unix.EMFILE}},
		"EBADF":   {func() Result { return Install(null(), true) }, unix.EBADF, unotify.Response{Errno: unix.EPERM}},
		"zero":    {func() Result { return Result{} }, nil, unotify.Response{Errno: unix.EPERM}},
		"a panic": {func() Result { panic("oh") }, nil, unotify.Response{Errno: unix.EPERM}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScript()
			s.addFD = func() (int, error) { return 9, c.addFD }
			_, rec := serve(t, s, Options{Decider: always(policy.Perform), Table: table(t, func(_ context.Context, e *Env, call *arch.Call) Result {
				if e.TID != 100 || e.Valid() != nil || call.Name != "mkdir" {
					t.Errorf("env %+v, call %s", e, call.Name)
				}
				return c.result()
			})})
			if got := answer(t, s.call("mkdir")); got != c.want {
				t.Errorf("answer %+v, want %+v", got, c.want)
			}
			if e := rec.last(t); e.Outcome != audit.Answered || e.Errno != c.want.Errno || e.Value != c.want.Value {
				t.Errorf("record %+v, want %+v", e, c.want)
			}
		})
	}
}

// Blocking calls wait for a worker without holding up others; each is answered once, at its deadline if need be.
func TestWorkersAreBounded(t *testing.T) {
	const calls, limit = 20, 3
	s := newScript()
	var active, most atomic.Int64
	release := make(chan struct{})
	_, _ = serve(t, s, Options{Workers: limit, Decider: decide(func(r *policy.Request) policy.Decision {
		if r.Call.Name == "mkdir" {
			return policy.Decision{Verdict: policy.Perform}
		}
		return policy.Decision{Verdict: policy.Allow}
	}), Table: table(t, func(context.Context, *Env, *arch.Call) Result {
		most.Store(max(most.Load(), active.Add(1)))
		<-release
		active.Add(-1)
		return Return(1)
	})})
	var answers []<-chan unotify.Response
	for range calls {
		answers = append(answers, s.call("mkdir"))
	}
	if got := answer(t, s.call("rmdir")); !got.Continue {
		t.Errorf("a plain call meanwhile: %+v", got)
	}
	close(release)
	for _, c := range answers {
		if got := answer(t, c); got.Value != 1 {
			t.Errorf("answer %+v", got)
		}
	}
	if most.Load() > limit {
		t.Errorf("%d calls performed at once, want at most %d", most.Load(), limit)
	}
}

func TestDeadline(t *testing.T) {
	s := newScript()
	stopped := make(chan struct{})
	server, rec := serve(t, s, Options{Deadline: 20 * time.Millisecond, Decider: always(policy.Perform),
		Table: table(t, func(ctx context.Context, _ *Env, _ *arch.Call) Result {
			<-ctx.Done()
			close(stopped)
			return Return(1)
		})})
	if got := answer(t, s.call("mkdir")); got.Errno != unix.EPERM {
		t.Errorf("answer %+v, want EPERM", got)
	}
	if e := rec.last(t); !strings.Contains(e.Decision.Reason, "20ms") {
		t.Errorf("reason %q", e.Decision.Reason)
	}
	<-stopped
	if st := server.Statistics(); st.Timeouts != 1 || st.Failed != 0 {
		t.Errorf("statistics %+v", st)
	}
}

func TestNewTableRefusesUnknownCalls(t *testing.T) {
	var unknown *UnknownCallError
	if _, err := NewTable(Entry{Call: "nosuch"}); !errors.As(err, &unknown) || unknown.Call != "nosuch" {
		t.Errorf("error %v", err)
	}
}

func TestServeEndsWithItsContext(t *testing.T) {
	s := newScript()
	server := New(s, Options{Decider: always(policy.Allow)})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx) }()
	answer(t, s.call("mkdir"))
	cancel()
	select {
	case err := <-done:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("Serve does not end")
	}
}

// noReply is a source that takes every answer.
type noReply struct{ *script }

func (noReply) Respond(uint64, unotify.Response) error { return nil }

// The path of a plain decision allocates nothing.
func TestPlainDecisionDoesNotAllocate(t *testing.T) {
	server := New(noReply{newScript()}, Options{Decider: policy.Always{Verdict: policy.Deny, Errno: unix.EXDEV}})
	l := &leader{s: server}
	l.refresh()
	nr, _ := arch.X86_64.Number("mkdir")
	l.n = unotify.Notification{ID: 1, TID: 100, Data: unotify.Data{NR: nr, Arch: arch.X86_64.Audit()}}
	if allocs := testing.AllocsPerRun(200, func() { server.handle(l) }); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
	if l.ev.Errno != unix.EXDEV {
		t.Errorf("event %+v", l.ev)
	}
}
