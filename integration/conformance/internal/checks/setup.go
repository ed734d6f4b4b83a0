package checks

import (
	"os"

	"golang.org/x/sys/unix"
)

// What follows prepares: it prints nothing unless it fails.

func (p *P) must(name string, args ...any) result {
	r, text := p.raw(name, args...)
	if !r.ok() {
		p.broken("%s = %s", text, r)
	}
	return r
}

// file makes a file with exactly this mode.
func (p *P) file(name string, mode uint32, content string) {
	r := p.must("openat", unix.AT_FDCWD, name, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY, oct(0o600))
	if !r.ok() {
		return
	}
	defer unix.Close(r.val)
	if _, err := unix.Write(r.val, []byte(content)); err != nil {
		p.broken("write %s: %v", name, err)
	}
	if err := unix.Fchmod(r.val, mode); err != nil {
		p.broken("fchmod %s: %v", name, err)
	}
}

func (p *P) mkdir(name string, mode uint32) {
	p.must("mkdirat", unix.AT_FDCWD, name, oct(0o700))
	p.must("fchmodat", unix.AT_FDCWD, name, oct(mode))
}

func (p *P) symlink(target, name string) { p.must("symlinkat", target, unix.AT_FDCWD, name) }

func (p *P) fifo(name string) { p.must("mknodat", unix.AT_FDCWD, name, oct(unix.S_IFIFO|0o644), 0) }

// open opens without a line. It returns -1 if that fails.
func (p *P) open(name string, flags int) int {
	r := p.must("openat", unix.AT_FDCWD, name, flags, 0)
	if !r.ok() {
		return -1
	}
	p.fds = append(p.fds, r.val)
	return r.val
}

// kit makes the directory with one of each kind and goes there.
func (p *P) kit(name string) {
	p.must("mkdirat", unix.AT_FDCWD, name, oct(0o755))
	p.must("chdir", name)
	p.file("f", 0o644, "content")
	p.mkdir("d", 0o755)
	p.file("d/e", 0o600, "inner")
	p.mkdir("empty", 0o755)
	p.symlink("f", "to_f")
	p.symlink("d", "to_d")
	p.symlink("missing", "dangling")
	p.symlink("loop", "loop")
	p.symlink("d/..", "back")
	p.fifo("p")
	p.file("\xff\xfe\n", 0o644, "odd")
	p.mkdir("secret", 0o755)
	p.file("secret/x", 0o644, "hidden")
	p.must("fchmodat", unix.AT_FDCWD, "secret", oct(0))
}

// readAll is what a file has to say, at most 4 KiB.
func (p *P) readAll(fd int) string {
	b := make([]byte, 4096)
	n, err := unix.Pread(fd, b, 0)
	if err != nil {
		return "error " + unix.ErrnoName(err.(unix.Errno))
	}
	return string(b[:n])
}

func (p *P) uid() int { return os.Getuid() }
func (p *P) gid() int { return os.Getgid() }
