package perform

import (
	"bytes"
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/internal/procself"
)

// What the kernel asks of whoever opens, beside rights: in which control group it is (devices), and in which namespaces (sysctls). Threads
// that act for a target take neither, so what depends on it is refused where it differs.

// refusesDevice says whether a device may be closed to the target's control group (the devices controller, cgroups(7)) and is not to the
// supervisor's. What every container has is open.
func (o *op) refusesDevice(st *unix.Statx_t) bool {
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFBLK:
		return !o.sameFile("cgroup")
	case unix.S_IFCHR:
		return !everywhere(st.Rdev_major) && !o.sameFile("cgroup")
	}
	return false
}

// everywhere are the devices of memory, of terminals and of pseudo-terminals.
func everywhere(major uint32) bool {
	return major == memoryMajor || major == ttyMajor || major >= firstPTS && major <= lastPTS
}

// refusesSysctl says whether an opening would write a sysctl of the supervisor's namespaces instead of the target's: files below
// /proc/sys belong to whoever opens them (fs/proc/proc_sysctl.c).
func (o *op) refusesSysctl(pin *pin, how *unix.OpenHow) bool {
	if how.Flags&unix.O_ACCMODE == unix.O_RDONLY && how.Flags&unix.O_TRUNC == 0 || !o.t.inProc(pin.fd, &pin.stat) {
		return false
	}
	path, errno := o.own.pathOf(pin.fd)
	if errno == 0 && !bytes.Contains(path, []byte("/sys/")) {
		return false
	}
	for _, ns := range [...]string{"ns/net", "ns/ipc", "ns/uts"} {
		theirs, err := o.f.targets.Readlink(o.env.TID, ns)
		ours, bad := o.f.targets.Readlink(unix.Getpid(), ns)
		if err != nil || bad != nil || theirs != ours {
			return true
		}
	}
	return false
}

// sameFile compares a file of the target's in proc with the supervisor's. In doubt they differ.
func (o *op) sameFile(name string) bool {
	theirs, err := o.ofProcess(o.env.TID, name)
	ours, bad := o.ofProcess(unix.Getpid(), name)
	return err == nil && bad == nil && bytes.Equal(theirs, ours)
}

// outside says whether what is held is on no mount that the caller could look a path up in: it was handed a descriptor of it, and has no
// path for it. That is how runtimes wait for a container's start (runc's exec.fifo). In doubt it is not so.
func (o *op) outside(fd int) bool {
	theirs, err := o.f.targets.Readlink(o.env.TID, "ns/mnt")
	ours, bad := o.f.targets.Readlink(unix.Getpid(), "ns/mnt")
	var st unix.Statx_t
	if err != nil || bad != nil || theirs == ours || unix.Statx(fd, "", unix.AT_EMPTY_PATH, statxMntID, &st) != nil || st.Mask&statxMntID == 0 {
		return false
	}
	mounts, err := o.mountinfo()
	if err != nil || o.env.Valid() != nil {
		return false
	}
	id := strconv.AppendUint(nil, st.Mnt_id, 10)
	for line := range bytes.Lines(mounts) {
		if first, _, _ := bytes.Cut(line, []byte(" ")); bytes.Equal(first, id) {
			return false
		}
	}
	return true
}

func (o *op) mountinfo() ([]byte, error) {
	fd, err := o.f.targets.OpenAt(o.env.TID, "mountinfo", unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), "mountinfo")
	defer file.Close()
	return io.ReadAll(file)
}

func (o *op) ofProcess(pid int, name string) ([]byte, error) {
	dir, err := o.f.targets.OpenAt(pid, "", unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	defer unix.Close(dir)
	return procself.ReadAt(dir, name)
}
