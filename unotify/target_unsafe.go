package unotify

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// signalNothing sends signal 0 through a pidfd: no effect, but ESRCH if its task is gone. It is what a cached identity costs
// per notification.
func signalNothing(pidfd int) unix.Errno {
	_, _, errno := unix.RawSyscall6(unix.SYS_PIDFD_SEND_SIGNAL, uintptr(pidfd), 0, 0, 0, 0, 0)
	return errno
}

// commExists says whether a thread's directory in proc still has its files.
func commExists(dirfd int) bool {
	name := [...]byte{'c', 'o', 'm', 'm', 0}
	_, _, errno := unix.RawSyscall(unix.SYS_FACCESSAT, uintptr(dirfd), uintptr(unsafe.Pointer(&name)), unix.F_OK)
	return errno == 0
}

// pidfdInfo is struct pidfd_info of include/uapi/linux/pidfd.h as Linux 6.13 introduced it (PIDFD_INFO_SIZE_VER0, 64 bytes).
type pidfdInfo struct {
	mask   uint64 // PIDFD_INFO_*
	cgroup uint64
	pid    uint32
	tgid   uint32
	ppid   uint32
	ids    [8]uint32
	_      uint32
}

// pidfdGetInfo is PIDFD_GET_INFO, _IOWR(0xFF, 11, struct pidfd_info), with the first version's size: later kernels take it
// too, whereas the number in x/sys has a later size, which older kernels need not know.
const pidfdGetInfo = 0xc040ff0b

func pidfdTGID(pidfd int) (int, bool) {
	info := pidfdInfo{mask: unix.PIDFD_INFO_PID}
	_, _, errno := unix.RawSyscall(unix.SYS_IOCTL, uintptr(pidfd), pidfdGetInfo, uintptr(unsafe.Pointer(&info)))
	return int(info.tgid), errno == 0 && info.mask&unix.PIDFD_INFO_PID != 0 && info.tgid != 0
}

// kcmpFiles is KCMP_FILES of include/uapi/linux/kcmp.h.
const kcmpFiles = 2

// sharesFiles says whether two threads have one table of descriptors (kcmp(2)); false if the kernel does not say.
func sharesFiles(a, b int) bool {
	r, _, errno := unix.RawSyscall6(unix.SYS_KCMP, uintptr(a), uintptr(b), kcmpFiles, 0, 0, 0)
	return errno == 0 && r == 0
}
