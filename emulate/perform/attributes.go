package perform

import (
	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/emulate"
)

// attributeRows are the calls that change what an inode says of itself.
func attributeRows() []row {
	return []row{
		{call: "chmod", paths: onlyPath(object), do: chmod(1, none)},
		{call: "fchmodat", paths: atPath(object), do: chmod(2, none)},
		{call: "fchmodat2", paths: flagged(1, 0, 3), do: chmod(2, 3)},
		{call: "chown", paths: onlyPath(object), do: chown(1, none)},
		{call: "lchown", paths: onlyPath(link), do: chown(1, none)},
		{call: "chown32", paths: onlyPath(object), do: chown(1, none)},
		{call: "lchown32", paths: onlyPath(link), do: chown(1, none)},
		{call: "fchownat", paths: flagged(1, 0, 4), do: chown(2, 4)},
		{call: "truncate", paths: onlyPath(object), do: truncate},
		{call: "truncate64", paths: onlyPath(object), do: truncate},
		{call: "utime", paths: onlyPath(object), raw: times(1, 16, 8), do: utimes(1, none, seconds)},
		{call: "utimes", paths: onlyPath(object), raw: times(1, 32, 16), do: utimes(1, none, microseconds)},
		{call: "futimesat", paths: nullable(none), raw: times(2, 32, 16), do: utimes(2, none, microseconds)},
		{call: "utimensat", paths: nullable(3), raw: times(2, 32, 16), do: utimes(2, 3, nanoseconds)},
		{call: "utimensat_time64", paths: nullable(3), raw: times(2, 32, 32), do: utimes(2, 3, nanoseconds)},
		{call: "file_setattr", paths: maybeNull(1, 0, 4), raw: []rawArg{{ptr: 2, size: 3, most: 4096}}, do: setattr},
	}
}

// flagged is a call with a descriptor, a path and AT_* flags.
func flagged(path, dir, flags int) []pathArg {
	return []pathArg{{path: path, dir: dir, kind: object, flags: flags, nofollow: unix.AT_SYMLINK_NOFOLLOW, empty: unix.AT_EMPTY_PATH}}
}

// nullable is one whose path may be null.
func nullable(flags int) []pathArg {
	return []pathArg{{path: 1, dir: 0, kind: object, flags: flags, nofollow: unix.AT_SYMLINK_NOFOLLOW, empty: emptyIf(flags), null: true}}
}

// object is the held object as a descriptor with an empty path, for calls that take AT_EMPTY_PATH.
func (o *op) object() (fd, path uintptr) {
	if o.pins[0].unusable {
		return ^uintptr(0), address(o.t.long[:])
	}
	return uintptr(o.pins[0].fd), address(o.t.empty[:])
}

// path is the held object as a path, to be followed, for calls that take nothing else.
func (o *op) path() uintptr {
	if o.pins[0].unusable {
		return address(o.t.long[:])
	}
	return address(o.t.held(o.pins[0].fd))
}

// atFlags are a call's AT_* flags for use on what is held. A call without flags takes those of its kind.
func (o *op) atFlags(i int) uintptr {
	if i == none {
		return 0
	}
	return o.flags(i)
}

// chmod of a symbolic link itself is what fchmodat2 says of it.
func chmod(mode, flags int) func(o *op) emulate.Result {
	return func(o *op) emulate.Result {
		if flags != none {
			fd, path := o.object()
			return result(o.t.call(unix.SYS_FCHMODAT2, fd, path, o.flags(mode), o.flags(flags)|unix.AT_EMPTY_PATH, 0, 0))
		}
		return result(o.t.call(unix.SYS_FCHMODAT, atCwd, o.path(), o.flags(mode), 0, 0, 0))
	}
}

func chown(owner, flags int) func(o *op) emulate.Result {
	return func(o *op) emulate.Result {
		fd, path := o.object()
		uid, gid := o.id(owner), o.id(owner+1)
		return result(o.t.call(unix.SYS_FCHOWNAT, fd, path, uid, gid, o.atFlags(flags)|unix.AT_EMPTY_PATH, 0))
	}
}

// id is a user or group id; of 16 bits, all ones means the same as of 32: leave it.
func (o *op) id(i int) uintptr {
	v := uint32(o.arg(i))
	if o.call.Sig.Params[i].Width == 2 && uint16(v) == 0xffff {
		v = ^uint32(0)
	}
	return uintptr(v)
}

func truncate(o *op) emulate.Result {
	length := o.arg(1)
	if o.call.Name == "truncate" && o.call.ABI.Word() == 4 {
		length = uint64(int64(int32(length)))
	}
	if o.pins[0].state == held && int64(length) >= 0 && o.overLimit(length) {
		return o.tooLong()
	}
	return result(o.t.call(unix.SYS_TRUNCATE, o.path(), uintptr(length), 0, 0, 0, 0))
}

// times is an array of two times, of these sizes on 64-bit and 32-bit ABIs.
func times(ptr, wide, narrow int) []rawArg {
	return []rawArg{{ptr: ptr, size: none, fixed: [2]int{wide, narrow}, most: 32}}
}

// A unit of the second half of a time.
type unit uint8

const (
	seconds unit = iota // there is none
	microseconds
	nanoseconds
)

// utimes sets times as utimensat(2) does.
func utimes(ptr, flags int, u unit) func(o *op) emulate.Result {
	return func(o *op) emulate.Result {
		t, bad := o.times(ptr, u)
		if bad != 0 {
			return emulate.Errno(bad)
		}
		fd, path := o.object()
		at := o.atFlags(flags) | unix.AT_EMPTY_PATH
		if o.pins[0].null { // of which the kernel asks more than of an empty one
			path, at = 0, o.atFlags(flags)
		}
		return result(o.t.call(unix.SYS_UTIMENSAT, fd, path, t, at, 0, 0))
	}
}

func setattr(o *op) emulate.Result {
	fd, path, flags := o.attributed(4)
	return result(o.t.call(sysFileSetattr, fd, path, address(o.raws[0].Whole()), uintptr(o.raws[0].Size), flags, 0))
}

// file_getattr and file_setattr have the same number everywhere: Linux 6.17.
const (
	sysFileGetattr = 468
	sysFileSetattr = 469
)
