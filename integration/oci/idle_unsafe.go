package oci

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// receiveInto is SECCOMP_IOCTL_NOTIF_RECV, which wants the buffer zeroed and of the kernel's size.
func receiveInto(fd int, buf []byte) syscall.Errno {
	clear(buf)
	_, _, errno := syscall.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SECCOMP_IOCTL_NOTIF_RECV, uintptr(unsafe.Pointer(&buf[0])))
	return errno
}
