package emulate

import (
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/unotify"
)

// Targets is what a server wants to know of its callers. Its methods are called from several goroutines.
type Targets interface {
	// Memory makes a reader of targets' memory for one goroutine.
	Memory() Memory
	// PID is the process of a thread whose call is pending; 0 if it cannot be told.
	PID(tid int) int
	// FDPath is what a descriptor of the thread refers to, as readlink of /proc/TID/fd says it; AT_FDCWD is the working directory.
	FDPath(tid, fd int) (string, bool)
	// Vigil begins to wait for the thread's end.
	Vigil(tid int) Vigil
	// Signals says whether a signal waits for the thread that it does not block, ignore or leave without effect, and whether one could come
	// as long as the thread does nothing.
	Signals(tid int) (waiting, possible bool)
	// Kill ends the process of the thread that notification id came from with SIGKILL. v says whether it is still pending.
	Kill(v unotify.Validator, id uint64, tid int) error
}

// A Vigil waits for the end of a thread.
type Vigil interface {
	// Await waits until the thread ends, until Wake, and not longer than d. If over is true to begin with, Wake may have come before; then
	// it does not wait.
	Await(d time.Duration, over func() bool)
	Wake()
	Close()
}

// Memory reads the memory of the thread that it is bound to.
type Memory interface {
	arch.Memory
	Bind(tid int)
	// WriteMem copies p to addr; fewer bytes than len(p) mean that the target could not write to the next one.
	WriteMem(p []byte, addr uint64) (n int, err error)
}

// FromTargets makes the kernel's own view of the callers.
func FromTargets(t *unotify.Targets) Targets { return kernelTargets{t} }

type kernelTargets struct{ t *unotify.Targets }

func (k kernelTargets) Memory() Memory { return &kernelMemory{t: k.t} }

func (k kernelTargets) PID(tid int) int {
	id, err := k.t.Identify(tid)
	if err != nil {
		return 0
	}
	return id.TGID
}

func (k kernelTargets) FDPath(tid, fd int) (string, bool) {
	name := "cwd"
	if fd != unix.AT_FDCWD {
		name = "fd/" + strconv.Itoa(fd)
	}
	path, err := os.Readlink("/proc/" + strconv.Itoa(tid) + "/" + name)
	return path, err == nil
}

func (k kernelTargets) Kill(v unotify.Validator, id uint64, tid int) error {
	t, err := k.t.Pin(v, id, tid)
	if err != nil {
		return err
	}
	return t.Kill()
}

func (k kernelTargets) Vigil(tid int) Vigil { return k.t.Vigil(tid) }

func (k kernelTargets) Signals(tid int) (waiting, possible bool) { return k.t.Signals(tid) }

type kernelMemory struct {
	unotify.Memory
	t *unotify.Targets
}

func (m *kernelMemory) Bind(tid int) { m.Memory = m.t.Memory(tid) }
