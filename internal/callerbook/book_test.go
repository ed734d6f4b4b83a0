package callerbook

import (
	"errors"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/unotify"
)

// number finds a call.
func number(t *testing.T, name string) arch.ID {
	t.Helper()
	id, ok := arch.LookupID(name)
	if !ok {
		t.Fatalf("no ABI has a call %s", name)
	}
	return id
}

// Threads of processes 10 and 20. Their ids are those of processes that exist, and of one that does not.
type cast struct {
	*Book[string]
	first, second, other Who // two of one process, one of another
}

func newCast(t *testing.T) *cast {
	t.Helper()
	alive := os.Getppid()
	c := &cast{first: who(os.Getpid(), 10), second: who(alive, 10), other: who(1, 20)}
	if alive == 1 {
		c.other = who(unix.Gettid(), 20)
	}
	tgids := map[int]int{c.first.TID: 10, c.second.TID: 10, c.other.TID: 20}
	c.Book = New[string](func(tid int) (unotify.Identity, error) {
		if tgid, ok := tgids[tid]; ok {
			return unotify.Identity{TID: tid, TGID: tgid}, nil
		}
		return unotify.Identity{}, unix.ESRCH
	})
	return c
}

func who(tid, tgid int) Who { return Who{unotify.Identity{TID: tid, TGID: tgid}, uint64(tid)} }

// learn makes all known, as far as anything may be kept.
func (c *cast) learn() {
	for _, w := range []Who{c.first, c.second, c.other} {
		_, ticket := c.Recall(w)
		v := "known"
		c.Keep(w, ticket, &v)
	}
}

// knows says of whom something is known.
func (c *cast) knows() (list [3]bool) {
	for i, w := range []Who{c.first, c.second, c.other} {
		v, _ := c.Recall(w)
		list[i] = v != nil
	}
	return list
}

func TestReach(t *testing.T) {
	for call, after := range map[string]struct{ during, then [3]bool }{
		"setresuid":  {[3]bool{false, true, true}, [3]bool{true, true, true}},
		"setgroups":  {[3]bool{false, true, true}, [3]bool{true, true, true}},
		"capset":     {[3]bool{false, true, true}, [3]bool{true, true, true}},
		"unshare":    {[3]bool{false, true, true}, [3]bool{true, true, true}},
		"setns":      {[3]bool{false, true, true}, [3]bool{true, true, true}},
		"execve":     {[3]bool{false, false, true}, [3]bool{false, false, true}},
		"execveat":   {[3]bool{false, false, true}, [3]bool{false, false, true}},
		"umask":      {},
		"chroot":     {},
		"pivot_root": {},
		"umount2":    {[3]bool{true, true, true}, [3]bool{true, true, true}},
	} {
		c := newCast(t)
		c.learn()
		if c.knows() != [3]bool{true, true, true} {
			t.Fatal("nothing is kept")
		}
		c.Changing(c.first.TID, number(t, call))
		if got := c.knows(); got != after.during {
			t.Errorf("%s: known %v, want %v", call, got, after.during)
		}
		c.learn()
		if got := c.knows(); got != after.then {
			t.Errorf("%s, read again before it is over: known %v, want %v", call, got, after.then)
		}
		c.Calling(c.first.TID)
		c.learn()
		if got := c.knows(); got != [3]bool{true, true, true} {
			t.Errorf("%s, its caller has called again: known %v", call, got)
		}
	}
}

// TestKeepLate: what was read before a change is not kept after it.
func TestKeepLate(t *testing.T) {
	c := newCast(t)
	_, ticket := c.Recall(c.first)
	c.Changing(c.other.TID, number(t, "setuid"))
	v := "old"
	c.Keep(c.first, ticket, &v)
	if got := c.knows(); got != [3]bool{} {
		t.Errorf("known %v", got)
	}
	c.Keep(c.first, Ticket{}, &v)
	if got := c.knows(); got != [3]bool{} {
		t.Errorf("without having been asked for: known %v", got)
	}
}

func TestOtherThread(t *testing.T) {
	c := newCast(t)
	c.learn()
	for _, change := range []func(w *Who){func(w *Who) { w.Serial++ }, func(w *Who) { w.StartTime++ }, func(w *Who) { w.TGID++ }} {
		w := c.first
		change(&w)
		if v, _ := c.Recall(w); v != nil {
			t.Errorf("%+v was taken for %+v", w, c.first)
		}
	}
	c.Forget(c.first.TID)
	if got := c.knows(); got != [3]bool{false, true, true} {
		t.Errorf("forgotten: known %v", got)
	}
}

// TestEnded: a thread that is no more changes nothing.
func TestEnded(t *testing.T) {
	for _, call := range []string{"chroot", "execve"} {
		c := newCast(t)
		cmd := exec.Command("sleep", "1000")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		c.identify = func(tid int) (unotify.Identity, error) { return unotify.Identity{TID: tid, TGID: 10}, nil }
		c.Changing(cmd.Process.Pid, number(t, call))
		c.learn()
		if got := c.knows(); got[0] {
			t.Errorf("%s: known %v", call, got)
		}
		if err := errors.Join(cmd.Process.Kill()); err != nil {
			t.Fatal(err)
		}
		cmd.Wait() //nolint:errcheck // it was killed
		c.learn()
		if got := c.knows(); got != [3]bool{true, true, true} {
			t.Errorf("%s of a thread that has ended: known %v", call, got)
		}
	}
}

// TestUnknownExecutes: where it cannot be told whose an execution is, it may be anyone's.
func TestUnknownExecutes(t *testing.T) {
	c := newCast(t)
	c.identify = func(int) (unotify.Identity, error) { return unotify.Identity{}, unix.EMFILE }
	c.learn()
	c.Changing(c.other.TID, number(t, "execve"))
	if got := c.knows(); got != [3]bool{} {
		t.Errorf("known %v", got)
	}
}

// TestBounds: many callers that change something and are not heard of again cost no memory beyond a bound, and nothing wrong is said.
func TestBounds(t *testing.T) {
	c := newCast(t)
	c.identify = func(tid int) (unotify.Identity, error) { return unotify.Identity{TID: tid, TGID: tid}, nil }
	const gone = 1 << 23 // above the kernel's largest process id (pid_max_max of kernel/pid.c)
	for i := range most + 10 {
		c.Changing(gone+i, number(t, "execve"))
	}
	if c.closed || len(c.changing) > most {
		t.Errorf("%d changes of threads that have ended, closed %v", len(c.changing), c.closed)
	}
	for i := range most {
		v := "known"
		_, ticket := c.Recall(who(1000+i, 1000+i))
		c.Keep(who(1000+i, 1000+i), ticket, &v)
	}
	if len(c.known) > most {
		t.Errorf("%d are known", len(c.known))
	}
}
