package perform

import (
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/emulate"
)

// openRows are the calls that give descriptors.
func openRows() []row {
	return []row{
		{call: "open", paths: onlyPath(opened), how: howOpen(1, 2), once: true, do: open},
		{call: "openat", paths: atPath(opened), how: howOpen(2, 3), once: true, do: open},
		{call: "openat2", note: "with O_PATH: ENOSYS, since such a descriptor cannot be injected", paths: atPath(opened),
			raw: []rawArg{{ptr: 2, size: 3, most: 4096}}, how: howOpenat2, once: true, do: openat2},
		{call: "creat", paths: onlyPath(opened), how: howCreat, once: true, do: open},
	}
}

// howOpen is build_open_how() of fs/open.c: what open(2) ignores, openat2(2) would refuse.
func howOpen(flags, mode int) func(o *op) unix.OpenHow {
	return func(o *op) unix.OpenHow {
		how := unix.OpenHow{Flags: uint64(uint32(o.arg(flags))) & validOpen}
		if how.Flags&unix.O_PATH != 0 {
			how.Flags &= unix.O_PATH | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
		}
		if how.Flags&(unix.O_CREAT|tmpfile) != 0 {
			how.Mode = o.arg(mode) & 0o7777
		}
		return how
	}
}

const (
	tmpfile   = unix.O_TMPFILE &^ unix.O_DIRECTORY // __O_TMPFILE
	largeFile = 0o100000                           // O_LARGEFILE of the kernel, where C libraries call it 0
	// validOpen is VALID_OPEN_FLAGS of include/linux/fcntl.h. 0x4000 is FASYNC.
	validOpen = unix.O_ACCMODE | unix.O_CREAT | unix.O_EXCL | unix.O_NOCTTY | unix.O_TRUNC | unix.O_APPEND | unix.O_NONBLOCK |
		unix.O_SYNC | unix.O_DSYNC | unix.O_ASYNC | unix.O_DIRECT | largeFile | unix.O_LARGEFILE | unix.O_DIRECTORY | unix.O_NOFOLLOW |
		unix.O_NOATIME | unix.O_CLOEXEC | unix.O_PATH | tmpfile
)

func howCreat(o *op) unix.OpenHow {
	return unix.OpenHow{Flags: unix.O_CREAT | unix.O_WRONLY | unix.O_TRUNC, Mode: o.arg(1) & 0o7777}
}

// howOpenat2 reads struct open_how (include/uapi/linux/openat2.h) as far as there is any.
func howOpenat2(o *op) unix.OpenHow {
	var how unix.OpenHow
	b := o.raws[0].P
	for i, field := range []*uint64{&how.Flags, &how.Mode, &how.Resolve} {
		if len(b) >= 8*i+8 {
			*field = o.call.ABI.ByteOrder().Uint64(b[8*i:])
		}
	}
	return how
}

// creates says whether an opening may make a name.
func creates(how *unix.OpenHow) bool {
	return how.Flags&unix.O_CREAT != 0 && how.Flags&(unix.O_PATH|tmpfile) == 0
}

// maxLinks is MAXSYMLINKS of include/linux/namei.h.
const maxLinks = 40

// findOpened takes hold of what is to be opened, or of the directory in which it is to be made.
func (o *op) findOpened(pin *pin, base int, text []byte) {
	how := o.row.how(o)
	resolve := how.Resolve
	if creates(&how) && (how.Flags&unix.O_EXCL != 0 || text[len(text)-2] == '/') {
		o.findName(pin, base, text, resolve)
		return
	}
	nofollow := how.Flags&unix.O_NOFOLLOW != 0
	o.findObject(pin, base, text, nofollow, resolve)
	if pin.state == failed && pin.errno == unix.ENOENT && creates(&how) {
		o.findNew(pin, base, text, nofollow, resolve)
	}
}

// findNew finds where a file that does not exist is to be made: where the links at the end of its path lead to.
func (o *op) findNew(pin *pin, base int, text []byte, nofollow bool, resolve uint64) {
	for range maxLinks {
		o.dropPrefix(pin)
		o.findName(pin, base, text, resolve)
		if pin.state != named || nofollow {
			return
		}
		next := o.linkAt(pin)
		if next == nil {
			return
		}
		dir := pin.fd
		pin.state = loose
		o.findObject(pin, dir, next, false, resolve)
		if pin.state == held || pin.errno != unix.ENOENT {
			unix.Close(dir)
			return
		}
		defer unix.Close(dir)
		base, text = dir, next
	}
	o.dropPrefix(pin)
	pin.fail(unix.ELOOP)
}

func (o *op) dropPrefix(pin *pin) {
	if pin.state == failed && pin.prefix >= 0 {
		unix.Close(pin.prefix)
	}
	pin.state, pin.prefix = loose, -1
}

// linkAt is where a name leads to if it is a symbolic link; nil if it is none.
func (o *op) linkAt(pin *pin) []byte {
	if pin.name[len(pin.name)-2] == '/' {
		return nil
	}
	buf := make([]byte, unix.PathMax+1)
	r, errno := o.t.call(unix.SYS_READLINKAT, uintptr(pin.fd), address(pin.name), address(buf), unix.PathMax, 0, 0)
	if errno != 0 || r == 0 {
		return nil
	}
	return buf[:r+1]
}

// openat2 has the kernel look at struct open_how first, with a path that cannot be read.
func openat2(o *op) emulate.Result {
	if r := o.checkHow(); r != 0 {
		return emulate.Errno(r)
	}
	if o.row.how(o).Flags&unix.O_PATH != 0 && !o.pins[0].unusable {
		return emulate.Errno(unix.ENOSYS)
	}
	return open(o)
}

