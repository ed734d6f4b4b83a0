package container

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// A mountFacts is what has to be known of a mount.
type mountFacts struct {
	magic        int64  // of its file system (statfs(2))
	major, minor uint32 // of its file system
	peers        uint64 // the peer group, 0 for none (mount_namespaces(7))
	id           uint32 // as mountinfo shows it
	parent       uint64 // the mount that it is on, by the id that no other mount ever has
	flags        uint64 // of MS_NODEV and MS_NOSUID, those that it has
}

// mountFinder says how much a kernel tells by statmount(2).
type mountFinder uint8

const (
	byNamespace mountFinder = iota // of any mount namespace: Linux 6.11
	byActor                        // of the one that is asked in: Linux 6.8
	byText                         // nothing: mountinfo has to be read
)

// A mountCache keeps what was asked last, during one call: nobody can make a mount a peer of one that belongs to the machine.
type mountCache struct {
	id uint64 // which no other mount ever has; 0: empty
	mountFacts
}

// find tries statmount on the supervisor's own root.
func (f *Family) find() mountFinder {
	if f.own.mounts != 0 {
		return byNamespace
	}
	root, err := unix.Open("/", unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return byText
	}
	defer unix.Close(root)
	if id, ok := mountID(root); ok {
		if _, errno := new(mountQuestion).ask(id, 0); errno == 0 {
			return byActor
		}
	}
	return byText
}

// mountsOf is what statmount knows a thread's mount namespace by, if it tells the supervisor of the thread's root there: Linux 6.11.
func (f *Family) mountsOf(tid, root int) uint64 {
	at, ok := mountID(root)
	if !ok {
		return 0
	}
	fd, err := f.targets.OpenAt(tid, "ns/mnt", unix.O_RDONLY)
	if err != nil {
		return 0
	}
	defer unix.Close(fd)
	id := namespaceID(fd)
	if _, errno := new(mountQuestion).ask(at, id); id == 0 || errno != 0 {
		return 0
	}
	return id
}

// statxMount asks which mount a descriptor is in: by an id that no other mount ever has (Linux 6.8), or else by one that a later mount may
// have (Linux 5.8).
const (
	statxUnique = unix.STATX_MNT_ID_UNIQUE
	statxMount  = statxUnique | unix.STATX_MNT_ID
)

func mountID(fd int) (uint64, bool) {
	st, _ := statOf(fd, statxMount)
	return uniqueID(&st)
}

func uniqueID(st *unix.Statx_t) (uint64, bool) { return st.Mnt_id, st.Mask&statxUnique != 0 }

// mount tells about the mount that a descriptor is in. ENOENT: it is in none of the caller's mount namespace, so that the kernel changes
// nothing there. Every other errno: it cannot be told like this.
func (o *op) mount(fd int) (mountFacts, syscall.Errno) {
	for i := range o.pins {
		if p := &o.pins[i]; p.state == held && p.fd == fd {
			return o.mountBy(p.stat())
		}
	}
	st, _ := statOf(fd, statxMount)
	return o.mountBy(&st)
}

func (o *op) mountBy(st *unix.Statx_t) (mountFacts, syscall.Errno) {
	id, ok := uniqueID(st)
	if !ok || o.f.finder == byText {
		return mountFacts{}, unix.ENOSYS
	}
	if o.mounts.id == id {
		return o.mounts.mountFacts, 0
	}
	facts, errno := o.askMount(id)
	if errno == 0 {
		o.mounts = mountCache{id, facts}
	}
	return facts, errno
}

// askMount asks as the supervisor, which needs CAP_SYS_ADMIN over the mount namespace, or as the caller.
func (o *op) askMount(id uint64) (mountFacts, syscall.Errno) {
	if errno := o.look(); errno != 0 {
		return mountFacts{}, unix.EPERM
	}
	if o.f.finder == byNamespace && o.view.mounts != 0 {
		facts, errno := o.ask.ask(id, o.view.mounts)
		if errno == 0 || errno == unix.ENOENT {
			return facts, errno
		}
	}
	a, errno := o.actor(asTarget)
	if errno != 0 {
		return mountFacts{}, unix.EPERM
	}
	facts, errno := a.statmount(id)
	if errno == unix.ENOENT {
		errno = unix.EPERM // one that the caller's root does not reach is not shown to it
	}
	return facts, errno
}

