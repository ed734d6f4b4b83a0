package unotify

import (
	"errors"
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// onFilteredThread runs f on a thread of its own on which the given calls fail with errno. The thread ends with f.
func onFilteredThread(errno unix.Errno, f func() error, calls ...uint32) error {
	prog := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}}
	for i, nr := range calls {
		prog = append(prog, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: uint8(len(calls) - i), K: nr})
	}
	prog = append(prog, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(errno)})
	return onThrowawayThread(func() error {
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return err
		}
		if _, err := Install(prog, 0); err != nil {
			return err
		}
		return f()
	})
}

// onThrowawayThread never takes the process's first thread, which Go cannot end.
func onThrowawayThread(f func() error) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == os.Getpid() {
			result <- onThrowawayThread(f)
			runtime.UnlockOSThread()
			return
		}
		result <- f()
	}()
	return <-result
}

// validator is a Validator that says what it is told, and runs a function before it does.
type validator struct {
	before func()
	err    error
}

func (v *validator) Valid(id uint64) error {
	if v.before != nil {
		v.before()
	}
	return v.err
}

func openFDs(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func TestTargetHandles(t *testing.T) {
	h := startHelper(t, "hold", nil)
	targets := newTargets(t)
	for _, tid := range []int{h.PID, h.TID} {
		target, err := targets.Pin(&validator{}, 7, tid)
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]string{"root": "/", "cwd": ".", "exe": "/proc/self/exe"} {
			open := map[string]func() (*os.File, error){"root": target.Root, "cwd": target.Cwd, "exe": target.Exe}[name]
			f, err := open()
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			sameFile(t, name, f, want)
			f.Close()
		}
		if comm, err := target.Comm(); err != nil || comm == "" {
			t.Errorf("comm %q, %v", comm, err)
		}
		own, _ := os.Readlink("/proc/self/exe")
		if path, err := target.ExePath(); err != nil || path != own {
			t.Errorf("exe path %q, %v, want %q", path, err, own)
		}
	}
}

func sameFile(t *testing.T, name string, f *os.File, path string) {
	t.Helper()
	var a, b unix.Stat_t
	if err := errors.Join(unix.Fstat(int(f.Fd()), &a), unix.Stat(path, &b)); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	if a.Dev != b.Dev || a.Ino != b.Ino {
		t.Errorf("%s is another file than %s", name, path)
	}
	flags, _ := unix.FcntlInt(f.Fd(), unix.F_GETFD, 0)
	if flags&unix.FD_CLOEXEC == 0 || f.Fd() < 3 {
		t.Errorf("%s: descriptor %d has flags %#x", name, f.Fd(), flags)
	}
}

