package standin

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/internal/testneed"
	"github.com/stead-project/stead/unotify"
)

// The test program is its own helper processes: each is chosen by the environment.
const helperEnv = "STEAD_TEST_HELPER"

func TestMain(m *testing.M) {
	helpers := map[string]func(){
		"hold":         helpHold,
		"tmpfs":        helpTmpfs,
		"open":         helpOpen,
		"supervisor":   helpSupervisor,
		"unprivileged": helpUnprivileged,
		"exposed":      helpExposed,
	}
	if help := helpers[os.Getenv(helperEnv)]; help != nil {
		help()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func needRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		testneed.Missing(t, "only root may take any identity")
	}
}

// at makes the task call nr(AT_FDCWD, path, a2, a3).
func at(t *Task, nr uintptr, path string, a2, a3 uintptr) (uintptr, syscall.Errno) {
	text := append([]byte(path), 0)
	cwd := unix.AT_FDCWD
	return t.Call(nr, uintptr(cwd), uintptr(unsafe.Pointer(&text[0])), a2, a3, 0, 0)
}

func open(t *Task, path string, flags int) (int, syscall.Errno) {
	fd, errno := at(t, unix.SYS_OPENAT, path, uintptr(flags|unix.O_CLOEXEC), 0o666)
	return int(fd), errno
}

func errnoOf(t *Task, path string, flags int) syscall.Errno {
	fd, errno := open(t, path, flags)
	if errno == 0 {
		unix.Close(fd)
	}
	return errno
}

func sleep(t *Task, nanoseconds int64) syscall.Errno {
	ts := unix.NsecToTimespec(nanoseconds)
	_, errno := t.Call(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&ts)), 0, 0, 0, 0, 0)
	return errno
}

// random fills b by the task.
func random(t *Task, b []byte) syscall.Errno {
	_, errno := t.Call(unix.SYS_GETRANDOM, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), 0, 0, 0, 0)
	return errno
}

// A helper is a process of this program. It has written one line when it is ready, and ends with its standard input.
type helper struct {
	*exec.Cmd
	in   io.WriteCloser
	said said
}

// said is what a helper tells.
type said struct {
	PIDs   []int
	Errors []string
	Errnos []syscall.Errno
}

func startHelper(t testing.TB, mode string, attr *syscall.SysProcAttr, args ...string) *helper {
	t.Helper()
	h := &helper{Cmd: exec.Command("/proc/self/exe", args...)}
	h.Env = append(os.Environ(), helperEnv+"="+mode)
	h.Stderr = os.Stderr
	h.Dir = "/"
	h.SysProcAttr = attr
	h.in, _ = h.StdinPipe()
	out, _ := h.StdoutPipe()
	if err := h.Start(); err != nil {
		testneed.Missing(t, "start helper %s: %v", mode, err)
	}
	t.Cleanup(h.end)
	if err := json.NewDecoder(out).Decode(&h.said); err != nil {
		t.Fatalf("hear from helper %s: %v", mode, err)
	}
	return h
}

func (h *helper) end() {
	h.in.Close()
	h.Process.Kill() //nolint:errcheck // it may have ended
	h.Wait()         //nolint:errcheck // it was killed
}

func tell(s said) { json.NewEncoder(os.Stdout).Encode(s) } //nolint:errcheck // the test hears nothing, and fails

func waitForInput() { io.Copy(io.Discard, os.Stdin) } //nolint:errcheck // ends when the test does

func helpHold() {
	tell(said{PIDs: []int{os.Getpid()}})
	waitForInput()
}

// helpTmpfs is a container: it sees a file that nobody outside its mount namespace does.
func helpTmpfs() {
	unix.Umask(0o27)
	err := unix.Mount("none", "/mnt", "tmpfs", 0, "")
	if err == nil {
		err = os.WriteFile("/mnt/inside", []byte("inside"), 0o600)
	}
	s := said{PIDs: []int{os.Getpid()}}
	if err != nil {
		s.Errors = []string{err.Error()}
	}
	tell(s)
	waitForInput()
}

// helpOpen opens its arguments as the kernel lets it.
func helpOpen() {
	unix.Umask(0o27)
	var s said
	for _, path := range os.Args[1:] {
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CREAT, 0o666)
		errno, _ := err.(syscall.Errno)
		if err == nil {
			unix.Close(fd)
		}
		s.Errnos = append(s.Errnos, errno)
	}
	tell(s)
}

