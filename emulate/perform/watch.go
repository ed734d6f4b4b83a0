package perform

import (
	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/emulate"
)

// watchRows are the calls that give a descriptor or a handle a hold on an inode, and those that are judged only: where a process is
// cannot be set from outside, but every later call is judged by where the process really is then.
func watchRows() []row {
	at := flagged(1, 0, 4)
	at[0].kind, at[0].nofollow, at[0].follow = link, 0, unix.AT_SYMLINK_FOLLOW
	return []row{
		{call: "inotify_add_watch", paths: []pathArg{{path: 1, dir: none, kind: object, flags: 2, nofollow: unix.IN_DONT_FOLLOW}}, once: true, do: inotify},
		{call: "fanotify_mark", paths: []pathArg{{path: 4, dir: 3, kind: object, flags: 1, nofollow: unix.FAN_MARK_DONT_FOLLOW, null: true}},
			once: true, do: fanotify},
		{call: "name_to_handle_at", paths: at, raw: []rawArg{{ptr: 2, size: none, fixed: [2]int{8, 8}, most: 8}}, do: handle},
		{call: "chdir", paths: onlyPath(object), checked: true},
		{call: "chroot", paths: onlyPath(object), checked: true},
	}
}

// inotify adds to the target's own instance.
func inotify(o *op) emulate.Result {
	fd, errno := o.descriptor(o.int(0))
	if errno == 0 {
		defer unix.Close(fd)
	}
	mask := o.flags(2)
	if mask&unix.IN_DONT_FOLLOW != 0 {
		mask = mask&^unix.IN_DONT_FOLLOW | unix.IN_IGNORED // without effect, but not nothing, which would be EINVAL
	}
	return result(o.t.call(unix.SYS_INOTIFY_ADD_WATCH, uintptr(fd), o.path(), mask, 0, 0, 0))
}

// fanotify marks for the target's own group. A null path means the descriptor.
func fanotify(o *op) emulate.Result {
	fd, errno := o.descriptor(o.int(0))
	if errno == 0 {
		defer unix.Close(fd)
	}
	flags := o.flags(1) &^ unix.FAN_MARK_DONT_FOLLOW
	dir, path := atCwd, o.path()
	if o.pointer(4) == 0 && o.int(3) == unix.AT_FDCWD {
		path = 0 // which no descriptor is: EBADF
	}
	if o.pins[0].null {
		dir, path = uintptr(o.pins[0].fd), 0
	}
	return result(o.t.call(unix.SYS_FANOTIFY_MARK, uintptr(fd), flags, uintptr(o.arg(2)), dir, path, 0))
}

// maxHandle is MAX_HANDLE_SZ of include/uapi/linux/fcntl.h.
const maxHandle = 128

// handle fills struct file_handle and the mount's id, which is 64 bits wide with AT_HANDLE_MNT_ID_UNIQUE (Linux 6.12).
func handle(o *op) emulate.Result {
	head := o.raws[0].Whole()
	out := o.buffer(8 + maxHandle + 8)
	at := nowhere
	if head != nil {
		clear(out)
		copy(out, head)
		at = int(address(out))
	}
	id := out[8+maxHandle:]
	fd, path, _ := o.attributed(4)
	flags := o.flags(4)
	const connectable = 2 // AT_HANDLE_CONNECTABLE, which an empty path excludes
	switch {
	case o.pins[0].descriptor && fd == atCwd && flags&connectable != 0:
		return emulate.Errno(unix.EINVAL)
	case o.pins[0].descriptor && fd == atCwd:
		flags = flags&^unix.AT_EMPTY_PATH | unix.AT_SYMLINK_FOLLOW
	case fd == atCwd:
		flags |= unix.AT_SYMLINK_FOLLOW
	}
	r, errno := o.t.call(unix.SYS_NAME_TO_HANDLE_AT, fd, path, uintptr(at), address(id), flags, 0)
	if errno != 0 && errno != unix.EOVERFLOW {
		return emulate.Errno(errno)
	}
	size := 8
	if errno == 0 {
		size = 8 + int(o.call.ABI.ByteOrder().Uint32(out))
	}
	const uniqueID = 1
	if flags&uniqueID == 0 {
		id = id[:4]
	}
	return result(r, errno).Write(o.pointer(3), id).Write(o.pointer(2), out[:min(size, 8+maxHandle)])
}
