package checks

import (
	"strconv"

	"golang.org/x/sys/unix"
)

func itoa(n int) string { return strconv.Itoa(n) }

func modeChecks() []Check {
	return []Check{
		{Name: "mode/all-bits", Run: modeBits},
		{Name: "mode/nofollow", Run: modeNofollow},
		{Name: "mode/descriptor", Run: modeDescriptor},
		{Name: "mode/others", Run: modeOthers},
		{Name: "mode/set-group-dropped", Run: modeSetgid},
	}
}

func modeBits(p *P) {
	p.file("f", 0o644, "")
	p.mkdir("d", 0o755)
	for _, name := range []string{"f", "d"} {
		for _, mode := range []oct{0, 0o777, 0o1777, 0o2777, 0o4777, 0o7777, 0o10000, 0o100644, 0xffffffff, 0o700} {
			p.call("chmod", name, mode)
			p.state(name)
			p.call("fchmodat", unix.AT_FDCWD, name, mode^0o22)
			p.call("fchmodat2", unix.AT_FDCWD, name, mode^0o44, 0)
			p.state(name)
		}
	}
}

func modeNofollow(p *P) {
	p.kit("k")
	for _, name := range []string{"to_f", "dangling", "f", "to_d", "p"} {
		p.call("fchmodat2", unix.AT_FDCWD, name, oct(0o611), unix.AT_SYMLINK_NOFOLLOW)
		p.state(name)
		// The older call has no flags: a fourth argument does not count.
		p.call("fchmodat", unix.AT_FDCWD, name, oct(0o633), unix.AT_SYMLINK_NOFOLLOW)
		p.state(name)
	}
	p.state("f")
}

func modeDescriptor(p *P) {
	p.kit("k")
	for _, fd := range []int{p.open("f", unix.O_PATH), p.open("f", unix.O_RDONLY), p.open("to_f", unix.O_PATH|unix.O_NOFOLLOW), p.open("d", unix.O_PATH), unix.AT_FDCWD} {
		p.call("fchmodat2", fd, "", oct(0o711), unix.AT_EMPTY_PATH)
		p.call("fchmodat2", fd, "", oct(0o722), unix.AT_EMPTY_PATH|unix.AT_SYMLINK_NOFOLLOW)
		p.call("fchmodat2", fd, nil, oct(0o733), unix.AT_EMPTY_PATH)
		p.call("fchmodat2", fd, "", oct(0o744), 0)
	}
	for _, name := range []string{"f", "d", "to_f", "."} {
		p.state(name)
	}
}

func modeOthers(p *P) {
	for _, name := range []string{"/private", "/readable", "/writable", "/closed", "/closed/file", "/group", "/setuid"} {
		p.call("chmod", p.fix+name, oct(0o6755))
		p.state(p.fix + name)
		p.call("chown", p.fix+name, p.uid(), -1)
		p.call("chown", p.fix+name, -1, -1)
		p.call("truncate", p.fix+name, 1)
		p.call("utimensat", unix.AT_FDCWD, p.fix+name, longs(1, 1, 1, 1), 0)
		p.call("setxattr", p.fix+name, "user.x", data("x"), 1, 0)
		p.call("access", p.fix+name, unix.R_OK|unix.W_OK)
		p.fd("open", p.fix+name, unix.O_RDWR, 0)
		p.state(p.fix + name)
	}
}

// Who is not in a file's group cannot keep its set-group bit: chmod(2).
func modeSetgid(p *P) {
	p.file("f", 0o644, "")
	p.call("chown", "f", -1, 65533)
	p.call("chmod", "f", oct(0o2755))
	p.state("f")
}

func ownerChecks() []Check {
	return []Check{
		{Name: "owner/values", Run: ownerValues},
		{Name: "owner/clears-set-id", Run: ownerClears},
		{Name: "owner/links", Run: ownerLinks},
		{Name: "owner/descriptor", Run: ownerDescriptor},
		{Name: "owner/sixteen-bits", Run: ownerSixteen},
	}
}

