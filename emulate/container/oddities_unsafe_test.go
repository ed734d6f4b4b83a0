package container

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// An oddKind is what an argument is, and so how it can be wrong.
type oddKind uint8

const (
	plainNumber oddKind = iota
	fdNumber
	textPointer
	flagBits
	structPointer
	structSize
)

// An oddCall is a call with arguments that mean something. Each is made wrong in every way, alone and together with the next.
type oddCall struct {
	name  string
	nr    uintptr
	args  func(f *oddFiles) []uintptr
	kinds []oddKind
}

// oddFiles are descriptors of every kind.
type oddFiles struct {
	named   []namedFD
	attr    unix.MountAttr
	context int
}

type namedFD struct {
	name string
	fd   int
}

func openOddFiles() *oddFiles {
	f := &oddFiles{attr: unix.MountAttr{Attr_set: unix.MOUNT_ATTR_NODEV}}
	add := func(name string, fd int, err error) {
		must(name, err)
		f.named = append(f.named, namedFD{name, fd})
	}
	open := func(name, path string, flags int) {
		fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0)
		add(name, fd, err)
	}
	open("file", "/media/file", unix.O_RDWR)
	open("place of a file", "/media/file", unix.O_PATH)
	open("directory", "/media/a", unix.O_RDONLY)
	open("place of a directory", "/media/a", unix.O_PATH)
	open("place of a link", "/media/link", unix.O_PATH|unix.O_NOFOLLOW)
	open("device", "/dev/null", unix.O_RDWR)
	open("namespace", "/proc/self/ns/mnt", unix.O_RDONLY)
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	add("socket", fd, err)
	fd, err = unix.Eventfd(0, unix.EFD_CLOEXEC)
	add("event", fd, err)
	fd, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	add("epoll", fd, err)
	fd, err = unix.MemfdCreate("odd", unix.MFD_CLOEXEC)
	add("memory", fd, err)
	fd, err = unix.PidfdOpen(os.Getpid(), 0)
	add("process", fd, err)
	var p [2]int
	must("pipe", unix.Pipe2(p[:], unix.O_CLOEXEC))
	f.named = append(f.named, namedFD{"pipe", p[0]}, namedFD{"pipe's other end", p[1]})
	closed, err := unix.Dup(0)
	add("closed", closed, err)
	unix.Close(closed)
	f.context, err = unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)
	add("context", f.context, err)
	return f
}

// wrongs are the ways in which an argument of a kind is wrong.
func (f *oddFiles) wrongs(k oddKind) (list []namedFD) {
	add := func(name string, v uintptr) { list = append(list, namedFD{name, int(v)}) }
	switch k {
	case fdNumber:
		list = append(list, f.named...)
		for _, n := range []int{-1, 999, unix.AT_FDCWD, -1 << 31, 1<<31 - 1} {
			add(fmt.Sprint("number ", n), uintptr(n))
		}
	case textPointer:
		add("null", 0)
		add("low", 8)
		add("beyond", 1<<63)
		add("empty", str(""))
		add("without an end", edge("/media/a"))
		add("long", str(strings.Repeat("/x", 2500)))
		add("4095", str(strings.Repeat("/", 4088)+"media/c"))
		add("4096", str(strings.Repeat("/", 4089)+"media/c"))
		add("long name", str("/media/"+strings.Repeat("n", 256)))
		add("not text", str("\xff\xfe"))
	case flagBits:
		for bit := range 33 {
			add(fmt.Sprint("bit ", bit), 1<<bit)
		}
		add("all", ^uintptr(0))
	case structPointer:
		add("null", 0)
		add("low", 8)
		add("beyond", 1<<63)
		add("at an edge", edge("abc"))
	case structSize:
		for _, n := range []uintptr{0, 1, 31, 33, 40, 4096, 4097, 1 << 16, 1<<16 + 1, 1 << 31, 1 << 32, ^uintptr(0)} {
			add(fmt.Sprint("size ", n), n)
		}
	}
	return list
}

const oddCwd = ^uintptr(99)

