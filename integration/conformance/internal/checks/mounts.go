package checks

import (
	"strings"

	"golang.org/x/sys/unix"
)

func mountChecks() []Check {
	return []Check{
		{Name: "mount/own-namespace", Run: mountOwn, Alone: true},
		{Name: "mount/busy", Run: mountBusy, Alone: true},
		{Name: "mount/read-only", Run: mountReadOnly, Alone: true},
		{Name: "mount/no-space", Run: mountFull, Alone: true},
		{Name: "mount/no-inodes", Run: mountNoInodes, Alone: true},
		{Name: "mount/across", Run: mountAcross, Alone: true},
		{Name: "mount/covered", Run: mountCovered, Alone: true},
		{Name: "mount/nodev-nosuid", Run: mountNodev, Alone: true},
		{Name: "mount/bind", Run: mountBind, Alone: true},
		{Name: "mount/overlay", Run: mountOverlay, Alone: true},
	}
}

// apart gives the calling thread a mount namespace of its own. It says so and returns false where that is not permitted.
func (p *P) apart() bool {
	r, text := p.raw("unshare", unix.CLONE_NEWNS)
	p.printf("%s = %s", text, r)
	if !r.ok() {
		return false
	}
	return p.call("mount", "none", "/", nil, unix.MS_REC|unix.MS_PRIVATE, nil).ok()
}

func (p *P) tmpfs(name, options string, flags int) bool {
	p.must("mkdirat", unix.AT_FDCWD, name, oct(0o755))
	return p.call("mount", "tmpfs", name, "tmpfs", flags, options).ok()
}

// A mount that only the calling thread has.
func mountOwn(p *P) {
	p.file("f", 0o644, "below")
	if !p.apart() || !p.tmpfs("m", "mode=0755", 0) {
		return
	}
	p.fd("open", "m/new", unix.O_CREAT|unix.O_RDWR, oct(0o644))
	p.call("mkdir", "m/d", oct(0o755))
	p.call("newfstatat", unix.AT_FDCWD, "m/new", p.statRoom("newfstatat"), 0)
	p.call("statfs", "m", p.statfsRoom())
	p.call("readlink", "/proc/thread-self/cwd", p.textRoom(200), 200)
	p.fd("open", p.dir+"/m/new", unix.O_RDONLY, 0)
	p.call("chdir", "m")
	p.fd("open", "new", unix.O_RDONLY, 0)
	p.call("rename", "new", "d/moved")
	p.call("access", p.dir+"/m/d/moved", unix.R_OK)
	p.listing(".")
}

func mountBusy(p *P) {
	p.file("f", 0o644, "")
	p.mkdir("empty", 0o755)
	if !p.apart() || !p.tmpfs("m", "", 0) {
		return
	}
	for _, name := range []string{"m", "m/", "m/."} {
		p.call("rmdir", name)
		p.call("unlink", name)
		p.call("rename", name, "n")
		p.call("rename", "empty", name)
		p.call("renameat2", unix.AT_FDCWD, "empty", unix.AT_FDCWD, name, unix.RENAME_EXCHANGE)
		p.call("umount2", name+"/missing", 0)
	}
	fd := p.fd("open", "m", unix.O_RDONLY, 0)
	p.call("umount2", "m", 0)
	p.close(fd)
	p.call("umount2", "m", 0)
	p.call("rmdir", "m")
}

func mountReadOnly(p *P) {
	if !p.apart() || !p.tmpfs("m", "", 0) {
		return
	}
	p.must("chdir", "m")
	p.kit("k")
	p.must("chdir", p.dir)
	p.call("mount", "none", "m", nil, unix.MS_REMOUNT|unix.MS_RDONLY|unix.MS_BIND, nil)
	p.must("chdir", "m/k")
	for _, name := range []string{"f", "d", "missing", "to_f", "dangling", "p"} {
		for _, flags := range []int{unix.O_RDONLY, unix.O_WRONLY, unix.O_CREAT | unix.O_WRONLY, unix.O_CREAT | unix.O_RDONLY, unix.O_CREAT | unix.O_EXCL, unix.O_TRUNC, unix.O_TMPFILE | unix.O_RDWR} {
			p.fd("open", name, flags|unix.O_NONBLOCK, oct(0o600))
		}
		p.each(name)
	}
	p.call("mount", "none", p.dir+"/m", nil, unix.MS_REMOUNT|unix.MS_RDONLY, nil)
	p.fd("open", "f", unix.O_WRONLY, 0)
	p.call("mkdir", "new", oct(0o755))
}

