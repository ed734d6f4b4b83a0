package checks

import (
	"sort"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

func directoryChecks() []Check {
	return []Check{
		{Name: "directory/listing", Run: dirListing},
		{Name: "directory/small-buffers", Run: dirBuffers},
		{Name: "directory/listing-while-changed", Run: dirChanged},
		{Name: "directory/chdir", Run: dirChdir},
		{Name: "directory/chdir-permissions", Run: dirChdirOthers},
		{Name: "directory/fchdir", Run: dirFchdir},
		{Name: "directory/own-cwd-of-a-thread", Run: dirThreadCwd, Alone: true},
		{Name: "directory/own-descriptors-of-a-thread", Run: dirThreadFiles, Alone: true},
	}
}

// list is what getdents64 gives, quoted and sorted, since the order is the file system's hash.
func (p *P) list(fd int) []string {
	var names []string
	b := make([]byte, 4096)
	for {
		n, err := unix.Getdents(fd, b)
		if err != nil {
			return append(names, err.Error())
		}
		if n == 0 {
			break
		}
		for _, name := range p.entries(b[:n]) {
			names = append(names, strconv.Quote(name))
		}
	}
	sort.Strings(names)
	return names
}

func dirListing(p *P) {
	p.kit("k")
	for _, name := range []string{".", "d", "empty", "/proc/self/fd", "secret", "/proc/self/task"} {
		fd := p.fd("open", name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if fd < 0 {
			continue
		}
		names := p.list(fd)
		if name == "/proc/self/task" {
			p.printf("some: %t", len(names) > 2)
			continue
		}
		p.printf("%v", names)
		_, err := unix.Seek(fd, 0, 0)
		p.printf("again %d %v", len(p.list(fd)), err)
		p.close(fd)
	}
}

func dirBuffers(p *P) {
	p.kit("k")
	fd := p.fd("open", ".", unix.O_RDONLY, 0)
	for _, size := range []int{0, 1, 20, 24, 32, 48, -1} {
		p.call("getdents64", fd, p.roomFor(64, quietly), size)
		p.call("getdents", fd, p.roomFor(64, quietly), size)
		unix.Seek(fd, 0, 0)
	}
	p.call("getdents64", fd, wild(1), 100)
	p.call("getdents64", p.open("f", unix.O_RDONLY), p.room(64), 64)
	p.call("getdents64", p.open("d", unix.O_PATH), p.room(64), 64)
}

// quietly shows nothing of what was written: the order of names is not the same in two directories.
func quietly(*P, []byte) string { return "" }

func dirChanged(p *P) {
	p.must("mkdir", "d", oct(0o755))
	fd := p.fd("open", "d", unix.O_RDONLY, 0)
	for i := range 50 {
		p.fd("openat", fd, itoa(i), unix.O_CREAT|unix.O_WRONLY, oct(0o600))
	}
	p.printf("%d entries", len(p.list(fd)))
	for i := range 25 {
		p.call("unlinkat", fd, itoa(2*i), 0)
	}
	unix.Seek(fd, 0, 0)
	p.printf("%v", p.list(fd))
}

func dirChdir(p *P) {
	p.kit("k")
	for _, name := range []string{"d", "..", "to_d", "../empty", ".", "/", p.dir + "/k", "/proc/self/cwd", "f", "secret", "dangling", "p", "/proc/self", "."} {
		r, text := p.raw("chdir", name)
		p.printf("%s = %s", text, r)
		p.where()
		p.fd("open", "f", unix.O_RDONLY, 0)
	}
}

// where prints the working directory, by two ways.
func (p *P) where() {
	b := p.room(4096)
	r, _ := p.raw("getcwd", b, 4096)
	if !r.ok() {
		p.printf("getcwd %s", r)
		return
	}
	name := string(b.b[:max(r.val-1, 0)])
	if _, after, ok := strings.Cut(name, p.dir); ok && strings.HasPrefix(name, "(unreachable)") {
		name = "(unreachable) " + after
	}
	p.printf("getcwd %s", p.quote(name))
}

func dirChdirOthers(p *P) {
	for _, name := range []string{"/closed", "/closed/inner", "/search", "/list", "/group", "/sticky", "/readable"} {
		p.call("chdir", p.fix+name)
		p.where()
		p.call("access", "file", unix.R_OK)
		p.fd("open", ".", unix.O_RDONLY, 0)
		p.fd("open", "new", unix.O_CREAT|unix.O_WRONLY, oct(0o600))
		p.must("chdir", p.dir)
	}
}

func dirFchdir(p *P) {
	p.kit("k")
	for _, name := range []string{"d", "f", "secret", "to_d"} {
		for _, flags := range []int{unix.O_RDONLY, unix.O_PATH} {
			fd := p.fd("open", name, flags, 0)
			p.call("fchdir", fd)
			p.where()
			p.must("chdir", p.dir+"/k")
		}
	}
}

// A thread may have a working directory, root and umask of its own: unshare(2), CLONE_FS.
func dirThreadCwd(p *P) {
	p.kit("k")
	p.call("unshare", unix.CLONE_FS)
	p.call("chdir", "d")
	p.raw("umask", 0o077)
	p.fd("open", "e", unix.O_RDONLY, 0)
	p.fd("open", "new", unix.O_CREAT|unix.O_WRONLY, oct(0o666))
	p.call("mkdir", "m", oct(0o777))
	p.state("new")
	p.state("m")
	p.fd("open", "/proc/thread-self/cwd/e", unix.O_RDONLY, 0)
	p.call("readlink", "/proc/thread-self/cwd", p.textRoom(200), 200)
	p.call("newfstatat", unix.AT_FDCWD, "e", p.statRoom("newfstatat"), 0)
}

// A thread may have descriptors of its own too: CLONE_FILES.
func dirThreadFiles(p *P) {
	p.kit("k")
	p.call("unshare", unix.CLONE_FILES)
	d := p.fd("open", "d", unix.O_RDONLY, 0)
	p.fd("openat", d, "e", unix.O_RDONLY, 0)
	p.call("mkdirat", d, "m", oct(0o755))
	p.call("newfstatat", d, "", p.statRoom("newfstatat"), unix.AT_EMPTY_PATH)
	p.fd("open", "/proc/thread-self/fd/"+itoa(d)+"/e", unix.O_RDONLY, 0)
	p.call("readlink", "/proc/thread-self/fd/"+itoa(d), p.textRoom(200), 200)
	for _, name := range []string{"e", "m"} {
		p.call("unlinkat", d, name, 0)
	}
}
