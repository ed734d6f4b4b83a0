package launch

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/unotify/landlock"
	"github.com/stead-project/stead/unotify/unotifytest"
)

// ruleset allows reading and executing everything, but reading nothing in secret, and writing nothing.
func ruleset(t *testing.T, dirs ...string) *os.File {
	t.Helper()
	abi, err := landlock.ABI()
	if err != nil {
		t.Skipf("no Landlock: %v", err)
	}
	r := landlock.Ruleset{HandledFS: landlock.ReadFile | landlock.Execute}
	for _, d := range append(dirs, "/usr", "/lib", "/lib64", "/bin", "/etc", "/proc", "/dev") {
		r.Paths = append(r.Paths, landlock.Path{Path: d, Allow: r.HandledFS, Optional: true})
	}
	p, _, err := landlock.Compile(r, abi, landlock.Strict)
	if err != nil {
		t.Fatal(err)
	}
	f, _, err := landlock.Open(p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// tree has a file in each of two directories.
func tree(t *testing.T) (open, secret string) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"open", "secret"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name, "file"), []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "open"), filepath.Join(dir, "secret")
}

// TestLandlockWithFilter: both restrict the program and its children; the ruleset is not among its descriptors; the
// supervisor is not restricted.
func TestLandlockWithFilter(t *testing.T) {
	open, secret := tree(t)
	before := openFiles(t)
	direct, err := exec.Command("/bin/sh", "-c", "ls /proc/self/fd | wc -l").Output()
	if err != nil {
		t.Fatal(err)
	}
	script := "cat " + open + "/file; cat " + secret + "/file 2>&1 || sh -c 'cat " + secret + "/file' 2>/dev/null || echo refused; ls /proc/self/fd | wc -l"
	got := output(t, Options{Landlock: ruleset(t, open)}, script)
	if !strings.HasPrefix(got, "open") || !strings.Contains(got, "Permission denied\nrefused\n"+strings.TrimSpace(string(direct))) {
		t.Errorf("output %q, want %s descriptors", got, direct)
	}
	if _, err := os.ReadFile(secret + "/file"); err != nil {
		t.Errorf("the supervisor is restricted too: %v", err)
	}
	if after := openFiles(t); after != before+2 { // the listener and the ruleset, which the test's end closes
		t.Errorf("%d descriptors, %d before", after, before)
	}
}

// TestLandlockWithFiles: the numbers that Files give out may be the ruleset's own.
func TestLandlockWithFiles(t *testing.T) {
	open, secret := tree(t)
	f := ruleset(t, open)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	files := []*os.File{nil, w, w}
	for len(files) <= int(f.Fd())+2 {
		files = append(files, w)
	}
	got := ""
	c := start(t, Options{Path: "/bin/sh", Args: []string{"sh", "-c", "cat " + secret + "/file || cat " + open + "/file"},
		Files: files, Landlock: f})
	w.Close()
	serve(t, c)
	wait(t, c)
	buf := make([]byte, 4096)
	n, _ := r.Read(buf)
	if got = string(buf[:n]); !strings.Contains(got, "Permission denied") || !strings.HasSuffix(got, "open") {
		t.Errorf("output %q", got)
	}
}

// TestLandlockEverythingNotified: the first call that the filter sees is still execve.
func TestLandlockEverythingNotified(t *testing.T) {
	c := start(t, Options{Path: "/bin/true", Filter: unotifytest.NotifyAll(), Landlock: ruleset(t)})
	calls := serve(t, c)
	if ws := wait(t, c); ws.ExitStatus() != 0 || len(calls) == 0 || calls[0] != unix.SYS_EXECVE {
		t.Errorf("status %#x, calls %v", ws, calls)
	}
}

// TestLandlockExecRefused: the program itself must be allowed.
func TestLandlockExecRefused(t *testing.T) {
	_, secret := tree(t)
	if out, err := exec.Command("cp", "/bin/true", secret+"/true").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	f := ruleset(t)
	for range 20 {
		c, err := Start(Options{Path: secret + "/true", Filter: unotifytest.Notify(unix.SYS_EXIT_GROUP), Landlock: f})
		if err == nil {
			serve(t, c)
			wait(t, c)
			err = c.ExecError()
			c.Listener.Close()
		}
		var se *StartError
		if !errors.Is(err, unix.EACCES) || !errors.As(err, &se) || se.Stage != "execute" || !strings.Contains(err.Error(), "Landlock must allow") {
			t.Fatalf("error %v, want EACCES of execute", err)
		}
	}
}

// TestLandlockFailures: no program without its restriction.
func TestLandlockFailures(t *testing.T) {
	f := ruleset(t)
	null, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	before := openFiles(t)
	for _, c := range []struct {
		o    Options
		want unix.Errno
	}{
		{Options{Landlock: null}, unix.EBADFD},
		{Options{Landlock: f, LandlockFlags: 1 << 20}, unix.EINVAL},
	} {
		c.o.Path, c.o.Filter = "/bin/true", unotifytest.Notify(unix.SYS_EXECVE)
		_, err := Start(c.o)
		var se *StartError
		if !errors.Is(err, c.want) || !errors.As(err, &se) || se.Stage != "restrict with Landlock" {
			t.Errorf("error %v, want %v", err, c.want)
		}
	}
	if after := openFiles(t); after != before {
		t.Errorf("%d descriptors after, %d before", after, before)
	}
}

// TestLandlockUnprivileged starts the test itself as another user: no_new_privs is enough.
func TestLandlockUnprivileged(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("the other tests run without privileges already")
	}
	setpriv, err := exec.LookPath("setpriv")
	if err != nil {
		t.Skip("no setpriv")
	}
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	cmd := exec.Command(setpriv, "--reuid=65534", "--regid=65534", "--clear-groups", "/proc/self/fd/3", "-test.run=^TestLandlock(With|Every|Exec|Fail)",
		"-test.v")
	cmd.Dir, cmd.Env, cmd.ExtraFiles = "/", append(os.Environ(), "TMPDIR=/tmp"), []*os.File{self}
	out, err := cmd.CombinedOutput()
	if err != nil || strings.Count(string(out), "--- PASS") != 5 {
		t.Errorf("%v: %s", err, out)
	}
}
