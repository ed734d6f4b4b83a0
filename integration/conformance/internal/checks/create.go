package checks

import (
	"encoding/binary"
	"syscall"

	"golang.org/x/sys/unix"
)

func createChecks() []Check {
	return []Check{
		{Name: "create/mkdir", Run: createMkdir},
		{Name: "create/mknod", Run: createMknod},
		{Name: "create/devices", Run: createDevices},
		{Name: "create/set-group-directory", Run: createSetgid},
		{Name: "create/set-group-of-others", Run: createSetgidOthers},
		{Name: "create/default-acl", Run: createACL},
		{Name: "create/trailing-slash", Run: createSlash},
		{Name: "create/fsuid", Run: createFSUID, Alone: true},
	}
}

func createMkdir(p *P) {
	for _, mode := range []oct{0, 0o777, 0o1777, 0o2777, 0o4777, 0o7777, 0o170777, 0xffffffff} {
		p.call("mkdir", "d", mode)
		p.state("d")
		p.call("rmdir", "d")
	}
	p.call("mkdirat", unix.AT_FDCWD, "a", oct(0o700))
	p.call("mkdirat", unix.AT_FDCWD, "a/b/c", oct(0o700))
	p.call("mkdir", "a", oct(0o700))
	p.call("mkdir", "a/.", oct(0o700))
	p.call("mkdir", "a/..", oct(0o700))
	p.call("mkdir", "x/.", oct(0o700))
	p.symlink("gone", "s")
	p.call("mkdir", "s", oct(0o700))
	p.call("mkdir", "s/", oct(0o700))
	p.listing(".")
}

func createMknod(p *P) {
	for i, mode := range []oct{0, 0o644, unix.S_IFREG | 0o4755, unix.S_IFIFO | 0o2777, unix.S_IFSOCK | 0o777, unix.S_IFDIR | 0o755, unix.S_IFLNK | 0o777,
		0o170000, 0o030000, 0x10000 | 0o644} {
		name := "n" + string(rune('a'+i))
		p.call("mknod", name, mode, 0)
		p.call("mknodat", unix.AT_FDCWD, name+"at", mode, 0x101)
		p.state(name)
		p.state(name + "at")
	}
	p.symlink("gone", "s")
	p.call("mknod", "s", oct(unix.S_IFREG|0o644), 0)
	p.call("mknod", "na", oct(unix.S_IFREG|0o644), 0)
}

func createDevices(p *P) {
	for _, dev := range []int{0x103, 0x501, 0, -1} {
		p.call("mknod", "c", oct(unix.S_IFCHR|0o666), dev)
		p.state("c")
		p.fd("open", "c", unix.O_RDONLY|unix.O_NONBLOCK, 0)
		p.call("mknodat", unix.AT_FDCWD, "b", oct(unix.S_IFBLK|0o660), dev)
		p.state("b")
		p.call("unlink", "c")
		p.call("unlink", "b")
	}
	// A whiteout needs no capability: vfs_mknod of Linux 5.8 and later.
	p.call("mknod", "w", oct(unix.S_IFCHR|0o600), 0)
	p.state("w")
}

func createSetgid(p *P) {
	p.must("mkdir", "d", oct(0o777))
	p.call("chmod", "d", oct(0o2777))
	p.state("d")
	p.makeEach("d/")
}

// makeEach makes one of each kind.
func (p *P) makeEach(prefix string) {
	p.fd("open", prefix+"f", unix.O_CREAT|unix.O_WRONLY, oct(0o2775))
	p.fd("open", prefix+"x", unix.O_CREAT|unix.O_WRONLY, oct(0o2764))
	p.fd("creat", prefix+"c", oct(0o666))
	p.call("mkdir", prefix+"m", oct(0o777))
	p.call("mknod", prefix+"n", oct(unix.S_IFREG|0o2755), 0)
	p.call("mknod", prefix+"p", oct(unix.S_IFIFO|0o666), 0)
	p.call("symlink", "target", prefix+"s")
	if fd := p.fd("open", prefix, unix.O_TMPFILE|unix.O_WRONLY, oct(0o2775)); fd >= 0 {
		p.call("linkat", unix.AT_FDCWD, procFD(fd), unix.AT_FDCWD, prefix+"t", unix.AT_SYMLINK_FOLLOW)
	}
	for _, name := range []string{"f", "x", "c", "m", "n", "p", "s", "t"} {
		p.state(prefix + name)
	}
}

