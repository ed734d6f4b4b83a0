package perform

import (
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/emulate"
)

// xattrRows are the calls on extended attributes (xattr(7)).
func xattrRows() []row {
	value := []rawArg{{ptr: 2, size: 3, most: maxRaw}}
	args := []rawArg{{ptr: 4, size: 5, most: 4096}, {inside: true, most: maxRaw}}
	return []row{
		{call: "setxattr", paths: onlyPath(object), raw: value, once: true, do: setxattr},
		{call: "lsetxattr", paths: onlyPath(link), raw: value, once: true, do: setxattr},
		{call: "getxattr", paths: onlyPath(object), do: getxattr},
		{call: "lgetxattr", paths: onlyPath(link), do: getxattr},
		{call: "listxattr", paths: onlyPath(object), do: listxattr(1, 2)},
		{call: "llistxattr", paths: onlyPath(link), do: listxattr(1, 2)},
		{call: "removexattr", paths: onlyPath(object), once: true, do: removexattr(1)},
		{call: "lremovexattr", paths: onlyPath(link), once: true, do: removexattr(1)},
		{call: "setxattrat", paths: maybeNull(1, 0, 2), raw: args, once: true, do: setxattrat},
		{call: "getxattrat", paths: maybeNull(1, 0, 2), raw: args, do: getxattrat},
		{call: "listxattrat", paths: maybeNull(1, 0, 2), do: listxattrat},
		{call: "removexattrat", paths: maybeNull(1, 0, 2), once: true, do: removexattrat},
	}
}

func setxattr(o *op) emulate.Result {
	value := &o.raws[0]
	p := address(value.Whole())
	if value.Size == 0 {
		p = 0
	}
	return result(o.t.call(unix.SYS_SETXATTR, o.path(), address(o.text(1, 2)), p, uintptr(value.Size), o.flags(4), 0))
}

// maxXattr is XATTR_SIZE_MAX and XATTR_LIST_MAX of include/uapi/linux/limits.h.
const maxXattr = 64 << 10

// room is memory for an answer of the size that the target asks for; the kernel takes no more than it can need.
func (o *op) room(size uint64) ([]byte, uintptr) {
	if size == 0 {
		return nil, 0
	}
	out := o.buffer(int(min(size, maxXattr)))
	return out, uintptr(len(out))
}

func getxattr(o *op) emulate.Result {
	out, size := o.room(o.size(3))
	r, errno := o.t.call(unix.SYS_GETXATTR, o.path(), address(o.text(1, 2)), address(out), size, 0, 0)
	return o.filled(r, errno, 2, out)
}

// size is a size_t of the target.
func (o *op) size(i int) uint64 {
	if o.call.ABI.Word() == 4 {
		return uint64(uint32(o.arg(i)))
	}
	return o.arg(i)
}

func listxattr(list, size int) func(o *op) emulate.Result {
	return func(o *op) emulate.Result {
		out, n := o.room(o.size(size))
		r, errno := o.t.call(unix.SYS_LISTXATTR, o.path(), address(out), n, 0, 0, 0)
		return o.filled(r, errno, list, out)
	}
}

func removexattr(name int) func(o *op) emulate.Result {
	return func(o *op) emulate.Result {
		return result(o.t.call(unix.SYS_REMOVEXATTR, o.path(), address(o.text(name, 2)), 0, 0, 0, 0))
	}
}

// The *at forms have the same numbers everywhere: Linux 6.13.
const (
	sysSetxattrat    = 463
	sysGetxattrat    = 464
	sysListxattrat   = 465
	sysRemovexattrat = 466
)

// attributed is what is held as a path, for calls that do not take a descriptor of O_PATH with an empty one; and a descriptor that
// the target gave so as it is. i is the position of the flags.
func (o *op) attributed(i int) (fd, path, flags uintptr) {
	if o.pins[0].descriptor && o.int(o.row.paths[0].dir) != unix.AT_FDCWD || o.pins[0].unusable {
		fd, path = o.object()
		return fd, path, o.flags(i)
	}
	return atCwd, o.path(), o.flags(i) &^ (unix.AT_SYMLINK_NOFOLLOW | unix.AT_EMPTY_PATH)
}

func setxattrat(o *op) emulate.Result {
	value := &o.raws[1]
	p := address(value.Whole())
	if value.Size == 0 {
		p = 0
	}
	fd, path, flags := o.attributed(2)
	return result(o.t.call(sysSetxattrat, fd, path, flags, address(o.text(3, 2)), o.xattrArgs(p), uintptr(o.raws[0].Size)))
}

func getxattrat(o *op) emulate.Result {
	out, n := o.room(o.raws[1].Size)
	fd, path, flags := o.attributed(2)
	args := o.xattrArgs(address(out))
	if n == 0 && args != nowhere {
		args = o.xattrArgs(0)
	}
	r, errno := o.t.call(sysGetxattrat, fd, path, flags, address(o.text(3, 2)), args, uintptr(o.raws[0].Size))
	if errno != 0 {
		return emulate.Errno(errno)
	}
	res := emulate.Return(int64(r))
	if n > 0 && r > 0 {
		res = res.Write(o.raws[1].Addr, out[:r])
	}
	return res
}

// xattrArgs is struct xattr_args (include/uapi/linux/xattr.h) with a value of ours.
func (o *op) xattrArgs(value uintptr) uintptr {
	b := o.raws[0].Whole()
	if len(b) >= 8 {
		o.call.ABI.ByteOrder().PutUint64(b, uint64(value))
	}
	return address(b)
}

// cwdRefuses asks the kernel about the working directory by an empty path, which it knows for some of these calls only
// (path_listxattrat of fs/xattr.c, Linux 6.13 to 7.3).
func (o *op) cwdRefuses(nr, flags uintptr) bool {
	if !o.pins[0].descriptor || o.int(o.row.paths[0].dir) != unix.AT_FDCWD {
		return false
	}
	_, errno := o.t.call(nr, atCwd, address(o.t.empty[:]), flags, nowhere, 0, 0)
	return errno == unix.EBADF
}

func listxattrat(o *op) emulate.Result {
	if o.cwdRefuses(sysListxattrat, o.flags(2)) {
		return emulate.Errno(unix.EBADF)
	}
	fd, path, flags := o.attributed(2)
	out, n := o.room(o.size(4))
	r, errno := o.t.call(sysListxattrat, fd, path, flags, address(out), n, 0)
	return o.filled(r, errno, 3, out)
}

func removexattrat(o *op) emulate.Result {
	if o.cwdRefuses(sysListxattrat, o.flags(2)) {
		return emulate.Errno(unix.EBADF)
	}
	fd, path, flags := o.attributed(2)
	return result(o.t.call(sysRemovexattrat, fd, path, flags, address(o.text(3, 2)), 0, 0))
}

// filled gives the target what the kernel put into out.
func (o *op) filled(r uintptr, errno syscall.Errno, param int, out []byte) emulate.Result {
	if errno != 0 {
		return emulate.Errno(errno)
	}
	res := emulate.Return(int64(r))
	if len(out) > 0 && r > 0 {
		res = res.Write(o.pointer(param), out[:r])
	}
	return res
}
