package unotify

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// batch is how many ranges one system call moves; the kernel would take 1024 (UIO_MAXIOV).
const batch = 16

// Moving another process's memory may wait for as long as that process likes (a page behind FUSE or userfaultfd), so the Go
// scheduler must know of these calls: Syscall, not RawSyscall, with which one target could stop the garbage collection, and so
// the supervisor of all the others. It costs about 200 ns more.

// vmTransfer is process_vm_readv(2) or process_vm_writev(2): one range.
func vmTransfer(call uintptr, tid int, p []byte, addr uint64) (int, syscall.Errno) {
	local := unix.Iovec{Base: &p[0]}
	local.SetLen(len(p))
	remote := unix.RemoteIovec{Base: uintptr(addr), Len: len(p)}
	n, _, errno := unix.Syscall6(call, uintptr(tid), uintptr(unsafe.Pointer(&local)), 1,
		uintptr(unsafe.Pointer(&remote)), 1, 0)
	return int(n), errno
}

// vmReadBatch reads up to batch ranges in one call; they have no empty one among them.
func vmReadBatch(tid int, spans []Span) (int, syscall.Errno) {
	var local [batch]unix.Iovec
	var remote [batch]unix.RemoteIovec
	for i, s := range spans {
		local[i].Base = &s.P[0]
		local[i].SetLen(len(s.P))
		remote[i] = unix.RemoteIovec{Base: uintptr(s.Addr), Len: len(s.P)}
	}
	n, _, errno := unix.Syscall6(unix.SYS_PROCESS_VM_READV, uintptr(tid), uintptr(unsafe.Pointer(&local)),
		uintptr(len(spans)), uintptr(unsafe.Pointer(&remote)), uintptr(len(spans)), 0)
	return int(n), errno
}