func oddCalls() []oddCall {
	fixed := func(args ...uintptr) func(*oddFiles) []uintptr { return func(*oddFiles) []uintptr { return args } }
	path := []oddKind{textPointer}
	xattr := []oddKind{textPointer, textPointer, structPointer, structSize, flagBits}
	return []oddCall{
		{"mount", unix.SYS_MOUNT, fixed(str("x"), str("/media/t"), str("tmpfs"), 0, 0), []oddKind{textPointer, textPointer, textPointer, flagBits, textPointer}},
		{"bind", unix.SYS_MOUNT, fixed(str("/media/a"), str("/media/t"), 0, unix.MS_BIND, 0), []oddKind{textPointer, textPointer, textPointer, plainNumber, textPointer}},
		{"move", unix.SYS_MOUNT, fixed(str("/media/a"), str("/media/t"), 0, unix.MS_MOVE, 0), []oddKind{textPointer, textPointer}},
		{"umount2", unix.SYS_UMOUNT2, fixed(str("/media/d"), 0), []oddKind{textPointer, flagBits}},
		{"fsopen", unix.SYS_FSOPEN, fixed(str("tmpfs"), 0), []oddKind{textPointer, flagBits}},
		{"fsconfig", unix.SYS_FSCONFIG, func(f *oddFiles) []uintptr { return []uintptr{uintptr(f.context), 1, str("size"), str("1m"), 0} },
			[]oddKind{fdNumber, flagBits, textPointer, textPointer, fdNumber}},
		{"fsconfig flag", unix.SYS_FSCONFIG, func(f *oddFiles) []uintptr { return []uintptr{uintptr(f.context), 0, str("nope"), 0, 0} },
			[]oddKind{fdNumber, plainNumber, textPointer, textPointer, fdNumber}},
		{"fsconfig fd", unix.SYS_FSCONFIG, func(f *oddFiles) []uintptr { return []uintptr{uintptr(f.context), 5, str("size"), 0, 0} },
			[]oddKind{fdNumber, plainNumber, textPointer, textPointer, fdNumber}},
		{"fsmount", unix.SYS_FSMOUNT, func(f *oddFiles) []uintptr { return []uintptr{uintptr(f.context), 0, 0} }, []oddKind{fdNumber, flagBits, flagBits}},
		{"fspick", unix.SYS_FSPICK, fixed(oddCwd, str("/media"), 0), []oddKind{fdNumber, textPointer, flagBits}},
		{"open_tree", unix.SYS_OPEN_TREE, fixed(oddCwd, str("/media/a"), 1), []oddKind{fdNumber, textPointer, flagBits}},
		{"move_mount", unix.SYS_MOVE_MOUNT, fixed(oddCwd, str("/media/a"), oddCwd, str("/media/t"), 0), []oddKind{fdNumber, textPointer, fdNumber, textPointer, flagBits}},
		{"move_mount by descriptors", unix.SYS_MOVE_MOUNT, func(f *oddFiles) []uintptr {
			return []uintptr{uintptr(f.named[3].fd), str(""), uintptr(f.named[3].fd), str(""), unix.MOVE_MOUNT_F_EMPTY_PATH | unix.MOVE_MOUNT_T_EMPTY_PATH}
		}, []oddKind{fdNumber, textPointer, fdNumber, textPointer}},
		{"mount_setattr", unix.SYS_MOUNT_SETATTR, func(f *oddFiles) []uintptr {
			return []uintptr{oddCwd, str("/media/d"), 0, uintptr(unsafe.Pointer(&f.attr)), 32}
		}, []oddKind{fdNumber, textPointer, flagBits, structPointer, structSize}},
		{"mknod", unix.SYS_MKNOD, fixed(str("/media/new"), unix.S_IFIFO, 0), []oddKind{textPointer, flagBits, plainNumber}},
		{"mknodat", unix.SYS_MKNODAT, fixed(oddCwd, str("new"), unix.S_IFIFO, 0), []oddKind{fdNumber, textPointer, flagBits}},
		{"setxattr", unix.SYS_SETXATTR, fixed(str("/media/file"), str("user.x"), str("v"), 1, 0), xattr},
		{"lsetxattr", unix.SYS_LSETXATTR, fixed(str("/media/link"), str("user.x"), str("v"), 1, 0), xattr},
		{"fsetxattr", unix.SYS_FSETXATTR, func(f *oddFiles) []uintptr { return []uintptr{uintptr(f.named[0].fd), str("user.x"), str("v"), 1, 0} },
			[]oddKind{fdNumber, textPointer, structPointer, structSize, flagBits}},
		{"getxattr", unix.SYS_GETXATTR, fixed(str("/media/file"), str("user.x"), str("room for it"), 8), []oddKind{textPointer, textPointer, structPointer, structSize}},
		{"fgetxattr", unix.SYS_FGETXATTR, func(f *oddFiles) []uintptr {
			return []uintptr{uintptr(f.named[0].fd), str("user.x"), str("room for it"), 8}
		},
			[]oddKind{fdNumber, textPointer, structPointer, structSize}},
		{"listxattr", unix.SYS_LISTXATTR, fixed(str("/media/file"), str(strings.Repeat("r", 100)), 100), []oddKind{textPointer, structPointer, structSize}},
		{"flistxattr", unix.SYS_FLISTXATTR, func(f *oddFiles) []uintptr {
			return []uintptr{uintptr(f.named[0].fd), str(strings.Repeat("r", 100)), 100}
		},
			[]oddKind{fdNumber, structPointer, structSize}},
		{"removexattr", unix.SYS_REMOVEXATTR, fixed(str("/media/file"), str("user.y")), []oddKind{textPointer, textPointer}},
		{"fremovexattr", unix.SYS_FREMOVEXATTR, func(f *oddFiles) []uintptr { return []uintptr{uintptr(f.named[0].fd), str("user.y")} }, []oddKind{fdNumber, textPointer}},
		{"chown", unix.SYS_CHOWN, fixed(str("/media/file"), 0, 0), path},
		{"fchown", unix.SYS_FCHOWN, func(f *oddFiles) []uintptr { return []uintptr{uintptr(f.named[0].fd), 0, 0} }, []oddKind{fdNumber}},
		{"fchownat", unix.SYS_FCHOWNAT, fixed(oddCwd, str("/media/file"), 0, 0, 0), []oddKind{fdNumber, textPointer, plainNumber, plainNumber, flagBits}},
	}
}

