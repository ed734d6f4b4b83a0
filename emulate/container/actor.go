package container

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/internal/procfs"
	"github.com/stead-project/stead/unotify"
	"github.com/stead-project/stead/unotify/standin"
)

// An actorKind says what a task is, besides where; see the package's comment.
type actorKind uint8

const (
	asTarget actorKind = iota
	granted
	layers // granted, and with what overlay needs to keep its layers
	host
	programming
	timekeeping
	numActors
)

// An actor is a task that has become what some callers are, or a little more. It serves one call at a time.
type actor struct {
	f           *Family
	task        *standin.Task
	key         string
	fds         int    // O_PATH descriptor of its descriptors' directory, which is its working directory
	rootName    string // of its root, in the proc file system
	interrupted atomic.Bool

	// What the kernel reads and writes.
	how      unix.OpenHow
	text     []byte
	stat     unix.Statx_t
	fs       unix.Statfs_t
	question mountQuestion
}

// A thread has nothing: it is tasks that act.
type thread struct{}

// Close implements emulate.Thread.
func (thread) Close() {}

// Interrupt implements emulate.Work.
func (o *op) Interrupt() {
	o.interrupt.Lock()
	defer o.interrupt.Unlock()
	for i := range o.actors {
		if a := o.actors[i].Load(); a != nil {
			a.interrupted.Store(true)
			a.task.Interrupt()
		}
	}
}

// The capabilities that actors have beyond their caller's (include/uapi/linux/capability.h).
const (
	capSysAdmin = 1 << unix.CAP_SYS_ADMIN
	capMknod    = 1 << unix.CAP_MKNOD
	capLayers   = 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_CHOWN | 1<<unix.CAP_FOWNER | 1<<unix.CAP_FSETID
	capBPF      = 1 << unix.CAP_BPF
	capNetAdmin = 1 << unix.CAP_NET_ADMIN
	capSysTime  = 1 << unix.CAP_SYS_TIME
)

// beyond are the capabilities in the supervisor's user namespace that a kind of actor has.
func (k actorKind) beyond() uint64 {
	return [numActors]uint64{host: capSysAdmin | capMknod, programming: capBPF | capNetAdmin, timekeeping: capSysTime}[k]
}

// actor takes a task of a kind for the call. Whatever it opens is this process's too.
func (o *op) actor(k actorKind) (*actor, syscall.Errno) {
	if a := o.actors[k].Load(); a != nil {
		return a, 0
	}
	if errno := o.look(); errno != 0 {
		return nil, errno
	}
	a, err := o.f.pool.take(o, k)
	if err != nil {
		o.wrong()
		if !errors.Is(err, unotify.ErrGone) { // nobody is refused
			o.f.log.Warn("a call is refused: nothing can act for its caller", "tid", o.env.TID, "error", err)
		}
		return nil, unix.EPERM
	}
	a.interrupted.Store(false)
	o.actors[k].Store(a)
	return a, 0
}

// lose ends the call's actor of a kind; the call gets another one if it needs one.
func (o *op) lose(k actorKind) {
	o.interrupt.Lock()
	defer o.interrupt.Unlock()
	if a := o.actors[k].Swap(nil); a != nil {
		o.f.pool.end(a)
	}
}

// start makes an actor, and makes sure that it is where the caller was: between looking and becoming, another thread of the caller may
// have changed the root that they share.
func (p *pool) start(o *op, k actorKind) (*actor, error) {
	target, err := o.pin()
	if err != nil {
		return nil, err
	}
	id, err := p.starter.Identity(target)
	if err != nil {
		return nil, err
	}
	defer id.Close()
	if k != asTarget {
		if err := o.allowed(target, k); err != nil {
			return nil, err
		}
	}
	task, err := p.starter.Start()
	if err != nil {
		return nil, err
	}
	a := &actor{f: o.f, task: task, fds: -1, rootName: strconv.Itoa(task.TID()) + "/root"}
	p.tasks.Add(task.TID())
	if err := a.become(o, target, id, k); err != nil {
		p.end(a)
		return nil, err
	}
	return a, nil
}

// allowed: what a task may do beyond its caller is bounded to the container.
func (o *op) allowed(target unotify.Target, k actorKind) error {
	if !o.foreign(nsMount) && !o.f.o.OwnMounts {
		return fmt.Errorf("the caller is in the supervisor's own mount namespace, so in no container: %w (unshare the mount namespace)", unix.EPERM)
	}
	if k.beyond() != 0 {
		return nil
	}
	return o.f.owned(target)
}

func (a *actor) become(o *op, target unotify.Target, id *standin.Identity, k actorKind) error {
	var late []joining
	if k == granted || k == layers {
		var err error
		if late, err = a.joinEarly(o, target, joinable()); err != nil {
			return err
		}
		defer closeAll(late)
	}
	want := *id
	grant(&want, k)
	if err := a.task.Become(want); err != nil {
		return err
	}
	if err := a.joinLate(late); err != nil {
		return err
	}
	return a.settle(o)
}

