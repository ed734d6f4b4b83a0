package unotify

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// eachHandle runs a test with every kind of handle on threads.
func eachHandle(t *testing.T, test func(t *testing.T, targets *Targets)) {
	for name, kinds := range map[string][]handleKind{
		"thread pidfd":   {handleThread},
		"pidfd or proc":  {handleLeader, handleProcDir},
		"proc directory": {handleProcDir},
	} {
		t.Run(name, func(t *testing.T) {
			targets := newTargets(t)
			if kinds[0] == handleThread && targets.kinds[0] != handleThread {
				t.Skip("kernel has no PIDFD_THREAD (Linux 6.9)")
			}
			targets.kinds = kinds
			test(t, targets)
		})
	}
}

func TestIdentify(t *testing.T) {
	h := startHelper(t, "hold", nil)
	eachHandle(t, func(t *testing.T, targets *Targets) {
		start, err := targets.proc.StartTime(h.PID)
		if err != nil {
			t.Fatal(err)
		}
		for _, tid := range []int{h.PID, h.TID} {
			want := Identity{TID: tid, TGID: h.PID, StartTime: start}
			for _, when := range []string{"first", "second"} {
				if got, err := targets.Identify(tid); got != want || err != nil {
					t.Errorf("%s time: %+v, %v, want %+v", when, got, err, want)
				}
			}
		}
		if n := targets.recent.Len(); n != 2 {
			t.Errorf("%d entries, want 2", n)
		}
		if n := testing.AllocsPerRun(100, func() { targets.Identify(h.TID) }); n != 0 { //nolint:errcheck // checked above
			t.Errorf("%v allocations for a known thread", n)
		}
	})
}

func TestIdentifyNobody(t *testing.T) {
	targets := newTargets(t)
	if _, err := targets.Identify(0); !errors.Is(err, ErrInvisible) {
		t.Errorf("thread 0: %v", err)
	}
	h := startHelper(t, "hold", nil)
	h.end()
	for _, when := range []string{"first", "second"} {
		if _, err := targets.Identify(h.PID); !errors.Is(err, unix.ESRCH) {
			t.Errorf("ended process, %s time: %v", when, err)
		}
	}
}

func TestRecognize(t *testing.T) {
	h := startHelper(t, "hold", nil)
	targets := newTargets(t)
	serial := func(tid int) uint64 {
		t.Helper()
		who, n, err := targets.Recognize(tid)
		if err != nil || who.TID != tid || who.TGID != h.PID || n == 0 {
			t.Fatalf("thread %d: %+v, %d, %v", tid, who, n, err)
		}
		return n
	}
	first, other := serial(h.PID), serial(h.TID)
	if first == other {
		t.Error("two threads have one number")
	}
	if again := serial(h.PID); again != first {
		t.Errorf("a thread has number %d, and then %d", first, again)
	}
	targets.Forget(h.PID) // as when its handle said that it had ended
	if again := serial(h.PID); again == first || again == other {
		t.Errorf("what is looked at anew has number %d, as before", again)
	}
}

func TestIdentifyAfterEnd(t *testing.T) {
	eachHandle(t, func(t *testing.T, targets *Targets) {
		h := startHelper(t, "hold", nil)
		for _, tid := range []int{h.PID, h.TID} {
			if _, err := targets.Identify(tid); err != nil {
				t.Fatal(err)
			}
		}
		h.end()
		for _, tid := range []int{h.PID, h.TID} {
			if who, err := targets.Identify(tid); !errors.Is(err, unix.ESRCH) {
				t.Errorf("stale: %+v, %v", who, err)
			}
		}
		if n := targets.recent.Len(); n != 0 || len(targets.entries) != 0 {
			t.Errorf("%d entries are left", n)
		}
	})
}

// TestIdentifyAfterThreadExec: the thread that executes takes the leader's number, and its own is free again.
func TestIdentifyAfterThreadExec(t *testing.T) {
	eachHandle(t, func(t *testing.T, targets *Targets) {
		h := startHelper(t, "exec", nil)
		thread := h.TID
		if thread == h.PID {
			t.Fatal("the helper's thread is the leader")
		}
		before, err := targets.Identify(h.PID)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := targets.Identify(thread); err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(h.in, "x")
		h.hear(t)
		if who, err := targets.Identify(thread); err == nil && h.TID != thread {
			t.Errorf("thread %d, which is no more: %+v", thread, who)
		}
		if after, err := targets.Identify(h.PID); after != before || err != nil {
			t.Errorf("leader: %+v, %v, before %+v", after, err, before)
		}
	})
}

