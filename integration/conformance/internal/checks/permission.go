package checks

import (
	"syscall"

	"golang.org/x/sys/unix"
)

func permissionChecks() []Check {
	return []Check{
		{Name: "permission/directories", Run: permDirectories},
		{Name: "permission/own-files", Run: permOwn},
		{Name: "permission/groups", Run: permGroups},
		{Name: "permission/without-capabilities", Run: permCapabilities, Alone: true},
		{Name: "permission/effective-user", Run: permEffective, Alone: true},
		{Name: "permission/changed-groups", Run: permSetgroups, Alone: true},
		{Name: "permission/of-a-thread", Run: permThread, Alone: true},
		{Name: "permission/not-dumpable", Run: permDumpable, Alone: true},
	}
}

// In each of the fixtures' directories is a file that everybody may read.
func permDirectories(p *P) {
	for _, dir := range []string{"/closed", "/search", "/list", "/group", "/foreign", "/sticky"} {
		name := p.fix + dir
		p.printf("%s:", dir)
		p.fd("open", name, unix.O_RDONLY, 0)
		p.fd("open", name, unix.O_PATH, 0)
		p.fd("open", name+"/file", unix.O_RDONLY, 0)
		p.fd("open", name+"/file", unix.O_PATH, 0)
		p.fd("open", name+"/file/..", unix.O_PATH, 0)
		p.fd("open", name+"/..", unix.O_PATH, 0)
		p.fd("open", name+"/missing", unix.O_RDONLY, 0)
		p.fd("open", name+"/missing", unix.O_CREAT|unix.O_WRONLY, oct(0o600))
		p.fd("open", name, unix.O_TMPFILE|unix.O_RDWR, oct(0o600))
		p.call("newfstatat", unix.AT_FDCWD, name+"/file", p.statRoom("newfstatat"), 0)
		p.call("statx", unix.AT_FDCWD, name+"/file", 0, unix.STATX_MODE, p.statxRoom())
		p.call("readlink", name+"/link", p.textRoom(32), 32)
		p.call("access", name+"/file", 0)
		p.call("getxattr", name+"/file", "user.a", p.textRoom(8), 8)
		p.call("inotify_add_watch", p.inotify(), name+"/file", 1)
		p.call("symlink", "x", name+"/s")
		p.call("link", name+"/file", "l")
		p.call("unlink", "l")
		p.call("rename", "missing", name+"/r")
		p.call("mkdir", name+"/m", oct(0o755))
		p.call("mkdir", name+"/file", oct(0o755))
		p.call("unlink", name+"/missing")
		p.call("unlink", name+"/s")
		p.call("rmdir", name+"/m")
		p.call("rmdir", name)
	}
}

func permOwn(p *P) {
	p.kit("k")
	p.file("none", 0, "content")
	p.file("wo", 0o200, "content")
	p.file("xo", 0o111, "content")
	p.mkdir("rd", 0o400)
	p.mkdir("wx", 0o300)
	p.mkdir("rx", 0o500)
	for _, name := range []string{"none", "wo", "xo", "rd", "wx", "rx"} {
		for _, flags := range []int{unix.O_RDONLY, unix.O_WRONLY, unix.O_RDWR, unix.O_PATH, unix.O_TRUNC, unix.O_WRONLY | unix.O_TRUNC} {
			p.fd("open", name, flags, 0)
		}
		p.call("truncate", name, 3)
		p.call("getxattr", name, "user.a", p.textRoom(8), 8)
		p.call("setxattr", name, "user.a", data("v"), 1, 0)
		p.call("utimensat", unix.AT_FDCWD, name, nil, 0)
		p.call("mkdir", name+"/m", oct(0o755))
		p.call("newfstatat", unix.AT_FDCWD, name+"/m", p.statRoom("newfstatat"), 0)
		p.call("name_to_handle_at", unix.AT_FDCWD, name, p.handleRoom(128), p.room(4), 0)
		p.call("inotify_add_watch", p.inotify(), name, 1)
		p.call("chdir", name)
		p.must("chdir", p.dir+"/k")
		p.call("rename", name, "d/"+name)
		p.call("rename", "d/"+name, name)
	}
}

func permGroups(p *P) {
	for _, name := range []string{"/of-group", "/of-foreign"} {
		p.fd("open", p.fix+name, unix.O_RDONLY, 0)
		p.fd("open", p.fix+name, unix.O_RDWR, 0)
		p.call("access", p.fix+name, unix.W_OK)
		p.call("chown", p.fix+name, -1, 34567)
		p.state(p.fix + name)
	}
	p.file("f", 0o2755, "")
	for _, gid := range []int{34567, 34568, p.gid()} {
		p.call("chown", "f", -1, gid)
		p.call("chmod", "f", oct(0o2755))
		p.state("f")
	}
}

