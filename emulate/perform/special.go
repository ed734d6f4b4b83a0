package perform

import (
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/internal/procself"
)

// isTTY says whether an inode is /dev/tty, which means the opener's controlling terminal (tty(4)).
func isTTY(st *unix.Statx_t) bool { return st.Rdev_major == ttyMajor && st.Rdev_minor == 0 }

// Device numbers of terminals and of pseudo-terminals (Documentation/admin-guide/devices.txt).
const (
	ttyMajor = 5
	firstPTS = 136
	lastPTS  = 143
)

// openTTY opens the target's controlling terminal: through /dev/tty where it is the supervisor's too, else by the terminal's own
// name, which the target has to have the right to.
func (o *op) openTTY(pin *pin, how *unix.OpenHow) (int, syscall.Errno) {
	theirs, ours := o.terminal(o.env.TID), o.terminal(unix.Getpid())
	switch {
	case theirs == ours:
		how.Flags &^= unix.O_NOFOLLOW
		return o.t.openHeld(pin.fd, how)
	case theirs == 0:
		return -1, unix.ENXIO
	}
	dev := uint64(uint32(theirs))
	major, minor := unix.Major(dev), unix.Minor(dev)
	if major < firstPTS || major > lastPTS {
		return -1, unix.ENXIO
	}
	n := uint64(major-firstPTS)<<20 | uint64(minor)
	path := append(strconv.AppendUint([]byte("/dev/pts/"), n, 10), 0)
	held, errno := o.t.openat2(unix.AT_FDCWD, path, &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC})
	if errno != 0 {
		return -1, unix.ENXIO
	}
	defer unix.Close(held)
	var st unix.Statx_t
	if o.t.fstat(held, &st) != 0 || st.Rdev_major != major || st.Rdev_minor != minor {
		return -1, unix.ENXIO
	}
	return o.t.openHeld(held, how)
}

// terminal is field 7 of proc_pid_stat(5), with the session's number: a terminal controls one session at a time.
func (o *op) terminal(tid int) int {
	dir, err := o.f.targets.OpenAt(tid, "", unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return 0
	}
	defer unix.Close(dir)
	n, err := strconv.Atoi(string(procself.StatField(dir, 7)))
	if err != nil {
		return 0
	}
	return n
}

// stickyRefuses is may_create_in_sticky() of fs/namei.c for an O_CREAT that finds the file there already: in a sticky directory that
// others may write to, nobody opens another's FIFO or regular file so. Opened by what is held, the kernel does not know the directory.
func (o *op) stickyRefuses(pin *pin) bool {
	level := o.f.callers.protects(pin.stat.Mode & unix.S_IFMT)
	if level == 0 || pin.stat.Uid == o.view.cred.UID.FS || len(o.bufs[0]) == 0 {
		return false
	}
	dir, ok := o.directoryOf(0)
	if !ok || dir.Mode&unix.S_ISVTX == 0 || dir.Uid == pin.stat.Uid {
		return false
	}
	return dir.Mode&unix.S_IWOTH != 0 || level > 1 && dir.Mode&unix.S_IWGRP != 0
}

// directoryOf describes the directory that the path's last component is in.
func (o *op) directoryOf(i int) (st unix.Statx_t, ok bool) {
	before := o.base[i]
	o.base[i] = -1
	defer func() {
		o.closeBase(i)
		o.base[i] = before
	}()
	text := o.text(o.row.paths[i].path, i)
	base, errno := o.from(i, text)
	if errno != 0 {
		return st, false
	}
	var parent pin
	o.findName(&parent, base, text, 0)
	ok = parent.state == named && o.t.fstat(parent.fd, &st) == 0
	parent.close()
	return st, ok
}
