package perform

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/unotify"
)

// A pin is what a path names, held so that it cannot be exchanged any more.
type pin struct {
	state      pinState
	fd         int          // of the object, or of the directory that the name is in
	stat       unix.Statx_t // of what fd refers to
	name       []byte       // of state named: one component, with slashes after it that the path had, and NUL
	errno      syscall.Errno
	text       []byte // what readlink says of a link that depends on who reads it; nil for all others
	path       string // as judged
	judged     bool
	unusable   bool // a path that is too long stands in its place
	descriptor bool // the path was empty or null, and meant the descriptor
	null       bool
	prefix     int // of state failed: a descriptor of what there is of the path; -1: nothing
	rest       []byte
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
		closeFD(p.fd)
	}
	if p.state == failed && p.prefix >= 0 {
		unix.Close(p.prefix)
	}
	*p = pin{prefix: -1}
}

func (p *pin) fail(errno syscall.Errno) {
	p.state, p.errno, p.prefix = failed, errno, -1
}

// hold finds and holds what path i names.
func (o *op) hold(i int) {
	pin, a := &o.pins[i], &o.row.paths[i]
	if pin.state != loose {
		return
	}
	if a.path == none {
		o.holdFile(i)
		return
	}
	v := &o.call.Args[a.path]
	text := o.text(a.path, i)
	switch {
	case v.State == arch.Null && a.null && o.int(a.dir) != unix.AT_FDCWD:
		pin.null = true
		o.holdDescriptor(i)
		return
	case (len(text) == 1 || v.State == arch.Null && a.maybe) && (a.link || a.empty != 0 && o.arg(a.flags)&a.empty != 0):
		o.holdDescriptor(i)
		return
	case text == nil:
		pin.fail(unix.EFAULT)
		return
	case v.State != arch.OK:
		pin.fail(unix.ENAMETOOLONG)
		return
	case len(text) == 1:
		pin.fail(unix.ENOENT)
		return
	}
	base, errno := o.from(i, text)
	if errno != 0 {
		pin.fail(errno)
		return
	}
	o.find(pin, o.kindOf(a), base, text)
}

// kindOf is what a path means under the call's flags.
func (o *op) kindOf(a *pathArg) kind {
	flags := o.arg(a.flags)
	switch {
	case a.kind == object && a.nofollow != 0 && flags&a.nofollow != 0:
		return link
	case a.kind == link && a.follow != 0 && flags&a.follow != 0:
		return object
	}
	return a.kind
}

// find takes hold of what a path leads to.
func (o *op) find(pin *pin, k kind, base int, text []byte) {
	switch k {
	case name:
		o.findName(pin, base, text, 0)
	case opened:
		o.findOpened(pin, base, text)
	default:
		o.findObject(pin, base, text, k == link, 0)
	}
}

// holdDescriptor takes the object that the call's own descriptor refers to.
func (o *op) holdDescriptor(i int) {
	pin := &o.pins[i]
	pin.descriptor = true
	base, errno := o.baseOf(i)
	if errno == 0 && base == unix.AT_FDCWD {
		base, errno = o.workingDirectory()
	}
	if errno != 0 {
		pin.fail(errno)
		return
	}
	if o.base[i] == base {
		o.base[i] = -1 // it is the pin's now
	}
	o.took(pin, base)
}

// took makes a descriptor the pin's.
func (o *op) took(pin *pin, fd int) {
	if errno := o.t.fstat(fd, &pin.stat); errno != 0 {
		unix.Close(fd)
		pin.fail(errno)
		return
	}
	pin.state, pin.fd = held, fd
}

// from opens what a path is relative to; AT_FDCWD for an absolute one, which begins at the thread's root.
func (o *op) from(i int, text []byte) (int, syscall.Errno) {
	if text[0] == '/' && o.resolveFlags()&unix.RESOLVE_IN_ROOT == 0 {
		return unix.AT_FDCWD, 0
	}
	base, errno := o.baseOf(i)
	if errno == 0 && base == unix.AT_FDCWD {
		base, errno = o.workingDirectory()
		o.base[i] = base
	}
	return base, errno
}

// baseOf is a copy of the target's descriptor; AT_FDCWD if it gave that.
func (o *op) baseOf(i int) (int, syscall.Errno) {
	a := &o.row.paths[i]
	if a.dir == none || o.int(a.dir) == unix.AT_FDCWD {
		return unix.AT_FDCWD, 0
	}
	fd, errno := o.descriptor(o.int(a.dir))
	o.base[i] = fd
	return fd, errno
}

// descriptor copies one of the target's descriptors. It is the caller's to close.
func (o *op) descriptor(n int) (int, syscall.Errno) {
	target, err := o.f.targets.Pin(o.env.Validator(), o.env.ID, o.env.TID)
	if err != nil {
		return -1, targetErrno(err)
	}
	fd, err := target.DupFD(n)
	if err != nil {
		return -1, targetErrno(err)
	}
	return fd, 0
}

