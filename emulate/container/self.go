package container

import (
	"bytes"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// self is what the links "self" and "thread-self" of a proc file system say to the caller; "" for every other link.
func (o *op) self(dir, link int) string {
	var st unix.Stat_t
	if unix.Fstat(dir, &st) != nil || st.Ino != procRoot {
		return ""
	}
	var own unix.Stat_t
	if unix.Fstat(link, &own) != nil {
		return ""
	}
	for _, n := range [...]string{"self", "thread-self"} {
		var this unix.Stat_t
		if unix.Fstatat(dir, n, &this, unix.AT_SYMLINK_NOFOLLOW) != nil || this.Ino != own.Ino {
			continue
		}
		pid, tid, ok := o.idsIn(dir)
		switch {
		case !ok:
			return "nobody" // the caller is not in that pid namespace
		case n == "thread-self":
			return strconv.Itoa(pid) + "/task/" + strconv.Itoa(tid)
		}
		return strconv.Itoa(pid)
	}
	return ""
}

// owns says whether something in a proc file system belongs to the supervisor: its memory and descriptors are what the caller must not
// reach, and its tasks may reach their own without being asked (ptrace_may_access of kernel/ptrace.c). In doubt it does.
func (f *Family) owns(fd int) bool {
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil {
		return true
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR || st.Ino == procRoot {
		return false // files are reached through their directories
	}
	dir, root, ok := processDir(fd)
	if !ok {
		return true
	}
	defer unix.Close(dir)
	defer unix.Close(root)
	status, errno := readAt(dir, "status")
	if errno != 0 {
		return errno != unix.ENOENT && errno != unix.ESRCH // no process's, or a dead one's
	}
	return f.isOwn(root, status)
}

// isOwn looks at the status of a process as a proc file system shows it. That shows the supervisor too, as "self", or is one of a pid
// namespace that the supervisor, and so its tasks, are not in.
func (f *Family) isOwn(root int, status []byte) bool {
	self := make([]byte, 32)
	n, err := unix.Readlinkat(root, "self", self)
	if err != nil || n == 0 {
		return false
	}
	ids := statusIDs(status, "NStgid:")
	if len(ids) == 0 || itoa(ids[0]) == string(self[:n]) {
		return true
	}
	own, errno := readAt(root, "self/status")
	return errno != 0 || len(statusIDs(own, "NStgid:")) == len(ids) && f.pool.has(ids[len(ids)-1])
}

func statusIDs(status []byte, key string) (ids []int) {
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

// processDir goes up from a directory in a proc file system to the one below its root. The caller closes both.
func processDir(fd int) (dir, root int, ok bool) {
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
		if unix.Fstat(up, &st) == nil && st.Ino == procRoot {
			return cur, up, true
		}
		unix.Close(cur)
		cur = up
	}
	unix.Close(cur)
	return -1, -1, false
}

// readAt reads a small file of procfs.
func readAt(dir int, name string) ([]byte, syscall.Errno) {
	fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, errnoOf(err)
	}
	defer unix.Close(fd)
	buf := make([]byte, 8192)
	n, err := unix.Read(fd, buf)
	if err != nil {
		return nil, errnoOf(err)
	}
	return buf[:n], 0
}

// idsIn are the caller's process and thread ids in the pid namespace of a proc file system: the ids of one of its own namespaces, of
// which the innermost that fits is the one.
func (o *op) idsIn(root int) (pid, tid int, ok bool) {
	dir, err := o.f.targets.OpenAt(o.env.TID, "", unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return 0, 0, false
	}
	defer unix.Close(dir)
	status, errno := readAt(dir, "status")
	if errno != 0 {
		return 0, 0, false
	}
	tgids, tids := statusIDs(status, "NStgid:"), statusIDs(status, "NSpid:")
	start := startTime(dir)
	for i := min(len(tids), len(tgids)) - 1; i >= 0; i-- {
		if sameThread(root, tgids[i], tids[i], start, len(tids)-i) {
			return tgids[i], tids[i], true
		}
	}
	return 0, 0, false
}

// sameThread says whether an entry of a proc file system is the caller's: it began at the same moment, and has as many ids from there
// inwards.
func sameThread(root, pid, tid int, start []byte, levels int) bool {
	dir, err := unix.Openat(root, itoa(pid)+"/task/"+itoa(tid), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(dir)
	status, errno := readAt(dir, "status")
	return errno == 0 && len(statusIDs(status, "NSpid:")) == levels && bytes.Equal(startTime(dir), start)
}

// startTime is field 22 of proc_pid_stat(5), counted from behind the name, which may hold anything.
func startTime(dir int) []byte {
	const field = 22 - 3
	text, errno := readAt(dir, "stat")
	if errno != 0 {
		return nil
	}
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(fields) <= field {
		return nil
	}
	return fields[field]
}
