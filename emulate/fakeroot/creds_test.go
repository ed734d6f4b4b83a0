package fakeroot

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/unotify"
)

// TestRules goes through what root may and what it may not any more; integration compares random sequences with the kernel.
func TestRules(t *testing.T) {
	u, c := users(), root()
	for i, step := range []struct {
		do    func() syscall.Errno
		errno syscall.Errno
		want  unotify.IDs
	}{
		{func() syscall.Errno { return u.setRES(&c, unchanged, 5, unchanged) }, 0, unotify.IDs{Effective: 5, FS: 5}},
		{func() syscall.Errno { return u.setRES(&c, 6, unchanged, unchanged) }, unix.EPERM, unotify.IDs{Effective: 5, FS: 5}},
		{func() syscall.Errno { return u.set(&c, 0) }, 0, unotify.IDs{}},
		{func() syscall.Errno { return u.setRE(&c, 7, 8) }, 0, unotify.IDs{Real: 7, Effective: 8, Saved: 8, FS: 8}},
		{func() syscall.Errno { return u.set(&c, 0) }, unix.EPERM, unotify.IDs{Real: 7, Effective: 8, Saved: 8, FS: 8}},
		{func() syscall.Errno { return u.set(&c, unchanged) }, unix.EINVAL, unotify.IDs{Real: 7, Effective: 8, Saved: 8, FS: 8}},
		{func() syscall.Errno { return u.set(&c, 7) }, 0, unotify.IDs{Real: 7, Effective: 7, Saved: 8, FS: 7}},
	} {
		if errno := step.do(); errno != step.errno || c.uid != step.want {
			t.Errorf("step %d: %v %+v, want %v %+v", i, errno, c.uid, step.errno, step.want)
		}
	}
	if c.caps.Permitted|c.caps.Effective != 0 {
		t.Errorf("capabilities without root: %+v", c.caps)
	}
	if old := u.setFS(&c, 0); old != 7 || c.uid.FS != 7 {
		t.Errorf("setfsuid gave %d and left %d", old, c.uid.FS)
	}
}

// TestKeepCaps: who asks for it keeps what is permitted.
func TestKeepCaps(t *testing.T) {
	c := root()
	c.keep = true
	if errno := users().setRES(&c, 5, 5, 5); errno != 0 || c.caps.Permitted != allCaps || c.caps.Effective != 0 {
		t.Errorf("%v %+v", errno, c.caps)
	}
}

func newCrowd(t *testing.T) *crowd {
	t.Helper()
	targets, err := unotify.NewTargets(unotify.TargetsOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { targets.Close() })
	return &crowd{targets: targets, pid: -1, known: map[int]member{}}
}

func (c *crowd) identify(t *testing.T, pid int) unotify.Identity {
	t.Helper()
	who, err := c.targets.Identify(pid)
	if err != nil {
		t.Fatal(err)
	}
	return who
}

// TestCrowd: a child is what its parent was when it was made, and is not what somebody was who had its number.
func TestCrowd(t *testing.T) {
	c := newCrowd(t)
	start := func() int {
		cmd := exec.Command("sleep", "1000")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() }) //nolint:errcheck // it was killed
		return cmd.Process.Pid
	}
	runtime.LockOSThread() // credentials are a thread's, and so is a child
	defer runtime.UnlockOSThread()
	self := c.identify(t, unix.Gettid())
	become := func(uid uint32) {
		if errno := c.change(self, func(now *creds) syscall.Errno { return users().setRES(now, uid, uid, 0) }); errno != 0 {
			t.Fatal(errno)
		}
	}
	before := c.identify(t, start())
	become(12)
	after := c.identify(t, start())
	if got := c.of(before).uid.Real; got != 0 {
		t.Errorf("a child from before is %d", got)
	}
	if got := c.of(after).uid.Real; got != 12 {
		t.Errorf("a child from afterwards is %d", got)
	}
	become(0)
	become(13)
	if got := c.of(after).uid.Real; got != 12 {
		t.Errorf("a child from before the second change is %d", got)
	}
	other := after
	other.StartTime++
	if got := c.find(other, maxDepth).uid.Real; got != 13 {
		t.Errorf("another process of that number is %d", got)
	}
	gone := unotify.Identity{TID: 1 << 30, TGID: 1 << 30}
	c.known[gone.TID] = member{gone, root()}
	c.sweep()
	if _, ok := c.known[gone.TID]; ok || len(c.known) == 0 {
		t.Errorf("after sweeping %d are known", len(c.known))
	}
}

// TestCrowdBounds: what is remembered of groups is bounded.
func TestCrowdBounds(t *testing.T) {
	c := newCrowd(t)
	self := c.identify(t, os.Getpid())
	many := make([]uint32, maxGroups)
	for i := range maxAllGroups / maxGroups {
		c.known[-1-i] = member{creds: creds{groups: many}}
	}
	set := func(n int) syscall.Errno {
		return c.change(self, func(now *creds) syscall.Errno { return now.setGroups(many[:n]) })
	}
	if errno := set(maxGroups); errno != unix.ENOMEM {
		t.Errorf("too many: %v", errno)
	}
	if errno := set(manyGroups); errno != 0 {
		t.Errorf("a few: %v", errno)
	}
}

// TestTable: every call is one of some ABI, and comes once.
func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range Calls() {
		if _, ok := arch.LookupID(s.Call); !ok || seen[s.Call] {
			t.Errorf("%s: known %v, twice %v", s.Call, ok, seen[s.Call])
		}
		seen[s.Call] = true
	}
	if len(seen) > 255 {
		t.Errorf("%d calls are more than the index counts", len(seen))
	}
}

// TestOnce: of the calls on ids those are not the same twice that tell what was before.
func TestOnce(t *testing.T) {
	for _, r := range idRows() {
		want := strings.HasPrefix(r.call, "setfs")
		if (&work{row: &r}).Once() != want {
			t.Errorf("%s: %v", r.call, !want)
		}
	}
}
