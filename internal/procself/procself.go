// Package procself says whose an entry of a proc file system is, whichever pid namespace that shows: the supervisor's own, which a call
// made for somebody else must not reach, or a caller's. Entries are open directories, so what is looked at is what is used.
package procself

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"
)

// Root is the inode number of every proc file system's root: PROC_ROOT_INO of include/linux/proc_fs.h.
const Root = 1

// A Proc is the proc file system of this process's pid namespace and, in it, the directory of this process's descriptors, both as O_PATH.
type Proc struct {
	Root, FDs int
	owned     bool // Close closes them
}

// Close closes both, if they are this one's.
func (p Proc) Close() {
	if p.owned {
		unix.Close(p.Root)
		unix.Close(p.FDs)
	}
}

// OpenOr is what others have opened already, which stays theirs to close, or is opened if they have not.
func OpenOr(theirs *Proc) (Proc, error) {
	if theirs != nil {
		return Proc{Root: theirs.Root, FDs: theirs.FDs}, nil
	}
	root, fds, err := open()
	return Proc{Root: root, FDs: fds, owned: err == nil}, err
}

func open() (proc, fds int, err error) {
	const flags = unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC
	proc, err = unix.Open("/proc", flags, 0)
	if err != nil {
		return -1, -1, fmt.Errorf("open the proc file system: %w (mount one at /proc)", err)
	}
	var st unix.Statfs_t
	if err := unix.Fstatfs(proc, &st); err != nil || st.Type != unix.PROC_SUPER_MAGIC {
		unix.Close(proc)
		return -1, -1, fmt.Errorf("/proc is no proc file system: %w (mount one)", unix.ENODEV)
	}
	fds, err = unix.Openat(proc, "self/fd", flags, 0)
	if err != nil {
		unix.Close(proc)
		return -1, -1, fmt.Errorf("open /proc/self/fd: %w (mount the proc file system of this pid namespace)", err)
	}
	return proc, fds, nil
}

// Tasks are the processes that act for the supervisor, by the ids that it knows them by. The zero value has none; its methods may be
// called from any goroutine.
type Tasks struct {
	mu   sync.Mutex
	pids map[int]bool
}

// Add remembers a process.
func (t *Tasks) Add(pid int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.pids == nil {
		t.pids = map[int]bool{}
	}
	t.pids[pid] = true
}

// Remove forgets a process.
func (t *Tasks) Remove(pid int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.pids, pid)
}

func (t *Tasks) has(pid int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.pids[pid]
}

// Own says whether a directory below the root of a proc file system belongs to the supervisor: its memory and descriptors are what
// others must not reach, and its tasks may reach their own without being asked (ptrace_may_access of kernel/ptrace.c). In doubt it does.
func (t *Tasks) Own(fd int) bool {
	dir, root, ok := Entry(fd)
	if !ok {
		return true
	}
	defer unix.Close(dir)
	defer unix.Close(root)
	status, err := ReadAt(dir, "status")
	if err != nil {
		return !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ESRCH) // no process's, or a dead one's
	}
	return t.shown(root, status)
}

// shown looks at the status of a process as a proc file system shows it. That shows the supervisor too, as "self", or is one of a pid
// namespace that the supervisor, and so its tasks, are not in.
func (t *Tasks) shown(root int, status []byte) bool {
	self := make([]byte, 32)
	n, err := unix.Readlinkat(root, "self", self)
	if err != nil || n == 0 {
		return false
	}
	ids := StatusIDs(status, "NStgid:")
	if len(ids) == 0 || strconv.Itoa(ids[0]) == string(self[:n]) {
		return true
	}
	own, err := ReadAt(root, "self/status")
	return err != nil || len(StatusIDs(own, "NStgid:")) == len(ids) && (t.has(ids[len(ids)-1]) || sharesMemory(ids[len(ids)-1]))
}

// sharesMemory says whether a process is a task of this one, whoever of us has started it (kcmp(2)). Without CAP_SYS_PTRACE it cannot be
// told, and then nobody with no more than that can reach its memory either.
func sharesMemory(pid int) bool {
	const kcmpVM = 1
	r, _, errno := unix.Syscall6(unix.SYS_KCMP, uintptr(unix.Getpid()), uintptr(pid), kcmpVM, 0, 0, 0)
	return errno == 0 && r == 0
}

// Entry goes up from a directory in a proc file system to the one below its root, a process's or another. The caller closes both.
func Entry(fd int) (dir, root int, ok bool) {
	const deepest = 8
	cur, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return -1, -1, false
	}
	for range deepest {
		up, err := unix.Openat(cur, "..", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			break
		}
		var st unix.Stat_t
		if unix.Fstat(up, &st) == nil && st.Ino == Root {
			return cur, up, true
		}
		unix.Close(cur)
		cur = up
	}
	unix.Close(cur)
	return -1, -1, false
}

// IDsIn are a thread's process and thread ids in the pid namespace of the proc file system at root: the ids of one of its own
// namespaces, of which the innermost that fits is the one. The thread's directory is one in the supervisor's proc file system.
func IDsIn(root, thread int) (pid, tid int, ok bool) {
	status, err := ReadAt(thread, "status")
	if err != nil {
		return 0, 0, false
	}
	tgids, tids := StatusIDs(status, "NStgid:"), StatusIDs(status, "NSpid:")
	start := StartTime(thread)
	for i := min(len(tids), len(tgids)) - 1; i >= 0; i-- {
		if same(root, tgids[i], tids[i], start, len(tids)-i) {
			return tgids[i], tids[i], true
		}
	}
	return 0, 0, false
}

// same says whether an entry of a proc file system is a thread's: it began at the same moment, and has as many ids from there inwards.
func same(root, pid, tid int, start []byte, levels int) bool {
	dir, err := unix.Openat(root, strconv.Itoa(pid)+"/task/"+strconv.Itoa(tid), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(dir)
	status, err := ReadAt(dir, "status")
	return err == nil && len(StatusIDs(status, "NSpid:")) == levels && bytes.Equal(StartTime(dir), start)
}

// maxRead has room for all that the kernel writes into these files, but for a status with a thousand groups and more: whose that is, is
// then not known.
const maxRead = 8192

// ReadAt reads a small file of procfs, of which it gives the first 8192 bytes. Errors are bare errnos.
func ReadAt(dir int, name string) ([]byte, error) {
	fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	buf := make([]byte, maxRead)
	n, err := unix.Read(fd, buf)
	if err != nil {
		return nil, err
	}
	return buf[:n], nil
}

// StatusIDs are the numbers in a line of a status file (proc_pid_status(5)), which key, with its colon, begins; nil where there are none.
// The file's first line, with the name in it, is not looked at.
func StatusIDs(status []byte, key string) (ids []int) {
	_, rest, _ := bytes.Cut(status, []byte("\n"+key))
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	for _, field := range bytes.Fields(line) {
		n, err := strconv.Atoi(string(field))
		if err != nil {
			return nil
		}
		ids = append(ids, n)
	}
	return ids
}

// StartTime is when a thread started, in clock ticks after boot; nil for one that has gone.
func StartTime(dir int) []byte { return StatField(dir, 22) }

// StatField is a field of a thread's stat file by its number in proc_pid_stat(5), from 3 on; nil where there is none. It is counted from
// behind the name, field 2, which may hold anything.
func StatField(dir, number int) []byte {
	text, err := ReadAt(dir, "stat")
	if err != nil {
		return nil
	}
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if i := number - 3; i >= 0 && i < len(fields) {
		return fields[i]
	}
	return nil
}
