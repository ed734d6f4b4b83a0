package checks

import (
	"strings"

	"golang.org/x/sys/unix"
)

func attributeChecks() []Check {
	return []Check{
		{Name: "attribute/immutable", Run: attrImmutable},
		{Name: "attribute/append-only", Run: attrAppend},
		{Name: "attribute/calls", Run: attrCalls},
	}
}

// Flags of ioctl_iflags(2).
const (
	flagImmutable = 0x10
	flagAppend    = 0x20
	getFlags      = 0x80006601 | wordSize<<16
	setFlags      = 0x40006602 | wordSize<<16
)

// setFlag sets or clears one flag of a file, and says whether that could be done. The others stay: clearing that of extents
// changes the file's form.
func (p *P) setFlag(fd int, flag uint32, on bool) bool {
	b := p.room(8)
	if r, _ := p.raw("ioctl", fd, hex(getFlags), b); !r.ok() {
		return false
	}
	flags := le32(b.b) &^ flag
	if on {
		flags |= flag
	}
	r, _ := p.raw("ioctl", fd, hex(setFlags), longs(int64(flags)))
	return r.ok()
}

// withFlag makes the calls of each kind on a file and a directory with a flag, and takes it off again.
func (p *P) withFlag(flag uint32) {
	p.kit("k")
	f, d := p.open("f", unix.O_RDONLY), p.open("d", unix.O_RDONLY)
	on := p.setFlag(f, flag, true) && p.setFlag(d, flag, true)
	p.printf("set: %t", on)
	defer p.setFlag(f, flag, false)
	defer p.setFlag(d, flag, false)
	if !on {
		return
	}
	for _, name := range []string{"f", "d/e", "d/new"} {
		for _, flags := range []int{unix.O_RDONLY, unix.O_WRONLY, unix.O_WRONLY | unix.O_APPEND, unix.O_RDONLY | unix.O_TRUNC, unix.O_CREAT | unix.O_WRONLY, unix.O_NOATIME} {
			p.fd("open", name, flags, oct(0o600))
		}
		p.call("link", name, "linked")
		p.call("chmod", name, oct(0o600))
		p.call("chown", name, 1, 1)
		p.call("utimensat", unix.AT_FDCWD, name, nil, 0)
		p.call("utimensat", unix.AT_FDCWD, name, longs(1, 2, 3, 4), 0)
		p.call("truncate", name, 1)
		p.call("setxattr", name, "user.a", data("v"), 1, 0)
		p.call("access", name, unix.W_OK)
		p.call("rename", name, "moved")
		p.call("rename", "moved", name)
		p.call("unlink", name)
	}
	p.call("mkdir", "d/m", oct(0o755))
	p.call("rmdir", "d")
	p.call("statx", unix.AT_FDCWD, "f", 0, unix.STATX_BASIC_STATS, p.statxRoom())
}

func attrImmutable(p *P) { p.withFlag(flagImmutable) }
func attrAppend(p *P)    { p.withFlag(flagAppend) }

// file_getattr and file_setattr came with Linux 6.17: struct file_attr of linux/fs.h.
func attrCalls(p *P) {
	p.kit("k")
	fd := p.open("f", unix.O_RDONLY)
	for _, size := range []int{0, 8, 23, 24, 25, 32, 4096, 4097, -1} {
		p.call("file_getattr", unix.AT_FDCWD, "f", p.room(5000), size, 0)
		p.call("file_setattr", unix.AT_FDCWD, "f", data(make([]byte, 5000)), size, 0)
		full := data(strings.Repeat("\x00", 5000))
		if size > 24 {
			full[size-1] = 1
		}
		p.call("file_setattr", unix.AT_FDCWD, "f", full, size, 0)
	}
	for _, name := range []any{"f", "d", "to_f", "dangling", "p", "", nil, "secret/x", "/proc/self", "/dev/null"} {
		for _, flags := range []int{0, unix.AT_SYMLINK_NOFOLLOW, unix.AT_EMPTY_PATH, unix.AT_SYMLINK_FOLLOW} {
			p.call("file_getattr", unix.AT_FDCWD, name, p.room(64), 24, flags)
			p.call("file_getattr", fd, name, p.room(64), 24, flags)
		}
	}
	for _, flags := range []uint64{0x40, 0x80, 0x8, 0x10, 1 << 40} { // FS_XFLAG_: noatime, nodump, immutable, append, none
		p.call("file_setattr", unix.AT_FDCWD, "f", words(flags, 0, 0), 24, 0)
		p.call("statx", unix.AT_FDCWD, "f", 0, unix.STATX_BASIC_STATS, p.statxRoom())
		p.call("file_setattr", fd, "", words(0, 0, 0), 24, unix.AT_EMPTY_PATH)
	}
	for _, at := range []any{nil, wild(1), wild(p.mem.hole()), wild(p.mem.hole() - 8)} {
		p.call("file_getattr", unix.AT_FDCWD, "f", at, 24, 0)
		p.call("file_setattr", unix.AT_FDCWD, "f", at, 24, 0)
		p.call("file_setattr", unix.AT_FDCWD, "missing", at, 24, 0)
	}
}
