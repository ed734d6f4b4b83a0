package landlock

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// nobody is the unprivileged user of these tests.
const nobody = 65534

// users are who the tests run as.
func users() []int {
	if os.Geteuid() == 0 {
		return []int{0, nobody}
	}
	return []int{0}
}

// stage makes a directory with something to try every right on, for a user.
func stage(t *testing.T, uid int) string {
	t.Helper()
	dir := t.TempDir()
	for cmd := filepath.Dir(dir); cmd != os.TempDir() && len(cmd) > 1; cmd = filepath.Dir(cmd) {
		os.Chmod(cmd, 0o755) //nolint:errcheck // only ours can be changed
	}
	script := `mkdir a b a/sub a/empty b/full && echo text >a/file && echo '#!/bin/true' >a/script && cp /bin/true a/prog &&
		chmod 755 a/prog a/script && ln -s file a/sym`
	if uid != 0 {
		script += fmt.Sprintf(" && chown -R %d:%d .", uid, uid)
	}
	cmd := exec.Command("/bin/sh", "-c", script)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return dir
}

// all handles what the tests' kernel has, at most up to ABI 7: it is what they know.
func all(t *testing.T) FS { return FactsOf(min(kernelABI(t), 7)).FS }

// system is what the helper's children need to run.
func system(allow FS) []Path {
	list := []string{"/usr", "/lib", "/lib64", "/bin", "/sbin", "/etc"}
	var paths []Path
	for _, p := range list {
		if _, err := os.Stat(p); err == nil {
			paths = append(paths, Path{Path: p, Allow: allow & (ReadFile | ReadDir | Execute)})
		}
	}
	return paths
}

// rightCases are the operations that one right is about, each to be refused without it.
func rightCases() []struct {
	right FS
	ops   []op
} {
	return []struct {
		right FS
		ops   []op
	}{
		{Execute, []op{{Name: "exec", A: "./a/prog"}}},
		{WriteFile, []op{{Name: "open", A: "a/file", N: unix.O_WRONLY}, {Name: "open", A: "a/file", N: unix.O_RDWR | unix.O_APPEND}}},
		{ReadFile, []op{{Name: "open", A: "a/file"}, {Name: "open", A: "a/sym"}}},
		{ReadDir, []op{{Name: "open", A: "a"}, {Name: "open", A: "a/sub", N: unix.O_DIRECTORY}}},
		{RemoveDir, []op{{Name: "rmdir", A: "a/empty"}}},
		{RemoveFile, []op{{Name: "unlink", A: "a/sym"}}},
		{MakeChar, []op{{Name: "mknod", A: "a/null", N: unix.S_IFCHR}}},
		{MakeDir, []op{{Name: "mkdir", A: "a/new"}}},
		{MakeReg, []op{{Name: "open", A: "a/made", N: unix.O_WRONLY | unix.O_CREAT}, {Name: "mknod", A: "a/reg", N: unix.S_IFREG},
			{Name: "link", A: "a/file", B: "a/hard"}}},
		{MakeSock, []op{{Name: "bind", A: "a/sock", B: "unix"}, {Name: "mknod", A: "a/sock2", N: unix.S_IFSOCK}}},
		{MakeFifo, []op{{Name: "mknod", A: "a/fifo", N: unix.S_IFIFO}}},
		{MakeBlock, []op{{Name: "mknod", A: "a/block", N: unix.S_IFBLK}}},
		{MakeSym, []op{{Name: "symlink", A: "x", B: "a/link"}}},
		{Truncate, []op{{Name: "truncate", A: "a/file"}, {Name: "open", A: "a/file", N: unix.O_WRONLY | unix.O_TRUNC}}},
	}
}

// needsRoot: device nodes are made by root only, Landlock or not.
const needsRoot = MakeChar | MakeBlock