// strict makes calls that capabilities decide.
func (p *P) strict() {
	for _, name := range []string{"/private", "/readable", "/closed/file", "/of-group", "/of-foreign", "/sticky/file"} {
		p.fd("open", p.fix+name, unix.O_RDONLY, 0)
		p.fd("open", p.fix+name, unix.O_WRONLY, 0)
		p.fd("open", p.fix+name, unix.O_NOATIME, 0)
		p.call("access", p.fix+name, unix.W_OK)
		p.call("chmod", p.fix+name, oct(0o640))
		p.call("chown", p.fix+name, 1, 1)
		p.call("utimensat", unix.AT_FDCWD, p.fix+name, longs(1, 2, 3, 4), 0)
		p.call("setxattr", p.fix+name, "trusted.a", data("v"), 1, 0)
		p.call("link", p.fix+name, "linked")
		p.call("unlink", "linked")
		p.state(p.fix + name)
	}
	p.call("mknod", "c", oct(unix.S_IFCHR|0o666), 0x103)
	p.call("chroot", p.dir+"/none")
	p.call("rename", p.fix+"/sticky/file", p.fix+"/sticky/file2")
	p.call("mkdir", "made", oct(0o2777))
	p.state("made")
}

func permCapabilities(p *P) {
	p.file("mine", 0o600, "")
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	p.printf("capset %v", unix.Capset(&header, &none[0]))
	p.strict()
	p.fd("open", "mine", unix.O_RDWR, 0)
	p.call("chown", "mine", 1, 1)
}

func permEffective(p *P) {
	p.must("fchmodat", unix.AT_FDCWD, ".", oct(0o777))
	p.raw("setresgid", -1, 23456, -1)
	r, text := p.raw("setresuid", -1, 12345, -1)
	p.printf("%s = %s", text, r)
	p.strict()
	p.raw("setresuid", -1, 0, -1)
	p.fd("open", p.fix+"/private", unix.O_RDONLY, 0)
}

func permSetgroups(p *P) {
	p.must("fchmodat", unix.AT_FDCWD, ".", oct(0o777))
	for _, groups := range [][]int{{34568}, {}, {34567, 34568, 1}} {
		p.printf("setgroups %v ok=%t", groups, unix.Setgroups(groups) == nil)
		p.raw("setfsuid", 12345)
		for _, name := range []string{"/of-group", "/of-foreign", "/group/file", "/foreign/file"} {
			p.fd("open", p.fix+name, unix.O_RDWR, 0)
		}
		p.call("mkdir", p.fix+"/group/m"+itoa(len(groups)), oct(0o755))
		p.raw("setfsuid", p.uid())
	}
}

// Credentials belong to threads: the other threads of this process keep theirs.
func permThread(p *P) {
	p.must("fchmodat", unix.AT_FDCWD, ".", oct(0o777))
	p.raw("setgid", 23456)
	r, text := p.raw("setuid", 12345)
	p.printf("%s = %s", text, r)
	p.strict()
	p.fd("open", "new", unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY, oct(0o644))
	p.state("new")
}

// Nobody but root may look into such a process: prctl(2), PR_SET_DUMPABLE. Its calls still have to be made.
func permDumpable(p *P) {
	p.kit("k")
	_, _, errno := syscall.Syscall(unix.SYS_PRCTL, unix.PR_SET_DUMPABLE, 0, 0)
	p.printf("prctl %d", int(errno))
	p.fd("open", "f", unix.O_RDONLY, 0)
	p.fd("open", "new", unix.O_CREAT|unix.O_WRONLY, oct(0o600))
	p.fd("openat", p.fd("open", "d", unix.O_RDONLY, 0), "e", unix.O_RDONLY, 0)
	p.call("newfstatat", unix.AT_FDCWD, "f", p.statRoom("newfstatat"), 0)
	p.call("mkdir", "m", oct(0o755))
	p.call("readlink", "to_f", p.textRoom(16), 16)
	p.fd("open", "/proc/self/status", unix.O_RDONLY, 0)
	p.fd("open", "/proc/self/environ", unix.O_RDONLY, 0)
	p.fd("open", "/proc/self/cwd/f", unix.O_RDONLY, 0)
	p.fd("open", "/proc/self/fd/0", unix.O_RDONLY, 0)
}
