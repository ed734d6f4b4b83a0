package launch

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/unotify"
	"github.com/stead-project/stead/unotify/unotifytest"
)

// serve continues every call of the child until all targets are gone, and returns the numbers of the calls.
func serve(t *testing.T, c *Child) []int32 {
	t.Helper()
	done := make(chan []int32)
	go func() {
		var calls []int32
		defer func() { done <- calls }()
		r, err := c.Listener.NewReceiver()
		if err != nil {
			t.Error(err)
			return
		}
		defer r.Close()
		var n unotify.Notification
		for r.Receive(&n) == nil {
			calls = append(calls, n.Data.NR)
			if err := c.Listener.Respond(n.ID, unotify.Response{Continue: true}); err != nil && !errors.Is(err, unotify.ErrGone) {
				t.Error(err)
			}
		}
	}()
	select {
	case calls := <-done:
		return calls
	case <-time.After(20 * time.Second):
		t.Fatal("child did not end")
		return nil
	}
}

func wait(t *testing.T, c *Child) unix.WaitStatus {
	t.Helper()
	var ws unix.WaitStatus
	for {
		_, err := unix.Wait4(c.PID, &ws, 0, nil)
		if err == nil {
			c.Release()
			return ws
		}
		if err != unix.EINTR {
			t.Fatalf("wait for child: %v", err)
		}
	}
}

func start(t *testing.T, o Options) *Child {
	t.Helper()
	if o.Filter == nil {
		o.Filter = unotifytest.Notify(unix.SYS_EXECVE)
	}
	o.FilterFlags |= unotify.FlagWaitKillableRecv
	c, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Listener.Close() })
	return c
}

// output runs a shell command under a filter that notifies only execve and returns what it prints.
func output(t *testing.T, o Options, script string) string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if o.Files == nil {
		o.Files = []*os.File{os.Stdin, w, os.Stderr}
	}
	o.Path, o.Args = "/bin/sh", []string{"sh", "-c", script}
	c := start(t, o)
	w.Close()
	serve(t, c)
	buf := make([]byte, 4096)
	n, _ := r.Read(buf)
	if ws := wait(t, c); ws.ExitStatus() != 0 {
		t.Errorf("sh -c %q: exit status %d", script, ws.ExitStatus())
	}
	return strings.TrimSpace(string(buf[:n]))
}

func TestFirstCallIsExecve(t *testing.T) {
	c := start(t, Options{Path: "/bin/true", Filter: unotifytest.NotifyAll()})
	calls := serve(t, c)
	if ws := wait(t, c); !ws.Exited() || ws.ExitStatus() != 0 {
		t.Errorf("wait status %#x", ws)
	}
	if len(calls) < 5 || calls[0] != unix.SYS_EXECVE {
		t.Errorf("calls %v, want execve first", calls)
	}
	if err := c.ExecError(); err != nil {
		t.Errorf("ExecError = %v", err)
	}
}

// A program whose execve nobody notifies must not get away with the listener closed.
func TestExecveNotNotified(t *testing.T) {
	for range 50 {
		c := start(t, Options{Path: "/bin/true", Filter: unotifytest.Notify(unix.SYS_EXIT_GROUP)})
		if calls := serve(t, c); len(calls) != 1 {
			t.Fatalf("calls %v, want one exit_group", calls)
		}
		wait(t, c)
	}
}

func TestExecErrors(t *testing.T) {
	plain := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(plain, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]syscall.Errno{
		"/nonexistent/x": unix.ENOENT, "/etc": unix.EACCES, plain: unix.EACCES, "/etc/passwd/x": unix.ENOTDIR,
	} {
		for _, filter := range [][]unix.SockFilter{unotifytest.NotifyAll(), unotifytest.Notify(unix.SYS_EXIT_GROUP)} {
			c, err := Start(Options{Path: path, Filter: filter})
			if err == nil {
				serve(t, c)
				wait(t, c)
				err = c.ExecError()
				c.Listener.Close()
			}
			if !errors.Is(err, want) {
				t.Errorf("%s: error %v, want %v", path, err, want)
			}
		}
	}
}

func TestFilesAndDirectory(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	// 0 closed, 1 and 4 the pipe, 2 kept, 3 closed: sources and targets overlap on purpose.
	c := start(t, Options{Path: "/bin/sh", Args: []string{"sh", "-c", "pwd; ls /proc/self/fd | tr '\\n' ' ' >&4"},
		Files: []*os.File{nil, w, os.Stderr, nil, w}, Dir: "/usr"})
	w.Close()
	serve(t, c)
	wait(t, c)
	buf := make([]byte, 200)
	n, _ := r.Read(buf)
	text := string(buf[:n])
	if !strings.HasPrefix(text, "/usr\n") {
		t.Errorf("output %q, want it to begin with the directory", text)
	}
}