// TestEachRight takes one right away at a time: what needs it fails with EACCES, all else still works; and with the right, or
// with it not handled, it works.
func TestEachRight(t *testing.T) {
	every := all(t)
	for _, uid := range users() {
		for _, c := range rightCases() {
			if c.right&every == 0 || (uid != 0 || os.Geteuid() != 0) && c.right&needsRoot != 0 {
				continue
			}
			t.Run(fmt.Sprintf("%v-%d", c.right, uid), func(t *testing.T) {
				checkRight(t, c.right, c.ops, every, uid)
			})
		}
	}
}

func checkRight(t *testing.T, right FS, ops []op, every FS, uid int) {
	for _, c := range []struct {
		name           string
		handled, allow FS
		want           string
	}{
		{"allowed", every, every, "ok"},
		{"not handled", every &^ right, every &^ right, "ok"},
		{"refused", every, every &^ right, "EACCES"},
		{"refused alone", right, 0, "EACCES"},
	} {
		dir := stage(t, uid)
		r := &Ruleset{HandledFS: c.handled}
		r.Paths = append(system(c.handled), Path{Path: dir, Allow: c.allow})
		if c.allow == 0 {
			r.Paths = system(c.handled)
			r.Paths = slices.DeleteFunc(r.Paths, func(p Path) bool { return p.Allow == 0 })
		}
		for i, got := range try(t, r, helpJob{Dir: dir, Ops: ops}, uid) {
			if got != c.want {
				t.Errorf("%s: %v gives %s, want %s", c.name, ops[i], got, c.want)
			}
		}
	}
}

// TestRefer: between directories, the right must be on both sides (EXDEV), the file's own rights come first (EACCES), and no
// right may be gained on the way (EXDEV). It is refused also where it is not handled.
func TestRefer(t *testing.T) {
	every := all(t)
	if every&Refer == 0 {
		t.Skip("no LANDLOCK_ACCESS_FS_REFER before Linux 5.19")
	}
	rename, link := op{Name: "rename", A: "a/file", B: "b/file"}, op{Name: "link", A: "a/file", B: "b/hard"}
	renameDir, within := op{Name: "rename", A: "a/empty", B: "b/empty"}, op{Name: "rename", A: "a/file", B: "a/file2"}
	for _, c := range []struct {
		name          string
		handled, a, b FS
		op            op
		want          string
	}{
		{"both sides", every, every, every, rename, "ok"},
		{"both sides, link", every, every, every, link, "ok"},
		{"both sides, directory", every, every, every, renameDir, "ok"},
		{"within", every, every &^ Refer, every, within, "ok"},
		{"not the source", every, every &^ Refer, every, rename, "EXDEV"},
		{"not the target", every, every, every &^ Refer, link, "EXDEV"},
		{"not handled", Execute, Execute, Execute, rename, "EXDEV"},
		{"not handled but allowed", Execute, Execute | Refer, Execute | Refer, rename, "ok"},
		{"gains a right", every, every &^ Execute, every, rename, "EXDEV"},
		{"loses a right", every, every, every &^ Execute, rename, "ok"},
		{"cannot remove", every, every &^ RemoveFile, every, rename, "EACCES"},
		{"cannot remove, link", every, every &^ RemoveFile, every &^ RemoveFile, link, "ok"},
		{"cannot make", every, every, every &^ MakeReg, rename, "EACCES"},
	} {
		for _, uid := range users() {
			dir := stage(t, uid)
			r := &Ruleset{HandledFS: c.handled, Paths: []Path{{Path: dir + "/a", Allow: c.a}, {Path: dir + "/b", Allow: c.b}}}
			if got := try(t, r, helpJob{Dir: dir, Ops: []op{c.op}}, uid)[0]; got != c.want {
				t.Errorf("%s (user %d): %s, want %s", c.name, uid, got, c.want)
			}
		}
	}
}

