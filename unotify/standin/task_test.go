package standin

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// modes are the two ways of handing over calls.
func modes(t *testing.T, test func(t *testing.T, o Options)) {
	t.Run("notified", func(t *testing.T) { test(t, Options{}) })
	t.Run("futex", func(t *testing.T) { test(t, Options{Futex: true}) })
}

func starter(t testing.TB, o Options) *Starter {
	t.Helper()
	s := &Starter{Options: o}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func startWith(t testing.TB, o Options) *Task {
	t.Helper()
	task, err := starter(t, o).Start()
	if err != nil {
		t.Fatal(err)
	}
	return task
}

func start(t testing.TB) *Task {
	t.Helper()
	return startWith(t, Options{})
}

func TestCall(t *testing.T) { modes(t, testCall) }

func testCall(t *testing.T, o Options) {
	task := startWith(t, o)
	if r, errno := task.Call(unix.SYS_GETPID, 0, 0, 0, 0, 0, 0); errno != 0 || int(r) != task.TID() || int(r) == os.Getpid() {
		t.Errorf("getpid: %d, %v", r, errno)
	}
	if errno := errnoOf(task, "/no/such/file", unix.O_RDONLY); errno != unix.ENOENT {
		t.Errorf("open: %v", errno)
	}
	if r, errno := task.Call(100000, 1, 2, 3, 4, 5, 6); errno != unix.ENOSYS || r != ^uintptr(0) {
		t.Errorf("unknown call: %#x, %v", r, errno)
	}
	mem, errno := task.Call(unix.SYS_MMAP, 0, 4096, unix.PROT_READ, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS, ^uintptr(0), 0)
	if errno != 0 || mem == 0 {
		t.Fatalf("a call with six arguments: %#x, %v", mem, errno)
	}
	if _, errno := task.Call(unix.SYS_MUNMAP, mem, 4096, 0, 0, 0, 0); errno != 0 {
		t.Errorf("munmap: %v", errno)
	}
}

func TestReady(t *testing.T) {
	killed, stopped, closed := start(t), start(t), start(t)
	if !killed.Ready() || !stopped.Ready() || !closed.Ready() {
		t.Error("a task that waits is not ready")
	}
	unix.Kill(killed.TID(), unix.SIGKILL)  //nolint:errcheck // seen below
	unix.Kill(stopped.TID(), unix.SIGSTOP) //nolint:errcheck // seen below
	for range 500 {
		if !killed.Ready() && !stopped.Ready() {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err := closed.Close(); err != nil || killed.Ready() || stopped.Ready() || closed.Ready() {
		t.Errorf("ready: killed %v, stopped %v, closed %v (%v)", killed.Ready(), stopped.Ready(), closed.Ready(), err)
	}
}

func TestDescriptorsAreShared(t *testing.T) {
	task := start(t)
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	fd, errno := open(task, path, unix.O_RDONLY)
	if errno != 0 {
		t.Fatal(errno)
	}
	f := os.NewFile(uintptr(fd), path)
	defer f.Close()
	if b, err := io.ReadAll(f); err != nil || string(b) != "text" {
		t.Errorf("read %q, %v", b, err)
	}
	if err := task.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Seek(0, 0); err != nil {
		t.Errorf("after the task's end: %v", err)
	}
}

// TestOwnWorkingDirectory: the task has a file system context of its own.
func TestOwnWorkingDirectory(t *testing.T) {
	task, dir := start(t), t.TempDir()
	before, _ := os.Getwd()
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, errno := task.Call(unix.SYS_FCHDIR, f.Fd(), 0, 0, 0, 0, 0); errno != 0 {
		t.Fatal(errno)
	}
	if errno := errnoOf(task, "made", unix.O_CREAT|unix.O_WRONLY); errno != 0 {
		t.Error(errno)
	}
	if _, err := os.Stat(filepath.Join(dir, "made")); err != nil {
		t.Error(err)
	}
	if cwd, err := unix.Getwd(); err != nil || cwd != before {
		t.Errorf("the supervisor is in %s, %v", cwd, err)
	}
}

func TestKilledTask(t *testing.T) { modes(t, testKilledTask) }

func testKilledTask(t *testing.T, o Options) {
	task := startWith(t, o)
	calls := make(chan syscall.Errno, 1)
	go func() { calls <- sleep(task, 1e12) }()
	awaitSleep(t, task)
	began := time.Now()
	unix.Kill(task.TID(), unix.SIGKILL) //nolint:errcheck // the call would not return
	if errno := hear(t, calls); errno != unix.ESRCH {
		t.Errorf("during a call: %v", errno)
	}
	if took := time.Since(began); took > stopCheck {
		t.Errorf("noticed after %v only", took)
	}
	if _, errno := task.Call(unix.SYS_GETPPID, 0, 0, 0, 0, 0, 0); errno != unix.ESRCH {
		t.Errorf("after it: %v", errno)
	}
	task.Interrupt()
	if err := errors.Join(task.Close(), task.Close()); err != nil {
		t.Error(err)
	}
}

// TestCrashedTask: a call that ends the task is not the end of the supervisor.
func TestCrashedTask(t *testing.T) { modes(t, testCrashedTask) }

func testCrashedTask(t *testing.T, o Options) {
	task := startWith(t, o)
	if _, errno := task.Call(unix.SYS_EXIT_GROUP, 1, 0, 0, 0, 0, 0); errno != unix.ESRCH {
		t.Errorf("exit_group: %v", errno)
	}
	task = startWith(t, o)
	if _, errno := task.Call(unix.SYS_TGKILL, uintptr(task.TID()), uintptr(task.TID()), uintptr(unix.SIGSYS), 0, 0, 0); errno != 0 {
		t.Errorf("a blocked signal: %v", errno)
	}
}

func hear(t *testing.T, calls <-chan syscall.Errno) syscall.Errno {
	t.Helper()
	select {
	case errno := <-calls:
		return errno
	case <-time.After(10 * time.Second):
		t.Fatal("the call does not return")
		return 0
	}
}

// awaitSleep waits until the task sleeps in a call.
func awaitSleep(t *testing.T, task *Task) {
	t.Helper()
	for range 5000 {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", task.TID()))
		if task.box.calling() && bytes.Contains(text, []byte(") S ")) {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("the task does not sleep")
}

func TestStoppedTask(t *testing.T) { modes(t, testStoppedTask) }

func testStoppedTask(t *testing.T, o Options) {
	task := startWith(t, o)
	calls := make(chan syscall.Errno, 1)
	unix.Kill(task.TID(), unix.SIGSTOP)
	go func() { calls <- sleep(task, 1) }()
	if errno := hear(t, calls); errno != 0 {
		t.Errorf("stopped once: %v", errno)
	}
	go func() { calls <- sleep(task, 1e12) }()
	awaitSleep(t, task)
	stopping := time.NewTicker(time.Millisecond)
	defer stopping.Stop()
	go func(tid int) {
		for range stopping.C {
			if unix.Kill(tid, unix.SIGSTOP) != nil {
				return
			}
		}
	}(task.TID())
	if errno := hear(t, calls); errno != unix.ESRCH {
		t.Errorf("stopped again and again: %v", errno)
	}
}

// TestMaxKilled: killing tasks in calls comes to an end. Those that Close ends do not count, and neither do those killed while they wait.
func TestMaxKilled(t *testing.T) {
	s := &Starter{}
	defer s.Close() //nolint:errcheck // nothing that matters here
	kill := func(end func(*Task)) error {
		task, err := s.Start()
		if err != nil {
			return err
		}
		calls := make(chan syscall.Errno, 1)
		go func() { calls <- sleep(task, 1e12) }()
		awaitSleep(t, task)
		end(task)
		if errno := hear(t, calls); errno != unix.ESRCH {
			t.Fatal(errno)
		}
		return task.Close()
	}
	outside := func(task *Task) { unix.Kill(task.TID(), unix.SIGKILL) }
	for range MaxKilled + 1 {
		if err := kill(func(task *Task) { task.Close() }); err != nil { //nolint:errcheck // it is closed again
			t.Fatal(err)
		}
		idle, err := s.Start()
		if err != nil {
			t.Fatal(err)
		}
		outside(idle)
		idle.Close() //nolint:errcheck // it has gone
	}
	waiting, err := s.Start()
	if err != nil {
		t.Fatal(err)
	}
	for i := range MaxKilled {
		if err := kill(outside); err != nil {
			t.Fatalf("after %d: %v", i, err)
		}
	}
	if _, err := s.Start(); !errors.Is(err, ErrKilled) {
		t.Errorf("after %d: %v", MaxKilled, err)
	}
	if _, errno := waiting.Call(unix.SYS_GETPPID, 0, 0, 0, 0, 0, 0); errno != 0 {
		t.Errorf("one that was there: %v", errno)
	}
}

func TestCloseDuringCall(t *testing.T) { modes(t, testCloseDuringCall) }

func testCloseDuringCall(t *testing.T, o Options) {
	task := startWith(t, o)
	calls := make(chan syscall.Errno, 1)
	go func() { calls <- sleep(task, 1e12) }()
	awaitSleep(t, task)
	if err := task.Close(); err != nil {
		t.Error(err)
	}
	if errno := hear(t, calls); errno != unix.ESRCH {
		t.Error(errno)
	}
	if task.TID() != 0 {
		t.Error("it has an id after Close")
	}
}

func TestStarterClose(t *testing.T) {
	s := &Starter{}
	var tasks []*Task
	for range 3 {
		task, err := s.Start()
		if err != nil {
			t.Fatal(err)
		}
		tasks = append(tasks, task)
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Error(err)
	}
	for _, task := range tasks {
		if _, errno := task.Call(unix.SYS_GETPPID, 0, 0, 0, 0, 0, 0); errno != unix.ESRCH {
			t.Error(errno)
		}
	}
	if _, err := s.Start(); err == nil {
		t.Error("started a task after Close")
	}
	if err := new(Starter).Close(); err != nil {
		t.Errorf("unused: %v", err)
	}
	if _, err := (&Starter{Options: Options{Proc: t.TempDir()}}).Start(); err == nil {
		t.Error("a directory that is no proc file system was accepted")
	}
}

func TestInterrupt(t *testing.T) { modes(t, testInterrupt) }

func testInterrupt(t *testing.T, o Options) {
	task := startWith(t, o)
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	calls := make(chan syscall.Errno, 1)
	go func() { calls <- errnoOf(task, fifo, unix.O_RDONLY) }()
	awaitSleep(t, task)
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for range 500 {
		task.Interrupt()
		<-again.C
		if len(calls) > 0 {
			break
		}
	}
	if errno := hear(t, calls); errno != unix.EINTR {
		t.Errorf("blocked in open: %v", errno)
	}
	if !task.late {
		t.Error("nothing waits for the interrupt to have arrived")
	}
	if errno := sleep(task, 1e6); errno != 0 {
		t.Errorf("next call: %v", errno)
	}
	if task.Interrupt(); task.late {
		t.Error("an interrupt was sent without a call")
	}
}

// TestInterruptMeansOneCall sends interrupts as long as a short call takes and a little longer. None may hit the call after it.
func TestInterruptMeansOneCall(t *testing.T) { modes(t, testInterruptMeansOneCall) }

func testInterruptMeansOneCall(t *testing.T, o Options) {
	task := startWith(t, o)
	hits := 0
	for i := range 300 {
		var returned atomic.Bool
		done := make(chan struct{})
		go func() {
			defer close(done)
			for !returned.Load() {
				task.Interrupt()
			}
		}()
		if errno := sleep(task, int64(i%3)*20000); errno == unix.EINTR {
			hits++
		}
		returned.Store(true)
		<-done
		if errno := sleep(task, 20000); errno != 0 {
			t.Fatalf("round %d: the next call got %v", i, errno)
		}
	}
	if hits == 0 {
		t.Error("no interrupt arrived: the test shows nothing")
	}
}

func count(t *testing.T, dir string) int {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestNothingLeaks(t *testing.T) { modes(t, testNothingLeaks) }

func testNothingLeaks(t *testing.T, o Options) {
	s := starter(t, o)
	cycle := func() {
		task, err := s.Start()
		if err != nil {
			t.Fatal(err)
		}
		if errno := sleep(task, 1); errno != 0 {
			t.Fatal(errno)
		}
		if err := task.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for range 20 {
		cycle()
	}
	measure := func() [4]int {
		maps, _ := os.ReadFile("/proc/self/maps")
		children, _ := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/children", unix.Getpid()))
		return [4]int{count(t, "/proc/self/fd"), count(t, "/proc/self/task"), bytes.Count(maps, []byte("\n")), len(bytes.Fields(children))}
	}
	before := measure()
	for range 1000 {
		cycle()
	}
	after := measure()
	for i, what := range []string{"descriptors", "threads", "mappings", "children"} {
		if after[i] > before[i]+5 {
			t.Errorf("%d %s became %d", before[i], what, after[i])
		}
	}
	if len(s.tasks) > 0 {
		t.Errorf("the Starter remembers %d tasks", len(s.tasks))
	}
	if _, err := unix.Wait4(-1, nil, unix.WALL|unix.WNOHANG, nil); !errors.Is(err, unix.ECHILD) {
		t.Errorf("there are children left: %v", err)
	}
}

// TestWithGo calls while the Go runtime collects garbage and sends its threads signals.
func TestWithGo(t *testing.T) { modes(t, testWithGo) }

func testWithGo(t *testing.T, o Options) {
	s := starter(t, o)
	stop := make(chan struct{})
	var churn, calls sync.WaitGroup
	for range 2 {
		churn.Go(func() {
			var kept [][]byte
			for {
				select {
				case <-stop:
					return
				default:
				}
				kept = append(kept, make([]byte, 1000))
				if len(kept) > 1000 {
					kept = nil
					runtime.GC()
					unix.Kill(unix.Getpid(), unix.SIGURG)
				}
			}
		})
	}
	for range 4 {
		calls.Go(func() {
			task, err := s.Start()
			if err != nil {
				t.Error(err)
				return
			}
			for range 500 {
				b := make([]byte, 64)
				if errno := random(task, b); errno != 0 || bytes.Equal(b, make([]byte, 64)) {
					t.Errorf("getrandom: %v, %x", errno, b)
					return
				}
			}
		})
	}
	calls.Wait()
	close(stop)
	churn.Wait()
}

// TestSharedByGoroutines: calls of one task wait for one another.
func TestSharedByGoroutines(t *testing.T) { modes(t, testSharedByGoroutines) }

func testSharedByGoroutines(t *testing.T, o Options) {
	task := startWith(t, o)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 200 {
				if r, errno := task.Call(unix.SYS_GETPID, 0, 0, 0, 0, 0, 0); errno != 0 || int(r) != task.TID() {
					t.Errorf("%d, %v", r, errno)
				}
			}
		})
	}
	group.Wait()
}
