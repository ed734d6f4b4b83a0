package perform

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// nowhere is an address that no process has mapped (vm.mmap_min_addr): what the kernel says of it, it says of a target's bad
// pointer too.
const nowhere = 1

// address is where the kernel finds b: in memory that the garbage collector neither moves nor frees, since the buffers belong to
// works and threads, which are on the heap and outlive the call. A nil slice is memory that is not there.
func address(b []byte) uintptr {
	if b == nil {
		return nowhere
	}
	return uintptr(unsafe.Pointer(unsafe.SliceData(b)))
}

// call makes a system call as the thread. A signal of the Go runtime does not end it; Interrupt does.
func (t *thread) call(nr, a0, a1, a2, a3, a4, a5 uintptr) (uintptr, syscall.Errno) {
	for {
		var r uintptr
		var errno syscall.Errno
		if t.task != nil {
			r, errno = t.task.Call(nr, a0, a1, a2, a3, a4, a5)
			t.lost = t.lost || errno == unix.ESRCH
		} else {
			r, _, errno = syscall.Syscall6(nr, a0, a1, a2, a3, a4, a5)
		}
		if errno != unix.EINTR || t.interrupted.Load() {
			return r, errno
		}
	}
}

// openat2 opens as openat2(2). Linux 5.6.
func (t *thread) openat2(dir int, path []byte, how *unix.OpenHow) (int, syscall.Errno) {
	t.how = *how
	r, errno := t.call(unix.SYS_OPENAT2, uintptr(dir), address(path), uintptr(unsafe.Pointer(&t.how)), unsafe.Sizeof(t.how), 0, 0)
	return t.opened(r, errno)
}

// fstat describes what a descriptor refers to, of O_PATH too.
func (t *thread) fstat(fd int, to *unix.Statx_t) syscall.Errno {
	_, errno := t.call(unix.SYS_STATX, uintptr(fd), address(t.empty[:]), unix.AT_EMPTY_PATH|unix.AT_NO_AUTOMOUNT,
		unix.STATX_BASIC_STATS|unix.STATX_BTIME|statxMntID, uintptr(unsafe.Pointer(&t.stat)), 0)
	*to = t.stat
	return errno
}

// statName describes what a name in a directory is, a symbolic link itself.
func (t *thread) statName(dir, name uintptr, to *unix.Statx_t) syscall.Errno {
	_, errno := t.call(unix.SYS_STATX, dir, name, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT,
		unix.STATX_BASIC_STATS|unix.STATX_BTIME|statxMntID, uintptr(unsafe.Pointer(&t.stat)), 0)
	*to = t.stat
	return errno
}

// asStatx is a buffer that statx(2) has filled.
func asStatx(b []byte) *unix.Statx_t { return (*unix.Statx_t)(unsafe.Pointer(unsafe.SliceData(b))) }

// closeFD closes a descriptor that is only a hold on something (O_PATH), of which closing waits for nothing.
func closeFD(fd int) { syscall.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0) }

// words is memory for an array of 64-bit numbers, as the kernel wants them.
func words(v []uint64) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), 8*len(v))
}

// newfstatat is the kernel's own stat, in the native ABI's form.
func (t *thread) newfstatat(fd, path, flags uintptr) (*unix.Stat_t, syscall.Errno) {
	_, errno := t.call(t.f.newstat, fd, path, uintptr(unsafe.Pointer(&t.native)), flags, 0, 0)
	return &t.native, errno
}

func statBytes(st *unix.Stat_t) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(st)), unsafe.Sizeof(*st))
}

// fstatfs fills t.statfs.
func (t *thread) fstatfs(fd int) syscall.Errno {
	_, errno := t.call(unix.SYS_FSTATFS, uintptr(fd), uintptr(unsafe.Pointer(&t.statfs)), 0, 0, 0, 0)
	return errno
}

func statfsBytes(st *unix.Statfs_t) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(st)), unsafe.Sizeof(*st))
}