func TestInheritsOnlyWhatADirectStartWould(t *testing.T) {
	const script = "ls /proc/self/fd | wc -l"
	direct, err := exec.Command("/bin/sh", "-c", script).Output()
	if err != nil {
		t.Fatal(err)
	}
	want := strings.TrimSpace(string(direct))
	if got := output(t, Options{}, script); got != want {
		t.Errorf("program sees %s descriptors, directly started %s", got, want)
	}
}

// A program sees the signals as its supervisor's own starter left them, not as the Go runtime has them. The test starts
// itself with SIGPIPE and SIGUSR1 ignored.
func TestSignalStateIsTheOneAtStart(t *testing.T) {
	const script = "grep -E '^Sig(Blk|Ign)' /proc/self/status | cut -f2 | tr '\\n' ' '"
	if os.Getenv("STEAD_TEST_SIGNALS") != "" {
		os.Stderr.WriteString("state: " + output(t, Options{}, script) + "\n")
		return
	}
	cmd := exec.Command("/bin/sh", "-c", `trap "" PIPE USR1; exec "$0" -test.run=^TestSignalStateIsTheOneAtStart$`, os.Args[0])
	cmd.Env = append(os.Environ(), "STEAD_TEST_SIGNALS=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	_, line, _ := strings.Cut(string(out), "state: ")
	var blocked, ignored uint64
	if _, err := fmt.Sscanf(line, "%x %x", &blocked, &ignored); err != nil {
		t.Fatalf("output %q: %v", out, err)
	}
	// Whoever started the tests may have more ignored: make(1) passes on the C library's 32 and 33, nohup(1) SIGHUP.
	direct, err := exec.Command("/bin/sh", "-c", `trap "" PIPE USR1; grep -E '^SigIgn' /proc/self/status | cut -f2`).Output()
	if err != nil {
		t.Fatal(err)
	}
	var want uint64
	if _, err := fmt.Sscanf(string(direct), "%x", &want); err != nil {
		t.Fatalf("output %q: %v", direct, err)
	}
	if blocked != 0 || ignored != want || want&0x1200 != 0x1200 {
		t.Errorf("program has signals %#x blocked and %#x ignored, want none and %#x", blocked, ignored, want)
	}
}

func TestNoNewPrivs(t *testing.T) {
	if got := output(t, Options{}, "grep NoNewPrivs /proc/self/status | cut -f2"); got != "1" {
		t.Errorf("NoNewPrivs %q, want 1", got)
	}
	if os.Geteuid() != 0 {
		return
	}
	if got := output(t, Options{KeepPrivileges: true}, "grep NoNewPrivs /proc/self/status | cut -f2"); got != "0" {
		t.Errorf("NoNewPrivs %q with KeepPrivileges, want 0", got)
	}
}

func TestSessionAndGroup(t *testing.T) {
	if got := output(t, Options{Setsid: true}, "set -- $(cat /proc/self/stat); [ $5 = $6 ] && echo leader-session"); got != "leader-session" {
		t.Errorf("Setsid: %q", got)
	}
	if got := output(t, Options{Setpgid: true}, "set -- $(cat /proc/$$/stat); [ $5 = $$ ] && echo leader"); got != "leader" {
		t.Errorf("Setpgid: %q", got)
	}
}

func TestBadFilter(t *testing.T) {
	_, err := Start(Options{Path: "/bin/true", Filter: []unix.SockFilter{{Code: 0xffff}}})
	if !errors.Is(err, unix.EINVAL) {
		t.Errorf("error %v, want EINVAL", err)
	}
	if _, err := Start(Options{Path: "/bin/true"}); err == nil {
		t.Error("no error without a filter")
	}
	if _, err := Start(Options{Path: "/bin/tr\x00ue", Filter: unotifytest.NotifyAll()}); err == nil {
		t.Error("no error for a NUL in the path")
	}
}

// Nothing is left behind by many starts, the failed ones included.
func TestStartsLeakNothing(t *testing.T) {
	before := openFiles(t)
	for i := range 200 {
		path := "/bin/true"
		if i%4 == 0 {
			path = "/nonexistent/x"
		}
		c := start(t, Options{Path: path})
		serve(t, c)
		wait(t, c)
		c.Listener.Close()
	}
	if after := openFiles(t); after != before {
		t.Errorf("%d descriptors after, %d before", after, before)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		c, err := Start(Options{Path: "/bin/true", Filter: unotifytest.Notify(unix.SYS_EXIT_GROUP)})
		if err != nil {
			b.Fatal(err)
		}
		c.Listener.Close()
		unix.Kill(c.PID, unix.SIGKILL)
		unix.Wait4(c.PID, nil, 0, nil)
		c.Release()
	}
}