// The directories of the fixtures belong to a group that the caller is in, and to one that it is not in.
func createSetgidOthers(p *P) {
	for _, dir := range []string{"/group", "/foreign"} {
		name := p.fix + dir
		p.state(name)
		p.makeEach(name + "/")
	}
}

// acl is the kernel's form of an access list (linux/posix_acl_xattr.h): a version, then tag, permissions and id of each entry.
func acl(entries ...[3]uint32) data {
	b := binary.LittleEndian.AppendUint32(nil, 2)
	for _, e := range entries {
		b = binary.LittleEndian.AppendUint16(b, uint16(e[0]))
		b = binary.LittleEndian.AppendUint16(b, uint16(e[1]))
		b = binary.LittleEndian.AppendUint32(b, e[2])
	}
	return b
}

// createACL: where a directory has a default list, the umask does not count: see umask(2), acl(5).
func createACL(p *P) {
	const none = ^uint32(0)
	p.must("mkdir", "d", oct(0o755))
	list := acl([3]uint32{1, 7, none}, [3]uint32{2, 6, uint32(p.uid())}, [3]uint32{4, 7, none}, [3]uint32{16, 7, none}, [3]uint32{32, 6, none})
	p.call("setxattr", "d", "system.posix_acl_default", list, len(list), 0)
	for _, mask := range []int{0, 0o22, 0o777} {
		syscall.Umask(mask)
		prefix := "d/" + string(rune('a'+mask%26))
		p.makeEach(prefix)
	}
	syscall.Umask(0o22)
	p.call("getxattr", "d/af", "system.posix_acl_access", p.room(128), 128)
	p.call("chmod", "d/af", oct(0o640))
	p.state("d/af")
	p.call("setxattr", "d/af", "system.posix_acl_access", list, len(list), 0)
	p.call("setxattr", "d/af", "system.posix_acl_access", list, len(list)-1, 0)
	p.call("setxattr", "d/af", "system.posix_acl_default", list, len(list), 0)
	p.call("removexattr", "d/af", "system.posix_acl_access")
	p.state("d/af")
}

func createSlash(p *P) {
	p.symlink("gone", "s")
	for _, name := range []string{"a/", "s/", "a//", "./a/"} {
		p.fd("open", name, unix.O_CREAT|unix.O_WRONLY, oct(0o600))
		p.call("mknod", name, oct(unix.S_IFREG|0o600), 0)
		p.call("symlink", "x", name)
		p.call("link", "s", name)
		p.call("mkdir", name, oct(0o700))
		p.call("rmdir", name)
	}
	p.listing(".")
}

// The user and group of a new file are those of the file system ids of the thread: setfsuid(2).
func createFSUID(p *P) {
	p.must("fchmodat", unix.AT_FDCWD, ".", oct(0o777))
	for _, ids := range [][2]int{{p.uid(), p.gid()}, {12345, p.gid()}, {p.uid(), 23456}, {77, 88}} {
		p.raw("setfsgid", ids[1])
		p.raw("setfsuid", ids[0])
		name := "f" + string(rune('a'+ids[0]%26))
		p.call("mkdir", name+"d", oct(0o755))
		p.fd("open", name, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY, oct(0o600))
		p.fd("open", p.fix+"/private", unix.O_RDONLY, 0)
		p.call("access", p.fix+"/private", unix.R_OK)
		p.call("faccessat2", unix.AT_FDCWD, p.fix+"/private", unix.R_OK, unix.AT_EACCESS)
		p.raw("setfsuid", p.uid())
		p.raw("setfsgid", p.gid())
		p.state(name)
		p.state(name + "d")
	}
}
