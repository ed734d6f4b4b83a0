package checks

import (
	"strings"

	"golang.org/x/sys/unix"
)

func xattrChecks() []Check {
	return []Check{
		{Name: "xattr/names", Run: xattrNameKinds},
		{Name: "xattr/sizes", Run: xattrSizes},
		{Name: "xattr/flags", Run: xattrFlags},
		{Name: "xattr/kinds-of-files", Run: xattrFiles},
		{Name: "xattr/links", Run: xattrLinks},
		{Name: "xattr/list", Run: xattrList},
		{Name: "xattr/at", Run: xattrAt},
		{Name: "xattr/at-sizes", Run: xattrAtSizes},
		{Name: "xattr/pointers", Run: xattrPointers},
	}
}

func xattrNameKinds(p *P) {
	p.file("f", 0o644, "")
	for _, name := range []any{"user.a", "user.", "user", "", "trusted.a", "security.a", "system.a", "none.a", "security.capability", "security.selinux",
		"user." + strings.Repeat("n", 250), "user." + strings.Repeat("n", 251), strings.Repeat("n", 256), "user.\xff\n", tail("user.a"), last("user.b"), nil, wild(1)} {
		p.call("setxattr", "f", name, data("value"), 5, 0)
		p.call("getxattr", "f", name, p.textRoom(64), 64)
		p.call("lgetxattr", "f", name, nil, 0)
		p.call("removexattr", "f", name)
		p.call("removexattr", "f", name)
	}
	p.state("f")
}

func xattrSizes(p *P) {
	p.file("f", 0o644, "")
	for _, n := range []int{0, 1, 100, 2000} {
		p.call("setxattr", "f", "user.a", data(strings.Repeat("v", n)), n, 0)
		for _, size := range []int{0, 1, 99, 100, 101, 2000, 65535, 65536, 65537, 1 << 30, -1} {
			p.call("getxattr", "f", "user.a", p.room(2100), size)
			p.call("listxattr", "f", p.room(2100), size)
		}
	}
	for _, size := range []any{65536, 65537, -1, hex(0x7fffffff), hex(0x1_0000_0005 & uint64(^uintptr(0)))} {
		p.call("setxattr", "f", "user.b", data(strings.Repeat("v", 66000)), size, 0)
	}
	p.call("setxattr", "f", "user.c", nil, 0, 0)
	p.call("setxattr", "f", "user.d", nil, 5, 0)
	p.call("setxattr", "f", "user.e", wild(1), 0, 0)
	p.state("f")
}

func xattrFlags(p *P) {
	p.file("f", 0o644, "")
	for _, flags := range []int{unix.XATTR_REPLACE, unix.XATTR_CREATE, unix.XATTR_CREATE, unix.XATTR_REPLACE, 3, 4, -1} {
		p.call("setxattr", "f", "user.a", data("v"), 1, flags)
		p.call("lsetxattr", "f", "user.a", data("w"), 1, flags)
		p.call("setxattr", "missing", "user.a", data("w"), 1, flags)
	}
	p.call("getxattr", "f", "user.a", p.textRoom(8), 8)
}

func xattrFiles(p *P) {
	p.kit("k")
	p.must("mkdir", "sticky", oct(0o777))
	p.must("chmod", "sticky", oct(0o1777))
	p.file("ro", 0o444, "")
	for _, name := range []string{"f", "d", "p", "to_f", "to_d", "dangling", "sticky", "ro", "/proc/self/status", "secret", p.fix + "/readable", p.fix + "/private", p.fix + "/sticky"} {
		for _, attr := range []string{"user.a", "trusted.a", "security.a"} {
			p.call("setxattr", name, attr, data("v"), 1, 0)
			p.call("lsetxattr", name, attr, data("v"), 1, 0)
			p.call("getxattr", name, attr, p.textRoom(8), 8)
			p.call("removexattr", name, attr)
			p.call("lremovexattr", name, attr)
		}
	}
}

