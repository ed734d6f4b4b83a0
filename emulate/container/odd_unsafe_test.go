package container

import (
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// raw makes a system call with arguments as they are.
func raw(nr uintptr, args ...uintptr) error {
	var p [6]uintptr
	copy(p[:], args)
	_, _, errno := unix.Syscall6(nr, p[0], p[1], p[2], p[3], p[4], p[5])
	if errno != 0 {
		return errno
	}
	return nil
}

// str is a string that stays where it is.
func str(s string) uintptr {
	b := append([]byte(s), 0)
	kept = append(kept, b)
	return uintptr(unsafe.Pointer(&b[0]))
}

var kept [][]byte

// address is memory that stays where it is.
func address(b []byte) uintptr {
	kept = append(kept, b)
	return uintptr(unsafe.Pointer(unsafe.SliceData(b)))
}

// edge is a string without an end, before memory that is not there.
func edge(s string) uintptr {
	mem, err := unix.Mmap(-1, 0, 8192, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	must("mmap", err)
	must("munmap", unix.Mprotect(mem[4096:], unix.PROT_NONE))
	copy(mem[4096-len(s):], s)
	return uintptr(unsafe.Pointer(&mem[4096-len(s)]))
}

func mountOdd(c *container) {
	const bad = 8
	t, src, kind := str("/media/t"), str("src"), str("tmpfs")
	huge := strings.Repeat("x", 5000)
	for _, s := range []struct {
		name string
		args []uintptr
	}{
		{"null target", []uintptr{src, 0, kind, 0, 0}}, {"bad target", []uintptr{src, bad, kind, 0, 0}},
		{"empty target", []uintptr{src, str(""), kind, 0, 0}}, {"null source", []uintptr{0, t, kind, 0, 0}},
		{"bad source", []uintptr{bad, t, kind, 0, 0}}, {"null type", []uintptr{src, t, 0, 0, 0}},
		{"bad type", []uintptr{src, t, bad, 0, 0}}, {"bad type of a bind", []uintptr{str("/media/a"), t, bad, unix.MS_BIND, 0}},
		{"bad data", []uintptr{src, t, kind, 0, bad}}, {"bad data of a bind", []uintptr{str("/media/a"), t, 0, unix.MS_BIND, bad}},
		{"null source of a bind", []uintptr{0, t, 0, unix.MS_BIND, 0}}, {"empty source of a bind", []uintptr{str(""), t, 0, unix.MS_BIND, 0}},
		{"null source of a move", []uintptr{0, t, 0, unix.MS_MOVE, 0}}, {"no source of a bind", []uintptr{str("/media/none"), t, 0, unix.MS_BIND, 0}},
		{"long type", []uintptr{src, t, str(huge), 0, 0}}, {"long source", []uintptr{str(huge), t, kind, 0, 0}},
		{"long source of a bind", []uintptr{str("/" + huge), t, 0, unix.MS_BIND, 0}},
		{"long target", []uintptr{src, str("/" + huge), kind, 0, 0}}, {"long data", []uintptr{src, t, kind, 0, str(huge)}},
		{"long name in target", []uintptr{src, str("/media/" + huge[:300]), kind, 0, 0}},
		{"long data with an end", []uintptr{src, t, kind, 0, str("size=1m," + strings.Repeat(",", 4080) + "nr_inodes=7")}},
		{"target at an edge", []uintptr{src, edge("/media/t"), kind, 0, 0}}, {"type at an edge", []uintptr{src, t, edge("tmpfs"), 0, 0}},
		{"data at an edge", []uintptr{src, t, kind, 0, edge("size=1m,mode=70")}},
		{"no target", []uintptr{src, str("/media/none"), kind, 0, 0}}, {"target under a file", []uintptr{src, str("/media/file/x"), kind, 0, 0}},
		{"target is a loop", []uintptr{src, str("/media/loop"), kind, 0, 0}}, {"target is a file", []uintptr{src, str("/media/file"), kind, 0, 0}},
		{"target through a file", []uintptr{src, str("/media/notdir"), kind, 0, 0}},
		{"bad target and type", []uintptr{src, str("/media/none"), str("nosuchfs"), 0, 0}},
		{"bad target and source", []uintptr{str("/media/no"), str("/media/none/x"), 0, unix.MS_BIND, 0}},
		{"bad type and source", []uintptr{bad, t, bad, 0, bad}}, {"MS_NOUSER", []uintptr{src, t, kind, 1 << 31, 0}},
		{"MS_NOUSER, no target", []uintptr{src, str("/media/none"), kind, 1 << 31, 0}},
		{"all flags", []uintptr{src, t, kind, ^uintptr(0), 0}}, {"upper flags", []uintptr{src, t, kind, 1 << 40, 0}},
		{"propagation with nosuid", []uintptr{0, t, 0, unix.MS_PRIVATE | unix.MS_NOSUID, 0}},
		{"remount", []uintptr{0, t, 0, unix.MS_REMOUNT | unix.MS_NOSUID, str("size=2m")}},
		{"remount with an unknown option", []uintptr{0, t, 0, unix.MS_REMOUNT, str("nope=1")}},
		{"newline in data", []uintptr{src, t, kind, 0, str("size=1m\nmode=7")}},
		{"comma in source", []uintptr{str("a,b c\n"), t, kind, 0, 0}},
	} {
		c.err(s.name, raw(unix.SYS_MOUNT, s.args...))
		c.mounts("after " + s.name)
	}
	for _, s := range []struct {
		name string
		args []uintptr
	}{
		{"umount null", []uintptr{0, 0}}, {"umount bad", []uintptr{bad, 0}}, {"umount empty", []uintptr{str(""), 0}},
		{"umount none", []uintptr{str("/media/none"), 0}}, {"umount flags", []uintptr{t, 0x100}}, {"umount none, flags", []uintptr{str("/media/none"), 0x100}},
		{"umount null, flags", []uintptr{0, 0x10}}, {"umount root", []uintptr{str("/media/.."), unix.MNT_EXPIRE | unix.MNT_DETACH}},
		{"umount loop", []uintptr{str("/media/loop"), 0}}, {"umount file", []uintptr{str("/media/file"), 0}},
		{"umount long", []uintptr{str("/" + huge), 0}}, {"umount edge", []uintptr{edge("/media/t"), 0}},
		{"umount expire and force", []uintptr{t, unix.MNT_EXPIRE | unix.MNT_FORCE}},
		{"umount upper flags", []uintptr{t, 1 << 32}},
	} {
		c.err(s.name, raw(unix.SYS_UMOUNT2, s.args...))
	}
	c.mounts("at the end")
}

// scheduler is sched_setscheduler(2).
func scheduler(pid, policy int, param []byte) error {
	at := uintptr(0)
	if param != nil {
		at = uintptr(unsafe.Pointer(&param[0]))
	}
	return raw(unix.SYS_SCHED_SETSCHEDULER, uintptr(pid), uintptr(policy), at)
}
