package fakeroot

import (
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/emulate"
	"github.com/stead-project/stead/emulate/perform"
	"github.com/stead-project/stead/unotify"
)

// A fileRow says how a call on files is carried out; without do, as it is, and what it tells is amended.
type fileRow struct {
	call string
	note string
	do   func(f *Family, h perform.Held) emulate.Result
}

func fileRows() []fileRow {
	const statNote = "what is not written down belongs to root"
	const chmodNote = "the file itself stays readable and writable for its owner, and gets no set-id bits"
	const nodeNote = "a device is an empty file that the stat calls say is one"
	var rows []fileRow
	for _, call := range [...]string{"stat", "lstat", "newfstatat", "stat64", "lstat64", "fstatat64", "oldstat", "oldlstat", "statx",
		"fstat", "fstat64", "oldfstat"} {
		rows = append(rows, fileRow{call: call, note: statNote})
	}
	rows = append(rows, []fileRow{
		{call: "chown", do: chown(1)}, {call: "lchown", do: chown(1)}, {call: "fchown", do: chown(1)}, {call: "fchownat", do: chown(2)},
		{call: "chown32", do: chown(1)}, {call: "lchown32", do: chown(1)}, {call: "fchown32", do: chown(1)},
		{call: "chmod", do: chmod(1), note: chmodNote}, {call: "fchmod", do: chmod(1), note: chmodNote},
		{call: "fchmodat", do: chmod(2), note: chmodNote}, {call: "fchmodat2", do: chmod(2), note: chmodNote},
		{call: "mkdir", do: mkdir(1), note: chmodNote}, {call: "mkdirat", do: mkdir(2), note: chmodNote},
		{call: "mknod", do: mknod(1), note: nodeNote}, {call: "mknodat", do: mknod(2), note: nodeNote},
		{call: "unlink", do: unlink}, {call: "unlinkat", do: unlink}, {call: "rmdir", do: unlink},
		{call: "rename", do: rename(none)}, {call: "renameat", do: rename(none)}, {call: "renameat2", do: rename(4)},
	}...)
	return append(rows, xattrRows()...)
}

// none is no position.
const none = -1

// A subject is what the first path leads to, as who asks has it.
type subject struct {
	is    unix.Statx_t // really
	shown unix.Statx_t // what it is taken for
	who   creds        // the caller
	owner unotify.IDs  // whose it is for the caller: Real is the user, Effective the group
}

// subject looks at what a call is about. A file of which no owner is written down may be one that the caller has made itself, since it has
// dropped root: what opening makes is not written down. So it is anybody's.
func (f *Family) subject(h perform.Held) (s subject) {
	s.is, _ = h.Stat(0)
	s.shown, s.who = s.is, f.crowd.of(h.Who())
	if f.shelf.look(&s.shown) {
		s.owner.Real, s.owner.Effective = s.shown.Uid, s.shown.Gid
	} else {
		s.owner.Real, s.owner.Effective = s.who.uid.FS, s.who.gid.FS
	}
	return s
}

// owns is inode_owner_or_capable() of fs/inode.c.
func (s *subject) owns() bool { return s.who.uid.FS == s.owner.Real || s.who.can(unix.CAP_FOWNER) }

// keepsGroupBit says whether S_ISGID may be set: in_group_or_capable() of fs/inode.c.
func (s *subject) keepsGroupBit() bool {
	return s.who.in(s.owner.Effective) || s.who.can(unix.CAP_FSETID)
}

// mayChown is chown_ok() and chgrp_ok() of fs/attr.c.
func (s *subject) mayChown(uid, gid uint32) bool {
	if s.who.can(unix.CAP_CHOWN) {
		return true
	}
	owner := s.who.uid.FS == s.owner.Real
	return (uid == unchanged || owner && uid == s.owner.Real) && (gid == unchanged || owner && (s.who.in(gid) || gid == s.owner.Effective))
}

