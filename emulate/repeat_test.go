package emulate

import (
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/audit"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/unotify"
)

// A doer is a family that performs mkdir, as a test says, and counts.
type doer struct {
	mu    sync.Mutex
	made  int
	waits chan struct{} // nil: nothing is slow
	do    func() Result
	start uint64 // of the callers
	peek  uint64 // what is copied
}

type doing struct {
	Work
	d *doer
}

type noThread struct{}

func (noThread) Close() {}

func (d *doer) Calls() []Support        { return []Support{{Call: "mkdir"}} }
func (d *doer) Thread() (Thread, error) { return noThread{}, nil }
func (d *doer) Work() Work              { return &doing{d: d} }
func (d *doer) Watch() arch.Selection   { return arch.Selection{} }
func (d *doer) Calling(int)             {}
func (d *doer) Changing(int, arch.ID)   {}

func (w *doing) Copy(_ int, _ *arch.Data, mem arch.Memory) arch.Memory { return mem }
func (w *doing) Start(Thread, Env, *arch.Call)                         {}
func (w *doing) On(Thread)                                             {}
func (w *doing) Interrupt()                                            {}
func (w *doing) End()                                                  {}
func (w *doing) Once() bool                                            { return true }

func (w *doing) Copied(d *Digest) (unotify.Identity, bool) {
	w.d.mu.Lock()
	defer w.d.mu.Unlock()
	d.Number(w.d.peek)
	return unotify.Identity{TID: 100, TGID: 100, StartTime: w.d.start}, true
}

func (w *doing) Perform(_ policy.Hider, wait bool) Result {
	w.d.mu.Lock()
	slow := w.d.waits
	w.d.mu.Unlock()
	if slow != nil && !wait {
		return Later()
	}
	w.d.mu.Lock()
	w.d.made++
	w.d.mu.Unlock()
	if slow != nil {
		<-slow
	}
	return w.d.do()
}

func (d *doer) set(change func(d *doer)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(d)
}

func (d *doer) times(t *testing.T, want int) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.made != want {
		t.Errorf("performed %d times, want %d", d.made, want)
	}
}

// quiet are callers of which little is known.
type quiet struct{}

type quietMemory struct{}

type quietVigil struct{}

func (quiet) Memory() Memory                            { return quietMemory{} }
func (quiet) PID(int) int                               { return 100 }
func (quiet) FDPath(int, int) (string, bool)            { return "", false }
func (quiet) Vigil(int) Vigil                           { return quietVigil{} }
func (quiet) Signals(int) (bool, bool)                  { return false, false }
func (quiet) Kill(unotify.Validator, uint64, int) error { return unix.ESRCH }

func (quietMemory) ReadMem(p []byte, _ uint64) (int, error)  { clear(p); return len(p), nil }
func (quietMemory) Bind(int)                                 {}
func (quietMemory) WriteMem(p []byte, _ uint64) (int, error) { return len(p), nil }

func (quietVigil) Await(d time.Duration, _ func() bool) { time.Sleep(min(d, time.Millisecond)) }
func (quietVigil) Wake()                                {}
func (quietVigil) Close()                               {}

// A scene is a script in which answers get lost.
type scene struct {
	*script
	*doer
	rec  *records
	mu   sync.Mutex
	lost map[uint64]bool
}

func newScene(t *testing.T, o Options) *scene {
	t.Helper()
	s := &scene{script: newScript(), doer: &doer{start: 1, do: func() Result { return Return(5) }}, lost: map[uint64]bool{}}
	s.respond = func(id uint64) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.lost[id] {
			s.forget(id)
			return errGone
		}
		return nil
	}
	table, err := Families(s.doer)
	if err != nil {
		t.Fatal(err)
	}
	o.Decider, o.Table, o.Targets = always(policy.Perform), table, quiet{}
	_, s.rec = serve(t, s.script, o)
	return s
}

// interrupted makes a call whose answer does not reach it.
func (s *scene) interrupted(t *testing.T) {
	t.Helper()
	s.mu.Lock()
	s.lost[s.next+1] = true
	s.mu.Unlock()
	s.call("mkdir", 1, 2)
	if e := s.rec.last(t); e.Outcome != audit.Gone {
		t.Fatalf("%v", e.Outcome)
	}
}

func (s *scene) gets(t *testing.T, want int64) {
	t.Helper()
	if got := answer(t, s.call("mkdir", 1, 2)); got.Value != want || got.Errno != 0 {
		t.Errorf("%+v, want %d", got, want)
	}
	s.rec.last(t)
}

func TestMadeAgain(t *testing.T) {
	s := newScene(t, Options{})
	s.interrupted(t)
	s.doer.do = func() Result { return Return(6) }
	s.gets(t, 5)
	s.times(t, 1)
	s.gets(t, 6) // the program makes it again
	s.times(t, 2)
	s.interrupted(t)
	s.doer.do = func() Result { return Return(7) }
	s.interrupted(t) // and its repetition, too
	s.times(t, 3)
	s.gets(t, 6)
	s.times(t, 3)
}

