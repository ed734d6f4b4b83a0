package standin

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/internal/testneed"
	"github.com/stead-project/stead/unotify"
)

// open0 is a directory that everybody may reach.
func open0(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "standin")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// sample makes files and directories that differ in who may do what; making those named "new" is tried.
func sample(t *testing.T) (dir string, paths []string) {
	dir = open0(t)
	for _, f := range []struct {
		name     string
		uid, gid int
		mode     os.FileMode
	}{
		{"root", 0, 0, 0o600}, {"own", 1234, 0, 0o600}, {"locked", 1234, 0, 0o000}, {"gid", 0, 1235, 0o640},
		{"group", 0, 4321, 0o640}, {"other-group", 0, 4322, 0o640}, {"second-group", 0, 7, 0o640}, {"all", 0, 0, 0o644},
		{"not-group", 0, 4321, 0o604}, {"closed/", 0, 0, 0o700}, {"wide/", 0, 0, 0o777}, {"setgid/", 0, 99, 0o2777}, {"group-dir/", 0, 4321, 0o770},
	} {
		path := filepath.Join(dir, f.name)
		if strings.HasSuffix(f.name, "/") {
			os.Mkdir(path, 0o700)
			paths = append(paths, path+"/new")
		} else {
			os.WriteFile(path, nil, 0o600)
			paths = append(paths, path)
		}
		if err := errors.Join(os.Chown(path, f.uid, f.gid), unix.Chmod(path, uint32(f.mode)&0o777|setgid(f.mode))); err != nil {
			t.Fatal(err)
		}
	}
	return dir, paths
}

func setgid(m os.FileMode) uint32 { return uint32(m) & 0o2000 }

// state is what there is of the files, and removes those that were made.
func state(t *testing.T, paths []string) (all []string) {
	t.Helper()
	for _, p := range paths {
		var st unix.Stat_t
		err := unix.Lstat(p, &st)
		all = append(all, fmt.Sprintf("%s %v %o %d:%d", filepath.Base(filepath.Dir(p)), err, st.Mode, st.Uid, st.Gid))
		if filepath.Base(p) == "new" {
			os.Remove(p)
		}
	}
	return all
}

// TestBecomeUser opens files as an ordinary user, and compares with a process of that user.
func TestBecomeUser(t *testing.T) {
	needRoot(t)
	_, paths := sample(t)
	native := startHelper(t, "open", &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 1234, Gid: 1235, Groups: []uint32{4321, 7}}}, paths...)
	native.Wait() //nolint:errcheck // the comparison notices
	want := state(t, paths)

	task := start(t)
	if err := task.Become(user()); err != nil {
		t.Fatal(err)
	}
	denied := 0
	for i, p := range paths {
		errno := errnoOf(task, p, unix.O_CREAT|unix.O_RDONLY)
		if errno != native.said.Errnos[i] {
			t.Errorf("%s: %v, natively %v", p, errno, native.said.Errnos[i])
		}
		if errno != 0 {
			denied++
		}
	}
	if got := state(t, paths); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if denied < 4 || denied > len(paths)-4 {
		t.Errorf("%d of %d denied, which shows little", denied, len(paths))
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(paths[0]), "still-root"), nil, 0o600); err != nil {
		t.Errorf("the supervisor's own rights: %v", err)
	}
}

func TestBecomeParts(t *testing.T) {
	needRoot(t)
	all := unotify.CapSets{Permitted: 1<<unix.CAP_CHOWN | 1<<unix.CAP_DAC_OVERRIDE, Effective: 1 << unix.CAP_DAC_OVERRIDE, Inheritable: 1 << unix.CAP_CHOWN}
	for name, id := range map[string]Identity{
		"different ids":          {UID: unotify.IDs{Real: 1, Effective: 2, Saved: 3, FS: 4}, GID: unotify.IDs{Real: 5, Effective: 6, Saved: 7, FS: 8}},
		"file system id":         {UID: unotify.IDs{FS: 1234}, GID: unotify.IDs{FS: 1234}},
		"nobody":                 {UID: ids4(65534), GID: ids4(65534), Groups: []uint32{65534}},
		"user with capabilities": {UID: ids4(1234), GID: ids4(1234), Caps: all},
		"root without":           {},
		"large ids":              {UID: ids4(4294967294), GID: ids4(4294967294), Groups: []uint32{4294967294, 1}},
		"groups kept":            {UID: ids4(1234), KeepGroups: true},
		"many groups":            {Groups: many(65536)},
	} {
		task := start(t)
		if err := task.Become(id); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		task.Close()
	}
	task := start(t)
	if err := task.Become(Identity{UID: ids4(1234), GID: ids4(1234), Caps: all}); err != nil {
		t.Fatal(err)
	}
	if err := task.Become(Identity{UID: ids4(1234), GID: ids4(1234), Caps: unotify.CapSets{Effective: 1, Permitted: 1}}); err != nil {
		t.Errorf("fewer capabilities: %v", err)
	}
	if err := task.Become(Identity{}); err == nil {
		t.Error("root again, without the right to")
	}
}