func TestTargetGone(t *testing.T) {
	h := startHelper(t, "hold", nil)
	targets := newTargets(t)
	v := &validator{}
	target, err := targets.Pin(v, 7, h.PID)
	if err != nil {
		t.Fatal(err)
	}
	before := openFDs(t)
	v.err = &OpError{Op: "check notification", ID: 7, Err: unix.ENOENT}
	for name, use := range targetMethods(target) {
		if err := use(); !errors.Is(err, ErrGone) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if after := openFDs(t); after != before {
		t.Errorf("%d descriptors, %d before", after, before)
	}
	if _, err := targets.Pin(v, 7, h.PID); !errors.Is(err, ErrGone) {
		t.Errorf("Pin: %v", err)
	}
}

// TestTargetEnded: without the notification's end having been seen, the errors are not ErrGone.
func TestTargetEnded(t *testing.T) {
	h := startHelper(t, "hold", nil)
	target, err := newTargets(t).Pin(&validator{}, 7, h.PID)
	if err != nil {
		t.Fatal(err)
	}
	h.end()
	for name, use := range targetMethods(target) {
		if err := use(); (err == nil) != (name == "namespaces") || errors.Is(err, ErrGone) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func targetMethods(target Target) map[string]func() error {
	return map[string]func() error{
		"root":        func() error { _, err := target.Root(); return err },
		"cwd":         func() error { _, err := target.Cwd(); return err },
		"exe":         func() error { _, err := target.Exe(); return err },
		"exe path":    func() error { _, err := target.ExePath(); return err },
		"comm":        func() error { _, err := target.Comm(); return err },
		"fd":          func() error { _, err := target.FD(0); return err },
		"credentials": func() error { _, err := target.Credentials(); return err },
		"umask":       func() error { _, err := target.Umask(); return err },
		"namespaces":  func() error { _, err := target.Namespaces(); return err },
		"namespace":   func() error { _, err := target.Namespace(NetNamespace); return err },
	}
}

func TestTargetFD(t *testing.T) {
	h := startHelper(t, "hold", nil)
	target, err := newTargets(t).Pin(&validator{}, 7, h.TID)
	if err != nil {
		t.Fatal(err)
	}
	f, err := target.FD(0) // the pipe whose other end is h.in
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var a, b unix.Stat_t
	unix.Fstat(int(f.Fd()), &a)               //nolint:errcheck // compared below
	unix.Fstat(int(h.in.(*os.File).Fd()), &b) //nolint:errcheck // compared below
	if a.Ino == 0 || a.Ino != b.Ino {
		t.Error("descriptor 0 is another file")
	}
	if _, err := target.FD(999); !errors.Is(err, unix.EBADF) {
		t.Errorf("descriptor 999: %v", err)
	}
}

// TestTargetFDFlags: flags of the open file description are the target's too.
func TestTargetFDFlags(t *testing.T) {
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pipe[0])
	defer unix.Close(pipe[1])
	target, err := newTargets(t).Pin(&validator{}, 7, os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	f, err := target.FD(pipe[0])
	if err != nil {
		t.Fatal(err)
	}
	f.Fd()
	f.Close()
	if flags, err := unix.FcntlInt(uintptr(pipe[0]), unix.F_GETFL, 0); flags&unix.O_NONBLOCK == 0 || err != nil {
		t.Errorf("flags %#x, %v: the target's descriptor has become blocking", flags, err)
	}
}

// TestLeaderDescriptors: a leader's pidfd stands for a thread only if the two share their descriptors.
func TestLeaderDescriptors(t *testing.T) {
	if !sharesFiles(os.Getpid(), os.Getpid()) {
		t.Skip("kernel has no kcmp(2) (CONFIG_KCMP)")
	}
	h, other := startHelper(t, "hold", nil), startHelper(t, "hold", nil)
	if !sharesFiles(h.PID, h.TID) || sharesFiles(h.PID, other.PID) {
		t.Errorf("threads share: %v, processes share: %v", sharesFiles(h.PID, h.TID), sharesFiles(h.PID, other.PID))
	}
	fd, err := Target{Identity: Identity{TID: h.TID, TGID: h.PID}}.leaderPidfd()
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(fd)
	if _, err := (Target{Identity: Identity{TID: other.PID, TGID: h.PID}}).leaderPidfd(); !errors.Is(err, unix.ENOSYS) {
		t.Errorf("threads that differ: %v", err)
	}
}

// TestTargetOfNotification pins a target whose call is really pending, then kills it.
func TestTargetOfNotification(t *testing.T) {
	f := newFeatures()
	p, err := startProbe(t.Context(), "/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer p.end()
	p.f = &f
	if errno, err := p.install(FlagNewListener); errno != 0 || err != nil {
		t.Skip("no listener to be had:", errno, err)
	}
	if err := p.ask("call", 0); err != nil {
		t.Fatal(err)
	}
	n, err := p.receive()
	if err != nil {
		t.Fatal(err)
	}
	target, err := newTargets(t).Pin(p.listener, n.ID, int(n.TID))
	if err != nil || target.TID != p.worker || target.TGID != p.hello.PID {
		t.Fatalf("%+v, %v, want thread %d of %d", target.Identity, err, p.worker, p.hello.PID)
	}
	if c, err := target.Credentials(); err != nil || c.Seccomp != unix.SECCOMP_MODE_FILTER || !c.NoNewPrivs {
		t.Errorf("credentials %+v, %v", c, err)
	}
	p.cmd.Process.Kill() //nolint:errcheck // seen by Wait
	p.cmd.Wait()         //nolint:errcheck // it was killed
	for name, use := range targetMethods(target) {
		if err := use(); !errors.Is(err, ErrGone) {
			t.Errorf("%s of a killed target: %v", name, err)
		}
	}
}

// TestTargetFDReopened refuses pidfd_getfd: a directory is still to be had, a pipe is not.
func TestTargetFDReopened(t *testing.T) {
	dir, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	target, err := newTargets(t).Pin(&validator{}, 7, os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	r, w, _ := os.Pipe()
	defer r.Close()
	defer w.Close()
	err = onFilteredThread(unix.EPERM, func() error {
		f, err := target.FD(int(dir.Fd()))
		if err != nil {
			return err
		}
		defer f.Close()
		sameFile(t, "directory", f, dir.Name())
		if _, err := target.FD(int(r.Fd())); !errors.Is(err, unix.EPERM) {
			t.Errorf("pipe: %v", err)
		}
		return nil
	}, unix.SYS_PIDFD_GETFD)
	if err != nil {
		t.Error(err)
	}
}

func TestCredentials(t *testing.T) {
	h := startHelper(t, "hold", nil)
	target, err := newTargets(t).Pin(&validator{}, 7, h.PID)
	if err != nil {
		t.Fatal(err)
	}
	c, err := target.Credentials()
	if err != nil {
		t.Fatal(err)
	}
	uid, gid := uint32(os.Getuid()), uint32(os.Getgid())
	if c.UID != (IDs{uid, uid, uid, uid}) || c.GID != (IDs{gid, gid, gid, gid}) {
		t.Errorf("ids: %+v", c)
	}
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var caps [2]unix.CapUserData
	if err := unix.Capget(&hdr, &caps[0]); err != nil {
		t.Fatal(err)
	}
	if want := uint64(caps[1].Effective)<<32 | uint64(caps[0].Effective); c.Caps.Effective != want {
		t.Errorf("effective capabilities %#x, want %#x", c.Caps.Effective, want)
	}
	umask := uint32(unix.Umask(0))
	unix.Umask(int(umask))
	if got, err := target.Umask(); got != umask || c.Umask != umask || err != nil {
		t.Errorf("umask %o and %o, %v, want %o", got, c.Umask, err, umask)
	}
}

func TestNamespaces(t *testing.T) {
	h := startHelper(t, "hold", nil)
	target, err := newTargets(t).Pin(&validator{}, 7, h.TID)
	if err != nil {
		t.Fatal(err)
	}
	all, err := target.Namespaces()
	if err != nil {
		t.Fatal(err)
	}
	for kind, id := range all {
		var st unix.Stat_t
		if err := unix.Stat("/proc/self/ns/"+NamespaceKind(kind).String(), &st); err != nil {
			t.Logf("kernel has no %v namespaces: %v", NamespaceKind(kind), err)
		}
		if id.Ino != st.Ino {
			t.Errorf("%v namespace: %+v, want inode %d", NamespaceKind(kind), id, st.Ino)
		}
	}
	f, err := target.Namespace(UTSNamespace)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sameFile(t, "uts namespace", f, "/proc/self/ns/uts")
	if _, err := target.Namespace(99); !errors.Is(err, unix.ENOENT) || errors.Is(err, ErrGone) {
		t.Errorf("namespace of kind 99: %v", err)
	}
}
