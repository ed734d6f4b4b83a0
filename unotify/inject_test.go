package unotify_test

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/unotify"
)

// injections make both ways happen, and each of them again when it is tried for a change.
const injections = 200

// A target gets its descriptors, and finds itself allowed the CPUs that it was allowed before, whenever it looks.
func TestInjectGivesAffinityBack(t *testing.T) {
	var all unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		t.Fatal(err)
	}
	one := all
	for cpu := 0; one.Count() > 1; cpu++ {
		one.Clear(cpu)
	}
	for name, mask := range map[string]unix.CPUSet{"all CPUs": all, "one of its own": one} {
		t.Run(name, func(t *testing.T) { testInject(t, &mask) })
	}
}

func testInject(t *testing.T, mask *unix.CPUSet) {
	end := make(chan struct{})
	l := filtered(t, unotify.FlagWaitKillableRecv, func() {
		defer close(end)
		if err := unix.SchedSetaffinity(0, mask); err != nil {
			t.Error(err)
		}
		for range injections {
			takeDescriptor(t, mask)
		}
	})
	l.SetKillable(true)
	r := receiver(t, l)
	defer r.Close()
	zero, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer zero.Close()
	var n unotify.Notification
	for range injections {
		if err := r.Receive(&n); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Inject(n.ID, int(n.TID), int(zero.Fd()), true, nil); err != nil {
			t.Errorf("inject: %v", err)
			l.Respond(n.ID, unotify.Response{Errno: unix.EIO}) //nolint:errcheck // the test has failed
		}
	}
	<-end
}

// takeDescriptor makes the tested call and looks at its own affinity at once.
func takeDescriptor(t *testing.T, mask *unix.CPUSet) {
	fd, errno := call()
	var now unix.CPUSet
	if err := unix.SchedGetaffinity(0, &now); err != nil || now != *mask {
		t.Errorf("allowed %d CPUs after an injection, %v; want %d", now.Count(), err, mask.Count())
	}
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	if errno != 0 || err != nil || flags != unix.FD_CLOEXEC {
		t.Errorf("descriptor %d: %v, flags %d, %v", fd, errno, flags, err)
	}
	unix.Close(fd)
}