// idArg is an id among the arguments: of 16 bits, all ones mean the same as of 32 (low2highuid() of include/linux/highuid.h).
func idArg(c *arch.Call, i int) uint32 {
	v := uint32(c.Args[i].Raw)
	if c.Sig.Params[i].Width != 2 {
		return v
	}
	if uint16(v) == 0xffff {
		return unchanged
	}
	return uint32(uint16(v))
}

// chown asks the kernel to change nothing, which says whether the file could be changed at all (chown_common() of fs/open.c), and writes
// the owner down. i is the position of the owner.
func chown(i int) func(f *Family, h perform.Held) emulate.Result {
	return func(f *Family, h perform.Held) emulate.Result {
		uid, gid := idArg(h.Call(), i), idArg(h.Call(), i+1)
		r := h.Do(perform.Change{Param: i, Value: uint64(unchanged)}, perform.Change{Param: i + 1, Value: uint64(unchanged)})
		if errno, failed := r.Failed(); failed && errno != unix.EPERM {
			return r
		}
		s := f.subject(h)
		if !s.mayChown(uid, gid) || s.setID() != 0 && !s.owns() { // to take the bits away is to change the mode
			return emulate.Errno(unix.EPERM)
		}
		return emulate.Errno(f.shelf.change(&s.is, func(to *file) syscall.Errno {
			to.own(&s.shown, uid, gid)
			to.dropSetID(&s)
			return 0
		}))
	}
}

// own gives the file an owner and a group.
func (to *file) own(shown *unix.Statx_t, uid, gid uint32) {
	if uid == unchanged {
		uid = shown.Uid
	}
	if gid == unchanged {
		gid = shown.Gid
	}
	to.owned, to.uid, to.gid = true, uid, gid
}

// setID is what of the mode of a file that changes hands would give whoever executes it what was its owner's: it goes, as
// setattr_should_drop_suidgid() of fs/inode.c has it.
func (s *subject) setID() uint16 {
	if s.shown.Mode&unix.S_IFMT == unix.S_IFDIR {
		return 0
	}
	drop := uint16(unix.S_ISUID)
	if s.shown.Mode&unix.S_IXGRP != 0 || !s.keepsGroupBit() {
		drop |= unix.S_ISGID
	}
	return s.shown.Mode & drop
}

// dropSetID takes that from it, and its capabilities (cap_inode_killpriv() of security/commoncap.c).
func (to *file) dropSetID(s *subject) {
	if drop := s.setID(); drop != 0 {
		to.moded, to.perm = true, s.shown.Mode&permissions&^drop
	}
	if s.shown.Mode&unix.S_IFMT != unix.S_IFDIR && to.xattrs[capability] != nil {
		to.xattrs[capability] = nil
	}
}

const permissions = 0o7777

// usable is the mode that a file gets in place of the one that it is taken to have: root may use it whatever its mode, and set-id bits
// would give others what the program's user may.
func usable(mode, kind uint16) uint16 {
	if kind == unix.S_IFDIR {
		return mode | unix.S_IRWXU
	}
	return mode&^(unix.S_ISUID|unix.S_ISGID) | unix.S_IRUSR | unix.S_IWUSR
}

// chmod sets what of the mode the file can have, and writes it down. i is the mode's position.
func chmod(i int) func(f *Family, h perform.Held) emulate.Result {
	return func(f *Family, h perform.Held) emulate.Result {
		s := f.subject(h)
		if !s.owns() {
			return emulate.Errno(unix.EPERM)
		}
		mode := uint16(h.Call().Args[i].Raw) & permissions
		if !s.keepsGroupBit() {
			mode &^= unix.S_ISGID // setattr_prepare() of fs/attr.c
		}
		real := usable(mode, s.is.Mode&unix.S_IFMT)
		r := h.Do(perform.Change{Param: i, Value: uint64(real)})
		errno, failed := r.Failed()
		if failed && errno != unix.EPERM {
			return r
		}
		return emulate.Errno(f.shelf.change(&s.is, func(to *file) syscall.Errno {
			to.moded, to.perm = failed || real != mode || mode&unix.S_ISGID != 0, mode // the kernel may have left S_ISGID out
			return 0
		}))
	}
}

