package perform

import (
	"bytes"
	"os"
	"slices"
	"strconv"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
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

// callers knows what callers are. A thread's view is kept until any caller makes one of the calls that change views: those are
// notified (Watch) before the kernel runs them, so while one may be under way, until its caller calls again, everything is read
// afresh.
type callers struct {
	f              *Family
	own            view
	watched        bool
	protectedLinks bool
	regular, fifos int // fs.protected_regular, fs.protected_fifos

	mu       sync.Mutex
	epoch    uint64
	changing map[int]bool
	known    map[int]*knownCaller
}

type knownCaller struct {
	epoch uint64
	who   unotify.Identity
	view  view
}

// maxKnown bounds how many threads are remembered; then all are forgotten.
const maxKnown = 4096

func (c *callers) open(f *Family, watched bool) error {
	c.f, c.watched = f, watched
	c.changing, c.known = map[int]bool{}, map[int]*knownCaller{}
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

// watchList are the calls that change what a caller is: its ids, rights, root, namespaces or umask. Executing a file and unmounting are
// also hindered by a descriptor that the supervisor has not closed yet: notified, they come after that.
const watchList = "setuid,setgid,setreuid,setregid,setresuid,setresgid,setfsuid,setfsgid,setgroups,setuid32,setgid32,setreuid32," +
	"setregid32,setresuid32,setresgid32,setfsuid32,setfsgid32,setgroups32,capset,umask,chroot,pivot_root,unshare,setns,execve,execveat," +
	"umount,umount2"

// Watch lists the calls that change what is remembered of a caller.
func Watch() arch.Selection {
	s, err := arch.ParseSelection(watchList, arch.Selection{})
	if err != nil {
		panic(err) // a test covers the list
	}
	return s
}

// Watch implements emulate.Family.
func (f *Family) Watch() arch.Selection { return Watch() }

// Calling implements emulate.Family: who calls has no other call under way.
func (f *Family) Calling(tid int) {
	c := &f.callers
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changing[tid] {
		delete(c.changing, tid)
		c.epoch++
	}
}

// Changing implements emulate.Family.
func (f *Family) Changing(tid int) {
	c := &f.callers
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epoch++
	if len(c.changing) < maxKnown {
		c.changing[tid] = true
		return
	}
	c.watched = false // nothing is remembered any more
}

// view says what the caller of an op sees. Unless it was known, the call has to be found pending once more.
func (c *callers) view(o *op) (known bool, errno syscall.Errno) {
	if o.lost != nil {
		return false, targetErrno(o.lost)
	}
	epoch, settled := c.state(&o.view, o.env.TID, o.who)
	if settled && epoch == 0 {
		return true, 0
	}
	return false, c.look(o, epoch, settled)
}

func (c *callers) look(o *op, epoch uint64, settled bool) syscall.Errno {
	to, env := &o.view, &o.env
	target, err := c.f.targets.Pin(env.Validator(), env.ID, env.TID)
	if err != nil {
		return targetErrno(err)
	}
	if err := c.read(to, env.TID, target.Credentials); err != nil {
		return targetErrno(err)
	}
	to.direct = c.own.same(to)
	if settled {
		c.keep(to, env.TID, o.who, epoch)
	}
	return 0
}

// state looks the caller up. Epoch 0: it was found. Not settled: nothing that is read now may be kept.
func (c *callers) state(to *view, tid int, who unotify.Identity) (epoch uint64, settled bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forgetDead()
	if len(c.changing) > 0 || !c.watched {
		return c.epoch + 1, false
	}
	if k := c.known[tid]; k != nil && k.epoch == c.epoch && k.who == who {
		*to = k.view
		return 0, true
	}
	return c.epoch + 1, true
}

// forgetDead: a thread that has ended, or that was another when its process executed a program, changes nothing more.
func (c *callers) forgetDead() {
	for tid := range c.changing {
		if unix.Kill(tid, 0) == unix.ESRCH {
			delete(c.changing, tid)
			c.epoch++
		}
	}
}

func (c *callers) keep(v *view, tid int, who unotify.Identity, epoch uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.epoch+1 != epoch || len(c.changing) > 0 {
		return
	}
	if len(c.known) >= maxKnown {
		clear(c.known)
	}
	c.known[tid] = &knownCaller{epoch: c.epoch, who: who, view: *v}
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