// TestIdentifyRecycled lets a new process have an old one's number, in a pid namespace of its own.
func TestIdentifyRecycled(t *testing.T) {
	if !inPIDNamespace(t) {
		return
	}
	eachHandle(t, func(t *testing.T, targets *Targets) {
		old := startHelper(t, "hold", nil)
		before, err := targets.Identify(old.PID)
		if err != nil {
			t.Fatal(err)
		}
		old.end()
		time.Sleep(30 * time.Millisecond) // start times count in hundredths of a second
		recycled := startWithPID(t, old.PID)
		after, err := targets.Identify(recycled.PID)
		if err != nil || after.StartTime <= before.StartTime || after.TGID != before.TGID {
			t.Errorf("%+v, %v, before %+v", after, err, before)
		}
	})
}

func startWithPID(t *testing.T, pid int) *helper {
	t.Helper()
	for range 20 {
		err := os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(strconv.Itoa(pid-1)), 0)
		if err != nil {
			t.Skip("cannot choose process ids:", err)
		}
		if h := startHelper(t, "hold", nil); h.PID == pid {
			return h
		}
	}
	t.Skip("this process's own threads took the number each time")
	return nil
}

// inPIDNamespace runs a copy of the test that is process 1 of a new pid namespace with its own /proc, and is true there.
func inPIDNamespace(t *testing.T) bool {
	t.Helper()
	const env = "STEAD_TEST_PIDNS"
	if os.Getenv(env) == t.Name() {
		mountProc(t)
		return true
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), env+"="+t.Name())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS, Pdeathsig: unix.SIGKILL}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	switch {
	case errors.Is(err, unix.EPERM):
		t.Skip("cannot make a pid namespace:", err)
	case err != nil:
		t.Fatalf("%v\n%s", err, out)
	case strings.HasPrefix(string(out), "--- SKIP") || strings.Contains(string(out), "\n--- SKIP"):
		t.Skipf("skipped in the namespace:\n%s", out)
	}
	t.Logf("in a pid namespace:\n%s", out)
	return false
}

func mountProc(t *testing.T) {
	t.Helper()
	err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	if err == nil {
		err = unix.Mount("proc", "/proc", "proc", 0, "")
	}
	if err != nil {
		t.Skip("cannot mount proc in a new namespace:", err)
	}
}

func TestTargetsBound(t *testing.T) {
	targets, err := NewTargets(TargetsOptions{Max: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer targets.Close()
	var tids []int
	for range 3 {
		tids = append(tids, startHelper(t, "hold", nil).PID)
	}
	for _, tid := range []int{tids[0], tids[1], tids[0], tids[2]} {
		if _, err := targets.Identify(tid); err != nil {
			t.Fatal(err)
		}
	}
	if targets.entries[tids[0]] == nil || targets.entries[tids[1]] != nil || len(targets.entries) != 2 {
		t.Errorf("kept %v of %v, want the two used last", targets.entries, tids)
	}
	targets.Forget(tids[0])
	if len(targets.entries) != 1 || targets.recent.Len() != 1 {
		t.Error("Forget keeps the entry")
	}
}

func BenchmarkIdentify(b *testing.B) {
	h := startHelper(b, "hold", nil)
	for _, kinds := range [][]handleKind{{handleThread}, {handleProcDir}} {
		b.Run(fmt.Sprintf("known/%d", kinds[0]), func(b *testing.B) {
			targets := newTargets(b)
			targets.kinds = kinds
			for b.Loop() {
				targets.Identify(h.TID) //nolint:errcheck // only the cost matters
			}
		})
	}
	b.Run("new", func(b *testing.B) {
		targets := newTargets(b)
		for b.Loop() {
			targets.Forget(h.TID)
			targets.Identify(h.TID) //nolint:errcheck // only the cost matters
		}
	})
}
