package launch

// #include "child.h"
import "C"

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// A Signal is a signal that this process got.
type Signal struct {
	Number syscall.Signal
	// ByKernel: from the terminal (or another part of the kernel), which sends it to the whole process group, so that a child in
	// the same group has it too. Otherwise some process sent it with kill(2) or the like.
	ByKernel bool
}

// Signals catches signals with their origin, which os/signal does not tell. There is one per process: a second Catch on the
// same signals takes them over. The signals must not be given to os/signal.
type Signals struct {
	C    <-chan Signal
	w    int // the handler's end of a pipe, open for good: a handler may run at any time
	list []syscall.Signal
}

// catching serialises Catch and Restore: dispositions belong to the process.
var catching sync.Mutex

// Catch starts catching.
func Catch(list ...syscall.Signal) (*Signals, error) {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return nil, fmt.Errorf("create pipe: %w", err)
	}
	c := make(chan Signal)
	s := &Signals{C: c, w: p[1], list: list}
	if err := s.Restore(list...); err != nil {
		unix.Close(p[0])
		unix.Close(p[1])
		return nil, err
	}
	go deliver(os.NewFile(uintptr(p[0]), "signals"), c)
	return s, nil
}

// Restore catches signals again after [Signals.Default].
func (s *Signals) Restore(list ...syscall.Signal) error {
	catching.Lock()
	defer catching.Unlock()
	numbers := make([]C.int, len(list)+1)
	for i, sig := range list {
		numbers[i] = C.int(sig)
	}
	if errno := C.stead_catch(C.int(s.w), &numbers[0], C.int(len(list))); errno != 0 {
		return fmt.Errorf("catch signals: %w", syscall.Errno(errno))
	}
	return nil
}

// Default gives a signal its default action again.
func (s *Signals) Default(sig syscall.Signal) error {
	catching.Lock()
	defer catching.Unlock()
	if errno := C.stead_default(C.int(sig)); errno != 0 {
		return fmt.Errorf("restore default action of %v: %w", sig, syscall.Errno(errno))
	}
	return nil
}

// kernelOrigin is SI_KERNEL (include/uapi/asm-generic/siginfo.h).
const kernelOrigin = 0x80

func deliver(r *os.File, c chan<- Signal) {
	defer r.Close()
	var message [8]byte
	for {
		if _, err := io.ReadFull(r, message[:]); err != nil {
			return
		}
		number := binary.NativeEndian.Uint32(message[:4])
		origin := binary.NativeEndian.Uint32(message[4:])
		c <- Signal{Number: syscall.Signal(number), ByKernel: origin == kernelOrigin}
	}
}

// RestoreStart gives the process the signal dispositions and closed standard descriptors, and the calling thread the signal mask,
// that the process was started with, for an execve of its own. The thread must be locked, and Go code should do nothing else.
func RestoreStart() { C.stead_restore_start() }
