package unotify

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// bytesAddr is where b lies, for another process to find it.
func bytesAddr(b []byte) uint64 { return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) }

// landlockABI is landlock_create_ruleset(2) with LANDLOCK_CREATE_RULESET_VERSION.
func landlockABI() (int, unix.Errno) {
	r, _, errno := unix.RawSyscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	return int(r), errno
}
