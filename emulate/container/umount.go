package container

import (
	"hash/fnv"
	"path/filepath"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/emulate"
)

// umount takes a mount away. What is held keeps a mount busy, so it is let go before, and the mount is named by the directory that it
// is in and the name there. Mounts of the container change only by this package, so that it is the one that was judged is looked at
// once more under a lock.
func umount(flags int) func(o *op) emulate.Result {
	return func(o *op) emulate.Result {
		how := uint32(0)
		if flags != none {
			how = o.flags(flags)
		}
		a, errno := o.actor(granted)
		if errno != 0 {
			return emulate.Errno(errno)
		}
		o.f.given.sweep()
		return result(0, o.umountHeld(a, how))
	}
}

func (f *Family) mountLock(namespace string) *sync.Mutex {
	h := fnv.New32a()
	h.Write([]byte(namespace))
	return &f.unmount[h.Sum32()%uint32(len(f.unmount))]
}

func (o *op) umountHeld(a *actor, how uint32) syscall.Errno {
	o.hold(0)
	if o.pins[0].state == held && o.umountReaches(o.pins[0].fd, how) {
		o.refuse("the machine's mount namespace would lose the mount, too, or the machine's file system would be changed")
		return unix.EPERM
	}
	const nofollow = unix.UMOUNT_NOFOLLOW
	at, ok := o.mountPoint(a)
	if !ok {
		_, errno := a.call(unix.SYS_UMOUNT2, o.name(0), uintptr(how&^nofollow))
		return o.or(0, errno)
	}
	defer unix.Close(at.dir)
	o.pins[0].close()
	lock := o.f.mountLock(o.view.ns[nsMount])
	lock.Lock() // only now: what comes before may ask a server of files that does not answer
	defer lock.Unlock()
	if !at.still() {
		return unix.EINVAL // it is gone
	}
	path := o.cstring(itoa(at.dir) + "/" + at.name)
	_, errno := a.call(unix.SYS_UMOUNT2, path, uintptr(how|nofollow))
	if errno == unix.EBUSY && o.f.pool.drain() && at.still() { // the root of a task that waits may be there
		_, errno = a.call(unix.SYS_UMOUNT2, path, uintptr(how|nofollow))
	}
	return errno
}

// A mountPoint is where a mount is: a name in a directory.
type mountPoint struct {
	dir   int
	name  string
	mount uint64
}

// mountPoint finds the directory that what is held is mounted in; false: it is no mount, or nothing is above it.
func (o *op) mountPoint(a *actor) (mountPoint, bool) {
	p := &o.pins[0]
	if p.state != held {
		return mountPoint{}, false
	}
	st := p.stat()
	if st.Attributes&unix.STATX_ATTR_MOUNT_ROOT == 0 {
		return mountPoint{}, false
	}
	path := o.linkOf(p.fd)
	at := mountPoint{name: filepath.Base(path), mount: st.Mnt_id}
	if at.name == "/" {
		return mountPoint{}, false
	}
	finders := []func(a *actor, fd int, path string) (int, syscall.Errno){o.byPath, o.above}
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		if m, errno := o.mount(p.fd); errno == 0 && inMemory(m.magic) {
			finders = finders[1:]
		}
	}
	for _, find := range finders {
		var errno syscall.Errno
		if at.dir, errno = find(a, p.fd, path); errno != 0 {
			continue
		}
		if at.still() {
			return at, true
		}
		unix.Close(at.dir)
	}
	return mountPoint{}, false
}

// byPath opens the directory that a mount is in by its path, which asks the mount itself nothing.
func (o *op) byPath(a *actor, _ int, path string) (int, syscall.Errno) {
	inside, ok := o.inRoot(filepath.Dir(path))
	if !ok {
		return -1, unix.ENOENT
	}
	return a.openat2(unix.AT_FDCWD, inside, &unix.OpenHow{Flags: unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_NO_MAGICLINKS | unix.RESOLVE_NO_SYMLINKS})
}

// above opens it as a directory's parent, wherever its path leads by now.
func (o *op) above(a *actor, fd int, _ string) (int, syscall.Errno) {
	if o.pins[0].stat().Mode&unix.S_IFMT != unix.S_IFDIR {
		return -1, unix.ENOENT
	}
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC, Resolve: unix.RESOLVE_NO_MAGICLINKS}
	if m, errno := o.mount(fd); errno == 0 && inMemory(m.magic) {
		if dir, errno := opened(direct(unix.SYS_OPENAT, uintptr(fd), o.cstring(".."), uintptr(how.Flags))); errno == 0 {
			return dir, 0 // an ordinary user's supervisor may not search it
		}
	}
	return a.openat2(fd, "..", &how)
}

// inMemory says whether looking for the parent of a file system's root asks nobody: then the supervisor itself may, which needs no hand-over.
// What it finds is the directory above the mount, also where that is not below the caller's root.
func inMemory(magic int64) bool {
	switch magic {
	case unix.TMPFS_MAGIC, unix.RAMFS_MAGIC, unix.PROC_SUPER_MAGIC, unix.SYSFS_MAGIC, unix.DEVPTS_SUPER_MAGIC, unix.CGROUP2_SUPER_MAGIC:
		return true
	}
	return false
}

// inRoot is a path from the mount namespace's root as one from the caller's.
func (o *op) inRoot(path string) (string, bool) {
	root, err := o.f.targets.Readlink(o.env.TID, "root")
	if err != nil {
		return "", false
	}
	rel, err := filepath.Rel(root, path)
	if err != nil || rel == ".." || len(rel) > 2 && rel[:3] == "../" {
		return "", false
	}
	return "/" + rel, true
}

// still says whether the mount is there.
func (m *mountPoint) still() bool {
	id, root := mountAt(m.dir, m.name)
	return root && id == m.mount
}

// mountAt is the id of the mount that is at a name in a directory, or that a descriptor is in, and whether that is the mount's root. It is
// told of others' FUSE, too: see statOf.
func mountAt(dir int, name string) (id uint64, root bool) {
	st, err := statAt(dir, name, statxMount)
	if err != nil {
		return 0, false
	}
	return st.Mnt_id, st.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0
}
