package checks

import (
	"encoding/binary"
	"fmt"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

func openChecks() []Check {
	return []Check{
		{Name: "open/access-modes", Run: openAccessModes},
		{Name: "open/status-flags", Run: openStatusFlags},
		{Name: "open/cloexec", Run: openCloexec},
		{Name: "open/lowest-descriptor", Run: openLowest},
		{Name: "open/create-umask", Run: openCreateUmask},
		{Name: "open/create-mode-of-reader", Run: openCreateReader},
		{Name: "open/exclusive", Run: openExclusive},
		{Name: "open/truncate", Run: openTruncate},
		{Name: "open/append", Run: openAppend},
		{Name: "open/nofollow", Run: openNofollow},
		{Name: "open/directory", Run: openDirectory},
		{Name: "open/path-only", Run: openPathOnly},
		{Name: "open/tmpfile", Run: openTmpfile},
		{Name: "open/dangling", Run: openDangling},
		{Name: "open/noatime", Run: openNoatime},
		{Name: "open/direct-sync", Run: openSync},
		{Name: "open/large", Run: openLarge},
		{Name: "open/busy-text", Run: openBusyText},
		{Name: "open/removed-cwd", Run: openRemovedCwd},
		{Name: "open/offset-is-new", Run: openOffset},
		{Name: "open/lock-conflict", Run: openLocks},
		{Name: "open/unknown-flags", Run: openUnknown},
	}
}

func openAccessModes(p *P) {
	p.file("f", 0o644, "content")
	for _, mode := range []int{unix.O_RDONLY, unix.O_WRONLY, unix.O_RDWR, 3} {
		fd := p.fd("open", "f", mode, 0)
		b := make([]byte, 8)
		n, err := unix.Read(fd, b)
		m, werr := unix.Write(fd, nil)
		p.printf("read %d %v, write %d %v", n, err, m, werr)
	}
}

func openStatusFlags(p *P) {
	p.file("f", 0o644, "content")
	for _, flags := range []int{unix.O_APPEND, unix.O_NONBLOCK, unix.O_DSYNC, unix.O_SYNC, unix.O_ASYNC, unix.O_NOCTTY, unix.O_LARGEFILE,
		0o100000, unix.O_NOATIME, unix.O_APPEND | unix.O_NONBLOCK | unix.O_CLOEXEC, unix.O_DIRECT} {
		p.printf("flags %#x", flags)
		p.fd("open", "f", flags|unix.O_RDWR, 0)
		p.fd("openat", unix.AT_FDCWD, "f", flags, 0)
	}
}

func openCloexec(p *P) {
	p.file("f", 0o644, "")
	p.fd("open", "f", unix.O_CLOEXEC, 0)
	p.fd("openat", unix.AT_FDCWD, "f", unix.O_CLOEXEC|unix.O_RDWR, 0)
	p.fd("openat2", unix.AT_FDCWD, "f", how(unix.O_CLOEXEC, 0, 0), 24)
	p.fd("open", ".", unix.O_CLOEXEC|unix.O_PATH, 0)
	p.fd("creat", "g", oct(0o600))
}

func openLowest(p *P) {
	p.file("f", 0o644, "")
	var fds []int
	for range 5 {
		fds = append(fds, p.fd("open", "f", unix.O_RDONLY, 0))
	}
	p.close(fds[1])
	p.close(fds[3])
	p.fd("openat", unix.AT_FDCWD, "f", unix.O_RDONLY, 0)
	p.fd("open", ".", unix.O_PATH, 0)
	p.fd("open", "missing", unix.O_RDONLY, 0)
	p.fd("openat2", unix.AT_FDCWD, "f", how(0, 0, 0), 24)
	unix.Close(0)
	p.fd("open", "f", unix.O_RDWR, 0)
	p.closeAll()
	unix.Close(0)
	restore, _ := unix.Open("/dev/null", unix.O_RDONLY, 0)
	p.printf("standard input again: %d", restore)
}

func openCreateUmask(p *P) {
	for i, mask := range []int{0, 0o22, 0o77, 0o777, 0o27} {
		syscall.Umask(mask)
		name := fmt.Sprintf("f%d", i)
		p.fd("open", name, unix.O_CREAT|unix.O_WRONLY, oct(0o666))
		p.fd("openat2", unix.AT_FDCWD, name+"x", how(unix.O_CREAT, 0o7777, 0), 24)
		p.call("mkdir", name+"d", oct(0o7777))
		p.call("mknod", name+"p", oct(unix.S_IFIFO|0o777), 0)
		syscall.Umask(0o22)
		for _, s := range []string{"", "x", "d", "p"} {
			p.state(name + s)
		}
	}
	p.printf("umask %#o", syscall.Umask(0o22))
}

// A file that is made without permission to read can be read through the descriptor that made it.
func openCreateReader(p *P) {
	fd := p.fd("open", "f", unix.O_CREAT|unix.O_RDWR|unix.O_EXCL, 0)
	n, err := unix.Write(fd, []byte("x"))
	p.printf("write %d %v", n, err)
	p.state("f")
	p.fd("open", "f", unix.O_RDWR, 0)
	p.fd("open", "g", unix.O_CREAT|unix.O_WRONLY, oct(0o444))
	p.fd("open", "g", unix.O_WRONLY, 0)
}

func openExclusive(p *P) {
	p.file("f", 0o644, "")
	p.symlink("f", "s")
	p.symlink("none", "t")
	p.mkdir("d", 0o755)
	for _, name := range []string{"f", "s", "t", "d", "new", "new", "d/", "no/", "."} {
		p.fd("open", name, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY, oct(0o600))
		p.fd("open", name, unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW, oct(0o600))
	}
	p.fd("open", "f", unix.O_EXCL, 0)
	p.state("none")
	p.state("t")
}

func openTruncate(p *P) {
	p.file("f", 0o644, "content")
	p.file("r", 0o444, "content")
	p.mkdir("d", 0o755)
	p.fd("open", "f", unix.O_RDONLY|unix.O_TRUNC, 0)
	p.state("f")
	p.fd("open", "r", unix.O_WRONLY|unix.O_TRUNC, 0)
	p.state("r")
	p.fd("open", "d", unix.O_RDONLY|unix.O_TRUNC, 0)
	fd := p.fd("open", "g", unix.O_CREAT|unix.O_TRUNC|unix.O_RDWR, oct(0o600))
	unix.Write(fd, []byte("abc"))
	p.fd("creat", "g", oct(0o777))
	unix.Write(fd, []byte("d"))
	p.state("g")
	p.content("g")
	p.fd("open", "/dev/null", unix.O_WRONLY|unix.O_TRUNC, 0)
}

func openAppend(p *P) {
	p.file("f", 0o644, "one ")
	a := p.fd("open", "f", unix.O_WRONLY|unix.O_APPEND, 0)
	b := p.fd("open", "f", unix.O_WRONLY, 0)
	unix.Write(a, []byte("two "))
	unix.Write(b, []byte("ONE "))
	unix.Write(a, []byte("three"))
	p.content("f")
}

func openNofollow(p *P) {
	p.file("f", 0o644, "")
	p.mkdir("d", 0o755)
	p.file("d/e", 0o644, "")
	p.symlink("f", "s")
	p.symlink("d", "t")
	for _, name := range []string{"f", "s", "t", "t/", "t/e", "t/.", "none", "d"} {
		p.fd("open", name, unix.O_NOFOLLOW, 0)
		p.fd("open", name, unix.O_NOFOLLOW|unix.O_DIRECTORY, 0)
		p.fd("open", name, unix.O_NOFOLLOW|unix.O_PATH, 0)
		p.fd("open", name, unix.O_NOFOLLOW|unix.O_CREAT|unix.O_WRONLY, oct(0o600))
	}
}

func openDirectory(p *P) {
	p.file("f", 0o644, "")
	p.mkdir("d", 0o755)
	p.symlink("d", "t")
	for _, name := range []string{"f", "d", "t", "none"} {
		for _, flags := range []int{unix.O_DIRECTORY, unix.O_DIRECTORY | unix.O_RDWR, unix.O_RDWR, unix.O_DIRECTORY | unix.O_CREAT,
			unix.O_CREAT, unix.O_DIRECTORY | unix.O_CREAT | unix.O_EXCL, unix.O_DIRECTORY | unix.O_PATH} {
			p.fd("open", name, flags, oct(0o700))
		}
	}
}

// What can be done with a descriptor by O_PATH, and what cannot.
func openPathOnly(p *P) {
	p.kit("k")
	for _, name := range []string{"f", "d", "to_f", "dangling", "secret", "p", "missing"} {
		for _, flags := range []int{unix.O_PATH, unix.O_PATH | unix.O_NOFOLLOW, unix.O_PATH | unix.O_RDWR | unix.O_CREAT | unix.O_TRUNC} {
			fd := p.fd("open", name, flags, 0)
			if fd < 0 {
				continue
			}
			_, rerr := unix.Read(fd, make([]byte, 1))
			_, werr := unix.Write(fd, []byte("x"))
			p.printf("read %v, write %v, fchmod %v, fchdir %v", rerr, werr, unix.Fchmod(fd, 0o600), unix.Fchdir(fd))
			p.must("chdir", p.dir+"/k")
			p.call("newfstatat", fd, "", p.statRoom("newfstatat"), unix.AT_EMPTY_PATH)
			p.call("readlinkat", fd, "", p.textRoom(32), 32)
			p.fd("open", fmt.Sprintf("/proc/self/fd/%d", fd), unix.O_RDONLY|unix.O_NONBLOCK, 0)
			p.closeAll()
		}
	}
}

func openTmpfile(p *P) {
	p.mkdir("d", 0o755)
	for _, flags := range []int{unix.O_TMPFILE | unix.O_RDWR, unix.O_TMPFILE | unix.O_WRONLY, unix.O_TMPFILE,
		unix.O_TMPFILE | unix.O_RDWR | unix.O_EXCL, unix.O_TMPFILE | unix.O_RDWR | unix.O_CREAT} {
		fd := p.fd("open", "d", flags, oct(0o666))
		if fd < 0 {
			continue
		}
		unix.Write(fd, []byte("unnamed"))
		var s unix.Stat_t
		err := unix.Fstat(fd, &s)
		p.printf("mode=%#o nlink=%d uid=%d gid=%d size=%d %v", s.Mode, s.Nlink, s.Uid, s.Gid, s.Size, err)
		p.call("linkat", unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", fd), unix.AT_FDCWD, fmt.Sprintf("n%d", flags), unix.AT_SYMLINK_FOLLOW)
		p.state(fmt.Sprintf("n%d", flags))
	}
	p.fd("open", "none", unix.O_TMPFILE|unix.O_RDWR, oct(0o600))
	p.fd("open", "/proc", unix.O_TMPFILE|unix.O_RDWR, oct(0o600))
	p.listing(".")
	p.listing("d")
}

func openDangling(p *P) {
	p.mkdir("d", 0o755)
	p.symlink("made", "s")
	p.symlink("d/made", "t")
	p.symlink("no/made", "u")
	p.symlink("s2", "s1")
	p.symlink("last", "s2")
	p.symlink("slash/", "v")
	for _, name := range []string{"s", "t", "u", "s1", "v"} {
		p.fd("open", name, unix.O_RDONLY, 0)
		p.fd("open", name, unix.O_CREAT|unix.O_WRONLY, oct(0o640))
	}
	for _, name := range []string{"made", "d/made", "last", "slash"} {
		p.state(name)
	}
}

func openNoatime(p *P) {
	p.file("f", 0o644, "content")
	p.fd("open", "f", unix.O_NOATIME, 0)
	p.fd("open", p.fix+"/readable", unix.O_NOATIME, 0)
	p.fd("open", p.fix+"/readable", unix.O_RDONLY, 0)
}

func openSync(p *P) {
	for _, flags := range []int{unix.O_SYNC, unix.O_DSYNC, unix.O_RSYNC, unix.O_DIRECT} {
		p.fd("open", "f", flags|unix.O_CREAT|unix.O_RDWR, oct(0o600))
	}
}

// A file too large for a program with 32-bit sizes.
func openLarge(p *P) {
	p.file("f", 0o644, "")
	p.must("truncate", "f", 1)
	fd := p.open("f", unix.O_RDWR|unix.O_LARGEFILE)
	p.printf("ftruncate %v", unix.Ftruncate(fd, 3<<30))
	p.fd("open", "f", unix.O_RDONLY, 0)
	p.fd("open", "f", unix.O_RDONLY|0o100000, 0)
	p.fd("openat2", unix.AT_FDCWD, "f", how(0, 0, 0), 24)
	p.fd("openat2", unix.AT_FDCWD, "f", how(0o100000, 0, 0), 24)
	p.fd("open", "f", unix.O_PATH, 0)
	for _, call := range []string{"stat", "lstat", "stat64", "oldstat"} {
		p.call(call, "f", p.statRoom(call))
	}
	p.must("unlink", "f")
}

func openBusyText(p *P) {
	p.fd("open", p.opt.Self, unix.O_WRONLY, 0)
	p.fd("open", p.opt.Self, unix.O_RDONLY, 0)
	p.fd("open", "/proc/self/exe", unix.O_RDWR, 0)
	p.call("truncate", p.opt.Self, 0x7fffffff)
	p.call("access", p.opt.Self, unix.W_OK)
}

func openRemovedCwd(p *P) {
	p.mkdir("d", 0o755)
	p.must("chdir", "d")
	p.must("rmdir", p.dir+"/d")
	for _, name := range []string{".", "..", "f", "", "/", "../x"} {
		p.fd("open", name, unix.O_RDONLY, 0)
		if name == "/" {
			continue
		}
		p.fd("open", name, unix.O_CREAT|unix.O_WRONLY, oct(0o600))
		p.call("newfstatat", unix.AT_FDCWD, name, p.statRoom("newfstatat"), 0)
		p.call("mkdir", name+"m", oct(0o700))
		p.call("rename", name, name+"r")
		p.call("readlink", name, p.textRoom(16), 16)
	}
	p.call("getcwd", p.room(4096), 4096)
	p.call("readlink", "/proc/self/cwd", p.textRoom(200), 200)
	p.call("chdir", "..")
}

func openOffset(p *P) {
	p.file("f", 0o644, "abcdef")
	a, b := p.fd("open", "f", unix.O_RDONLY, 0), p.fd("open", "f", unix.O_RDONLY, 0)
	unix.Read(a, make([]byte, 3))
	pos, err := unix.Seek(b, 0, 1)
	p.printf("the other's offset %d %v", pos, err)
	dup, _ := unix.Dup(a)
	p.fds = append(p.fds, dup)
	pos, err = unix.Seek(dup, 0, 1)
	p.printf("the copy's offset %d %v", pos, err)
}

// Locks belong to who opened: one by flock stays with the description, one by fcntl with the process.
func openLocks(p *P) {
	p.file("f", 0o644, "abcdef")
	a, b := p.fd("open", "f", unix.O_RDWR, 0), p.fd("open", "f", unix.O_RDWR, 0)
	p.printf("flock %v, again %v", unix.Flock(a, unix.LOCK_EX|unix.LOCK_NB), unix.Flock(b, unix.LOCK_EX|unix.LOCK_NB))
	lock := unix.Flock_t{Type: unix.F_WRLCK, Len: 1}
	p.printf("fcntl %v, again %v", unix.FcntlFlock(uintptr(a), unix.F_SETLK, &lock), unix.FcntlFlock(uintptr(b), unix.F_SETLK, &lock))
	ofd := unix.Flock_t{Type: unix.F_WRLCK, Len: 1, Start: 2}
	p.printf("of descriptions %v, again %v", unix.FcntlFlock(uintptr(a), 37, &ofd), unix.FcntlFlock(uintptr(b), 37, &ofd))
}

func openUnknown(p *P) {
	p.file("f", 0o644, "content")
	for bit := 23; bit < 32; bit++ {
		p.fd("open", "f", hex(1)<<bit, 0)
		p.fd("openat2", unix.AT_FDCWD, "f", how(1<<bit, 0, 0), 24)
	}
	p.fd("openat2", unix.AT_FDCWD, "f", how(1<<40, 0, 0), 24)
	p.fd("open", "new", unix.O_CREAT|unix.O_WRONLY, oct(0xffffffff))
	p.state("new")
}

// listing prints what a directory's own listing says, in order.
func (p *P) listing(name string) {
	fd, err := unix.Open(name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		p.printf("list %s: %v", p.quote(name), err)
		return
	}
	defer unix.Close(fd)
	p.printf("%s has %s", p.quote(name), strings.Join(p.list(fd), " "))
}

func le32(b []byte) uint32 { return binary.LittleEndian.Uint32(b) }
