package perform

import (
	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/emulate"
)

// nameRows are the calls that make, remove and replace names.
func nameRows() []row {
	return []row{
		{call: "mkdir", paths: onlyPath(name), once: true, do: mkdir(1)},
		{call: "mkdirat", paths: atPath(name), once: true, do: mkdir(2)},
		{call: "mknod", paths: onlyPath(name), once: true, do: mknod(1, 2)},
		{call: "mknodat", paths: atPath(name), once: true, do: mknod(2, 3)},
		{call: "unlink", paths: onlyPath(name), once: true, do: unlink(none, 0)},
		{call: "rmdir", paths: onlyPath(name), once: true, do: unlink(none, unix.AT_REMOVEDIR)},
		{call: "unlinkat", paths: atPath(name), once: true, do: unlink(2, 0)},
		{call: "rename", paths: twoNames(0, none, 1, none), once: true, do: rename(none)},
		{call: "renameat", paths: twoNames(1, 0, 3, 2), once: true, do: rename(none)},
		{call: "renameat2", paths: twoNames(1, 0, 3, 2), once: true, do: rename(4)},
		{call: "link", paths: linkPaths(0, none, 1, none, none), once: true, do: linkat(none)},
		{call: "linkat", paths: linkPaths(1, 0, 3, 2, 4), once: true, do: linkat(4)},
		{call: "symlink", paths: []pathArg{{path: 1, dir: none, kind: name, flags: none}}, once: true, do: symlink},
		{call: "symlinkat", paths: []pathArg{{path: 2, dir: 1, kind: name, flags: none}}, once: true, do: symlink},
		{call: "readlink", paths: onlyPath(link), do: readlink(1, 2)},
		{call: "readlinkat", paths: []pathArg{{path: 1, dir: 0, kind: link, flags: none, link: true}}, do: readlink(2, 3)},
	}
}

func twoNames(old, oldDir, new, newDir int) []pathArg {
	return []pathArg{{path: old, dir: oldDir, kind: name, flags: none}, {path: new, dir: newDir, kind: name, flags: none}}
}

func linkPaths(old, oldDir, new, newDir, flags int) []pathArg {
	return []pathArg{{path: old, dir: oldDir, kind: link, flags: flags, follow: unix.AT_SYMLINK_FOLLOW, empty: emptyIf(flags)},
		{path: new, dir: newDir, kind: name, flags: none}}
}

// emptyIf is AT_EMPTY_PATH for calls that have flags.
func emptyIf(flags int) uint64 {
	if flags == none {
		return 0
	}
	return unix.AT_EMPTY_PATH
}

// at is where a name is to be: its directory's descriptor and itself, or what fails as the target's own would.
func (o *op) at(i int) (dir, name uintptr) {
	p := &o.pins[i]
	if p.unusable {
		return ^uintptr(0), address(o.t.long[:])
	}
	return uintptr(p.fd), address(p.name)
}

func mkdir(mode int) func(o *op) emulate.Result {
	return func(o *op) emulate.Result {
		o.t.mask(o.view.umask)
		dir, name := o.at(0)
		return result(o.t.call(unix.SYS_MKDIRAT, dir, name, o.flags(mode), 0, 0, 0))
	}
}

func mknod(mode, dev int) func(o *op) emulate.Result {
	return func(o *op) emulate.Result {
		st := unix.Statx_t{Mode: uint16(o.arg(mode)), Rdev_major: unix.Major(uint64(uint32(o.reg(dev))))}
		if whiteout := uint32(o.reg(dev)) == 0; !o.pins[0].unusable && !whiteout && o.refusesDevice(&st) {
			return emulate.Errno(unix.EPERM)
		}
		o.t.mask(o.view.umask)
		dir, name := o.at(0)
		return result(o.t.call(unix.SYS_MKNODAT, dir, name, o.flags(mode), uintptr(uint32(o.reg(dev))), 0, 0))
	}
}

func unlink(flags int, fixed uintptr) func(o *op) emulate.Result {
	return func(o *op) emulate.Result {
		dir, name := o.at(0)
		return result(o.t.call(unix.SYS_UNLINKAT, dir, name, o.flags(flags)|fixed, 0, 0, 0))
	}
}

func rename(flags int) func(o *op) emulate.Result {
	return func(o *op) emulate.Result {
		oldDir, oldName := o.at(0)
		newDir, newName := o.at(1)
		return result(o.t.call(unix.SYS_RENAMEAT2, oldDir, oldName, newDir, newName, o.flags(flags), 0))
	}
}

// linkat links the object that is held. The path of its descriptor, followed, leads to it even if it is a symbolic link.
func linkat(flags int) func(o *op) emulate.Result {
	return func(o *op) emulate.Result {
		old := address(o.t.held(o.pins[0].fd))
		if o.pins[0].unusable {
			old = address(o.t.long[:])
		}
		newDir, newName := o.at(1)
		return result(o.t.call(unix.SYS_LINKAT, atCwd, old, newDir, newName, o.flags(flags)&^unix.AT_EMPTY_PATH|unix.AT_SYMLINK_FOLLOW, 0))
	}
}

// atCwd is AT_FDCWD in a register.
const atCwd = ^uintptr(99)

func symlink(o *op) emulate.Result {
	dir, name := o.at(0)
	return result(o.t.call(unix.SYS_SYMLINKAT, address(o.text(0, 1)), dir, name, 0, 0, 0))
}

// maxLink is more than any link holds: a page.
const maxLink = 4096

func readlink(buf, size int) func(o *op) emulate.Result {
	return func(o *op) emulate.Result {
		pin, n := &o.pins[0], o.int(size)
		if n > 0 && pin.state == held && pin.stat.Mode&unix.S_IFMT != unix.S_IFLNK && !pin.descriptor {
			return emulate.Errno(unix.EINVAL)
		}
		out := o.buffer(min(max(n, 1), maxLink))
		fd, path := uintptr(pin.fd), address(o.t.empty[:])
		if pin.unusable {
			fd, path = ^uintptr(0), address(o.t.long[:])
		}
		r, errno := o.t.call(unix.SYS_READLINKAT, fd, path, address(out), uintptr(uint32(min(n, maxLink))), 0, 0)
		if n > 0 && pin.text != nil {
			r, errno = uintptr(copy(out[:min(n, len(out))], pin.text)), 0
		}
		if errno != 0 {
			return emulate.Errno(errno)
		}
		return emulate.Return(int64(r)).Write(o.pointer(buf), out[:r])
	}
}
