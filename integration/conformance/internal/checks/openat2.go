package checks

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

func openat2Checks() []Check {
	return []Check{
		{Name: "openat2/size", Run: openat2Size},
		{Name: "openat2/pointer", Run: openat2Pointer},
		{Name: "openat2/mode", Run: openat2Mode},
		{Name: "openat2/resolve", Run: openat2Resolve},
		{Name: "openat2/resolve-combined", Run: openat2Combined},
		{Name: "openat2/resolve-create", Run: openat2Create},
		{Name: "openat2/magic", Run: openat2Magic},
	}
}

func openat2Size(p *P) {
	p.file("f", 0o644, "content")
	for _, size := range []int{0, 1, 8, 16, 23, 24, 25, 32, 40, 64, 4096, 4097, 8192} {
		zeros := append(how(unix.O_RDONLY, 0, 0), make([]byte, 8192)...)
		p.fd("openat2", unix.AT_FDCWD, "f", zeros, size)
		last := append(data{}, zeros...)
		if size > 24 {
			last[size-1] = 1
		}
		p.fd("openat2", unix.AT_FDCWD, "f", last, size)
	}
	p.fd("openat2", unix.AT_FDCWD, "f", how(0, 0, 0), -1)
	p.fd("openat2", unix.AT_FDCWD, nil, how(0, 0, 0), 0)
}

func openat2Pointer(p *P) {
	p.file("f", 0o644, "content")
	for _, at := range []any{nil, wild(1), wild(p.mem.hole()), wild(p.mem.hole() - 24), wild(p.mem.hole() - 16), wild(p.mem.hole() - 23)} {
		for _, size := range []int{0, 8, 24, 32, 4096} {
			p.fd("openat2", unix.AT_FDCWD, "f", at, size)
		}
		p.fd("openat2", unix.AT_FDCWD, nil, at, 24)
		p.fd("openat2", 999, "f", at, 24)
	}
}

func openat2Mode(p *P) {
	p.file("f", 0o644, "content")
	for _, h := range []data{how(0, 0o600, 0), how(unix.O_CREAT, 0o10000, 0), how(unix.O_CREAT, 0o7777, 0), how(unix.O_TMPFILE|unix.O_RDWR, 0o600, 0),
		how(unix.O_TMPFILE, 0o600, 0), how(unix.O_PATH|unix.O_CREAT, 0, 0), how(unix.O_PATH|unix.O_RDWR, 0, 0), how(unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0, 0),
		how(unix.O_CREAT, 1<<32|0o600, 0), how(1<<32, 0, 0), how(0, 0, 1<<32), how(unix.O_CREAT|unix.O_DIRECTORY, 0o700, 0), how(3, 0, 0)} {
		p.printf("%x", []byte(h))
		for _, name := range []string{"f", "new", "."} {
			p.fd("openat2", unix.AT_FDCWD, name, h, 24)
		}
	}
}

var resolveNames = [...]string{"NO_XDEV", "NO_MAGICLINKS", "NO_SYMLINKS", "BENEATH", "IN_ROOT", cached, "bit 6"}

// RESOLVE_CACHED has the kernel say what it happens to remember: only some answers are the same every time.
const cached = "CACHED"

// resolvePaths are where the RESOLVE_ flags differ: see openat2(2).
func (p *P) resolvePaths() []string {
	return []string{"f", "d/e", "to_f", "to_d/e", "dangling", "loop", "back/f", "..", "../", "d/../f", "d/../../x", "/", "/f", p.dir + "/k/f", "abs",
		"abs/", "out", "/proc/self/root", "/proc/self/cwd/f", "/proc/self/exe", "/dev/null", "to_proc", "d/up/f", "d/upup", ".", "", "f/", "secret/x"}
}

func (p *P) resolveKit() {
	p.kit("k")
	p.symlink("/f", "abs")
	p.symlink("../../x", "out")
	p.symlink("/proc/self/cwd/f", "to_proc")
	p.symlink("..", "d/up")
	p.symlink("../..", "d/upup")
}

func openat2Resolve(p *P) {
	p.resolveKit()
	dir := p.open("d", unix.O_RDONLY|unix.O_DIRECTORY)
	for bit, name := range resolveNames {
		p.printf("RESOLVE_%s:", name)
		for _, path := range p.resolvePaths() {
			if name == cached && path != "f" && path != "d/e" {
				continue
			}
			h := how(unix.O_NONBLOCK, 0, 1<<bit)
			if fd := p.fd("openat2", unix.AT_FDCWD, path, h, 24); fd >= 0 {
				p.close(fd)
			}
			if fd := p.fd("openat2", dir, path, h, 24); fd >= 0 {
				p.close(fd)
			}
		}
	}
}

func openat2Combined(p *P) {
	p.resolveKit()
	for _, resolve := range []uint64{unix.RESOLVE_BENEATH | unix.RESOLVE_IN_ROOT, unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS,
		unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS, unix.RESOLVE_NO_XDEV | unix.RESOLVE_IN_ROOT, 0x1f, ^uint64(0)} {
		for _, path := range p.resolvePaths() {
			if fd := p.fd("openat2", unix.AT_FDCWD, path, how(unix.O_PATH|unix.O_NOFOLLOW, 0, resolve), 24); fd >= 0 {
				p.close(fd)
			}
		}
	}
}

func openat2Create(p *P) {
	p.resolveKit()
	n := 0
	for bit, name := range resolveNames {
		p.printf("RESOLVE_%s:", name)
		for _, prefix := range []string{"", "d/", "to_d/", "back/", "../k/", "d/up/", "/", "abs/", "missing/"} {
			n++
			path := fmt.Sprintf("%snew%d", prefix, n)
			if prefix == "/" && name != "IN_ROOT" && name != "BENEATH" {
				continue
			}
			p.fd("openat2", unix.AT_FDCWD, path, how(unix.O_CREAT|unix.O_WRONLY|unix.O_EXCL, 0o644, 1<<bit), 24)
		}
		p.fd("openat2", unix.AT_FDCWD, "dangling", how(unix.O_CREAT|unix.O_WRONLY, 0o644, 1<<bit), 24)
		p.fd("openat2", unix.AT_FDCWD, "f", how(unix.O_TRUNC|unix.O_WRONLY, 0, 1<<bit), 24)
		p.fd("openat2", unix.AT_FDCWD, "d", how(unix.O_TMPFILE|unix.O_WRONLY, 0o600, 1<<bit), 24)
	}
	p.state("missing")
	p.listing(".")
	p.listing("d")
}

// Links of /proc under the flags that forbid some of them.
func openat2Magic(p *P) {
	p.kit("k")
	fd := p.open("f", unix.O_RDONLY)
	dir := p.open("d", unix.O_RDONLY)
	for bit, name := range resolveNames {
		p.printf("RESOLVE_%s:", name)
		for _, path := range []string{fmt.Sprintf("/proc/self/fd/%d", fd), fmt.Sprintf("/proc/self/fd/%d/e", dir), "/proc/self/cwd/d/e", "/proc/self/root/proc",
			"/proc/thread-self/cwd/f", "/proc/self", "/proc/self/status", "/dev/fd/0", "/dev/stdin", "/proc/self/ns/user"} {
			if name == cached {
				continue
			}
			if got := p.fd("openat2", unix.AT_FDCWD, path, how(0, 0, 1<<bit), 24); got >= 0 {
				p.close(got)
			}
		}
	}
	p.fd("openat2", dir, strings.Repeat("../", 3), how(0, 0, unix.RESOLVE_IN_ROOT), 24)
}
