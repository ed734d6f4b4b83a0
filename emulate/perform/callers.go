package perform

import (
	"bytes"
	"os"
	"slices"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/internal/callerbook"
	"github.com/stead-project/stead/unotify"
)

// A view is what a caller sees of the file system, and with what rights.
type view struct {
	cred   unotify.Credentials
	umask  uint32
	root   place
	user   [40]byte // the user namespace, as readlink of /proc/TID/ns/user says it
	direct bool     // the supervisor's own threads see the same with the same rights
}

// A place is a directory: the same one in another mount is another.
type place struct {
	major, minor uint32
	ino, mount   uint64
}

func placeOf(st *unix.Statx_t) place {
	return place{major: st.Dev_major, minor: st.Dev_minor, ino: st.Ino, mount: st.Mnt_id}
}

// callers knows what callers are. A thread's view is kept until a call changes it that is notified (Watch).
type callers struct {
	f              *Family
	own            view
	book           *callerbook.Book[view] // nil: everything is read afresh
	protectedLinks bool
	regular, fifos int // fs.protected_regular, fs.protected_fifos
}

func (c *callers) open(f *Family, watched bool) error {
	c.f = f
	if watched {
		c.book = callerbook.New[view](f.targets.Identify)
	}
	c.protectedLinks = sysctl("protected_symlinks") > 0
	c.regular, c.fifos = sysctl("protected_regular"), sysctl("protected_fifos")
	tid := unix.Gettid()
	if err := c.read(&c.own, tid, func() (unotify.Credentials, error) { return f.targets.CredentialsOf(tid) }); err != nil {
		return err
	}
	return nil
}

// sysctl is a number of proc_sys_fs(5); what cannot be read is taken for the strictest.
func sysctl(name string) int {
	text, err := os.ReadFile("/proc/sys/fs/" + name)
	n, bad := strconv.Atoi(string(bytes.TrimSpace(text)))
	if err != nil || bad != nil {
		return 2
	}
	return n
}

// protects is how strict the kernel is about files of a type in sticky directories.
func (c *callers) protects(filetype uint16) int {
	switch filetype {
	case unix.S_IFREG:
		return c.regular
	case unix.S_IFIFO:
		return c.fifos
	case unix.S_IFDIR:
		return 0
	}
	return 1
}

// Watch lists the calls that change what is remembered of a caller.
func Watch() arch.Selection { return callerbook.Watch() }

// Watch implements emulate.Family.
func (f *Family) Watch() arch.Selection { return Watch() }

// Calling implements emulate.Family.
func (f *Family) Calling(tid int) {
	if f.callers.book != nil {
		f.callers.book.Calling(tid)
	}
}

// Changing implements emulate.Family.
func (f *Family) Changing(tid int, call arch.ID) {
	if f.callers.book != nil {
		f.callers.book.Changing(tid, call)
	}
}

// view says what the caller of an op sees. Unless it was known, the call has to be found pending once more.
func (c *callers) view(o *op) (known bool, errno syscall.Errno) {
	if o.lost != nil {
		return false, targetErrno(o.lost)
	}
	if c.book == nil {
		return false, c.look(o)
	}
	v, ticket := c.book.Recall(o.who)
	if v != nil {
		o.view = *v
		return true, 0
	}
	if errno := c.look(o); errno != 0 {
		return false, errno
	}
	kept := o.view
	c.book.Keep(o.who, ticket, &kept)
	return false, 0
}

func (c *callers) look(o *op) syscall.Errno {
	to, env := &o.view, &o.env
	target, err := c.f.targets.Pin(env.Validator(), env.ID, env.TID)
	if err != nil {
		return targetErrno(err)
	}
	if err := c.read(to, env.TID, target.Credentials); err != nil {
		return targetErrno(err)
	}
	if env.Valid() != nil {
		return unix.EPERM // what was read may be another's, which must not be kept
	}
	to.direct = c.own.same(to)
	return 0
}

// wrong forgets what is known of a caller: somebody has changed it whose calls are not notified, a process outside with pivot_root(2) say.
func (c *callers) wrong(tid int) {
	if c.book != nil {
		c.book.Forget(tid)
	}
}

// read finds out what a thread is. The caller makes sure that it was the right one.
func (c *callers) read(to *view, tid int, credentials func() (unotify.Credentials, error)) error {
	var err error
	if to.cred, err = credentials(); err != nil {
		return err
	}
	to.umask = to.cred.Umask
	root, err := c.f.targets.OpenAt(tid, "root", unix.O_PATH)
	if err != nil {
		return err
	}
	defer unix.Close(root)
	var st unix.Statx_t
	if err := unix.Statx(root, "", unix.AT_EMPTY_PATH, unix.STATX_BASIC_STATS|statxMntID, &st); err != nil {
		return err
	}
	to.root = placeOf(&st)
	to.user = [40]byte{}
	link, err := c.f.targets.Readlink(tid, "ns/user")
	copy(to.user[:], link)
	return err
}

// same says whether two views have the same rights in the same place. Real and saved ids decide nothing but access(2), and what a
// thread could become.
func (v *view) same(w *view) bool {
	a, b := &v.cred, &w.cred
	return a.UID.FS == b.UID.FS && a.GID.FS == b.GID.FS && a.UID.Real == b.UID.Real && a.GID.Real == b.GID.Real &&
		a.UID.Effective == b.UID.Effective && a.GID.Effective == b.GID.Effective &&
		a.Caps.Effective == b.Caps.Effective && a.Caps.Permitted == b.Caps.Permitted && slices.Equal(a.Groups, b.Groups) &&
		v.root == w.root && bytes.Equal(v.user[:], w.user[:])
}
