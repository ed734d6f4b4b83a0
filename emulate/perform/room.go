package perform

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
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
