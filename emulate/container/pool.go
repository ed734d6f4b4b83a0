package container

import (
	"sync/atomic"
	"time"

	"github.com/stead-project/stead/internal/idle"
	"github.com/stead-project/stead/internal/procself"
	"github.com/stead-project/stead/unotify/standin"
)

// A pool keeps the actors of containers, so that a call starts no process.
type pool struct {
	starter standin.Starter
	idle    idle.List[*actor]
	closed  atomic.Bool
	tasks   procself.Tasks // what they have in proc is the supervisor's
}

// maxIdle is how many actors wait for work.
const maxIdle = 64

// take gives an actor of a kind for the caller of a call.
func (p *pool) take(o *op, k actorKind) (*actor, error) {
	key := o.view.keys[k]
	for a, ok := p.idle.Take(key); ok; a, ok = p.idle.Take(key) {
		if a.task.Ready() && a.isAt(o.view.root) {
			return a, nil
		}
		p.end(a)
	}
	a, err := p.start(o, k)
	if err != nil {
		return nil, err
	}
	a.key = key
	return a, nil
}

// idleTime is how long an actor waits for work. As long as it does, its mount namespace stays, even if the container has gone.
const idleTime = 10 * time.Second

// expire ends the actors that have waited long enough, and says how many are left.
func (p *pool) expire(now time.Time) int {
	old, left := p.idle.Expire(now.Add(-idleTime))
	for _, a := range old {
		p.end(a)
	}
	return left
}

// give takes an actor back.
func (p *pool) give(a *actor) {
	if old, full := p.idle.Give(a.key, a, maxIdle); full {
		p.end(old)
	}
	if p.closed.Load() { // a call that was held up comes back afterwards
		p.drain()
	}
}

// drain ends what waits: a task's root keeps a mount busy. It says whether there was any.
func (p *pool) drain() bool {
	list := p.idle.Drain()
	for _, a := range list {
		p.end(a)
	}
	return len(list) > 0
}

func (p *pool) end(a *actor) {
	pid := a.task.TID()
	a.close()
	p.tasks.Remove(pid)
}

func (p *pool) close() {
	p.closed.Store(true)
	p.drain()
	p.starter.Close() //nolint:errcheck // the tasks end with us
}
