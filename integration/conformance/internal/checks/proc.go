package checks

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

func procChecks() []Check {
	return []Check{
		{Name: "proc/self-links", Run: procSelfLinks},
		{Name: "proc/self-is-me", Run: procSelfIsMe},
		{Name: "proc/fd", Run: procFDs},
		{Name: "proc/fd-operations", Run: procFDOperations},
		{Name: "proc/cwd-and-root", Run: procCwdRoot},
		{Name: "proc/exe", Run: procExe},
		{Name: "proc/through-symlinks", Run: procSymlinks},
		{Name: "proc/dirfd", Run: procDirfd},
		{Name: "proc/deleted", Run: procDeleted},
		{Name: "proc/another-process", Run: procOther},
		{Name: "proc/write", Run: procWrite},
	}
}

func procFD(fd int) string { return fmt.Sprintf("/proc/self/fd/%d", fd) }

func procSelfLinks(p *P) {
	for _, name := range []string{"/proc/self", "/proc/thread-self", "/proc/self/cwd", "/proc/self/root", "/proc/self/exe", "/proc/thread-self/cwd",
		"/proc/self/fd/0", "/dev/fd", "/dev/stdin", "/dev/stdout", "/proc/self/fd", "/proc/self/fd/999", "/proc/self/task/1/cwd",
		"/proc/mounts", "/proc/net", "/proc/self/ns/mnt"} {
		r, text := p.raw("readlink", name, p.room(200), 0)
		p.printf("%s = %s", text, r)
		room := p.room(200)
		room.fill()
		r, text = p.raw("readlink", name, room, 200)
		got := ""
		if r.ok() && !strings.HasPrefix(name, "/proc/self/ns") && !strings.HasPrefix(name, "/dev/stdout") {
			got = p.self(string(room.b[:r.val]))
		}
		p.printf("%s ok=%t %s %s", text, r.ok(), r.errno, got)
	}
}

// self names the process in what /proc says.
func (p *P) self(s string) string {
	pid, tid := strconv.Itoa(os.Getpid()), strconv.Itoa(unix.Gettid())
	switch s {
	case pid:
		return "PID"
	case pid + "/task/" + tid:
		return "PID/task/TID"
	}
	return p.quote(s)
}

// What is read below /proc/self is about the caller, and below /proc/thread-self about the calling thread.
func procSelfIsMe(p *P) {
	for _, name := range []string{"/proc/self/stat", "/proc/thread-self/stat", "/proc/self/../self/stat", "/proc/self/task/../stat"} {
		r, _ := p.raw("open", name, unix.O_RDONLY, 0)
		if !r.ok() {
			p.printf("%s: %s", name, r)
			continue
		}
		id, _, _ := strings.Cut(p.readAll(r.val), " ")
		unix.Close(r.val)
		p.printf("%s: process=%t thread=%t", name, id == strconv.Itoa(os.Getpid()), id == strconv.Itoa(unix.Gettid()))
	}
	p.call("access", "/proc/self/task/"+strconv.Itoa(unix.Gettid()), 0)
	p.call("newfstatat", unix.AT_FDCWD, "/proc/self/status", p.statRoom("newfstatat"), 0)
	p.fd("open", "/proc/self/environ", unix.O_RDONLY, 0)
	p.fd("open", "/proc/self/mem", unix.O_RDWR, 0)
	p.fd("open", "/proc/self/maps", unix.O_RDONLY, 0)
}

func procFDs(p *P) {
	p.file("f", 0o644, "content")
	p.mkdir("d", 0o755)
	r, w := p.open("f", unix.O_RDONLY), p.open("f", unix.O_WRONLY)
	d := p.open("d", unix.O_RDONLY)
	for _, fd := range []int{r, w, d} {
		for _, flags := range []int{unix.O_RDONLY, unix.O_WRONLY, unix.O_RDWR, unix.O_RDONLY | unix.O_NOFOLLOW, unix.O_DIRECTORY,
			unix.O_CREAT | unix.O_EXCL, unix.O_CREAT | unix.O_WRONLY, unix.O_PATH | unix.O_NOFOLLOW, unix.O_CLOEXEC} {
			if got := p.fd("open", procFD(fd), flags, oct(0o600)); got >= 0 {
				p.close(got)
			}
			if got := p.fd("open", fmt.Sprintf("/dev/fd/%d", fd), flags, oct(0o600)); got >= 0 {
				p.close(got)
			}
		}
		p.call("newfstatat", unix.AT_FDCWD, procFD(fd), p.statRoom("newfstatat"), 0)
		p.call("lstat", procFD(fd), p.statRoom("lstat"))
		p.call("readlink", procFD(fd), p.textRoom(200), 200)
		p.call("readlink", procFD(fd)+"/", p.textRoom(200), 200)
	}
	p.fd("open", procFD(d)+"/..", unix.O_RDONLY, 0)
	p.call("readlink", procFD(d)+"/../f", p.textRoom(200), 200)
	p.fd("open", procFD(w)+"/x", unix.O_RDONLY, 0)
	for _, name := range []string{"00", "-1", "+0", "x", "4294967296", ""} {
		p.fd("open", "/proc/self/fd/"+name, unix.O_PATH, 0)
	}
}

