package standin

import (
	"errors"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

func BenchmarkCall(b *testing.B) {
	for _, c := range []struct {
		name          string
		futex, pinned bool
	}{{"notified", false, false}, {"notified-pinned", false, true}, {"futex", true, false}, {"futex-pinned", true, true}} {
		b.Run(c.name, func(b *testing.B) {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			t := startWith(b, Options{Futex: c.futex})
			if c.pinned {
				pin(b, t)
			}
			for b.Loop() {
				if _, errno := t.Call(unix.SYS_GETPPID, 0, 0, 0, 0, 0, 0); errno != 0 {
					b.Fatal(errno)
				}
			}
		})
	}
}

// pin puts the calling goroutine's thread and the task on one CPU.
func pin(b *testing.B, t *Task) {
	var all, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		b.Fatal(err)
	}
	cpu := 0
	for !all.IsSet(cpu) {
		cpu++
	}
	one.Set(cpu)
	for _, tid := range []int{0, t.TID()} {
		if err := unix.SchedSetaffinity(tid, &one); err != nil {
			b.Fatal(err)
		}
	}
	b.Cleanup(func() {
		unix.SchedSetaffinity(0, &all) //nolint:errcheck // the next benchmark is slower
	})
}

func BenchmarkStart(b *testing.B) {
	for name, futex := range map[string]bool{"notified": false, "futex": true} {
		b.Run(name, func(b *testing.B) {
			s := starter(b, Options{Futex: futex})
			for b.Loop() {
				t, err := s.Start()
				if err != nil {
					b.Fatal(err)
				}
				if err := t.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkBecome(b *testing.B) {
	needRoot(b)
	s := starter(b, Options{})
	for b.Loop() {
		t, err := s.Start()
		if err != nil {
			b.Fatal(err)
		}
		if err := errors.Join(t.Become(user()), t.Close()); err != nil {
			b.Fatal(err)
		}
	}
}