func many(n int) []uint32 {
	groups := make([]uint32, n)
	for i := range groups {
		groups[i] = uint32(100000 + i)
	}
	return groups
}

// TestBecomeFails: a task that could not become what it should acts no more.
func TestBecomeFails(t *testing.T) {
	needRoot(t)
	f, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for name, id := range map[string]Identity{
		"no such id":            {UID: ids4(4294967295)},
		"too many groups":       {Groups: many(65537)},
		"not a namespace":       {UserNS: f},
		"not a mount namespace": {MountNS: f},
		"not a directory":       {Root: f},
		"not permitted":         {Caps: unotify.CapSets{Effective: 1}},
		"unknown capability":    {Caps: unotify.CapSets{Permitted: 1 << 63}},
		"umask":                 {Umask: 0o1777},
		"outside differs":       {Outside: &unotify.Credentials{UID: ids4(1)}},
	} {
		task := start(t)
		if err := task.Become(id); err == nil {
			t.Errorf("%s: no error", name)
		} else {
			t.Log(err)
		}
		if errno := errnoOf(task, "/", unix.O_RDONLY); errno != unix.ESRCH || task.TID() != 0 {
			t.Errorf("%s: the task still works: %v", name, errno)
		}
	}
}

func TestBecomeRoot(t *testing.T) {
	needRoot(t)
	dir := open0(t)
	if err := os.WriteFile(filepath.Join(dir, "only-here"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenFile(dir, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	task := start(t)
	id := user()
	id.Root = root
	if err := task.Become(id); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"/only-here", "only-here", "/../../only-here"} {
		if errno := errnoOf(task, p, unix.O_RDONLY); errno != 0 {
			t.Errorf("%s: %v", p, errno)
		}
	}
	if errno := errnoOf(task, dir, unix.O_RDONLY); errno != unix.ENOENT {
		t.Errorf("outside: %v", errno)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Errorf("the supervisor's root: %v", err)
	}
}

// container is a process in a user namespace in which mapped ids from 100000 on are 0 and up.
func container(t *testing.T, mode string, ids int, flags uintptr) *helper {
	t.Helper()
	var maps []syscall.SysProcIDMap
	if ids > 0 {
		maps = []syscall.SysProcIDMap{{ContainerID: 0, HostID: 100000, Size: ids}}
	}
	attr := &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER | flags, UidMappings: maps, GidMappings: maps, GidMappingsEnableSetgroups: true}
	if ids > 0 {
		attr.Credential = &syscall.Credential{Uid: 0, Gid: 0, Groups: []uint32{3}}
	}
	h := startHelper(t, mode, attr)
	if len(h.said.Errors) > 0 {
		testneed.Missing(t, "make a container: %v", h.said.Errors)
	}
	return h
}

func TestBecomeContained(t *testing.T) {
	needRoot(t)
	if err := actFor(container(t, "tmpfs", 10, unix.CLONE_NEWNS).Process.Pid); err != nil {
		t.Error(err)
	}
}

// TestBecomeUnmapped acts for a process whose ids have no number in its namespace: they can only be had from outside.
func TestBecomeUnmapped(t *testing.T) {
	needRoot(t)
	h := startHelper(t, "hold", &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER})
	s := starter(t, Options{})
	id, err := identityOf(s, h.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	defer id.Close()
	if id.UID != ids4(65534) || id.Outside == nil {
		t.Fatalf("%+v", id)
	}
	for range 2 { // as it is: root outside; then as if it were 1234
		task, err := s.Start()
		if err != nil {
			t.Fatal(err)
		}
		if err := task.Become(*id); err != nil {
			t.Fatal(err)
		}
		now, err := task.seen()
		if err != nil || ids(now.UID) != id.Outside.UID {
			t.Errorf("outside: %+v, %v", now, err)
		}
		id.Outside.UID, id.Outside.GID, id.Outside.Groups, id.Groups = ids4(1234), ids4(1235), []uint32{7}, []uint32{65534}
	}
	id.Outside = nil
	id.Groups = []uint32{1, 2, 3}
	task, err := s.Start()
	if err != nil {
		t.Fatal(err)
	}
	if err := task.Become(*id); err == nil {
		t.Error("groups without a mapping were taken for others")
	}
}

// TestMountNamespaceOnly: no user namespace is joined.
func TestMountNamespaceOnly(t *testing.T) {
	needRoot(t)
	h := startHelper(t, "tmpfs", &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS})
	if len(h.said.Errors) > 0 {
		testneed.Missing(t, "mount: %v", h.said.Errors)
	}
	s := starter(t, Options{})
	id, err := identityOf(s, h.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	defer id.Close()
	if id.UserNS != nil || id.MountNS == nil {
		t.Fatalf("%+v", id)
	}
	task, err := s.Start()
	if err != nil {
		t.Fatal(err)
	}
	if err := task.Become(*id); err != nil {
		t.Fatal(err)
	}
	if errno := errnoOf(task, "/mnt/inside", unix.O_RDONLY); errno != 0 {
		t.Error(errno)
	}
	if _, err := os.Stat("/mnt/inside"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the supervisor sees it: %v", err)
	}
}

func TestIdentityOfOwn(t *testing.T) {
	s := starter(t, Options{})
	id, err := identityOf(s, startHelper(t, "hold", nil).Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	defer id.Close()
	if id.UserNS != nil || id.MountNS != nil || id.Root != nil || id.Outside != nil {
		t.Errorf("the supervisor's own: %+v", id)
	}
	task, err := s.Start()
	if err != nil {
		t.Fatal(err)
	}
	if err := task.Become(*id); err != nil {
		t.Error(err)
	}
}

// TestIdentityOfGone loses the notification at each step.
func TestIdentityOfGone(t *testing.T) {
	needRoot(t)
	h := container(t, "hold", 10, 0)
	s := starter(t, Options{})
	targets, err := unotify.NewTargets(unotify.TargetsOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer targets.Close()
	before := 0
	for after := 1; ; after++ {
		target, err := targets.Pin(&gone{after: after}, 1, h.Process.Pid)
		if err != nil {
			t.Fatal(err)
		}
		id, err := s.Identity(target)
		if err == nil {
			id.Close()
			break
		}
		if !errors.Is(err, unotify.ErrGone) {
			t.Errorf("after %d: %v", after, err)
		}
		if fds := count(t, "/proc/self/fd"); after == 1 {
			before = fds
		} else if fds > before {
			t.Errorf("after %d: %d descriptors became %d", after, before, fds)
		}
	}
}

// TestUnprivileged: the supervisor is an ordinary user, the target in a user namespace of that user's.
func TestUnprivileged(t *testing.T) {
	attr := &syscall.SysProcAttr{}
	if os.Geteuid() == 0 {
		attr.Credential = &syscall.Credential{Uid: 1234, Gid: 1234}
	}
	h := startHelper(t, "unprivileged", attr)
	for _, e := range h.said.Errors {
		if strings.HasPrefix(e, "fork/exec") {
			testneed.Missing(t, "no user namespaces for users: %v", e)
		}
		t.Error(e)
	}
}

// TestNobodyReadsTheTask: with the identity the memory is closed to others of the same user.
func TestNobodyReadsTheTask(t *testing.T) {
	needRoot(t)
	if _, err := exec.LookPath("setpriv"); err != nil {
		testneed.Missing(t, "needs setpriv: %v", err)
	}
	credential := &syscall.Credential{Uid: 1234, Gid: 1234}
	h := startHelper(t, "exposed", &syscall.SysProcAttr{Credential: credential})
	mem := make([]string, 2)
	for i, pid := range h.said.PIDs {
		mem[i] = fmt.Sprintf("/proc/%d/mem", pid)
	}
	if got := readable(t, credential, mem); got[0] != 0 || got[1] != 0 {
		t.Skipf("already closed, so there is nothing to show (a security module?): %v", got)
	}
	h.in.Write([]byte("x"))
	for range 100 {
		if got := readable(t, credential, mem); got[0] == unix.EACCES && got[1] == unix.EACCES {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("open: %v", readable(t, credential, mem))
}

func readable(t *testing.T, c *syscall.Credential, paths []string) []syscall.Errno {
	t.Helper()
	h := startHelper(t, "open", &syscall.SysProcAttr{Credential: c}, paths...)
	return h.said.Errnos
}

// TestSupervisorKilled: no task outlives it, whatever it is doing, also where the supervisor may not signal it.
func TestSupervisorKilled(t *testing.T) {
	needRoot(t)
	fifo := filepath.Join(open0(t), "fifo")
	if err := errors.Join(unix.Mkfifo(fifo, 0o600), os.Chmod(fifo, 0o666)); err != nil {
		t.Fatal(err)
	}
	weak := []uintptr{unix.CAP_SETUID, unix.CAP_SETGID, unix.CAP_SETPCAP}
	for name, c := range map[string]struct {
		attr *syscall.SysProcAttr
		fifo string
	}{
		"root": {nil, fifo},
		"weak": {&syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 77, Gid: 77}, AmbientCaps: weak}, ""},
	} {
		h := startHelper(t, "supervisor", c.attr, c.fifo)
		if len(h.said.Errors) > 0 || len(h.said.PIDs) != 3 {
			t.Fatalf("%s: %+v", name, h.said)
		}
		for _, pid := range h.said.PIDs {
			if ended(pid) {
				t.Errorf("%s: task %d is not there", name, pid)
			}
		}
		h.Process.Kill() //nolint:errcheck // the tasks would not end
		h.Wait()         //nolint:errcheck // it was killed
		for _, pid := range h.said.PIDs {
			awaitEnd(t, name, pid)
		}
	}
}

func awaitEnd(t *testing.T, name string, pid int) {
	t.Helper()
	for range 500 {
		if ended(pid) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	unix.Kill(pid, unix.SIGKILL)
	t.Errorf("%s: task %d lives on", name, pid)
}

// ended also takes a zombie that nobody has waited for yet.
func ended(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(text), ") Z ")
}