// grant changes an identity to what a kind of actor is.
func grant(id *standin.Identity, k actorKind) {
	switch k {
	case granted:
		id.Caps.Effective |= capSysAdmin
		id.Caps.Permitted |= capSysAdmin
	case layers:
		id.Caps.Effective |= capSysAdmin | capLayers
		id.Caps.Permitted |= capSysAdmin | capLayers
	case host, programming, timekeeping:
		if id.UserNS != nil {
			id.UID, id.GID, id.Groups = id.Outside.UID, id.Outside.GID, id.Outside.Groups
			id.UserNS, id.Outside = nil, nil // Close has the original
		}
		id.Caps = unotify.CapSets{Effective: k.beyond(), Permitted: k.beyond()}
	}
}

// A joining is a namespace that an actor is to join.
type joining struct {
	name string
	flag uintptr
	file *os.File
}

func closeAll(list []joining) {
	for _, j := range list {
		j.file.Close()
	}
}

// A nsKind is a kind of namespace that can be joined by itself.
type nsKind struct {
	ns   int
	kind unotify.NamespaceKind
	flag uintptr
}

// joinable are those that a new sysfs, mqueue, cgroup or network file system shows.
func joinable() []nsKind {
	return []nsKind{{nsNet, unotify.NetNamespace, unix.CLONE_NEWNET}, {nsIPC, unotify.IPCNamespace, unix.CLONE_NEWIPC},
		{nsCgroup, unotify.CgroupNamespace, unix.CLONE_NEWCGROUP}}
}

// joinEarly joins namespaces as far as the supervisor itself may. The others can be joined by whoever has rights in the caller's user
// namespace: they are returned.
func (a *actor) joinEarly(o *op, target unotify.Target, kinds []nsKind) (late []joining, err error) {
	for _, n := range kinds {
		if !o.foreign(n.ns) {
			continue
		}
		f, err := target.Namespace(n.kind)
		if err != nil {
			closeAll(late)
			return nil, err
		}
		j := joining{name: nsNames()[n.ns], flag: n.flag, file: f}
		if a.join(j) == 0 {
			f.Close()
			continue
		}
		late = append(late, j)
	}
	return late, nil
}

// joinLate joins what was left over.
func (a *actor) joinLate(late []joining) error {
	for _, j := range late {
		if errno := a.join(j); errno != 0 {
			return fmt.Errorf("join the caller's %s namespace: %w", j.name, errno)
		}
	}
	return nil
}

func (a *actor) join(j joining) syscall.Errno {
	_, errno := a.call(unix.SYS_SETNS, j.file.Fd(), j.flag)
	return errno
}

// settle goes to the actor's descriptors and checks where it is.
func (a *actor) settle(o *op) error {
	fd, errno := a.openat2(a.f.procs.Root, "thread-self/fd", &unix.OpenHow{Flags: unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC})
	if errno == 0 {
		a.fds = fd
		_, errno = a.call(unix.SYS_FCHDIR, uintptr(fd))
	}
	if errno != 0 {
		return fmt.Errorf("enter a task's descriptors in proc: %w", errno)
	}
	return a.sameRoot(o)
}

func (a *actor) sameRoot(o *op) error {
	root, errno := a.root()
	if errno != 0 {
		return fmt.Errorf("look at a task's root: %w", errno)
	}
	if root != o.view.root {
		return fmt.Errorf("the caller's root changed meanwhile: %w", unix.EAGAIN)
	}
	return nil
}

// isAt says whether an actor still has a root: pivot_root(2) moves the roots of all processes that have the old one. Who may not look is
// told by the actor.
func (a *actor) isAt(root place) bool {
	const flags = unix.AT_NO_AUTOMOUNT | unix.AT_STATX_DONT_SYNC
	var st unix.Statx_t
	if err := unix.Statx(a.f.procs.Root, a.rootName, flags, unix.STATX_INO|unix.STATX_MNT_ID, &st); err == nil {
		return placeOf(&st) == root
	}
	now, errno := a.root()
	return errno == 0 && now == root
}

func (a *actor) close() {
	if a.fds >= 0 {
		unix.Close(a.fds)
	}
	a.task.Close() //nolint:errcheck // it is gone either way
}

// opened is a descriptor with a number above 2, whatever of standard input and output is closed.
func opened(r uintptr, errno syscall.Errno) (int, syscall.Errno) {
	if errno != 0 {
		return -1, errno
	}
	fd, err := procfs.AboveStdio(int(r))
	if err != nil {
		return -1, errnoOf(err)
	}
	return fd, 0
}
