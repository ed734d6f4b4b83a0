package perform

import (
	"bytes"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/internal/procself"
)

// owns says whether something in a proc file system belongs to the supervisor. In doubt it does.
func (f *Family) owns(fd int, st *unix.Statx_t) bool {
	if st.Mode&unix.S_IFMT != unix.S_IFDIR || st.Ino == procself.Root {
		return false // files are reached through their directories
	}
	return f.pool.tasks.Own(fd)
}

// idsIn are the target's process and thread ids in the pid namespace of a proc file system.
func (o *op) idsIn(root int) (pid, tid int, ok bool) {
	o.unsure = true
	dir, err := o.f.targets.OpenAt(o.env.TID, "", unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return 0, 0, false
	}
	defer unix.Close(dir)
	return procself.IDsIn(root, dir)
}

// ownEntry says whether a directory in a proc file system is the target's own. Its links are always open to it, and not always to
// somebody else with its rights: a process that has changed its ids is closed to others (ptrace(2)).
func (o *op) ownEntry(dir int) bool {
	entry, root, ok := procself.Entry(dir)
	if !ok {
		return false
	}
	defer unix.Close(entry)
	defer unix.Close(root)
	pid, _, ok := o.idsIn(root)
	if !ok {
		return false
	}
	own, err := unix.Openat(root, strconv.Itoa(pid), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(own)
	var a, b unix.Stat_t
	return unix.Fstat(own, &a) == nil && unix.Fstat(entry, &b) == nil && a.Dev == b.Dev && a.Ino == b.Ino
}

// ownDescriptors says whether what is held is the directory of the caller's own descriptors. Its process may always list it, also one that is
// not dumpable, as container runtimes are before they execute the container's program (proc_fd_permission() of fs/proc/fd.c).
func (o *op) ownDescriptors(pin *pin) bool {
	path, errno := o.own.pathOf(pin.fd)
	return errno == 0 && bytes.HasSuffix(path, []byte("/fd")) && o.own.inProc(pin.fd, &pin.stat) && o.ownEntry(pin.fd) && o.env.Valid() == nil
}