// mkdir makes a directory that its owner can use, whatever mode it is taken to have.
func mkdir(i int) func(f *Family, h perform.Held) emulate.Result {
	return func(f *Family, h perform.Held) emulate.Result {
		mode := uint16(h.Call().Args[i].Raw)
		r := h.Do(perform.Change{Param: i, Value: uint64(mode | unix.S_IRWXU)})
		if mode&unix.S_IRWXU == unix.S_IRWXU {
			return r
		}
		return f.made(h, r, func(to *file, is *unix.Statx_t) {
			to.moded, to.perm = true, is.Mode&permissions&^(unix.S_IRWXU&^mode)
		})
	}
}

// made writes something down of what a call with the result r has made.
func (f *Family) made(h perform.Held, r emulate.Result, as func(to *file, is *unix.Statx_t)) emulate.Result {
	is, ok := h.Stat(0)
	if _, failed := r.Failed(); failed || !ok { // not there: somebody has removed it again
		return r
	}
	return emulate.Errno(f.shelf.change(&is, func(to *file) syscall.Errno {
		as(to, &is)
		return 0
	}))
}

// mknod makes an empty file for a device. Overlay's whiteout the kernel makes for everybody (vfs_mknod() of fs/namei.c). i is the mode's
// position; the device number follows it.
func mknod(i int) func(f *Family, h perform.Held) emulate.Result {
	return func(f *Family, h perform.Held) emulate.Result {
		mode, dev := uint16(h.Call().Args[i].Raw), uint64(uint32(h.Call().Raw.Args[i+1]))
		kind := mode & unix.S_IFMT
		device := kind == unix.S_IFBLK || kind == unix.S_IFCHR && dev != 0
		perm := mode & permissions &^ uint16(h.Umask())
		real := usable(perm, kind)
		switch {
		case kind == unix.S_IFDIR, !device && (kind == unix.S_IFCHR || real == perm):
			return h.Do()
		case device && !f.mayMake(h):
			return f.refuseDevice(h)
		case device:
			r := h.Do(perform.Change{Param: i, Value: uint64(unix.S_IFREG | real)})
			return f.made(h, r, func(to *file, _ *unix.Statx_t) {
				to.kind, to.rdev = kind, [2]uint32{unix.Major(dev), unix.Minor(dev)}
				to.moded, to.perm = true, perm
			})
		}
		r := h.Do(perform.Change{Param: i, Value: uint64(kind | real)})
		return f.made(h, r, func(to *file, _ *unix.Statx_t) { to.moded, to.perm = true, perm })
	}
}

func (f *Family) mayMake(h perform.Held) bool {
	who := f.crowd.of(h.Who())
	return who.can(unix.CAP_MKNOD)
}

// refuseDevice finds a name that is there already first, as the kernel does (filename_create() of fs/namei.c).
func (f *Family) refuseDevice(h perform.Held) emulate.Result {
	if _, there := h.Stat(0); there {
		return emulate.Errno(unix.EEXIST)
	}
	return emulate.Errno(unix.EPERM)
}

// last says whether a file goes with one more name.
func last(st *unix.Statx_t) bool { return st.Mode&unix.S_IFMT == unix.S_IFDIR || st.Nlink <= 1 }

func unlink(f *Family, h perform.Held) emulate.Result {
	is, there := h.Stat(0)
	r := h.Do()
	if _, failed := r.Failed(); !failed && there && last(&is) {
		f.shelf.forget(&is)
	}
	return r
}

// rename forgets what loses its name to another file.
func rename(flags int) func(f *Family, h perform.Held) emulate.Result {
	return func(f *Family, h perform.Held) emulate.Result {
		from, _ := h.Stat(0)
		over, there := h.Stat(1)
		r := h.Do()
		exchange := flags != none && h.Call().Args[flags].Raw&unix.RENAME_EXCHANGE != 0
		if _, failed := r.Failed(); !failed && there && !exchange && last(&over) && idOf(&from) != idOf(&over) {
			f.shelf.forget(&over)
		}
		return r
	}
}
