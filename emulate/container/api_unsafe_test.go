package container

import (
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// rawFD makes a system call that gives a descriptor.
func rawFD(nr uintptr, args ...uintptr) (int, error) {
	var p [6]uintptr
	copy(p[:], args)
	r, _, errno := unix.Syscall6(nr, p[0], p[1], p[2], p[3], p[4], p[5])
	if errno != 0 {
		return -1, errno
	}
	return int(r), nil
}

func attr(a *unix.MountAttr) uintptr { return uintptr(unsafe.Pointer(a)) }

const nowhereFD = ^uintptr(0)

func mountAPI(c *container) {
	fs, err := unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)
	c.err("fsopen", err)
	c.err("fsconfig string", unix.FsconfigSetString(fs, "size", "1m"))
	c.err("fsconfig source", unix.FsconfigSetString(fs, "source", "made"))
	c.err("fsconfig flag", unix.FsconfigSetFlag(fs, "ro"))
	c.err("fsconfig unknown", unix.FsconfigSetString(fs, "nope", "1m"))
	buf := make([]byte, 200)
	n, err := unix.Read(fs, buf)
	c.err("read log", err)
	c.say("log", string(buf[:max(n, 0)]))
	_, err = unix.Read(fs, buf)
	c.err("read empty log", err)
	_, err = unix.Fsmount(fs, 0, 0)
	c.err("fsmount too early", err)
	c.err("create", unix.FsconfigCreate(fs))
	c.err("create again", unix.FsconfigCreate(fs))
	_, err = unix.Fsmount(fs, 2, 0)
	c.err("fsmount flags", err)
	_, err = unix.Fsmount(fs, 0, 1<<30)
	c.err("fsmount attributes", err)
	m, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NOATIME)
	c.err("fsmount", err)
	flags, err := unix.FcntlInt(uintptr(m), unix.F_GETFD, 0)
	c.err("flags", err)
	c.say("close on exec", itoa(flags))
	c.err("setattr before", unix.MountSetattr(m, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_NODEV}))
	c.err("move_mount no target", unix.MoveMount(m, "", unix.AT_FDCWD, "/media/none", unix.MOVE_MOUNT_F_EMPTY_PATH))
	c.err("move_mount no flag", unix.MoveMount(m, "", unix.AT_FDCWD, "/media/t", 0))
	c.err("move_mount bad flag", unix.MoveMount(m, "", unix.AT_FDCWD, "/media/t", unix.MOVE_MOUNT_F_EMPTY_PATH|0x8000))
	c.err("move_mount on a file", unix.MoveMount(m, "", unix.AT_FDCWD, "/media/file", unix.MOVE_MOUNT_F_EMPTY_PATH))
	c.err("move_mount", unix.MoveMount(m, "", unix.AT_FDCWD, "/media/t", unix.MOVE_MOUNT_F_EMPTY_PATH))
	c.mounts("after move_mount")
	c.err("umount busy", unix.Unmount("/media/t", 0))
	unix.Close(m)
	c.err("move_mount closed", unix.MoveMount(m, "", unix.AT_FDCWD, "/media/t", unix.MOVE_MOUNT_F_EMPTY_PATH))
	pick, err := unix.Fspick(unix.AT_FDCWD, "/media/t", unix.FSPICK_CLOEXEC)
	c.err("fspick", err)
	c.err("fsconfig rw", unix.FsconfigSetFlag(pick, "rw"))
	c.err("reconfigure", unix.FsconfigReconfigure(pick))
	unix.Close(pick)
	c.mounts("after reconfigure")
	unix.Close(fs)
	c.err("umount", unix.Unmount("/media/t", 0))
	for _, p := range []string{"/media/none", "/media/a", ""} {
		_, err = unix.Fspick(unix.AT_FDCWD, p, 0)
		c.err("fspick "+p, err)
	}
	trees(c)
	oddAPI(c)
	c.mounts("end")
}