// helpSupervisor starts tasks, one of them blocked for ever, and waits to be killed. Its arguments: a FIFO; "weak" to do without
// the right to signal.
func helpSupervisor() {
	s := &Starter{}
	var told said
	for i := range 3 {
		task, err := s.Start()
		if err == nil && i > 0 {
			err = task.Become(user())
		}
		if err != nil {
			told.Errors = append(told.Errors, err.Error())
			continue
		}
		told.PIDs = append(told.PIDs, task.TID())
		if i == 2 && os.Args[1] != "" {
			go open(task, os.Args[1], unix.O_RDONLY)
		}
	}
	tell(told)
	waitForInput()
}

// user is an ordinary user's identity.
func user() Identity {
	id := unotify.IDs{Real: 1234, Effective: 1234, Saved: 1234, FS: 1234}
	gid := unotify.IDs{Real: 1235, Effective: 1235, Saved: 1235, FS: 1235}
	return Identity{UID: id, GID: gid, Groups: []uint32{4321, 7}, Umask: 0o27}
}

// helpUnprivileged is a supervisor without rights, and acts for a process in a user namespace that it owns.
func helpUnprivileged() {
	var told said
	if err := unprivileged(); err != nil {
		told.Errors = []string{err.Error()}
	}
	tell(told)
}

func unprivileged() error {
	child := exec.Command("/proc/self/exe")
	child.Env = append(os.Environ(), helperEnv+"=tmpfs")
	child.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	in, _ := child.StdinPipe()
	out, _ := child.StdoutPipe()
	if err := child.Start(); err != nil {
		return err
	}
	defer child.Wait() //nolint:errcheck // it ends with its input
	defer in.Close()
	var s said
	if err := json.NewDecoder(out).Decode(&s); err != nil || len(s.Errors) > 0 {
		return fmt.Errorf("container: %v %s", err, strings.Join(s.Errors, " "))
	}
	return actFor(s.PIDs[0])
}

// actFor opens the file that only a container sees, and leaves one.
func actFor(pid int) error {
	s := &Starter{}
	defer s.Close()
	id, err := identityOf(s, pid)
	if err != nil {
		return err
	}
	defer id.Close()
	if id.UserNS == nil || id.MountNS == nil {
		return fmt.Errorf("namespaces: %v, %v", id.UserNS, id.MountNS)
	}
	if zero := (unotify.IDs{}); id.UID != zero || id.GID != zero {
		return fmt.Errorf("ids inside: %v, %v", id.UID, id.GID)
	}
	task, err := s.Start()
	if err != nil {
		return err
	}
	if err := task.Become(*id); err != nil {
		return err
	}
	if errno := errnoOf(task, "/mnt/inside", unix.O_RDONLY); errno != 0 {
		return fmt.Errorf("open: %w", errno)
	}
	if errno := errnoOf(task, "/mnt/new", unix.O_CREAT|unix.O_WRONLY); errno != 0 {
		return fmt.Errorf("create: %w", errno)
	}
	info, err := os.Stat(fmt.Sprintf("/proc/%d/root/mnt/new", pid))
	if err != nil {
		return err
	}
	if want := id.Outside.UID.FS; info.Sys().(*syscall.Stat_t).Uid != want || info.Mode() != 0o640 {
		return fmt.Errorf("created as %d with %v, want %d", info.Sys().(*syscall.Stat_t).Uid, info.Mode(), want)
	}
	return nil
}

type pending struct{}

func (pending) Valid(uint64) error { return nil }

type gone struct{ n, after int }

// Valid says that a notification has gone after some questions.
func (g *gone) Valid(uint64) error {
	if g.n++; g.n > g.after {
		return unotify.ErrGone
	}
	return nil
}

func identityOf(s *Starter, pid int) (*Identity, error) {
	targets, err := unotify.NewTargets(unotify.TargetsOptions{})
	if err != nil {
		return nil, err
	}
	defer targets.Close()
	target, err := targets.Pin(pending{}, 1, pid)
	if err != nil {
		return nil, err
	}
	return s.Identity(target)
}

// helpExposed starts a task; another process of the same user may read its memory until it has become somebody.
func helpExposed() {
	s := &Starter{}
	task, err := s.Start()
	if err != nil {
		tell(said{Errors: []string{err.Error()}})
		return
	}
	tell(said{PIDs: []int{task.TID(), os.Getpid()}})
	os.Stdin.Read(make([]byte, 1)) //nolint:errcheck // either way it goes on
	same := Identity{UID: ids4(os.Getuid()), GID: ids4(os.Getgid()), KeepGroups: true}
	told := said{PIDs: []int{task.TID()}}
	if err := task.Become(same); err != nil {
		told.Errors = []string{err.Error()}
	}
	tell(told)
	waitForInput()
}

func ids4(n int) unotify.IDs {
	v := uint32(n)
	return unotify.IDs{Real: v, Effective: v, Saved: v, FS: v}
}
