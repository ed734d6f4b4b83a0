package unotify

import (
	"os"
	"os/exec"
	"os/signal"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const never = time.Hour

func TestVigil(t *testing.T) {
	h := startHelper(t, "hold", nil)
	targets := newTargets(t)
	kinds := map[string]*Vigil{"pidfd": targets.Vigil(h.PID), "without": {wake: make(chan struct{}, 1)}}
	if kinds["pidfd"].file == nil {
		t.Skip("this kernel's pidfds cannot be waited for (Linux 5.10)")
	}
	waits := func() bool { return false }
	for name, v := range kinds {
		before := time.Now()
		v.Await(20*time.Millisecond, waits)
		if took := time.Since(before); took < 20*time.Millisecond || took > never/2 {
			t.Errorf("%s: waited %v of 20 ms", name, took)
		}
		returns(t, name+", over", func() { v.Await(never, func() bool { return true }) })
		returns(t, name+", woken", func() {
			go func() {
				time.Sleep(10 * time.Millisecond)
				v.Wake()
			}()
			v.Await(never, waits)
		})
		early := func() bool { v.Wake(); return false } // after the time was set, and before waiting
		returns(t, name+", woken early", func() { v.Await(never, early) })
	}
	returns(t, "ended", func() {
		go h.end()
		kinds["pidfd"].Await(never, waits)
	})
	returns(t, "ended before", func() { kinds["pidfd"].Await(never, waits) })
	kinds["pidfd"].Close()
	kinds["pidfd"].Wake()
	gone := targets.Vigil(h.PID)
	returns(t, "gone", func() { gone.Await(time.Millisecond, waits) })
	gone.Close()
}

func returns(t *testing.T, name string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatalf("%s: does not come back", name)
	}
}

func TestHandledSignals(t *testing.T) {
	targets := newTargets(t)
	waiting, possible := targets.Signals(os.Getpid())
	for i := 0; waiting && i < 100; i++ { // for a moment, the runtime's own that takes a goroutine off its thread may wait
		time.Sleep(time.Millisecond)
		waiting, possible = targets.Signals(os.Getpid())
	}
	if waiting || !possible {
		t.Errorf("a Go program: waiting %v, possible %v", waiting, possible) // the runtime has handlers
	}
	if waiting, possible := targets.Signals(1 << 23); waiting || !possible {
		t.Errorf("nobody: waiting %v, possible %v", waiting, possible)
	}
	cmd := startProgram(t, "sleep", "1000")
	if waiting, possible := targets.Signals(cmd); waiting || possible {
		t.Errorf("a program without handlers: waiting %v, possible %v", waiting, possible)
	}
	received := make(chan os.Signal, 1)
	signal.Notify(received, unix.SIGUSR2)
	defer signal.Stop(received)
	err := onThrowawayThread(func() error {
		var all unix.Sigset_t
		for i := range all.Val {
			all.Val[i] = ^all.Val[i]
		}
		tid := unix.Gettid()
		if err := unix.PthreadSigmask(unix.SIG_SETMASK, &all, nil); err != nil {
			return err
		}
		if err := unix.Tgkill(os.Getpid(), tid, unix.SIGUSR2); err != nil {
			return err
		}
		if waiting, _ := targets.Signals(tid); waiting {
			t.Error("a signal that is blocked waits to be handled")
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// startProgram starts a program that the test ends, and gives its id once it has replaced the test's own.
func startProgram(t *testing.T, name string, args ...string) int {
	t.Helper()
	cmd := exec.Command(name, args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill() //nolint:errcheck // it has ended then
		cmd.Wait()         //nolint:errcheck // it was killed
	})
	return cmd.Process.Pid // os/exec waits for the execution
}