func TestAnotherCall(t *testing.T) {
	for name, change := range map[string]func(d *doer){
		"thread": func(d *doer) { d.start++ }, "argument": func(d *doer) { d.peek++ },
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, Options{})
			s.interrupted(t)
			s.set(change)
			s.gets(t, 5)
			s.times(t, 2)
		})
	}
	t.Run("register", func(t *testing.T) {
		s := newScene(t, Options{})
		s.interrupted(t)
		answer(t, s.call("mkdir", 1, 3))
		s.times(t, 2)
		s.gets(t, 5)
		s.times(t, 2)
	})
	t.Run("killable", func(t *testing.T) {
		s := newScene(t, Options{Killable: true})
		s.interrupted(t)
		s.gets(t, 5)
		s.times(t, 2)
	})
}

// Of a failure nothing is kept, but for a connection that is being made.
func TestFailureMadeAgain(t *testing.T) {
	for errno, times := range map[unix.Errno]int{unix.EPERM: 2, unix.EINTR: 2, unix.EINPROGRESS: 1} {
		s := newScene(t, Options{})
		s.doer.do = func() Result { return Errno(errno) }
		s.interrupted(t)
		if got := answer(t, s.call("mkdir", 1, 2)); got.Errno != errno {
			t.Errorf("%+v, want %v", got, errno)
		}
		s.times(t, times)
	}
}

// A call that is made again while it is being performed waits for that, however often.
func TestMadeAgainMeanwhile(t *testing.T) {
	s := newScene(t, Options{})
	slow := make(chan struct{})
	s.waits = slow
	s.call("mkdir", 1, 2)
	eventually(t, func() bool { s.doer.mu.Lock(); defer s.doer.mu.Unlock(); return s.made == 1 })
	s.forget(1)
	s.call("mkdir", 1, 2)
	s.forget(2)
	third := s.call("mkdir", 1, 2)
	time.Sleep(20 * time.Millisecond)
	s.times(t, 1)
	close(slow)
	if got := answer(t, third); got.Value != 5 {
		t.Errorf("%+v", got)
	}
	s.times(t, 1)
}

func eventually(t *testing.T, is func() bool) {
	t.Helper()
	for range 1000 {
		if is() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("it does not happen")
}

// A descriptor that reached nobody is held for the repetition, and not for long.
func TestDescriptorMadeAgain(t *testing.T) {
	s := newScene(t, Options{})
	var w *os.File
	open := func() Result {
		r, other, err := os.Pipe()
		if err != nil {
			t.Error(err)
			return Result{}
		}
		defer r.Close()
		w = other
		fd, _ := unix.FcntlInt(r.Fd(), unix.F_DUPFD_CLOEXEC, 3)
		return Install(fd, true)
	}
	s.doer.do = open
	s.addFD = func() (int, error) { return 7, nil }
	s.interrupted(t)
	if _, err := w.Write([]byte("x")); err != nil {
		t.Errorf("what was opened is not held: %v", err)
	}
	s.gets(t, 7)
	s.times(t, 1)
	if _, err := w.Write([]byte("x")); err == nil {
		t.Error("what was given is held")
	}
	s.interrupted(t)
	limit := time.Now().Add(3 * impatience)
	for err := error(nil); err == nil; _, err = w.Write([]byte("x")) {
		if time.Sleep(impatience / 10); time.Now().After(limit) {
			t.Fatal("what nobody asks for is held for ever")
		}
	}
	s.gets(t, 7)
	s.times(t, 3)
}

// A program that interrupts itself has no more kept than there is room for.
func TestKeptIsBounded(t *testing.T) {
	s := newScene(t, Options{})
	for range 2 * maxAttempts {
		s.set(func(d *doer) { d.peek++ })
		s.interrupted(t)
	}
	s.times(t, 2*maxAttempts)
	s.gets(t, 5)
	s.times(t, 2*maxAttempts)
}

// A call that holds its leader up is waited for as well, when it is made again to the next one.
func TestMadeAgainToAnotherLeader(t *testing.T) {
	s := newScene(t, Options{Stall: time.Millisecond})
	slow, began := make(chan struct{}), make(chan struct{})
	s.doer.do = func() Result {
		close(began)
		<-slow
		return Return(5)
	}
	s.call("mkdir", 1, 2)
	<-began
	s.forget(1)
	second := s.call("mkdir", 1, 2) // another leader receives it
	time.Sleep(20 * time.Millisecond)
	s.times(t, 1)
	close(slow)
	if got := answer(t, second); got.Value != 5 {
		t.Errorf("%+v", got)
	}
	s.times(t, 1)
}
