package container

import (
	"sync"
	"time"

	"github.com/stead-project/stead/unotify/standin"
)

// A pool keeps the actors of containers, so that a call starts no process.
type pool struct {
	starter standin.Starter
	mu      sync.Mutex
	idle    []*actor // the longest unused first
	pids    map[int]bool
}

// maxIdle is how many actors wait for work.
const maxIdle = 64

// take gives an actor of a kind for the caller of a call.
func (p *pool) take(o *op, k actorKind) (*actor, error) {
	key := o.view.key(k)
	for a := p.idleOne(key); a != nil; a = p.idleOne(key) {
		if _, errno := a.call(sysGetppid); errno == 0 {
			return a, nil
		}
		p.end(a) // somebody has ended it
	}
	a, err := p.start(o, k)
	if err != nil {
		return nil, err
	}
	a.key = key
	return a, nil
}

func (p *pool) idleOne(key string) *actor {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := len(p.idle) - 1; i >= 0; i-- {
		if a := p.idle[i]; a.key == key {
			p.idle = append(p.idle[:i], p.idle[i+1:]...)
			return a
		}
	}
	return nil
}

// idleTime is how long an actor waits for work. As long as it does, its mount namespace stays, even if the container has gone.
const idleTime = 10 * time.Second

// expire ends the actors that have waited long enough, and says how many are left.
func (p *pool) expire(now time.Time) int {
	p.mu.Lock()
	old := 0
	for old < len(p.idle) && now.Sub(p.idle[old].since) > idleTime {
		old++
	}
	list := p.idle[:old:old]
	p.idle = p.idle[old:]
	left := len(p.idle)
	p.mu.Unlock()
	for _, a := range list {
		p.end(a)
	}
	return left
}

// give takes an actor back.
func (p *pool) give(a *actor) {
	p.mu.Lock()
	a.since = time.Now()
	p.idle = append(p.idle, a)
	var old *actor
	if len(p.idle) > maxIdle {
		old, p.idle = p.idle[0], p.idle[1:]
	}
	p.mu.Unlock()
	if old != nil {
		p.end(old)
	}
}

// drain ends what waits: a task's root keeps a mount busy. It says whether there was any.
func (p *pool) drain() bool {
	p.mu.Lock()
	list := p.idle
	p.idle = nil
	p.mu.Unlock()
	for _, a := range list {
		p.end(a)
	}
	return len(list) > 0
}

func (p *pool) end(a *actor) {
	pid := a.task.TID()
	a.close()
	p.own(pid, false)
}

// own remembers which processes are ours: what they have in proc is the supervisor's.
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
	p.drain()
	p.starter.Close() //nolint:errcheck // the tasks end with us
}
