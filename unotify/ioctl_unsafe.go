package unotify

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// seccomp is seccomp(2).
func seccomp(op, flags uintptr, args unsafe.Pointer) (uintptr, syscall.Errno) {
	r, _, errno := syscall.RawSyscall(unix.SYS_SECCOMP, op, flags, uintptr(args))
	return r, errno
}

func getNotifSizes(s *Sizes) error {
	if _, errno := seccomp(unix.SECCOMP_GET_NOTIF_SIZES, 0, unsafe.Pointer(s)); errno != 0 {
		return errno
	}
	return nil
}

// setModeFilter installs a filter on the calling thread (on all with FlagTSYNC) and returns the listener, if one was asked for.
func setModeFilter(flags uintptr, prog []unix.SockFilter) (uintptr, syscall.Errno) {
	fprog := unix.SockFprog{Len: uint16(len(prog)), Filter: &prog[0]}
	return seccomp(unix.SECCOMP_SET_MODE_FILTER, flags, unsafe.Pointer(&fprog))
}

// ioctlRecv waits, so the scheduler has to know: Syscall, not RawSyscall.
func ioctlRecv(fd int, buf unsafe.Pointer) syscall.Errno {
	_, _, errno := syscall.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SECCOMP_IOCTL_NOTIF_RECV, uintptr(buf))
	return errno
}

// receive fills n. The kernel wants a zeroed buffer of its own size (EINVAL otherwise): big is that buffer where the
// kernel's struct is longer than ours, nil where it is not.
func receive(fd int, n *Notification, big []byte) syscall.Errno {
	if big == nil {
		*n = Notification{}
		return ioctlRecv(fd, unsafe.Pointer(n))
	}
	clear(big)
	errno := ioctlRecv(fd, unsafe.Pointer(&big[0]))
	*n = *(*Notification)(unsafe.Pointer(&big[0]))
	return errno
}

// listenerIoctl is for the operations that do not wait, but for the listener's lock. The kernel takes it interruptibly, before it
// does anything (kernel/seccomp.c): a signal, of which the Go runtime sends many, must not keep a target from its answer.
func listenerIoctl(fd int, request uintptr, arg unsafe.Pointer) syscall.Errno {
	for {
		_, _, errno := syscall.RawSyscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(arg))
		if errno != unix.EINTR {
			return errno
		}
	}
}

func ioctlSend(fd int, r *response) syscall.Errno {
	return listenerIoctl(fd, unix.SECCOMP_IOCTL_NOTIF_SEND, unsafe.Pointer(r))
}

func ioctlIDValid(fd int, id *uint64) syscall.Errno {
	return listenerIoctl(fd, unix.SECCOMP_IOCTL_NOTIF_ID_VALID, unsafe.Pointer(id))
}

// ioctlAddFD waits until the target has taken the descriptor.
func ioctlAddFD(fd int, a *addfd) (int, syscall.Errno) {
	r, _, errno := syscall.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SECCOMP_IOCTL_NOTIF_ADDFD, uintptr(unsafe.Pointer(a)))
	return int(r), errno
}

// ioctlSetFlags repeats as listenerIoctl does; its argument is the value itself.
func ioctlSetFlags(fd int, flags uint64) syscall.Errno {
	for {
		_, _, errno := syscall.RawSyscall(unix.SYS_IOCTL, uintptr(fd), unix.SECCOMP_IOCTL_NOTIF_SET_FLAGS, uintptr(flags))
		if errno != unix.EINTR {
			return errno
		}
	}
}

// sigaction is the kernel's struct sigaction (not the C library's), as rt_sigaction(2) takes it on architectures with a
// restorer; the others ignore the tail.
type sigaction struct {
	handler  uintptr
	flags    uintptr
	restorer uintptr
	mask     uint64
}

func rtSigaction(sig int, act, old *sigaction) syscall.Errno {
	_, _, errno := syscall.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(act)),
		uintptr(unsafe.Pointer(old)), 8, 0, 0)
	return errno
}

// sigprocmask sets the calling thread's mask (64 signals; the thread must be locked) and returns the one before.
func sigprocmask(how int, set uint64) (uint64, syscall.Errno) {
	var old uint64
	_, _, errno := syscall.RawSyscall6(unix.SYS_RT_SIGPROCMASK, uintptr(how), uintptr(unsafe.Pointer(&set)),
		uintptr(unsafe.Pointer(&old)), 8, 0, 0)
	return old, errno
}
