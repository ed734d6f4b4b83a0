package standin

// #cgo CFLAGS: -O2 -Wall -fno-stack-protector
// #include "task.h"
import "C"

import (
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	_ "github.com/stead-project/stead/unotify/internal/csys" // sys.h
)

// stackSize holds the few frames of task.c and one signal frame, which the widest vector registers make 11 KiB long.
const stackSize = 64 << 10

// The futex operations (linux/futex.h).
const futexWait, futexWake = 0, 1

// A mailbox is a struct stead_standin and the task's stack in one mapping outside the Go heap: a guard page, the stack, the box.
type mailbox struct {
	mem    []byte
	c      *C.struct_stead_standin
	listen *listener // nil: calls are handed over by the futex
}

func newMailbox(o Options) (*mailbox, error) {
	page := os.Getpagesize()
	mem, err := unix.Mmap(-1, 0, page+stackSize+page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, fmt.Errorf("allocate memory for a stand-in task: %w", err)
	}
	if err := unix.Mprotect(mem[:page], unix.PROT_NONE); err != nil {
		unix.Munmap(mem) //nolint:errcheck // it was mapped above
		return nil, fmt.Errorf("protect the stack of a stand-in task: %w", err)
	}
	box := &mailbox{mem: mem, c: (*C.struct_stead_standin)(unsafe.Pointer(&mem[page+stackSize]))}
	box.c.state = C.STANDIN_CALL // the task reports when it is ready
	box.c.parent = C.int32_t(os.Getpid())
	box.c.listener = -1
	if !o.Futex {
		box.c.notify = 1
	}
	return box, nil
}

// start clones the task. Its death signal comes when the calling thread ends.
func (b *mailbox) start() (pid int, err error) {
	r := int(C.stead_standin_start(b.c, (*C.char)(unsafe.Pointer(b.c))))
	if r < 0 {
		return 0, fmt.Errorf("clone a stand-in task: %w", syscall.Errno(-r))
	}
	return r, nil
}

func (b *mailbox) state() *uint32 { return (*uint32)(unsafe.Pointer(&b.c.state)) }

func (b *mailbox) gone() bool { return atomic.LoadUint32(b.state()) == C.STANDIN_GONE }

// post hands a call over; false if the task has ended.
func (b *mailbox) post(nr, a0, a1, a2, a3, a4, a5 uintptr) bool {
	b.c.nr = C.long(nr)
	for i, a := range [...]uintptr{a0, a1, a2, a3, a4, a5} {
		b.c.arg[i] = C.long(a)
	}
	return b.change(C.STANDIN_CALL)
}

func (b *mailbox) calling() bool { return atomic.LoadUint32(b.state()) == C.STANDIN_CALL }

// watch makes the task look for the supervisor's end itself, which it can only when it waits on the futex.
func (b *mailbox) watch() {
	b.c.watch = 1
	b.stopNotifying()
}

// quit asks an idle task to end.
func (b *mailbox) quit() bool { return b.change(C.STANDIN_QUIT) }

// change leaves the word alone when the kernel has cleared it.
func (b *mailbox) change(state uint32) bool {
	if !atomic.CompareAndSwapUint32(b.state(), C.STANDIN_IDLE, state) {
		return false
	}
	if b.listen == nil || !b.listen.reply() {
		b.wake()
	}
	return true
}

func (b *mailbox) wake() {
	syscall.RawSyscall(unix.SYS_FUTEX, uintptr(unsafe.Pointer(b.state())), futexWake, 1)
}

// await waits until the task has made the call or has ended; false after the time given, at most a second.
func (b *mailbox) await(limit time.Duration) bool {
	if b.listen == nil {
		return b.awaitFutex(limit)
	}
	end := time.Now().Add(limit)
	for b.calling() {
		left := time.Until(end) // an interrupted wait goes on: whoever interrupts again and again must not make it endless
		if left <= 0 {
			return false
		}
		switch b.listen.await(left) {
		case waitTime:
			return false
		case waitEnd:
			return b.awaitFutex(limit) // the kernel clears the word in a moment
		case waitReady:
			if b.calling() { // an interrupt has cost it the notification that the reply was for
				b.listen.reply()
			}
		}
	}
	return true
}

// awaitFutex: the futex is not a private one, because the kernel's wake-up at the task's end is not (set_tid_address(2)).
func (b *mailbox) awaitFutex(limit time.Duration) bool {
	end := time.Now().Add(limit)
	for b.calling() {
		ts := unix.NsecToTimespec(int64(max(time.Until(end), 0)))
		_, _, errno := syscall.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(b.state())), futexWait, C.STANDIN_CALL,
			uintptr(unsafe.Pointer(&ts)), 0, 0)
		if errno == unix.ETIMEDOUT {
			return false
		}
	}
	return true
}

// startNotifying makes the task wait for calls in notifications, where the kernel can do that well. The task must be idle.
func (b *mailbox) startNotifying() {
	if b.c.listener < 0 {
		return
	}
	l := &listener{fd: int(b.c.listener)}
	if errno := l.setFlags(unix.SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP); errno != 0 {
		unix.Close(l.fd)
		return
	}
	b.listen = l
	b.notify(1)
	b.wake()
}

// stopNotifying: closing the listener gives the task ENOSYS (seccomp_unotify(2)), so it looks how it is to wait.
func (b *mailbox) stopNotifying() {
	if b.listen == nil {
		return
	}
	b.notify(0)
	unix.Close(b.listen.fd)
	b.listen = nil
}

func (b *mailbox) notify(on int32) {
	atomic.StoreInt32((*int32)(unsafe.Pointer(&b.c.notify)), on)
}

// result is that of the call that await has waited for.
func (b *mailbox) result() (uintptr, syscall.Errno) {
	if b.gone() {
		return ^uintptr(0), unix.ESRCH
	}
	if ret := int64(b.c.ret); ret < 0 && ret >= -4095 {
		return ^uintptr(0), syscall.Errno(-ret)
	}
	return uintptr(b.c.ret), 0
}

// free gives the memory back. The task must have been waited for.
func (b *mailbox) free() {
	b.stopNotifying()
	unix.Munmap(b.mem) //nolint:errcheck // it was mapped by newMailbox
	b.mem, b.c = nil, nil
}
