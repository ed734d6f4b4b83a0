// Package procfs reads what proc(5) says about one thread. Reading and parsing are apart: the parsers take bytes, and the
// mount is an open directory, so neither knows a path.
package procfs

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrNotProc says that a directory is not a proc mount of the caller's own pid namespace, so its numbers mean other threads.
var ErrNotProc = errors.New("not a proc file system of this pid namespace")

// An FS is a handle on a mounted proc file system. It keeps working when the path that it was opened by is mounted over.
// Its methods may be called from any goroutine.
type FS struct {
	fd int
}

// Open opens the proc file system mounted at path; "" is /proc. It fails with ErrNotProc where thread ids would not mean
// what they mean to the caller.
func Open(path string) (*FS, error) {
	if path == "" {
		path = "/proc"
	}
	fd, err := unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	fd, err = AboveStdio(fd)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	fs := &FS{fd: fd}
	if err := fs.check(); err != nil {
		fs.Close()
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return fs, nil
}

func (fs *FS) check() error {
	var st unix.Statfs_t
	if err := unix.Fstatfs(fs.fd, &st); err != nil {
		return err
	}
	if st.Type != unix.PROC_SUPER_MAGIC {
		return ErrNotProc
	}
	self, err := fs.readlink("self")
	if err != nil || self != strconv.Itoa(unix.Getpid()) {
		return ErrNotProc
	}
	return nil
}

// Close closes the handle.
func (fs *FS) Close() error {
	if fs.fd < 0 {
		return nil
	}
	fd := fs.fd
	fs.fd = -1
	return unix.Close(fd)
}

// OpenAt opens the file called name of a thread ("cwd", "ns/mnt"; "" is its directory), with flags of open(2) beside
// O_CLOEXEC. The descriptor is never 0, 1 or 2. Errors are bare errnos: ENOENT, or ESRCH, for a thread that has ended.
func (fs *FS) OpenAt(tid int, name string, flags int) (int, error) {
	path := threadPath(tid, name)
	for {
		fd, err := unix.Openat(fs.fd, path, flags|unix.O_CLOEXEC, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return -1, err
		}
		return AboveStdio(fd)
	}
}

// Readlink reads a thread's link ("exe", "cwd"). The text is the kernel's and may end in " (deleted)".
func (fs *FS) Readlink(tid int, name string) (string, error) {
	return fs.readlink(threadPath(tid, name))
}

func (fs *FS) readlink(path string) (string, error) {
	for size := 256; ; size *= 2 {
		buf := make([]byte, size)
		n, err := unix.Readlinkat(fs.fd, path, buf)
		if err != nil {
			return "", err
		}
		if n < size {
			return string(buf[:n]), nil
		}
	}
}

// Stat follows a thread's link and describes what it leads to.
func (fs *FS) Stat(tid int, name string) (unix.Stat_t, error) {
	var st unix.Stat_t
	err := unix.Fstatat(fs.fd, threadPath(tid, name), &st, 0)
	return st, err
}

// Comm is the thread's name (proc_pid_comm(5)), without the line's end.
func (fs *FS) Comm(tid int) (string, error) {
	b, err := fs.readFile(tid, "comm")
	return strings.TrimSuffix(string(b), "\n"), err
}

// Status reads the thread's status file.
func (fs *FS) Status(tid int) (Status, error) {
	b, err := fs.readFile(tid, "status")
	if err != nil {
		return Status{}, err
	}
	return parseStatus(b)
}

// StartTime is when the thread started, in clock ticks after boot (proc_pid_stat(5), field 22). A process's leader keeps it
// across execve.
func (fs *FS) StartTime(tid int) (uint64, error) {
	b, err := fs.readFile(tid, "stat")
	if err != nil {
		return 0, err
	}
	return parseStartTime(b)
}

// Writable says whether every byte of [addr, addr+n) lies in a mapping that the thread itself may write to.
func (fs *FS) Writable(tid int, addr, n uint64) (bool, error) {
	b, err := fs.readFile(tid, "maps")
	if err != nil {
		return false, err
	}
	return parseWritable(b, addr, n)
}

// readFile reads to the end through one descriptor: the kernel makes the text of a status file once per opening, so it
// doesn't mix two moments.
func (fs *FS) readFile(tid int, name string) ([]byte, error) {
	fd, err := fs.OpenAt(tid, name, unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	buf := make([]byte, 0, 4096)
	for {
		n, err := unix.Read(fd, buf[len(buf):cap(buf)])
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return nil, err
		case n == 0:
			return buf, nil
		}
		buf = buf[:len(buf)+n]
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
	}
}

func threadPath(tid int, name string) string {
	if name == "" {
		return strconv.Itoa(tid)
	}
	return strconv.Itoa(tid) + "/" + name
}

// AboveStdio moves a descriptor to a number above 2 if it has a lower one, so that nothing meant for a closed standard stream
// can reach it. It closes fd when it fails.
func AboveStdio(fd int) (int, error) {
	if fd > 2 {
		return fd, nil
	}
	high, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	unix.Close(fd)
	if err != nil {
		return -1, err
	}
	return high, nil
}