// each makes the calls that change something, on one name.
func (p *P) each(name string) {
	p.call("mkdir", name, oct(0o755))
	p.call("mknod", name, oct(unix.S_IFREG|0o600), 0)
	p.call("symlink", "x", name)
	p.call("link", "f", name)
	p.call("link", name, "linked")
	p.call("chmod", name, oct(0o600))
	p.call("chown", name, p.uid(), p.gid())
	p.call("lchown", name, p.uid(), p.gid())
	p.call("utimensat", unix.AT_FDCWD, name, nil, 0)
	p.call("utimensat", unix.AT_FDCWD, name, longs(1, 2, 3, 4), unix.AT_SYMLINK_NOFOLLOW)
	p.call("truncate", name, 1)
	p.call("setxattr", name, "user.a", data("v"), 1, 0)
	p.call("removexattr", name, "user.a")
	p.call("access", name, unix.W_OK)
	p.call("access", name, unix.R_OK)
	p.call("rename", name, "renamed")
	p.call("rename", "renamed", name)
	p.call("unlink", name)
	p.call("rmdir", name)
}

func mountFull(p *P) {
	if !p.apart() || !p.tmpfs("m", "size=16k", 0) {
		return
	}
	fd := p.fd("open", "m/f", unix.O_CREAT|unix.O_WRONLY, oct(0o600))
	n, err := unix.Write(fd, []byte(strings.Repeat("x", 64<<10)))
	p.printf("write %d %v", n, err)
	p.fd("open", "m/g", unix.O_CREAT|unix.O_WRONLY, oct(0o600))
	p.call("mkdir", "m/d", oct(0o755))
	p.call("symlink", strings.Repeat("t", 3000), "m/s")
	p.call("setxattr", "m/f", "user.a", data(strings.Repeat("v", 8000)), 8000, 0)
	p.call("truncate", "m/f", 1<<20)
	p.state("m/f")
	p.call("truncate", "m/f", 0)
	p.call("symlink", strings.Repeat("t", 3000), "m/s2")
	p.listing("m")
}

func mountNoInodes(p *P) {
	if !p.apart() || !p.tmpfs("m", "nr_inodes=3", 0) {
		return
	}
	for i := range 4 {
		name := "m/" + itoa(i)
		p.fd("open", name, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY, oct(0o600))
		p.call("mkdir", name+"d", oct(0o755))
		p.call("mknod", name+"p", oct(unix.S_IFIFO|0o600), 0)
		p.call("symlink", "x", name+"s")
		p.call("link", "m/0", name+"l")
		p.fd("open", "m", unix.O_TMPFILE|unix.O_RDWR, oct(0o600))
	}
	p.listing("m")
}

func mountAcross(p *P) {
	p.kit("k")
	if !p.apart() || !p.tmpfs("m", "", 0) {
		return
	}
	for _, name := range []string{"f", "d", "to_f", "missing"} {
		p.call("rename", name, "m/x")
		p.call("link", name, "m/x")
		p.call("linkat", unix.AT_FDCWD, name, unix.AT_FDCWD, "m/x", unix.AT_SYMLINK_FOLLOW)
		p.call("renameat2", unix.AT_FDCWD, name, unix.AT_FDCWD, "m/x", unix.RENAME_EXCHANGE)
		p.call("rename", name, "m")
	}
	p.fd("openat2", unix.AT_FDCWD, "m", how(0, 0, unix.RESOLVE_NO_XDEV), 24)
	p.fd("openat2", unix.AT_FDCWD, "m/..", how(0, 0, unix.RESOLVE_NO_XDEV), 24)
	p.fd("openat2", p.open("m", unix.O_RDONLY), "../f", how(0, 0, unix.RESOLVE_NO_XDEV), 24)
	p.call("statx", unix.AT_FDCWD, "m", 0, unix.STATX_BASIC_STATS, p.statxRoom())
	p.call("statx", unix.AT_FDCWD, "m/..", 0, unix.STATX_BASIC_STATS, p.statxRoom())
}

