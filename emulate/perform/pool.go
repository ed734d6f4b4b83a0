package perform

import (
	"fmt"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/emulate"
	"github.com/stead-project/stead/unotify/standin"
)

// A pool keeps threads that have become what some targets are. A thread serves one call at a time, and targets of one identity only.
type pool struct {
	starter standin.Starter
	mu      sync.Mutex
	idle    []*thread // the longest unused first
	pids    map[int]bool
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
	if t := p.idleOne(key); t != nil {
		t.interrupted.Store(false)
		return t, 0
	}
	t, err := p.start(f, v, env)
	if err != nil {
		f.log.Warn("a call is refused: nothing can act as its caller", "tid", env.TID, "error", err)
		return nil, unix.EPERM
	}
	t.key = key
	return t, 0
}

func (p *pool) idleOne(key string) *thread {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := len(p.idle) - 1; i >= 0; i-- {
		if t := p.idle[i]; t.key == key {
			p.idle = append(p.idle[:i], p.idle[i+1:]...)
			return t
		}
	}
	return nil
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
	t := &thread{f: f, task: task, tid: task.TID()}
	p.own(t.tid, true)
	if err := task.Become(*id); err != nil {
		p.own(t.tid, false)
		return nil, err
	}
	if err := t.settle("thread-self/fd"); err != nil {
		p.end(t)
		return nil, err
	}
	var now view
	if err := f.callers.read(&now, t.tid, t.credentials); err != nil || !now.same(v) {
		p.end(t)
		return nil, fmt.Errorf("the caller's root or rights changed meanwhile (%v)", err)
	}
	return t, nil
}

// give takes a thread back.
func (p *pool) give(t *thread) {
	p.mu.Lock()
	p.idle = append(p.idle, t)
	var old *thread
	if len(p.idle) > maxIdle {
		old, p.idle = p.idle[0], p.idle[1:]
	}
	p.mu.Unlock()
	if old != nil {
		p.end(old)
	}
}

func (p *pool) end(t *thread) {
	t.Close()
	p.own(t.tid, false)
}

// own remembers which processes are ours.
func (p *pool) own(pid int, is bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pids == nil {
		p.pids = map[int]bool{}
	}
	if is {
		p.pids[pid] = true
		return
	}
	delete(p.pids, pid)
}

func (p *pool) has(pid int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pids[pid]
}

func (p *pool) close() {
	p.starter.Close() //nolint:errcheck // the tasks end with us
}