// inProc says whether a descriptor refers to procfs, whose device has no driver (major 0). In doubt it does.
func (o *op) inProc(a *actor, fd int, st *unix.Statx_t) bool {
	if st.Dev_major != 0 {
		return false
	}
	if m, errno := o.mountBy(st); errno == 0 {
		return m.magic == unix.PROC_SUPER_MAGIC
	}
	magic, ok := a.magic(fd)
	return !ok || magic == unix.PROC_SUPER_MAGIC
}

// machines says whether a file system is mounted in the supervisor's own mount namespace, too: its options are no container's. In a user
// namespace the kernel sees to that.
func (o *op) machines(fd int) bool {
	if o.foreign(nsUser) || !o.foreign(nsMount) {
		return false
	}
	number := o.device(fd)
	return number == "" || ownMounts(func(fields [][]byte) bool { return string(fields[2]) == number })
}

// device is the number of a mount's file system as mountinfo says it: files of btrfs and overlay tell other devices of themselves.
func (o *op) device(fd int) string {
	if m, errno := o.mount(fd); errno == 0 {
		return fmt.Sprintf("%d:%d", m.major, m.minor)
	}
	if line := o.mountOf(fd); line != nil {
		return string(line[2])
	}
	return ""
}

// machineSees says whether what is mounted or unmounted at a place happens in the supervisor's mount namespace, too: the place's mount
// has a peer there. A user namespace's mounts have none (mount_namespaces(7)). In doubt it does.
func (o *op) machineSees(fd int) bool {
	if o.f.o.OwnMounts || !o.foreign(nsMount) {
		return false
	}
	group, ok := o.peers(fd)
	return !ok || group != "" && ownMounts(func(fields [][]byte) bool { return string(peerGroup(fields)) == group })
}

// peers is the peer group of a place's mount as mountinfo says it, "" for none; false: it cannot be told.
func (o *op) peers(fd int) (string, bool) {
	m, errno := o.mount(fd)
	switch {
	case errno == unix.ENOENT || errno == 0 && m.peers == 0:
		return "", true
	case errno == 0:
		return "shared:" + strconv.FormatUint(m.peers, 10), true
	}
	line := o.mountOf(fd)
	return string(peerGroup(line)), line != nil
}

// ownMounts says whether a mount of the supervisor's namespace is like something, by its fields in mountinfo. In doubt one is.
func ownMounts(like func(fields [][]byte) bool) bool {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return true
	}
	for line := range bytes.Lines(text) {
		if fields := bytes.Fields(line); len(fields) > 6 && like(fields) {
			return true
		}
	}
	return false
}

// peerGroup is the optional field shared:N of a mount (proc_pid_mountinfo(5)).
func peerGroup(mount [][]byte) []byte {
	for i := 6; i < len(mount) && string(mount[i]) != "-"; i++ {
		if bytes.HasPrefix(mount[i], []byte("shared:")) {
			return mount[i]
		}
	}
	return nil
}

// mountOf are the fields of the line that the target's mountinfo has of a place's mount; nil: it has none, since the mount is not below
// the caller's root, or is nowhere.
func (o *op) mountOf(fd int) [][]byte {
	st, _ := statOf(fd, unix.STATX_MNT_ID)
	if st.Mask&unix.STATX_MNT_ID == 0 {
		return nil
	}
	return o.mountLine([]byte(strconv.FormatUint(st.Mnt_id, 10)))
}

// mountLine is the same of a mount by its id in mountinfo.
func (o *op) mountLine(id []byte) [][]byte {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/mountinfo", o.env.TID))
	if err != nil {
		return nil
	}
	for line := range bytes.Lines(text) {
		if f := bytes.Fields(line); len(f) > 6 && bytes.Equal(f[0], id) {
			return f
		}
	}
	return nil
}
