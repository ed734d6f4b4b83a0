package perform

import (
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/emulate"
)

// statRows are the calls that tell of an inode.
func statRows() []row {
	return []row{
		{call: "stat", paths: onlyPath(object), do: stat(1, none)},
		{call: "lstat", paths: onlyPath(link), do: stat(1, none)},
		{call: "newfstatat", paths: maybeNull(1, 0, 3), do: stat(2, 3)},
		{call: "stat64", paths: onlyPath(object), do: stat(1, none)},
		{call: "lstat64", paths: onlyPath(link), do: stat(1, none)},
		{call: "fstatat64", paths: maybeNull(1, 0, 3), do: stat(2, 3)},
		{call: "oldstat", paths: onlyPath(object), do: stat(1, none)},
		{call: "oldlstat", paths: onlyPath(link), do: stat(1, none)},
		{call: "statx", paths: maybeNull(1, 0, 2), do: statx},
		{call: "access", paths: onlyPath(object), do: access(1, none)},
		{call: "faccessat", paths: atPath(object), do: access(2, none)},
		{call: "faccessat2", paths: flagged(1, 0, 3), do: access(2, 3)},
		{call: "statfs", paths: onlyPath(object), do: statfs(1, none)},
		{call: "statfs64", paths: onlyPath(object), do: statfs(2, 1)},
		{call: "file_getattr", paths: maybeNull(1, 0, 4), raw: []rawArg{{ptr: 2, size: 3, most: 4096}}, do: getattr},
	}
}

// maybeNull is a flagged call that takes a null path for an empty one, as getname_maybe_null() of fs/namei.c does: Linux 6.11.
func maybeNull(path, dir, flags int) []pathArg {
	p := flagged(path, dir, flags)
	p[0].maybe = true
	return p
}

func stat(buf, flags int) func(o *op) emulate.Result {
	return func(o *op) emulate.Result {
		if errno := o.badFlags(flags); errno != 0 {
			return emulate.Errno(errno)
		}
		st, errno := o.statOf(o.atFlags(flags))
		if errno != 0 {
			return emulate.Errno(errno)
		}
		p, errno := o.packStat(buf, st)
		if errno != 0 {
			return emulate.Errno(errno)
		}
		if s := o.call.Sig.Params[buf].Struct; o.call.ABI != o.f.native && s.Name == "stat64" {
			return emulate.Return(0).Scatter(fieldsOf(s, o.call.ABI, o.pointer(buf), p))
		}
		return emulate.Return(0).Write(o.pointer(buf), p)
	}
}

// fieldsOf leaves out what lies between the fields: cp_stat64() of arch/x86/kernel/sys_ia32.c and fs/stat.c's put them singly.
func fieldsOf(s *arch.Struct, abi arch.ABI, addr uint64, p []byte) (list []emulate.Out) {
	for w := s.Walk(abi); w.Next(); {
		if name := w.Field().Name; name == "_" || name == "" {
			continue
		}
		at, end := w.Offset(), w.Offset()+w.Size()
		if n := len(list); n > 0 && list[n-1].Addr+uint64(len(list[n-1].P)) == addr+uint64(at) {
			last := &list[n-1]
			last.P = p[last.Addr-addr : end]
			continue
		}
		list = append(list, emulate.Out{Addr: addr + uint64(at), P: p[at:end]})
	}
	return list
}

// badFlags is what the kernel says of flags that it does not look at where a path is empty, as the one is by which what is held is
// named.
func (o *op) badFlags(i int) syscall.Errno {
	byFD := o.pins[0].descriptor && o.int(o.row.paths[0].dir) != unix.AT_FDCWD
	const good = unix.AT_SYMLINK_NOFOLLOW | unix.AT_NO_AUTOMOUNT | unix.AT_EMPTY_PATH | unix.AT_STATX_FORCE_SYNC | unix.AT_STATX_DONT_SYNC
	switch {
	case byFD && o.pins[0].unusable:
		return unix.ENAMETOOLONG
	case byFD || o.atFlags(i)&^good == 0:
		return 0
	}
	return unix.EINVAL
}

// statOf describes what is held. That is known already, unless a flag asks for something special: the kernel makes both forms of
// one structure (cp_new_stat and cp_statx of fs/stat.c).
func (o *op) statOf(flags uintptr) (*unix.Stat_t, syscall.Errno) {
	const plain = unix.AT_EMPTY_PATH | unix.AT_SYMLINK_NOFOLLOW | unix.AT_NO_AUTOMOUNT
	pin := &o.pins[0]
	if pin.unusable || flags&^plain != 0 || pin.stat.Mask&unix.STATX_BASIC_STATS != unix.STATX_BASIC_STATS {
		fd, path := o.object()
		st, errno := o.t.newfstatat(fd, path, flags|unix.AT_EMPTY_PATH)
		if look := o.look(); errno == 0 && look != nil {
			st.Mode, st.Uid, st.Gid = uint32(look.Mode), look.Uid, look.Gid
			set(&st.Rdev, unix.Mkdev(look.Rdev_major, look.Rdev_minor))
		}
		return st, errno
	}
	from := &pin.stat
	if look := o.look(); look != nil {
		from = look
	}
	fromStatx(&o.t.native, from)
	return &o.t.native, 0
}

