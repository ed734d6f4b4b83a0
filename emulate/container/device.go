package container

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/emulate"
	"github.com/stead-project/stead/policy"
)

func deviceRows() []row {
	return []row{
		{call: "mknod", texts: []int{0}, paths: []pathArg{{text: 0, dir: none, kind: name}}, do: mknod(1), note: mknodNote},
		{call: "mknodat", texts: []int{1}, paths: []pathArg{{text: 1, dir: 0, kind: name}}, do: mknod(2), note: mknodNote},
	}
}

const mknodNote = "in a user namespace, where the file system has no devices, the machine's is bound to an empty file"

// mknod: mode is its position; the device's number follows it.
func mknod(mode int) func(o *op) emulate.Result {
	return func(o *op) emulate.Result {
		a, errno := o.actor(asTarget)
		if errno != 0 {
			return emulate.Errno(errno)
		}
		bits, dev := o.flags(mode), o.flags(mode+1)
		if !o.mayMake(bits, dev) || o.pins[0].state != named {
			return o.makeNode(a, bits, dev)
		}
		if o.foreign(nsUser) {
			if o.realDevice(a, bits, dev) {
				return emulate.Return(0)
			}
			return result(0, o.bindDevice(a, bits, dev))
		}
		h, errno := o.actor(host)
		if errno != 0 {
			return emulate.Errno(errno)
		}
		return o.makeNode(h, bits, dev)
	}
}

// mayMake says whether the call makes a device, and one that is granted. A whiteout is nobody's privilege (vfs_mknod() of fs/namei.c).
func (o *op) mayMake(bits, dev uint32) bool {
	kind := bits & unix.S_IFMT
	if kind != unix.S_IFCHR && kind != unix.S_IFBLK || dev == 0 || !o.grant.lends() {
		return false
	}
	list := o.grant.Devices
	if list == nil {
		list = policy.HarmlessDevices()
	}
	major, minor := unix.Major(uint64(dev)), unix.Minor(uint64(dev))
	return slices.ContainsFunc(list, func(d policy.Device) bool { return d.Is(kind, major, minor) })
}

// realDevice makes a device in a user namespace where it can be used: on a file system that the machine has mounted, such as a container's
// root. It is the caller's then, and can be renamed as package managers do. Whether a file system has devices shows when one is opened
// (path_nodev() of fs/namei.c), which the harmless ones bear.
func (o *op) realDevice(a *actor, bits, dev uint32) bool {
	harmless := func(d policy.Device) bool {
		return d.Is(bits&unix.S_IFMT, unix.Major(uint64(dev)), unix.Minor(uint64(dev)))
	}
	h, errno := o.actor(host)
	if errno != 0 || !slices.ContainsFunc(policy.HarmlessDevices(), harmless) {
		return false
	}
	r := o.makeNode(h, bits, dev)
	if _, bad := r.Failed(); bad {
		return false
	}
	p := &o.pins[0]
	place, errno := h.openat2(p.fd, p.name, &unix.OpenHow{Flags: unix.O_PATH | unix.O_NOFOLLOW | unix.O_CLOEXEC})
	if errno != 0 {
		return true // it has been renamed or removed already
	}
	defer unix.Close(place)
	st, ok := statOf(place, unix.STATX_BASIC_STATS)
	if !ok || unix.Mkdev(st.Rdev_major, st.Rdev_minor) != uint64(dev) || uint32(st.Mode)&unix.S_IFMT != bits&unix.S_IFMT {
		return true // something else has its name
	}
	if o.usable(a, h, place, uint32(st.Mode)&0o7777) {
		return true
	}
	a.call(unix.SYS_UNLINKAT, uintptr(p.fd), o.cstring(p.name), 0)
	return false
}

// usable tries to open a device that the caller has just made. One that its owner may not read is readable meanwhile.
func (o *op) usable(a, h *actor, place int, mode uint32) bool {
	if mode&unix.S_IRUSR == 0 {
		a.call(unix.SYS_FCHMODAT, atCwd, o.fdName(place), uintptr(mode|unix.S_IRUSR))
		defer a.call(unix.SYS_FCHMODAT, atCwd, o.fdName(place), uintptr(mode))
	}
	fd, errno := h.openat2(unix.AT_FDCWD, itoa(place), &unix.OpenHow{Flags: unix.O_RDONLY | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC})
	if errno == 0 {
		unix.Close(fd)
	}
	return errno != unix.EACCES
}

func (o *op) makeNode(a *actor, bits, dev uint32) emulate.Result {
	p := &o.pins[0]
	dir, path := ^uintptr(0), o.tooLong()
	if p.state == named {
		dir, path = uintptr(p.fd), o.cstring(p.name)
	}
	r, errno := a.call(unix.SYS_MKNODAT, dir, path, uintptr(bits), uintptr(dev))
	return result(r, o.or(0, errno))
}

// bindDevice makes an empty file, as the caller, and binds the machine's device to it.
func (o *op) bindDevice(a *actor, bits, dev uint32) syscall.Errno {
	g, errno := o.actor(granted) // a mount belongs to the container
	if errno != 0 {
		return errno
	}
	path, errno := hostDevice(bits&unix.S_IFMT, uint64(dev))
	if errno != 0 {
		return errno
	}
	const clone = unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC
	tree, errno := opened(direct(unix.SYS_OPEN_TREE, atCwd, o.cstring(path), clone))
	if errno != 0 {
		return errno
	}
	o.closing(tree)
	// A copy of a shared mount is its peer: what the container mounts on it would appear on the machine's device (mount_namespaces(7)).
	if err := unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Propagation: unix.MS_PRIVATE}); err != nil {
		return errnoOf(err)
	}
	r := o.makeNode(a, unix.S_IFREG|bits&0o7777, 0)
	if errno, bad := r.Failed(); bad {
		return errno
	}
	p := &o.pins[0]
	dir, name := p.fd, p.name
	fd, errno := a.openat2(dir, name, &unix.OpenHow{Flags: unix.O_PATH | unix.O_NOFOLLOW | unix.O_CLOEXEC})
	if errno == 0 {
		o.closing(fd)
		errno = o.attachAt(g, tree, fd)
	}
	if errno != 0 {
		a.call(unix.SYS_UNLINKAT, uintptr(dir), o.cstring(name), 0)
	}
	return errno
}

// hostDevice is where the supervisor has a device, by what the kernel calls it (sysfs(5)).
func hostDevice(kind uint32, dev uint64) (string, syscall.Errno) {
	class := "char"
	if kind == unix.S_IFBLK {
		class = "block"
	}
	text, err := os.ReadFile(fmt.Sprintf("/sys/dev/%s/%d:%d/uevent", class, unix.Major(dev), unix.Minor(dev)))
	if err != nil {
		return "", unix.EPERM
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		name, ok := bytes.CutPrefix(lines.Bytes(), []byte("DEVNAME="))
		if !ok {
			continue
		}
		path := "/dev/" + string(name)
		var st unix.Stat_t
		if unix.Lstat(path, &st) == nil && st.Mode&unix.S_IFMT == kind && st.Rdev == dev {
			return path, 0
		}
	}
	return "", unix.EPERM
}

// direct makes a call as the supervisor.
func direct(nr uintptr, args ...uintptr) (uintptr, syscall.Errno) {
	var p [6]uintptr
	copy(p[:], args)
	for {
		r, _, errno := syscall.Syscall6(nr, p[0], p[1], p[2], p[3], p[4], p[5])
		if errno != unix.EINTR {
			return r, errno
		}
	}
}