// What lies under a mount is reached through a descriptor from before it.
func mountCovered(p *P) {
	p.kit("k")
	fd := p.open("d", unix.O_RDONLY)
	if !p.apart() {
		return
	}
	p.call("mount", "tmpfs", "d", "tmpfs", 0, nil)
	p.fd("openat", fd, "e", unix.O_RDONLY, 0)
	p.fd("openat", fd, "../d/e", unix.O_RDONLY, 0)
	p.fd("open", "d/e", unix.O_RDONLY, 0)
	p.fd("open", procFD(fd)+"/e", unix.O_RDONLY, 0)
	p.call("mkdirat", fd, "under", oct(0o755))
	p.call("mkdir", "d/over", oct(0o755))
	p.listing("d")
	p.call("newfstatat", fd, "under", p.statRoom("newfstatat"), 0)
	p.call("renameat", fd, "under", fd, "under2")
	p.call("renameat", fd, "under2", unix.AT_FDCWD, "d/x")
}

func mountNodev(p *P) {
	if !p.apart() || !p.tmpfs("m", "", unix.MS_NODEV|unix.MS_NOSUID|unix.MS_NOEXEC) {
		return
	}
	p.call("mknod", "m/c", oct(unix.S_IFCHR|0o666), 0x103)
	p.fd("open", "m/c", unix.O_RDONLY, 0)
	p.fd("open", "m/c", unix.O_PATH, 0)
	p.fd("open", "m/x", unix.O_CREAT|unix.O_WRONLY, oct(0o755))
	p.call("access", "m/x", unix.X_OK)
	p.call("statfs", "m", p.statfsRoom())
}

// One file by several mounts, of which one cannot be written.
func mountBind(p *P) {
	p.kit("k")
	if !p.apart() {
		return
	}
	p.must("mkdir", "b", oct(0o755))
	p.call("mount", "d", "b", nil, unix.MS_BIND, nil)
	p.call("mount", "none", "b", nil, unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, nil)
	for _, prefix := range []string{"b/", "d/"} {
		p.fd("open", prefix+"e", unix.O_RDWR, 0)
		p.call("chmod", prefix+"e", oct(0o640))
		p.call("rename", prefix+"e", prefix+"e2")
		p.call("rename", prefix+"e2", prefix+"e")
		p.call("unlink", prefix+"none")
		p.call("mkdir", prefix+"m", oct(0o755))
	}
	p.call("link", "b/e", "d/l")
	p.call("rename", "d/e", "b/x")
	p.file("k2", 0o644, "x")
	p.call("mount", "f", "k2", nil, unix.MS_BIND, nil)
	p.call("unlink", "k2")
	p.call("unlink", "f")
	p.call("rename", "k2", "k3")
	p.content("k2")
}

func mountOverlay(p *P) {
	for _, name := range []string{"low", "up", "work", "m"} {
		p.must("mkdir", name, oct(0o755))
	}
	p.file("low/f", 0o644, "lower")
	p.mkdir("low/d", 0o755)
	if !p.apart() || !p.call("mount", "overlay", "m", "overlay", 0, "lowerdir=low,upperdir=up,workdir=work,userxattr,uuid=off").ok() {
		return
	}
	p.call("chmod", "m/f", oct(0o600))
	p.fd("open", "m/f", unix.O_WRONLY|unix.O_TRUNC, 0)
	p.fd("open", "m/new", unix.O_CREAT|unix.O_WRONLY, oct(0o644))
	p.call("rename", "m/f", "m/g")
	p.call("rename", "m/d", "m/e")
	p.call("unlink", "m/g")
	p.call("mkdir", "m/f", oct(0o755))
	p.listing("m")
	p.state("up/new")
}
