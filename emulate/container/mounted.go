package container

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// keepable are the mount flags, of those that a caller may be kept from taking away, that a mount's attributes stand for.
func keepable(attrs uint64) (flags uint64) {
	if attrs&unix.MOUNT_ATTR_NODEV != 0 {
		flags |= unix.MS_NODEV
	}
	if attrs&unix.MOUNT_ATTR_NOSUID != 0 {
		flags |= unix.MS_NOSUID
	}
	return flags
}

// marks are a mount's file system type and keepable flags, by its fields in mountinfo.
func marks(fields [][]byte) (kind string, flags uint64) {
	for i := 6; i+1 < len(fields); i++ {
		if string(fields[i]) == "-" {
			kind = string(fields[i+1])
			break
		}
	}
	options := strings.Split(string(fields[5]), ",")
	if slices.Contains(options, "nodev") {
		flags |= unix.MS_NODEV
	}
	if slices.Contains(options, "nosuid") {
		flags |= unix.MS_NOSUID
	}
	return kind, flags
}

// strange says whether somebody else than the kernel decides what is in such a file system: devices and set-id files in it are anybody's.
// In a user namespace the kernel itself sees to those that were mounted there.
func (f *Family) strange(kind string) bool {
	t := f.typeOf(kind)
	return t == nil || t.made >= outside && !t.owned || len(t.fds) > 0
}

// strangeMagic says the same of a file system's number (statfs(2)).
func strangeMagic(magic int64) bool {
	const mqueue = 0x19800202 // MQUEUE_MAGIC of ipc/mqueue.c
	return !slices.Contains([]int64{unix.TMPFS_MAGIC, unix.RAMFS_MAGIC, unix.SYSFS_MAGIC, unix.DEVPTS_SUPER_MAGIC, unix.CGROUP2_SUPER_MAGIC,
		unix.BPF_FS_MAGIC, unix.HUGETLBFS_MAGIC, unix.PROC_SUPER_MAGIC, unix.OVERLAYFS_SUPER_MAGIC, unix.BINFMTFS_MAGIC, mqueue}, magic)
}

// strangeMount says whether a place's mount is of a strange file system, and which keepable flags it has; false: it cannot be told, since
// it is attached nowhere.
func (o *op) strangeMount(fd int) (strange bool, flags uint64, ok bool) {
	if m, errno := o.mount(fd); errno == 0 {
		return strangeMagic(m.magic), m.flags, true
	}
	line := o.mountOf(fd)
	if line == nil {
		return true, 0, false
	}
	kind, flags := marks(line)
	return o.f.strange(kind), flags, true
}

// foreignContent says whether a new mount's devices are to mean nothing: a container that may mount what it has written, or serves, could
// have any device otherwise.
func (o *op) foreignContent(t *fsType) bool {
	return t != nil && o.foreign(nsMount) && o.f.strange(t.name)
}

// kept are the flags of a mount that a caller does not take away.
func (o *op) kept(fd int) uint64 {
	if !o.foreign(nsMount) {
		return 0
	}
	strange, flags, ok := o.strangeMount(fd)
	if !ok || !strange {
		return 0
	}
	return flags & o.lasting()
}

// lasting are the flags that last: in a user namespace, what a machine's file system says of set-id files would be the machine's ids.
func (o *op) lasting() uint64 {
	if o.foreign(nsUser) {
		return safe
	}
	return unix.MS_NODEV
}

// keptAttrs are those of the attributes that path i's mount, and with AT_RECURSIVE those below it, are not to lose. Of copies that are
// attached nowhere, it is not known what is below.
func (o *op) keptAttrs(i int, cleared uint64) uint64 {
	lasting := mountAttrs(o.lasting())
	p := &o.pins[i]
	if cleared&lasting == 0 || p.state != held || !o.foreign(nsMount) {
		return 0
	}
	strange, flags, ok := o.strangeMount(p.fd)
	recursive := o.arg(2)&unix.AT_RECURSIVE != 0
	switch {
	case ok && recursive && !o.strangeBelow(), !ok && !recursive && o.plain(p.fd), ok && !recursive && !strange:
		return 0
	case ok && !recursive:
		return mountAttrs(flags) & lasting
	}
	return lasting
}

// strangeBelow says whether the caller has any mount that is to keep something. In doubt it has.
func (o *op) strangeBelow() bool {
	text, err := os.ReadFile("/proc/" + itoa(o.env.TID) + "/mountinfo")
	if err != nil {
		return true
	}
	for line := range bytes.Lines(text) {
		fields := bytes.Fields(line)
		if len(fields) < 6 {
			continue
		}
		if kind, flags := marks(fields); flags != 0 && o.f.strange(kind) {
			return true
		}
	}
	return false
}

// plain asks the file system itself what it is.
func (o *op) plain(fd int) bool {
	a, errno := o.actor(granted)
	if errno != 0 {
		return false
	}
	magic, ok := a.magic(fd)
	return ok && !strangeMagic(magic)
}

// umountReaches says whether unmounting would be seen by the machine, or change a file system of its: a server is told to give up
// (MNT_FORCE of umount(2)), and the root's is made read-only instead (do_umount() of fs/namespace.c).
func (o *op) umountReaches(fd int, how uint32) bool {
	if o.foreign(nsUser) || !o.foreign(nsMount) || o.f.o.OwnMounts {
		return false
	}
	st, _ := statOf(fd, unix.STATX_BASIC_STATS|unix.STATX_MNT_ID)
	if st.Attributes&unix.STATX_ATTR_MOUNT_ROOT == 0 {
		return false // it is no mount
	}
	isRoot := placeOf(&st) == o.view.root
	if (how&unix.MNT_FORCE != 0 || isRoot && how&(unix.MNT_DETACH|unix.MNT_EXPIRE) == 0) && o.machines(fd) {
		return true
	}
	group, ok := o.peersAbove(fd)
	return !isRoot && (!ok || group != "" && ownMounts(func(fields [][]byte) bool { return string(peerGroup(fields)) == group }))
}

// peersAbove is the peer group of the mount that a mount is on: it loses the mount in all of them. "": none; false: it cannot be told.
func (o *op) peersAbove(fd int) (string, bool) {
	m, errno := o.mount(fd)
	if errno == unix.ENOENT {
		return "", true // it is nowhere
	}
	if errno == 0 {
		up, errno := o.askMount(m.parent)
		if errno == 0 && up.peers == 0 {
			return "", true
		}
		return "shared:" + strconv.FormatUint(up.peers, 10), errno == 0
	}
	line := o.mountOf(fd)
	if line == nil {
		return "", false
	}
	up := o.mountLine(line[1])
	return string(peerGroup(up)), up != nil
}

// rootDevice is the device of a mount's root, as mountinfo has it.
func rootDevice(tree int) string {
	st, _ := statOf(tree, 0)
	return fmt.Sprintf("%d:%d", st.Dev_major, st.Dev_minor)
}

// machinesOwn says whether reconfiguring what a context has made would change a file system of the machine: one that is on a device or
// a server may be mounted there as well. In a user namespace the kernel asks whose it is, but not where the supervisor itself acts.
func (o *op) machinesOwn(x fsContext) bool {
	switch {
	case x.kind == nil || x.dev == "" || !o.foreign(nsMount):
		return false // fspick has looked, or there is nothing yet
	case x.kind.made >= outside:
		return true
	}
	return !o.foreign(nsUser) && ownMounts(func(fields [][]byte) bool { return string(fields[2]) == x.dev })
}