func procFDOperations(p *P) {
	p.file("f", 0o644, "content")
	p.symlink("f", "s")
	link := procFD(p.open("f", unix.O_PATH))
	p.call("chmod", link, oct(0o600))
	p.call("chown", link, p.uid(), p.gid())
	p.call("truncate", link, 4)
	p.call("utimensat", unix.AT_FDCWD, link, longs(1, 2, 3, 4), 0)
	p.call("utimensat", unix.AT_FDCWD, link, longs(1, 2, 3, 4), unix.AT_SYMLINK_NOFOLLOW)
	p.call("setxattr", link, "user.x", data("1"), 1, 0)
	p.call("lsetxattr", link, "user.x", data("1"), 1, 0)
	p.call("access", link, unix.X_OK)
	p.call("linkat", unix.AT_FDCWD, link, unix.AT_FDCWD, "copy", unix.AT_SYMLINK_FOLLOW)
	p.call("linkat", unix.AT_FDCWD, link, unix.AT_FDCWD, "copy2", 0)
	p.call("unlink", link)
	p.call("rename", link, "moved")
	p.call("fchmodat2", unix.AT_FDCWD, link, oct(0o640), unix.AT_SYMLINK_NOFOLLOW)
	p.state("f")
	slink := procFD(p.open("s", unix.O_PATH|unix.O_NOFOLLOW))
	p.fd("open", slink, unix.O_RDONLY, 0)
	p.call("chmod", slink, oct(0o600))
	p.call("chown", slink, p.uid(), p.gid())
	p.call("utimensat", unix.AT_FDCWD, slink, longs(5, 6, 7, 8), 0)
	p.call("readlink", slink, p.textRoom(200), 200)
	p.state("s")
	p.state("f")
}

func procCwdRoot(p *P) {
	p.kit("k")
	for _, prefix := range []string{"/proc/self/cwd", "/proc/thread-self/cwd", "/proc/self/task/" + strconv.Itoa(unix.Gettid()) + "/cwd",
		"/proc/self/root" + p.dir + "/k", "/proc/self/root/proc/self/cwd"} {
		p.fd("open", prefix+"/f", unix.O_RDONLY, 0)
		p.fd("open", prefix, unix.O_RDONLY|unix.O_DIRECTORY, 0)
		p.fd("open", prefix, unix.O_NOFOLLOW, 0)
		p.call("mkdir", prefix+"/m", oct(0o755))
		p.call("rename", prefix+"/m", prefix+"/d/m")
		p.call("symlink", "x", prefix+"/sl")
		p.call("lstat", prefix+"/sl", p.statRoom("lstat"))
		p.call("unlink", prefix+"/sl")
		p.call("rmdir", "d/m")
		p.call("rmdir", prefix)
		p.call("readlink", prefix, p.textRoom(200), 200)
	}
}

func procExe(p *P) {
	p.call("readlink", "/proc/self/exe", p.textRoom(200), 200)
	p.fd("open", "/proc/self/exe", unix.O_RDONLY, 0)
	p.fd("open", "/proc/self/exe", unix.O_NOFOLLOW, 0)
	p.fd("open", "/proc/self/exe", unix.O_PATH|unix.O_NOFOLLOW, 0)
	p.call("newfstatat", unix.AT_FDCWD, "/proc/self/exe", p.statRoom("newfstatat"), 0)
	p.call("access", "/proc/self/exe", unix.X_OK)
	p.call("getxattr", "/proc/self/exe", "user.x", p.room(8), 8)
}

func procSymlinks(p *P) {
	p.kit("k")
	fd := p.open("f", unix.O_RDONLY)
	p.symlink("/proc/self/cwd/f", "l1")
	p.symlink("l1", "l2")
	p.symlink(procFD(fd), "l3")
	p.symlink("/proc/self/", "l4")
	p.symlink("/dev/fd", "l5")
	for _, name := range []string{"l1", "l2", "l3", "l4/cwd/f", "l5/" + strconv.Itoa(fd), "l4/fd/" + strconv.Itoa(fd), "l4", "l4/stat", "l4/../self/cwd/d/e"} {
		if got := p.fd("open", name, unix.O_RDONLY, 0); got >= 0 {
			p.printf("same file: %t", sameFile(got, fd))
		}
		p.call("newfstatat", unix.AT_FDCWD, name, p.statRoom("newfstatat"), 0)
		p.call("access", name, unix.R_OK)
	}
	p.call("chmod", "l3", oct(0o606))
	p.call("truncate", "l2", 2)
	p.state("f")
}

