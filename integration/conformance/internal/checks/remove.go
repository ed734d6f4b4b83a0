package checks

import (
	"golang.org/x/sys/unix"
)

func removeChecks() []Check {
	return []Check{
		{Name: "remove/unlink", Run: removeUnlink},
		{Name: "remove/rmdir", Run: removeRmdir},
		{Name: "remove/open-file", Run: removeOpen},
		{Name: "remove/sticky", Run: removeSticky},
		{Name: "remove/cwd", Run: removeCwd},
	}
}

func removeUnlink(p *P) {
	p.kit("k")
	p.must("link", "f", "hard")
	for _, name := range []string{"hard", "to_d", "dangling", "loop", "p", "d", "empty", "to_f/", "to_f", "f", "f", ".", "..", "secret/x", "\xff\xfe\n"} {
		p.call("unlink", name)
		p.state("f")
	}
	p.call("unlinkat", unix.AT_FDCWD, "empty", 0)
	p.call("unlinkat", unix.AT_FDCWD, "empty", unix.AT_REMOVEDIR)
	p.listing(".")
}

func removeRmdir(p *P) {
	p.kit("k")
	for _, name := range []string{"d", "to_d", "to_d/", "empty/.", "empty/..", "empty/", "f", "f/", "secret", ".", "..", "/", "/proc", "dangling"} {
		p.call("rmdir", name)
	}
	p.state("d")
	p.state("..")
	p.listing(".")
}

func removeOpen(p *P) {
	p.file("f", 0o644, "content")
	fd := p.fd("open", "f", unix.O_RDWR, 0)
	p.call("unlink", "f")
	var s unix.Stat_t
	err := unix.Fstat(fd, &s)
	p.printf("links %d %v, content %q", s.Nlink, err, p.readAll(fd))
}

// In the fixtures' sticky directory are a file and a directory of somebody else.
func removeSticky(p *P) {
	dir := p.fix + "/sticky"
	for _, name := range []string{"/file", "/dir", "/link"} {
		p.call("rename", dir+name, dir+name+"2")
		p.call("rename", dir+name+"2", dir+name)
		p.fd("open", dir+name, unix.O_RDWR|unix.O_CREAT|unix.O_NONBLOCK, oct(0o600))
		p.fd("open", dir+name, unix.O_RDONLY|unix.O_NONBLOCK, 0)
		p.call("link", dir+name, "linked")
		p.call("unlink", "linked")
		p.call("chmod", dir+name, oct(0o777))
		p.call("utimensat", unix.AT_FDCWD, dir+name, nil, 0)
		p.call("utimensat", unix.AT_FDCWD, dir+name, longs(1, 2, 3, 4), 0)
	}
	p.fd("open", dir+"/mine", unix.O_RDWR|unix.O_CREAT|unix.O_EXCL, oct(0o600))
	p.call("rename", dir+"/mine", dir+"/file")
	p.call("unlink", dir+"/mine")
	p.call("unlink", dir+"/file")
	p.call("unlink", dir+"/link")
	p.call("rmdir", dir+"/dir")
	p.listing(dir)
}

func removeCwd(p *P) {
	p.mkdir("d", 0o755)
	p.must("chdir", "d")
	p.call("rmdir", ".")
	p.call("rmdir", "../d")
	p.call("rmdir", "../d")
	p.call("readlink", "/proc/self/cwd", p.textRoom(200), 200)
	p.call("symlink", "x", "y")
}
