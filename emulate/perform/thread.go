package perform

import (
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/internal/procfs"
	"github.com/stead-project/stead/unotify"
	"github.com/stead-project/stead/unotify/standin"
)

// A thread makes system calls. It is the supervisor's own, with what the supervisor is and may, or (task) one that has become what
// some targets are. Its file system context is its own: the working directory is its descriptors' directory in proc, so that "12"
// is what descriptor 12 refers to, for calls that take nothing but a path.
type thread struct {
	f           *Family
	task        *standin.Task // nil: the calling thread
	tid         int
	fds         int // O_PATH descriptor of that directory
	umask       uint32
	umaskSet    bool
	interrupted atomic.Bool
	lost        bool   // the task may have ended: a target with its ids can kill it
	key         string // what it has become
	rootName    string // of its root, in the proc file system

	// Scratch of the calls: memory that does not move.
	how    unix.OpenHow
	stat   unix.Statx_t
	statfs unix.Statfs_t
	native unix.Stat_t
	empty  [1]byte
	num    [24]byte
	text   [unix.PathMax]byte
	long   [unix.PathMax + 1]byte // a path that is too long
}

// statxMntID is STATX_MNT_ID of include/uapi/linux/stat.h: Linux 5.8.
const statxMntID = 0x1000

// newThread makes the calling thread one to perform on. Its goroutine is locked to it for good.
func (f *Family) newThread() (*thread, error) {
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return nil, fmt.Errorf("give a thread a working directory and umask of its own: %w", err)
	}
	t := &thread{f: f, tid: unix.Gettid()}
	return t, t.settle("thread-self/fd")
}

// settle opens the thread's own directory of descriptors and goes there.
func (t *thread) settle(name string) error {
	for i := range t.long {
		t.long[i] = 'x'
	}
	fd, errno := t.openat2(t.f.procs.Root, append([]byte(name), 0), &unix.OpenHow{Flags: unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC})
	if errno == 0 {
		_, errno = t.call(unix.SYS_FCHDIR, uintptr(fd), 0, 0, 0, 0, 0)
	}
	if errno != 0 {
		return fmt.Errorf("enter a thread's descriptors in proc: %w", errno)
	}
	t.fds = fd
	return nil
}

// interrupt makes a blocked call of the thread fail with EINTR. A call that begins just afterwards is not; so it is said again until
// the work is done.
func (t *thread) interrupt() {
	t.interrupted.Store(true)
	if t.task != nil {
		t.task.Interrupt()
		return
	}
	t.f.interrupt(t.tid)
}

// Close frees what the thread holds. The thread itself ends with its goroutine.
func (t *thread) Close() {
	if t.fds > 0 {
		unix.Close(t.fds)
	}
	if t.task != nil {
		t.task.Close() //nolint:errcheck // it is gone either way
	}
}

// opened is a descriptor with a number above 2, whatever of standard input and output is closed.
func (t *thread) opened(r uintptr, errno syscall.Errno) (int, syscall.Errno) {
	if errno != 0 {
		return -1, errno
	}
	fd, err := procfs.AboveStdio(int(r))
	if err != nil {
		return -1, errnoOf(err)
	}
	return fd, 0
}

func errnoOf(err error) syscall.Errno {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return unix.EIO
}

// mask gives the thread a umask.
func (t *thread) mask(umask uint32) {
	if t.umaskSet && t.umask == umask {
		return
	}
	t.call(unix.SYS_UMASK, uintptr(umask), 0, 0, 0, 0, 0)
	t.umask, t.umaskSet = umask, true
}

// fdName is the name of a descriptor in the thread's working directory, with its NUL.
func fdName(b []byte, fd int) []byte {
	return append(strconv.AppendInt(b[:0], int64(fd), 10), 0)
}

// pathOf is what a descriptor refers to, from the supervisor's root: d_path() of fs/d_path.c.
func (t *thread) pathOf(fd int) ([]byte, syscall.Errno) {
	name := fdName(t.text[:0], fd)
	for {
		n, err := unix.Readlinkat(t.f.procs.FDs, string(name[:len(name)-1]), t.text[:])
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, errnoOf(err)
		}
		return t.text[:n], 0
	}
}

// credentials are what the thread is.
func (t *thread) credentials() (unotify.Credentials, error) { return t.f.targets.CredentialsOf(t.tid) }
