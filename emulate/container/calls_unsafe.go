package container

import (
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const sysGetppid = unix.SYS_GETPPID

// nowhere is an address that no process has mapped (vm.mmap_min_addr): what the kernel says of it, it says of a target's bad
// pointer too.
const nowhere = 1

// atCwd is AT_FDCWD in a register.
const atCwd = ^uintptr(99)

// A block is memory for the kernel: on the heap, where nothing moves, as long as the op that keeps it.
func (o *op) block(b []byte) uintptr {
	if len(b) == 0 {
		return nowhere
	}
	o.keep = append(o.keep, b)
	return uintptr(unsafe.Pointer(unsafe.SliceData(b)))
}

// cstring is a copy of a string for the kernel.
func (o *op) cstring(s string) uintptr { return o.block(append([]byte(s), 0)) }

// fdName is the path of one of our descriptors, from an actor's working directory.
func (o *op) fdName(fd int) uintptr { return o.cstring(strconv.Itoa(fd)) }

// call makes a system call as the actor. A signal of the Go runtime does not end it; Interrupt does. Arguments that are addresses are of
// blocks, or of memory that the caller keeps.
func (a *actor) call(nr uintptr, args ...uintptr) (uintptr, syscall.Errno) {
	var p [6]uintptr
	copy(p[:], args)
	for {
		r, errno := a.task.Call(nr, p[0], p[1], p[2], p[3], p[4], p[5])
		if errno != unix.EINTR || a.interrupted.Load() {
			return r, errno
		}
	}
}

// openat2 opens as openat2(2): Linux 5.6. What the kernel reads belongs to the actor, which is on the heap.
func (a *actor) openat2(dir int, path string, how *unix.OpenHow) (int, syscall.Errno) {
	a.how, a.text = *how, append(append(a.text[:0], path...), 0)
	text := uintptr(unsafe.Pointer(unsafe.SliceData(a.text)))
	return opened(a.call(unix.SYS_OPENAT2, uintptr(dir), text, uintptr(unsafe.Pointer(&a.how)), unsafe.Sizeof(a.how)))
}

// words is memory for an array of 64-bit numbers, as the kernel wants them.
func words(v []uint64) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), 8*len(v))
}
