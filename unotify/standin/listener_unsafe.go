package standin

// #include "task.h"
import "C"

import (
	"encoding/binary"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A listener gets the notifications by which a task says that it is ready. What counts is the state in the mailbox: a notification
// only wakes, and one that is lost is repeated.
type listener struct {
	fd     int
	have   bool // buf holds a notification without a reply
	buf    [C.STANDIN_NOTIFICATION_MAX]byte
	answer response
}

// A response is the kernel's struct seccomp_notif_resp.
type response struct {
	id    uint64
	val   int64
	error int32
	flags uint32
}

func (l *listener) setFlags(flags uintptr) syscall.Errno {
	_, _, errno := syscall.RawSyscall(unix.SYS_IOCTL, uintptr(l.fd), unix.SECCOMP_IOCTL_NOTIF_SET_FLAGS, flags)
	return errno
}

// reply lets the task go on; false if there is no notification to reply to. It may have gone, by an interrupt: then the task looks
// at the state by itself.
func (l *listener) reply() bool {
	if !l.have {
		return false
	}
	l.have = false
	l.answer = response{id: binary.NativeEndian.Uint64(l.buf[:])} // the first member of struct seccomp_notif
	syscall.RawSyscall(unix.SYS_IOCTL, uintptr(l.fd), unix.SECCOMP_IOCTL_NOTIF_SEND, uintptr(unsafe.Pointer(&l.answer)))
	return true
}

// What a wait has ended with.
const (
	waitReady = iota // the task may be ready
	waitTime         // the time is over
	waitEnd          // the task has ended
)

// await takes the next notification. It polls before, because receiving has no time limit and, before Linux 6.11, does not end
// with the task.
func (l *listener) await(limit time.Duration) int {
	set := []unix.PollFd{{Fd: int32(l.fd), Events: unix.POLLIN}}
	ready, err := unix.Poll(set, int(limit.Milliseconds())+1)
	switch {
	case err != nil: // EINTR
		return waitReady
	case ready == 0:
		return waitTime
	case set[0].Revents&unix.POLLIN == 0:
		return waitEnd
	}
	clear(l.buf[:])
	_, _, errno := syscall.Syscall(unix.SYS_IOCTL, uintptr(l.fd), unix.SECCOMP_IOCTL_NOTIF_RECV, uintptr(unsafe.Pointer(&l.buf)))
	l.have = errno == 0
	return waitReady
}
