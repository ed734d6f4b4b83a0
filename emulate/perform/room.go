package perform

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/emulate"
)

// full says whether the target has no descriptor left. The kernel takes the number before it looks at the path (do_sys_openat2 of
// fs/open.c), so that an open that fails with EMFILE makes and truncates nothing; an injection can fail only afterwards.
func (o *op) full() bool {
	var limit unix.Rlimit
	if unix.Prlimit(o.env.TID, unix.RLIMIT_NOFILE, nil, &limit) != nil {
		return false
	}
	dir, err := o.f.targets.OpenAt(o.env.TID, "fd", unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return false
	}
	defer unix.Close(dir)
	var st unix.Stat_t
	if unix.Fstat(dir, &st) == nil && st.Size > 0 && uint64(st.Size) < limit.Cur {
		return false // the number of descriptors: Linux 6.2
	}
	return used(dir, limit.Cur) >= limit.Cur
}

// used counts the descriptors below a limit.
func used(dir int, limit uint64) (n uint64) {
	copy, err := unix.FcntlInt(uintptr(dir), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return 0
	}
	f := os.NewFile(uintptr(copy), "fd")
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return 0
	}
	for _, name := range names {
		if fd, err := strconv.ParseUint(name, 10, 64); err == nil && fd < limit {
			n++
		}
	}
	return n
}

// overLimit says whether a file would grow beyond what the target may write: inode_newsize_ok() of fs/attr.c, whose limit is that of
// whoever asks.
func (o *op) overLimit(length uint64) bool {
	st := &o.pins[0].stat
	if st.Mode&unix.S_IFMT != unix.S_IFREG || length <= st.Size {
		return false
	}
	var limit unix.Rlimit
	return unix.Prlimit(o.env.TID, unix.RLIMIT_FSIZE, nil, &limit) == nil && length > limit.Cur
}

// tooLong fails as the kernel does: first whoever may not write, then with a signal.
func (o *op) tooLong() emulate.Result {
	fd, path := o.object()
	if _, errno := o.t.call(unix.SYS_FACCESSAT2, fd, path, unix.W_OK, unix.AT_EACCESS|unix.AT_EMPTY_PATH, 0, 0); errno != 0 {
		return emulate.Errno(errno)
	}
	target, err := o.f.targets.Pin(o.env.Validator(), o.env.ID, o.env.TID)
	if err == nil {
		unix.Tgkill(target.TGID, target.TID, unix.SIGXFSZ) //nolint:errcheck // then it gets the errno alone
	}
	return emulate.Errno(unix.EFBIG)
}