func ownerValues(p *P) {
	p.file("f", 0o644, "")
	for _, ids := range [][2]int{{-1, -1}, {p.uid(), p.gid()}, {1, 2}, {-1, 3}, {4, -1}, {0, 0}, {12345, 23456}, {-1, 34567}, {-2, -2}, {0x7fffffff, 65534}} {
		p.call("chown", "f", ids[0], ids[1])
		p.state("f")
		p.call("fchownat", unix.AT_FDCWD, "f", ids[1], ids[0], 0)
		p.state("f")
	}
}

func ownerClears(p *P) {
	for i, mode := range []uint32{0o6755, 0o6745, 0o2745, 0o4711} {
		name := "f" + itoa(i)
		p.file(name, mode, "")
		p.call("chown", name, p.uid(), p.gid())
		p.state(name)
		p.file(name+"n", mode, "")
		p.call("chown", name+"n", -1, -1)
		p.state(name + "n")
	}
	p.mkdir("d", 0o6755)
	p.call("chown", "d", p.uid(), p.gid())
	p.state("d")
	p.file("t", 0o6755, "content")
	p.call("truncate", "t", 2)
	p.state("t")
	p.file("o", 0o6755, "content")
	p.fd("open", "o", unix.O_WRONLY|unix.O_TRUNC, 0)
	p.state("o")
}

func ownerLinks(p *P) {
	p.kit("k")
	p.call("lchown", "to_f", 5, 6)
	p.call("lchown", "dangling", p.uid(), p.gid())
	p.call("chown", "dangling", p.uid(), p.gid())
	p.call("fchownat", unix.AT_FDCWD, "to_d", 7, 8, unix.AT_SYMLINK_NOFOLLOW)
	p.call("chown", "to_d", p.uid(), p.gid())
	p.call("chown", "to_f", 9, 10)
	for _, name := range []string{"to_f", "dangling", "to_d", "d", "f"} {
		p.state(name)
	}
}

func ownerDescriptor(p *P) {
	p.kit("k")
	for _, fd := range []int{p.open("f", unix.O_PATH), p.open("to_f", unix.O_PATH|unix.O_NOFOLLOW), p.open("d", unix.O_RDONLY), unix.AT_FDCWD, 999} {
		p.call("fchownat", fd, "", p.uid(), p.gid(), unix.AT_EMPTY_PATH)
		p.call("fchownat", fd, "", 11, 12, unix.AT_EMPTY_PATH)
		p.call("fchownat", fd, "", p.uid(), p.gid(), 0)
		p.call("fchownat", fd, nil, -1, -1, unix.AT_EMPTY_PATH)
	}
	for _, name := range []string{"f", "to_f", "d", "."} {
		p.state(name)
	}
}

// The first calls of i386 have ids of 16 bits, where 65535 leaves as it is.
func ownerSixteen(p *P) {
	p.file("f", 0o644, "")
	for _, id := range []int{0xffff, 0xfffe, 0x10000, 0x12345} {
		p.call("chown", "f", id, -1)
		p.state("f")
		p.call("lchown", "f", -1, id)
		p.state("f")
		p.call("chown32", "f", -1, id)
		p.state("f")
	}
}

func truncateChecks() []Check {
	return []Check{
		{Name: "truncate/lengths", Run: truncateLengths},
		{Name: "truncate/kinds", Run: truncateKinds},
	}
}

func truncateLengths(p *P) {
	p.file("f", 0o644, "0123456789")
	for _, n := range []int{10, 4, 0, 20, -1, 0x7fffffff} {
		p.call("truncate", "f", n)
		p.state("f")
		p.call("truncate64", "f", off(n))
		p.state("f")
	}
	for _, n := range []off{1 << 33, 1 << 62, -1, -1 << 63, 3} {
		call := "truncate"
		if wordSize == 4 {
			call = "truncate64"
		}
		p.call(call, "f", n)
		p.state("f")
	}
	p.must("utimensat", unix.AT_FDCWD, "f", longs(1, 1, 1, 1), 0)
	p.call("truncate", "f", 3)
	p.state("f")
}

func truncateKinds(p *P) {
	p.kit("k")
	p.file("ro", 0o444, "content")
	for _, name := range []string{"d", "p", "to_f", "dangling", "ro", "secret", "secret/x", "/dev/null", "/proc/self/status", "f/"} {
		p.call("truncate", name, 2)
		p.call("truncate", name, -1)
	}
	p.state("f")
	p.state("ro")
}