// fromStatx translates. The fields of Stat_t are of different widths on different architectures.
func fromStatx(to *unix.Stat_t, st *unix.Statx_t) {
	*to = unix.Stat_t{Ino: st.Ino, Mode: uint32(st.Mode), Uid: st.Uid, Gid: st.Gid, Size: int64(st.Size), Blocks: int64(st.Blocks)}
	set(&to.Dev, unix.Mkdev(st.Dev_major, st.Dev_minor))
	set(&to.Rdev, unix.Mkdev(st.Rdev_major, st.Rdev_minor))
	set(&to.Nlink, uint64(st.Nlink))
	set(&to.Blksize, uint64(st.Blksize))
	setTime(&to.Atim, &st.Atime)
	setTime(&to.Mtim, &st.Mtime)
	setTime(&to.Ctim, &st.Ctime)
}

func set[T int32 | int64 | uint32 | uint64](to *T, v uint64) { *to = T(v) }

func setTime(to *unix.Timespec, from *unix.StatxTimestamp) {
	set(&to.Sec, uint64(from.Sec))
	set(&to.Nsec, uint64(from.Nsec))
}

// packStat gives a stat the form that the target's ABI has for it.
func (o *op) packStat(param int, st *unix.Stat_t) ([]byte, syscall.Errno) {
	s := o.call.Sig.Params[param].Struct
	if s == nil {
		return nil, unix.ENOSYS
	}
	if o.call.ABI == o.f.native {
		return statBytes(st), 0
	}
	size, _ := s.Layout(o.call.ABI)
	v := statValues{st: st, full: s.Name == "stat64" || s.Name == "stat" && o.call.ABI.Word() == 8}
	return pack(o.buffer(size), s, o.call.ABI, &v)
}

// values give a structure's fields their contents.
type values interface {
	// value is a field's; false: it stays 0. fits says of how many bytes the field is.
	value(field string, width int) (v uint64, ok bool, errno syscall.Errno)
}

// pack fills a structure of an ABI.
func pack(to []byte, s *arch.Struct, abi arch.ABI, from values) ([]byte, syscall.Errno) {
	clear(to)
	for w := s.Walk(abi); w.Next(); {
		f := w.Field()
		if f.Name == "_" || f.Name == "" {
			continue
		}
		v, ok, errno := from.value(f.Name, w.Size())
		if errno != 0 {
			return nil, errno
		}
		if ok {
			put(to[w.Offset():w.Offset()+w.Size()], v, abi)
		}
	}
	return to, 0
}

// put stores a number in as many bytes as there are.
func put(to []byte, v uint64, abi arch.ABI) {
	for i := range to {
		shift := i
		if abi.BigEndian() {
			shift = len(to) - 1 - i
		}
		to[i] = byte(v >> (8 * min(shift, 7)))
	}
}

// statValues are a stat's. Without full, what does not fit fails the call (cp_compat_stat and cp_old_stat of fs/stat.c).
type statValues struct {
	st   *unix.Stat_t
	full bool
}

func (s *statValues) value(field string, width int) (v uint64, ok bool, errno syscall.Errno) {
	st := s.st
	switch field {
	case "st_dev":
		return s.dev(uint64(st.Dev), width) //nolint:unconvert // 32 bits on some architectures
	case "st_rdev":
		return s.dev(uint64(st.Rdev), width) //nolint:unconvert // the same
	case "st_ino":
		return s.exact(st.Ino, width)
	case "__st_ino":
		return st.Ino, true, 0
	case "st_nlink":
		return s.exact(uint64(st.Nlink), width) //nolint:unconvert // the same
	case "st_size":
		if !s.full && st.Size > 1<<31-1 {
			return 0, false, unix.EOVERFLOW
		}
		return uint64(st.Size), true, 0
	case "st_uid":
		return lowID(st.Uid, width), true, 0
	case "st_gid":
		return lowID(st.Gid, width), true, 0
	}
	v, ok = plainStat(st, field)
	return v, ok, 0
}

func plainStat(st *unix.Stat_t, field string) (uint64, bool) {
	plain := map[string]int64{
		"st_mode": int64(st.Mode), "st_blksize": int64(st.Blksize), "st_blocks": st.Blocks, //nolint:unconvert // the same
		"st_atime": st.Atim.Sec, "st_mtime": st.Mtim.Sec, "st_ctime": st.Ctim.Sec, "st_atime_nsec": st.Atim.Nsec,
		"st_mtime_nsec": st.Mtim.Nsec, "st_ctime_nsec": st.Ctim.Nsec,
	}
	v, ok := plain[field]
	return uint64(v), ok
}

