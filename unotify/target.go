package unotify

import (
	"errors"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/internal/procfs"
)

// A Validator tells whether a notification is still pending: nil, or an error that is ErrGone. [Listener] is one.
type Validator interface {
	Valid(id uint64) error
}

// A Target is the thread whose call is pending. It is a value without resources. Each of its methods opens or reads first and
// asks the validator afterwards, so that what it returns belongs to the thread that made the call, never to one that got its
// number later (seccomp_unotify(2)).
//
// Errors: ErrGone when the notification is no longer pending, whatever else went wrong; else an OpError with the errno.
// Descriptors are close-on-exec and above 2; the caller closes them.
type Target struct {
	Identity
	id      uint64
	valid   Validator
	targets *Targets
}

// Pin identifies the thread tid, which notification id came from, and makes sure that it still waits.
func (t *Targets) Pin(v Validator, id uint64, tid int) (Target, error) {
	who, err := t.Identify(tid)
	if gone := v.Valid(id); gone != nil {
		return Target{}, gone
	}
	if err != nil {
		return Target{}, err
	}
	return Target{Identity: who, id: id, valid: v, targets: t}, nil
}

// ID is the notification's.
func (t Target) ID() uint64 { return t.id }

// Valid is nil as long as the call is pending, else ErrGone.
func (t Target) Valid() error { return t.valid.Valid(t.id) }

// Memory is the target's memory. Its results count if Valid is nil afterwards.
func (t Target) Memory() Memory { return t.targets.Memory(t.TID) }

// check is the second half of every method. An error of the first half carries no notification id: its errno may be ENOENT (a
// kind of namespace that the kernel lacks), which would read as ErrGone.
func (t Target) check(op string, err error) error {
	if gone := t.Valid(); gone != nil {
		return gone
	}
	if err != nil {
		return &OpError{Op: op, Err: err}
	}
	return nil
}

func (t Target) open(op, name string, flags int) (*os.File, error) {
	fd, err := t.targets.proc.OpenAt(t.TID, name, flags)
	return t.file(op, name, fd, err)
}

// file wraps a descriptor that counts only if the notification is still valid.
func (t Target) file(op, name string, fd int, err error) (*os.File, error) {
	if failed := t.check(op, err); failed != nil {
		if err == nil {
			unix.Close(fd)
		}
		return nil, failed
	}
	return os.NewFile(uintptr(fd), name), nil
}

// Root is an O_PATH handle on the target's root directory, in the target's mount namespace.
func (t Target) Root() (*os.File, error) {
	return t.open("open target's root", "root", unix.O_PATH|unix.O_DIRECTORY)
}

// Cwd is an O_PATH handle on the target's working directory. The directory may have been removed.
func (t Target) Cwd() (*os.File, error) {
	return t.open("open target's working directory", "cwd", unix.O_PATH|unix.O_DIRECTORY)
}

// Exe is an O_PATH handle on the program file that the target executes.
func (t Target) Exe() (*os.File, error) {
	return t.open("open target's program", "exe", unix.O_PATH)
}

// ExePath is the path of the program file as the kernel sees it from the supervisor's root; " (deleted)" may follow it. It is
// for records: what the path leads to now need not be what the target executes.
func (t Target) ExePath() (string, error) {
	path, err := t.targets.proc.Readlink(t.TID, "exe")
	return path, t.check("read target's program path", err)
}

// Comm is the target's thread name, at most 15 bytes, which it can set as it likes.
func (t Target) Comm() (string, error) {
	comm, err := t.targets.proc.Comm(t.TID)
	return comm, t.check("read target's name", err)
}

// FD duplicates the target's descriptor n: the same open file description, offset and locks (pidfd_getfd(2), Linux 5.6).
// Errors: EBADF when the target has no such descriptor, EPERM when the supervisor may not trace the target.
//
// Where pidfd_getfd is not to be had, a directory is still returned, as an O_PATH handle got through /proc/TID/fd: for looking up
// paths below it that is the same thing. Anything else would be a new open file description, with another offset and other
// rights (and no socket can be had so), so it is not: the error is that of pidfd_getfd.
func (t Target) FD(n int) (*os.File, error) {
	fd, err := t.DupFD(n)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "fd/"+strconv.Itoa(n)), nil
}

// DupFD is FD with a bare descriptor, which the caller closes.
func (t Target) DupFD(n int) (int, error) {
	fd, err := t.duplicate(n)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSYS) {
		if dir, reopened := t.openDir(n); reopened == nil {
			fd, err = dir, nil
		}
	}
	if failed := t.check("duplicate target's descriptor", err); failed != nil {
		if err == nil {
			unix.Close(fd)
		}
		return -1, failed
	}
	return fd, nil
}

// duplicate goes through a pidfd of the thread itself, because a thread can have descriptors of its own (unshare(2) with
// CLONE_FILES); kernels that have pidfds for leaders only give the leader's, unless the two differ (kcmp(2)).
func (t Target) duplicate(n int) (int, error) {
	pidfd, err := unix.PidfdOpen(t.TID, pidfdThread)
	if errors.Is(err, unix.EINVAL) {
		pidfd, err = t.leaderPidfd()
	}
	if err != nil {
		return -1, err
	}
	defer unix.Close(pidfd)
	fd, err := unix.PidfdGetfd(pidfd, n, 0)
	if err != nil {
		return -1, err
	}
	return procfs.AboveStdio(fd)
}

func (t Target) leaderPidfd() (int, error) {
	if t.TID != t.TGID && !sharesFiles(t.TID, t.TGID) {
		return -1, unix.ENOSYS
	}
	return unix.PidfdOpen(t.TGID, 0)
}

func (t Target) openDir(n int) (int, error) {
	return t.targets.proc.OpenAt(t.TID, "fd/"+strconv.Itoa(n), unix.O_PATH|unix.O_DIRECTORY)
}
