package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// api mounts by descriptors.
func api(r *report) {
	tree(r)
	r.contexts()
	r.trees()
	r.moves()
	r.reconfigure()
	r.layers()
}

// closed closes a descriptor that there may be.
func closed(fd int) {
	if fd >= 0 {
		unix.Close(fd)
	}
}

// contexts makes file systems.
func (r *report) contexts() {
	for _, kind := range []string{"tmpfs", "proc", "devpts", "mqueue", "ramfs", "nosuchfs", ""} {
		fs, err := unix.Fsopen(kind, unix.FSOPEN_CLOEXEC)
		r.err("fsopen "+kind, err)
		if err != nil {
			continue
		}
		r.err("create "+kind, unix.FsconfigCreate(fs))
		r.err("create again "+kind, unix.FsconfigCreate(fs))
		m, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV)
		r.err("fsmount "+kind, err)
		r.both("attach "+kind, unix.MoveMount(m, "", unix.AT_FDCWD, "t", unix.MOVE_MOUNT_F_EMPTY_PATH))
		closed(m)
		closed(fs)
		r.both("umount "+kind, unix.Unmount("t", 0))
	}
	fs, err := unix.Fsopen("tmpfs", 0)
	r.err("fsopen", err)
	for _, v := range [][2]string{{"size", "1m"}, {"mode", "0711"}, {"source", "made"}, {"nonsense", "1"}, {"", "x"}, {"size", "x"}} {
		r.err("set "+v[0]+" "+v[1], unix.FsconfigSetString(fs, v[0], v[1]))
	}
	r.err("set flag", unix.FsconfigSetFlag(fs, "ro"))
	r.err("set a flag that is none", unix.FsconfigSetFlag(fs, "nonsense"))
	r.err("set path", unix.FsconfigSetPath(fs, "source", "a", unix.AT_FDCWD))
	r.err("set descriptor", unix.FsconfigSetFd(fs, "source", fs))
	r.err("reconfigure too early", unix.FsconfigReconfigure(fs))
	_, err = unix.Fsmount(fs, 0, 0)
	r.err("fsmount too early", err)
	r.err("create", unix.FsconfigCreate(fs))
	m, err := unix.Fsmount(fs, 0, unix.MOUNT_ATTR_NOEXEC|unix.MOUNT_ATTR_NOATIME)
	r.err("fsmount", err)
	r.err("attach to none", unix.MoveMount(m, "", unix.AT_FDCWD, "none", unix.MOVE_MOUNT_F_EMPTY_PATH))
	r.err("attach to a file", unix.MoveMount(m, "", unix.AT_FDCWD, "file", unix.MOVE_MOUNT_F_EMPTY_PATH))
	r.both("attach", unix.MoveMount(m, "", unix.AT_FDCWD, "t", unix.MOVE_MOUNT_F_EMPTY_PATH))
	r.stat("its root", "t")
	r.err("umount while open", unix.Unmount("t", 0))
	closed(m)
	closed(fs)
	r.both("umount detached", unix.Unmount("t", unix.MNT_DETACH))
	_, err = unix.Fsmount(0, 0, 0)
	r.err("fsmount of another descriptor", err)
	_, err = unix.Fsmount(99, 0, 0)
	r.err("fsmount of none", err)
	_, err = unix.Fsopen("tmpfs", 0x100)
	r.err("fsopen with an unknown flag", err)
}

