package perform

import (
	"bytes"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/internal/procself"
)

// A walk goes along a path that meets procfs one component at a time. Every step is the kernel's; what it adds is who "self" is, and
// that the supervisor's own entries are closed.
type walk struct {
	o       *op
	cur     int // O_PATH
	st      unix.Statx_t
	proc    bool   // it is in procfs
	todo    []byte // what is left of the path, without NUL
	links   int    // followed so far
	slash   bool   // one came behind the last component that was taken
	resolve uint64
}

// walk opens what a path leads to, as lookup does.
func (o *op) walk(base int, text []byte, flags, resolve uint64, st *unix.Statx_t) (int, syscall.Errno) {
	if resolve&(unix.RESOLVE_BENEATH|unix.RESOLVE_IN_ROOT) != 0 {
		return -1, unix.ELOOP // as these have it with links that lead anywhere (openat2(2)); links of procfs are among them here
	}
	w := walk{o: o, cur: -1, todo: bytes.Clone(text[:len(text)-1]), resolve: resolve}
	defer func() {
		if w.cur >= 0 {
			unix.Close(w.cur)
		}
	}()
	errno := w.begin(base)
	for errno == 0 && len(w.todo) > 0 {
		errno = w.step(flags&unix.O_NOFOLLOW != 0)
	}
	if errno == 0 && flags&unix.O_DIRECTORY != 0 && w.st.Mode&unix.S_IFMT != unix.S_IFDIR {
		errno = unix.ENOTDIR
	}
	if errno != 0 {
		return -1, errno
	}
	fd := w.cur
	w.cur = -1
	*st = w.st
	return fd, 0
}

func (w *walk) begin(base int) syscall.Errno {
	if w.todo[0] == '/' {
		return w.root()
	}
	fd, err := unix.FcntlInt(uintptr(base), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return errnoOf(err)
	}
	return w.arrive(fd)
}

// root goes to the thread's root, which is the target's.
func (w *walk) root() syscall.Errno {
	fd, errno := w.o.t.openat2(unix.AT_FDCWD, []byte("/\x00"), &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC})
	if errno != 0 {
		return errno
	}
	return w.arrive(fd)
}

// arrive makes fd the place where the walk is, unless it is the supervisor's own.
func (w *walk) arrive(fd int) syscall.Errno {
	return w.arriveFrom(fd, nil)
}

// arriveFrom is arrive after a step down: what is below a process's entry is that process's, and may be closed to a look at it.
func (w *walk) arriveFrom(fd int, part []byte) syscall.Errno {
	before := w.st
	down := w.cur >= 0 && w.proc && before.Ino != procself.Root && len(part) > 0 && string(part) != ".."
	if w.cur >= 0 {
		unix.Close(w.cur)
	}
	w.cur = fd
	if errno := w.o.t.fstat(fd, &w.st); errno != 0 {
		return errno
	}
	w.proc = w.o.t.inProc(fd, &w.st)
	if w.proc && !(down && before.Mnt_id == w.st.Mnt_id) && w.o.f.owns(fd, &w.st) {
		return unix.EACCES
	}
	return 0
}

// step goes one component further.
func (w *walk) step(nofollow bool) syscall.Errno {
	if w.st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return unix.ENOTDIR
	}
	part, rest, slash := bytes.Cut(bytes.TrimLeft(w.todo, "/"), []byte("/"))
	w.slash = slash
	rest = bytes.TrimLeft(rest, "/")
	if len(part) == 0 || string(part) == "." {
		w.todo = rest
		if len(part) == 0 {
			return 0
		}
		part = []byte(".")
	}
	last := len(rest) == 0
	w.todo = rest
	fd, errno := w.open(part, unix.O_NOFOLLOW, 0)
	if errno != 0 {
		return errno
	}
	var st unix.Statx_t
	if errno := w.o.t.fstat(fd, &st); errno != 0 {
		unix.Close(fd)
		return errno
	}
	if st.Mode&unix.S_IFMT == unix.S_IFLNK && (!last || slash || !nofollow) {
		return w.follow(fd, &st, part, last && slash)
	}
	if st.Mode&unix.S_IFMT == unix.S_IFLNK && w.o.t.inProc(fd, &st) {
		if w.o.linkText = w.o.self(w.cur, &w.st, part); w.o.linkText == nil {
			w.o.linkText = w.ownLink(fd)
		}
	}
	if errno := w.arriveFrom(fd, part); errno != 0 || !last || !slash || st.Mode&unix.S_IFMT == unix.S_IFDIR {
		return errno
	}
	return unix.ENOTDIR
}

