package standin

// #include "task.h"
import "C"

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// patience is how long a child may take to make its call. Whoever may signal it can stop it.
const patience = 2 * time.Second

// CallInChild has a child of the task make a system call. Joining a pid namespace (setns(2)) counts for children only. The child has the task's
// memory, descriptors, ids and rights, and ends with the call; in its pid namespace it can be seen, and be signalled by who has its ids. One that
// is ended before its call, or stopped, fails it with EINTR.
func (t *Task) CallInChild(nr uintptr, args ...uintptr) (uintptr, syscall.Errno) {
	const size = 16 << 10
	mem, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return 0, unix.ENOMEM
	}
	defer unix.Munmap(mem) //nolint:errcheck // it was mapped above
	c := (*C.struct_stead_child_call)(unsafe.Pointer(unsafe.SliceData(mem)))
	c.nr, c.stack_top = C.long(nr), (*C.char)(unsafe.Pointer(&mem[size-16]))
	for i, a := range args {
		c.arg[i] = C.long(a)
	}
	late := time.AfterFunc(patience, t.endChildren)
	defer late.Stop()
	if _, errno := t.Run(uintptr(C.stead_standin_in_child), uintptr(unsafe.Pointer(c))); errno != 0 {
		return 0, errno
	}
	switch ret := c.ret; {
	case ret == C.STANDIN_UNMADE:
		return 0, unix.EINTR
	case ret < 0:
		return 0, syscall.Errno(-ret)
	default:
		return uintptr(ret), 0
	}
}

// endChildren kills what has not come back (proc_pid_task(5), children).
func (t *Task) endChildren() {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%[1]d/task/%[1]d/children", t.TID()))
	if err != nil {
		return
	}
	for _, word := range strings.Fields(string(text)) {
		if pid, err := strconv.Atoi(word); err == nil {
			unix.Kill(pid, unix.SIGKILL) //nolint:errcheck // it has gone
		}
	}
}