// trees copies mounts.
func (r *report) trees() {
	r.both("base", unix.Mount("a", "b", "", unix.MS_BIND, ""))
	r.both("base below", unix.Mount("t", "b/sub", "tmpfs", 0, ""))
	for _, v := range []struct {
		name  string
		path  string
		flags uint
	}{{"one", "b", unix.OPEN_TREE_CLONE}, {"all", "b", unix.OPEN_TREE_CLONE | unix.AT_RECURSIVE}, {"directory", "a", unix.OPEN_TREE_CLONE},
		{"file", "file", unix.OPEN_TREE_CLONE}, {"none", "none", unix.OPEN_TREE_CLONE}, {"recursive only", "b", unix.AT_RECURSIVE},
		{"empty", "", unix.OPEN_TREE_CLONE}, {"loop", "loop", unix.OPEN_TREE_CLONE}, {"unknown flag", "b", 0x10}} {
		fd, err := unix.OpenTree(unix.AT_FDCWD, v.path, v.flags|unix.OPEN_TREE_CLOEXEC)
		r.err("open_tree "+v.name, err)
		if err != nil {
			continue
		}
		r.both("attach "+v.name, unix.MoveMount(fd, "", unix.AT_FDCWD, "c", unix.MOVE_MOUNT_F_EMPTY_PATH))
		closed(fd)
		r.both("umount "+v.name, unix.Unmount("c", unix.MNT_DETACH))
	}
	r.both("base away", unix.Unmount("b", unix.MNT_DETACH))
}

// beneath is MOVE_MOUNT_BENEATH of Linux 6.5 (include/uapi/linux/mount.h).
const beneath = 0x200

// moves moves what is attached.
func (r *report) moves() {
	r.both("one to move", unix.Mount("t", "t", "tmpfs", 0, ""))
	dir, err := unix.Open("e", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	must("open", err)
	defer unix.Close(dir)
	r.both("move by paths", unix.MoveMount(unix.AT_FDCWD, "t", unix.AT_FDCWD, "b", 0))
	r.both("move to a descriptor", unix.MoveMount(unix.AT_FDCWD, "b", dir, "x", 0))
	r.both("move to what a descriptor is", unix.MoveMount(dir, "x", dir, "", unix.MOVE_MOUNT_T_EMPTY_PATH))
	r.both("move what is no mount", unix.MoveMount(unix.AT_FDCWD, "a", unix.AT_FDCWD, "b", 0))
	r.both("move by a link", unix.MoveMount(unix.AT_FDCWD, "e", unix.AT_FDCWD, "link", 0))
	r.both("move by a link that is followed", unix.MoveMount(unix.AT_FDCWD, "e", unix.AT_FDCWD, "link", unix.MOVE_MOUNT_T_SYMLINKS))
	r.err("empty path without its flag", unix.MoveMount(dir, "", unix.AT_FDCWD, "c", 0))
	r.err("unknown flag", unix.MoveMount(dir, "", unix.AT_FDCWD, "c", 0x1000))
	r.both("umount moved", unix.Unmount("b", unix.MNT_DETACH))
	r.both("two for a group", unix.Mount("a", "b", "", unix.MS_BIND, ""))
	must("second", unix.Mount("a", "c", "", unix.MS_BIND, ""))
	r.both("shared", unix.Mount("", "b", "", unix.MS_SHARED, ""))
	r.both("set group", unix.MoveMount(unix.AT_FDCWD, "b", unix.AT_FDCWD, "c", unix.MOVE_MOUNT_SET_GROUP))
	fd, err := unix.OpenTree(unix.AT_FDCWD, "a", unix.OPEN_TREE_CLONE)
	r.err("open_tree for below", err)
	r.both("beneath", unix.MoveMount(fd, "", unix.AT_FDCWD, "c", unix.MOVE_MOUNT_F_EMPTY_PATH|beneath))
	closed(fd)
	for _, dir := range []string{"b", "c"} {
		r.both("umount "+dir, unix.Unmount(dir, unix.MNT_DETACH))
	}
	r.both("umount what was beneath", unix.Unmount("c", unix.MNT_DETACH))
}

// reconfigure changes a file system that is mounted.
func (r *report) reconfigure() {
	r.both("one to reconfigure", unix.Mount("t", "t", "tmpfs", 0, "size=1m"))
	fs, err := unix.Fspick(unix.AT_FDCWD, "t", unix.FSPICK_CLOEXEC)
	r.err("fspick", err)
	r.err("set size", unix.FsconfigSetString(fs, "size", "2m"))
	r.err("set ro", unix.FsconfigSetFlag(fs, "ro"))
	r.both("reconfigure", unix.FsconfigReconfigure(fs))
	r.err("create what is there", unix.FsconfigCreate(fs))
	closed(fs)
	_, err = unix.Fspick(unix.AT_FDCWD, "e", 0)
	r.err("fspick no mount", err)
	_, err = unix.Fspick(unix.AT_FDCWD, "none", 0)
	r.err("fspick none", err)
	r.both("umount", unix.Unmount("t", 0))
}

// layers makes an overlay, layer by layer, as newer mount programs do.
func (r *report) layers() {
	r.dirs("up", "work")
	fs, err := unix.Fsopen("overlay", unix.FSOPEN_CLOEXEC)
	r.err("fsopen overlay", err)
	for _, v := range [][2]string{{"source", "ov"}, {"lowerdir+", r.dir + "/a"}, {"lowerdir+", r.dir + "/e"}, {"upperdir", r.dir + "/up"},
		{"workdir", r.dir + "/work"}, {"lowerdir+", r.dir + "/none"}} {
		r.err("overlay "+v[0]+v[1], unix.FsconfigSetString(fs, v[0], v[1]))
	}
	r.err("create overlay", unix.FsconfigCreate(fs))
	m, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, 0)
	r.err("fsmount overlay", err)
	r.both("attach overlay", unix.MoveMount(m, "", unix.AT_FDCWD, "t", unix.MOVE_MOUNT_F_EMPTY_PATH))
	r.err("write", os.WriteFile("t/new", nil, 0o644))
	r.say("upper", list("up", opaque))
	closed(m)
	closed(fs)
	r.both("umount overlay", unix.Unmount("t", unix.MNT_DETACH))
}

