package perform

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// A msgHeader is struct user_msghdr of include/linux/socket.h, with addresses for pointers.
type msgHeader struct {
	name    uintptr
	nameLen uint32
	iov     uintptr
	iovLen  uintptr
	control uintptr
	ctlLen  uintptr
	flags   uint32
}

// An ioVec is struct iovec.
type ioVec struct{ base, size uintptr }

// native is how wide the supervisor's own words are.
const native = int(unsafe.Sizeof(uintptr(0)))

func (h *msgHeader) address() uintptr { return uintptr(unsafe.Pointer(h)) }

func vectorAddress(v []ioVec) uintptr {
	if len(v) == 0 {
		return nowhere
	}
	return uintptr(unsafe.Pointer(unsafe.SliceData(v)))
}

// unixFamily begins an address of AF_UNIX.
func unixFamily(b []byte) []byte {
	family := uint16(unix.AF_UNIX)
	return append(b, (*[2]byte)(unsafe.Pointer(&family))[:]...)
}
