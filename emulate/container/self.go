package container

import (
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/internal/procself"
)

// self is what the links "self" and "thread-self" of a proc file system say to the caller; "" for every other link.
func (o *op) self(dir, link int) string {
	var st unix.Stat_t
	if unix.Fstat(dir, &st) != nil || st.Ino != procself.Root {
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

// owns says whether something in a proc file system belongs to the supervisor. In doubt it does.
func (f *Family) owns(fd int) bool {
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil {
		return true
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR || st.Ino == procself.Root {
		return false // files are reached through their directories
	}
	return f.pool.tasks.Own(fd)
}

// idsIn are the caller's process and thread ids in the pid namespace of a proc file system.
func (o *op) idsIn(root int) (pid, tid int, ok bool) {
	dir, err := o.f.targets.OpenAt(o.env.TID, "", unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return 0, 0, false
	}
	defer unix.Close(dir)
	return procself.IDsIn(root, dir)
}