func trees(c *container) {
	tree, err := unix.OpenTree(unix.AT_FDCWD, "/media/a", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	c.err("open_tree", err)
	c.err("setattr tree", unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}))
	c.err("move tree", unix.MoveMount(tree, "", unix.AT_FDCWD, "/media/b", unix.MOVE_MOUNT_F_EMPTY_PATH))
	unix.Close(tree)
	c.mounts("after move tree")
	c.err("write read-only", os.WriteFile("/media/b/x", nil, 0o600))
	c.err("setattr path", unix.MountSetattr(unix.AT_FDCWD, "/media/b", 0, &unix.MountAttr{Attr_clr: unix.MOUNT_ATTR_RDONLY, Attr_set: unix.MOUNT_ATTR_NOEXEC}))
	c.err("setattr shared", unix.MountSetattr(unix.AT_FDCWD, "/media/b", unix.AT_RECURSIVE, &unix.MountAttr{Propagation: unix.MS_SHARED}))
	c.err("setattr no mount", unix.MountSetattr(unix.AT_FDCWD, "/media/c", 0, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}))
	c.err("setattr none", unix.MountSetattr(unix.AT_FDCWD, "/media/none", 0, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}))
	c.err("setattr idmap bad fd", unix.MountSetattr(unix.AT_FDCWD, "/media/b", 0, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_IDMAP, Userns_fd: 999}))
	null, err := unix.Open("/dev/null", unix.O_RDONLY, 0)
	must("null", err)
	c.err("setattr idmap no namespace", unix.MountSetattr(unix.AT_FDCWD, "/media/b", 0, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_IDMAP, Userns_fd: uint64(null)}))
	c.mounts("after setattr")
	c.err("move within", unix.MoveMount(unix.AT_FDCWD, "/media/b", unix.AT_FDCWD, "/media/c", 0))
	c.err("make private", unix.MountSetattr(unix.AT_FDCWD, "/media/b", 0, &unix.MountAttr{Propagation: unix.MS_PRIVATE}))
	c.err("move within again", unix.MoveMount(unix.AT_FDCWD, "/media/b", unix.AT_FDCWD, "/media/c", 0))
	c.err("move a link", unix.MoveMount(unix.AT_FDCWD, "/media/link", unix.AT_FDCWD, "/media/d", unix.MOVE_MOUNT_F_SYMLINKS))
	c.err("beneath", unix.MoveMount(unix.AT_FDCWD, "/media/c", unix.AT_FDCWD, "/media/d", 0x200))
	c.mounts("after move")
	plain, err := unix.OpenTree(unix.AT_FDCWD, "/media/c", unix.OPEN_TREE_CLOEXEC)
	c.err("open_tree plain", err)
	c.err("setattr plain", unix.MountSetattr(plain, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_clr: unix.MOUNT_ATTR_NOEXEC}))
	sub, err := unix.OpenTree(plain, "sub", unix.OPEN_TREE_CLONE)
	c.err("open_tree below", err)
	c.err("move below", unix.MoveMount(sub, "", plain, "sub", unix.MOVE_MOUNT_F_EMPTY_PATH))
	c.mounts("after below")
	unix.Close(sub)
	unix.Close(plain)
	c.err("umount below", unix.Unmount("/media/c/sub", 0))
	c.err("umount c", unix.Unmount("/media/c", 0))
	gone, err := unix.OpenTree(unix.AT_FDCWD, "/media/a", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	c.err("open_tree once more", err)
	again, err := unix.Dup(gone)
	must("dup", err)
	unix.Close(gone)
	c.err("move a copy", unix.MoveMount(again, "", unix.AT_FDCWD, "/media/b", unix.MOVE_MOUNT_F_EMPTY_PATH))
	c.err("move it twice", unix.MoveMount(again, "", unix.AT_FDCWD, "/media/d", unix.MOVE_MOUNT_F_EMPTY_PATH))
	c.mounts("after copy")
	unix.Close(again)
}