// TestNetOnlyLeavesFiles: a ruleset that handles no file right does not refuse renames either.
func TestNetOnlyLeavesFiles(t *testing.T) {
	if kernelABI(t) < 4 {
		t.Skip("no rights on ports before Linux 6.7")
	}
	dir := stage(t, 0)
	ops := []op{{Name: "rename", A: "a/file", B: "b/file"}, {Name: "open", A: "/etc/passwd"}}
	for i, got := range try(t, &Ruleset{HandledNet: ConnectTCP}, helpJob{Dir: dir, Ops: ops}, 0) {
		if got != "ok" {
			t.Errorf("%v gives %s", ops[i], got)
		}
	}
}

// TestIoctlDev: EACCES is Landlock's, ENOTTY the device's. What was opened before keeps its rights, regular files need none.
func TestIoctlDev(t *testing.T) {
	every := all(t)
	if every&IoctlDev == 0 {
		t.Skip("no LANDLOCK_ACCESS_FS_IOCTL_DEV before Linux 6.10")
	}
	for _, uid := range users() {
		for allow, want := range map[FS]string{ReadFile: "EACCES", ReadFile | IoctlDev: "ENOTTY"} {
			dir := stage(t, uid)
			r := &Ruleset{HandledFS: ReadFile | IoctlDev, Paths: []Path{{Path: "/dev/zero", Allow: allow}, {Path: dir, Allow: ReadFile}}}
			got := try(t, r, helpJob{Dir: dir, Ops: []op{{Name: "ioctl", A: "/dev/zero"}, {Name: "ioctl", A: "a/file"}}}, uid)
			if got[0] != want || got[1] != "ENOTTY" {
				t.Errorf("%v (user %d): %v, want %s and ENOTTY", allow, uid, got, want)
			}
		}
	}
}