func xattrLinks(p *P) {
	p.kit("k")
	p.call("lsetxattr", "to_f", "trusted.l", data("link"), 4, 0)
	p.call("setxattr", "to_f", "trusted.l", data("file"), 4, 0)
	p.call("lgetxattr", "to_f", "trusted.l", p.textRoom(8), 8)
	p.call("getxattr", "to_f", "trusted.l", p.textRoom(8), 8)
	p.call("llistxattr", "to_f", p.textRoom(64), 64)
	p.call("listxattr", "to_f", p.textRoom(64), 64)
	p.call("lremovexattr", "to_f", "trusted.l")
	p.call("removexattr", "dangling", "trusted.l")
	p.state("to_f")
	p.state("f")
}

func xattrList(p *P) {
	p.file("f", 0o644, "")
	for _, name := range []string{"user.one", "user.two", "trusted.three"} {
		p.call("setxattr", "f", name, data("v"), 1, 0)
	}
	for _, size := range []int{0, 1, 8, 9, 17, 18, 19, 100} {
		p.call("listxattr", "f", p.textRoom(100), size)
		p.call("llistxattr", "f", p.textRoom(100), size)
	}
}

// The calls of Linux 6.13 that take a directory's descriptor: setxattrat(2).
func xattrAt(p *P) {
	p.kit("k")
	fd, dir := p.open("f", unix.O_RDONLY), p.open("d", unix.O_PATH)
	for _, flags := range []int{0, unix.AT_SYMLINK_NOFOLLOW, unix.AT_EMPTY_PATH, unix.AT_SYMLINK_FOLLOW} {
		for _, at := range [][2]any{{unix.AT_FDCWD, "f"}, {fd, ""}, {fd, nil}, {dir, "e"}, {dir, ""}, {unix.AT_FDCWD, ""}, {unix.AT_FDCWD, nil}, {unix.AT_FDCWD, "to_f"}, {999, "f"}, {999, ""}, {fd, "x"}} {
			value := p.put([]byte("value"))
			p.call("setxattrat", at[0], at[1], flags, "user.a", words(uint64(address(value)), 5), 16)
			room := p.put(make([]byte, 16))
			p.call("getxattrat", at[0], at[1], flags, "user.a", words(uint64(address(room)), 16), 16)
			p.printf("got %q", room)
			p.call("listxattrat", at[0], at[1], flags, p.textRoom(64), 64)
			p.call("removexattrat", at[0], at[1], flags, "user.a")
		}
	}
}

func xattrAtSizes(p *P) {
	p.file("f", 0o644, "")
	value := p.put([]byte("value"))
	for _, size := range []int{0, 8, 15, 16, 17, 24, 4096, 4097, -1} {
		for _, extra := range []byte{0, 1} {
			args := append(words(uint64(address(value)), 5), make([]byte, 4200)...)
			if size > 16 {
				args[size-1] = extra
			}
			p.call("setxattrat", unix.AT_FDCWD, "f", 0, "user.a", args, size)
			p.call("getxattrat", unix.AT_FDCWD, "f", 0, "user.a", args, size)
		}
	}
	for _, args := range []any{nil, wild(1), wild(p.mem.hole()), wild(p.mem.hole() - 8), words(0, 0), words(1, 5), words(0, 5), words(uint64(address(value)), 5|1<<32),
		words(uint64(address(value)), 5|8<<32), words(1<<40, 5)} {
		p.call("setxattrat", unix.AT_FDCWD, "f", 0, "user.b", args, 16)
		p.call("getxattrat", unix.AT_FDCWD, "f", 0, "user.b", args, 16)
	}
	p.state("f")
}

func xattrPointers(p *P) {
	p.file("f", 0o644, "")
	p.must("setxattr", "f", "user.a", data("value"), 5, 0)
	for _, at := range []any{nil, wild(1), wild(p.mem.hole()), wild(p.mem.hole() - 3), wild(p.mem.hole() - 5)} {
		p.call("setxattr", "f", "user.b", at, 4, 0)
		p.call("getxattr", "f", "user.a", at, 5)
		p.call("getxattr", "f", "user.a", at, 0)
		p.call("listxattr", "f", at, 7)
		p.call("setxattr", "missing", "user.b", at, 5, 0)
		p.call("setxattr", "f", at, at, 5, 0)
		p.call("getxattr", "missing", at, at, 5)
	}
	p.state("f")
}