// targetErrno is what the target is told of a failure to reach it.
func targetErrno(err error) syscall.Errno {
	if errors.Is(err, unotify.ErrGone) {
		return unix.EPERM // nobody is there to be told
	}
	return errnoOf(err)
}

// workingDirectory opens the target's. The caller closes it.
func (o *op) workingDirectory() (int, syscall.Errno) {
	o.unsure = true
	fd, err := o.f.targets.OpenAt(o.env.TID, "cwd", unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return -1, errnoOf(err)
	}
	return fd, 0
}

// split cuts a path before its last component, which keeps the slashes that follow it and the NUL. A path of slashes only is a
// component of its own.
func split(text []byte) (dir, last []byte) {
	end := len(text) - 1
	for end > 0 && text[end-1] == '/' {
		end--
	}
	slash := bytes.LastIndexByte(text[:end], '/')
	if end == 0 {
		slash = -1
	}
	return text[:slash+1], text[slash+1:]
}

// findName takes hold of the directory that the last component is in.
func (o *op) findName(pin *pin, base int, text []byte, resolve uint64) {
	dir, last := split(text)
	if len(dir) == 0 && last[0] != '/' && base >= 0 {
		fd, err := unix.FcntlInt(uintptr(base), unix.F_DUPFD_CLOEXEC, 3)
		if err != nil {
			pin.fail(errnoOf(err))
			return
		}
		o.named(pin, fd, last)
		return
	}
	if len(dir) == 0 {
		dir = []byte("/") // the path is one of slashes
	}
	parent := append(append(o.bufs[2][:0], dir...), 0)
	fd, errno := o.lookup(base, parent, unix.O_DIRECTORY, resolve, &pin.stat)
	if errno != 0 {
		pin.fail(errno)
		o.leftOver(pin, base, text, resolve)
		return
	}
	o.named(pin, fd, last)
}

func (o *op) named(pin *pin, fd int, last []byte) {
	pin.state, pin.fd, pin.name = named, fd, last
}

// findObject takes hold of what a path leads to.
func (o *op) findObject(pin *pin, base int, text []byte, nofollow bool, resolve uint64) {
	flags := uint64(0)
	if nofollow {
		flags = unix.O_NOFOLLOW
	}
	o.linkText = nil
	fd, errno := o.lookup(base, text, flags, resolve, &pin.stat)
	if errno != 0 {
		pin.fail(errno)
		o.leftOver(pin, base, text, resolve)
		return
	}
	pin.state, pin.fd, pin.text = held, fd, o.linkText
}

// lookup opens what a path leads to as O_PATH. Paths that meet procfs, links into it and links that lead anywhere (/proc/N/fd/N) are
// walked.
func (o *op) lookup(base int, text []byte, flags, resolve uint64, st *unix.Statx_t) (int, syscall.Errno) {
	how := unix.OpenHow{Flags: flags | unix.O_PATH | unix.O_CLOEXEC, Resolve: resolve | unix.RESOLVE_NO_MAGICLINKS}
	fd, errno := o.t.openat2(base, text, &how)
	if errno == 0 {
		if errno = o.t.fstat(fd, st); errno == 0 && !o.t.inProc(fd, st) {
			return fd, 0
		}
		unix.Close(fd)
	} else if resolve&(unix.RESOLVE_BENEATH|unix.RESOLVE_IN_ROOT) != 0 || !o.mayBeProc(base, text, errno, resolve) {
		return -1, errno
	}
	return o.walk(base, text, flags, resolve, st)
}

// mayBeProc says whether a path that leads nowhere for the supervisor may lead somewhere for the target: it goes through procfs, or
// ends in a link that may.
func (o *op) mayBeProc(base int, text []byte, errno syscall.Errno, resolve uint64) bool {
	if errno == unix.ELOOP {
		return true
	}
	if errno != unix.ENOENT && errno != unix.ENOTDIR && errno != unix.EACCES {
		return false
	}
	fd, rest := o.deepest(base, text, resolve)
	if fd < 0 {
		return false
	}
	defer unix.Close(fd)
	var st unix.Statx_t
	if o.t.fstat(fd, &st) != 0 || o.t.inProc(fd, &st) {
		return true
	}
	next, _, _ := bytes.Cut(rest[:len(rest)-1], []byte("/"))
	buf := append(append(o.bufs[3][:0], next...), 0)
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_NOFOLLOW | unix.O_CLOEXEC}
	link, errno := o.t.openat2(fd, buf, &how)
	if errno != 0 {
		return false
	}
	defer unix.Close(link)
	return o.t.fstat(link, &st) == 0 && st.Mode&unix.S_IFMT == unix.S_IFLNK
}