// TestOneFile allows a file and not its neighbours: directory rights on it are dropped instead of failing.
func TestOneFile(t *testing.T) {
	every := all(t)
	dir := stage(t, 0)
	r := &Ruleset{HandledFS: every, Paths: []Path{{Path: dir + "/a/file", Allow: every}, {Path: dir + "/a/prog", Allow: ReadDir | MakeReg}}}
	ops := []op{{Name: "open", A: "a/file", N: unix.O_RDWR}, {Name: "open", A: "a/sym"}, {Name: "open", A: "a/script"},
		{Name: "open", A: "a"}, {Name: "unlink", A: "a/file"}, {Name: "open", A: "a/prog"}}
	want := []string{"ok", "ok", "EACCES", "EACCES", "EACCES", "EACCES"}
	if got := try(t, r, helpJob{Dir: dir, Ops: ops}, 0); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestTCP: the port decides, whatever the family.
func TestTCP(t *testing.T) {
	if kernelABI(t) < 4 {
		t.Skip("no rights on ports before Linux 6.7")
	}
	good, bad := listener(t), listener(t)
	free := freePort(t)
	r := &Ruleset{HandledNet: ConnectTCP | BindTCP, Ports: []Ports{{From: good, To: good, Allow: ConnectTCP}, {From: free, To: free, Allow: BindTCP}}}
	for _, uid := range users() {
		for _, c := range []struct {
			op   op
			want string
		}{
			{op{Name: "connect", B: "tcp", N: int(good)}, "ok"},
			{op{Name: "connect", B: "tcp", N: int(bad)}, "EACCES"},
			{op{Name: "bind", B: "tcp", N: int(free)}, "ok"},
			{op{Name: "bind", B: "tcp6", N: int(free)}, "ok"},
			{op{Name: "bind", B: "tcp", N: int(good)}, "EACCES"},
			{op{Name: "bind", B: "tcp", N: 0}, "EACCES"},
			{op{Name: "bind", B: "udp", N: 0}, "ok"},
		} {
			if got := try(t, r, helpJob{Dir: "/", Ops: []op{c.op}}, uid)[0]; got != c.want {
				t.Errorf("%v (user %d) gives %s, want %s", c.op, uid, got, c.want)
			}
		}
	}
	if got := try(t, &Ruleset{HandledNet: BindTCP, Ports: []Ports{{Allow: BindTCP}}}, helpJob{Dir: "/", Ops: []op{{Name: "bind", B: "tcp"}}}, 0); got[0] != "ok" {
		t.Errorf("binding port 0 with a rule for it: %s", got[0])
	}
}

// TestTCPGaps shows what goes around the rules on ports, with none that allows anything. Where it is refused, this kernel has
// closed the gap or lacks the feature.
func TestTCPGaps(t *testing.T) {
	if kernelABI(t) < 4 {
		t.Skip("no rights on ports before Linux 6.7")
	}
	port := int(listener(t))
	r := &Ruleset{HandledNet: ConnectTCP | BindTCP}
	ops := []op{{Name: "listen", B: "tcp"}, {Name: "fastopen", B: "tcp", N: port}, {Name: "connect", B: "mptcp", N: port}, {Name: "bind", B: "udp"}}
	for i, got := range try(t, r, helpJob{Dir: "/", Ops: ops}, 0) {
		t.Run(ops[i].Name+"-"+ops[i].B, func(t *testing.T) {
			if got != "ok" {
				t.Skipf("no gap here: %s", got)
			}
		})
	}
	if got := try(t, r, helpJob{Dir: "/", Ops: []op{{Name: "connect", B: "tcp", N: port}}}, 0)[0]; got != "EACCES" {
		t.Errorf("connect gives %s, want EACCES", got)
	}
}

func listener(t *testing.T) uint16 {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return uint16(l.Addr().(*net.TCPAddr).Port)
}

// freePort is one that nobody used a moment ago.
func freePort(t *testing.T) uint16 {
	t.Helper()
	l, err := net.Listen("tcp", "[::]:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return uint16(l.Addr().(*net.TCPAddr).Port)
}

func TestScopes(t *testing.T) {
	if kernelABI(t) < 6 {
		t.Skip("no scopes before Linux 6.12")
	}
	name := "@" + filepath.Base(t.TempDir()) + fmt.Sprint(os.Getpid())
	l, err := net.Listen("unix", name)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ops := []op{{Name: "connect", A: name, B: "unix"}, {Name: "kill", N: os.Getpid()}, {Name: "run", A: "sleep 9 & kill $!"}}
	for scopes, want := range map[Scope][]string{
		0:            {"ok", "ok", "ok"},
		AbstractUnix: {"EPERM", "ok", "ok"},
		Signal:       {"ok", "EPERM", "ok"},
	} {
		r := &Ruleset{Scopes: scopes, HandledFS: MakeBlock}
		if got := try(t, r, helpJob{Dir: "/", Ops: ops}, 0); !slices.Equal(got, want) {
			t.Errorf("scopes %v: %v, want %v", scopes, got, want)
		}
	}
}

// TestInherited: children and what they execute are restricted too.
func TestInherited(t *testing.T) {
	dir := stage(t, 0)
	r := &Ruleset{HandledFS: ReadFile, Paths: append(system(ReadFile), Path{Path: "/dev/null", Allow: ReadFile})}
	r.Paths = slices.DeleteFunc(r.Paths, func(p Path) bool { return p.Path == "/etc" })
	ops := []op{{Name: "run", A: "cat /etc/passwd"}, {Name: "run", A: "cat /usr/bin/env >/dev/null"},
		{Name: "run", A: "(sh -c '! cat /etc/passwd')"}}
	if _, err := os.Stat("/etc/ld.so.cache"); err == nil {
		r.Paths = append(r.Paths, Path{Path: "/etc/ld.so.cache", Allow: ReadFile})
	}
	got := try(t, r, helpJob{Dir: dir, Ops: ops}, 0)
	if got[0] == "ok" || got[1] != "ok" || got[2] != "ok" {
		t.Errorf("got %v, want a failure and two successes", got)
	}
}

// TestNoWordFor asserts what Landlock does not restrict, with nothing allowed at all: documentation that the kernel checks.
func TestNoWordFor(t *testing.T) {
	dir := stage(t, 0)
	r := &Ruleset{HandledFS: all(t) &^ (Execute | ReadFile)}
	ops := []op{{Name: "chdir", A: "a"}, {Name: "stat", A: "file"}, {Name: "access", A: "file"}, {Name: "chmod", A: "file", N: 0o640},
		{Name: "chown", A: "file"}, {Name: "utime", A: "file"}, {Name: "setxattr", A: "file"}, {Name: "flock", A: "file"},
		{Name: "open", A: ".", N: unix.O_PATH}}
	for i, got := range try(t, r, helpJob{Dir: dir, Ops: ops}, 0) {
		if got != "ok" && got != "EOPNOTSUPP" { // no user attributes on this file system
			t.Errorf("%v gives %s: Landlock restricts it", ops[i], got)
		}
	}
	r = &Ruleset{HandledFS: Execute, Paths: system(Execute)}
	if got := try(t, r, helpJob{Dir: dir, Ops: []op{{Name: "exec", A: "a/prog"}, {Name: "memfd", A: "a/prog"}}}, 0); got[0] != "EACCES" || got[1] != "ok" {
		t.Errorf("executing a file and a copy in memory: %v, want EACCES and ok", got)
	}
}

func TestMountIsRefused(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounting is root's")
	}
	dir := stage(t, 0)
	if got := try(t, &Ruleset{HandledFS: MakeBlock}, helpJob{Dir: dir, Ops: []op{{Name: "mount", A: "a"}}}, 0); got[0] != "EPERM" {
		t.Errorf("mount: %s, want EPERM", got[0])
	}
}

func TestLayers(t *testing.T) {
	r := &Ruleset{HandledFS: MakeBlock}
	if got := try(t, r, helpJob{Dir: "/", Layers: 15}, 0); got[0] != "ok" {
		t.Errorf("16 layers: %v", got)
	}
	if got := try(t, r, helpJob{Dir: "/", Layers: 16}, 0); got[0] != "E2BIG" {
		t.Errorf("17 layers: %v, want E2BIG", got)
	}
}

func TestLogFlags(t *testing.T) {
	if kernelABI(t) < 7 {
		t.Skip("no log flags before Linux 6.15")
	}
	for _, flags := range []Restrict{LogSameExecOff, LogNewExecOn, LogSubdomainsOff, LogSameExecOff | LogNewExecOn | LogSubdomainsOff} {
		got := try(t, &Ruleset{HandledFS: ReadFile}, helpJob{Dir: "/", Flags: flags, Ops: []op{{Name: "open", A: "/etc/passwd"}}}, 0)
		if got[0] != "EACCES" {
			t.Errorf("%v: %s", flags, got[0])
		}
	}
}

// TestDescriptors: opening a plan leaves one descriptor, which executed programs do not get.
func TestDescriptors(t *testing.T) {
	before := openFiles(t)
	f := open(t, Ruleset{HandledFS: all(t), Paths: system(all(t))})
	if after := openFiles(t); after != before+1 {
		t.Errorf("%d descriptors, want %d", after, before+1)
	}
	if flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("the ruleset is not close-on-exec (%v)", err)
	}
	f.Close()
	broken := Plan{ABI: 1, HandledFS: ReadFile, Paths: []Path{{Path: "/etc", Allow: ReadFile}, {Path: "/nonexistent", Allow: ReadFile}}}
	for range 20 {
		if _, _, err := Open(broken); err == nil || !strings.Contains(err.Error(), "/nonexistent") {
			t.Fatalf("error %v", err)
		}
	}
	if after := openFiles(t); after != before {
		t.Errorf("%d descriptors after failures, want %d", after, before)
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