// checkHow gives the errno of a bad struct open_how.
func (o *op) checkHow() syscall.Errno {
	how := o.raws[0].P
	if uint64(len(how)) < min(o.raws[0].Size, 4096) {
		how = nil
	}
	_, errno := o.own.call(unix.SYS_OPENAT2, ^uintptr(0), nowhere, address(how), uintptr(o.raws[0].Size), 0, 0)
	if how != nil && errno == unix.EFAULT {
		return 0
	}
	return errno
}

// open opens what is held, or makes it.
func open(o *op) emulate.Result {
	how, pin := o.row.how(o), &o.pins[0]
	if pin.unusable {
		return result(o.t.call(unix.SYS_OPENAT, ^uintptr(0), address(o.t.long[:]), uintptr(how.Flags), uintptr(how.Mode), 0, 0))
	}
	if how.Flags&(unix.O_CREAT|unix.O_TRUNC|tmpfile) != 0 && o.full() {
		return emulate.Errno(unix.EMFILE)
	}
	closeOnExec := how.Flags&unix.O_CLOEXEC != 0
	how.Flags |= unix.O_CLOEXEC | unix.O_NOCTTY
	how.Resolve = 0
	fd, errno := o.openPin(pin, &how)
	if errno != 0 {
		return emulate.Errno(errno)
	}
	if o.tooLarge(fd, &how) {
		unix.Close(fd)
		return emulate.Errno(unix.EOVERFLOW)
	}
	r := emulate.Install(fd, closeOnExec)
	if how.Flags&unix.O_ACCMODE != unix.O_RDONLY {
		r = r.Exact()
	}
	return r
}

func (o *op) openPin(pin *pin, how *unix.OpenHow) (int, syscall.Errno) {
	switch {
	case pin.state == named:
		return o.create(pin, how)
	case o.refusesDevice(&pin.stat), o.refusesSysctl(pin, how):
		return -1, unix.EPERM
	case how.Flags&tmpfile != 0:
		o.t.mask(o.view.umask)
		return o.t.openat2(pin.fd, dot(), how)
	case pin.stat.Mode&unix.S_IFMT == unix.S_IFCHR && isTTY(&pin.stat):
		return o.openTTY(pin, how)
	case creates(how) && o.stickyRefuses(pin):
		return -1, unix.EACCES
	}
	how.Flags &^= unix.O_NOFOLLOW
	fd, errno := o.t.openHeld(pin.fd, how)
	if errno == unix.EACCES && how.Flags&unix.O_ACCMODE == unix.O_RDONLY && o.ownDescriptors(pin) {
		return o.own.openHeld(pin.fd, how)
	}
	return fd, errno
}

func dot() []byte { return []byte{'.', 0} }

// create makes the file. One that has come into being since it was looked for is opened if that is what it is: a link would lead
// elsewhere than what was judged.
func (o *op) create(pin *pin, how *unix.OpenHow) (int, syscall.Errno) {
	o.t.mask(o.view.umask)
	exclusive := *how
	exclusive.Flags |= unix.O_EXCL
	fd, errno := o.t.openat2(pin.fd, pin.name, &exclusive)
	if errno != unix.EEXIST || how.Flags&unix.O_EXCL != 0 {
		return fd, errno
	}
	return o.openNamed(pin, how)
}

// openNamed opens what has come to be under a name, as one that was there from the beginning.
func (o *op) openNamed(pin *pin, how *unix.OpenHow) (int, syscall.Errno) {
	fd, errno := o.t.openat2(pin.fd, pin.name, &unix.OpenHow{Flags: unix.O_PATH | unix.O_NOFOLLOW | unix.O_CLOEXEC})
	if errno != 0 {
		return -1, errno
	}
	defer unix.Close(fd)
	var st unix.Statx_t
	if errno := o.t.fstat(fd, &st); errno != 0 {
		return -1, errno
	}
	if o.refusesDevice(&st) {
		return -1, unix.EPERM
	}
	again := *how
	again.Flags &^= unix.O_NOFOLLOW // a link that is held is not followed: ELOOP
	return o.t.openHeld(fd, &again)
}

// openHeld opens the object that an O_PATH descriptor refers to (proc_pid_fd(5)).
func (t *thread) openHeld(fd int, how *unix.OpenHow) (int, syscall.Errno) {
	if how.Flags&unix.O_CREAT == 0 {
		how.Mode = 0
	}
	how.Flags &^= unix.O_EXCL
	return t.openat2(unix.AT_FDCWD, t.held(fd), how)
}

// held is the path of what a descriptor refers to, for this thread.
func (t *thread) held(fd int) []byte { return fdName(t.num[:0], fd) }

// tooLarge is what generic_file_open() of fs/open.c says to 32-bit programs that did not ask for large files. The supervisor's own
// calls always do.
func (o *op) tooLarge(fd int, how *unix.OpenHow) bool {
	if o.call.Name == "openat2" || o.call.ABI.Word() == 8 || how.Flags&largeFile != 0 || o.call.ABI == arch.X32 {
		return false
	}
	var st unix.Stat_t
	return unix.Fstat(fd, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFREG && st.Size > 1<<31-1
}

// waits says whether an opening may wait for somebody: the other end of a FIFO, a line, a drive.
func (o *op) waits() bool {
	if o.row.how == nil || o.pins[0].state != held {
		return false
	}
	how, st := o.row.how(o), &o.pins[0].stat
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFIFO:
		return how.Flags&unix.O_NONBLOCK == 0 && how.Flags&unix.O_ACCMODE != unix.O_RDWR
	case unix.S_IFCHR:
		return st.Rdev_major != memoryMajor
	case unix.S_IFBLK:
		return true
	}
	return false
}

// memoryMajor is the device number of /dev/null and its like, which never wait (Documentation/admin-guide/devices.txt).
const memoryMajor = 1