// oddities makes every call with every mistake, and with every two mistakes in a row.
func oddities(c *container) {
	must("chdir", unix.Chdir("/media"))
	f := openOddFiles()
	for _, call := range oddCalls() {
		good := call.args(f)
		try := func(name string, args []uintptr) {
			r, err := rawFD(call.nr, args...)
			c.err(call.name+": "+name, err)
			if err == nil && r > 2 && strings.HasPrefix(call.name, "fs") || err == nil && call.name == "open_tree" {
				unix.Close(r)
			}
			unix.Unlink("/media/new")                 //nolint:errcheck // it may not be there
			unix.Unmount("/media/t", unix.MNT_DETACH) //nolint:errcheck // the same
		}
		for i, kind := range call.kinds {
			for n, wrong := range f.wrongs(kind) {
				args := append([]uintptr(nil), good...)
				args[i] = uintptr(wrong.fd)
				try(fmt.Sprint(i, " ", wrong.name), args)
				if i+1 >= len(call.kinds) || call.kinds[i+1] == plainNumber {
					continue
				}
				next := f.wrongs(call.kinds[i+1])
				second := next[n%len(next)]
				args[i+1] = uintptr(second.fd)
				try(fmt.Sprint(i, " ", wrong.name, " and ", second.name), args)
			}
		}
	}
	c.mounts("left")
}

// oddlyAnswered are mistakes with another answer.
func oddlyAnswered() map[string]string {
	const cwd = "Linux 6.13 and later take AT_FDCWD for a descriptor here, and mean the working directory (path_setxattrat() of fs/xattr.c)"
	return map[string]string{
		"fsconfig: 1 bit 2":        "a path is looked up before the kernel sees that the option takes none",
		"fsetxattr: 0 number -100": cwd,
		"fgetxattr: 0 number -100": cwd,
	}
}

// TestOddities: each mistake, and each two mistakes, have the kernel's own errno.
func TestOddities(t *testing.T) {
	needRoot(t)
	for _, p := range []plan{{}, {User: true}} {
		p.Scenario = "oddities"
		list := native(t, p)
		p.Drop = true
		odd := func(r report) bool { return oddlyAnswered()[r.Step] != "" }
		same(t, slices.DeleteFunc(slices.Clone(list), odd), slices.DeleteFunc(supervised(t, p, supervision{}), odd))
		errnos := map[string]bool{}
		for _, r := range list {
			errnos[r.Result] = true
		}
		t.Logf("user namespace %v: %d calls, %d results", p.User, len(list), len(errnos))
		if len(list) < 900 || len(errnos) < 10 {
			t.Errorf("only %d calls and %d results", len(list), len(errnos))
		}
	}
}
