package checks

import (
	"golang.org/x/sys/unix"
)

func timeChecks() []Check {
	return []Check{
		{Name: "time/now-and-omit", Run: timeSpecial},
		{Name: "time/bad", Run: timeBad},
		{Name: "time/range", Run: timeRange},
		{Name: "time/old-calls", Run: timeOld},
		{Name: "time/pointers", Run: timePointers},
		{Name: "time/descriptor", Run: timeDescriptor},
		{Name: "time/links", Run: timeLinks},
		{Name: "time/others", Run: timeOthers},
	}
}

// timesCalls are the two widths of utimensat that an ABI may have.
func timesCalls() []string { return []string{"utimensat", "utimensat_time64"} }

// timesFor makes the structure for one of them.
func timesFor(call string, v ...int64) data {
	if call == "utimensat" {
		return longs(v...)
	}
	var u []uint64
	for _, x := range v {
		u = append(u, uint64(x))
	}
	return words(u...)
}

func timeSpecial(p *P) {
	p.file("f", 0o644, "")
	for _, call := range timesCalls() {
		for _, pair := range [][4]int64{{1, 2, 3, 4}, {0, unix.UTIME_OMIT, 5, 6}, {7, 8, 0, unix.UTIME_OMIT}, {0, unix.UTIME_OMIT, 0, unix.UTIME_OMIT},
			{99, unix.UTIME_NOW, 9, 9}, {10, 10, 99, unix.UTIME_NOW}, {1, 1, 1, 1}, {0, unix.UTIME_NOW, 0, unix.UTIME_NOW}, {-1, 5, -100, 7}} {
			p.printf("%v", pair)
			p.call(call, unix.AT_FDCWD, "f", timesFor(call, pair[:]...), 0)
			p.state("f")
		}
		p.call(call, unix.AT_FDCWD, "f", nil, 0)
		p.state("f")
		p.call(call, unix.AT_FDCWD, "missing", timesFor(call, 0, unix.UTIME_OMIT, 0, unix.UTIME_OMIT), 0)
		p.call(call, 999, nil, timesFor(call, 0, unix.UTIME_OMIT, 0, unix.UTIME_OMIT), 0)
	}
}

func timeBad(p *P) {
	p.file("f", 0o644, "")
	for _, call := range timesCalls() {
		for _, nsec := range []int64{-1, 1000000000, unix.UTIME_NOW + 1, unix.UTIME_OMIT - 1, 999999999} {
			p.call(call, unix.AT_FDCWD, "f", timesFor(call, 1, nsec, 2, 2), 0)
			p.call(call, unix.AT_FDCWD, "f", timesFor(call, 1, 1, 2, nsec), 0)
			p.call(call, unix.AT_FDCWD, "missing", timesFor(call, 1, nsec, 2, 2), 0)
		}
	}
	for _, usec := range []int64{-1, 1000000, 999999, unix.UTIME_NOW, unix.UTIME_OMIT} {
		p.call("utimes", "f", longs(1, usec, 2, 2))
		p.call("futimesat", unix.AT_FDCWD, "f", longs(1, 1, 2, usec))
	}
	p.state("f")
}

func timeRange(p *P) {
	p.file("f", 0o644, "")
	for _, call := range timesCalls() {
		for _, sec := range []int64{0, -1, 1<<31 - 1, 1 << 31, 1 << 33, 1<<34 + 5, 1 << 40, -1 << 31, -1 << 40} {
			p.printf("%d", sec)
			p.call(call, unix.AT_FDCWD, "f", timesFor(call, sec, 1, sec, 2), 0)
			p.state("f")
		}
	}
}

func timeOld(p *P) {
	p.file("f", 0o644, "")
	p.symlink("f", "s")
	p.call("utime", "f", longs(11, 22))
	p.state("f")
	p.call("utime", "s", nil)
	p.state("f")
	p.call("utimes", "s", longs(33, 44, 55, 66))
	p.state("f")
	p.call("utimes", "f", nil)
	p.state("f")
	p.call("futimesat", unix.AT_FDCWD, "s", longs(1, 999999, 2, 0))
	p.state("f")
	p.call("futimesat", p.open("f", unix.O_RDONLY), nil, longs(7, 7, 8, 8))
	p.state("f")
	p.call("futimesat", p.open("f", unix.O_RDONLY), nil, nil)
	p.state("f")
	p.state("s")
}

func timePointers(p *P) {
	p.file("f", 0o644, "")
	for _, at := range []any{wild(1), wild(p.mem.hole()), wild(p.mem.hole() - 8), wild(^uintptr(0) - 15)} {
		for _, name := range []any{"f", "missing", nil} {
			p.call("utime", name, at)
			p.call("utimes", name, at)
			p.call("futimesat", unix.AT_FDCWD, name, at)
			p.call("utimensat", unix.AT_FDCWD, name, at, 0)
			p.call("utimensat", unix.AT_FDCWD, name, at, 7)
		}
	}
}

func timeDescriptor(p *P) {
	p.kit("k")
	for _, fd := range []int{p.open("f", unix.O_RDONLY), p.open("f", unix.O_PATH), p.open("d", unix.O_RDONLY), p.open("to_f", unix.O_PATH|unix.O_NOFOLLOW), unix.AT_FDCWD, 999} {
		p.call("utimensat", fd, nil, longs(1, 2, 3, 4), 0)
		p.call("utimensat", fd, "", longs(5, 6, 7, 8), unix.AT_EMPTY_PATH)
		p.call("utimensat", fd, "", longs(9, 9, 9, 9), 0)
		p.call("utimensat", fd, nil, longs(10, 11, 12, 13), unix.AT_SYMLINK_NOFOLLOW)
		p.call("utimensat", fd, nil, longs(10, 11, 12, 14), unix.AT_EMPTY_PATH)
	}
	for _, name := range []string{"f", "d", "to_f", "."} {
		p.state(name)
	}
}

func timeLinks(p *P) {
	p.kit("k")
	p.call("utimensat", unix.AT_FDCWD, "to_f", longs(1, 2, 3, 4), unix.AT_SYMLINK_NOFOLLOW)
	p.call("utimensat", unix.AT_FDCWD, "dangling", longs(1, 2, 3, 4), unix.AT_SYMLINK_NOFOLLOW)
	p.call("utimensat", unix.AT_FDCWD, "dangling", longs(1, 2, 3, 4), 0)
	p.call("utimensat", unix.AT_FDCWD, "to_d", longs(5, 6, 7, 8), 0)
	for _, name := range []string{"to_f", "dangling", "to_d", "f", "d"} {
		p.state(name)
	}
}

// A writer may set the times to now, only an owner to anything else: utimensat(2).
func timeOthers(p *P) {
	for _, name := range []string{"/writable", "/readable", "/private"} {
		p.call("utimensat", unix.AT_FDCWD, p.fix+name, longs(1, 1, 1, 1), 0)
		p.call("utimensat", unix.AT_FDCWD, p.fix+name, longs(0, unix.UTIME_NOW, 0, unix.UTIME_OMIT), 0)
		p.call("utimensat", unix.AT_FDCWD, p.fix+name, longs(0, unix.UTIME_OMIT, 0, unix.UTIME_OMIT), 0)
		p.call("utimensat", unix.AT_FDCWD, p.fix+name, longs(0, unix.UTIME_NOW, 0, unix.UTIME_NOW), 0)
		p.call("utimes", p.fix+name, nil)
		p.state(p.fix + name)
	}
}
