package perform

import (
	"bytes"
	"fmt"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/emulate"
	"github.com/stead-project/stead/unotify/standin"
)

// bind binds what was judged. A path's last component is made in the directory that is held.
func bind(o *op) emulate.Result {
	s, errno := o.socket()
	if errno != 0 {
		return emulate.Errno(errno)
	}
	m := &o.sock.msgs[0]
	if o.unspecified(m) {
		return emulate.Errno(unix.EAFNOSUPPORT)
	}
	if s.domain == unix.AF_UNIX && o.holdAddress(m) && o.pins[0].state == named {
		return result(0, o.bindName(s, m.unixPath(o.sock.big)))
	}
	addr, size := o.addressOf(m)
	if o.pins[0].state == failed {
		addr, size = o.sock.unixAddress([]byte("x/y\x00")) // in no directory
	}
	_, errno = o.t.call(unix.SYS_BIND, uintptr(s.fd), addr, size, 0, 0, 0)
	return result(0, o.sought(errno))
}

// bindName makes a socket's name in the directory that is held. The kernel keeps the text of the path for getsockname(2) and for the
// peers, so it has to be the target's own.
func (o *op) bindName(s *socket, path []byte) syscall.Errno {
	o.t.mask(o.view.umask)
	text := append(bytes.Clone(path), 0)
	dir, _ := split(text)
	if len(bytes.Trim(dir, "./")) > 0 || bytes.Contains(dir, []byte("..")) {
		if errno, ok := o.bindElsewhere(s, dir, text); ok {
			return errno
		}
		text = o.pins[0].name
	}
	if _, errno := o.t.call(unix.SYS_FCHDIR, uintptr(o.pins[0].fd), 0, 0, 0, 0, 0); errno != 0 {
		return errno
	}
	addr, size := o.sock.unixAddress(text)
	_, errno := o.t.call(unix.SYS_BIND, uintptr(s.fd), addr, size, 0, 0, 0)
	o.t.call(unix.SYS_FCHDIR, uintptr(o.t.fds), 0, 0, 0, 0, 0)
	return errno
}

// bindElsewhere binds to the path as it was given, by a task for which that path leads to the directory that is held and nowhere else.
// ok is false where there can be no such task; then nothing was done.
func (o *op) bindElsewhere(s *socket, dir, text []byte) (errno syscall.Errno, ok bool) {
	t, err := o.mirror(dir)
	if err != nil {
		o.f.log.Debug("a UNIX socket gets the last component of its path for its name", "tid", o.env.TID, "error", err)
		return 0, false
	}
	defer o.f.pool.end(t)
	t.mask(o.view.umask)
	addr, size := o.sock.unixAddress(text)
	_, errno = t.call(unix.SYS_BIND, uintptr(s.fd), addr, size, 0, 0, 0)
	return errno, true
}

// mirror makes a task that is what the target is, but in a file system of its own, in which a path of directories is a link to what is
// held.
func (o *op) mirror(dir []byte) (*thread, error) {
	target, err := o.f.targets.Pin(o.env.Validator(), o.env.ID, o.env.TID)
	if err != nil {
		return nil, err
	}
	id, err := o.f.pool.starter.Identity(target)
	if err != nil {
		return nil, err
	}
	defer id.Close()
	task, err := o.f.pool.starter.Start()
	if err != nil {
		return nil, err
	}
	t := &thread{f: o.f, task: task, tid: task.TID()}
	o.f.pool.tasks.Add(t.tid)
	err = t.enclose(dir, o.pins[0].fd)
	if err == nil {
		inside := standin.Identity{UserNS: id.UserNS, UID: id.UID, GID: id.GID, Groups: id.Groups, Caps: id.Caps, Umask: id.Umask, Outside: id.Outside}
		err = task.Become(inside)
	}
	if err != nil {
		o.f.pool.end(t)
		return nil, err
	}
	return t, nil
}

// A step is a system call that has to succeed.
type step struct {
	what           string
	nr             uintptr
	a0, a1, a2, a3 uintptr
	a4             uintptr
}

func (t *thread) steps(list ...step) error {
	for _, s := range list {
		if _, errno := t.call(s.nr, s.a0, s.a1, s.a2, s.a3, s.a4, 0); errno != 0 {
			return fmt.Errorf("%s: %w", s.what, errno)
		}
	}
	return nil
}

// enclose gives the task a root that holds nothing but the directories of a path, the last one a link to a descriptor of the
// supervisor's, and procfs, through which the link leads. Linux 5.2.
func (t *thread) enclose(dir []byte, fd int) error {
	text := func(s string) []byte { return append([]byte(s), 0) }
	top, private, tmpfs, here := text("/"), text("/proc"), text("tmpfs"), text(".")
	proc := text(procName())
	options := text("mode=0755,nr_inodes=64,size=64k")
	err := t.steps(
		step{what: "have mounts of its own", nr: unix.SYS_UNSHARE, a0: unix.CLONE_NEWNS},
		step{what: "keep its mounts to itself", nr: unix.SYS_MOUNT, a1: address(top), a3: unix.MS_REC | unix.MS_PRIVATE})
	if err != nil {
		return err
	}
	tree, errno := t.tree(private)
	if errno != 0 {
		return fmt.Errorf("copy the mount of procfs: %w", errno)
	}
	defer unix.Close(tree)
	err = t.steps(
		step{what: "mount tmpfs", nr: unix.SYS_MOUNT, a0: address(tmpfs), a1: address(private), a2: address(tmpfs), a4: address(options)},
		step{what: "enter tmpfs", nr: unix.SYS_CHDIR, a0: address(private)},
		step{what: "make a directory", nr: unix.SYS_MKDIRAT, a0: atCwd, a1: address(proc), a2: 0o755},
		step{what: "mount procfs", nr: unix.SYS_MOVE_MOUNT, a0: uintptr(tree), a1: address(t.empty[:]), a2: atCwd, a3: address(proc),
			a4: unix.MOVE_MOUNT_F_EMPTY_PATH},
		step{what: "change its root", nr: unix.SYS_CHROOT, a0: address(here)})
	if err != nil {
		return err
	}
	return t.lead(string(dir), fmt.Sprintf("/%s/self/fd/%d", procName(), fd))
}

// procName is longer than any component of a socket's path.
func procName() string { return strings.Repeat("p", maxUnixPath+1) }

// tree copies the mount at a path.
func (t *thread) tree(path []byte) (int, syscall.Errno) {
	return t.opened(t.call(unix.SYS_OPEN_TREE, atCwd, address(path), unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC, 0, 0, 0))
}

// lead makes the directories of a path, and the last one a link.
func (t *thread) lead(dir, to string) error {
	var parts []string
	for part := range strings.SplitSeq(dir, "/") {
		if part != "" && part != "." {
			parts = append(parts, part)
		}
	}
	target := append([]byte(to), 0)
	for i := range parts {
		path := append([]byte(strings.Join(parts[:i+1], "/")), 0)
		if i == len(parts)-1 {
			return t.steps(step{what: "make a link", nr: unix.SYS_SYMLINKAT, a0: address(target), a1: atCwd, a2: address(path)})
		}
		if _, errno := t.call(unix.SYS_MKDIRAT, atCwd, address(path), 0o755, 0, 0, 0); errno != 0 && errno != unix.EEXIST {
			return fmt.Errorf("make a directory: %w", errno)
		}
	}
	return unix.EINVAL
}