// dev is a device number: of 16 bits, as Linux had them once; of more, new_encode_dev() or huge_encode_dev() of
// include/linux/kdev_t.h, which are the same.
func (s *statValues) dev(d uint64, width int) (uint64, bool, syscall.Errno) {
	major, minor := unix.Major(d), unix.Minor(d)
	if width == 2 {
		if major > 255 || minor > 255 {
			return 0, false, unix.EOVERFLOW
		}
		return uint64(major<<8 | minor), true, 0
	}
	return d, true, 0
}

func (s *statValues) exact(v uint64, width int) (uint64, bool, syscall.Errno) {
	if !s.full && width < 8 && v>>(8*width) != 0 {
		return 0, false, unix.EOVERFLOW
	}
	return v, true, 0
}

// lowID is high2lowuid() of include/linux/highuid.h: an id that 16 bits cannot say is 65534.
func lowID(id uint32, width int) uint64 {
	if width == 2 && id > 0xffff {
		return 65534
	}
	return uint64(id)
}

// statxSize is sizeof(struct statx), which does not grow.
const statxSize = 256

func statx(o *op) emulate.Result {
	fd, path := o.object()
	if errno := o.badFlags(2); errno != 0 {
		return emulate.Errno(errno)
	}
	out := o.buffer(statxSize)
	_, errno := o.t.call(unix.SYS_STATX, fd, path, o.flags(2)|unix.AT_EMPTY_PATH, o.flags(3), address(out), 0)
	if errno != 0 {
		return emulate.Errno(errno)
	}
	if look := o.look(); look != nil {
		st := asStatx(out)
		st.Mode, st.Uid, st.Gid, st.Rdev_major, st.Rdev_minor = look.Mode, look.Uid, look.Gid, look.Rdev_major, look.Rdev_minor
	}
	return emulate.Return(0).Write(o.pointer(4), out)
}

// access asks with the rights of the thread, whose real ids are the target's.
func access(mode, flags int) func(o *op) emulate.Result {
	return func(o *op) emulate.Result {
		fd, path := o.object()
		return result(o.t.call(unix.SYS_FACCESSAT2, fd, path, o.flags(mode), o.atFlags(flags)|unix.AT_EMPTY_PATH, 0, 0))
	}
}

func statfs(buf, size int) func(o *op) emulate.Result {
	return func(o *op) emulate.Result {
		s := o.call.Sig.Params[buf].Struct
		want, _ := s.Layout(o.call.ABI)
		if size != none && !fitsStatfs(o.call.ABI, int(o.arg(size)), want) {
			return emulate.Errno(unix.EINVAL)
		}
		if o.pins[0].unusable {
			return emulate.Errno(unix.ENAMETOOLONG)
		}
		if errno := o.t.fstatfs(o.pins[0].fd); errno != 0 {
			return emulate.Errno(errno)
		}
		if o.call.ABI == o.f.native {
			return emulate.Return(0).Write(o.pointer(buf), statfsBytes(&o.t.statfs))
		}
		p, errno := pack(o.buffer(want), s, o.call.ABI, &statfsValues{st: &o.t.statfs, wide: s.Name == "statfs64"})
		if errno != 0 {
			return emulate.Errno(errno)
		}
		return emulate.Return(0).Write(o.pointer(buf), p)
	}
}

// fitsStatfs: arm takes the size with padding too (sys_statfs64_wrapper of arch/arm/kernel/sys_oabi-compat.c).
func fitsStatfs(abi arch.ABI, size, want int) bool {
	return size == want || abi == arch.ARM && size == want+4
}

// statfsValues are a statfs's. What does not fit 32 bits fails the call (put_compat_statfs of fs/statfs.c).
type statfsValues struct {
	st   *unix.Statfs_t
	wide bool
}

func (s *statfsValues) value(field string, width int) (uint64, bool, syscall.Errno) {
	if field == "f_fsid" {
		return uint64(uint32(s.st.Fsid.Val[0])) | uint64(uint32(s.st.Fsid.Val[1]))<<32, true, 0
	}
	st := s.st
	plain := map[string]uint64{
		"f_type": uint64(st.Type), "f_bsize": uint64(st.Bsize), "f_blocks": st.Blocks, "f_bfree": st.Bfree, "f_bavail": st.Bavail,
		"f_files": st.Files, "f_ffree": st.Ffree, "f_namelen": uint64(st.Namelen), "f_frsize": uint64(st.Frsize), "f_flags": uint64(st.Flags),
	}
	v, ok := plain[field]
	unlimited := v == ^uint64(0) && (field == "f_files" || field == "f_ffree")
	if width == 4 && v>>32 != 0 && !unlimited && field != "f_type" && field != "f_flags" {
		return 0, false, unix.EOVERFLOW
	}
	return v, ok, 0
}

func getattr(o *op) emulate.Result {
	fd, path, flags := o.attributed(4)
	size := o.raws[0].Size
	out := o.buffer(int(min(size, 4096)))
	_, errno := o.t.call(sysFileGetattr, fd, path, address(out), uintptr(size), flags, 0)
	if errno != 0 {
		return emulate.Errno(errno)
	}
	return emulate.Return(0).Write(o.pointer(2), out)
}