func sameFile(a, b int) bool {
	var s, t unix.Stat_t
	return unix.Fstat(a, &s) == nil && unix.Fstat(b, &t) == nil && s.Ino == t.Ino && s.Dev == t.Dev
}

// /proc and directories in it as what a path is relative to.
func procDirfd(p *P) {
	p.file("f", 0o644, "content")
	for _, name := range []string{"/proc", "/proc/self", "/proc/thread-self", "/proc/self/fd", "/proc/self/task"} {
		for _, flags := range []int{unix.O_RDONLY | unix.O_DIRECTORY, unix.O_PATH} {
			fd := p.fd("open", name, flags, 0)
			for _, path := range []string{"self/cwd/f", "cwd/f", "self", "0", "thread-self/cwd", "../self/cwd/f", "exe"} {
				r, text := p.raw("openat", fd, path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
				p.printf("%s ok=%t %s", text, r.ok(), r.errno)
				if r.ok() {
					unix.Close(r.val)
				}
			}
			if fd >= 0 {
				p.close(fd)
			}
		}
	}
}

func procDeleted(p *P) {
	p.file("f", 0o644, "content")
	p.mkdir("d", 0o755)
	fd, dir := p.open("f", unix.O_RDONLY), p.open("d", unix.O_RDONLY)
	p.call("unlink", "f")
	p.call("rmdir", "d")
	p.call("readlink", procFD(fd), p.textRoom(200), 200)
	if got := p.fd("open", procFD(fd), unix.O_RDWR, 0); got >= 0 {
		p.printf("content %q", p.readAll(got))
	}
	p.call("newfstatat", unix.AT_FDCWD, procFD(fd), p.statRoom("newfstatat"), 0)
	p.call("newfstatat", fd, "", p.statRoom("newfstatat"), unix.AT_EMPTY_PATH)
	p.call("chmod", procFD(fd), oct(0o600))
	p.call("truncate", procFD(fd), 1)
	p.call("linkat", unix.AT_FDCWD, procFD(fd), unix.AT_FDCWD, "again", unix.AT_SYMLINK_FOLLOW)
	p.fd("openat", dir, "x", unix.O_CREAT|unix.O_WRONLY, oct(0o600))
	p.fd("openat", dir, ".", unix.O_RDONLY, 0)
	p.fd("openat", dir, "..", unix.O_RDONLY, 0)
	p.call("mkdirat", dir, "x", oct(0o700))
	p.call("linkat", unix.AT_FDCWD, "again", dir, "x", 0)
}

func procOther(p *P) {
	for _, name := range []string{"/proc/1/cwd", "/proc/1/root", "/proc/1/exe", "/proc/1/fd/0", "/proc/1/mem", "/proc/1/stat", "/proc/1/environ", "/proc/4194304/stat",
		"/proc/1/root/", "/proc/1/fd", "/proc/1/ns/mnt"} {
		r, text := p.raw("open", name, unix.O_RDONLY|unix.O_NONBLOCK, 0)
		p.printf("%s ok=%t %s", text, r.ok(), r.errno)
		if r.ok() {
			unix.Close(r.val)
		}
		p.call("access", name, unix.R_OK)
		r, text = p.raw("readlink", name, p.room(64), 64)
		p.printf("%s ok=%t %s", text, r.ok(), r.errno)
	}
}

// What is written through /proc/self changes the caller.
func procWrite(p *P) {
	fd := p.fd("open", "/proc/thread-self/comm", unix.O_RDWR, 0)
	n, err := unix.Write(fd, []byte("renamed"))
	p.printf("write %d %v", n, err)
	if fd := p.open2("/proc/thread-self/comm"); fd >= 0 {
		p.printf("comm %q", p.readAll(fd))
	}
	p.fd("open", "/proc/self/oom_score_adj", unix.O_WRONLY, 0)
	p.fd("open", "/proc/self/setgroups", unix.O_WRONLY, 0)
	p.fd("open", "/proc/self/uid_map", unix.O_WRONLY, 0)
	p.fd("open", "/proc/sys/kernel/hostname", unix.O_WRONLY, 0)
	p.fd("open", "/proc/self/new", unix.O_CREAT|unix.O_WRONLY, oct(0o600))
	p.call("unlink", "/proc/self/status")
	p.call("chmod", "/proc/self/status", oct(0o600))
	p.call("mkdir", "/proc/self/new", oct(0o700))
}

// open2 is open where there may be nothing to open.
func (p *P) open2(name string) int {
	fd := p.openRaw(name, unix.O_RDONLY)
	if fd >= 0 {
		p.fds = append(p.fds, fd)
	}
	return fd
}
