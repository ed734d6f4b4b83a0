package unotify_test

import (
	"errors"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/internal/testneed"
	"github.com/stead-project/stead/unotify"
	"github.com/stead-project/stead/unotify/unotifytest"
)

// The call that the filtered threads of these tests make.
const tested = unix.SYS_GETPRIORITY

// filtered runs f on a thread of its own under a filter that notifies the tested call. The thread ends with f.
func filtered(t testing.TB, flags uint, f func()) *unotify.Listener {
	t.Helper()
	return filteredOn(t, tested, flags, f)
}

// filteredOn is filtered with another call.
func filteredOn(t testing.TB, nr int, flags uint, f func()) *unotify.Listener {
	t.Helper()
	type result struct {
		l   *unotify.Listener
		err error
	}
	ready, goOn := make(chan result), make(chan struct{})
	testneed.OwnThread(func() {
		err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
		var l *unotify.Listener
		if err == nil {
			l, err = unotify.Install(unotifytest.Notify(nr), flags|unotify.FlagNewListener)
		}
		ready <- result{l, err}
		if err == nil {
			<-goOn
			f()
		}
	})
	r := <-ready
	if r.err != nil {
		t.Fatalf("install filter: %v", r.err)
	}
	t.Cleanup(func() { r.l.Close() })
	close(goOn)
	return r.l
}

// call makes the tested call. It waits for this same process's supervisor, so the Go scheduler has to know: not RawSyscall.
func call() (int, syscall.Errno) {
	v, _, errno := unix.Syscall(tested, unix.PRIO_PROCESS, 0, 0)
	return int(v), errno
}

type answer struct {
	value int
	errno syscall.Errno
}

// ask has one call made and returns its notification and where its result will be.
func ask(t *testing.T) (*unotify.Listener, unotify.Notification, <-chan answer) {
	t.Helper()
	result := make(chan answer, 1)
	l := filtered(t, 0, func() {
		v, errno := call()
		result <- answer{v, errno}
	})
	r := receiver(t, l)
	defer r.Close()
	var n unotify.Notification
	if err := r.Receive(&n); err != nil {
		t.Fatal(err)
	}
	return l, n, result
}

