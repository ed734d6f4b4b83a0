package main

import (
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// raw makes a system call with arguments as they are.
func raw(nr uintptr, args ...uintptr) error {
	var p [6]uintptr
	copy(p[:], args)
	if _, _, errno := unix.Syscall6(nr, p[0], p[1], p[2], p[3], p[4], p[5]); errno != 0 {
		return errno
	}
	return nil
}

// texts keeps strings where they are while the kernel reads them.
type texts struct{ kept [][]byte }

func (t *texts) at(s string) uintptr {
	b := append([]byte(s), 0)
	t.kept = append(t.kept, b)
	return uintptr(unsafe.Pointer(&b[0]))
}

// openTreeAttr is open_tree_attr(2): Linux 6.15, with one number on all architectures.
func openTreeAttr(path string, flags uint, attr *unix.MountAttr) (int, error) {
	const number = 467
	b := append([]byte(path), 0)
	cwd := unix.AT_FDCWD
	fd, _, errno := unix.Syscall6(number, uintptr(cwd), uintptr(unsafe.Pointer(&b[0])), uintptr(flags), uintptr(unsafe.Pointer(attr)),
		unsafe.Sizeof(*attr), 0)
	if errno != 0 {
		return -1, errno
	}
	return int(fd), nil
}

// setScheduler is sched_setscheduler(2).
func setScheduler(pid, policy, priority int) error {
	p := int32(priority)
	return raw(unix.SYS_SCHED_SETSCHEDULER, uintptr(pid), uintptr(policy), uintptr(unsafe.Pointer(&p)))
}

// odd makes calls with arguments that no program means.
func odd(r *report) {
	tree(r)
	const bad = 8
	var s texts
	t, source, kind, huge := s.at("t"), s.at("source"), s.at("tmpfs"), strings.Repeat("x", 5000)
	for _, v := range []struct {
		name string
		args []uintptr
	}{
		{"null target", []uintptr{source, 0, kind}}, {"bad target", []uintptr{source, bad, kind}}, {"empty target", []uintptr{source, s.at(""), kind}},
		{"null source", []uintptr{0, t, kind}}, {"bad source", []uintptr{bad, t, kind}}, {"null type", []uintptr{source, t, 0}},
		{"bad type", []uintptr{source, t, bad}}, {"bad data", []uintptr{source, t, kind, 0, bad}},
		{"null source of a bind", []uintptr{0, t, 0, unix.MS_BIND}}, {"empty source of a bind", []uintptr{s.at(""), t, 0, unix.MS_BIND}},
		{"null source of a move", []uintptr{0, t, 0, unix.MS_MOVE}}, {"long type", []uintptr{source, t, s.at(huge)}},
		{"long source", []uintptr{s.at(huge), t, kind}}, {"long target", []uintptr{source, s.at("/" + huge), kind}},
		{"long data", []uintptr{source, t, kind, 0, s.at(huge)}}, {"long name", []uintptr{source, s.at(huge[:300]), kind}},
		{"target under a file", []uintptr{source, s.at("file/x"), kind}}, {"bad target and type", []uintptr{source, s.at("none"), s.at("nosuchfs")}},
		{"every flag", []uintptr{source, t, kind, ^uintptr(0)}}, {"upper flags", []uintptr{source, t, kind, 1 << 40}},
		{"old magic number", []uintptr{source, t, kind, unix.MS_MGC_VAL | unix.MS_NOEXEC}}, {"odd source", []uintptr{s.at("a,b c\n"), t, kind}},
	} {
		r.both(v.name, raw(unix.SYS_MOUNT, append(v.args, make([]uintptr, 5-len(v.args))...)...))
		if unix.Unmount("t", 0) == nil {
			r.say(v.name+", unmounted", "")
		}
	}
	r.err("umount null", raw(unix.SYS_UMOUNT2, 0, 0))
	r.err("umount bad", raw(unix.SYS_UMOUNT2, bad, 0))
	r.err("umount long", raw(unix.SYS_UMOUNT2, s.at("/"+huge), 0))
	cwd := unix.AT_FDCWD
	r.err("move_mount null", raw(unix.SYS_MOVE_MOUNT, uintptr(cwd), 0, uintptr(cwd), t, 0))
	r.err("open_tree bad", raw(unix.SYS_OPEN_TREE, uintptr(cwd), bad, unix.OPEN_TREE_CLONE))
	r.err("mount_setattr bad", raw(unix.SYS_MOUNT_SETATTR, uintptr(cwd), t, 0, bad, 32))
	r.err("mount_setattr short", raw(unix.SYS_MOUNT_SETATTR, uintptr(cwd), t, 0, t, 8))
	r.err("mount_setattr long", raw(unix.SYS_MOUNT_SETATTR, uintptr(cwd), t, 0, t, 1<<20))
	r.err("fsopen bad", raw(unix.SYS_FSOPEN, bad, 0))
	r.err("fsconfig bad", raw(unix.SYS_FSCONFIG, 0, unix.FSCONFIG_SET_FLAG, bad, 0, 0))
	r.err("fspick bad", raw(unix.SYS_FSPICK, uintptr(cwd), bad, 0))
}
