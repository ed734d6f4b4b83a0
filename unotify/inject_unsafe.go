package unotify

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// currentCPU is where the calling thread runs (getcpu(2)); 0 if the kernel does not say.
func currentCPU() int {
	var cpu uint32
	if _, _, errno := syscall.RawSyscall(unix.SYS_GETCPU, uintptr(unsafe.Pointer(&cpu)), 0, 0); errno != 0 {
		return 0
	}
	return int(cpu)
}
