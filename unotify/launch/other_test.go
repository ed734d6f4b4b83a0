package launch_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/internal/testneed"
	"github.com/stead-project/stead/unotify"
	"github.com/stead-project/stead/unotify/launch"
	"github.com/stead-project/stead/unotify/standin"
	"github.com/stead-project/stead/unotify/unotifytest"
)

// somebody is a task that is another user, with one capability.
func somebody(t *testing.T) *standin.Task {
	t.Helper()
	if os.Getuid() != 0 {
		testneed.Missing(t, "needs root, to be somebody else")
	}
	s := &standin.Starter{Options: standin.Options{Futex: true}}
	t.Cleanup(func() { s.Close() })
	task, err := s.Start()
	if err != nil {
		t.Fatal(err)
	}
	ids := unotify.IDs{Real: 7, Effective: 7, Saved: 7, FS: 7}
	caps := unotify.CapSets{Effective: 1, Permitted: 1, Inheritable: 1}
	early := caps
	early.Effective |= 1 << unix.CAP_SETPCAP
	early.Permitted |= 1 << unix.CAP_SETPCAP
	if err := task.Become(standin.Identity{UID: ids, GID: ids, Groups: []uint32{8}, Caps: early, Umask: 0o27}); err != nil {
		t.Fatal(err)
	}
	caps.Bounding, caps.Ambient = 3, 1
	if err := task.Limit(caps); err != nil {
		t.Fatal(err)
	}
	return task
}

func by(t *testing.T, task *standin.Task, path string, args ...string) (launch.Options, *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return launch.Options{By: task, Path: path, Args: append([]string{path}, args...), Env: []string{"A=b"}, Dir: "/", Setsid: true,
		Filter: unotifytest.Notify(unix.SYS_UNAME), Files: []*os.File{nil, w, w}, Limits: []unix.Rlimit{{Cur: 100, Max: 200}}}, r
}

// ended waits for what the task has started, as only it can.
func ended(t *testing.T, task *standin.Task) {
	t.Helper()
	errno := syscall.Errno(0)
	for errno == 0 || errno == unix.EINTR {
		_, errno = task.Call(unix.SYS_WAIT4, ^uintptr(0), 0, unix.WALL, 0, 0, 0)
	}
	if errno != unix.ECHILD {
		t.Errorf("wait: %v", errno)
	}
}

func TestStartBy(t *testing.T) {
	task := somebody(t)
	secret, err := os.Open("/etc/passwd")
	if err != nil {
		t.Fatal(err)
	}
	defer secret.Close()
	forgotten, err := unix.Dup(int(secret.Fd())) // not closed on execve
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(forgotten)
	o, r := by(t, task, "/bin/cat", "/proc/self/status", "/proc/self/limits", "/proc/self/environ")
	var seen unotify.Credentials
	o.Admit = func(pid int) error {
		targets, err := unotify.NewTargets(unotify.TargetsOptions{})
		if err != nil {
			return err
		}
		defer targets.Close()
		seen, err = targets.CredentialsOf(pid)
		return err
	}
	c, err := launch.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Release()
	defer unix.Close(c.Pidfd)
	defer c.Listener.Close()
	ended(t, task)
	o.Files[1].Close()
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Uid:\t7\t7\t7\t7", "Groups:\t8", "CapPrm:\t0000000000000001", "CapBnd:\t0000000000000003", "CapAmb:\t0000000000000001",
		"Umask:\t0027", "NoNewPrivs:\t1", "Seccomp:\t2", "SigBlk:\t0000000000000000", "SigIgn:\t0000000000000000",
		"Max cpu time              100                  200", "A=b\x00"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if seen.UID.Saved != 7 || seen.Caps.Permitted != 1 || !seen.NoNewPrivs || err != nil {
		t.Errorf("before: %+v", seen)
	}
	o, r = by(t, task, "/bin/ls", "/proc/self/fd")
	if c, err = launch.Start(o); err != nil {
		t.Fatal(err)
	}
	defer c.Release()
	defer unix.Close(c.Pidfd)
	defer c.Listener.Close()
	ended(t, task)
	o.Files[1].Close()
	if text, _ = io.ReadAll(r); string(bytes.TrimSpace(text)) != "0\n1\n2" { // 0 is the directory that is listed
		t.Errorf("descriptors %q", text)
	}
}

// What is not admitted executes nothing.
func TestStartByNotAdmitted(t *testing.T) {
	task := somebody(t)
	o, r := by(t, task, "/bin/echo", "ran")
	no := errors.New("no")
	o.Admit = func(int) error { return no }
	if c, err := launch.Start(o); !errors.Is(err, no) || c != nil {
		t.Errorf("%v, %v", c, err)
	}
	ended(t, task)
	o.Files[1].Close()
	if text, _ := io.ReadAll(r); len(text) > 0 {
		t.Errorf("it said %q", text)
	}
}

func TestStartByNobody(t *testing.T) {
	task := somebody(t)
	o, _ := by(t, task, "/no/such/program")
	c, err := launch.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	ended(t, task)
	if err := c.ExecError(); !errors.Is(err, unix.ENOENT) {
		t.Errorf("%v", err)
	}
	unix.Close(c.Pidfd)
	c.Listener.Close()
	c.Release()
	task.Close()
	if c, err := launch.Start(o); !errors.Is(err, unix.ESRCH) || c != nil {
		t.Errorf("by a task that has ended: %v, %v", c, err)
	}
}
