package checks

import (
	"strings"

	"golang.org/x/sys/unix"
)

func limitChecks() []Check {
	return []Check{
		{Name: "limit/descriptors", Run: limitFiles, Alone: true},
		{Name: "limit/descriptors-zero", Run: limitNoFiles, Alone: true},
		{Name: "limit/file-size", Run: limitSize, Alone: true},
		{Name: "limit/file-size-signal", Run: limitSizeSignal, Alone: true},
		{Name: "limit/file-size-write", Run: limitSizeWrite, Alone: true},
		{Name: "limit/directory-depth", Run: limitDepth},
	}
}

func (p *P) limit(resource int, value uint64) {
	if err := unix.Setrlimit(resource, &unix.Rlimit{Cur: value, Max: value}); err != nil {
		p.broken("setrlimit: %v", err)
	}
}

// A descriptor is taken before the path is looked up: what would be made or cut off stays as it is.
func limitFiles(p *P) {
	p.kit("k")
	fd := p.open("f", unix.O_RDONLY)
	p.limit(unix.RLIMIT_NOFILE, uint64(fd+1))
	for _, name := range []any{"f", "missing", "new", "secret/x", nil, "", strings.Repeat("n", 300), "d", "p"} {
		p.fd("open", name, unix.O_RDONLY|unix.O_NONBLOCK, 0)
		p.fd("open", name, unix.O_CREAT|unix.O_WRONLY|unix.O_NONBLOCK, oct(0o600))
		p.fd("open", name, unix.O_TRUNC|unix.O_WRONLY|unix.O_NONBLOCK, 0)
		p.fd("open", name, unix.O_PATH, 0)
		p.fd("openat2", unix.AT_FDCWD, name, how(0, 0, 1<<20), 24)
	}
	p.state("f")
	p.call("access", "f", unix.R_OK)
	p.close(fd)
	p.fd("open", "f", unix.O_RDONLY, 0)
	p.call("unlink", "new")
}

func limitNoFiles(p *P) {
	p.kit("k")
	p.limit(unix.RLIMIT_NOFILE, 0)
	p.fd("open", "f", unix.O_RDONLY, 0)
	p.fd("creat", "new", oct(0o600))
	p.call("mkdir", "m", oct(0o755))
	p.call("chmod", "f", oct(0o600))
	p.call("newfstatat", unix.AT_FDCWD, "f", p.statRoom("newfstatat"), 0)
	p.call("readlink", "to_f", p.textRoom(16), 16)
	p.call("rename", "f", "g")
}

func limitSize(p *P) {
	p.file("f", 0o644, "content")
	p.signal(unix.SIGXFSZ, sigIgnore)
	p.limit(unix.RLIMIT_FSIZE, 100)
	for _, n := range []int{50, 100, 101, 1 << 20, 3} {
		p.call("truncate", "f", n)
		p.call("truncate64", "f", off(n))
		p.state("f")
	}
	p.call("truncate", "missing", 1000)
	p.call("symlink", strings.Repeat("s", 200), "s")
	p.call("mkdir", "d", oct(0o755))
	p.call("setxattr", "f", "user.a", data(strings.Repeat("v", 200)), 200, 0)
}

// truncate(2): SIGXFSZ, whose default ends the process.
func limitSizeSignal(p *P) {
	p.file("f", 0o644, "content")
	p.signal(unix.SIGXFSZ, sigDefault)
	p.limit(unix.RLIMIT_FSIZE, 100)
	p.call("truncate", "f", 100)
	p.state("f")
	p.flush()
	p.call("truncate", "f", 101)
	p.printf("still alive")
}

func limitSizeWrite(p *P) {
	fd := p.fd("open", "f", unix.O_CREAT|unix.O_WRONLY, oct(0o600))
	p.signal(unix.SIGXFSZ, sigDefault)
	p.limit(unix.RLIMIT_FSIZE, 10)
	n, err := unix.Write(fd, []byte("0123456789abc"))
	p.printf("write %d %v", n, err)
	p.flush()
	_, err = unix.Write(fd, []byte("x"))
	p.printf("still alive: %v", err)
}

// Directories deeper than PATH_MAX can be reached step by step only.
func limitDepth(p *P) {
	name := strings.Repeat("n", 200)
	for range 25 {
		if !p.must("mkdir", name, oct(0o755)).ok() || !p.must("chdir", name).ok() {
			return
		}
	}
	p.call("getcwd", p.room(4096), 4096)
	p.fd("open", "f", unix.O_CREAT|unix.O_WRONLY, oct(0o600))
	p.call("newfstatat", unix.AT_FDCWD, "f", p.statRoom("newfstatat"), 0)
	p.call("rename", "f", "g")
	p.call("mkdir", "d", oct(0o755))
	p.fd("open", ".", unix.O_RDONLY, 0)
	p.call("readlink", "/proc/self/cwd", p.room(4096), 4096)
	p.call("chmod", "g", oct(0o640))
	p.call("unlink", "g")
	p.call("chdir", "d")
	p.call("chdir", "..")
	p.call("rmdir", "d")
	for range 25 {
		p.must("chdir", "..")
		p.must("rmdir", name)
	}
}
