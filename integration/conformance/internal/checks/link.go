package checks

import (
	"strings"

	"golang.org/x/sys/unix"
)

func linkChecks() []Check {
	return []Check{
		{Name: "link/kinds", Run: linkKinds},
		{Name: "link/empty-path", Run: linkEmpty},
		{Name: "link/protected", Run: linkProtected},
		{Name: "symlink/targets", Run: symlinkTargets},
		{Name: "readlink/sizes", Run: readlinkSizes},
		{Name: "readlink/descriptor", Run: readlinkFD},
		{Name: "symlink/depth", Run: symlinkDepth},
	}
}

func linkKinds(p *P) {
	p.kit("k")
	for i, from := range []string{"f", "d", "to_f", "to_d", "dangling", "loop", "p", "secret/x", "f/", "to_f/", "missing", "."} {
		name := "n" + string(rune('a'+i))
		p.call("link", from, name)
		p.state(name)
		p.call("linkat", unix.AT_FDCWD, from, unix.AT_FDCWD, name+"f", unix.AT_SYMLINK_FOLLOW)
		p.state(name + "f")
	}
	p.call("link", "f", "f")
	p.call("link", "f", "d")
	p.call("link", "f", "dangling")
	p.call("link", "f", "new/")
	p.state("f")
}

// A descriptor instead of a name needs CAP_DAC_READ_SEARCH, or since Linux 6.10 the credentials of who opened: linkat(2).
func linkEmpty(p *P) {
	p.kit("k")
	for i, fd := range []int{p.open("f", unix.O_RDONLY), p.open("f", unix.O_PATH), p.open("to_f", unix.O_PATH|unix.O_NOFOLLOW), p.open("d", unix.O_RDONLY),
		unix.AT_FDCWD, 999, p.open("d", unix.O_TMPFILE|unix.O_RDWR), p.open("d", unix.O_TMPFILE|unix.O_RDWR|unix.O_EXCL)} {
		name := "n" + string(rune('a'+i))
		p.call("linkat", fd, "", unix.AT_FDCWD, name, unix.AT_EMPTY_PATH)
		p.call("linkat", fd, "", unix.AT_FDCWD, name+"0", 0)
		p.call("linkat", fd, "", unix.AT_FDCWD, name+"f", unix.AT_EMPTY_PATH|unix.AT_SYMLINK_FOLLOW)
		p.call("linkat", fd, nil, unix.AT_FDCWD, name+"n", unix.AT_EMPTY_PATH)
	}
	p.listing(".")
	p.state("f")
}

// Somebody else's files: fs.protected_hardlinks in proc_sys_fs(5).
func linkProtected(p *P) {
	for _, name := range []string{"/private", "/readable", "/writable", "/setuid"} {
		p.call("link", p.fix+name, "l"+name[1:])
		if fd := p.openRaw(p.fix+name, unix.O_PATH); fd >= 0 {
			p.fds = append(p.fds, fd)
			p.call("linkat", unix.AT_FDCWD, procFD(fd), unix.AT_FDCWD, "p"+name[1:], unix.AT_SYMLINK_FOLLOW)
			p.call("linkat", fd, "", unix.AT_FDCWD, "e"+name[1:], unix.AT_EMPTY_PATH)
		}
	}
	p.listing(".")
}

func symlinkTargets(p *P) {
	for i, target := range []string{"", "x", "/", "//..//", "\xff\n", strings.Repeat("t", 4094), strings.Repeat("t", 4095), strings.Repeat("t", 4096), "a\x01b"} {
		name := "s" + string(rune('a'+i))
		p.call("symlink", target, name)
		p.call("readlink", name, p.textRoom(5000), 5000)
		p.state(name)
	}
	p.call("symlink", tail("abc"), "st")
	p.call("symlink", last("abc"), "su")
	p.call("symlink", nil, "sv")
	p.call("symlinkat", "x", 999, "/proc/none")
	p.listing(".")
}

func readlinkSizes(p *P) {
	p.symlink("0123456789", "s")
	p.file("f", 0o644, "")
	for _, size := range []any{0, 1, 9, 10, 11, 4096, -1, hex(0x80000000), hex(0x7fffffff), hex(0x100000001 & uint64(^uintptr(0)))} {
		p.call("readlink", "s", p.textRoom(64), size)
		p.call("readlinkat", unix.AT_FDCWD, "s", p.textRoom(64), size)
		p.call("readlink", "f", p.textRoom(64), size)
	}
	for _, at := range []any{nil, wild(1), wild(p.mem.hole()), wild(p.mem.hole() - 4), wild(p.mem.hole() - 10)} {
		p.call("readlink", "s", at, 10)
		p.call("readlink", "missing", at, 10)
		p.call("readlink", "s", at, 4)
	}
}

func readlinkFD(p *P) {
	p.symlink("target", "s")
	p.file("f", 0o644, "")
	for _, fd := range []int{p.open("s", unix.O_PATH|unix.O_NOFOLLOW), p.open("f", unix.O_PATH), p.open("f", unix.O_RDONLY), unix.AT_FDCWD, 999} {
		p.call("readlinkat", fd, "", p.textRoom(64), 64)
		p.call("readlinkat", fd, nil, p.textRoom(64), 64)
		p.call("readlinkat", fd, "", p.textRoom(64), 0)
	}
}

// A path may pass 40 symbolic links: path_resolution(7).
func symlinkDepth(p *P) {
	p.file("l0", 0o644, "end")
	for i := 1; i <= 42; i++ {
		p.symlink("l"+itoa(i-1), "l"+itoa(i))
	}
	for _, i := range []int{1, 39, 40, 41, 42} {
		p.fd("open", "l"+itoa(i), unix.O_RDONLY, 0)
		p.fd("open", "l"+itoa(i), unix.O_PATH|unix.O_NOFOLLOW, 0)
		p.call("access", "l"+itoa(i), 0)
		p.call("chmod", "l"+itoa(i), oct(0o600))
		p.call("unlink", "l"+itoa(i)+"/x")
	}
	p.symlink(".", "here")
	p.fd("open", strings.Repeat("here/", 40)+"l0", unix.O_RDONLY, 0)
	p.fd("open", strings.Repeat("here/", 41)+"l0", unix.O_RDONLY, 0)
	p.call("mkdir", strings.Repeat("here/", 40)+"new", oct(0o755))
	p.call("mkdir", strings.Repeat("here/", 41)+"new2", oct(0o755))
}
