package checks

import (
	"golang.org/x/sys/unix"
)

func rootChecks() []Check {
	return []Check{
		{Name: "chroot/errors", Run: rootErrors},
		{Name: "chroot/inside", Run: rootInside, Alone: true},
		{Name: "chroot/outside-descriptor", Run: rootOutside, Alone: true},
		{Name: "chroot/of-a-thread", Run: rootThread, Alone: true},
		{Name: "chroot/cwd-outside", Run: rootCwd, Alone: true},
	}
}

func rootErrors(p *P) {
	p.kit("k")
	for _, name := range []any{"f", "missing", "dangling", "loop", "", nil, wild(1), tail("d"), "secret/x", "f/"} {
		p.call("chroot", name)
	}
}

func rootInside(p *P) {
	p.kit("k")
	p.symlink("/e", "d/abs")
	p.symlink("/../../e", "d/up")
	p.call("chroot", "d")
	p.call("chdir", "/")
	for _, name := range []string{"/e", "/abs", "/up", "/..", "/../e", "/proc/self", "/dev/null", "e", "../e", "/f"} {
		p.fd("open", name, unix.O_RDONLY, 0)
		p.fd("openat2", unix.AT_FDCWD, name, how(0, 0, unix.RESOLVE_IN_ROOT), 24)
		p.call("newfstatat", unix.AT_FDCWD, name, p.statRoom("newfstatat"), 0)
		p.call("access", name, unix.R_OK)
	}
	p.call("mkdir", "/made", oct(0o755))
	p.call("symlink", "/made", "/s")
	p.call("rename", "/made", "/../made2")
	p.call("link", "/e", "/e2")
	p.call("chmod", "/up", oct(0o640))
	p.state("/e")
	p.where()
}

func rootOutside(p *P) {
	p.kit("k")
	out := p.open(".", unix.O_RDONLY)
	p.call("chroot", "empty")
	p.fd("openat", out, "f", unix.O_RDONLY, 0)
	p.fd("openat", out, "../k/f", unix.O_RDONLY, 0)
	p.fd("openat", out, "/", unix.O_RDONLY, 0)
	p.fd("openat", out, "to_f", unix.O_RDONLY, 0)
	p.call("mkdirat", out, "m", oct(0o755))
	p.call("newfstatat", out, "d/e", p.statRoom("newfstatat"), 0)
	p.call("renameat", out, "m", out, "n")
	p.call("fchdir", out)
	p.fd("open", "f", unix.O_RDONLY, 0)
	p.fd("open", "../../..", unix.O_RDONLY, 0)
	p.call("readlink", "to_f", p.textRoom(16), 16)
	p.listing(".")
}

func rootThread(p *P) {
	p.kit("k")
	p.call("unshare", unix.CLONE_FS)
	p.call("chroot", "d")
	p.call("chdir", "/")
	p.fd("open", "/e", unix.O_RDONLY, 0)
	p.call("access", "/e", unix.R_OK)
	p.call("mkdir", "/m", oct(0o755))
	p.call("access", "/proc", 0)
}

// Without chdir the working directory stays outside of the new root.
func rootCwd(p *P) {
	p.kit("k")
	p.call("chroot", "empty")
	for _, name := range []string{"f", "../k/f", "d/e", "to_f", "/f", "/..", "back/f"} {
		p.fd("open", name, unix.O_RDONLY, 0)
		p.call("newfstatat", unix.AT_FDCWD, name, p.statRoom("newfstatat"), 0)
	}
	p.call("mkdir", "m", oct(0o755))
	p.call("unlink", "to_f")
	p.where()
	p.listing(".")
}
