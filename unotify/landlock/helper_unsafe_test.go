package landlock

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The test program is its own restricted process. It gets a job on standard input and the ruleset as descriptor 3, and prints
// one errno for each operation.
const helperEnv = "STEAD_TEST_LANDLOCK"

func TestMain(m *testing.M) {
	if os.Getenv(helperEnv) != "" {
		help()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// A helpJob is what the restricted process is to try, in order.
type helpJob struct {
	Dir      string // working directory
	Restrict bool
	Flags    Restrict
	Layers   int // how many more times to restrict
	Ops      []op
}

type op struct {
	Name string
	A, B string
	N    int
}

func help() {
	runtime.LockOSThread()
	var job helpJob
	if err := json.NewDecoder(os.Stdin).Decode(&job); err != nil {
		panic(err)
	}
	if err := os.Chdir(job.Dir); err != nil {
		panic(err)
	}
	result := []string{}
	if job.Restrict {
		result = append(result, describe(restrictHelper(job)))
	}
	for _, o := range job.Ops {
		do := helperOps()[o.Name]
		if do == nil {
			panic("no operation " + o.Name)
		}
		result = append(result, describe(do(o)))
	}
	json.NewEncoder(os.Stdout).Encode(result) //nolint:errcheck // the parent will miss it
}

func restrictHelper(job helpJob) (err error) {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	f := os.NewFile(3, "ruleset")
	for range job.Layers + 1 {
		if err = RestrictThread(f, job.Flags); err != nil {
			break
		}
	}
	return err
}

func describe(err error) string {
	for e := err; e != nil; {
		if errno, ok := e.(syscall.Errno); ok {
			return unix.ErrnoName(errno)
		}
		u, ok := e.(interface{ Unwrap() error })
		if !ok {
			break
		}
		e = u.Unwrap()
	}
	if err != nil {
		return err.Error()
	}
	return "ok"
}

func helperOps() map[string]func(op) error {
	return map[string]func(op) error{
		"open":     func(o op) error { return closing(unix.Open(o.A, o.N|unix.O_CLOEXEC, 0o600)) },
		"mkdir":    func(o op) error { return unix.Mkdir(o.A, 0o700) },
		"rmdir":    func(o op) error { return unix.Rmdir(o.A) },
		"unlink":   func(o op) error { return unix.Unlink(o.A) },
		"symlink":  func(o op) error { return unix.Symlink(o.A, o.B) },
		"link":     func(o op) error { return unix.Link(o.A, o.B) },
		"rename":   func(o op) error { return unix.Rename(o.A, o.B) },
		"mknod":    func(o op) error { return unix.Mknod(o.A, uint32(o.N)|0o600, int(unix.Mkdev(1, 3))) },
		"truncate": func(o op) error { return unix.Truncate(o.A, 0) },
		"chdir":    func(o op) error { return unix.Chdir(o.A) },
		"stat":     func(o op) error { return unix.Stat(o.A, new(unix.Stat_t)) },
		"access":   func(o op) error { return unix.Access(o.A, unix.R_OK) },
		"chmod":    func(o op) error { return unix.Chmod(o.A, uint32(o.N)) },
		"chown":    func(o op) error { return unix.Chown(o.A, -1, -1) },
		"utime":    func(o op) error { return unix.Utimes(o.A, nil) },
		"setxattr": func(o op) error { return unix.Setxattr(o.A, "user.stead", []byte("x"), 0) },
		"kill":     func(o op) error { return unix.Kill(o.N, 0) },
		"mount":    func(o op) error { return unix.Mount("none", o.A, "tmpfs", 0, "") },
		"exec":     func(o op) error { return run(o.A) },
		"run":      func(o op) error { return run("/bin/sh", "-c", o.A) },
		"memfd":    execMemfd,
		"ioctl":    tryIoctl,
		"flock":    tryFlock,
		"fds":      countFDs,
		"bind":     func(o op) error { return onSocket(o, unix.Bind) },
		"connect":  func(o op) error { return onSocket(o, unix.Connect) },
		"listen": func(o op) error {
			return onSocket(o, func(fd int, _ unix.Sockaddr) error { return unix.Listen(fd, 1) })
		},
		"fastopen": func(o op) error {
			return onSocket(o, func(fd int, a unix.Sockaddr) error { return unix.Sendto(fd, []byte("x"), unix.MSG_FASTOPEN, a) })
		},
	}
}

func closing(fd int, err error) error {
	if err == nil {
		unix.Close(fd)
	}
	return err
}

// onSocket makes a socket of kind B ("tcp", "tcp6", "udp", "mptcp", "unix") and an address of A or of port N.
func onSocket(o op, do func(int, unix.Sockaddr) error) error {
	kinds := map[string][3]int{"tcp": {unix.AF_INET, unix.SOCK_STREAM, 0}, "tcp6": {unix.AF_INET6, unix.SOCK_STREAM, 0},
		"udp": {unix.AF_INET, unix.SOCK_DGRAM, 0}, "unix": {unix.AF_UNIX, unix.SOCK_STREAM, 0},
		"mptcp": {unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_MPTCP}}
	k := kinds[o.B]
	fd, err := unix.Socket(k[0], k[1]|unix.SOCK_CLOEXEC, k[2])
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	defer unix.Close(fd)
	var addr unix.Sockaddr = &unix.SockaddrInet4{Port: o.N, Addr: [4]byte{127, 0, 0, 1}}
	switch k[0] {
	case unix.AF_INET6:
		addr = &unix.SockaddrInet6{Port: o.N, Addr: [16]byte{15: 1}}
	case unix.AF_UNIX:
		addr = &unix.SockaddrUnix{Name: o.A}
	}
	return do(fd, addr)
}

// tryIoctl asks whether a file is a terminal: EACCES is Landlock's, ENOTTY the device's.
func tryIoctl(o op) error {
	fd, err := unix.Open(o.A, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	defer unix.Close(fd)
	_, err = unix.IoctlGetTermios(fd, unix.TCGETS)
	return err
}

func tryFlock(o op) error {
	fd, err := unix.Open(o.A, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Flock(fd, unix.LOCK_EX)
}

// execMemfd executes a copy of a program that has no name in any file system.
func execMemfd(o op) error {
	text, err := os.ReadFile(o.A)
	if err != nil {
		return err
	}
	fd, err := unix.MemfdCreate("copy", 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if _, err := unix.Write(fd, text); err != nil {
		return err
	}
	return run("/proc/self/fd/" + strconv.Itoa(fd))
}

// run executes a program with the helper's own output: os/exec would open /dev/null.
func run(argv ...string) error {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stderr, os.Stderr
	return cmd.Run()
}

// countFDs fails unless there are N descriptors.
func countFDs(o op) error {
	n := 0
	for fd := range 1024 {
		if _, _, errno := unix.Syscall(unix.SYS_FCNTL, uintptr(fd), unix.F_GETFD, 0); errno == 0 {
			n++
		}
	}
	if n != o.N {
		return fmt.Errorf("%d descriptors", n)
	}
	return nil
}

// packedSize is what the kernel's packed struct landlock_path_beneath_attr takes.
const packedSize = unsafe.Sizeof(uint64(0)) + unsafe.Sizeof(int32(0))

func TestPathRuleSize(t *testing.T) {
	if packedSize != 12 || unsafe.Sizeof(rulesetAttr{}) != 48 {
		t.Errorf("sizes %d and %d, want 12 and 48", packedSize, unsafe.Sizeof(rulesetAttr{}))
	}
}

// try runs operations under a ruleset in another process, and returns what each gave. uid 0 keeps the caller's user.
func try(t *testing.T, r *Ruleset, job helpJob, uid int) []string {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), helperEnv+"=1", "GORACE=atexit_sleep_ms=0")
	if uid != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
	}
	if r != nil {
		f := open(t, *r)
		defer f.Close()
		cmd.ExtraFiles, job.Restrict = []*os.File{f}, true
	}
	text, err := json.Marshal(job)
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(text), &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, stderr.Bytes())
	}
	var list []string
	if err := json.Unmarshal(out, &list); err != nil {
		t.Fatalf("%v in %q", err, out)
	}
	if r != nil {
		if list[0] != "ok" && job.Layers == 0 {
			t.Fatalf("restrict: %s", list[0])
		}
		if job.Layers == 0 {
			list = list[1:]
		}
	}
	return list
}

// open makes a ruleset for this kernel, strictly.
func open(t *testing.T, r Ruleset) *os.File {
	t.Helper()
	p, _, err := Compile(r, kernelABI(t), Strict)
	if err != nil {
		t.Fatal(err)
	}
	f, missing, err := Open(p)
	if err != nil || len(missing) > 0 {
		t.Fatalf("missing %v, error %v", missing, err)
	}
	return f
}

// kernelABI skips the test where there is no Landlock.
func kernelABI(t *testing.T) int {
	t.Helper()
	abi, err := ABI()
	if err != nil {
		t.Skipf("no Landlock: %v", err)
	}
	return abi
}