func receiver(t testing.TB, l *unotify.Listener) *unotify.Receiver {
	t.Helper()
	r, err := l.NewReceiver()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// natively is the kernel's own answer: 20 less the nice value.
func natively(t *testing.T) int {
	t.Helper()
	v, errno := call()
	if errno != 0 {
		t.Fatal(errno)
	}
	return v
}

func TestReceiveAndRespond(t *testing.T) {
	for name, c := range map[string]struct {
		r    unotify.Response
		want answer
	}{
		"value":    {unotify.Response{Value: 42}, answer{42, 0}},
		"errno":    {unotify.Response{Errno: unix.EXDEV}, answer{-1, unix.EXDEV}},
		"continue": {unotify.Response{Continue: true}, answer{natively(t), 0}},
		"large":    {unotify.Response{Errno: 4094}, answer{-1, 4094}}, // Go takes 4095 for a value
	} {
		t.Run(name, func(t *testing.T) {
			l, n, result := ask(t)
			if n.Data.NR != tested || n.Data.Args[0] != unix.PRIO_PROCESS || n.TID == 0 {
				t.Errorf("notification %+v", n)
			}
			if err := l.Valid(n.ID); err != nil {
				t.Errorf("pending notification: %v", err)
			}
			if err := l.Respond(n.ID, c.r); err != nil {
				t.Fatal(err)
			}
			if got := <-result; got != c.want {
				t.Errorf("call gave %+v, want %+v", got, c.want)
			}
			if err := l.Valid(n.ID); !errors.Is(err, unotify.ErrGone) || !errors.Is(err, unix.ENOENT) {
				t.Errorf("answered notification: %v, want ErrGone with ENOENT", err)
			}
			err := l.Respond(n.ID, c.r)
			var op *unotify.OpError
			if !errors.Is(err, unotify.ErrGone) || !errors.As(err, &op) || op.ID != n.ID || op.Op != "respond" {
				t.Errorf("second answer: %v, want an OpError that is ErrGone", err)
			}
		})
	}
}

func TestRespondRefusesBadErrno(t *testing.T) {
	l, n, result := ask(t)
	if err := l.Respond(n.ID, unotify.Response{Errno: 4096}); err == nil {
		t.Error("no error for errno 4096")
	}
	if err := l.Respond(n.ID, unotify.Response{Continue: true, Value: 1}); !errors.Is(err, unix.EINVAL) {
		t.Errorf("CONTINUE with a value: %v, want EINVAL", err)
	}
	if err := l.Respond(n.ID, unotify.Response{}); err != nil {
		t.Fatal(err)
	}
	<-result
}

func TestAddFD(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	l, n, result := ask(t)
	if _, err := l.AddFD(n.ID, -1, unotify.AddFDOptions{}); !errors.Is(err, unix.EBADF) {
		t.Errorf("descriptor -1: %v, want EBADF", err)
	}
	plain, err := l.AddFD(n.ID, int(w.Fd()), unotify.AddFDOptions{})
	if err != nil {
		t.Fatalf("plain: %v", err)
	}
	exact, err := l.AddFD(n.ID, int(w.Fd()), unotify.AddFDOptions{Exact: true, Number: plain + 5, CloseOnExec: true})
	if err != nil || exact != plain+5 {
		t.Errorf("exact: %d, %v, want %d", exact, err, plain+5)
	}
	sent, err := l.AddFD(n.ID, int(w.Fd()), unotify.AddFDOptions{Send: true})
	if err != nil {
		t.Fatalf("with SEND (Linux 5.14): %v", err)
	}
	if got := <-result; got != (answer{sent, 0}) {
		t.Errorf("call gave %+v, want %d", got, sent)
	}
	checkFlags(t, map[int]int{plain: 0, exact: unix.FD_CLOEXEC, sent: 0})
	if _, err := l.AddFD(n.ID, int(w.Fd()), unotify.AddFDOptions{}); !errors.Is(err, unotify.ErrGone) {
		t.Errorf("after the answer: %v, want ErrGone", err)
	}
}

// checkFlags looks at descriptors that were injected into this very process, and closes them.
func checkFlags(t *testing.T, want map[int]int) {
	t.Helper()
	for fd, flags := range want {
		got, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err != nil || got != flags {
			t.Errorf("descriptor %d: flags %d, %v, want %d", fd, got, err, flags)
		}
		unix.Close(fd)
	}
}

func TestAddFDRefusesOPath(t *testing.T) {
	fd, err := unix.Open("/", unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	l, n, result := ask(t)
	if _, err := l.AddFD(n.ID, fd, unotify.AddFDOptions{}); !errors.Is(err, unix.EBADF) {
		t.Errorf("O_PATH descriptor: %v, want EBADF", err)
	}
	l.Respond(n.ID, unotify.Response{})
	<-result
}

func TestHangup(t *testing.T) {
	l := filtered(t, 0, func() { time.Sleep(20 * time.Millisecond) })
	r := receiver(t, l)
	defer r.Close()
	var n unotify.Notification
	within(t, 5*time.Second, func() {
		if err := r.Receive(&n); !errors.Is(err, unotify.ErrHangup) {
			t.Errorf("error %v, want ErrHangup", err)
		}
	})
	if !l.Hangup() {
		t.Error("Hangup is false after the end")
	}
}

// within fails when f takes longer, without waiting for it.
func within(t *testing.T, d time.Duration, f func()) {
	t.Helper()
	timer := time.AfterFunc(d, func() { panic(t.Name() + " hangs") })
	defer timer.Stop()
	f()
}

func TestInterrupt(t *testing.T) {
	end := make(chan struct{})
	l := filtered(t, 0, func() { <-end })
	defer close(end)
	for _, wait := range []time.Duration{0, 30 * time.Millisecond} {
		r := receiver(t, l)
		time.AfterFunc(wait, r.Interrupt)
		var n unotify.Notification
		within(t, 5*time.Second, func() {
			if err := r.Receive(&n); !errors.Is(err, unotify.ErrInterrupted) {
				t.Errorf("after %v: error %v, want ErrInterrupted", wait, err)
			}
		})
		r.Close()
		r.Close() // harmless
	}
}

func TestSecondListenerIsBusy(t *testing.T) {
	result := make(chan error, 1)
	l := filtered(t, 0, func() {
		_, err := unotify.Install(unotifytest.Notify(tested), unotify.FlagNewListener)
		result <- err
	})
	if err := <-result; !errors.Is(err, unix.EBUSY) {
		t.Errorf("second listener: %v, want EBUSY", err)
	}
	_ = l
}

func TestFromFD(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	for _, fd := range []int{int(r.Fd()), -1} {
		if _, err := unotify.FromFD(fd); !errors.Is(err, unotify.ErrNotListener) {
			t.Errorf("descriptor %d: %v, want ErrNotListener", fd, err)
		}
	}
	l, n, result := ask(t)
	dup, err := unix.FcntlInt(uintptr(l.FD()), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	other, err := unotify.FromFD(dup)
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Respond(n.ID, unotify.Response{Value: 7}); err != nil {
		t.Error(err)
	}
	if got := <-result; got.value != 7 {
		t.Errorf("call gave %+v, want 7", got)
	}
	if err := other.Close(); err != nil {
		t.Error(err)
	}
	if err := other.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

func TestInstallRefusesBadPrograms(t *testing.T) {
	if _, err := unotify.Install(nil, 0); err == nil {
		t.Error("no error for an empty program")
	}
	if _, err := unotify.Install(make([]unix.SockFilter, 5000), 0); err == nil {
		t.Error("no error for a program that is too long")
	}
}

func TestNotifSizes(t *testing.T) {
	s, err := unotify.NotifSizes()
	if err != nil || s.Notification < 80 || s.Response < 24 || s.Data < 64 {
		t.Errorf("sizes %+v, %v", s, err)
	}
}

// Signals at a thread whose call is pending neither repeat nor end the call, once it has been received.
func TestSignalsDoNotRepeatCalls(t *testing.T) {
	const calls = 2000
	var tid atomic.Int64
	done := make(chan int, 1)
	l := filtered(t, unotify.FlagWaitKillableRecv, func() {
		tid.Store(int64(unix.Gettid()))
		good := 0
		for range calls {
			if v, errno := call(); v == 5 && errno == 0 {
				good++
			}
		}
		done <- good
	})
	stop := make(chan struct{})
	go func() {
		for {
			select {
			case <-stop:
				return
			default:
				if id := tid.Load(); id != 0 {
					unix.Tgkill(os.Getpid(), int(id), unix.SIGURG) // its handler restarts calls
				}
				time.Sleep(10 * time.Microsecond)
			}
		}
	}()
	received := countAnswers(t, l)
	close(stop)
	if good := <-done; good != calls || received != calls {
		t.Errorf("%d calls: %d received, %d answered right", calls, received, good)
	}
}

func countAnswers(t *testing.T, l *unotify.Listener) (received int) {
	t.Helper()
	if err := l.SetFlags(unotify.SyncWakeUp); err != nil {
		t.Logf("SYNC_WAKE_UP (Linux 6.6): %v", err)
	}
	r := receiver(t, l)
	defer r.Close()
	var n unotify.Notification
	for {
		err := r.Receive(&n)
		if errors.Is(err, unotify.ErrHangup) {
			return received
		}
		if err != nil {
			t.Fatal(err)
		}
		received++
		if err := l.Respond(n.ID, unotify.Response{Value: 5}); err != nil {
			t.Errorf("respond: %v", err)
		}
	}
}

func TestNoAllocationPerCall(t *testing.T) {
	end := make(chan struct{})
	var stop atomic.Bool
	l := filtered(t, unotify.FlagWaitKillableRecv, func() {
		for !stop.Load() {
			call()
		}
		close(end)
	})
	r := receiver(t, l)
	defer r.Close()
	n := new(unotify.Notification)
	allocs := testing.AllocsPerRun(500, func() {
		if r.Receive(n) != nil || l.Valid(n.ID) != nil || l.Respond(n.ID, unotify.Response{Value: 1}) != nil {
			t.Error("round trip failed")
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations per round trip, want 0", allocs)
	}
	stop.Store(true)
	for r.Receive(n) == nil {
		l.Respond(n.ID, unotify.Response{})
	}
	<-end
}

func BenchmarkRoundTrip(b *testing.B) {
	var stop atomic.Bool
	l := filtered(b, unotify.FlagWaitKillableRecv, func() {
		for !stop.Load() {
			call()
		}
	})
	l.SetFlags(unotify.SyncWakeUp) //nolint:errcheck // slower without
	r := receiver(b, l)
	defer r.Close()
	n := new(unotify.Notification)
	b.ReportAllocs()
	for b.Loop() {
		if err := r.Receive(n); err != nil {
			b.Fatal(err)
		}
		l.Respond(n.ID, unotify.Response{Value: 1})
	}
	stop.Store(true)
	for r.Receive(n) == nil {
		l.Respond(n.ID, unotify.Response{})
	}
}