// deepest opens the longest part of a path that leads somewhere; rest is what follows it, with the NUL. -1: there is no such part.
func (o *op) deepest(base int, text []byte, resolve uint64) (fd int, rest []byte) {
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: resolve | unix.RESOLVE_NO_MAGICLINKS}
	for dir, _ := split(text); ; dir, _ = split(append(append(o.bufs[3][:0], dir...), 0)) {
		if len(dir) == 0 {
			if base < 0 {
				return -1, nil
			}
			fd, err := unix.FcntlInt(uintptr(base), unix.F_DUPFD_CLOEXEC, 3)
			if err != nil {
				return -1, nil
			}
			return fd, text
		}
		buf := append(append(o.bufs[3][:0], dir...), 0)
		if fd, errno := o.t.openat2(base, buf, &how); errno == 0 {
			return fd, text[len(dir):]
		}
		if len(bytes.Trim(dir, "/")) == 0 {
			return -1, nil
		}
	}
}

// leftOver remembers what there is of a path that leads nowhere, for the decision.
func (o *op) leftOver(pin *pin, base int, text []byte, resolve uint64) {
	pin.prefix, pin.rest = o.deepest(base, text, resolve)
}

// inProc says whether a descriptor refers to procfs, whose device has no driver (major 0).
func (t *thread) inProc(fd int, st *unix.Statx_t) bool {
	if st.Dev_major != 0 {
		return false
	}
	t.statfs = unix.Statfs_t{}
	return t.fstatfs(fd) != 0 || t.statfs.Type == unix.PROC_SUPER_MAGIC
}

// resolveFlags are openat2's.
func (o *op) resolveFlags() uint64 {
	if o.row.how == nil {
		return 0
	}
	return o.row.how(o).Resolve
}

// Path implements policy.Paths: it is asked by the decision for what the call would reach.
func (o *op) Path(arg int) (string, bool) {
	if o.row.copy != nil {
		return o.socketPath()
	}
	i := o.pathIndex(arg)
	if i < 0 {
		return "", true // it is not looked up: what a symbolic link is to say
	}
	if o.become() != 0 {
		return "", false
	}
	o.hold(i)
	pin := &o.pins[i]
	if !pin.judged {
		pin.path, pin.judged = o.pathName(pin), true
	}
	return pin.path, pin.path != ""
}

// Held implements policy.Paths.
func (o *op) Held(arg int) bool {
	if o.row.copy != nil {
		return o.socketState() == held
	}
	i := o.pathIndex(arg)
	if i < 0 || o.become() != 0 {
		return false
	}
	o.hold(i)
	return o.pins[i].state == held
}

// New implements policy.Paths.
func (o *op) New(arg int) bool {
	if o.row.copy != nil {
		return o.socketState() == named
	}
	i := o.pathIndex(arg)
	if i < 0 || o.become() != 0 {
		return false
	}
	o.hold(i)
	return o.pins[i].state == named
}

// Mode implements policy.Names.
func (o *op) Mode(arg int) uint32 {
	switch i := o.pathIndex(arg); {
	case o.Held(arg) && i >= 0:
		return uint32(o.pins[i].stat.Mode) & unix.S_IFMT
	case o.New(arg) && i >= 0:
		var st unix.Statx_t
		if dir, name := o.at(i); o.t.statName(dir, name, &st) == 0 {
			return uint32(st.Mode) & unix.S_IFMT
		}
	}
	return 0
}

func (o *op) pathIndex(arg int) int {
	for i := range o.row.paths {
		if o.row.paths[i].path == arg {
			return i
		}
	}
	return -1
}

// pathName is the path of what is held, from the supervisor's root.
func (o *op) pathName(pin *pin) string {
	switch pin.state {
	case held:
		return o.heldName(pin)
	case named:
		return o.joined(pin.fd, pin.name)
	}
	if pin.prefix < 0 {
		return ""
	}
	return o.joined(pin.prefix, pin.rest)
}

// heldName leaves out what the kernel puts behind the path of an object that has lost its last name.
func (o *op) heldName(pin *pin) string {
	path, errno := o.own.pathOf(pin.fd)
	if errno != 0 {
		return ""
	}
	if pin.stat.Mode&unix.S_IFMT == unix.S_IFIFO && o.outside(pin.fd) {
		return fmt.Sprintf("fifo:[%d]", pin.stat.Ino)
	}
	if pin.stat.Nlink == 0 {
		path = bytes.TrimSuffix(path, []byte(" (deleted)"))
	}
	return string(path)
}

// joined is a name in a directory. What comes after symbolic links and ".." that lead nowhere is taken as it is written.
func (o *op) joined(dir int, name []byte) string {
	path, errno := o.own.pathOf(dir)
	if errno != 0 {
		return ""
	}
	return filepath.Clean(string(path) + "/" + string(bytes.TrimRight(name[:len(name)-1], "/")))
}
