package perform

import (
	"bytes"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/emulate"
	"github.com/stead-project/stead/internal/procself"
)

// full says whether the target has no descriptor left. The kernel takes the number before it looks at the path (do_sys_openat2 of
// fs/open.c), so that an open that fails with EMFILE makes and truncates nothing; an injection can fail only afterwards.
func (o *op) full() bool {
	limit, ok := o.limit(unix.RLIMIT_NOFILE, "Max open files")
	if !ok {
		return false
	}
	dir, err := o.f.targets.OpenAt(o.env.TID, "fd", unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return false
	}
	defer unix.Close(dir)
	var st unix.Stat_t
	if unix.Fstat(dir, &st) == nil && st.Size > 0 && uint64(st.Size) < limit {
		return false // the number of descriptors: Linux 6.2
	}
	return used(dir, limit) >= limit
}

// limit is one of the target's soft limits. prlimit(2) is for its own user or CAP_SYS_RESOURCE; everybody may read the file.
func (o *op) limit(resource int, line string) (uint64, bool) {
	var limit unix.Rlimit
	if unix.Prlimit(o.env.TID, resource, nil, &limit) == nil {
		return limit.Cur, true
	}
	dir, err := o.f.targets.OpenAt(o.env.TID, "", unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return 0, false
	}
	defer unix.Close(dir)
	text, err := procself.ReadAt(dir, "limits")
	if err != nil {
		return 0, false
	}
	_, rest, _ := bytes.Cut(text, []byte("\n"+line))
	fields := bytes.Fields(rest)
	if len(fields) == 0 {
		return 0, false
	}
	if string(fields[0]) == "unlimited" {
		return ^uint64(0), true
	}
	n, err := strconv.ParseUint(string(fields[0]), 10, 64)
	return n, err == nil
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
	limit, ok := o.limit(unix.RLIMIT_FSIZE, "Max file size")
	return ok && length > limit
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
