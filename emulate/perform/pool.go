package perform

import (
	"errors"
	"fmt"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/emulate"
	"github.com/stead-project/stead/internal/idle"
	"github.com/stead-project/stead/internal/procself"
	"github.com/stead-project/stead/unotify"
	"github.com/stead-project/stead/unotify/standin"
)

// A pool keeps threads that have become what some targets are. A thread serves one call at a time, and targets of one identity only.
type pool struct {
	starter standin.Starter
	idle    idle.List[*thread]
	tasks   procself.Tasks // what they have in proc is the supervisor's
}

// maxIdle is how many threads wait for work.
const maxIdle = 32

// key tells identities apart. The umask is set for each call.
func (v *view) key() string {
	return fmt.Sprintf("%v %v %v %v %v %s", v.cred.UID, v.cred.GID, v.cred.Groups, v.cred.Caps, v.root, v.user)
}

// take gives a thread that is what the view says.
func (p *pool) take(f *Family, v *view, env emulate.Env) (*thread, syscall.Errno) {
	key := v.key()
	for t, ok := p.idle.Take(key); ok; t, ok = p.idle.Take(key) {
		if t.isAt(v.root) {
			t.interrupted.Store(false)
			return t, 0
		}
		p.end(t)
	}
	t, err := p.start(f, v, env)
	if err != nil {
		if !errors.Is(err, unotify.ErrGone) { // nobody is refused
			f.log.Warn("a call is refused: nothing can act as its caller", "tid", env.TID, "error", err)
		}
		return nil, unix.EPERM
	}
	t.key = key
	return t, 0
}

// start makes a thread and makes sure that it sees what the target saw: between looking and becoming, another thread of the target may
// have changed the root that they share.
func (p *pool) start(f *Family, v *view, env emulate.Env) (*thread, error) {
	target, err := f.targets.Pin(env.Validator(), env.ID, env.TID)
	if err != nil {
		return nil, err
	}
	id, err := p.starter.Identity(target)
	if err != nil {
		return nil, err
	}
	defer id.Close()
	task, err := p.starter.Start()
	if err != nil {
		return nil, err
	}
	t := &thread{f: f, task: task, tid: task.TID(), rootName: strconv.Itoa(task.TID()) + "/root"}
	p.tasks.Add(t.tid)
	if err := task.Become(*id); err != nil {
		p.tasks.Remove(t.tid)
		return nil, err
	}
	if err := t.settle("thread-self/fd"); err != nil {
		p.end(t)
		return nil, err
	}
	if err := t.isLike(v); err != nil {
		p.end(t)
		return nil, err
	}
	return t, nil
}

// isLike makes sure that a thread sees what a caller saw. It asks the thread itself: who has the supervisor's memory in another user
// namespace, has its links in proc closed to everybody else.
func (t *thread) isLike(v *view) error {
	var now view
	var err error
	if now.cred, err = t.credentials(); err != nil {
		return err
	}
	root, errno := t.root()
	if errno != 0 {
		return fmt.Errorf("look at the root that a stand-in has taken: %w", errno)
	}
	now.root = root
	name := []byte("thread-self/ns/user\x00")
	r, errno := t.call(unix.SYS_READLINKAT, uintptr(t.f.procs.Root), address(name), address(t.text[:]), uintptr(len(now.user)), 0, 0)
	if errno != 0 {
		return fmt.Errorf("look at a stand-in's user namespace: %w", errno)
	}
	copy(now.user[:], t.text[:r])
	if !now.same(v) {
		return fmt.Errorf("the caller's root or rights changed while its stand-in took them")
	}
	return nil
}

// root asks the thread where its root is.
func (t *thread) root() (place, syscall.Errno) {
	fd, errno := t.openat2(unix.AT_FDCWD, []byte("/\x00"), &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC})
	if errno != 0 {
		return place{}, errno
	}
	defer unix.Close(fd)
	var st unix.Statx_t
	errno = t.fstat(fd, &st)
	return placeOf(&st), errno
}

// isAt says whether a thread still has a root: pivot_root(2) moves the roots of all processes that have the old one. Who may not look is
// told by the thread.
func (t *thread) isAt(root place) bool {
	const flags = unix.AT_NO_AUTOMOUNT | unix.AT_STATX_DONT_SYNC
	var st unix.Statx_t
	if err := unix.Statx(t.f.procs.Root, t.rootName, flags, unix.STATX_INO|statxMntID, &st); err == nil {
		return placeOf(&st) == root
	}
	now, errno := t.root()
	return errno == 0 && now == root
}

// give takes a thread back.
func (p *pool) give(t *thread) {
	if t.lost {
		p.end(t)
		return
	}
	if old, full := p.idle.Give(t.key, t, maxIdle); full {
		p.end(old)
	}
}

func (p *pool) end(t *thread) {
	t.Close()
	p.tasks.Remove(t.tid)
}

func (p *pool) close() {
	p.starter.Close() //nolint:errcheck // the tasks end with us
}