func oddAPI(c *container) {
	const bad = 8
	huge := strings.Repeat("x", 5000)
	file, err := os.Open("/dev/null")
	must("open", err)
	null := file.Fd()
	ok := &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_NODEV}
	all := &unix.MountAttr{Attr_set: ^uint64(0)}
	both := &unix.MountAttr{Propagation: unix.MS_SHARED | unix.MS_PRIVATE}
	cwd := ^uintptr(99)
	for _, s := range []struct {
		name string
		nr   uintptr
		args []uintptr
	}{
		{"fsopen null", unix.SYS_FSOPEN, []uintptr{0, 0}}, {"fsopen bad", unix.SYS_FSOPEN, []uintptr{bad, 0}},
		{"fsopen flags", unix.SYS_FSOPEN, []uintptr{str("tmpfs"), 2}}, {"fsopen none", unix.SYS_FSOPEN, []uintptr{str("nosuchfs"), 0}},
		{"fsopen flags and bad", unix.SYS_FSOPEN, []uintptr{bad, 2}}, {"fsopen empty", unix.SYS_FSOPEN, []uintptr{str(""), 0}},
		{"fsopen long", unix.SYS_FSOPEN, []uintptr{str(huge), 0}}, {"fsopen edge", unix.SYS_FSOPEN, []uintptr{edge("tmpfs"), 0}},
		{"fsconfig no fd", unix.SYS_FSCONFIG, []uintptr{nowhereFD, 6, 0, 0, 0}}, {"fsconfig closed", unix.SYS_FSCONFIG, []uintptr{999, 6, 0, 0, 0}},
		{"fsconfig other fd", unix.SYS_FSCONFIG, []uintptr{null, 6, 0, 0, 0}}, {"fsconfig command", unix.SYS_FSCONFIG, []uintptr{null, 99, 0, 0, 0}},
		{"fsconfig closed command", unix.SYS_FSCONFIG, []uintptr{999, 99, 0, 0, 0}},
		{"fsconfig key", unix.SYS_FSCONFIG, []uintptr{null, 6, str("x"), 0, 0}}, {"fsconfig flag value", unix.SYS_FSCONFIG, []uintptr{null, 0, str("x"), str("x"), 0}},
		{"fsconfig string null", unix.SYS_FSCONFIG, []uintptr{null, 1, str("x"), 0, 0}}, {"fsconfig string aux", unix.SYS_FSCONFIG, []uintptr{null, 1, str("x"), str("x"), 1}},
		{"fsconfig binary", unix.SYS_FSCONFIG, []uintptr{null, 2, str("x"), str("x"), 0}}, {"fsconfig binary size", unix.SYS_FSCONFIG, []uintptr{null, 2, str("x"), str("x"), 1<<20 + 1}},
		{"fsmount no fd", unix.SYS_FSMOUNT, []uintptr{nowhereFD, 0, 0}}, {"fsmount other", unix.SYS_FSMOUNT, []uintptr{null, 0, 0}},
		{"fsmount atime", unix.SYS_FSMOUNT, []uintptr{null, 0, unix.MOUNT_ATTR__ATIME}},
		{"fspick null", unix.SYS_FSPICK, []uintptr{cwd, 0, 0}}, {"fspick flags", unix.SYS_FSPICK, []uintptr{cwd, str("/media"), 0x100}},
		{"fspick bad", unix.SYS_FSPICK, []uintptr{cwd, bad, 0}}, {"fspick fd", unix.SYS_FSPICK, []uintptr{999, str("x"), 0}},
		{"fspick not a directory", unix.SYS_FSPICK, []uintptr{null, str("x"), 0}},
		{"move null", unix.SYS_MOVE_MOUNT, []uintptr{cwd, 0, cwd, 0, 0}}, {"move bad", unix.SYS_MOVE_MOUNT, []uintptr{cwd, bad, cwd, bad, 0}},
		{"move both none", unix.SYS_MOVE_MOUNT, []uintptr{cwd, str("/media/none"), cwd, str("/media/file/x"), 0}},
		{"move from none", unix.SYS_MOVE_MOUNT, []uintptr{cwd, str("/media/none"), cwd, str("/media/d"), 0}},
		{"move from long", unix.SYS_MOVE_MOUNT, []uintptr{cwd, str(huge), cwd, str("/media/d"), 0}},
		{"move flags", unix.SYS_MOVE_MOUNT, []uintptr{cwd, str("/media/none"), cwd, str("/media/d"), 0x300}},
		{"move from file", unix.SYS_MOVE_MOUNT, []uintptr{null, str(""), cwd, str("/media/d"), 4}},
		{"move from closed", unix.SYS_MOVE_MOUNT, []uintptr{999, str(""), cwd, str("/media/d"), 4}},
		{"move group", unix.SYS_MOVE_MOUNT, []uintptr{cwd, str("/media/a"), cwd, str("/media/d"), 0x100}},
		{"open_tree flags", unix.SYS_OPEN_TREE, []uintptr{cwd, str("/media"), 2}}, {"open_tree none", unix.SYS_OPEN_TREE, []uintptr{cwd, str("/media/none"), 1}},
		{"open_tree recursive", unix.SYS_OPEN_TREE, []uintptr{cwd, str("/media"), unix.AT_RECURSIVE}}, {"open_tree null", unix.SYS_OPEN_TREE, []uintptr{cwd, 0, 1}},
		{"open_tree empty", unix.SYS_OPEN_TREE, []uintptr{cwd, str(""), 1}},
		{"setattr flags", unix.SYS_MOUNT_SETATTR, []uintptr{cwd, str("/media"), 1, attr(ok), 32}},
		{"setattr small", unix.SYS_MOUNT_SETATTR, []uintptr{cwd, str("/media"), 0, attr(ok), 31}},
		{"setattr large", unix.SYS_MOUNT_SETATTR, []uintptr{cwd, str("/media"), 0, attr(ok), 5000}},
		{"setattr null", unix.SYS_MOUNT_SETATTR, []uintptr{cwd, str("/media"), 0, 0, 32}}, {"setattr bad", unix.SYS_MOUNT_SETATTR, []uintptr{cwd, str("/media"), 0, bad, 32}},
		{"setattr all", unix.SYS_MOUNT_SETATTR, []uintptr{cwd, str("/media"), 0, attr(all), 32}}, {"setattr two", unix.SYS_MOUNT_SETATTR, []uintptr{cwd, str("/media"), 0, attr(both), 32}},
		{"setattr bad path and flags", unix.SYS_MOUNT_SETATTR, []uintptr{cwd, bad, 1, attr(ok), 32}},
		{"setattr bad path", unix.SYS_MOUNT_SETATTR, []uintptr{cwd, bad, 0, attr(ok), 32}},
		{"setattr nothing", unix.SYS_MOUNT_SETATTR, []uintptr{cwd, str("/media/none"), 0, attr(&unix.MountAttr{}), 32}},
		{"open_tree_attr", sysOpenTreeAttr, []uintptr{cwd, str("/media/none"), 1, attr(ok), 32}},
		{"open_tree_attr small", sysOpenTreeAttr, []uintptr{cwd, str("/media/a"), 1, attr(ok), 3}},
	} {
		fd, err := rawFD(s.nr, s.args...)
		c.err(s.name, err)
		if err == nil && fd > 2 {
			unix.Close(fd)
		}
	}
	fd, err := rawFD(sysOpenTreeAttr, cwd, str("/media/a"), 1, attr(ok), 32)
	c.err("open_tree_attr good", err)
	c.err("move it", unix.MoveMount(fd, "", unix.AT_FDCWD, "/media/d", unix.MOVE_MOUNT_F_EMPTY_PATH))
}