// ownLink is what a link in the target's own entry says, where only the supervisor can read it; nil: whoever acts can.
func (w *walk) ownLink(fd int) []byte {
	if _, errno := w.o.t.readLink(fd); errno != unix.EACCES || !w.own() {
		return nil
	}
	text, _ := w.o.own.readLink(fd)
	return text
}

func (w *walk) open(part []byte, flags, resolve uint64) (int, syscall.Errno) {
	name := append(append(w.o.bufs[3][:0], part...), 0)
	how := unix.OpenHow{Flags: flags | unix.O_PATH | unix.O_CLOEXEC, Resolve: resolve | w.resolve&unix.RESOLVE_NO_XDEV}
	fd, errno := w.o.t.openat2(w.cur, name, &how)
	if errno == unix.EACCES && w.own() {
		return w.o.own.openat2(w.cur, name, &how)
	}
	return fd, errno
}

// own says whether the walk is in the target's own entry of procfs, which is open to the target whatever its rights are, and not to a
// thread of somebody else that has the same.
func (w *walk) own() bool {
	return w.o.t != w.o.own && w.o.t.inProc(w.cur, &w.st) && w.o.ownEntry(w.cur)
}

// follow goes where a symbolic link leads to.
func (w *walk) follow(fd int, st *unix.Statx_t, part []byte, directory bool) syscall.Errno {
	defer unix.Close(fd)
	w.links++
	switch {
	case w.links > maxLinks, w.resolve&unix.RESOLVE_NO_SYMLINKS != 0:
		return unix.ELOOP
	case w.o.refusesLink(&w.st, st):
		return unix.EACCES
	case !w.o.t.inProc(fd, st):
		return w.goOn(w.o.t.readLink(fd))
	}
	if self := w.o.self(w.cur, &w.st, part); self != nil {
		return w.goOn(self, 0)
	}
	if plain, errno := w.open(part, 0, unix.RESOLVE_NO_MAGICLINKS); errno != unix.ELOOP {
		if errno == 0 {
			unix.Close(plain)
		}
		return w.goOn(w.o.t.readLink(fd))
	}
	return w.jump(part, directory)
}

// goOn continues with a link's text.
func (w *walk) goOn(text []byte, errno syscall.Errno) syscall.Errno {
	switch {
	case errno != 0:
		return errno
	case len(text) == 0:
		return unix.ENOENT
	case len(text)+len(w.todo) > unix.PathMax*maxLinks:
		return unix.ENAMETOOLONG
	}
	next := bytes.Clone(text)
	if len(w.todo) > 0 || w.slash {
		next = append(append(next, '/'), w.todo...)
	}
	w.todo = next
	if text[0] == '/' {
		return w.root()
	}
	return 0
}

// jump follows a link that leads to an object and not to a path (/proc/N/fd/N, cwd, root, exe).
func (w *walk) jump(part []byte, directory bool) syscall.Errno {
	if w.resolve&unix.RESOLVE_NO_MAGICLINKS != 0 {
		return unix.ELOOP
	}
	fd, errno := w.open(part, 0, 0)
	if errno != 0 {
		return errno
	}
	if errno := w.arrive(fd); errno != 0 || !directory || w.st.Mode&unix.S_IFMT == unix.S_IFDIR {
		return errno
	}
	return unix.ENOTDIR
}

// readLink is a held link's text.
func (t *thread) readLink(fd int) ([]byte, syscall.Errno) {
	buf := make([]byte, unix.PathMax)
	r, errno := t.call(unix.SYS_READLINKAT, uintptr(fd), address(t.empty[:]), address(buf), uintptr(len(buf)), 0, 0)
	if errno != 0 {
		return nil, errno
	}
	return buf[:r], 0
}

// self is what the links "self" and "thread-self" of a proc file system say to the target; nil for every other link. To the supervisor
// they say nothing at all if it is not in that pid namespace.
func (o *op) self(dir int, st *unix.Statx_t, name []byte) []byte {
	thread := string(name) == "thread-self"
	if st.Ino != procself.Root || !thread && string(name) != "self" {
		return nil
	}
	pid, tid, ok := o.idsIn(dir)
	switch {
	case !ok:
		return []byte{0} // a name that is not there: the target is not in that pid namespace
	case thread:
		return []byte(strconv.Itoa(pid) + "/task/" + strconv.Itoa(tid))
	}
	return []byte(strconv.Itoa(pid))
}

// refusesLink is may_follow_link() of fs/namei.c: in a sticky directory that everybody may write to, nobody follows another's links.
func (o *op) refusesLink(dir, link *unix.Statx_t) bool {
	if dir.Mode&(unix.S_ISVTX|unix.S_IWOTH) != unix.S_ISVTX|unix.S_IWOTH || !o.f.callers.protectedLinks {
		return false
	}
	return link.Uid != o.view.cred.UID.FS && link.Uid != dir.Uid
}
