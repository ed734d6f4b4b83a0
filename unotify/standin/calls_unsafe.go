package standin

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The calls with pointers that Become needs. Their arguments escape to the heap thanks to call's directive.

// openat opens the file called name in dir with the task's rights; the descriptor is the supervisor's too.
func (t *Task) openat(dir int, name string, flags int) (int, syscall.Errno) {
	text := append([]byte(name), 0)
	fd, errno := t.call(unix.SYS_OPENAT, uintptr(dir), uintptr(unsafe.Pointer(&text[0])), uintptr(flags), 0, 0, 0)
	return int(fd), errno
}

func (t *Task) chroot(name string) syscall.Errno {
	text := append([]byte(name), 0)
	_, errno := t.call(unix.SYS_CHROOT, uintptr(unsafe.Pointer(&text[0])), 0, 0, 0, 0, 0)
	return errno
}

func (t *Task) setgroups(groups []uint32) syscall.Errno {
	list := append(make([]uint32, 0, len(groups)+1), groups...)
	_, errno := t.call(unix.SYS_SETGROUPS, uintptr(len(list)), uintptr(unsafe.Pointer(unsafe.SliceData(list))), 0, 0, 0, 0)
	return errno
}

// capset takes the three sets as bits (capset(2)).
func (t *Task) capset(effective, permitted, inheritable uint64) syscall.Errno {
	header := &unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	data := &[2]unix.CapUserData{}
	for i := range data {
		shift := 32 * i
		data[i] = unix.CapUserData{
			Effective: uint32(effective >> shift), Permitted: uint32(permitted >> shift), Inheritable: uint32(inheritable >> shift),
		}
	}
	_, errno := t.call(unix.SYS_CAPSET, uintptr(unsafe.Pointer(header)), uintptr(unsafe.Pointer(data)), 0, 0, 0, 0)
	return errno
}
