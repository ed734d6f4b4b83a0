package procfs

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"reflect"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

const sample = `Name:	a) R (b\nTgid:	7
Umask:	0027
State:	R (running)
Tgid:	23792
Ngid:	0
Pid:	23793
Uid:	1000	1001	1002	1003
Gid:	10	11	12	4294967294
FDSize:	256
Groups:	4 24 1000 
SigPnd:	0000000000400000
ShdPnd:	0000000000000000
CapInh:	0000000000000000
CapPrm:	000001fffeffffff
CapEff:	000001fffeff0000
CapBnd:	000001ffffffffff
CapAmb:	0000000000000400
NoNewPrivs:	1
Seccomp:	2
Seccomp_filters:	3
`

func TestParseStatus(t *testing.T) {
	got, err := parseStatus([]byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	want := Status{
		TGID: 23792, Umask: 0o27, HasUmask: true,
		UID: [4]uint32{1000, 1001, 1002, 1003}, GID: [4]uint32{10, 11, 12, 4294967294}, Groups: []uint32{4, 24, 1000},
		CapPrm: 0x1fffeffffff, CapEff: 0x1fffeff0000, CapBnd: 0x1ffffffffff, CapAmb: 0x400,
		NoNewPrivs: true, Seccomp: 2, Filters: 3, SigPending: 0x400000,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestParseStatusOldKernel(t *testing.T) {
	old := strings.NewReplacer("Umask:\t0027\n", "", "Seccomp_filters:\t3\n", "", "NoNewPrivs:\t1\n", "").Replace(sample)
	s, err := parseStatus([]byte(old))
	if err != nil {
		t.Fatal(err)
	}
	if s.HasUmask || s.Filters != -1 || s.NoNewPrivs || s.Seccomp != 2 {
		t.Errorf("absent lines: %+v", s)
	}
}

func TestParseStatusRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"empty":         "",
		"cut":           sample[:strings.Index(sample, "CapEff")],
		"no tgid":       strings.Replace(sample, "\nTgid:\t23792", "", 1),
		"three uids":    strings.Replace(sample, "\t1003", "", 1),
		"uid too large": strings.Replace(sample, "1003", "4294967296", 1),
		"caps not hex":  strings.Replace(sample, "000001fffeff0000", "0000xx", 1),
		"negative gid":  strings.Replace(sample, "Gid:\t10", "Gid:\t-1", 1),
	} {
		if s, err := parseStatus([]byte(text)); err == nil {
			t.Errorf("%s: accepted as %+v", name, s)
		}
	}
}

func TestParseStartTime(t *testing.T) {
	tail := " S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 1000 200 18446744073709551615 0"
	for _, comm := range []string{"sh", "a b", "x) R 1 2 3 (y", ")", "((("} {
		got, err := parseStartTime([]byte("7 (" + comm + ")" + tail))
		if err != nil || got != 987654 {
			t.Errorf("comm %q: %d, %v", comm, got, err)
		}
	}
	for _, bad := range []string{"", "7 sh S 1", "7 (sh) S 1 2 3", "7 (sh" + tail} {
		if got, err := parseStartTime([]byte(bad)); err == nil {
			t.Errorf("%q: accepted as %d", bad, got)
		}
	}
}

func TestParseWritable(t *testing.T) {
	const maps = `1000-2000 r-xp 00000000 08:01 5 /bin/x (deleted) w
2000-4000 rw-p 00000000 00:00 0
4000-5000 -w-s 00000000 00:00 0
6000-7000 rw-p 00000000 00:00 0
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]
`
	for _, c := range []struct {
		addr, n uint64
		want    bool
	}{
		{0x2000, 1, true}, {0x2000, 0x3000, true}, {0x3fff, 2, true}, {0x4fff, 1, true},
		{0x2000, 0x3001, false}, {0x1fff, 2, false}, {0x5000, 1, false}, {0x6000, 0x1001, false},
		{0, 1, false}, {0xffffffffff600000, 8, false}, {^uint64(0), 2, false}, {0x7000, 0, true},
	} {
		got, err := parseWritable([]byte(maps), c.addr, c.n)
		if err != nil || got != c.want {
			t.Errorf("%#x+%#x: %v, %v, want %v", c.addr, c.n, got, err, c.want)
		}
	}
	if _, err := parseWritable([]byte("garbage\n"), 1, 1); err == nil {
		t.Error("garbage accepted")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte("1-2 rw"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := parseStatus(b); err == nil && len(s.Groups) > len(b) {
			t.Errorf("%d groups from %d bytes", len(s.Groups), len(b))
		}
		parseStartTime(b)      //nolint:errcheck // must not panic
		parseWritable(b, 1, 1) //nolint:errcheck // must not panic
	})
}

func open(t *testing.T) *FS {
	t.Helper()
	fs, err := Open("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { fs.Close() })
	return fs
}

func TestOwnThread(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	fs, tid := open(t), unix.Gettid()
	s, err := fs.Status(tid)
	if err != nil {
		t.Fatal(err)
	}
	if s.TGID != os.Getpid() || int(s.UID[1]) != os.Geteuid() || int(s.GID[0]) != os.Getgid() {
		t.Errorf("status: %+v", s)
	}
	old := unix.Umask(0o31)
	s, _ = fs.Status(tid)
	unix.Umask(old)
	if s.Umask != 0o31 {
		t.Errorf("umask %o", s.Umask)
	}
	if start, err := fs.StartTime(tid); err != nil || start == 0 {
		t.Errorf("start time %d, %v", start, err)
	}
	if cwd, err := fs.Readlink(tid, "cwd"); err != nil || !strings.HasSuffix(cwd, "/internal/procfs") {
		t.Errorf("cwd %q, %v", cwd, err)
	}
	if comm, err := fs.Comm(tid); err != nil || comm == "" || strings.Contains(comm, "\n") {
		t.Errorf("comm %q, %v", comm, err)
	}
}

// TestManyGroups reads a status file that is longer than the first buffer.
func TestManyGroups(t *testing.T) {
	if os.Getenv("STEAD_TEST_GROUPS") != "" {
		s, err := open(t).Status(os.Getpid())
		fmt.Println("groups", len(s.Groups), err)
		return
	}
	if os.Geteuid() != 0 {
		t.Skip("only root may have 5000 groups")
	}
	groups := make([]uint32, 5000)
	for i := range groups {
		groups[i] = uint32(100000 + i)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestManyGroups$")
	cmd.Env = append(os.Environ(), "STEAD_TEST_GROUPS=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Groups: groups}}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "groups 5000 <nil>") {
		t.Errorf("%v: %s", err, out)
	}
}

func TestOpenRefusesOtherDirectories(t *testing.T) {
	if _, err := Open(t.TempDir()); !errors.Is(err, ErrNotProc) {
		t.Errorf("temporary directory: %v", err)
	}
	if _, err := Open("/proc/self"); !errors.Is(err, ErrNotProc) {
		t.Errorf("below the mount: %v", err)
	}
}

func TestEndedThread(t *testing.T) {
	cmd := exec.Command("true")
	if err := cmd.Run(); err != nil {
		t.Skip("no true(1) on this machine:", err)
	}
	fs := open(t)
	if _, err := fs.Status(cmd.Process.Pid); !errors.Is(err, unix.ENOENT) {
		t.Errorf("status of an ended process: %v", err)
	}
}

func TestAboveStdio(t *testing.T) {
	if fd, err := AboveStdio(7); fd != 7 || err != nil {
		t.Errorf("7 became %d, %v", fd, err)
	}
	if _, err := AboveStdio(-1); err == nil {
		t.Error("-1 accepted")
	}
	// Standard input of a test is the null device, and nobody reads it.
	dup, err := unix.Dup(0)
	if err != nil {
		t.Skip("standard input is closed:", err)
	}
	fd, err := AboveStdio(0)
	if err != nil || fd < 3 {
		t.Errorf("0 became %d, %v", fd, err)
	}
	unix.Close(fd)
	unix.Dup3(dup, 0, 0) //nolint:errcheck // puts back what was there
	unix.Close(dup)
}
