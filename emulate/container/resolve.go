package container

import (
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

func itoa(n int) string { return strconv.Itoa(n) }

// A pin is what a path names, held so that it cannot be exchanged any more.
type pin struct {
	state pinState
	fd    int    // of the object, or of the directory that the name is in; the op closes what is not the pin's own
	name  string // of state named: one component, with the slashes after it that the path had
	errno syscall.Errno
	look  unix.Statx_t // of fd, when it was found; empty: not looked at
}

type pinState uint8

const (
	loose  pinState = iota
	held            // fd is the object
	named           // fd is the directory, name the rest
	failed          // errno says why
)

func (p *pin) close() {
	if p.state == held || p.state == named {
		unix.Close(p.fd)
	}
	*p = pin{}
}

func (p *pin) fail(errno syscall.Errno) { *p = pin{state: failed, errno: errno} }

// hold finds and holds what path i names, with the caller's rights.
func (o *op) hold(i int) {
	p, a := &o.pins[i], &o.row.paths[i]
	if p.state != loose || a.only != nil && !a.only(o) {
		return
	}
	s := o.text(a.text)
	switch {
	case s.Addr == 0 && a.null != 0 && o.arg(a.flags)&a.null != 0, s.Ended() && len(s.P) == 1 && a.empty != 0 && o.arg(a.flags)&a.empty != 0:
		o.holdDescriptor(p, a)
		return
	case s.Addr == 0 || len(s.P) == 0 || !s.Ended() && len(s.P) < maxText:
		p.fail(unix.EFAULT)
		return
	case !s.Ended():
		p.fail(unix.ENAMETOOLONG)
		return
	case len(s.P) == 1:
		p.fail(unix.ENOENT)
		return
	}
	base, errno := o.from(a, s.Text())
	if errno != 0 {
		p.fail(errno)
		return
	}
	if base >= 0 {
		defer unix.Close(base)
	}
	o.find(p, a, base, s.Text())
}

func (o *op) find(p *pin, a *pathArg, base int, text string) {
	rest := ""
	if a.kind == name {
		text, rest = split(text)
	}
	fd, errno := o.locate(base, text, a.kind == object && o.stays(a), &p.look)
	switch {
	case errno != 0:
		p.fail(errno)
	case a.kind == name:
		p.state, p.fd, p.name = named, fd, rest
	default:
		p.state, p.fd = held, fd
	}
}

// stays says whether a link at a path's end is meant itself.
func (o *op) stays(a *pathArg) bool {
	if a.absent != 0 && o.arg(a.flags)&a.absent == 0 {
		return true
	}
	return a.stay != 0 && o.arg(a.flags)&a.stay != 0
}

// holdDescriptor takes what the call's own descriptor refers to.
func (o *op) holdDescriptor(p *pin, a *pathArg) {
	fd, errno := o.base(a)
	if errno == 0 && fd == unix.AT_FDCWD {
		fd, errno = o.workingDirectory()
	}
	if errno != 0 {
		p.fail(errno)
		return
	}
	*p = pin{state: held, fd: fd}
}

// from opens what a path is relative to; AT_FDCWD for an absolute one. The caller closes it.
func (o *op) from(a *pathArg, text string) (int, syscall.Errno) {
	if text[0] == '/' {
		return unix.AT_FDCWD, 0
	}
	fd, errno := o.base(a)
	if errno == 0 && fd == unix.AT_FDCWD {
		return o.workingDirectory()
	}
	return fd, errno
}

// base is a copy of the caller's descriptor, or the mount that it stands for; AT_FDCWD if it gave that.
func (o *op) base(a *pathArg) (int, syscall.Errno) {
	if a.dir == none || o.int(a.dir) == unix.AT_FDCWD {
		return unix.AT_FDCWD, 0
	}
	fd, errno := o.descriptor(o.int(a.dir))
	if errno != 0 {
		return -1, errno
	}
	real, ok := o.f.given.redeem(fd)
	if !ok {
		return fd, 0
	}
	unix.Close(fd)
	dup, err := unix.FcntlInt(uintptr(real), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return -1, errnoOf(err)
	}
	return dup, 0
}

// descriptor copies one of the caller's descriptors. It is the caller's to close.
func (o *op) descriptor(n int) (int, syscall.Errno) {
	if n < 0 {
		return -1, unix.EBADF
	}
	target, err := o.pin()
	if err != nil {
		return -1, targetErrno(err)
	}
	fd, err := target.DupFD(n)
	if err != nil {
		return -1, targetErrno(err)
	}
	return fd, 0
}

func (o *op) workingDirectory() (int, syscall.Errno) {
	target, err := o.pin()
	if err != nil {
		return -1, targetErrno(err)
	}
	fd, err := o.f.targets.OpenAt(target.TID, "cwd", unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return -1, targetErrno(err)
	}
	return fd, 0
}

// split cuts a path before its last component, which keeps the slashes that follow it.
func split(text string) (dir, last string) {
	end := len(text)
	for end > 1 && text[end-1] == '/' {
		end--
	}
	slash := end - 1
	for slash >= 0 && text[slash] != '/' {
		slash--
	}
	switch {
	case slash < 0:
		return ".", text
	case slash == end-1: // the path is one of slashes
		return "/", "."
	}
	return text[:slash+1], text[slash+1:]
}

// stat is what fd refers to.
func (p *pin) stat() *unix.Statx_t {
	if p.look.Mask == 0 {
		p.look, _ = statOf(p.fd, statxMount)
	}
	return &p.look
}

func (o *op) lookup(base int, text string, nofollow bool) (int, syscall.Errno) {
	return o.locate(base, text, nofollow, new(unix.Statx_t))
}

// locate opens what a path leads to as O_PATH, as the caller, and may say what that is. Where procfs is met, or nothing found, the path is
// walked: links that depend on who follows them mean the caller.
func (o *op) locate(base int, text string, nofollow bool, st *unix.Statx_t) (int, syscall.Errno) {
	a, errno := o.actor(asTarget)
	if errno != 0 {
		return -1, errno
	}
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_NO_MAGICLINKS}
	if nofollow {
		how.Flags |= unix.O_NOFOLLOW
	}
	fd, errno := a.openat2(base, text, &how)
	if errno == 0 {
		*st, _ = statOf(fd, statxMount)
		if !o.inProc(a, fd, st) {
			return fd, 0
		}
		*st = unix.Statx_t{}
		unix.Close(fd)
	} else if errno == unix.ENAMETOOLONG {
		return -1, errno
	}
	return o.walk(a, base, text, nofollow)
}

// name is what is held as a path for an actor. One that leads nowhere is one that is too long: ENAMETOOLONG then means that the kernel
// found nothing wrong with what it looks at before.
func (o *op) name(i int) uintptr {
	p := &o.pins[i]
	if p.state != held {
		return o.tooLong()
	}
	return o.fdName(p.fd)
}

func (o *op) tooLong() uintptr {
	b := make([]byte, unix.PathMax+1)
	for i := range b {
		b[i] = 'x'
	}
	b[unix.PathMax] = 0
	return o.block(b)
}

// or puts the errno of the path that led nowhere in the place of the one that stands for it.
func (o *op) or(i int, errno syscall.Errno) syscall.Errno {
	if p := &o.pins[i]; p.state == failed && errno == unix.ENAMETOOLONG {
		return p.errno
	}
	return errno
}

// at is what is held as a descriptor with an empty path.
func (o *op) at(i int) (fd, path uintptr) {
	if p := &o.pins[i]; p.state == held {
		return uintptr(p.fd), o.cstring("")
	}
	return ^uintptr(0), o.tooLong()
}