// attributes changes mounts' attributes.
func attributes(r *report) {
	tree(r)
	must("base", unix.Mount("a", "b", "", unix.MS_BIND, ""))
	r.both("base below", unix.Mount("t", "b/sub", "tmpfs", 0, ""))
	for _, v := range []struct {
		name  string
		path  string
		flags uint
		attr  unix.MountAttr
	}{
		{"read-only", "b", 0, unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}},
		{"recursive", "b", unix.AT_RECURSIVE, unix.MountAttr{Attr_set: unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV}},
		{"writable again", "b", 0, unix.MountAttr{Attr_clr: unix.MOUNT_ATTR_RDONLY}},
		{"access times", "b", 0, unix.MountAttr{Attr_set: unix.MOUNT_ATTR_NOATIME, Attr_clr: unix.MOUNT_ATTR__ATIME}},
		{"access times without clearing", "b", 0, unix.MountAttr{Attr_set: unix.MOUNT_ATTR_NOATIME}},
		{"no links", "b", 0, unix.MountAttr{Attr_set: unix.MOUNT_ATTR_NOSYMFOLLOW}},
		{"shared", "b", unix.AT_RECURSIVE, unix.MountAttr{Propagation: unix.MS_SHARED}},
		{"private", "b", unix.AT_RECURSIVE, unix.MountAttr{Propagation: unix.MS_PRIVATE}},
		{"two propagations", "b", 0, unix.MountAttr{Propagation: unix.MS_PRIVATE | unix.MS_SHARED}},
		{"no mount", "e", 0, unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}},
		{"none", "none", 0, unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}},
		{"unknown attribute", "b", 0, unix.MountAttr{Attr_set: 1 << 40}},
		{"unknown flag", "b", 0x10, unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}},
		{"no user namespace", "b", 0, unix.MountAttr{Attr_set: unix.MOUNT_ATTR_IDMAP, Userns_fd: 99}},
	} {
		r.both(v.name, unix.MountSetattr(unix.AT_FDCWD, v.path, v.flags, &v.attr))
	}
	fd, err := openTreeAttr("a", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY})
	r.err("open_tree_attr", err)
	r.both("attach", unix.MoveMount(fd, "", unix.AT_FDCWD, "c", unix.MOVE_MOUNT_F_EMPTY_PATH))
	closed(fd)
	_, err = openTreeAttr("none", unix.OPEN_TREE_CLONE, &unix.MountAttr{})
	r.err("open_tree_attr none", err)
	r.both("umount", unix.Unmount("b", unix.MNT_DETACH))
}
