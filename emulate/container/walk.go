package container

import (
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// A walk goes along a path that meets procfs one component at a time. Every step is the kernel's, with the caller's rights; what it
// adds is who "self" is, and that the supervisor's own entries are closed.
type walk struct {
	o     *op
	a     *actor
	cur   int // O_PATH
	todo  string
	links int
}

// maxLinks is MAXSYMLINKS of include/linux/namei.h.
const maxLinks = 40

func (o *op) walk(a *actor, base int, text string, nofollow bool) (int, syscall.Errno) {
	w := walk{o: o, a: a, cur: -1, todo: text}
	errno := w.begin(base)
	for errno == 0 && w.todo != "" {
		errno = w.step(nofollow)
	}
	if errno != 0 {
		w.leave()
		return -1, errno
	}
	return w.cur, 0
}

func (w *walk) leave() {
	if w.cur >= 0 {
		unix.Close(w.cur)
	}
	w.cur = -1
}

func (w *walk) begin(base int) syscall.Errno {
	if strings.HasPrefix(w.todo, "/") {
		return w.root()
	}
	fd, err := unix.FcntlInt(uintptr(base), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return errnoOf(err)
	}
	return w.arrive(fd)
}

func (w *walk) inProc(fd int) bool {
	st, _ := statOf(fd, statxMount)
	return w.o.inProc(w.a, fd, &st)
}

func (w *walk) root() syscall.Errno {
	fd, errno := w.a.openat2(unix.AT_FDCWD, "/", &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC})
	if errno != 0 {
		return errno
	}
	return w.arrive(fd)
}

// arrive makes fd the place where the walk is, unless it is the supervisor's own.
func (w *walk) arrive(fd int) syscall.Errno {
	w.leave()
	w.cur = fd
	if w.inProc(fd) && w.o.f.owns(fd) {
		return unix.EACCES
	}
	return 0
}

// step goes one component further. A slash behind the last one makes it a directory.
func (w *walk) step(nofollow bool) syscall.Errno {
	part, rest, slash := strings.Cut(strings.TrimLeft(w.todo, "/"), "/")
	w.todo = strings.TrimLeft(rest, "/")
	if part == "" {
		w.todo = ""
		return w.directory()
	}
	fd, errno := w.open(part, unix.O_NOFOLLOW, 0)
	if errno != 0 {
		return errno
	}
	last := w.todo == ""
	if kindOf(fd) == unix.S_IFLNK && (!last || slash || !nofollow) {
		return w.follow(fd, part, slash)
	}
	errno = w.arrive(fd)
	if errno == 0 && last && slash {
		errno = w.directory()
	}
	return errno
}

func (w *walk) directory() syscall.Errno {
	if kindOf(w.cur) == unix.S_IFDIR {
		return 0
	}
	return unix.ENOTDIR
}

func (w *walk) open(part string, flags, resolve uint64) (int, syscall.Errno) {
	return w.a.openat2(w.cur, part, &unix.OpenHow{Flags: flags | unix.O_PATH | unix.O_CLOEXEC, Resolve: resolve})
}

// follow goes where a symbolic link leads to. A link of procfs that RESOLVE_NO_MAGICLINKS stops at leads to an object and not to a
// path.
func (w *walk) follow(fd int, part string, slash bool) syscall.Errno {
	defer unix.Close(fd)
	w.links++
	if w.links > maxLinks {
		return unix.ELOOP
	}
	if !w.inProc(fd) {
		return w.plain(fd, part, slash)
	}
	if self := w.o.self(w.cur, fd); self != "" {
		return w.goOn(self, slash)
	}
	plain, errno := w.open(part, 0, unix.RESOLVE_NO_MAGICLINKS)
	switch errno {
	case unix.ELOOP:
		return w.jump(part, slash)
	case unix.EACCES, unix.EPERM:
		return errno // proc_pid_get_link() of fs/proc/base.c: the caller may not know where it leads to
	case 0:
		unix.Close(plain)
	}
	return w.text(fd, slash)
}

// plain follows an ordinary link. The kernel is asked first whether it lets the caller (may_follow_link() of fs/namei.c): it does not
// say where the link leads to, because that may be procfs.
func (w *walk) plain(fd int, part string, slash bool) syscall.Errno {
	ahead, errno := w.open(part, 0, unix.RESOLVE_NO_MAGICLINKS)
	if errno == 0 {
		unix.Close(ahead)
	}
	if errno == unix.EACCES && w.sticky() {
		return errno
	}
	return w.text(fd, slash)
}

// sticky says whether links in this directory are protected (proc_sys_fs(5), protected_symlinks).
func (w *walk) sticky() bool {
	const mode = unix.S_ISVTX | unix.S_IWOTH
	st, ok := statOf(w.cur, 0)
	return !ok || st.Mode&mode == mode
}

func (w *walk) text(fd int, slash bool) syscall.Errno {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(fd, "", buf)
	if err != nil {
		return errnoOf(err)
	}
	return w.goOn(string(buf[:n]), slash)
}

// goOn continues with a link's text.
func (w *walk) goOn(text string, slash bool) syscall.Errno {
	if text == "" {
		return unix.ENOENT
	}
	if len(text)+len(w.todo) > unix.PathMax*maxLinks {
		return unix.ENAMETOOLONG
	}
	if w.todo != "" || slash {
		text += "/" + w.todo
	}
	w.todo = text
	if text[0] == '/' {
		return w.root()
	}
	return 0
}

func (w *walk) jump(part string, slash bool) syscall.Errno {
	fd, errno := w.open(part, 0, 0)
	if errno != 0 {
		return errno
	}
	if errno := w.arrive(fd); errno != 0 || !slash && w.todo == "" {
		return errno
	}
	return w.directory()
}
